"""How long the owner waits for /status, on a quiet bot and while it scans."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.demo.telegram import TelegramStandIn
from tests.benchmarks.rig import (
    BASE,
    FIFTEEN,
    KEYS,
    Observed,
    chat,
    median,
    observed,
    outside,
    percentile,
    show,
    status_s,
    verdict,
)

QUIET_ASKS, PAUSE_S = 40, 0.02
"""Before each scan, so that both meet the same load from others on the machine."""
SCANS = 8
LONGEST_MS = 150.0
LONGEST_RATIO, FLOOR_MS = 3.0, 30.0


async def bench_status_while_a_scan_runs(tmp_path: Path) -> None:
    async with outside(exchange_s=0.05) as addresses, chat() as telegram:
        settings = BASE | KEYS | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": FIFTEEN}
        async with observed(tmp_path, settings) as bot:
            await _asked(telegram, 20)
            idle: list[float] = []
            busy: list[float] = []
            for _ in range(SCANS):
                idle += await _asked(telegram, QUIET_ASKS)
                busy += await _asked_during_a_scan(bot, telegram)
    idle_p99, busy_p99 = percentile(idle, 0.99), percentile(busy, 0.99)
    bound = max(LONGEST_RATIO * idle_p99, FLOOR_MS)
    show(
        "/status to its answer in the chat; scans of 15 symbols × 3 timeframes × 4 advisers, nothing known",
        _line("idle", idle),
        _line("while a scan runs", busy),
        f"p99 under {LONGEST_MS:.0f} ms: {verdict(busy_p99 < LONGEST_MS)}",
        f"ratio {busy_p99 / idle_p99:.1f}; at most max({LONGEST_RATIO:.0f} × idle, {FLOOR_MS:.0f} ms) "
        f"= {bound:.0f} ms: {verdict(busy_p99 <= bound)}",
    )
    assert busy_p99 <= bound


async def _asked(telegram: TelegramStandIn, count: int) -> list[float]:
    """Milliseconds of each, one after the other."""
    waits = []
    for _ in range(count):
        waits.append(await status_s(telegram) * 1000)
        await asyncio.sleep(PAUSE_S)
    return waits


async def _asked_during_a_scan(bot: Observed, telegram: TelegramStandIn) -> list[float]:
    scanning = asyncio.create_task(bot.do("scan", cold=True))
    waits = []
    while not scanning.done():
        waits.append(await status_s(telegram) * 1000)
        await asyncio.sleep(PAUSE_S)
    scan = await scanning
    assert scan["opinions"] == 15 * 4, scan
    return waits


def _line(name: str, waits: list[float]) -> str:
    return (
        f"{name:18s} p50 {median(waits):5.1f} ms, p99 {percentile(waits, 0.99):5.1f} ms, "
        f"worst {max(waits):5.1f} ms of {len(waits)}"
    )
