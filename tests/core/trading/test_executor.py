"""Rounds over a real journal: what is recorded, sent, looked at again, booked and told."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from core.errors import JournalError, NotAllowed, PerpilotError, Throttled, Unknown
from core.market import Side
from core.notice import NoticeKind
from core.trade import ExitReason, FundingPayment, IntentState, OrderKind, OrderSide, Purpose
from core.trading.executor import Executor
from core.trading.steps import Abandon, Book, Rest, Wait
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.fakes import seconds
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


async def opened() -> World:
    return await World().open()


async def enter(world: World, side: Side = Side.LONG, **fields: Any) -> Any:
    return await world.kernel.executor.enter(await world.cleared(side, **fields), None, "test")


@pytest.mark.parametrize("side", list(Side))
async def test_an_entry_ends_covered_with_its_target_resting(side: Side) -> None:
    world = await opened()

    entered = await enter(world, side)

    trade = entered.trade
    (stop,), (target,) = world.venue.resting(STOP), world.venue.resting(TARGET)
    assert entered.step == Rest()
    assert [r.kind for r in world.venue.submitted] == [MARKET, STOP, TARGET]
    assert world.venue.held[SOL][:2] == (side, trade.quantity)
    assert (stop.trigger, stop.quantity, stop.side) == (trade.stop, trade.quantity, trade.exit_side)
    assert (target.trigger, target.side) == (trade.targets[0].price, trade.exit_side)
    assert stop.reduce_only and target.reduce_only
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
    "answers", [["refuse"], ["throttle"], ["lose"], ["mute"], ["drop"], ["lose", "refuse"]]
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


@pytest.mark.parametrize("answer", ["refuse", "throttle", "lose", "drop"])
async def test_a_position_that_cannot_be_protected_is_closed_within_seconds(answer: str) -> None:
    world = await opened()
    world.venue.next_answers[STOP] = [answer] * 50

    entered = await enter(world)
    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.UNPROTECTED and world.held == 0
    assert closed.closed_at - entered.trade.created_at < seconds(10)
    assert len(world.venue.sent(STOP)) == 3


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
    stops = world.venue.sent(STOP)
    assert world.venue.cancelled == [stops[0].client_id]


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


async def test_a_journal_that_cannot_record_the_intention_sends_nothing() -> None:
    world = await opened()

    def failing(point: str) -> None:
        if point == "journal.intend:before":
            raise JournalError("disk full")

    world.boot(failing)
    entered = await enter(world)
    world.boot()
    await world.settle()

    assert entered.fault == "disk full"
    assert len(world.venue.entries) <= 1 and (world.held == 0 or world.is_covered())


async def test_an_answer_that_could_not_be_recorded_closes_entries_until_it_is() -> None:
    world = await opened()
    broken = [True]

    def failing(point: str) -> None:
        if point == "journal.settle_intention:before" and broken[0]:
            raise JournalError("locked")

    world.boot(failing)
    world.venue.next_answers[MARKET] = ["refuse"]
    entered = await enter(world)
    was_unrecorded = world.kernel.executor.has_unrecorded
    with pytest.raises(NotAllowed, match="could not be recorded"):
        await enter(world, name="plan-2", symbol="BTC/USDT:USDT")
    broken[0] = False

    again = await enter(world, name="plan-3", symbol="ETH/USDT:USDT") if not was_unrecorded else None

    assert was_unrecorded and again is None
    assert isinstance(entered.step, Abandon)


async def test_a_kept_answer_is_written_down_by_the_next_round() -> None:
    world = await opened()
    broken = [True]

    def failing(point: str) -> None:
        if point == "journal.settle_intention:before" and broken[0]:
            raise JournalError("locked")

    world.boot(failing)
    await enter(world)
    was_unrecorded, broken[0] = world.kernel.executor.has_unrecorded, False

    await world.kernel.guard.watch()

    assert was_unrecorded and not world.kernel.executor.has_unrecorded
    assert all(i.state is IntentState.DONE for i in await world.journal.intentions("plan-1"))


@pytest.mark.parametrize("read", ["positions", "open_orders", "order", "fills"])
async def test_a_failing_read_concludes_nothing(read: str) -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.move(94)
    world.venue.failing = {read}
    if read == "order":
        world.kernel = world.boot()

    with pytest.raises(Unknown):
        await world.kernel.executor.advance(trade)
    world.venue.failing = set()
    step = await world.kernel.executor.advance(trade)

    assert isinstance(step, Book) and len(await world.history()) == 1


async def test_rules_of_an_instrument_that_cannot_be_read_again_are_remembered_for_guarding() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])

    async def silent(symbol: str) -> Any:
        raise Unknown("no rules")

    world.market.instrument = silent  # type: ignore[method-assign]
    step = await world.kernel.executor.advance(trade)

    assert step == Rest() and world.is_covered()


async def test_a_throttled_venue_is_not_looked_at_in_haste() -> None:
    world = await opened()
    trade = await world.hold()

    async def throttled() -> Any:
        raise Throttled("banned for a minute")

    world.venue.positions = throttled  # type: ignore[method-assign]
    with pytest.raises(Throttled):
        await world.kernel.executor.advance(trade)

    assert not world.kernel.executor.is_restless


async def test_a_cancellation_that_never_shows_is_not_repeated_in_a_rush() -> None:
    world = await opened()
    trade = await world.hold()
    world.clock.advance(60)
    world.venue.by_hand(OrderSide.SELL, D("0.5"))
    real = world.venue.cancel

    async def deaf(symbol: str, client_id: str) -> Any:
        world.venue.cancelled.append(client_id)
        return (await real(symbol, "nothing")).__class__(result=_unknown())

    world.venue.cancel = deaf  # type: ignore[method-assign]
    await world.kernel.executor.advance(trade)

    asked = [name for name in world.venue.cancelled if name != "nothing"]
    assert 1 <= len(asked) <= 4


def _unknown() -> Any:
    from core.ports import Result

    return Result.UNKNOWN


async def test_what_was_remembered_of_a_trade_is_forgotten_with_it() -> None:
    world = await opened()
    for number in range(3):
        await world.hold(name=f"plan-{number}")
        world.venue.move(94)
        await world.kernel.guard.watch()
        world.venue.move(100)
        world.clock.advance(100)
    await world.kernel.guard.watch()

    executor: Executor = world.kernel.executor
    assert executor._looker._views == {} and executor._looker._finished == {}
    assert executor._unsettled == set() and executor._unrecorded == {}


async def test_a_step_is_logged_in_short_facts(caplog: pytest.LogCaptureFixture) -> None:
    world = await opened()

    with caplog.at_level(logging.INFO, logger="perpilot.executor"):
        await enter(world)

    steps = [r.getMessage() for r in caplog.records if r.getMessage().startswith("step:")]
    stop = next(line for line in steps if "purpose=stop" in line)
    assert "attempt=0 side=sell qty=" in stop and "trigger=95" in stop
    assert max(map(len, steps)) < 160


async def test_two_targets_are_served_one_after_the_other() -> None:
    world = await opened()
    await world.hold(target_fractions=((D("0.08"), D("0.5")), (D("0.12"), D("0.5"))))
    world.clock.advance(60)
    world.venue.move(109)
    await world.kernel.guard.watch()
    halfway = (world.held, world.is_covered())
    world.venue.move(113)

    await world.kernel.guard.watch()

    (closed,) = await world.history()
    assert halfway == (closed.quantity / 2, True)
    assert closed.exit_reason is ExitReason.TARGET and world.venue.resting() == []


async def test_a_trade_that_is_over_rests() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.move(94)
    await world.kernel.guard.watch()

    assert await world.kernel.executor.advance(trade) == Rest()
    assert await world.kernel.executor.change(trade, lambda row: (row, [])) is None


async def test_a_loop_of_ours_ends_with_an_error_not_with_an_order_storm() -> None:
    world = await opened()
    trade = await world.hold()
    flip = [D(0)]

    async def restless() -> Any:
        flip[0] += 1
        return tuple(
            p.__class__(**{f: getattr(p, f) for f in p.__slots__} | {"quantity": D(1) + flip[0]})
            for p in [world.venue.position(SOL)]
        )

    world.venue.positions = restless  # type: ignore[method-assign]
    with pytest.raises(PerpilotError, match="did not bring"):
        await world.kernel.executor.advance(trade)

    assert len(world.venue.submitted) < 45
    assert (await world.journal.open_trades(PAPER)) != ()
