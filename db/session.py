"""Where transactions begin and end. A verb is a plain function over one `Connection`.

Laws:
- One call of `write` is one transaction: everything in `work` is recorded, or nothing.
- A caller that is cancelled leaves no half transaction: the work goes on to its end behind a shield, so a
  cancelled `write` may have been recorded and is never half recorded.
- A process has one writer at a time, so its own writes never collide; other processes' may, and `work` then
  runs again: it touches nothing but its connection. Writes that wait for it share a commit (`db.commits`).
- Whatever a driver raises becomes `JournalError` with one sentence.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from core.errors import JournalError
from core.ports import ComponentHealth
from db.address import Address, parse_address
from db.commits import SharedCommits
from db.engines import (
    FILE_PRAGMAS,
    MEMORY_PRAGMAS,
    Limits,
    govern_transactions,
    make_private_file,
    postgresql_pair,
    sqlite_pair,
)
from db.faults import FaultKind, explain
from db.pulse import Pulse
from db.schema import create_everything, revision_of

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]

DEFAULT_LIMITS = Limits()
TRIES = 10
"""For transactions that collide with another process's on PostgreSQL."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.3


class Database(Protocol):
    async def write(self, work: Work[T]) -> T:
        """Runs `work` in one transaction and commits it. Raises `JournalError` when nothing was recorded
        or that can't be known."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on one consistent snapshot; what it writes is refused or undone."""
        ...

    async def close(self) -> None: ...

    def health(self) -> ComponentHealth: ...


def open_database(
    url: str, limits: Limits = DEFAULT_LIMITS, monotonic: Callable[[], float] = time.monotonic
) -> AsyncDatabase:
    """Connects on first use. Raises `JournalError` for a wrong address, or a file that can't be made."""
    address = parse_address(url)
    try:
        if address.path is None:
            engines = postgresql_pair(address, limits)
        else:
            make_private_file(address.path)
            engines = sqlite_pair(address)
    except (OSError, ImportError, sqlite3.Error) as error:
        raise JournalError(explain(error, address, limits).sentence) from error
    return AsyncDatabase(address, engines, limits, monotonic)


class AsyncDatabase:
    """SQLite through aiosqlite or PostgreSQL through asyncpg; made by `open_database`."""

    def __init__(
        self,
        address: Address,
        engines: tuple[AsyncEngine, AsyncEngine],
        limits: Limits,
        monotonic: Callable[[], float],
    ) -> None:
        self.address = address
        self._writer, self._reader = engines
        self._limits = limits
        self._monotonic = monotonic
        self._pulse = Pulse(monotonic, address.path.parent if address.path else None)
        self._errors = _driver_errors(is_postgresql=address.path is None)
        self._commits = SharedCommits(self._commit)
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    async def write(self, work: Work[T]) -> T:
        return await self._to_its_end(self._commits.write(work))

    async def read(self, work: Work[T]) -> T:
        return await self._to_its_end(self._transact(self._reader, work, commits=False))

    async def close(self) -> None:
        """Waits for transactions under way, then closes every connection."""
        self._is_closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._writer.dispose()
        await self._reader.dispose()

    def health(self) -> ComponentHealth:
        return self._pulse.health()

    async def _to_its_end(self, transaction: Coroutine[Any, Any, T]) -> T:
        if self._is_closed:
            transaction.close()
            raise JournalError(f"the database {self.address.name} is closed")
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_unheard_failure)
            raise

    async def _commit(self, work: Work[T]) -> T:
        return await self._transact(self._writer, work, commits=True)

    async def _transact(self, engine: AsyncEngine, work: Work[T], commits: bool) -> T:
        for attempt in range(TRIES):
            started = self._monotonic()
            try:
                result = await _run(engine, work, commits)
            except self._errors as error:
                fault = explain(error, self.address, self._limits)
                if fault.kind is not FaultKind.CONFLICT or attempt == TRIES - 1:
                    self._pulse.failed(fault)
                    raise JournalError(fault.sentence) from error
            else:
                self._pulse.answered(self._monotonic() - started)
                return result
            await asyncio.sleep(min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S))
        raise AssertionError("the last try returns or raises")


async def _run(engine: AsyncEngine, work: Work[T], commits: bool) -> T:
    if commits:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    async with engine.connect() as connection:
        return await connection.run_sync(work)


def _driver_errors(is_postgresql: bool) -> tuple[type[Exception], ...]:
    """What SQLAlchemy and the drivers raise; some of asyncpg's come through unwrapped while connecting."""
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError)
    if is_postgresql:
        import asyncpg

        errors = (*errors, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return errors


def _log_unheard_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a cancelled caller's transaction failed: %s", error)


class InlineDatabase:
    """SQLite in this thread, without workers or awaits: for simulation; threads would break virtual time.

    In memory by default, then born with the schema. Not for a running bot: a commit blocks the event loop.
    """

    def __init__(self, path: Path | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = Address(URL.create("sqlite"), str(path or "in memory"), path)
        self._monotonic = monotonic
        self._pulse = Pulse(monotonic, path.parent if path else None)
        self._driver = _memory_connection() if path is None else sqlite3.connect(path)
        self._engine = _inline_engine(self._driver, MEMORY_PRAGMAS if path is None else FILE_PRAGMAS)
        self._connection = self._engine.connect()  # one for good: opening another costs more than a read
        if path is not None:
            with self._connection.begin():
                if revision_of(self._connection) is None:
                    create_everything(self._connection)

    async def write(self, work: Work[T]) -> T:
        return self._transact(work, commits=True)

    async def read(self, work: Work[T]) -> T:
        return self._transact(work, commits=False)

    async def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def health(self) -> ComponentHealth:
        return self._pulse.health()

    def _transact(self, work: Work[T], commits: bool) -> T:
        started = self._monotonic()
        try:
            result = self._run(work, commits)
        except (SQLAlchemyError, sqlite3.Error) as error:
            fault = explain(error, self._address, DEFAULT_LIMITS)
            self._pulse.failed(fault)
            raise JournalError(fault.sentence) from error
        self._pulse.answered(self._monotonic() - started)
        return result

    def _run(self, work: Work[T], commits: bool) -> T:
        try:
            result = work(self._connection)
            if commits:
                self._connection.commit()
        finally:
            self._connection.rollback()  # what was not committed
        return result


def _inline_engine(driver: sqlite3.Connection, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool, hide_parameters=True)
    govern_transactions(engine, "BEGIN IMMEDIATE", pragmas)
    return engine


def _memory_connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(_empty_schema())
    return connection


@cache
def _empty_schema() -> bytes:
    """Creating forty tables and indices takes longer than many a simulated hour: done once, then copied."""
    driver = sqlite3.connect(":memory:")
    engine = _inline_engine(driver, MEMORY_PRAGMAS)
    with engine.begin() as connection:
        create_everything(connection)
    content = driver.serialize()
    engine.dispose()
    return content
