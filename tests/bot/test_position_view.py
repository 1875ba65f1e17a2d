"""What `/positions` knows of a position: who moved its stop, what that locks in, what is left of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.desk import PositionView
from core.trade import StopBy
from tests.bot.test_desk_leaving import Counter
from tests.core.builders import NOW, PAPER, D, an_instrument
from tests.core.trading.world import World

HALVES = ((D("0.08"), D("0.5")), (D("0.15"), D("0.5")))
"""Targets at 108 and 115."""


async def counter() -> Counter:
    world = await World().open()
    await world.hold(target_fractions=HALVES)
    return Counter(world, await world.journal.account_state(PAPER))


async def seen(counter: Counter) -> PositionView:
    await counter.guarded()
    (view,) = counter.desk.status().positions
    return view


async def test_a_fresh_position_stands_by_its_plan() -> None:
    desk = await counter()
    trade = await desk.world.trade()

    view = await seen(desk)

    assert (view.stop_by, view.is_trailing, view.targets_left) == (StopBy.PLAN, False, 2)
    assert view.time_stop_at == NOW + timedelta(hours=72)
    assert view.loss_at_stop is not None and D("0.95") < view.loss_at_stop / trade.risk_usd <= 1
    assert view.may_break_even and view.parts == (D("0.25"), D("0.5"))


async def test_a_filled_target_is_not_left_and_break_even_is_offered_no_more() -> None:
    desk = await counter()
    desk.world.venue.move(108)
    await desk.world.settle()

    view = await seen(desk)

    assert view.targets_left == 1 and not view.may_break_even
    assert view.loss_at_stop is not None and view.loss_at_stop <= 0


async def test_a_part_below_the_venues_smallest_order_is_not_offered() -> None:
    desk = await counter()
    held = desk.world.held
    symbol = (await desk.world.trade()).symbol
    desk.world.market.instruments[symbol] = an_instrument(min_quantity=held * D("0.3"))

    assert (await seen(desk)).parts == (D("0.5"),)


async def test_it_is_open_since_its_entry_whatever_the_venue_says_of_the_last_change() -> None:
    desk = await counter()
    await seen(desk)
    row, held, stop = desk.board.rows[0]
    assert held is not None
    desk.board.rows = ((row, replace(held, opened_at=NOW + timedelta(minutes=2)), stop),)

    (view,) = desk.desk.status().positions

    assert view.opened_at == row.created_at


async def test_without_a_time_stop_no_end_is_named() -> None:
    desk = await counter()
    limits = desk.world.limits
    desk.world.limits = type(limits)(exits=limits.exits._replace(time_stop_h=0.0))

    assert (await seen(desk)).time_stop_at is None
