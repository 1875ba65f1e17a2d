"""Planted bugs: the engine as it must not be. The only place where our own code is replaced.

Each is a mistake that real bots were found to make; a storm that lets one through proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.errors import PerpilotError, Unknown
from core.money import ZERO
from core.ports import Result
from core.trade import Intention, IntentState, OrderKind, Purpose, Want
from core.trading import executor_rounds, lifecycle, looking, sending, steps
from core.trading.executor import Executor
from core.trading.ids import client_id
from core.trading.looking import Looker
from core.trading.steps import Abandon, Book, CancelOrder, Scene, Send, Step, Wait
from tests.simulation.flows import FLOWS

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    plant: Plant
    flows: tuple[str, ...]
    """Where it shows soonest."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        mutant.plant(patch)
        yield


def _skip_the_look(patch: pytest.MonkeyPatch) -> None:
    """After an unanswered request the last look is good enough for ever."""
    real = Looker.look
    kept: dict[tuple[int, str], Any] = {}

    async def look(self: Looker, trade: Any, intents: Any, rules: Any) -> Any:
        key = (id(self), trade.id)
        if key not in kept:
            kept[key] = await real(self, trade, intents, rules)
        return kept[key]

    patch.setattr(Looker, "look", look)


def _timeout_is_failure(patch: pytest.MonkeyPatch) -> None:
    """No answer: then it did not happen, and is recorded so."""
    real = Executor._send

    async def send(self: Any, trade: Any, intention: Intention, told: Any, cover: Any = None) -> None:
        await real(self, trade, intention, told, cover)
        rows = await self._journal.intentions(trade.id)
        row = next(r for r in rows if r.request.client_id == intention.request.client_id)
        if row.state is IntentState.SENT:
            await self._note(intention, IntentState.DEAD, "timeout")
            if intention.purpose is Purpose.ENTRY:
                await self._journal.abandon_trade(trade, "timeout", self._clock.now(), [])

    patch.setattr(Executor, "_send", send)


def _no_stop_check(patch: pytest.MonkeyPatch) -> None:
    """A stop that was sent once is taken to rest."""
    real = lifecycle.cover

    def cover(scene: Scene) -> Step | None:
        return None if scene.sent(Purpose.STOP) else real(scene)

    patch.setattr(lifecycle, "cover", cover)


def _cancel_before_place(patch: pytest.MonkeyPatch) -> None:
    """The old stop goes first; the new one follows when it can."""
    real = lifecycle.cover

    def cover(scene: Scene) -> Step | None:
        step = real(scene)
        resting = scene.resting(Purpose.STOP)
        if isinstance(step, Send) and resting:
            return CancelOrder(resting[0])
        return step

    patch.setattr(lifecycle, "cover", cover)


def _resend_the_entry(patch: pytest.MonkeyPatch) -> None:
    """Unknown after some seconds: another entry, with another number."""
    real = lifecycle._without_position

    def without(scene: Scene) -> Step:
        entries = scene.sent(Purpose.ENTRY)
        if entries and entries[-1].state is IntentState.SENT and scene.age_s(entries[-1]) > 1.0:
            trade, attempt = scene.trade, entries[-1].attempt + 1
            name = client_id(trade.account, trade.id, Purpose.ENTRY, attempt)
            request = replace(entries[-1].request, client_id=name)
            return Send(Intention(request, trade.id, Purpose.ENTRY, attempt, IntentState.SENT, scene.now))
        return real(scene)

    patch.setattr(lifecycle, "_without_position", without)


def _read_error_is_flat(patch: pytest.MonkeyPatch) -> None:
    """Whatever cannot be read is not there, and what is not there is over."""
    real = looking._twice

    async def twice(read: Any) -> Any:
        try:
            return await real(read)
        except (Unknown, PerpilotError):
            return None if isinstance(read, partial) else ()  # an order by its id, or a list

    patch.setattr(looking, "_twice", twice)
    patch.setattr(lifecycle, "AGREEING_LOOKS", 1)
    patch.setattr(lifecycle, "was_held", lambda scene: False)
    patch.setattr(lifecycle, "_never_filled", lambda scene, entry, order: Abandon("flat"))


def _send_unrecorded(patch: pytest.MonkeyPatch) -> None:
    """The request first, its record when there is time."""

    async def send(self: Any, trade: Any, intention: Intention, told: Any, cover: Any = None) -> None:
        outcome = await self._venue.submit(intention.request)
        await self._journal.intend(intention, told)
        if outcome.result is Result.DONE:
            await self._note(intention, IntentState.DONE, "")

    patch.setattr(Executor, "_send", send)


