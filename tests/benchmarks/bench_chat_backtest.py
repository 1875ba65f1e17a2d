"""What a backtest in the chat costs trading: stalls of the loop, an answer, a scan, beside a quiet bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from bot.demo.telegram import TelegramStandIn
from tests.benchmarks.rig import (
    BASE,
    TEN,
    Json,
    Observed,
    chat,
    median,
    observed,
    outside,
    show,
    status_s,
    verdict,
)

LONGEST_STALL_MS = 50.0
"""As during a scan."""
MOST_STATUS_MS = 150.0
SECONDS = 10.0
ANSWERS = 20
RESULT_S = 300.0
"""The first run on a machine compiles the engine."""


async def bench_trading_beside_a_backtest(tmp_path: Path) -> None:
    async with outside() as addresses, chat() as telegram:
        settings = BASE | addresses | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": TEN, "DECIDER": "rules"}
        async with observed(tmp_path, settings) as bot:
            await bot.do("tick")
            await _backtest(telegram, "/backtest BTC 30")  # compiles, and loads what is loaded once
            quiet = await _figures(bot, telegram)
            async with _backtests(telegram) as made:
                busy = await _figures(bot, telegram)
    stall, computing = busy["stalls"]["worst_ms"], busy["stalls"]["computing_ms"]
    status = median(busy["status_ms"])
    show(
        f"the bot while backtests of 90 days run in the chat one after the other ({made[0]} ended)",
        f"loop, 5 ms timer late by at most: quiet {quiet['stalls']['worst_ms']:.0f} ms, busy {stall:.0f} ms; "
        f"of it this process was computing {computing:.0f} ms (at most {LONGEST_STALL_MS:.0f}), "
        f"{verdict(computing < LONGEST_STALL_MS)}",
        f"/status: quiet median {median(quiet['status_ms']):.0f} ms, busy {status:.0f} ms "
        f"(at most {MOST_STATUS_MS:.0f}), {verdict(status < MOST_STATUS_MS)}; "
        f"slowest {max(quiet['status_ms']):.0f} and {max(busy['status_ms']):.0f} ms",
        f"scan of 10 symbols, nothing known yet: quiet {quiet['scan_s']:.2f} s, busy {busy['scan_s']:.2f} s",
    )
    assert computing < LONGEST_STALL_MS


async def _figures(bot: Observed, telegram: TelegramStandIn) -> Json:
    stalls = (await bot.do("idle", seconds=SECONDS))["stalls"]
    answers = [await status_s(telegram) * 1000 for _ in range(ANSWERS)]
    scan = await bot.do("scan", cold=True)
    return {"stalls": stalls, "status_ms": answers, "scan_s": scan["wall_s"]}


async def _backtest(telegram: TelegramStandIn, text: str) -> None:
    mark = telegram.mark
    await telegram.say(text)
    await telegram.wait_for("Liquidated", RESULT_S, after=mark)


@contextlib.asynccontextmanager
async def _backtests(telegram: TelegramStandIn) -> AsyncIterator[list[int]]:
    """One after the other; how many ended."""
    made = [0]

    async def run() -> None:
        while True:
            await _backtest(telegram, "/backtest ETH 90")
            made[0] += 1

    task = asyncio.create_task(run())
    await asyncio.sleep(0.5)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
