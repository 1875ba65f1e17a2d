"""Asks all advisers at once under one deadline.

Laws:
- Silence counts: late, crashed or lost is an `Abstention` with its reason, never an error of the decision.
- Nobody waits for a listener: a slow or broken `heard` costs at most `LISTENER_GRACE_S` at the end.
- When `ask` returns, raises or is cancelled, no task of it is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from core.advice.verdict import NOT_ASKED
from core.opinion import Abstention, Brief, Opinion, Silence
from core.ports import Adviser, Clock

log = logging.getLogger("perpilot.advisers")

Answer = Opinion | Abstention
Listener = Callable[[Answer], Awaitable[None]]

LISTENER_GRACE_S = 2.0
"""For a progress message that is still being edited when the last answer is in."""


class ParallelPanel:
    """An `AdviserPanel`. The deadline runs on the clock's time."""

    def __init__(self, advisers: Sequence[Adviser], clock: Clock, deadline_s: float) -> None:
        if len({adviser.name for adviser in advisers}) != len(advisers):
            raise ValueError(f"advisers share a name: {[adviser.name for adviser in advisers]}")
        self._advisers = tuple(advisers)
        self._clock = clock
        self._deadline_s = deadline_s

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(adviser.name for adviser in self._advisers)

    async def ask(
        self, brief: Brief, heard: Listener | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        """Answers in the advisers' order, whatever order they came in."""
        if not self._advisers:
            return (), ()
        asked = {
            adviser.name: asyncio.create_task(
                adviser.ask(brief, self._deadline_s), name=f"ask {adviser.name}"
            )
            for adviser in self._advisers
        }
        listening: list[asyncio.Task[None]] = []
        bell = asyncio.create_task(self._clock.sleep(self._deadline_s), name="advisers' deadline")
        try:
            answers = await self._collect(asked, bell, heard, listening)
            await let_listen(listening, self._clock)
        finally:
            await end([*asked.values(), bell, *listening])
            report_broken(listening)
        return _sorted([answers[name] for name in asked])

    async def _collect(
        self,
        asked: dict[str, asyncio.Task[Answer]],
        bell: asyncio.Task[None],
        heard: Listener | None,
        listening: list[asyncio.Task[None]],
    ) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        while len(answers) < len(asked):
            waiting: list[asyncio.Task[Any]] = [bell]
            waiting += [task for name, task in asked.items() if name not in answers]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            is_late = bell.done()
            for name, task in asked.items():
                if name in answers or not (task.done() or is_late):
                    continue
                answers[name] = self._outcome(name, task)
                if heard is not None:
                    listening.append(asyncio.create_task(tell(heard, answers[name])))
        return answers

    def _outcome(self, name: str, task: asyncio.Task[Answer]) -> Answer:
        """What a finished or late task stands for."""
        if not task.done():
            log.warning("adviser late: adviser=%s deadline_s=%g", name, self._deadline_s)
            return Abstention(name, Silence.DEADLINE, f"no answer within {self._deadline_s:g} s")
        if task.cancelled():
            log.error("adviser cancelled itself: adviser=%s", name)
            return Abstention(name, Silence.FAILED, "cancelled from inside")
        if (error := task.exception()) is not None:
            log.error("adviser crashed: adviser=%s error=%s", name, type(error).__name__, exc_info=error)
            return Abstention(name, Silence.FAILED, type(error).__name__)
        answer = task.result()
        if isinstance(answer, Abstention):
            level = logging.INFO if answer.why in NOT_ASKED else logging.WARNING
            words = "adviser abstained: adviser=%s why=%s detail=%s"
            log.log(level, words, name, answer.why.value, answer.detail)
        return answer


async def let_listen(listening: Sequence[asyncio.Task[None]], clock: Clock) -> None:
    grace = asyncio.create_task(clock.sleep(LISTENER_GRACE_S), name="listeners' grace")
    try:
        while not grace.done() and (waiting := [task for task in listening if not task.done()]):
            await asyncio.wait([*waiting, grace], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end([grace])


async def tell(heard: Listener, answer: Answer) -> None:
    await heard(answer)


async def end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancels what still runs, waits for all of it and takes notice of what failed."""
    for task in tasks:
        if not task.done():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def report_broken(listening: Iterable[asyncio.Task[None]]) -> None:
    for task in listening:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("listener failed: error=%s", type(error).__name__, exc_info=error)


def _sorted(answers: Sequence[Answer]) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
    opinions = tuple(answer for answer in answers if isinstance(answer, Opinion))
    abstentions = tuple(answer for answer in answers if isinstance(answer, Abstention))
    return opinions, abstentions
