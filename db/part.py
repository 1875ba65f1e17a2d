"""What the parts of the journal share: the database, the fence, a clock for verbs that name no time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from db.rows import check_fence
from db.session import Database, Work

T = TypeVar("T")


class JournalPart:
    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        """`now` stamps what its verb gives no time for: notices of `tell`, settled intentions, blobs."""
        self._database = database
        self._now = now
        self._fence: tuple[str, int] | None = None

    def fence(self, name: str, number: int) -> None:
        """From now on trades, approvals, breakers and bookings are recorded only while the lease `name` is
        still at `number`, checked in the same transaction."""
        self._fence = (name, number)

    def _number_of(self, name: str) -> int | None:
        """What `fence` was told about this lease."""
        return self._fence[1] if self._fence is not None and self._fence[0] == name else None

    async def _read(self, work: Work[T]) -> T:
        return await self._database.read(work)

    async def _write(self, work: Work[T]) -> T:
        return await self._database.write(work)

    async def _write_fenced(self, work: Work[T]) -> T:
        if self._fence is None:
            return await self._database.write(work)
        return await self._database.write(partial(_behind_fence, *self._fence, work))


def _behind_fence(name: str, number: int, work: Work[T], connection: Connection) -> T:
    check_fence(connection, name, number)
    return work(connection)
