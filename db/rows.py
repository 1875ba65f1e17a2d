"""What every part of the journal does with rows: insert once, add up, tell, find the active account."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table, select, update

from core.codec import to_text
from core.errors import JournalError
from core.notice import Notice
from db.tables_house import leases, outbox
from db.tables_trading import accounts, trading_config

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

NO_ACCOUNT = ""
"""Owner of rows written before any account was opened."""


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """False, and nothing written, when a unique key of the table says that it is there already."""
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing().inline()
    return connection.execute(statement).rowcount == 1


def put(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Inserts the row, or replaces the one with the same primary key."""
    key = [column.name for column in table.primary_key]
    statement = _insert(connection, table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed).inline())


def add_up(connection: Connection, table: Table, key: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
    """Adds to the integer columns of the row `key`, which starts at zero."""
    columns = {name: table.c[name] + amount for name, amount in amounts.items()}
    changed = connection.execute(update(table).where(*matching(table, key)).values(**columns))
    if changed.rowcount == 0:
        connection.execute(_insert(connection, table).values(**key, **amounts).inline())


def matching(table: Table, key: Mapping[str, Any]) -> list[Any]:
    return [table.c[name] == value for name, value in key.items()]


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
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
    return connection.execute(select(trading_config.c.account)).scalar_one_or_none() or NO_ACCOUNT


def account_row(connection: Connection, account: str) -> Row[Any]:
    """Raises `JournalError` when it was never opened."""
    row = connection.execute(select(accounts).where(accounts.c.account == account)).one_or_none()
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
    newest = connection.execute(select(leases.c.number).where(leases.c.name == name)).scalar_one_or_none()
    if newest != number:
        raise JournalError(
            f"another bot has taken over this database (lease {name!r} is at number {newest},"
            f" ours is {number}); stop this one"
        )
