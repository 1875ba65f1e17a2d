"""Advisers under simulation: one after the other, in no time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from core.opinion import Abstention, Brief, Opinion
from core.ports import Adviser

DEADLINE_S = 60.0
"""Told to the advisers; whoever answers under simulation answers at once."""


class InlinePanel:
    """An `AdviserPanel` without tasks and without waiting: a deadline on a virtual clock would move the time.

    An adviser that fails ends the simulation: there it is a bug.
    """

    def __init__(self, advisers: Sequence[Adviser]) -> None:
        self._advisers = tuple(advisers)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(adviser.name for adviser in self._advisers)

    async def ask(
        self, brief: Brief, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        answers = [await adviser.ask(brief, DEADLINE_S) for adviser in self._advisers]
        for answer in answers:
            if heard is not None:
                await heard(answer)
        return (
            tuple(answer for answer in answers if isinstance(answer, Opinion)),
            tuple(answer for answer in answers if isinstance(answer, Abstention)),
        )