def _planned_size(patch: pytest.MonkeyPatch) -> None:
    """The position is as large as it was planned, whatever was filled."""
    real = lifecycle.next_step

    def next_step(trade: Any, intents: Any, seen: Any, rules: Any, now: Any) -> Step:
        if seen.position is not None and trade.want is Want.OPEN:
            seen = replace(seen, position=replace(seen.position, quantity=trade.quantity))
        return real(trade, intents, seen, rules, now)

    patch.setattr(executor_rounds, "next_step", next_step)


def _clear_on_one_look(patch: pytest.MonkeyPatch) -> None:
    """One look that shows no position ends the trade: orders go, the entry never was."""

    def without(scene: Scene) -> Step:
        if not scene.sent(Purpose.ENTRY):
            return lifecycle._enter(scene)
        for purpose in (Purpose.STOP, Purpose.TARGET):
            for order in scene.resting(purpose):
                return CancelOrder(order)
        if scene.sent(Purpose.STOP):
            return Abandon("flat") if not scene.moved(scene.trade.exit_side) else Book()
        return Wait("not filled yet") if scene.age_s(scene.sent(Purpose.ENTRY)[-1]) < 3 else Abandon("flat")

    patch.setattr(lifecycle, "_without_position", without)


def _book_without_fills(patch: pytest.MonkeyPatch) -> None:
    """Flat is flat: booked by the price of now, whatever fills are shown."""
    real = lifecycle._without_position

    def without(scene: Scene) -> Step:
        entered, left = scene.moved(scene.trade.entry_side), scene.moved(scene.trade.exit_side)
        return Book() if entered and left < entered else real(scene)

    async def book(self: Any, trade: Any, intents: Any, seen: Any) -> None:
        entries = [fill for fill in seen.fills if fill.side is trade.entry_side]
        size = sum((fill.quantity for fill in entries), ZERO)
        left = replace(
            entries[0], id="guess", side=trade.exit_side, quantity=size, price=seen.mark, fee=Decimal(0)
        )
        await real_book(self, trade, intents, replace(seen, fills=(*entries, left)))

    real_book = Executor._book
    patch.setattr(lifecycle, "_without_position", without)
    patch.setattr(Executor, "_book", book)


def _dead_at_once(patch: pytest.MonkeyPatch) -> None:
    """Not found twice: it never arrived, though the receive window is still open."""
    real = sending.prove_dead

    def prove(scene: Scene, intention: Intention) -> Step | None:
        rules = replace(scene.rules, dead_after_s=0.5)
        return real(replace(scene, rules=rules), intention)

    patch.setattr(lifecycle, "prove_dead", prove)
    patch.setattr(steps.Scene, "waited_s", steps.Scene.age_s)


def _exits_that_open(patch: pytest.MonkeyPatch) -> None:
    """An exit that is not reduce-only turns the position when it is repeated."""
    real = sending.reduce_only

    def reduce_only(scene: Scene, purpose: Any, attempt: int, kind: Any, *rest: Any) -> Intention:
        made = real(scene, purpose, attempt, kind, *rest)
        if kind is not OrderKind.MARKET:
            return made
        return replace(made, request=replace(made.request, reduce_only=False))

    patch.setattr(sending, "reduce_only", reduce_only)


def _leave_the_orders(patch: pytest.MonkeyPatch) -> None:
    """Booked, and the stop forgotten at the venue."""
    patch.setattr(lifecycle, "_clear_orders", lambda scene: None)
    patch.setattr("core.trading.guard.is_ours", lambda name: False)


ALL_IN = ("entry", "exit", "panic", "stop")
MUTANTS: Sequence[Mutant] = (
    Mutant("skip the look", _skip_the_look, ALL_IN),
    Mutant("a timeout is a failure", _timeout_is_failure, ALL_IN),
    Mutant("no check that the stop rests", _no_stop_check, ("entry", "hands")),
    Mutant("cancel before place", _cancel_before_place, ("trailing", "breaker")),
    Mutant("resend an unknown entry", _resend_the_entry, tuple(FLOWS)),
    Mutant("a read error is flat", _read_error_is_flat, ("entry", "trailing", "ladder")),
    Mutant("send before recording", _send_unrecorded, ALL_IN),
    Mutant("the planned size for the filled one", _planned_size, ("entry", "partial_exit", "hands")),
    Mutant("orders cleared on one look", _clear_on_one_look, tuple(FLOWS)),
    Mutant("booked without fills", _book_without_fills, ("exit", "stop", "ladder")),
    Mutant("dead before the receive window ends", _dead_at_once, ALL_IN),
    Mutant("exits that can open", _exits_that_open, ("exit", "panic", "breaker", "partial_exit")),
    Mutant("orders left behind", _leave_the_orders, ("exit", "panic")),
)
