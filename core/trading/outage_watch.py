"""An exchange in maintenance or without an answer: entries closed, the owner told, asked until it is back.

Laws:
- One state for all connections, with the moment since when; nothing is opened in it. Guarding tries on.
- It ends with the first usable answer, which is asked for here: nobody else may have a question.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from core.errors import PerpilotError
from core.journal import DeskJournal
from core.ports import Clock
from core.trading import notices

log = logging.getLogger("perpilot.exchange")

TOLD_AFTER = timedelta(minutes=1)
"""Shorter ones are shown, and not told."""


class Answering(Protocol):
    """A connection that knows whether it is answered: market and venue."""

    def outage(self) -> str:
        """Since when and why there is no usable answer; empty while there is."""
        ...

    async def measure_clock(self) -> float:
        """The smallest question."""
        ...


class OutageWatch:
    def __init__(self, sources: Mapping[str, Answering], journal: DeskJournal, clock: Clock) -> None:
        self._sources = sources
        self._journal = journal
        self._clock = clock
        self._since: datetime | None = None
        self._is_told = False

    async def review(self) -> str:
        """Why entries stay closed, for `/status` as well; empty while the exchange answers. Raises
        `JournalError`."""
        for name, source in self._sources.items():
            if source.outage():
                await self._ask(name, source)
        found = [trouble for source in self._sources.values() if (trouble := source.outage())]
        await (self._went_on(found[0]) if found else self._ended())
        return found[0] if found else ""

    async def _ask(self, name: str, source: Answering) -> None:
        try:
            await source.measure_clock()
        except PerpilotError as error:
            log.warning("exchange still out of reach: connection=%s error=%s", name, error)

    async def _went_on(self, trouble: str) -> None:
        now = self._clock.now()
        self._since = self._since or now
        if not self._is_told and now - self._since >= TOLD_AFTER:
            text = (
                f"Attention: {trouble}. Nothing is opened meanwhile; stops that rest on the exchange are its "
                "matter, and guarding goes on as soon as it answers."
            )
            await self._journal.tell([notices.system(f"outage:{self._since.isoformat()}", text)])
            self._is_told = True

    async def _ended(self) -> None:
        if self._is_told and self._since is not None:
            key, minutes = f"outage-over:{self._since.isoformat()}", _minutes(self._clock.now() - self._since)
            text = f"The exchange answers again, after {minutes} minutes."
            await self._journal.tell([notices.system(key, text)])
        self._since, self._is_told = None, False


def _minutes(span: timedelta) -> int:
    return max(round(span.total_seconds() / 60), 1)
