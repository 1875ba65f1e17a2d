"""What the owner and the venue do at the exchange itself, seen from what the exchange shows."""

from __future__ import annotations

import pytest

from core.errors import NotAllowed
from core.market import Side
from core.notice import NoticeKind
from core.ports import Outcome
from core.risk.breakers import DAILY_LOSS
from core.trade import ExitReason, OrderKind, OrderRequest, OrderSide
from tests.core.builders import SOL, D, an_order, an_order_request
from tests.core.trading.world import World

ETH = "ETH/USDT:USDT"
STOP, MARKET = OrderKind.STOP_MARKET, OrderKind.MARKET


@pytest.mark.parametrize("side", list(Side))
async def test_leverage_raised_in_the_app_is_seen_by_the_liquidation_price_it_brings(side: Side) -> None:
    world = await World().open()
    await world.hold(side)
    world.venue.liquidation_distance = D("0.04")

    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.LIQUIDATION_GUARD and world.held == 0


async def test_a_stop_of_the_owners_own_is_left_alone_and_ours_rests_beside_it() -> None:
    world = await World().open()
    trade = await world.hold()
    (ours,) = world.venue.resting(STOP)
    theirs = an_order(
        an_order_request(
            client_id="by-hand", kind=STOP, side=trade.exit_side, quantity=trade.quantity, trigger=trade.stop
        )
    )
    world.venue.orders["by-hand"] = theirs
    world.venue.cancel_by_hand(ours)
    world.clock.advance(60)

    await world.settle()

    names = {order.client_id for order in world.venue.resting(STOP)}
    assert len(names) == 2 and "by-hand" in names
    assert "by-hand" not in world.venue.cancelled


async def test_a_close_that_finds_the_position_closed_already_books_it_and_ends() -> None:
    world = await World().open()
    trade = await world.hold()
    world.clock.advance(60)
    real = world.venue.submit

    async def first_the_owner(request: OrderRequest) -> Outcome:
        if request.kind is MARKET and world.held:
            world.venue.by_hand(OrderSide.SELL, trade.quantity)
        return await real(request)

    world.venue.submit = first_the_owner  # type: ignore[method-assign]
    await world.kernel.guard.close([trade], ExitReason.OWNER, D(1), "owner")
    await world.settle()

    (closed,) = await world.history()
    exits = world.venue.sent(MARKET)
    assert closed.exit_reason is ExitReason.OUTSIDE and world.venue.resting() == []
    assert len(exits) == 1 and set(world.venue.held) == set()


async def test_a_liquidation_trips_the_days_loss_breaker() -> None:
    world = await World(daily_loss=D("0.05")).open()
    await world.kernel.keeper.look()
    await world.hold()
    world.clock.advance(60)
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])
    world.market.prices[SOL] = D(75)
    world.venue.liquidate()

    await world.settle()

    (closed,) = await world.history()
    account = await world.kernel.keeper.look()
    assert closed.exit_reason is ExitReason.LIQUIDATED
    assert DAILY_LOSS in account.open_breakers
    assert len(await world.told(NoticeKind.BREAKER_TRIPPED)) >= 1


async def test_a_key_that_may_no_longer_trade_ends_entries_and_not_the_guarding() -> None:
    world = await World(max_open_positions=2).open()
    await world.hold()
    world.venue.next_answers[MARKET] = ["forbid"]
    await world.kernel.executor.enter(await world.cleared(name="plan-2", symbol=ETH), None, "test")
    sent = len(world.venue.entries)
    with pytest.raises(NotAllowed, match="forbids trading"):
        await world.kernel.executor.enter(await world.cleared(name="plan-3", symbol=ETH), None, "test")
    world.clock.advance(60)
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])

    await world.settle()

    assert world.kernel.gate.is_closed_by("venue")
    assert len(world.venue.entries) == sent
    assert world.is_covered()
