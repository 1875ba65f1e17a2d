"""Positions that are not ours: told once, touched only after a person said so, then guarded like others."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import Unknown
from core.market import Side
from core.notice import NoticeKind
from core.trade import ADOPTED, ExitReason, FundingPayment, OrderKind, OrderSide, StopBy
from core.trading.adopting import LOST, UNSURE
from tests.core.builders import SOL, D, an_instrument, an_order, an_order_request
from tests.core.trading.fakes import Crash
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET
SIDES = pytest.mark.parametrize("side", list(Side))


async def watch(world: World, passes: int = 3) -> None:
    for _ in range(passes):
        world.clock.advance(5)
        await world.kernel.guard.watch()


async def strange(side: Side = Side.LONG, quantity: Any = 2) -> World:
    """A position that somebody opened in the app, told already."""
    world = await World().open()
    world.venue.by_hand(entering(side), quantity)
    await watch(world)
    return world


def entering(side: Side) -> OrderSide:
    return OrderSide.BUY if side is Side.LONG else OrderSide.SELL


def leaving(side: Side) -> OrderSide:
    return entering(side.opposite)


async def told(world: World) -> int:
    return len(await world.told(NoticeKind.FOREIGN))


async def test_what_could_not_be_surveyed_is_entered_beside_by_nobody() -> None:
    world = await World().open()
    world.venue.failing = {"open_orders"}
    await watch(world, 1)
    during = world.kernel.gate.is_closed_by(UNSURE)
    world.venue.failing = set()
    await watch(world, 1)

    assert during and not world.kernel.gate.is_closed_by(UNSURE)


# ---------------------------------------------------------------- seen


@SIDES
async def test_it_is_told_once_with_what_adopting_it_would_mean_and_never_touched(side: Side) -> None:
    world = await strange(side)
    world.boot()
    await watch(world, 6)

    (facts,) = await world.facts(NoticeKind.FOREIGN)
    (view,) = world.kernel.adopter.views
    assert D(facts["foreign"]["stop"]) == view.stop == D(100) - 5 * side.sign
    assert (view.side, view.quantity, view.ignored_by) == (side, 2, "")
    assert world.venue.submitted == [] and world.venue.cancelled == []


async def test_until_it_is_known_whose_it_is_no_entry_is_made() -> None:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)
    await world.kernel.guard.watch()
    unsure, pause = world.kernel.gate.is_closed_by(UNSURE), world.kernel.guard.pause_s(60)

    await watch(world)

    assert unsure and pause < 60
    assert not world.kernel.gate.reasons and world.kernel.guard.pause_s(60) == 60


async def test_it_blocks_its_symbol_and_counts_as_exposure() -> None:
    world = await strange()

    account = await world.kernel.keeper.look()

    assert account.foreign_symbols == {SOL} and account.open_risk > 0
    assert not world.kernel.gate.is_closed_by(LOST)


async def test_one_that_turned_is_told_again() -> None:
    world = await strange()
    world.venue.by_hand(OrderSide.SELL, 5)

    await watch(world)

    assert await told(world) == 2


async def test_one_that_was_opened_anew_is_told_again() -> None:
    world = await strange()
    world.venue.by_hand(OrderSide.SELL, 2)
    await watch(world)
    world.venue.by_hand(OrderSide.BUY, 2)

    await watch(world)

    assert await told(world) == 2


async def test_one_look_that_does_not_show_it_forgets_nothing() -> None:
    world = await strange()
    world.venue.flat_looks = 2

    await watch(world, 5)

    assert await told(world) == 1


async def test_a_price_that_cannot_be_known_tells_it_without_a_stop() -> None:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)

    async def unknown(symbol: str) -> Any:
        raise Unknown("no rules")

    world.market.instrument = unknown  # type: ignore[method-assign]
    await watch(world)

    (view,) = world.kernel.adopter.views
    assert view.stop is None and await told(world) == 1


# ---------------------------------------------------------------- adopted


@SIDES
async def test_adopted_it_gets_its_stop_at_once_and_no_entry_is_ever_sent(side: Side) -> None:
    world = await strange(side)

    tap = await world.kernel.adopter.adopt(SOL, "owner")

    trade = await world.trade()
    assert tap.is_done and f"{100 - 5 * side.sign}" in tap.text
    assert (trade.origin, trade.quantity, trade.stop) == (ADOPTED, 2, D(100) - 5 * side.sign)
    assert world.is_covered() and world.venue.entries == []
    assert world.kernel.adopter.views == () and not world.kernel.gate.reasons
    assert len(await world.told(NoticeKind.ADOPTED)) == 1


@SIDES
async def test_adopted_and_closed_by_hand_it_is_booked_and_nothing_is_opened_again(side: Side) -> None:
    world = await strange(side)
    await world.kernel.adopter.adopt(SOL, "owner")
    world.clock.advance(60)
    world.market.prices[SOL] = D(100) + 4 * side.sign
    world.venue.by_hand(leaving(side), 2)

    await watch(world, 12)

    (closed,) = await world.history()
    assert (closed.gross_pnl, closed.exit_reason, closed.origin) == (8, ExitReason.OUTSIDE, ADOPTED)
    assert closed.fees == 2 * closed.exit_price * D("0.0005")
    assert world.venue.held == {} and world.venue.entries == [] and world.venue.resting() == []


async def test_adopted_and_stopped_out_it_is_booked_as_stopped() -> None:
    world = await strange()
    await world.kernel.adopter.adopt(SOL, "owner")
    world.clock.advance(60)
    world.venue.move(95)

    await watch(world)

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.STOP
    assert D("-1.05") < closed.r_multiple < D("-0.9")


@pytest.mark.parametrize(("by_hand", "held"), [(OrderSide.BUY, 5), (OrderSide.SELL, -1)])
async def test_what_is_added_or_taken_by_hand_afterwards_is_covered_and_booked(
    by_hand: OrderSide, held: int
) -> None:
    world = await strange()
    await world.kernel.adopter.adopt(SOL, "owner")
    world.clock.advance(60)
    world.venue.by_hand(by_hand, abs(held))
    await watch(world, 6)
    covered = world.is_covered()
    world.clock.advance(60)
    world.venue.by_hand(OrderSide.SELL, world.held)

    await watch(world, 6)

    (closed,) = await world.history()
    assert covered and closed.quantity == max(2, 2 + held)
    assert world.venue.resting() == []


async def test_moving_its_stop_is_no_change_from_outside() -> None:
    world = await strange()
    await world.kernel.adopter.adopt(SOL, "owner")
    trade = await world.trade()

    moved, _ = await world.kernel.executor.move_stop(trade, D(97), StopBy.OWNER, may_loosen=False)
    await watch(world)

    assert moved and world.is_covered()
    assert await world.told(NoticeKind.OUTSIDE_CHANGE) == []


async def test_funding_that_was_paid_before_is_not_booked() -> None:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)
    world.clock.advance(3600)
    world.venue.payments.append(FundingPayment("before", SOL, D(-3), world.clock.now()))
    world.clock.advance(3600)
    await watch(world)
    await world.kernel.adopter.adopt(SOL, "owner")
    world.clock.advance(3600)
    world.venue.payments.append(FundingPayment("after", SOL, D(-1), world.clock.now()))
    world.clock.advance(60)
    world.venue.by_hand(OrderSide.SELL, 2)

    await watch(world)

    (closed,) = await world.history()
    assert closed.funding == -1


async def test_the_owners_own_orders_on_the_symbol_stay() -> None:
    world = await strange()
    request = an_order_request(
        client_id="web_7", kind=STOP, side=OrderSide.SELL, trigger=D(90), reduce_only=True
    )
    world.venue.orders["web_7"] = an_order(request)
    await world.kernel.adopter.adopt(SOL, "owner")

    await watch(world, 6)
    await world.kernel.guard.close(await world.trades(), ExitReason.OWNER, D(1), "owner")
    await watch(world)

    assert "web_7" not in world.venue.cancelled and world.venue.held == {}


async def test_a_tap_on_one_that_is_gone_turned_or_ours_does_nothing() -> None:
    world = await strange()
    world.venue.by_hand(OrderSide.SELL, 5)
    turned = await world.kernel.adopter.adopt(SOL, "owner")
    world.venue.by_hand(OrderSide.BUY, 3)
    gone = await world.kernel.adopter.close(SOL, "owner")
    await watch(world)
    unseen = await world.kernel.adopter.adopt(SOL, "owner")

    assert not (turned.is_done or gone.is_done or unseen.is_done)
    assert await world.trades() == () and world.venue.submitted == []


async def test_two_taps_adopt_it_once() -> None:
    world = await strange()
    first = await world.kernel.adopter.adopt(SOL, "owner")

    second = await world.kernel.adopter.adopt(SOL, "owner")

    assert first.is_done and not second.is_done and len(await world.trades()) == 1


async def test_what_cannot_be_read_adopts_nothing() -> None:
    world = await strange()
    world.venue.failing = {"fills"}

    with pytest.raises(Unknown):
        await world.kernel.adopter.adopt(SOL, "owner")

    assert await world.trades() == ()


async def test_a_position_that_moves_while_it_is_read_is_not_adopted() -> None:
    world = await strange()

    def add(point: str) -> None:
        if point == "venue.fills:after":
            world.venue.by_hand(OrderSide.BUY, 1)

    world.boot(add)
    await watch(world, 1)  # known already: its fills are not asked for

    with pytest.raises(Unknown, match="moving"):
        await world.kernel.adopter.adopt(SOL, "owner")
    assert await world.trades() == ()


async def test_one_under_the_smallest_order_is_guarded_as_far_as_the_venue_lets_it() -> None:
    world = await World().open()
    world.market.instruments[SOL] = an_instrument(min_quantity=D(1))
    world.venue.by_hand(OrderSide.BUY, "0.5")
    await watch(world)
    world.venue.next_answers[STOP] = ["refuse"] * 99
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"] * 99

    await world.kernel.adopter.adopt(SOL, "owner")
    await watch(world, 6)

    assert (await world.trade()).exit_reason is ExitReason.UNPROTECTED
    assert len(await world.told(NoticeKind.NAKED)) >= 1


# ---------------------------------------------------------------- closed


@SIDES
async def test_close_takes_it_over_and_leaves_it_at_once_with_one_reduce_only_order(side: Side) -> None:
    world = await strange(side)

    tap = await world.kernel.adopter.close(SOL, "owner")
    await watch(world)

    (request,) = world.venue.submitted
    (closed,) = await world.history()
    assert tap.is_done and request.reduce_only and request.quantity == 2
    assert closed.exit_reason is ExitReason.OWNER and world.venue.held == {}


async def close_and_watch(world: World) -> None:
    await world.kernel.adopter.close(SOL, "owner")
    await watch(world, 12)


@pytest.mark.parametrize(
    "point",
    [
        "journal.open_trade:after",
        "journal.intend:after",
        "venue.submit:before",
        "venue.submit:after",
        "journal.settle_intention:before",
        "journal.book:before",
        "journal.book:after",
    ],
)
async def test_close_survives_a_crash_anywhere_and_sends_no_more_than_it_must(point: str) -> None:
    world = await strange()

    def crash(at: str) -> None:
        if at == point:
            raise Crash(at)

    world.boot(crash)
    await watch(world, 1)
    with pytest.raises(Crash):
        await close_and_watch(world)
    await world.restart()

    await watch(world, 12)

    assert world.venue.held == {} and world.venue.entries == []
    assert [row.exit_reason for row in await world.history()] == [ExitReason.OWNER]


# ---------------------------------------------------------------- ignored


async def test_ignored_it_is_not_told_again_also_after_a_restart_and_still_blocks() -> None:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)
    await watch(world)
    assert (await world.kernel.adopter.ignore(SOL, "owner")).is_done
    world.boot()

    await watch(world, 6)

    (view,) = world.kernel.adopter.views
    account = await world.kernel.keeper.look()
    assert view.ignored_by == "owner" and await told(world) == 1
    assert account.foreign_symbols == {SOL} and not world.kernel.gate.reasons


@pytest.mark.parametrize(("hand", "quantity", "again"), [("buy", 1, 2), ("sell", 1, 1), ("sell", 5, 2)])
async def test_ignoring_ends_when_it_grows_or_turns_not_when_it_shrinks(
    hand: str, quantity: int, again: int
) -> None:
    world = await strange()
    await world.kernel.adopter.ignore(SOL, "owner")
    world.venue.by_hand(OrderSide(hand), quantity)

    await watch(world)

    assert await told(world) == again


async def test_ignoring_ends_with_the_position() -> None:
    world = await strange()
    await world.kernel.adopter.ignore(SOL, "owner")
    world.venue.by_hand(OrderSide.SELL, 2)
    await watch(world)
    world.venue.by_hand(OrderSide.BUY, 2)

    await watch(world)

    assert await told(world) == 2


async def test_an_ignored_one_can_still_be_adopted() -> None:
    world = await strange()
    await world.kernel.adopter.ignore(SOL, "owner")

    assert (await world.kernel.adopter.adopt(SOL, "owner")).is_done
    assert world.is_covered()
