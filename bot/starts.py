"""How often the bot started lately without a clean end: a crash loop guards, and opens nothing.

Laws:
- A start is written down before anything trades, and crossed out by a clean stop.
- After three starts within ten minutes that did not end cleanly, entries stay closed: guarding and chat work.
- They open when a person resumes, or when the bot has run for half an hour.
- A list that cannot be read counts as a crash loop: a row that kills us may be that one.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from core.ports import Blobs, Clock
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.application")

GATE = "crashes"
NAME = "starts"
MOST = 3
WITHIN = timedelta(minutes=10)
LONG_ENOUGH = timedelta(minutes=30)
KEPT = 20


class Starts:
    """`record` at the start, `review` in each pass, `end` at a clean stop, `forgive` at a /resume."""

    def __init__(self, journal: Blobs, clock: Clock, gate: EntryGate) -> None:
        self._journal = journal
        self._clock = clock
        self._gate = gate
        self._started: datetime | None = None

    async def record(self) -> str:
        """Writes this start down, closes entries after too many; why, or nothing. Raises `JournalError`."""
        now = self._clock.now()
        try:
            unclean = await self._unclean()
            crashes = [at for at in unclean if timedelta(0) <= now - at < WITHIN]
            reason = _reason(len(crashes)) if len(crashes) >= MOST else ""
        except ValueError as error:
            log.error("the list of starts cannot be read: %s", error)
            crashes, reason = [], "the list of earlier starts cannot be read; /resume when all is well"
        self._started = now
        await self._save([*crashes, now])
        if reason:
            log.error("crash loop: %s", reason)
            self._gate.close(GATE, reason)
        return reason

    async def review(self) -> None:
        """Opens entries again after a long quiet run. Raises `JournalError`."""
        is_long = self._started is not None and self._clock.now() - self._started >= LONG_ENOUGH
        if is_long and self._gate.is_closed_by(GATE):
            await self.forgive()

    async def forgive(self) -> None:
        """A person has seen it. Raises `JournalError`; then entries stay closed."""
        if self._gate.is_closed_by(GATE):
            assert self._started is not None, "closed by record"
            await self._save([self._started])
            self._gate.open(GATE)

    async def end(self) -> None:
        """A clean stop: this start doesn't count. Raises `JournalError`."""
        if self._started is None:
            return
        try:
            others = [at for at in await self._unclean() if at != self._started]
        except ValueError:
            others = []
        await self._save(others)

    async def _unclean(self) -> list[datetime]:
        """Raises `ValueError` for what is no list of times."""
        text = await self._journal.load(NAME)
        if text is None:
            return []
        rows = json.loads(text)
        if not isinstance(rows, list):
            raise ValueError("no list")
        found = [datetime.fromisoformat(str(row)) for row in rows]
        if any(at.tzinfo is None for at in found):
            raise ValueError("a time without its zone")
        return found

    async def _save(self, starts: list[datetime]) -> None:
        await self._journal.save(NAME, json.dumps([at.isoformat() for at in starts[-KEPT:]]))


def _reason(crashes: int) -> str:
    return (
        f"started {crashes} times within {WITHIN.total_seconds() / 60:.0f} minutes without a clean stop; "
        f"look at the log, then /resume, or it opens after {LONG_ENOUGH.total_seconds() / 60:.0f} minutes"
    )
