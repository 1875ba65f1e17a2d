"""Where the database is: a checked, driver-complete form of `DATABASE_URL`, and its name without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import JournalError

EXPECTED = (
    "DATABASE_URL must look like sqlite+aiosqlite:///data/perpilot.db or postgresql://user:password@host/name"
)
SQLITE_DRIVERS = frozenset({"sqlite", "sqlite+aiosqlite"})
POSTGRESQL_DRIVERS = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
SERVER_SETTINGS = frozenset({"search_path", "application_name"})
WITHOUT_EFFECT = frozenset({"channel_binding", "connect_timeout", "gssencmode"})
"""Written into addresses by hosts of PostgreSQL for libpq; asyncpg negotiates these itself."""


@dataclass(frozen=True, slots=True)
class Address:
    url: URL = field(repr=False)
    name: str
    """For messages: the file, or host:port/database. Never a password."""
    path: Path | None
    """The file; None for PostgreSQL."""
    ssl: str | None = None
    server_settings: Mapping[str, str] = field(default_factory=dict)


def parse_address(text: str) -> Address:
    """Raises `JournalError` where no database of ours can be meant."""
    try:
        url = make_url(text.strip())
        query = {key: value if isinstance(value, str) else value[-1] for key, value in url.query.items()}
    except (ArgumentError, ValueError) as error:
        raise JournalError(f"{EXPECTED}; this one is no address") from error
    if url.drivername in SQLITE_DRIVERS:
        return _sqlite(url, query)
    if url.drivername in POSTGRESQL_DRIVERS:
        return _postgresql(url, query)
    raise JournalError(f"{EXPECTED}; {url.drivername[:40]!r} is not supported")


def _sqlite(url: URL, query: Mapping[str, str]) -> Address:
    if not url.database or url.database == ":memory:":
        raise JournalError(
            "DATABASE_URL names no file: a database in memory forgets its trades at every stop"
        )
    if url.host or query:
        raise JournalError(f"{EXPECTED}; a SQLite address has three slashes, a path and nothing else")
    path = Path(url.database)
    return Address(URL.create("sqlite+aiosqlite", database=str(path)), str(path), path)


def _postgresql(url: URL, query: Mapping[str, str]) -> Address:
    if not url.database:
        raise JournalError(f"{EXPECTED}; the database name after the last slash is missing")
    known = SERVER_SETTINGS | WITHOUT_EFFECT | {"sslmode", "ssl"}
    if unknown := sorted(set(query) - known):
        raise JournalError(f"DATABASE_URL: {unknown[0][:40]!r} is not understood; remove it from the address")
    plain = url.set(drivername="postgresql+asyncpg", query={})
    return Address(
        plain,
        f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}",
        None,
        ssl=query.get("sslmode") or query.get("ssl"),
        server_settings={key: value for key, value in query.items() if key in SERVER_SETTINGS},
    )
