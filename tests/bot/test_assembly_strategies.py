"""Strategies run off the event loop under a deadline: what fails, hangs or lies abstains and stops nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.assembly_strategies import StrategyPanel, StrategyRunner, check_strategies
from bot.settings_strategies import read_parts
from core.adapters.clock import SystemClock
from core.advice.staged import FREE, StagedPanel, Ways
from core.advice.strategy_adviser import Late, StrategyAdviser
from core.backtest.features import Features as Arrays
from core.backtest.strategies import BadStrategy, Signals, Strategy
from core.opinion import Abstention, Brief, Decider, Opinion, Silence, Stance
from core.ports import Adviser
from core.strategy_use import NO_STRATEGIES, Strategies, StrategyRole
from tests.core.advice.pictures import SYMBOL, candles, features

SHORT_S = 0.05
BRIEF = Brief(SYMBOL, features(), candles())


class Gate:
    """Holds a strategy's thread until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def nothing_said() -> Signals:
    return Signals(np.zeros(3, dtype=np.int8))


def endless(gate: Gate) -> Signals:
    gate.reached.set()
    gate.open.wait(10)
    return nothing_said()


# ---------------------------------------------------------------- what goes wrong


async def test_a_strategy_without_end_is_late_and_holds_up_no_other(gate: Gate) -> None:
    runner = StrategyRunner(SHORT_S)

    with pytest.raises(Late, match=r"not ready within 0\.05 s"):
        await runner.compute("endless")(lambda: endless(gate))
    said = await runner.compute("quick")(nothing_said)

    assert isinstance(said, Signals)


async def test_of_one_without_end_that_waits_twice_only_one_thread_is_lost(gate: Gate) -> None:
    """As in a scan of two symbols: the second one in line must not hold the next thread too."""
    runner = StrategyRunner(SHORT_S)
    begun = []

    def again() -> Signals:
        begun.append(1)
        return endless(gate)

    ends = await asyncio.gather(*(runner.compute("endless")(again) for _ in range(3)), return_exceptions=True)
    said = await runner.compute("quick")(nothing_said)

    assert [type(end) for end in ends] == [Late] * 3
    assert (len(begun), isinstance(said, Signals)) == (1, True)


async def test_one_that_is_still_busy_is_not_asked_again_until_it_has_ended(gate: Gate) -> None:
    runner = StrategyRunner(SHORT_S)
    with pytest.raises(Late):
        await runner.compute("endless")(lambda: endless(gate))

    with pytest.raises(Late, match="still busy"):
        await runner.compute("endless")(nothing_said)
    gate.open.set()
    said = await ended(runner, "endless")

    assert isinstance(said, Signals)


async def ended(runner: StrategyRunner, name: str) -> object:
    """What it says once its thread is free; the event loop is given to others in between."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await runner.compute(name)(nothing_said)
            except Late:
                await asyncio.sleep(0)


async def test_one_that_ends_its_thread_gives_nothing_and_the_next_one_runs() -> None:
    runner = StrategyRunner(5.0)

    def fatal() -> Signals:
        raise KeyboardInterrupt

    lost = await runner.compute("fatal")(fatal)
    said = await runner.compute("quick")(nothing_said)

    assert lost is None
    assert isinstance(said, Signals)


async def test_the_event_loop_goes_on_while_a_strategy_thinks(gate: Gate) -> None:
    runner, turns = StrategyRunner(5.0), 0
    thinking = asyncio.create_task(runner.compute("slow")(lambda: endless(gate)))

    while not gate.reached.is_set():
        turns += 1
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    gate.open.set()

    assert isinstance(await thinking, Signals)


class Garbage(Strategy):
    def entries(self, features: Arrays) -> Signals:
        return Signals(np.full(len(features), 7, dtype=np.int8))


async def test_garbage_is_an_abstention() -> None:
    adviser = StrategyAdviser(Garbage(), compute=StrategyRunner().compute("garbage"))

    answer = await adviser.ask(BRIEF, 5.0)

    assert isinstance(answer, Abstention)
    assert (answer.why, "none of -2, -1, 0, 1 and 2" in answer.detail) == (Silence.FAILED, True)


# ---------------------------------------------------------------- the panel


class Model:
    name = "model"

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        return Abstention(self.name, Silence.TIMEOUT, "")


def use(text: str) -> Strategies:
    return Strategies(StrategyRole.ADVISER, read_parts(text, files=True))


class Bench:
    def __init__(self, now: Strategies = NO_STRATEGIES) -> None:
        self.now = now
        self.panel = StrategyPanel(self.build, lambda: self.now, StrategyRunner())

    def build(self, strategists: Sequence[Adviser], strategies: Strategies) -> StagedPanel:
        costs = {one.name: FREE for one in strategists}
        ways = Ways(Decider.AI, {}, strategies)
        return StagedPanel((Model(), *strategists), SystemClock(), 5.0, costs, lambda: ways)


OWN = """
from core.backtest.strategies import Features, Signals, Strategy, sides
class Idea(Strategy):
    def entries(self, features: Features) -> Signals:
        return Signals(sides(features.close > 0, features.close < 0))
"""


def test_a_file_that_cannot_be_run_ends_the_start_in_one_sentence(tmp_path: Path) -> None:
    own = tmp_path / "idea.py"
    own.write_text("import nothing_of_that_name\n")

    with pytest.raises(BadStrategy, match=r"idea.py line 1: ModuleNotFoundError"):
        Bench(use(f"{own}@1h"))


async def test_the_doctor_runs_a_file_too(tmp_path: Path) -> None:
    own = tmp_path / "idea.py"
    own.write_text("x = 1\n")

    with pytest.raises(BadStrategy, match="none at all"):
        await check_strategies(use(f"{own}@1h"))


async def test_the_owners_own_is_asked_beside_the_models(tmp_path: Path) -> None:
    own = tmp_path / "idea.py"
    own.write_text(OWN)
    bench = Bench(use(f"{own}:Idea@1h"))

    opinions, silent = await bench.panel.ask(replace(BRIEF, strategies=bench.now))

    assert [(one.adviser, one.stance) for one in opinions] == [("strategy-Idea@1h", Stance.LONG)]
    assert [one.adviser for one in silent] == ["model"]


async def test_a_decision_asks_those_that_its_own_rules_name() -> None:
    bench = Bench(use("trend@1h"))
    under_way = replace(BRIEF, strategies=bench.now)
    bench.now = use("breakout@4h,ema_cross@15m")

    opinions, _ = await bench.panel.ask(under_way)
    newer, _ = await bench.panel.ask(replace(BRIEF, strategies=bench.now))

    assert [one.adviser for one in opinions] == ["strategy-trend@1h"]
    assert [one.adviser for one in newer] == ["strategy-breakout@4h", "strategy-ema_cross@15m"]
    assert bench.panel.names == ("model", "strategy-breakout@4h", "strategy-ema_cross@15m")


async def test_without_strategies_nobody_else_is_asked() -> None:
    bench = Bench()

    opinions, silent = await bench.panel.ask(BRIEF)

    assert (opinions, [one.adviser for one in silent]) == ((), ["model"])
