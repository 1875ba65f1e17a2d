"""A position whose owner cannot be read: told, shown, answerable, and asked about ever more rarely."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.errors import Unknown
from core.notice import NoticeKind
from core.trade import Order, OrderKind, OrderSide, Purpose
from core.trading.adopting import UNSURE
from core.trading.ids import client_id
from tests.core.builders import PAPER, SOL, D, an_order, an_order_request
from tests.core.trading.test_lost_journal import lost
from tests.core.trading.world import World


class Unlisted:
    """Fills can be had of the last `reach` only; what was asked for is noted."""

    def __init__(self, world: World, reach: timedelta = timedelta(minutes=5)) -> None:
        self.world = world
        self.reach: timedelta | None = reach
        self.asked: list[float] = []
        self._listed = world.venue.fills
        world.venue.fills = self.fills  # type: ignore[method-assign]

    async def fills(self, symbol: str, since: Any) -> Any:
        now = self.world.clock.now()
        if self.reach is not None and now - since > self.reach:
            self.asked.append(self.world.clock.monotonic())
            raise Unknown("more than 10000 trades")
        return await self._listed(symbol, since)


async def watch(world: World, seconds: float) -> None:
    for _ in range(int(seconds / 5)):
        world.clock.advance(5)
        await world.kernel.guard.watch()


async def unreadable(seconds: float = 90) -> tuple[World, Unlisted]:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)
    world.clock.advance(3600)
    unlisted = Unlisted(world)
    await watch(world, seconds)
    return world, unlisted


async def told(world: World) -> list[bool]:
    return [facts["foreign"]["is_unsorted"] for facts in await world.facts(NoticeKind.FOREIGN)]


async def test_one_that_cannot_be_sorted_is_told_and_shown_after_a_minute_and_holds_the_entries() -> None:
    world, _ = await unreadable(40)
    early = await told(world), world.kernel.adopter.views

    await watch(world, 300)

    (view,) = world.kernel.adopter.views
    assert early == ([], ()) and await told(world) == [True]
    assert view.is_unsorted and view.stop == 95
    assert world.kernel.gate.is_closed_by(UNSURE) and world.venue.submitted == []


async def test_a_restart_shows_it_at_once_and_does_not_tell_it_again() -> None:
    world, _ = await unreadable()
    world.boot()

    await watch(world, 5)

    assert world.kernel.adopter.views[0].is_unsorted and await told(world) == [True]
    assert world.kernel.gate.is_closed_by(UNSURE)


async def test_one_that_never_holds_still_is_told_too() -> None:
    world = await World().open()
    for _ in range(20):
        world.venue.by_hand(OrderSide.BUY, 1)
        await watch(world, 5)

    assert await told(world) == [True] and world.kernel.gate.is_closed_by(UNSURE)


async def test_its_fills_are_asked_for_ever_more_rarely_up_to_a_minute() -> None:
    world, unlisted = await unreadable(600)

    pauses = [later - before for before, later in zip(unlisted.asked, unlisted.asked[1:], strict=False)]
    assert len([pause for pause in pauses if pause > 0]) < 20
    assert 55 <= max(pauses) <= 65 and world.kernel.guard.pause_s(60) == 60


async def test_a_recent_one_is_sorted_by_its_recent_fills() -> None:
    world = await World().open()
    unlisted = Unlisted(world, timedelta(hours=3))
    world.venue.by_hand(OrderSide.BUY, 2)

    await watch(world, 20)

    assert await told(world) == [False] and unlisted.asked == [] and not world.kernel.gate.reasons


async def test_what_can_be_read_again_is_sorted_and_told_as_what_it_is() -> None:
    world, unlisted = await unreadable()
    unlisted.reach = None

    await watch(world, 90)

    (view,) = world.kernel.adopter.views
    assert not view.is_unsorted and await told(world) == [True, False]
    assert not world.kernel.gate.reasons


async def test_ignored_it_blocks_its_symbol_only_also_after_a_restart() -> None:
    world, _ = await unreadable()
    tap = await world.kernel.adopter.ignore(SOL, "owner")
    await watch(world, 5)
    opened = not world.kernel.gate.reasons
    world.boot()
    await world.kernel.guard.watch()

    account = await world.kernel.keeper.look()
    assert tap.is_done and opened and not world.kernel.gate.reasons
    assert account.foreign_symbols == {SOL} and await told(world) == [True]


async def test_ignored_it_is_still_sorted_and_then_told_no_more() -> None:
    world, unlisted = await unreadable()
    await world.kernel.adopter.ignore(SOL, "owner")
    unlisted.reach = None

    await watch(world, 120)

    (view,) = world.kernel.adopter.views
    assert (view.is_unsorted, view.ignored_by) == (False, "owner") and await told(world) == [True]


@pytest.mark.parametrize("hand", list(OrderSide))
async def test_ignoring_one_ends_when_it_grows_or_turns(hand: OrderSide) -> None:
    world, _ = await unreadable()
    await world.kernel.adopter.ignore(SOL, "owner")
    world.venue.by_hand(hand, 5)
    world.clock.advance(600)

    await watch(world, 90)

    assert await told(world) == [True, True] and world.kernel.gate.is_closed_by(UNSURE)


async def test_it_can_be_closed_by_the_owner() -> None:
    world, _ = await unreadable()

    tap = await world.kernel.adopter.close(SOL, "owner")
    await watch(world, 30)

    assert tap.is_done and world.held == 0 and not world.kernel.gate.reasons
    assert world.kernel.adopter.views == ()


async def test_it_can_be_adopted_by_the_owner() -> None:
    world, _ = await unreadable()

    tap = await world.kernel.adopter.adopt(SOL, "owner")
    await watch(world, 10)

    assert tap.is_done and world.is_covered() and not world.kernel.gate.reasons


async def test_what_carries_our_stop_is_taken_back_though_its_fills_cannot_be_read() -> None:
    world = await lost()
    Unlisted(world)

    await watch(world, 10)  # two looks, as where they can

    trade = await world.trade()
    assert world.is_covered() and trade.quantity == world.held
    assert len(world.venue.resting(OrderKind.STOP_MARKET)) == 1


async def test_ignoring_holds_nothing_open_where_an_order_of_ours_rests() -> None:
    world, _ = await unreadable()
    await world.kernel.adopter.ignore(SOL, "owner")
    away = lost_stop()
    world.venue.orders[away.client_id] = away
    world.venue.failing = {"fills"}

    await watch(world, 30)

    assert world.kernel.gate.is_closed_by(UNSURE)


def lost_stop() -> Order:
    """A stop of ours, as another process of this account would have placed it."""
    request = an_order_request(
        client_id=client_id(PAPER, "lost", Purpose.STOP, 0),
        kind=OrderKind.STOP_MARKET,
        side=OrderSide.SELL,
        quantity=D(2),
        trigger=D(90),
        reduce_only=True,
    )
    return an_order(request)


async def test_fills_that_fail_beside_an_order_of_ours_are_asked_for_rarely_too() -> None:
    world = await lost()
    unlisted = Unlisted(world)
    world.venue.failing = {"fills"}  # not even those of the last minute: nothing can be taken back yet
    await watch(world, 300)
    during = await world.trades(), len(unlisted.asked)
    world.venue.failing = set()

    await watch(world, 10)

    assert during[0] == () and during[1] < 15
    assert world.kernel.adopter.views == () and (await world.trade()).quantity == world.held
