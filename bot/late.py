"""What the first-built parts call of those that are built or started after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.health import HealthBoard
from bot.supervisor import Supervisor
from bot.web.shapes import verdict
from core.desk import DoctorLine
from core.ports import ComponentHealth

MIN_FREE_MB = 100
"""Below this nothing is opened: what is open must stay recordable."""


class Storage(Protocol):
    def health(self) -> ComponentHealth: ...


class Built(Protocol):
    """The parts, as far as they are called late."""

    @property
    def database(self) -> Storage: ...

    @property
    def health(self) -> HealthBoard: ...

    @property
    def supervisor(self) -> Supervisor: ...


class Late:
    def __init__(self) -> None:
        self.parts: Built | None = None
        self.telegram: Callable[[], ComponentHealth] | None = None
        self.wake_outbox: Callable[[], None] | None = None
        self.recover: Callable[[], Awaitable[None]] | None = None
        self.examine: Callable[[], Awaitable[tuple[DoctorLine, ...]]] | None = None
        self.hint: Callable[[], None] | None = None

    async def recovery(self) -> None:
        """Raises until the recovery has worked through."""
        assert self.recover is not None, "loops start after the application has said how to recover"
        await self.recover()

    def disk_trouble(self) -> str:
        assert self.parts is not None, "loops start after assembly"
        free_mb = self.parts.database.health().more.get("free_mb")
        if free_mb is None or free_mb >= MIN_FREE_MB:
            return ""
        return f"{free_mb} MB free on the database's disk, {MIN_FREE_MB} MB are needed"

    def is_unhealthy(self) -> bool:
        """What `/health` says now."""
        assert self.parts is not None, "loops start after assembly"
        return verdict(self.parts.health.health()) == "unhealthy"

    async def doctor(self) -> tuple[DoctorLine, ...]:
        assert self.examine is not None, "the doctor is asked after assembly"
        return await self.examine()

    def look_at_stops(self) -> None:
        """Something changed at the exchange: the short pass runs now."""
        if self.hint is not None:
            self.hint()
            self.wake("stops")

    def wake(self, name: str) -> None:
        if name == "outbox":
            if self.wake_outbox is not None:
                self.wake_outbox()
        elif self.parts is not None:
            self.parts.supervisor.poke(name)

    def telegram_health(self) -> ComponentHealth:
        return self.telegram() if self.telegram is not None else ComponentHealth("down", "not connected yet")
