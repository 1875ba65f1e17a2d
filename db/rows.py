"""What every part of the journal does with rows: insert once, add up, tell, find the active account.

Here and in the parts, a statement in capitals is asked at every look: it is built once, because building one
takes longer than SQLite needs to answer it. Its values are named with `bindparam`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Row, Table, bindparam, insert, select, update

from core.codec import from_text, to_text
from core.errors import JournalError
from core.notice import Notice
from db.tables_house import leases, outbox
from db.tables_trading import accounts, trading_config

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

DECODED = 1024
"""Texts of trades, plans and orders, a few kB each: the open ones and the latest cards fit many times."""
NO_ACCOUNT = ""
"""Owner of rows written before any account was opened."""

ACCOUNT = select(accounts).where(accounts.c.account == bindparam("account"))
ACTIVE_ACCOUNT = select(trading_config.c.account)
NEWEST_HOLDER = select(leases.c.number).where(leases.c.name == bindparam("name"))


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """False, and nothing written, when a unique key of the table says that it is there already."""
    statement = _insert_new(connection.dialect.name, table)
    return connection.execute(statement, dict(values)).rowcount == 1


def insert_all_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """`insert_new` of several rows, none of which need tell whether it was new."""
    if rows:
        connection.execute(_insert_new(connection.dialect.name, table), [dict(row) for row in rows])


def put(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Inserts the row, or replaces the one with the same primary key."""
    connection.execute(_put(connection.dialect.name, table, tuple(values)), dict(values))


def add_up(connection: Connection, table: Table, key: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
    """Adds to the integer columns of the row `key`, which starts at zero."""
    columns = {name: table.c[name] + amount for name, amount in amounts.items()}
    changed = connection.execute(update(table).where(*matching(table, key)).values(**columns))
    if changed.rowcount == 0:
        connection.execute(insert(table).inline(), {**key, **amounts})


def matching(table: Table, key: Mapping[str, Any]) -> list[Any]:
    return [table.c[name] == value for name, value in key.items()]


@cache
def _insert_new(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return _insert(dialect, table).on_conflict_do_nothing().inline()


@cache
def _put(dialect: str, table: Table, names: tuple[str, ...]) -> sqlite.Insert | postgresql.Insert:
    key = [column.name for column in table.primary_key]
    statement = _insert(dialect, table)
    changed = {name: statement.excluded[name] for name in names if name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=changed).inline()


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(table)
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite

    return insert_sqlite(table)


def exact_sum(*amounts: Decimal) -> Decimal:
    """Without the 28 digits of the usual context: the books agree to the last digit."""
    with localcontext() as context:
        context.prec = 100
        return sum(amounts, Decimal(0))


def utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def minute_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


@lru_cache(maxsize=DECODED)
def decoded(kind: type[T], text: str) -> T:
    """`from_text` for frozen words that are read far more often than they change: the same text gives the
    same object, and nobody may change what is inside it."""
    return from_text(kind, text)


def texts(text: str) -> tuple[str, ...]:
    """The inverse of `to_text` for a sequence of strings."""
    return tuple(json.loads(text))


def put_notices(connection: Connection, account: str, notices: Sequence[Notice], now: datetime) -> None:
    """In the order given; a key that was ever written is not written again."""
    for notice in notices:
        row = {
            "account": account,
            "key": notice.key,
            "kind": notice.kind.value,
            "facts": to_text(notice.facts),
            "thread": notice.thread,
            "created_at": now,
            "attempts": 0,
            "error": "",
        }
        insert_new(connection, outbox, row)


def active_account(connection: Connection) -> str:
    return connection.execute(ACTIVE_ACCOUNT).scalar_one_or_none() or NO_ACCOUNT


def account_row(connection: Connection, account: str) -> Row[Any]:
    """Raises `JournalError` when it was never opened."""
    row = connection.execute(ACCOUNT, {"account": account}).one_or_none()
    if row is None:
        raise JournalError(f"the journal has no account {account!r}; open it first")
    return row


def mirror_account(connection: Connection, account: str, now: datetime) -> None:
    """Copies the account to `trading_config` if it is the active one."""
    row = account_row(connection, account)
    copied = {
        "is_paper": row.is_paper,
        "mode": row.mode,
        "is_trading_enabled": not row.is_paused,
        "initial_capital": row.initial_capital,
        "current_capital": row.current_capital,
        "updated_at": now,
    }
    connection.execute(update(trading_config).where(trading_config.c.account == account).values(**copied))


def check_fence(connection: Connection, name: str, number: int) -> None:
    """Raises `JournalError` when a newer holder of the lease `name` exists."""
    newest = connection.execute(NEWEST_HOLDER, {"name": name}).scalar_one_or_none()
    if newest != number:
        raise JournalError(
            f"another bot has taken over this database (lease {name!r} is at number {newest},"
            f" ours is {number}); stop this one"
        )
