"""Brings a database to this program's schema: fast for the bot, step by step for `setup_database.py`.

Laws:
- Existing rows are never reset. A step that fails is rolled back whole.
- Alembic is imported only for a real migration; an empty database is made directly and stamped.
- A SQLite file is backed up before it is migrated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select, text

from core.errors import JournalError
from db.backup import copy_sqlite
from db.engines import Limits, check_whole
from db.schema import HEAD, create_everything, existing_tables, metadata, revision_of
from db.session import AsyncDatabase, Database, open_database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
OLDER_REVISIONS: frozenset[str] = frozenset({"0001", "0002", "0003", "0004"})
"""Those that a migration leads away from; a test compares them with the scripts."""
MIGRATION_LIMITS = Limits(statement_s=600)
CHECK_LIMIT_S = 5.0
"""A gigabyte or so is read in it."""


class Found(StrEnum):
    """What a database looks like before it is prepared."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"


async def prepare(database: Database) -> Found:
    """Makes the schema right and says what it was before.

    Raises `JournalError` for a database of a newer program, for one whose tables are not ours and for a
    damaged file.
    """
    await refuse_damaged(database)
    found = await database.read(examine)
    if found is Found.EMPTY:
        await _done_by_one_of_us(database, create_everything)
    elif found is Found.OLDER:
        await back_up_before_migrating(database)
        await _done_by_one_of_us(database, upgrade)
    return found


def examine(connection: Connection) -> Found:
    revision = revision_of(connection)
    if revision == HEAD:
        return Found.CURRENT
    if revision in OLDER_REVISIONS:
        return Found.OLDER
    if revision is not None:
        raise JournalError(
            f"the database has schema {revision}, this program knows {HEAD}; update the program"
        )
    if strange := existing_tables(connection):
        raise JournalError(
            f"the database has a table {min(strange)} but no schema version: it is not this program's;"
            " name another database in DATABASE_URL"
        )
    return Found.EMPTY


async def _done_by_one_of_us(database: Database, work: Callable[[Connection], None]) -> None:
    """Another process may be faster: then its work is ours."""
    try:
        await database.write(work)
    except JournalError:
        if await database.read(examine) is not Found.CURRENT:
            raise


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Runs every missing revision up to this one in the caller's transaction."""
    from alembic import command

    command.upgrade(_alembic(connection), revision)


def draft_revision(connection: Connection, revision: str, message: str) -> None:
    """For developers: writes a new file in `db/migrations/versions` from what the schema has and the database
    has not. Read it, complete it, then raise `HEAD` and extend `OLDER_REVISIONS`."""
    from alembic import command

    command.revision(_alembic(connection), message, autogenerate=True, rev_id=revision)


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(stdout=StringIO())
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def back_up_before_migrating(database: Database) -> Path | None:
    """The copy, beside the file; None for PostgreSQL, whose owner keeps the backups."""
    if not isinstance(database, AsyncDatabase) or database.address.path is None:
        return None
    path = database.address.path
    copy = path.with_name(f"{path.name}.before-{HEAD}")
    await asyncio.to_thread(copy_sqlite, path, copy)
    return copy


def row_counts(connection: Connection) -> dict[str, int]:
    """Every table of ours → its rows, by name."""
    return {
        name: connection.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one()
        for name in sorted(metadata.tables)
    }


async def refuse_damaged(database: Database, limit_s: float = CHECK_LIMIT_S) -> None:
    """Before anything is read out of a SQLite file or written to it. Raises `JournalError`.

    A file too large for the limit is taken as it is: starting to guard matters more.
    """
    if not isinstance(database, AsyncDatabase) or database.address.path is None:
        return
    path = database.address.path
    wrong = " ".join((await asyncio.to_thread(check_whole, path, limit_s)).split())[:120]
    if wrong:
        raise JournalError(
            f"the database file {path.name} is damaged ({wrong}); keep it, and put the newest of "
            "backups/ in its place; positions at the exchange keep their stops meanwhile"
        )


def check_integrity(connection: Connection) -> None:
    """Reads the whole file on SQLite. Raises `JournalError` when it is damaged."""
    if connection.dialect.name != "sqlite":
        return
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if answer != "ok":
        raise JournalError(
            "the database file is damaged; stop, keep it, and put the newest backup in its place"
        )


def check_writing(connection: Connection) -> None:
    """Writes and takes it back, so that a read-only disk or user shows here and not in a trade."""
    savepoint = connection.begin_nested()
    connection.execute(text("INSERT INTO error_counts (day, errors) VALUES ('1970-01-01', 0)"))
    savepoint.rollback()


Say = Callable[[str], None]


async def run_setup(url: str, say: Say) -> bool:
    """What `setup_database.py` does: a ✅ or ❌ line for each step through `say`, then every table.

    False when a step failed; it is rolled back and every connection is closed.
    """
    try:
        database = open_database(url, MIGRATION_LIMITS)
    except JournalError as error:
        say(f"❌ address: {error}")
        return False
    try:
        return await _take_steps(database, say)
    finally:
        await database.close()


async def _take_steps(database: AsyncDatabase, say: Say) -> bool:
    step = "connect (10 s limit)"
    try:
        await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
        say(f"✅ {step}: {database.address.name}")
        step = "schema"
        say(f"✅ {step}: {_told(await prepare(database))}")
        step = "check"
        await database.read(check_integrity)
        await database.write(check_writing)
        say(f"✅ {step}: it reads, writes and is whole")
        step = "tables"
        counts = await database.read(row_counts)
    except JournalError as error:
        say(f"❌ {step}: {error}")
        return False
    say(f"✅ {step}: {len(counts)}, with their rows")
    width = max(map(len, counts))
    for name, count in counts.items():
        say(f"   {name:<{width}} {count:>9,}")
    return True


def _told(found: Found) -> str:
    return {
        Found.EMPTY: f"created, version {HEAD}",
        Found.CURRENT: f"is there already, version {HEAD}; nothing was changed",
        Found.OLDER: f"migrated to version {HEAD}; a SQLite file was copied first",
    }[found]
