"""Database errors → one sentence for a person and what mends it. No values, no SQL, no secrets in either."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.address import Address
from db.engines import Limits


class FaultKind(StrEnum):
    UNREACHABLE = "unreachable"
    """Nobody answers, or the connection was lost."""
    CONFLICT = "conflict"
    """Two transactions at once; the same work may be tried again."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """The database answered and said no."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    text: str
    mend: str

    @property
    def sentence(self) -> str:
        return f"{self.text}; {self.mend}"


U, C, T, R = FaultKind.UNREACHABLE, FaultKind.CONFLICT, FaultKind.TIMEOUT, FaultKind.REFUSED

SQLITE: dict[str, tuple[FaultKind, str, str]] = {
    "SQLITE_BUSY": (T, "is locked by another program", "close the other program that writes to it"),
    "SQLITE_LOCKED": (T, "is locked by another program", "close the other program that writes to it"),
    "SQLITE_FULL": (R, "can't grow: the disk is full", "free space on that disk"),
    "SQLITE_IOERR": (
        R,
        "can't be read or written: the disk reports an error",
        "check the disk and its free space",
    ),
    "SQLITE_CANTOPEN": (R, "can't be opened", "check that its folder exists and may be written"),
    "SQLITE_PERM": (R, "may not be opened", "give this user the right to read and write the file"),
    "SQLITE_READONLY": (R, "is read-only", "give this user the right to write the file and its folder"),
    "SQLITE_CORRUPT": (R, "is damaged", "stop, keep the file, and put the newest backup in its place"),
    "SQLITE_NOTADB": (R, "is not a SQLite database", "name another file in DATABASE_URL"),
    "SQLITE_NOMEM": (R, "can't be used: out of memory", "free memory on this machine"),
    "SQLITE_CONSTRAINT_TRIGGER": (
        R,
        "keeps history: recorded rows can't be changed",
        "nothing: this is a law",
    ),
    "SQLITE_CONSTRAINT": (R, "refused a row that contradicts what is recorded", "report this as a fault"),
    "SQLITE_INTERRUPT": (T, "was interrupted", "try again"),
}

POSTGRESQL: dict[str, tuple[FaultKind, str, str]] = {
    "57014": (T, "stopped a query that ran over its time limit", "look for a lock or a missing index"),
    "55P03": (T, "did not give a lock in time", "close the other program that holds it"),
    "25P03": (T, "ended an idle transaction", "try again"),
    "40001": (C, "is busy: other transactions kept changing the same rows", "try again"),
    "40P01": (C, "is busy: two transactions waited for each other", "try again"),
    "23505": (C, "refused a row that exists already", "report this as a fault"),
    "42P07": (R, "has a table of that name already", "name another database in DATABASE_URL"),
    "42710": (R, "has a rule of that name already", "name another database in DATABASE_URL"),
    "53100": (R, "can't grow: its disk is full", "free space on the server's disk"),
    "53200": (R, "is out of memory", "free memory on the server"),
    "53300": (U, "has no free connection", "close other clients or raise max_connections"),
    "28P01": (R, "refused the password", "correct user and password in DATABASE_URL"),
    "28000": (R, "refused this user", "correct the user in DATABASE_URL or the server's pg_hba.conf"),
    "3D000": (R, "does not exist on that server", "create it with createdb, or correct DATABASE_URL"),
    "42501": (R, "forbids this user to do that", "grant this user rights on the database and its schema"),
    "25006": (R, "is read-only", "name the primary server in DATABASE_URL"),
    "P0001": (R, "keeps history: recorded rows can't be changed", "nothing: this is a law"),
    "23": (R, "refused a row that contradicts what is recorded", "report this as a fault"),
    "22": (R, "refused a value", "report this as a fault"),
    "42": (R, "does not know a table or column that this program needs", "run python setup_database.py"),
    "57P": (U, "is shutting down or starting", "wait until the server runs"),
    "08": (U, "lost the connection", "check that the server runs and the network holds"),
}


def explain(error: BaseException, address: Address, limits: Limits) -> Fault:
    """The fault behind whatever SQLAlchemy, a driver or the operating system raised."""
    who = _who(address)
    for link in _chain(error):
        if fault := _by_code(link, who):
            return fault
    for link in _chain(error):
        if fault := _by_type(link, address, limits):
            return fault
    return Fault(R, f"{who} could not do that ({type(error).__name__})", "see the log for the cause")


def _who(address: Address) -> str:
    return f"the database {address.name}"


def _by_code(error: BaseException, who: str) -> Fault | None:
    if isinstance(error, sqlite3.Error):
        return _look_up(SQLITE, getattr(error, "sqlite_errorname", ""), who)
    return _look_up(POSTGRESQL, getattr(error, "sqlstate", None) or "", who)


def _look_up(table: dict[str, tuple[FaultKind, str, str]], code: str, who: str) -> Fault | None:
    """The entry for the longest beginning of `code`."""
    fitting = [key for key in table if code.startswith(key)]
    if not fitting:
        return None
    kind, text, mend = table[max(fitting, key=len)]
    return Fault(kind, f"{who} {text}", mend)


def _by_type(error: BaseException, address: Address, limits: Limits) -> Fault | None:
    who = _who(address)
    if isinstance(error, PoolTimeout):
        return Fault(
            T,
            f"{who} is busy: no connection became free in {limits.connect_s:g} s",
            "look for slow queries or locks",
        )
    if isinstance(error, TimeoutError):
        waited = f"{limits.connect_s:g} s to connect, {limits.statement_s:g} s a query"
        return Fault(U, f"{who} gave no answer in time ({waited})", "check address, server and network")
    if isinstance(error, OSError) and address.path is not None:
        mend = "check that its folder may be written and its disk has room"
        return Fault(R, f"{who} can't be created ({error.strerror})", mend)
    if isinstance(error, OSError) and "SSL" in str(error):
        return Fault(R, f"{who} refuses the encryption that DATABASE_URL asks for", "correct its sslmode")
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return Fault(
            U, f"{who} can't be reached", "check that the server runs and that DATABASE_URL names it"
        )
    if isinstance(error, ImportError):
        return Fault(R, f"{who} needs a driver that is not installed", "pip install -r requirements.txt")
    if isinstance(error, StatementError) and isinstance(error.orig, ValueError | TypeError):
        return Fault(
            R, f"{who} was given a value that can't be recorded: {error.orig}", "report this as a fault"
        )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, outermost first; bounded, a chain may be a ring."""
    link: BaseException | None = error
    for _ in range(10):
        if link is None:
            return
        yield link
        link = getattr(link, "orig", None) or link.__cause__ or link.__context__
