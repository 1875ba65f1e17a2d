"""Which model answers to the id that is asked for.

Laws:
- Another model than the one that answered so far is noticed with its first answer, which is not used.
- A date behind an id makes no other model.
- What is remembered and what the owner is told of it are written together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.adapters.advisers.known_models import is_same_model
from core.notice import Notice
from core.trading import notices


class ServedJournal(Protocol):
    async def served_model(self, adviser: str, asked: str) -> str | None:
        """Which one answered last to `asked`; None: none did yet."""
        ...

    async def remember_served(
        self, adviser: str, asked: str, served: str, at: datetime, told: Sequence[Notice]
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """A model that was not expected. `before` empty: nobody had answered yet."""

    before: str
    now: str
    told: tuple[Notice, ...]

    @property
    def is_swap(self) -> bool:
        return bool(self.before)

    @property
    def words(self) -> str:
        return f"{self.before} → {self.now}"


class Served:
    """One adviser's memory of who answers."""

    def __init__(self, adviser: str, asked: str, *, is_own_address: bool, journal: ServedJournal) -> None:
        """`is_own_address`: the provider itself is asked, so that another id can only be a redirection."""
        self._adviser = adviser
        self._asked = asked
        self._is_own_address = is_own_address
        self._journal = journal
        self._known: str | None = None
        self._is_read = False
        self._reading = asyncio.Lock()

    async def read(self) -> None:
        """To be called before the first answer."""
        async with self._reading:
            if not self._is_read:
                self._known = await self._journal.served_model(self._adviser, self._asked)
                self._is_read = True

    def meet(self, served: str, at: datetime) -> Change | None:
        """None where `served` is who was expected. Known from now on, so that of several answers at once only
        the first is a change; `remember` makes it outlast the process."""
        before = self._known
        if not served or (before is not None and is_same_model(before, served)):
            return None
        self._known = served
        if before is not None:
            return Change(before, served, (self._swapped(before, served, at),))
        is_strange = self._is_own_address and not is_same_model(self._asked, served)
        return Change("", served, (self._redirected(served),) if is_strange else ())

    def unmeet(self, change: Change | None) -> None:
        """A change that could not be put on record is one still when it is met next."""
        if change is not None and self._known == change.now:
            self._known = change.before or None

    async def remember(self, change: Change, at: datetime) -> None:
        await self._journal.remember_served(self._adviser, self._asked, change.now, at, change.told)

    def _swapped(self, before: str, served: str, at: datetime) -> Notice:
        text = (
            f"Another model answers for {self._adviser}: {before} → {served} (asked for: {self._asked}). "
            f"This answer was not used, and its record starts anew."
        )
        return notices.system(f"adviser:{self._adviser}:served:{before}:{served}:{at.date()}", text)

    def _redirected(self, served: str) -> Notice:
        text = (
            f"{self._adviser} is asked for {self._asked}, and {served} answers: the provider redirects it. "
            f"Its record is kept under {served}."
        )
        return notices.system(f"adviser:{self._adviser}:redirected:{self._asked}:{served}", text)
