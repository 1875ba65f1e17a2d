"""The database of one process: the real journal over SQLite in memory, with a disk that fails.

The connection outlives the process; what was committed is there after the next start.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from core.errors import JournalError
from core.ports import ComponentHealth
from db.session import InlineDatabase, Work, _empty_schema
from tests.simulation.faults import Dice
from tests.simulation.line import Point

T = TypeVar("T")

SLOW_S, LOCKED_S = 0.5, 1.0
"""Longest a write waits that is slow, or locked out."""

_kept: list[InlineDatabase] = []


def blank_database() -> InlineDatabase:
    """One connection for all schedules, emptied for each: compiling its statements costs more than a run."""
    if not _kept:
        _kept.append(InlineDatabase(monotonic=lambda: 0.0))
    _kept[0]._driver.deserialize(_empty_schema())
    return _kept[0]


class Disk:
    """Implements `db.session.Database`."""

    def __init__(self, inner: InlineDatabase, dice: Dice, point: Point) -> None:
        self._inner = inner
        self._dice = dice
        self._point = point

    async def write(self, work: Work[T]) -> T:
        verb = _verb(work)
        self._point("db.write:before", verb)
        if self._dice.strikes("database_locked"):
            await asyncio.sleep(self._dice.between(0.1, LOCKED_S))
            raise JournalError("database is locked")
        if self._dice.strikes("database_slow"):
            await asyncio.sleep(self._dice.between(0.01, SLOW_S))
            self._point("db.write:late", verb)
        if self._dice.strikes("commit_failed"):
            raise JournalError("disk I/O error")
        result = await self._inner.write(work)
        self._point("db.write:after", verb)
        if self._dice.strikes("commit_unknown"):
            raise JournalError("disk I/O error at the commit: what was recorded is not known")
        return result

    async def read(self, work: Work[T]) -> T:
        self._point("db.read", "")
        if self._dice.strikes("commit_failed"):
            raise JournalError("disk I/O error")
        return await self._inner.read(work)

    async def close(self) -> None:
        """It outlives the process."""

    def health(self) -> ComponentHealth:
        return self._inner.health()


def _verb(work: Any) -> str:
    name: str = getattr(getattr(work, "func", work), "__qualname__", "write")
    return name.split(".<locals>", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]


def rows_of(database: InlineDatabase, statement: str) -> list[dict[str, Any]]:
    """Plain SQL over what is committed, for those who trust no code of ours."""
    cursor = database._driver.execute(statement)
    names = [each[0] for each in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    database._driver.rollback()
    return found


__all__ = ["Disk", "blank_database", "rows_of"]
