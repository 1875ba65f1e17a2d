"""Resident memory of a bot that trades ten symbols, and how it grows over an hour of scanning."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bot.demo.telegram import TelegramStandIn
from tests.benchmarks.rig import BASE, KEYS, TEN, Observed, chat, observed, outside, show, verdict

SPEED = 60.0
"""A minute is an hour."""
WARM_S, HOUR_S, SAMPLE_S = 20.0, 60.0, 2.0
MOST_MB, TARGET_MB = 380.0, 250.0
"""freqtrade after its first scan of ten pairs, and what we want."""
FASTER = {
    "SCAN_INTERVAL_SECONDS": "300",
    "APPROVAL_TIMEOUT_SECONDS": "3600",
    "AI_DEADLINE_SECONDS": "900",
    "AI_TIMEOUT_SECONDS": "300",
}
"""Deadlines run on the bot's clock."""


async def bench_resident_memory_and_its_slope(tmp_path: Path) -> None:
    origin_ms = time.time_ns() // 1_000_000
    world = outside(fastest_s=0.02, slowest_s=0.1, speed=SPEED, origin_ms=origin_ms)
    async with world as addresses, chat() as telegram:
        settings = BASE | KEYS | FASTER | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": TEN}
        async with observed(tmp_path, settings, origin_ms, SPEED) as bot:
            await _enter(telegram)
            worker_mb = (await bot.do("size"))["children_mb"]  # it retires when nothing is drawn
            await asyncio.sleep(WARM_S)
            before = await bot.do("size")
            grown = await _grown(bot)
            after = await bot.do("size")
    assert before["positions"] == after["positions"] == 1, "a position is open all the time"
    scans = after["scans"] - before["scans"]
    bot_mb = after["rss_mb"]
    both_mb = bot_mb + sum(worker_mb)
    show(
        f"resident memory: 10 symbols, 4 advisers, a position; {scans} scans in an hour at {SPEED:.0f}x",
        f"bot {bot_mb:.0f} MB: at most {MOST_MB:.0f} {verdict(bot_mb <= MOST_MB)}, "
        f"target {TARGET_MB:.0f} {verdict(bot_mb <= TARGET_MB)}; ratio to freqtrade {bot_mb / MOST_MB:.2f}",
        f"chart worker {', '.join(f'{one:.0f}' for one in worker_mb) or 'none'} MB, a process of its own",
        f"with it {both_mb:.0f} MB: ratio to freqtrade {both_mb / MOST_MB:.2f}",
        f"slope {grown:+.2f} MB an hour of scanning, by least squares",
    )


async def _enter(telegram: TelegramStandIn) -> None:
    """A position by /long and a tap, as a person makes it; its card has a chart, so the worker runs."""
    await telegram.say("/long SOL 0.5%")
    card = await telegram.wait_for(lambda message: "Answer by" in message.body and bool(message.buttons), 30)
    await telegram.tap(card, "Approve", within_s=20)
    await telegram.wait_for("Opened", 30)


async def _grown(bot: Observed) -> float:
    """MB per simulated hour."""
    points: list[tuple[float, float]] = []
    started = time.monotonic()
    while (passed := time.monotonic() - started) < HOUR_S:
        points.append((passed * SPEED / 3600, (await bot.do("size"))["rss_mb"]))
        await asyncio.sleep(SAMPLE_S)
    hours = sum(x for x, _ in points) / len(points)
    level = sum(y for _, y in points) / len(points)
    return sum((x - hours) * (y - level) for x, y in points) / sum((x - hours) ** 2 for x, _ in points)
