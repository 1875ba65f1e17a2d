"""How well the bot itself is, counted once a minute for the readiness checklist: minutes that its tasks ran,
errors, failed health checks, lost connections of the database, raises of risk.

Law: a minute that could not be written is a minute that did not count.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from core.journal import HouseJournal, ReadinessJournal
from core.ports import Clock
from core.risk.readiness import ERRORS, FAILED_HEALTH, LOST_DATABASE
from core.risk.success import TASKS


class VitalsJournal(HouseJournal, ReadinessJournal, Protocol):
    """The parts of the journal that count."""


class Vitals:
    def __init__(
        self,
        journal: VitalsJournal,
        account: str,
        clock: Clock,
        *,
        is_running: Callable[[str], bool],
        is_unhealthy: Callable[[], bool],
        errors_today: Callable[[], int],
        lost_connections: Callable[[], int],
        note_risk: Callable[[], Awaitable[None]],
    ) -> None:
        """`errors_today` starts anew each UTC day, `lost_connections` with the process."""
        self._journal = journal
        self._account = account
        self._clock = clock
        self._is_running = is_running
        self._is_unhealthy = is_unhealthy
        self._errors_today = errors_today
        self._lost_connections = lost_connections
        self._note_risk = note_risk
        self._errors, self._errors_day = 0, clock.now().date()
        self._lost = 0
        self._noted: dict[str, datetime] = {}
        """The newest minute written of each task, and of failed health."""

    async def take(self) -> None:
        """Called often; counts each minute once. Raises `JournalError`: the next call makes up for it."""
        now = self._clock.now()
        await self._count_errors(now)
        await self._count_lost(now)
        await self._note_risk()
        minute = now.replace(second=0, microsecond=0)
        for task in TASKS:
            if self._noted.get(task) != minute and self._is_running(task):
                await self._journal.beat(self._account, task, now)
                self._noted[task] = minute
        if self._noted.get(FAILED_HEALTH) != minute and self._is_unhealthy():
            await self._journal.count(self._account, now.date(), FAILED_HEALTH, 1)
            self._noted[FAILED_HEALTH] = minute

    async def _count_errors(self, now: datetime) -> None:
        count = self._errors_today()
        if now.date() != self._errors_day:
            self._errors, self._errors_day = 0, now.date()
        if count > self._errors:
            await self._journal.count(self._account, now.date(), ERRORS, count - self._errors)
            self._errors = count

    async def _count_lost(self, now: datetime) -> None:
        lost = self._lost_connections()
        if lost > self._lost:
            await self._journal.count(self._account, now.date(), LOST_DATABASE, lost - self._lost)
            self._lost = lost
