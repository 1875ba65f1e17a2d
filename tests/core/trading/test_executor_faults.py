"""A journal or a venue that fails: nothing is sent unrecorded, nothing is concluded unseen."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from core.errors import JournalError, NotAllowed, PerpilotError, Throttled, Unknown
from core.market import Side
from core.trade import ExitReason, IntentState, OrderKind, OrderSide
from core.trading.executor import Executor
from core.trading.steps import Abandon, Book, Rest
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


async def opened() -> World:
    return await World().open()


async def enter(world: World, side: Side = Side.LONG, **fields: Any) -> Any:
    return await world.kernel.executor.enter(await world.cleared(side, **fields), None, "test")


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
    assert "attempt=0 side=sell qty=" in stop and "trigger=9" in stop
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


async def test_a_sight_that_cannot_be_recorded_keeps_no_stop_back_and_moves_none() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])
    world.venue.move(107)  # a new best price, which would let the stop trail

    def failing(point: str) -> None:
        if point == "journal.update_trade:before":
            raise JournalError("locked")

    world.boot(failing)
    await world.kernel.executor.advance(trade)

    assert world.is_covered()
    assert [stop.trigger for stop in world.venue.resting(STOP)] == [trade.stop]


async def test_a_throttled_venue_is_asked_again_soon_about_a_position_that_is_bare() -> None:
    world = await opened()
    trade = await world.hold()
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])
    world.venue.next_answers[STOP] = ["throttle"] * 9
    executor = world.kernel.executor
    await executor._round(trade)
    real = world.venue.positions

    async def throttled() -> Any:
        raise Throttled("banned for a moment")

    world.venue.positions = throttled  # type: ignore[method-assign]
    with pytest.raises(Throttled):
        await executor.advance(trade)
    was_restless = executor.is_restless
    world.venue.positions = real  # type: ignore[method-assign]

    assert was_restless and world.is_bare()
