"""The same tests on SQLite, on SQLite in memory and on PostgreSQL when TEST_DATABASE_URL names one."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, text

from core.journal import Mode
from db.engines import Limits
from db.journal import SqlJournal
from db.schema import PROTECTED, metadata
from db.session import DEFAULT_LIMITS, AsyncDatabase, Database, InlineDatabase, open_database
from db.setup import prepare
from tests.db.samples import NOW, PAPER

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "")
NO_POSTGRESQL = "TEST_DATABASE_URL names no PostgreSQL"
schema_numbers = itertools.count(1)


@asynccontextmanager
async def fresh_postgresql() -> AsyncIterator[str]:
    """The address of an empty schema, dropped afterwards."""
    if not POSTGRESQL:
        pytest.skip(NO_POSTGRESQL)
    schema = f"perpilot_test_{os.getpid()}_{next(schema_numbers)}"
    await as_owner(f"CREATE SCHEMA {schema}")
    try:
        yield f"{POSTGRESQL}{'&' if '?' in POSTGRESQL else '?'}search_path={schema}"
    finally:
        await as_owner(f"DROP SCHEMA {schema} CASCADE")


async def as_owner(statement: str) -> None:
    database = open_database(POSTGRESQL)
    await database.write(lambda connection: connection.execute(text(statement)))
    await database.close()


@asynccontextmanager
async def fresh_address(kind: str, folder: Path) -> AsyncIterator[str]:
    if kind == "postgresql":
        async with fresh_postgresql() as url:
            yield url
    else:
        yield f"sqlite+aiosqlite:///{folder / 'perpilot.db'}"


Opener = Callable[..., Awaitable[AsyncDatabase]]


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database without tables."""
    async with fresh_address(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def open_more(empty_url: str) -> AsyncIterator[Opener]:
    """Opens the test's server database once more, as another process would; the schema is there."""
    async with AsyncExitStack() as stack:

        async def opened(limits: Limits = DEFAULT_LIMITS) -> AsyncDatabase:
            database = open_database(empty_url, limits)
            stack.push_async_callback(database.close)
            await prepare(database)
            return database

        yield opened


@pytest.fixture
async def server_database(open_more: Opener) -> AsyncDatabase:
    """SQLite through aiosqlite, or PostgreSQL."""
    return await open_more()


@pytest.fixture(params=["sqlite", "inline", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    database = await opened_empty(request, tmp_path)
    yield database
    await database.close()


async def opened_empty(request: pytest.FixtureRequest, folder: Path) -> Database:
    if request.param == "inline":
        return InlineDatabase()
    if request.param == "sqlite":
        database = open_database(f"sqlite:///{folder / 'perpilot.db'}")
        await prepare(database)
        return database
    database = open_database(request.getfixturevalue("shared_postgresql"))
    await database.write(empty_every_table)
    return database


@pytest.fixture(scope="session")
def shared_postgresql() -> Iterator[str]:
    """One schema for all tests that don't look at the schema itself: making one takes half a second."""
    if not POSTGRESQL:
        pytest.skip(NO_POSTGRESQL)
    schema = f"perpilot_test_{os.getpid()}_shared"
    url = f"{POSTGRESQL}{'&' if '?' in POSTGRESQL else '?'}search_path={schema}"

    async def make() -> None:
        await as_owner(f"CREATE SCHEMA {schema}")
        database = open_database(url)
        await prepare(database)
        await database.close()

    in_own_loop(make())
    yield url
    in_own_loop(as_owner(f"DROP SCHEMA {schema} CASCADE"))


def in_own_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """A session outlives the loop of any test."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, coroutine).result()


def empty_every_table(connection: Connection) -> None:
    """The tests' own privilege: history has to be unlocked for it."""
    for table in reversed(metadata.sorted_tables):
        if table.name in PROTECTED:
            connection.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER USER"))
        connection.execute(delete(table))
        if table.name in PROTECTED:
            connection.execute(text(f"ALTER TABLE {table.name} ENABLE TRIGGER USER"))


@pytest.fixture
async def journal(database: Database) -> SqlJournal:
    """With the account `paper` open at 1,000."""
    return await with_account(database)


async def with_account(database: Database) -> SqlJournal:
    journal = SqlJournal(database, lambda: NOW)
    await journal.open_account(PAPER, True, Decimal("1000.00"), Mode.SEMI_AUTO, NOW)
    return journal


async def rows(database: Database, query: str) -> list[dict[str, Any]]:
    """As a person's SQL sees them."""
    return await database.read(lambda c: [dict(row._mapping) for row in c.execute(text(query))])
