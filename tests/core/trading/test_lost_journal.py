"""A database that was lost or put back: what carries our orders is ours, is guarded at once, and nothing new
is opened until a person has looked."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import JournalError, PerpilotError, Throttled
from core.market import Side
from core.notice import NoticeKind
from core.trade import ADOPTED, ExitReason, OrderKind, OrderSide, Purpose, Trade
from core.trading.adopting import LOST, SETTLED_S, UNSURE
from core.trading.ids import client_id, is_ours
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import BTC, PAPER, SOL, D, an_order, an_order_request
from tests.core.trading.fakes import Crash
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET


async def lose(world: World) -> None:
    """The database is gone; a new process begins with an empty one."""
    world.database = InlineDatabase()
    world.journal = SqlJournal(world.database, world.clock.now)
    await world.open()
    world.boot()


async def lost(side: Side = Side.LONG) -> World:
    world = await World().open()
    await world.hold(side)
    world.clock.advance(600)
    await lose(world)
    return world


async def watch(world: World, passes: int = 4) -> None:
    for _ in range(passes):
        world.clock.advance(5)
        await world.kernel.guard.watch()


async def stop_before(world: World) -> Any:
    (stop,) = world.venue.resting(STOP)
    return stop.trigger


@pytest.mark.parametrize("side", list(Side))
async def test_a_position_with_our_stop_is_adopted_by_itself_with_that_stop(side: Side) -> None:
    world = await lost(side)
    trigger = await stop_before(world)

    await watch(world)

    trade = await world.trade()
    assert (trade.origin, trade.side, trade.stop) == (ADOPTED, side, trigger)
    assert trade.quantity == world.held and trade.risk_usd > 0
    assert world.is_covered() and len(world.venue.entries) == 1
    assert len(await world.told(NoticeKind.ADOPTED)) == 1
    assert await world.told(NoticeKind.FOREIGN) == [] and await world.told(NoticeKind.OPENED) == []


async def test_it_is_never_bare_while_its_old_orders_make_way() -> None:
    world = await lost()
    old = {order.client_id for order in world.venue.resting()}
    bare: list[str] = []
    world.boot(lambda point: bare.append(point) if world.is_bare() else None)

    await watch(world)

    assert bare == []
    assert old and old <= set(world.venue.cancelled)


async def test_one_look_adopts_nothing_but_closes_the_entries() -> None:
    world = await lost()

    await world.kernel.guard.watch()

    assert await world.trades() == () and world.venue.cancelled == []
    assert world.kernel.gate.is_closed_by(UNSURE)


async def test_our_entry_among_the_fills_makes_it_ours_though_nothing_of_ours_rests() -> None:
    world = await lost()
    for order in world.venue.resting():
        world.venue.cancel_by_hand(order)

    await watch(world)

    trade = await world.trade()
    assert trade.stop == trade.entry_reference * (1 - world.limits.min_stop)
    assert world.is_covered()


async def test_a_position_that_was_opened_by_hand_after_ours_was_closed_is_not_ours() -> None:
    world = await World().open()
    await world.hold()
    world.venue.move(90)
    for order in world.venue.resting():
        world.venue.cancel_by_hand(order)
    world.clock.advance(600)
    world.venue.by_hand(OrderSide.BUY, 1)
    await lose(world)

    await watch(world)

    assert await world.trades() == () and len(await world.told(NoticeKind.FOREIGN)) == 1


async def test_entries_stay_closed_across_restarts_until_a_person_confirms() -> None:
    world = await lost()
    await watch(world)
    world.boot()
    await world.kernel.guard.watch()
    closed = world.kernel.gate.is_closed_by(LOST)

    assert await world.kernel.adopter.confirm("owner")
    opened = not world.kernel.gate.reasons
    world.boot()
    await watch(world)

    assert closed and opened and not world.kernel.gate.reasons
    assert not await world.kernel.adopter.confirm("owner")
    assert len([k for k in await world.told(NoticeKind.SYSTEM) if k.startswith("lost_journal")]) == 1


@pytest.mark.parametrize("method", ["save", "open_trade", "intend", "tell"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_on_the_way_never_opens_the_entries_nor_loses_the_position(
    method: str, when: str
) -> None:
    world = await lost()

    def crash(point: str) -> None:
        if point == f"journal.{method}:{when}":
            raise Crash(point)

    world.boot(crash)
    with pytest.raises(Crash):
        await watch(world)
    world.boot()
    await watch(world)

    assert world.kernel.gate.is_closed_by(LOST)
    assert (await world.trade()).origin == ADOPTED and world.is_covered()
    assert len(await world.told(NoticeKind.ADOPTED)) == 1 and len(world.venue.entries) == 1


async def test_while_the_fills_cannot_be_read_nothing_is_concluded() -> None:
    world = await lost()
    for order in world.venue.resting():
        world.venue.cancel_by_hand(order)
    world.venue.failing = {"fills"}

    await watch(world)

    assert await world.trades() == () and await world.told(NoticeKind.FOREIGN) == []
    assert world.kernel.gate.is_closed_by(UNSURE) and world.kernel.guard.pause_s(60) < 60


async def test_a_memory_that_cannot_be_read_counts_as_lost() -> None:
    world = await World().open()
    await world.hold()
    await world.journal.save("foreign:paper", "{broken")
    world.boot()

    await watch(world)
    closed = world.kernel.gate.is_closed_by(LOST)

    assert closed and world.is_covered()
    assert await world.kernel.adopter.confirm("owner") and not world.kernel.gate.reasons


async def test_a_journal_that_cannot_be_read_opens_nothing() -> None:
    world = await World().open()
    await world.hold()

    def broken(point: str) -> None:
        if point == "journal.load:before":
            raise JournalError("locked")

    world.boot(broken)
    await watch(world)

    assert world.is_covered() and world.kernel.gate.reasons


async def test_what_it_gains_is_booked_once_from_the_venues_entry_price() -> None:
    world = await lost()
    held, entry = world.held, world.venue.position(SOL).entry
    await watch(world)
    world.clock.advance(60)
    world.venue.market.prices[SOL] = D(110)
    world.venue.by_hand(OrderSide.SELL, held)

    await watch(world)

    (closed,) = await world.history()
    assert (closed.quantity, closed.entry_price, closed.exit_price) == (held, entry, 110)
    assert closed.fees == held * 110 * D("0.0005") and closed.origin == ADOPTED
    assert closed.exit_reason is ExitReason.OUTSIDE and closed.r_multiple > 0
    assert world.venue.resting() == []


async def test_its_old_stop_that_fills_first_is_booked_as_its_stop() -> None:
    world = await lost()
    world.venue.next_answers[STOP] = ["refuse"] * 50
    await watch(world, 2)
    world.clock.advance(1)
    trigger = (await world.trade()).stop if await world.trades() else await stop_before(world)
    world.venue.move(trigger)

    await watch(world)

    (closed,) = await world.history()
    assert closed.exit_reason in (ExitReason.STOP, ExitReason.SOFTWARE_STOP)
    assert world.held == 0


async def test_an_entry_that_was_given_up_and_filled_late_is_guarded_without_an_alarm_about_the_journal() -> (
    None
):
    world = await World().open()
    trade = await world.hold()
    await world.journal.abandon_trade(trade, "nothing is shown of it", world.clock.now(), [])

    await watch(world, 20)

    assert (await world.trade()).origin == ADOPTED and world.is_covered()
    assert not world.kernel.gate.reasons


async def test_the_shadow_of_a_trade_that_was_just_booked_is_not_adopted() -> None:
    world = await World().open()
    await world.hold()
    side, quantity, cost, since = world.venue.held[SOL]
    world.venue.move(90)
    await world.settle()
    assert await world.trades() == ()
    world.venue.held[SOL] = side, quantity, cost, since  # the venue still shows it

    await watch(world, int(SETTLED_S // 5) - 2)
    shown, closed = await world.trades(), world.kernel.gate.is_closed_by(UNSURE)
    world.venue.held.pop(SOL)
    await watch(world)

    assert shown == () and closed
    assert await world.trades() == () and not world.kernel.gate.reasons


async def test_orders_of_ours_that_no_journal_knows_are_cleared_away_and_close_the_entries() -> None:
    world = await lost()
    world.venue.held.pop(SOL)

    await watch(world, 3)

    assert world.venue.resting() == []
    assert world.kernel.gate.is_closed_by(LOST)


async def test_an_order_of_ours_that_no_journal_knows_beside_a_known_trade_closes_the_entries_too() -> None:
    world = await World().open()
    trade = await world.hold()
    name = client_id(PAPER, "forgotten", Purpose.STOP, 3)
    request = an_order_request(
        client_id=name, kind=STOP, side=OrderSide.SELL, trigger=D(80), reduce_only=True
    )
    world.venue.orders[name] = an_order(request)
    world.boot()

    await watch(world)
    closed = world.kernel.gate.is_closed_by(LOST)
    confirmed = await world.kernel.adopter.confirm("owner")
    await watch(world)

    assert closed and confirmed and not world.kernel.gate.reasons
    assert [row.id for row in await world.trades()] == [trade.id]
    assert name in world.venue.cancelled and world.is_covered()


async def test_a_venue_that_asks_for_patience_is_not_hurried() -> None:
    world = await lost()
    for order in world.venue.resting():
        world.venue.cancel_by_hand(order)

    def slowed(point: str) -> None:
        if point == "venue.fills:before":
            raise Throttled("slow down")

    world.boot(slowed)
    await watch(world)

    assert world.kernel.gate.is_closed_by(UNSURE) and world.kernel.guard.pause_s(60) == 60


async def test_another_position_is_still_guarded_while_one_is_adopted() -> None:
    world = await World(max_open_positions=2).open()
    await world.hold()
    await lose(world)
    await world.hold(name="plan-2", symbol=BTC)
    for order in [o for o in world.venue.resting(STOP) if o.symbol == BTC]:
        world.venue.cancel_by_hand(order)

    await watch(world)

    trades: dict[str, Trade] = {trade.symbol: trade for trade in await world.trades()}
    assert set(trades) == {SOL, BTC} and world.is_covered(SOL) and world.is_covered(BTC)
    assert all(is_ours(order.client_id) for order in world.venue.resting())


async def test_a_second_trade_on_the_symbol_is_refused_by_the_journal() -> None:
    world = await lost()
    await watch(world)

    with pytest.raises(PerpilotError):
        await world.kernel.executor.enter(await world.cleared(name="plan-9"), None, "test")
    assert len(await world.trades()) == 1 and len(world.venue.entries) == 1
