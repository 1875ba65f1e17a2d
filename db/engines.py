"""SQLAlchemy engines as this program needs them.

SQLite: WAL, `synchronous=FULL` (an acknowledged row survives a power cut), foreign keys, one writer that
begins IMMEDIATE, readers that can't write. PostgreSQL: 2 to 10 connections, writes SERIALIZABLE, reads
from one snapshot.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.address import Address

BUSY_LIMIT_S = 10.0
"""How long a writer waits for another program's write before it says that the file is locked."""
READERS = 2


@dataclass(frozen=True, slots=True)
class Limits:
    connect_s: float = 10.0
    statement_s: float = 60.0
    """One statement on PostgreSQL."""


POOL_MIN, POOL_MAX = 2, 10
PROGRESS_EVERY = 10_000
"""SQLite's own steps between two looks at the time."""
WAL_KEPT_BYTES = 64 * 1024 * 1024

FILE_PRAGMAS = (
    f"PRAGMA busy_timeout={int(BUSY_LIMIT_S * 1000)}",  # first: switching to WAL may meet a lock itself
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}",
)
MEMORY_PRAGMAS = ("PRAGMA foreign_keys=ON",)


def sqlite_pair(address: Address) -> tuple[AsyncEngine, AsyncEngine]:
    """(writer, reader) over one file."""
    settings: dict[str, Any] = {
        "hide_parameters": True,
        "max_overflow": 0,
        "pool_timeout": BUSY_LIMIT_S,
        "connect_args": {"timeout": BUSY_LIMIT_S},
    }
    writer = create_async_engine(address.url, pool_size=1, **settings)
    reader = create_async_engine(address.url, pool_size=READERS, **settings)
    govern_transactions(writer.sync_engine, "BEGIN IMMEDIATE", FILE_PRAGMAS)
    govern_transactions(reader.sync_engine, "BEGIN", (*FILE_PRAGMAS, "PRAGMA query_only=ON"))
    return writer, reader


def govern_transactions(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    """Takes BEGIN out of sqlite3's hands, which would leave DDL and reads outside transactions."""

    @event.listens_for(engine, "connect")
    def _on_connect(driver_connection: Any, _record: object) -> None:
        try:
            driver_connection.isolation_level = None
            cursor = driver_connection.cursor()
            for pragma in pragmas:
                cursor.execute(pragma)
            cursor.close()
        except sqlite3.Error:
            driver_connection.close()  # nobody else has it yet
            raise

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()  # past SQLAlchemy's own road, which takes longer than SQLite
        cursor.execute(begin)
        cursor.close()


def make_private_file(path: Path) -> None:
    """Creates the file and its folder for this user alone, and sees that it is a database one can write to.

    aiosqlite leaves a thread behind when it can't open a file, so what can't work is found out before it is
    asked. Raises `OSError` and `sqlite3.Error`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # a lock may go before we write
                raise


def check_whole(path: Path, limit_s: float) -> str:
    """What SQLite finds wrong with the file; empty when nothing is, or when it could not be found out.

    Reads with a connection of its own, so the file may be in use. What is locked, can't be opened or takes
    longer than `limit_s` is no finding: the first ordinary read names such trouble.
    """
    until = time.monotonic() + limit_s
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)) as reading:
            reading.set_progress_handler(lambda: time.monotonic() > until, PROGRESS_EVERY)
            answer: str = reading.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        is_disk = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
        return str(error) if is_disk else ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if answer == "ok" else answer


def postgresql_pair(address: Address, limits: Limits) -> tuple[AsyncEngine, AsyncEngine]:
    """(writer, reader) over one pool."""
    limit_ms = str(int(limits.statement_s * 1000))
    connect_args: dict[str, Any] = {
        "timeout": limits.connect_s,
        "command_timeout": limits.statement_s + 5,  # for a server that no longer answers at all
        "server_settings": {
            "application_name": "perpilot",
            "statement_timeout": limit_ms,
            "idle_in_transaction_session_timeout": limit_ms,
            "timezone": "UTC",
            **address.server_settings,
        },
    }
    if address.ssl is not None:
        connect_args["ssl"] = address.ssl
    engine = create_async_engine(
        address.url,
        hide_parameters=True,
        pool_size=POOL_MIN,
        max_overflow=POOL_MAX - POOL_MIN,
        pool_timeout=limits.connect_s,
        pool_pre_ping=True,
        connect_args=connect_args,
    )
    return (
        engine.execution_options(isolation_level="SERIALIZABLE"),
        engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True),
    )
