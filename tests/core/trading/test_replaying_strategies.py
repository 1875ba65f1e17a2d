"""Decisions that strategies had a part in come out again, hash for hash; the owner's file is not needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.assembly_replay import read_answer
from bot.settings_strategies import read_parts
from core.advice.staged import StagedPanel, Ways
from core.advice.strategy_adviser import adviser_of
from core.codec import from_text, to_text
from core.journal import DecisionRecord
from core.opinion import Decider, Features, Stance
from core.plan import Cleared, Decision
from core.risk.account import Account
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket
from core.strategy_use import Strategies, StrategyRole
from core.trading.chunks import name_of, text_of, text_piece, unpacked
from core.trading.decide import Circle, Rules
from core.trading.recording import decide_recorded
from core.trading.records import record_of
from core.trading.replaying import Material, Replayed, replay
from core.trading.tape import TapeRecord, unpack_tape
from tests.core.builders import an_account, an_instrument
from tests.core.trading.taped import EASY, FLAGS, START, walked

SYMBOL = "SOL/USDT:USDT"
OWN = """
import numpy as np
from core.backtest.strategies import Features, Signals, Strategy
class Idea(Strategy):
    def entries(self, features: Features) -> Signals:
        side = np.where(features.close > features.ema(20), 1, -1).astype(np.int8)
        return Signals(side, np.full(len(features), 0.07), np.full(len(features), 0.2))
"""


async def at_once(work: Any) -> Features:
    made: Features = work()
    return made


SHIPPED = "ema_cross(fast=5;slow=10;least_adx=0;most_rsi=90)@15m"
"""Crosses often enough to be met at some full hours."""


@dataclass
class World:
    strategies: Strategies
    rules: Rules
    clock: VirtualClock
    market: HistoryMarket
    circle: Circle

    async def decide(self) -> tuple[Decision, TapeRecord]:
        candles = await self.market.candles(SYMBOL, "15m", self.clock.now(), 1)
        self.market.set_price(SYMBOL, float(candles.rows[-1, 4]))

        async def look() -> Account:
            return an_account(at=self.clock.now())

        return await decide_recorded(SYMBOL, self.circle, look, self.rules, f"scan {self.clock.now()}")


def a_world(text: str) -> World:
    strategies = Strategies(StrategyRole.ALONE, read_parts(text, files=True))
    clock = VirtualClock(START)
    instruments = {SYMBOL: an_instrument(symbol=SYMBOL, base="SOL", max_quantity=Decimal(10**6))}
    market = HistoryMarket({SYMBOL: walked(5, 4)}, "5m", instruments, clock)
    ways = Ways(Decider.RULES, {}, strategies)
    panel = StagedPanel([adviser_of(part) for part in strategies.parts], clock, 5.0, {}, lambda: ways)
    rules = Rules(EASY, FLAGS, Decider.RULES, strategies=strategies)
    circle = Circle(market, panel, clock, at_once, "paper", version="test")
    return World(strategies, rules, clock, market, circle)


def material(decision: Decision, tape: TapeRecord) -> Material:
    record: DecisionRecord = record_of(decision, "paper", None)
    pieces = {name: unpacked(body) for name, body in tape.pieces.items()}
    return Material(unpack_tape(tape.body), pieces, {}, record)


async def recorded(world: World, count: int = 60) -> list[tuple[Decision, TapeRecord]]:
    found = []
    for _ in range(count):
        found.append(await world.decide())
        world.clock.advance(timedelta(hours=1).total_seconds())
    return found


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "idea.py"
    path.write_text(OWN)
    return path


async def test_a_tape_without_what_the_owners_strategy_said_is_named(own: Path) -> None:
    world = a_world(f"{own}@15m")
    taped = next(one for one in await recorded(world) if one[0].verdict is not None)
    whole = material(*taped)
    answers = tuple(replace(answer, opinion=None) for answer in whole.tape.answers)

    played = await replay(replace(whole, tape=replace(whole.tape, answers=answers)), read_answer)

    assert played.differences == ("the tape holds no opinion of strategy-idea@15m",)


async def test_other_parameters_in_the_rules_come_out_as_a_difference() -> None:
    taped = [one for one in await recorded(a_world(SHIPPED)) if one[0].verdict is not None]

    fates = [await with_rules(material(*one), SHIPPED.replace("fast=5", "fast=9")) for one in taped]

    assert not all(played.is_equal for played in fates)


async def with_rules(found: Material, text: str) -> Replayed:
    """Played by the same rules with other strategies in them."""
    rules = from_text(Rules, text_of(found.pieces[found.tape.rules]))
    strategies = Strategies(StrategyRole.ALONE, read_parts(text, files=False))
    piece = text_piece(to_text(replace(rules, strategies=strategies)))
    pieces = {**found.pieces, name_of(piece): piece}
    return await replay(
        replace(found, tape=replace(found.tape, rules=name_of(piece)), pieces=pieces), read_answer
    )


async def test_decisions_of_shipped_and_own_strategies_are_equal_byte_for_byte(own: Path) -> None:
    world = a_world(f"{SHIPPED}:0.5,{own}:Idea@15m:0.25")
    taped = await recorded(world)
    own.unlink()

    played = [await replay(material(*one), read_answer) for one in taped]

    assert [one.differences for one in played] == [()] * len(taped)
    stances = Counter(one[0].verdict.stance for one in taped if one[0].verdict is not None)
    assert stances[Stance.LONG] and stances[Stance.SHORT]


async def test_a_share_of_the_capital_bounds_the_loss_and_stands_on_the_plan(own: Path) -> None:
    whole = {one[0].symbol + str(one[0].at): one[0] for one in await recorded(a_world(f"{own}:Idea@15m"))}
    quarter = await recorded(a_world(f"{own}:Idea@15m:0.25"))

    compared = 0
    for decision, _ in quarter:
        full = whole[decision.symbol + str(decision.at)].outcome
        if isinstance(decision.outcome, Cleared) and isinstance(full, Cleared):
            plan, other = decision.outcome.plan, full.plan
            assert Decimal(0) < plan.loss_at_stop <= other.loss_at_stop * Decimal("0.2501")
            assert plan.stop == other.stop
            assert "risk × 0.25: the strategies' share of the capital" in plan.notes
            compared += 1
    assert compared >= 3
