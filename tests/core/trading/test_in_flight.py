"""A request that has left is heard out, and its answer written down, whoever has stopped waiting for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from core.notice import NoticeKind
from core.ports import Outcome, Result
from core.trade import ExitReason, IntentState, OrderKind, OrderRequest, Purpose, Want
from tests.core.builders import SOL, D
from tests.core.trading.fakes import FakeVenue
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET


class SlowVenue(FakeVenue):
    """Takes orders at once, and answers when it is let."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.may_answer = asyncio.Event()
        self.has_left = asyncio.Event()
        self.breaks: BaseException | None = None

    async def submit(self, request: OrderRequest) -> Outcome:
        outcome = await super().submit(request)
        self.has_left.set()
        await self.may_answer.wait()
        if self.breaks is not None:
            raise self.breaks
        return outcome


class PatientClock:
    """A clock whose waits end only when a test lets them."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.is_over = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    async def sleep(self, seconds: float) -> None:
        await self.is_over.wait()


async def leaving() -> tuple[World, SlowVenue, PatientClock, asyncio.Task[Any]]:
    """An entry has left, is taken by the venue and not answered; whoever sent it is cancelled."""
    world = await World().open()
    world.venue = venue = SlowVenue(world.clock, world.market)
    cleared = await world.cleared()
    world.boot()
    clock = PatientClock(world.clock)
    world.kernel.executor._in_flight._clock = clock  # type: ignore[assignment]
    sender = asyncio.ensure_future(world.kernel.executor.enter(cleared, None, "test"))
    await venue.has_left.wait()
    sender.cancel()
    await asyncio.wait([sender])
    return world, venue, clock, sender


async def state_of_entry(world: World) -> IntentState:
    (entry,) = await world.intents(Purpose.ENTRY)
    return entry.state


async def test_an_answer_that_does_not_come_in_time_is_reported_missing_and_stays_unknown() -> None:
    world, venue, clock, sender = await leaving()
    clock.is_over.set()

    missing = await world.kernel.executor.settle_in_flight(5.0)
    state = await state_of_entry(world)
    venue.may_answer.set()
    clock.is_over.clear()

    assert sender.cancelled()
    assert (missing, state) == (1, IntentState.SENT)
    assert await world.kernel.executor.settle_in_flight(5.0) == 0


async def test_an_answer_that_comes_after_the_sender_was_cancelled_is_recorded() -> None:
    world, venue, _clock, sender = await leaving()
    settling = asyncio.ensure_future(world.kernel.executor.settle_in_flight(5.0))
    before = await state_of_entry(world)
    venue.may_answer.set()

    missing = await settling

    assert sender.cancelled() and before is IntentState.SENT
    assert missing == 0 and await state_of_entry(world) is IntentState.DONE


async def test_with_nothing_on_its_way_nothing_is_waited_for_and_no_task_is_left() -> None:
    world = await World().open()
    world.kernel.executor._in_flight._clock = PatientClock(world.clock)  # type: ignore[assignment]

    missing = await world.kernel.executor.settle_in_flight(5.0)
    await asyncio.sleep(0)

    assert missing == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_no_task_is_left_once_an_answer_was_heard_out() -> None:
    world, venue, _clock, _sender = await leaving()
    venue.may_answer.set()

    await world.kernel.executor.settle_in_flight(5.0)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}


class Torn(BaseException):
    """Nothing that anybody catches."""


async def test_whatever_breaks_a_request_that_nobody_waits_for_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, venue, _clock, _sender = await leaving()
    venue.breaks = Torn("in the middle")
    venue.may_answer.set()

    with caplog.at_level(logging.ERROR, logger="perpilot.executor"):
        missing = await world.kernel.executor.settle_in_flight(5.0)

    assert missing == 0
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [venue.breaks]


async def test_a_cancellation_that_has_left_is_waited_for_too() -> None:
    world = await World().open()
    trade = await world.hold()
    gate, left = asyncio.Event(), asyncio.Event()
    real = world.venue.cancel

    async def slow(symbol: str, client_id: str) -> Any:
        left.set()
        await gate.wait()
        return await real(symbol, client_id)

    world.venue.cancel = slow  # type: ignore[method-assign]
    stops = world.venue.resting(STOP)
    asking = asyncio.ensure_future(world.kernel.executor._cancel(stops[0]))
    await left.wait()
    asking.cancel()
    await asyncio.wait([asking])
    gate.set()
    world.kernel.executor._in_flight._clock = PatientClock(world.clock)  # type: ignore[assignment]

    assert await world.kernel.executor.settle_in_flight(5.0) == 0
    assert world.venue.resting(STOP) == [] and trade.id


async def test_a_late_refusal_does_not_undo_what_was_wanted_meanwhile() -> None:
    world = await World().open()
    trade = await world.hold()
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])
    gate, left = asyncio.Event(), asyncio.Event()

    async def refusing(request: OrderRequest) -> Outcome:
        left.set()
        await gate.wait()
        return Outcome(Result.REFUSED, code="-1")

    world.venue.submit = refusing  # type: ignore[method-assign]
    guarding = asyncio.ensure_future(world.kernel.executor.advance(trade))
    await left.wait()
    guarding.cancel()
    await asyncio.wait([guarding])
    await world.kernel.executor.want_closed(trade, ExitReason.OWNER, D(1), "owner")
    gate.set()
    world.kernel.executor._in_flight._clock = PatientClock(world.clock)  # type: ignore[assignment]
    await world.kernel.executor.settle_in_flight(5.0)

    assert (await world.trade()).want is Want.CLOSED
    assert await world.told(NoticeKind.NAKED)


async def test_what_must_be_closed_is_closed_by_the_look_that_said_so() -> None:
    world = await World().open()
    trade = await world.hold()
    world.market.prices[SOL] = D(94)  # past the stop, which the venue did not execute
    looks = []
    real = world.venue.positions

    async def counted() -> Any:
        looks.append(len(world.venue.sent(OrderKind.MARKET)))
        return await real()

    world.venue.positions = counted  # type: ignore[method-assign]

    await world.kernel.executor.advance(trade)

    assert looks[:2] == [0, 1]


async def test_a_cancelled_sender_leaves_no_bare_position_behind() -> None:
    world, venue, _clock, _sender = await leaving()
    settling = asyncio.ensure_future(world.kernel.executor.settle_in_flight(5.0))
    await asyncio.sleep(0)
    venue.may_answer.set()

    missing = await settling

    assert missing == 0 and not world.is_bare()


async def test_the_stop_that_follows_the_answer_is_waited_for_while_it_is_only_being_written_down() -> None:
    world = await World().open()
    cleared, executor = await world.cleared(), world.kernel.executor
    may_write, is_writing = asyncio.Event(), asyncio.Event()

    async def hook(point: str) -> None:
        intents = await world.intents(Purpose.ENTRY)
        if point == "journal.intend:before" and intents:
            is_writing.set()
            await may_write.wait()

    executor._journal = SlowIntents(world.journal, hook)  # type: ignore[assignment]
    executor._in_flight._clock = PatientClock(world.clock)  # type: ignore[assignment]
    entering = asyncio.ensure_future(executor.enter(cleared, None, "owner"))
    await is_writing.wait()
    settling = asyncio.ensure_future(executor.settle_in_flight(5.0))
    await asyncio.sleep(0.01)
    is_early = settling.done()
    may_write.set()

    assert not is_early and await settling == 0
    assert not world.is_bare()
    await entering


class SlowIntents:
    """A journal that asks before an intention is written."""

    def __init__(self, journal: Any, hook: Any) -> None:
        self._journal = journal
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def intend(self, intention: Any, told: Any = ()) -> None:
        await self._hook("journal.intend:before")
        await self._journal.intend(intention, told)
