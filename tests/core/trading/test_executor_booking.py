"""Closing over a real journal: parts, wholes, what others did on the venue; booked from its fills."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.market import Side
from core.notice import NoticeKind
from core.sim.clock import VirtualClock
from core.trade import ExitReason, FundingPayment, OrderKind, OrderSide
from tests.core.builders import NOW, SOL, D
from tests.core.trading.fakes import seconds
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


async def opened() -> World:
    return await World().open()


async def enter(world: World, side: Side = Side.LONG, **fields: Any) -> Any:
    return await world.kernel.executor.enter(await world.cleared(side, **fields), None, "test")


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("way", "reason"), [(-6, ExitReason.STOP), (12, ExitReason.TARGET)])
async def test_what_the_venue_executed_is_booked_from_its_fills_with_the_right_sign(
    side: Side, way: int, reason: ExitReason
) -> None:
    world = await opened()
    await world.hold(side)
    world.venue.move(100 + way * side.sign)

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is reason and closed.side is side
    assert closed.gross_pnl == way * closed.quantity
    assert closed.net_pnl == world.venue.wallet - 1000
    assert world.venue.resting() == [] and await world.trades() == ()
    assert (await world.told())[-1] == "plan-1:closed"


async def test_funding_of_the_holding_time_is_booked() -> None:
    world = await opened()
    await world.hold()
    world.clock.advance(60)
    world.venue.payments = [
        FundingPayment("before", SOL, D(-9), world.clock.now() - seconds(3600)),
        FundingPayment("during", SOL, D("-0.25"), world.clock.now()),
    ]
    world.clock.advance(60)
    world.venue.move(94)

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert closed.funding == D("-0.25")
    assert closed.net_pnl == closed.gross_pnl - closed.fees - D("0.25")


async def test_a_close_by_the_owner_on_the_venue_is_booked_as_outside() -> None:
    world = await opened()
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.move(103)
    world.venue.by_hand(OrderSide.SELL, trade.quantity)

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.OUTSIDE and closed.gross_pnl == 3 * trade.quantity
    assert world.venue.resting() == []


async def test_a_liquidation_is_booked_as_what_it_is() -> None:
    world = await opened()
    await world.hold()
    world.market.prices[SOL] = D(80)
    world.venue.liquidate()

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.LIQUIDATED and closed.net_pnl < 0


@pytest.mark.parametrize(("side", "part"), [(OrderSide.SELL, "0.5"), (OrderSide.BUY, "1.5")])
async def test_a_size_changed_by_hand_gets_a_stop_of_its_size_and_is_told(side: OrderSide, part: str) -> None:
    world = await opened()
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.by_hand(side, abs(1 - D(part)) * trade.quantity)

    await world.kernel.guard.watch()

    assert world.held == D(part) * trade.quantity and world.is_covered()
    (facts,) = await world.facts(NoticeKind.OUTSIDE_CHANGE)
    assert "changed on the venue" in facts["text"]


async def test_a_stop_cancelled_by_hand_is_placed_again_and_told() -> None:
    world = await opened()
    await world.hold()
    world.clock.advance(60)
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])

    await world.kernel.guard.watch()

    assert world.is_covered()
    (facts,) = await world.facts(NoticeKind.OUTSIDE_CHANGE)
    assert "stop was cancelled on the venue" in facts["text"]


async def test_a_trade_turned_round_by_hand_is_booked_and_the_rest_left_alone() -> None:
    world = await opened()
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.by_hand(OrderSide.SELL, trade.quantity * 2)

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.OUTSIDE and closed.quantity == trade.quantity
    assert closed.fees == world.venue.all_fills[0].fee + world.venue.all_fills[1].fee / 2
    assert world.venue.held[SOL][:2] == (Side.SHORT, trade.quantity)


@pytest.mark.parametrize("looks", [1, 2, 3, 7])
async def test_looks_that_show_nothing_never_cost_the_stop_or_the_trade(looks: int) -> None:
    world = await opened()
    await world.hold()
    world.clock.advance(60)
    world.venue.flat_looks = looks

    await world.settle()

    assert world.is_covered() and world.held > 0
    assert world.venue.cancelled == [] and await world.history() == ()


async def test_two_looks_at_the_same_moment_are_one() -> None:
    world = await opened()
    await world.hold()
    world.venue.move(94)
    started = world.clock.now()

    await world.kernel.guard.watch()

    assert len(await world.history()) == 1
    assert world.clock.now() - started >= seconds(0.9)


@pytest.mark.parametrize("share", ["0.25", "0.5"])
async def test_a_partial_close_is_exact_and_the_stop_follows(share: str) -> None:
    world = await opened()
    trade = await world.hold()
    full = trade.quantity
    world.clock.advance(60)

    unfinished = await world.kernel.guard.close([trade], ExitReason.OWNER, D(share), "owner")

    closed = world.venue.sent(MARKET)
    assert unfinished == [] and len(closed) == 1
    assert closed[0].quantity == (full * D(share)).quantize(D("0.01"), rounding="ROUND_FLOOR")
    assert world.held == full - closed[0].quantity and world.is_covered()
    stops, targets = world.venue.sent(STOP), world.venue.sent(TARGET)
    assert world.venue.cancelled == [stops[0].client_id, *(target.client_id for target in targets[:2])]
    assert sum(order.quantity for order in world.venue.resting(TARGET)) == world.held


@pytest.mark.parametrize("answer", ["mute", "lose"])
async def test_a_partial_close_without_an_answer_closes_its_part_once(answer: str) -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.next_answers[MARKET] = [answer]

    await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")
    await world.settle()

    half = (trade.quantity / 2).quantize(D("0.01"), rounding="ROUND_FLOOR")
    assert world.held == trade.quantity - half and world.is_covered()
    assert (await world.trade()).close_share is None


async def test_a_second_part_asked_for_while_the_first_is_unknown_is_not_another_close() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.next_answers[MARKET] = ["lose"]

    await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")
    unfinished = await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")

    assert unfinished and len(world.venue.sent(MARKET)) == 1


async def test_a_part_that_cannot_be_closed_is_said_and_told() -> None:
    world = await opened()
    trade = await world.hold()
    world.market.instruments[SOL] = (await world.market.instrument(SOL)).__class__(
        **{f: getattr(await world.market.instrument(SOL), f) for f in ("symbol", "base", "tick", "lot")},
        min_quantity=trade.quantity,
        max_quantity=D(1000),
        min_notional=D(5),
        taker_fee=D(0),
        maker_fee=D(0),
        tiers=(await world.market.instrument(SOL)).tiers,
    )

    unfinished = await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")

    assert unfinished and "smallest order" in unfinished[0]
    assert world.held == trade.quantity and world.venue.sent(MARKET) == []
    assert "plan-1:undone:1" in await world.told(NoticeKind.CHANGED)


@pytest.mark.parametrize("answer", ["take", "mute", "refuse", "throttle", "lose"])
async def test_a_close_is_repeated_until_the_venue_shows_it_flat(answer: str) -> None:
    world = await opened()
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.next_answers[MARKET] = [answer]

    unfinished = await world.kernel.guard.close([trade], ExitReason.OWNER, D(1), "owner")
    held_after_the_call = world.held
    await world.settle()

    (closed,) = await world.history()
    assert held_after_the_call == 0 and closed.exit_reason is ExitReason.OWNER
    assert bool(unfinished) == (answer == "lose")  # a lost order may still arrive: booked when it cannot
    assert world.venue.resting() == []


async def test_a_close_that_is_not_finished_is_not_called_finished() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.next_answers[MARKET] = ["refuse"] * 20

    unfinished = await world.kernel.guard.close([trade], ExitReason.PANIC, D(1), "owner")

    assert unfinished and world.held > 0 and world.is_covered()
    assert len(world.venue.sent(MARKET)) <= 6
    assert "plan-1:exit_refused" in await world.told(NoticeKind.SYSTEM)


async def test_the_first_reason_to_close_stays() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.next_answers[MARKET] = ["refuse"] * 20
    guard = world.kernel.guard

    await guard.close([trade], ExitReason.OWNER, D(1), "owner")
    await guard.close([trade], ExitReason.PANIC, D(1), "owner")
    await guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")

    row = await world.trade()
    assert row.exit_reason is ExitReason.OWNER and row.close_share is None and row.close_requests == 1


async def test_a_wish_to_close_gets_in_while_a_round_is_waiting() -> None:
    world = await opened()
    world.venue.next_answers[STOP] = ["refuse"] * 2
    locked = []

    async def sleep(seconds_: float) -> None:
        locked.append(world.kernel.executor._locks[SOL].locked())
        world.clock.advance(seconds_)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    await enter(world)

    assert locked and not any(locked)


@pytest.mark.parametrize("ahead_s", [3, 10, 45])
async def test_fills_are_found_though_our_clock_is_ahead_of_the_venues(ahead_s: float) -> None:
    world = World()
    world.venue.clock = VirtualClock(NOW - timedelta(seconds=ahead_s))
    await world.open()
    await world.hold()
    world.clock.advance(600)
    world.venue.clock.advance(600)
    world.venue.move(94)

    await world.settle()

    assert await world.trades() == () and len(await world.history()) == 1
