"""Entering over a real journal: recorded, sent once, found again, covered, or given up."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import NotAllowed
from core.market import Side
from core.notice import NoticeKind
from core.trade import ExitReason, IntentState, OrderKind, Purpose
from core.trading.steps import Abandon, Rest, Wait
from tests.core.builders import SOL, D
from tests.core.trading.fakes import seconds
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


async def opened() -> World:
    return await World().open()


async def enter(world: World, side: Side = Side.LONG, **fields: Any) -> Any:
    return await world.kernel.executor.enter(await world.cleared(side, **fields), None, "test")


@pytest.mark.parametrize("side", list(Side))
async def test_an_entry_ends_covered_with_its_targets_resting(side: Side) -> None:
    world = await opened()

    entered = await enter(world, side)

    trade = entered.trade
    (stop,), targets = world.venue.resting(STOP), world.venue.resting(TARGET)
    assert entered.step == Rest()
    assert [r.kind for r in world.venue.submitted] == [MARKET, STOP, TARGET, TARGET]
    assert world.venue.held[SOL][:2] == (side, trade.quantity)
    assert (stop.trigger, stop.quantity, stop.side) == (trade.stop, trade.quantity, trade.exit_side)
    assert [target.trigger for target in targets] == [target.price for target in trade.targets]
    assert sum(target.quantity for target in targets) == trade.quantity
    assert all(order.reduce_only and order.side is trade.exit_side for order in (stop, *targets))
    assert await world.told() == [f"{trade.id}:sent"]


async def test_the_same_plan_is_entered_once() -> None:
    world = await opened()
    cleared = await world.cleared()

    first = await world.kernel.executor.enter(cleared, None, "test")
    second = await world.kernel.executor.enter(cleared, None, "test")

    assert first is not None and second is None
    assert len(world.venue.entries) == 1


async def test_another_plan_on_a_symbol_with_an_open_trade_is_not_entered() -> None:
    world = await opened()
    await enter(world)

    assert await enter(world, name="plan-2") is None
    assert len(world.venue.entries) == 1


async def test_nothing_is_recorded_when_entries_are_closed() -> None:
    world = await opened()
    world.kernel.gate.close("pause", "paused by owner")

    with pytest.raises(NotAllowed, match="paused by owner"):
        await enter(world)

    assert await world.trades() == () and world.venue.submitted == []


async def test_a_pause_between_recording_and_sending_stops_the_entry() -> None:
    world = await opened()

    def pausing(point: str) -> None:
        if point == "journal.open_trade:after":
            world.kernel.gate.close("pause", "paused by owner")

    world.boot(pausing)
    entered = await enter(world)

    assert isinstance(entered.step, Abandon) and "paused by owner" in entered.step.reason
    assert world.venue.submitted == [] and await world.trades() == ()
    assert "plan-1:failed" in await world.told()


@pytest.mark.parametrize("applied", [1, 4, 6])
async def test_a_leverage_that_is_not_the_plans_is_no_entry(applied: int) -> None:
    world = await opened()
    world.venue.applied_leverage = applied

    with pytest.raises(NotAllowed, match=f"applied {applied}x"):
        await enter(world)

    assert await world.trades() == ()


@pytest.mark.parametrize("answer", ["refuse", "throttle"])
async def test_a_refused_entry_is_abandoned_and_told(answer: str) -> None:
    world = await opened()
    world.venue.next_answers[MARKET] = [answer]

    entered = await enter(world)

    assert isinstance(entered.step, Abandon) and answer in entered.step.reason
    assert await world.told() == ["plan-1:sent", "plan-1:failed"]
    assert await world.trades() == () and len(world.venue.entries) == 1


async def test_a_venue_that_forbids_trading_closes_entries_and_calls_the_owner() -> None:
    world = await opened()
    world.venue.next_answers[MARKET] = ["forbid"]

    await enter(world)

    assert world.kernel.gate.is_closed_by("venue")
    assert "plan-1:forbidden" in await world.told(NoticeKind.SYSTEM)


async def test_an_entry_whose_answer_was_lost_is_found_covered_and_not_sent_again() -> None:
    world = await opened()
    world.venue.next_answers[MARKET] = ["mute"]

    entered = await enter(world)

    (intention,) = await world.intents(Purpose.ENTRY)
    assert entered.step == Rest() and intention.state is IntentState.DONE
    assert len(world.venue.entries) == 1 and world.is_covered()


async def test_an_entry_that_never_arrived_is_given_up_after_the_window_and_never_resent() -> None:
    world = await opened()
    world.venue.next_answers[MARKET] = ["lose"]

    entered = await enter(world)
    restless = world.kernel.executor.is_restless
    await world.settle()

    assert isinstance(entered.step, Wait) and restless
    assert (world.clock.now() - entered.trade.created_at) > seconds(15)
    assert await world.trades() == () and len(world.venue.entries) == 1
    assert "plan-1:failed" in await world.told()
    assert not world.kernel.executor.is_restless


async def test_an_accepted_entry_that_a_lagging_venue_hides_is_not_given_up() -> None:
    world = await opened()
    world.venue.flat_looks = world.venue.blind_orders = 4
    world.venue.hidden_fills = True

    entered = await enter(world)
    world.venue.hidden_fills = False
    await world.settle()

    assert not isinstance(entered.step, Abandon)
    assert world.is_covered() and world.held == entered.trade.quantity
    assert len(world.venue.entries) == 1


@pytest.mark.parametrize(
    "answers", [["refuse"], ["throttle"], ["lose"], ["mute"], ["drop"], ["lose", "mute"]]
)
async def test_a_stop_that_fails_at_first_is_placed_in_the_same_call(answers: list[str]) -> None:
    world = await opened()
    world.venue.next_answers[STOP] = answers

    entered = await enter(world)

    assert entered.step == Rest() and world.is_covered()
    assert (world.clock.now() - entered.trade.created_at) < seconds(6)


async def test_a_refused_stop_is_told_as_naked() -> None:
    world = await opened()
    world.venue.next_answers[STOP] = ["refuse"]

    await enter(world)

    assert await world.told(NoticeKind.NAKED) == ["plan-1:naked:0"]


@pytest.mark.parametrize(("answer", "tries"), [("refuse", 2), ("throttle", 5), ("lose", 3), ("drop", 3)])
async def test_a_position_that_cannot_be_protected_is_closed_within_seconds(answer: str, tries: int) -> None:
    world = await opened()
    world.venue.next_answers[STOP] = [answer] * 50

    entered = await enter(world)
    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.UNPROTECTED and world.held == 0
    assert closed.closed_at - entered.trade.created_at < seconds(10)
    assert len(world.venue.sent(STOP)) == tries


async def test_a_price_beyond_the_stop_right_after_the_entry_closes_at_market() -> None:
    world = await opened()

    def gap(point: str) -> None:
        if point == "venue.submit:after" and len(world.venue.submitted) == 1:
            world.market.prices[SOL] = D(94)

    world.boot(gap)
    await enter(world)
    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.SOFTWARE_STOP and world.held == 0
