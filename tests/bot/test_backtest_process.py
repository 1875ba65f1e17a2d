"""The process of a backtest as the bot sees it: killed, late, stopped, talking nonsense; and who pays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.backtest_process import BUDGET_SHARE, LONGEST_LOAN_WAIT_S, BacktestFailed, BacktestProcess, Lender
from core.adapters.exchange.budget import WeightBudget
from core.backtest_views import BacktestStep
from core.errors import Throttled


class HandClock:
    """Waiting takes no time."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def child(code: str, time_limit_s: float = 20.0) -> tuple[BacktestProcess, WeightBudget]:
    """A process that reads the request and then does `code`; `say` writes a line, `hear` reads one."""
    head = (
        "import json, os, signal, sys, time\n"
        "hear = lambda: json.loads(sys.stdin.readline())\n"
        "say = lambda **said: print(json.dumps(said), flush=True)\n"
        "asked = hear()\n"
    )
    clock = HandClock()
    budget = WeightBudget(clock, limit=100)
    command = (sys.executable, "-c", head + code)
    return BacktestProcess(Lender(budget, clock), command, time_limit_s), budget


async def play(process: BacktestProcess, told: list[BacktestStep] | None = None) -> tuple[object, object]:
    return await process.play("{}", (told if told is not None else []).append)


async def pid_of(process: BacktestProcess) -> int:
    while process.pid is None:
        await asyncio.sleep(0.01)
    return process.pid


def is_gone(pid: int) -> bool:
    """Ended, and no zombie either."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_one_that_is_killed_is_said_to_be() -> None:
    process, _ = child("os.kill(os.getpid(), signal.SIGKILL)")

    with pytest.raises(BacktestFailed, match="short of memory"):
        await play(process)

    assert process.pid is None


async def test_one_that_ends_by_itself_gives_no_result() -> None:
    process, _ = child("sys.exit(3)")

    with pytest.raises(BacktestFailed, match="code 3"):
        await play(process)


@pytest.mark.parametrize(
    "nonsense",
    [
        "print('<html>')",
        "print([1])",
        "say(what=1)",
        "say(told=3)",
        "say(take='all')",
        "print('x' * 17_000_000)",
    ],
)
async def test_nonsense_is_no_result(nonsense: str) -> None:
    process, _ = child(f"{nonsense}\nsys.stdout.flush()\ntime.sleep(30)")

    with pytest.raises(BacktestFailed):
        await play(process)

    assert process.pid is None


async def test_what_it_refuses_is_said_in_its_words() -> None:
    process, _ = child("say(refused='BTC has only 12 candles')")

    with pytest.raises(BacktestFailed, match="BTC has only 12 candles"):
        await play(process)


async def test_a_late_one_is_ended_and_reaped() -> None:
    process, _ = child("signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)", 0.5)
    playing = asyncio.create_task(play(process))
    pid = await pid_of(process)

    with pytest.raises(BacktestFailed, match="ended after"):
        await playing

    assert is_gone(pid)


async def test_a_cancelled_one_is_asked_to_save_then_killed_and_reaped(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    process, _ = child(
        f"signal.signal(signal.SIGTERM, lambda *_: open({str(saved)!r}, 'w').close())\n"
        "say(told={'words': 'running'})\nwhile True: time.sleep(0.05)"
    )
    told: list[BacktestStep] = []
    playing = asyncio.create_task(play(process, told))
    pid = await pid_of(process)
    while not told:
        await asyncio.sleep(0.01)

    began = time.monotonic()
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)

    assert is_gone(pid) and saved.exists()
    assert time.monotonic() - began < 0.9, "the bot's shutdown waits a second"


async def test_one_that_is_cancelled_twice_is_gone_too() -> None:
    process, _ = child(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay(told={'words': 'running'})\ntime.sleep(20)"
    )
    told: list[BacktestStep] = []
    playing = asyncio.create_task(play(process, told))
    pid = await pid_of(process)
    while not told:
        await asyncio.sleep(0.01)

    playing.cancel()
    await asyncio.sleep(0.05)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)

    assert is_gone(pid), "killed and reaped before anybody goes on"
    assert process.pid is None


async def test_no_key_and_no_token_comes_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELEGRAM_BOT_TOKEN", "EXCHANGE_SECRET", "CLAUDE_API_KEY", "DATABASE_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "of mine")
    process, _ = child("say(done={name: '' for name, text in os.environ.items() if text == 'of mine'})")

    found, _ = await play(process)

    assert found == {"HTTPS_PROXY": ""}


async def test_steps_and_the_result_come_over() -> None:
    process, _ = child(
        "say(told={'words': 'random runs', 'done': 5, 'of': 10})\n"
        "say(done={'asked': asked}, picture='iVBORw0KGgo=')"
    )
    told: list[BacktestStep] = []

    found, picture = await play(process, told)

    assert (found, picture) == ({"asked": {}}, b"\x89PNG\r\n\x1a\n")
    assert told == [BacktestStep("random runs", 5, 10)]


async def test_every_request_is_paid_from_the_bots_own_budget() -> None:
    process, budget = child("say(take=5)\nanswer = hear()\nsay(done=answer)")

    found, _ = await play(process)

    assert (found, budget.used) == ({}, 5)


async def test_trading_goes_first() -> None:
    process, budget = child("say(take=5)\nsay(done=hear())")
    clock = HandClock()
    lender = Lender(budget, clock)
    await budget.take(int(100 * BUDGET_SHARE) - 4, urgent=True)

    with pytest.raises(Throttled, match="trading needs"):
        await lender.lend(5)

    assert (clock.at - HandClock().at).total_seconds() == LONGEST_LOAN_WAIT_S
    assert budget.used == int(100 * BUDGET_SHARE) - 4
    await lender.lend(4)
    assert process.pid is None


async def test_a_loan_is_granted_once_trading_has_left_room() -> None:
    clock = HandClock()
    budget = WeightBudget(clock, limit=100)
    await budget.take(60, urgent=True)
    clock.at += timedelta(seconds=10)

    await Lender(budget, clock).lend(5)

    assert (clock.at - HandClock().at).total_seconds() == pytest.approx(61, abs=1.5)


async def test_silence_that_the_venue_wants_is_the_whole_bots() -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    process, budget = child(
        f"say(silence={until!r})\nsay(heard=33)\nsay(take=5)\nanswer = hear()\nsay(done=answer)"
    )

    found, _ = await play(process)

    assert budget.silent_until is not None and budget.used == 33
    assert isinstance(found, dict) and "silence" in found["throttled"]
    assert json.dumps(found["until"]).startswith('"20')
