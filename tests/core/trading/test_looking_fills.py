"""Fills are asked for only when they can matter; nothing is seen later, or otherwise, for that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from core.errors import Unknown
from core.notice import NoticeKind
from core.trade import ExitReason, OrderKind, OrderSide, OrderStatus, Purpose, Seen, Trade
from core.trading.looking import Looker
from tests.core.builders import D
from tests.core.trading.stage import RULES
from tests.core.trading.world import World

STOP, TARGET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET


class Counted:
    """A venue that counts how often its fills are read."""

    def __init__(self, venue: Any) -> None:
        self._venue = venue
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def fills(self, symbol: str, since: datetime) -> Any:
        self.reads += 1
        return await self._venue.fills(symbol, since)


class Watcher:
    """One looker at one held position."""

    def __init__(self, world: World, trade: Trade) -> None:
        self.world, self.trade = world, trade
        self.venue = Counted(world.venue)
        self.looker = Looker(self.venue, world.market, world.clock)  # type: ignore[arg-type]

    async def look(self, after_s: float = 2.0) -> Seen:
        self.world.clock.advance(after_s)
        intents = await self.world.journal.intentions(self.trade.id)
        return await self.looker.look(self.trade, intents, RULES)

    async def reads(self, after_s: float = 2.0) -> int:
        before = self.venue.reads
        await self.look(after_s)
        return self.venue.reads - before


@pytest.fixture
async def watcher() -> Watcher:
    world = await World().open()
    watcher = Watcher(world, await world.hold())
    await watcher.look()
    return watcher


async def test_a_position_at_rest_is_looked_at_without_its_fills(watcher: Watcher) -> None:
    counts = [await watcher.reads() for _ in range(5)]

    assert counts == [0] * 5
    assert len((await watcher.look()).fills) == 1


async def test_after_a_while_fills_are_read_though_nothing_changed(watcher: Watcher) -> None:
    assert await watcher.reads(27) == 0
    assert await watcher.reads(3) == 1


@pytest.mark.parametrize("side", [OrderSide.SELL, OrderSide.BUY])
async def test_what_a_hand_did_to_the_size_is_seen_with_its_fill_in_the_same_look(
    watcher: Watcher, side: OrderSide
) -> None:
    watcher.world.venue.by_hand(side, D("0.5"))

    seen = await watcher.look()

    assert [(fill.side, fill.quantity) for fill in seen.fills[1:]] == [(side, D("0.5"))]


async def test_a_hand_that_goes_out_and_in_again_is_seen_by_what_it_left_of_the_price(
    watcher: Watcher,
) -> None:
    watcher.world.venue.by_hand(OrderSide.SELL, D("0.5"))
    watcher.world.venue.move(101)
    watcher.world.venue.by_hand(OrderSide.BUY, D("0.5"))

    assert len((await watcher.look()).fills) == 3


async def test_a_filled_target_is_seen_with_its_fill_in_the_same_look(watcher: Watcher) -> None:
    target = watcher.world.venue.resting(TARGET)[0]
    watcher.world.venue.move(target.trigger)

    seen = await watcher.look()

    assert target.client_id in {fill.client_id for fill in seen.fills}


async def test_an_order_that_is_gone_is_a_reason_to_read(watcher: Watcher) -> None:
    watcher.world.venue.cancel_by_hand(watcher.world.venue.resting(STOP)[0])

    assert await watcher.reads() == 1
    assert await watcher.reads() == 0


async def test_without_a_position_every_look_reads_them(watcher: Watcher) -> None:
    watcher.world.venue.move(90)

    assert [await watcher.reads() for _ in range(3)] == [1, 1, 1]


async def test_a_look_that_shows_no_position_though_there_is_one_reads_them_too(watcher: Watcher) -> None:
    watcher.world.venue.flat_looks = 1

    assert await watcher.reads() == 1


async def test_fills_that_do_not_add_up_are_read_until_they_do(watcher: Watcher) -> None:
    watcher.world.venue.by_hand(OrderSide.SELL, D("0.5"))
    watcher.world.venue.hidden_fills = True
    hidden = [await watcher.reads() for _ in range(3)]
    watcher.world.venue.hidden_fills = False

    assert hidden == [1, 1, 1]
    assert [await watcher.reads() for _ in range(2)] == [1, 0]


async def test_a_fill_that_cannot_be_read_when_it_matters_is_no_look(watcher: Watcher) -> None:
    watcher.world.venue.by_hand(OrderSide.SELL, D("0.5"))
    watcher.world.venue.failing = {"fills"}

    with pytest.raises(Unknown, match="fills"):
        await watcher.look()
    watcher.world.venue.failing = set()

    assert len((await watcher.look()).fills) == 2


async def test_an_end_that_is_told_by_id_is_final_whatever_a_lagging_list_still_shows(
    watcher: Watcher,
) -> None:
    (entry,) = await watcher.world.intents(Purpose.ENTRY)
    real, order = watcher.world.venue.open_orders, watcher.world.venue.orders[entry.request.client_id]

    async def lagging(symbol: str | None = None) -> Any:
        return (*await real(symbol), replace(order, status=OrderStatus.OPEN, filled=D(0)))

    watcher.world.venue.open_orders = lagging  # type: ignore[method-assign]
    fresh = Watcher(watcher.world, watcher.trade)

    looks = [await fresh.look() for _ in range(2)]

    shown = [row.status for seen in looks for row in seen.orders if row.client_id == order.client_id]
    assert shown == [OrderStatus.FILLED, OrderStatus.FILLED]


async def test_booking_parts_and_hands_come_out_as_before_though_fills_are_seldom_read() -> None:
    world = await World().open()
    world.venue = Counted(world.venue)  # type: ignore[assignment]
    world.boot()
    await world.hold()
    for _ in range(20):
        world.clock.advance(1)
        await world.kernel.guard.watch()
    quiet = world.venue.reads  # type: ignore[attr-defined]
    world.venue.by_hand(OrderSide.SELL, D("0.5"))
    await world.settle()
    reduced = world.is_covered()
    world.venue.move(world.venue.resting(TARGET)[0].trigger)
    await world.settle()
    world.venue.move(90)
    await world.settle()

    (closed,) = await world.history()
    sold = [fill for fill in world.venue.all_fills if fill.side is OrderSide.SELL]
    assert quiet <= 6
    assert reduced and len(sold) == 3
    assert closed.quantity == sum(fill.quantity for fill in sold)
    assert closed.exit_reason is ExitReason.TRAILING
    assert await world.told(NoticeKind.OUTSIDE_CHANGE)


# ---------------------------------------------------------------- how long it is bare


async def test_nakedness_is_measured_from_the_first_look_that_shows_it_by_a_clock_nobody_sets(
    watcher: Watcher,
) -> None:
    watcher.world.venue.cancel_by_hand(watcher.world.venue.resting(STOP)[0])

    measured = [(await watcher.look(after_s)).bare_s for after_s in (7, 1.5, 1)]

    assert measured == [0.0, 1.5, 2.5]


async def test_a_position_found_bare_at_the_first_look_of_a_process_was_so_before(watcher: Watcher) -> None:
    watcher.world.venue.cancel_by_hand(watcher.world.venue.resting(STOP)[0])
    restarted = Watcher(watcher.world, watcher.trade)

    measured = [(await restarted.look()).bare_s for _ in range(2)]

    assert measured == [RULES.flatten_after_s / 2, RULES.flatten_after_s / 2 + 2]


async def test_a_full_stop_ends_it_and_the_next_time_begins_anew(watcher: Watcher) -> None:
    (stop,) = watcher.world.venue.resting(STOP)
    watcher.world.venue.cancel_by_hand(stop)
    await watcher.look()
    watcher.world.venue.orders["web1"] = replace(stop, client_id="web1")
    covered = await watcher.look()
    was_covered = watcher.looker.was_covered(watcher.trade.id)
    del watcher.world.venue.orders["web1"]
    bare = [(await watcher.look()).bare_s for _ in range(2)]

    assert (covered.bare_s, was_covered) == (0.0, True)
    assert bare == [0.0, 2.0] and not watcher.looker.was_covered(watcher.trade.id)


async def test_a_look_that_shows_nothing_does_not_begin_it_anew(watcher: Watcher) -> None:
    watcher.world.venue.cancel_by_hand(watcher.world.venue.resting(STOP)[0])
    await watcher.look()
    watcher.world.venue.flat_looks = 1
    empty = await watcher.look()

    assert empty.position is None and empty.bare_s == 0.0
    assert (await watcher.look()).bare_s == 4.0


async def test_a_stop_for_less_than_all_of_it_does_not_end_it(watcher: Watcher) -> None:
    watcher.world.venue.by_hand(OrderSide.BUY, D(1))
    await watcher.look()

    assert (await watcher.look(3)).bare_s == 3.0


async def test_what_was_measured_of_a_trade_is_forgotten_with_it(watcher: Watcher) -> None:
    watcher.world.venue.cancel_by_hand(watcher.world.venue.resting(STOP)[0])
    await watcher.look()
    watcher.looker.keep_only(set())

    assert (await watcher.look(3)).bare_s == RULES.flatten_after_s / 2
    assert await watcher.reads(0) == 0
