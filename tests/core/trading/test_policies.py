"""What a tripped breaker does to open positions: over crashes, beside wishes, through the real guard."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import JournalError, Unknown
from core.journal import BreakerEvent
from core.market import Side
from core.risk.breakers import DRAWDOWN, FUNDING_EXTREME, LIQUIDATION_RISK, NAMES, PRICE_SHOCK
from core.risk.limits import BreakerLimits, Policy
from core.trade import ExitReason, OrderKind, OrderSide, StopBy, Want
from tests.core.builders import BTC, PAPER, D
from tests.core.trading.fakes import Crash
from tests.core.trading.world import World

NAME = FUNDING_EXTREME
"""Nothing in these worlds measures funding, so that its breaker stays open until somebody clears it."""


def policies(policy: Policy, *names: str) -> BreakerLimits:
    return BreakerLimits(policies=tuple((name, policy) for name in names or (NAME,)))


async def a_world(policy: Policy, **limits: Any) -> World:
    return await World(breakers=policies(policy), **limits).open()


async def trip(world: World, name: str = NAME) -> BreakerEvent:
    """As the keeper would have: the event is in the journal, and the process that wrote it is gone."""
    event = BreakerEvent(0, PAPER, name, "1", "1", "entries stopped", world.clock.now())
    assert await world.journal.trip_breaker(event, [])
    world.boot()
    world.market.background = unknown_funding  # type: ignore[method-assign]
    return event


async def unknown_funding(symbol: str) -> Any:
    raise Unknown("no funding facts")


@pytest.mark.parametrize("side", list(Side))
async def test_tighten_halves_the_way_to_the_price_once_per_trip(side: Side) -> None:
    world = await a_world(Policy.TIGHTEN)
    before = await world.hold(side)
    await trip(world)

    await world.settle()
    first = await world.trade()
    await world.settle()
    world.boot()
    await world.settle()

    wanted = (before.stop + 100) / 2
    assert abs(first.stop - wanted) <= D("0.1") and first.stop_by is StopBy.BREAKER
    assert (first.stop - before.stop) * side.sign > 0
    after = await world.trade()
    assert after.stop == first.stop and after.planned_stop == before.stop
    assert len(after.breakers_done) == 1
    assert world.is_covered() and world.venue.resting(OrderKind.STOP_MARKET)[0].trigger == after.stop


async def test_another_trip_tightens_again() -> None:
    world = await a_world(Policy.TIGHTEN)
    await world.hold()
    await trip(world)
    await world.settle()
    first = await world.trade()
    await world.kernel.keeper.acknowledge(NAME, "owner")
    world.clock.advance(60)
    await trip(world)

    await world.settle()

    second = await world.trade()
    assert second.stop > first.stop and len(second.breakers_done) == 2


async def test_hold_leaves_everything_as_it_is() -> None:
    world = await a_world(Policy.HOLD)
    before = await world.hold()
    await trip(world)

    await world.settle()

    after = await world.trade()
    assert (after.stop, after.want, after.breakers_done) == (before.stop, Want.OPEN, ())
    assert world.is_covered()


@pytest.mark.parametrize("side", list(Side))
async def test_flatten_closes_every_position_and_says_why(side: Side) -> None:
    world = await a_world(Policy.FLATTEN, max_open_positions=2)
    await world.hold(side)
    await world.hold(side, name="plan-2", symbol=BTC)
    await trip(world)

    await world.settle()

    assert world.held == 0 and await world.trades() == ()
    assert [row.exit_reason for row in await world.history()] == [ExitReason.BREAKER] * 2


@pytest.mark.parametrize(
    "point", ["journal.update_trade:before", "journal.update_trade:after", "venue.submit:before"]
)
async def test_flattening_goes_on_where_the_process_died(point: str) -> None:
    world = await a_world(Policy.FLATTEN)
    await world.hold()
    await trip(world)
    calls = iter([point])

    def dies(name: str) -> None:
        if name == point and next(calls, None):
            raise Crash

    world.boot(dies)
    with pytest.raises(Crash):
        await world.settle()
    await world.restart()
    await world.settle()

    assert world.held == 0
    assert [row.exit_reason for row in await world.history()] == [ExitReason.BREAKER]


@pytest.mark.parametrize("point", ["journal.update_trade:before", "journal.update_trade:after"])
async def test_a_crash_around_tightening_tightens_once_all_the_same(point: str) -> None:
    world = await a_world(Policy.TIGHTEN)
    before = await world.hold()
    await trip(world)
    calls = iter([point])

    def dies(name: str) -> None:
        if name == point and next(calls, None):
            raise Crash

    world.boot(dies)
    with pytest.raises(Crash):
        await world.settle()
    await world.restart()
    await world.settle()

    after = await world.trade()
    assert abs(after.stop - (before.stop + 100) / 2) <= D("0.1")
    assert world.is_covered()


async def test_a_venue_that_is_down_delays_flattening_and_does_not_end_it() -> None:
    world = await a_world(Policy.FLATTEN)
    await world.hold()
    await trip(world)
    world.venue.failing = {"positions", "open_orders", "order", "fills", "balance"}
    await world.kernel.guard.watch()
    wanted = (await world.trade()).want
    world.venue.failing = set()

    await world.settle()

    assert wanted is Want.CLOSED and world.held == 0


async def test_one_trade_that_cannot_be_closed_stops_no_other() -> None:
    world = await a_world(Policy.FLATTEN, max_open_positions=2)
    await world.hold(name="plan-1")
    await world.hold(name="plan-2", symbol=BTC)
    await trip(world)
    calls = iter(["one"])

    def fails(point: str) -> None:
        if point == "journal.intend:before" and next(calls, None):
            raise JournalError("locked")

    world.boot(fails)
    await world.kernel.guard.watch()

    assert len(await world.trades()) == 1
    await world.settle()
    assert world.held == 0


async def test_a_wish_to_close_that_was_made_already_keeps_its_reason() -> None:
    world = await a_world(Policy.FLATTEN)
    trade = await world.hold()
    await world.kernel.executor.want_closed(trade, ExitReason.OWNER, D(1), "owner")
    await trip(world)

    await world.settle()

    assert [row.exit_reason for row in await world.history()] == [ExitReason.OWNER]


async def test_a_part_that_the_owner_asked_to_close_is_closed_first() -> None:
    world = await a_world(Policy.FLATTEN)
    trade = await world.hold()
    await world.kernel.executor.want_closed(trade, ExitReason.OWNER, D("0.5"), "owner")
    await trip(world)

    await world.settle()

    exits = [request.quantity for request in world.venue.sent(OrderKind.MARKET)]
    assert world.held == 0 and len(exits) == 2 and sum(exits) == trade.quantity


async def test_what_is_opened_by_hand_of_the_owner_is_never_flattened() -> None:
    world = await a_world(Policy.FLATTEN)
    world.venue.by_hand(OrderSide.BUY, 3)
    await trip(world)

    await world.settle()

    assert world.held == 3


async def test_a_stop_that_is_tighter_already_is_not_loosened() -> None:
    world = await a_world(Policy.TIGHTEN)
    trade = await world.hold()
    moved, _ = await world.kernel.executor.move_stop(trade, D("99.5"), StopBy.OWNER, may_loosen=False)
    assert moved
    await world.settle()
    await trip(world)

    await world.settle()

    assert (await world.trade()).stop >= D("99.5") and world.is_covered()


async def test_a_near_liquidation_trips_and_tightens_by_default() -> None:
    world = await World().open()
    before = await world.hold()
    world.venue.liquidation_distance = D("0.08")
    world.venue.move(97)

    await world.settle()

    after = await world.trade()
    assert [event.name for event in world.kernel.keeper.open_events] == [LIQUIDATION_RISK]
    assert abs(after.stop - (before.stop + 97) / 2) <= D("0.1") and world.is_covered()


def test_only_drawdown_and_liquidation_risk_act_by_default() -> None:
    acting = {name: BreakerLimits().policy(name) for name in NAMES}

    assert {name for name, policy in acting.items() if policy is not Policy.HOLD} == {
        DRAWDOWN,
        LIQUIDATION_RISK,
    }
    assert acting[PRICE_SHOCK] is Policy.HOLD and acting[DRAWDOWN] is Policy.TIGHTEN
