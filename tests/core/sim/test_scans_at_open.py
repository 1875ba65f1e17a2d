"""A simulation that goes as backtests do: entries at a bar's open, what the clock closes at a bar's end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from core.market import Side, to_ms
from core.opinion import Abstention, Brief, Opinion, Silence
from core.sim.history import Funding
from core.sim.panel import InlinePanel
from core.sim.runner import guarded_from
from core.trade import ClosedTrade, ExitReason
from core.trading.exits import liquidation_is_near
from tests.core.backtest.full_simulation import ACCOUNT, opened
from tests.core.backtest.side_by_side import BAR_MS, FRAME, World
from tests.core.backtest.worlds_both import NO_LIMITS, START, a_world
from tests.core.builders import an_opinion, some_features

D = Decimal


async def trades_of(world: World) -> tuple[ClosedTrade, ...]:
    simulation, journal = await opened(world)
    await simulation.run(world.bars, FRAME, world.first, world.last)
    return await journal.closed_trades(ACCOUNT)


def a_quiet_world(*, time_stop_h: float = 0.0) -> World:
    """One symbol in steps of a thousandth: only the clock closes anything."""
    world = a_world(2)
    name = next(iter(world.bars))
    rows = world.bars[name].copy()
    steps = np.arange(len(rows)) % 2
    rows[:, 1], rows[:, 4] = 100.0 + 0.1 * steps, 100.1 - 0.1 * steps
    rows[:, 2], rows[:, 3] = 100.2, 99.9
    rows[rows[:, 0] >= to_ms(world.first), 4] += 0.05
    limits = replace(NO_LIMITS, exits=NO_LIMITS.exits._replace(time_stop_h=time_stop_h, min_profit_usd=0.0))
    setup = replace(world.setup, limits=limits)
    return replace(world, bars={name: rows}, setup=setup, instruments={name: world.instruments[name]})


def row_at(world: World, symbol: str, ms: int) -> np.ndarray:
    rows = world.bars[symbol]
    return rows[int((ms - rows[0, 0]) // BAR_MS)]


async def test_an_entry_is_made_at_a_bars_open_and_pays_its_price() -> None:
    world = a_quiet_world(time_stop_h=2.0)

    made = await trades_of(world)

    assert made
    for trade in made:
        opens = float(row_at(world, trade.symbol, to_ms(trade.opened_at))[1])
        assert (to_ms(trade.opened_at) - to_ms(START)) % BAR_MS == 0
        assert 0 < (float(trade.entry_price) - opens) * trade.side.sign <= 0.04


async def test_what_the_clock_closes_leaves_at_the_last_price_of_the_bar_that_ends() -> None:
    world = a_quiet_world(time_stop_h=2.0)

    made = await trades_of(world)

    assert {trade.exit_reason for trade in made} == {ExitReason.TIME}
    for trade in made:
        assert trade.closed_at == trade.opened_at + timedelta(hours=2)
        close = float(row_at(world, trade.symbol, to_ms(trade.closed_at) - BAR_MS)[4])
        assert 0 < (close - float(trade.exit_price)) * trade.side.sign <= 0.05


async def test_funding_is_paid_at_the_open_by_whom_was_held_before_and_by_nobody_who_enters_there() -> None:
    world = a_quiet_world(time_stop_h=2.0)
    name = next(iter(world.bars))
    hours = to_ms(START) + 3_600_000 * np.arange(10)
    paid = replace(world, funding={name: Funding(hours + 5, np.full(10, 0.001))})

    made = await trades_of(paid)

    assert made
    for trade in made:
        at = [ms for ms in hours.tolist() if to_ms(trade.opened_at) < ms < to_ms(trade.closed_at)]
        opens = sum(float(row_at(paid, name, ms)[1]) for ms in at)
        assert float(trade.funding) == pytest.approx(-trade.side.sign * float(trade.quantity) * opens * 0.001)


@pytest.mark.parametrize(
    ("side", "liquidation"), [(Side.LONG, "90.01"), (Side.LONG, "95"), (Side.SHORT, "105.33")]
)
def test_the_guards_level_is_the_first_tick_at_which_it_acts(side: Side, liquidation: str) -> None:
    tick, nearest = D("0.01"), D("0.05")

    (level,) = guarded_from(side, D(liquidation), nearest, tick)

    assert liquidation_is_near(level, D(liquidation), side.sign, nearest)
    assert not liquidation_is_near(level + side.sign * tick, D(liquidation), side.sign, nearest)


def test_where_nothing_can_be_liquidated_there_is_no_level() -> None:
    assert guarded_from(Side.LONG, D(0), D("0.05"), D("0.01")) == ()


async def test_advisers_under_simulation_answer_in_their_order_and_are_heard() -> None:
    panel, heard = InlinePanel([Saying("one"), Saying("other", is_silent=True)]), []

    async def listen(answer: Opinion | Abstention) -> None:
        heard.append(answer.adviser)

    opinions, silent = await panel.ask(Brief("SOL", some_features(), {}), listen)

    assert panel.names == ("one", "other")
    assert heard == ["one", "other"]
    assert ([one.adviser for one in opinions], [one.adviser for one in silent]) == (["one"], ["other"])


@dataclass(frozen=True)
class Saying:
    name: str
    is_silent: bool = False

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        return Abstention(self.name, Silence.FAILED, "it broke") if self.is_silent else an_opinion(self.name)
