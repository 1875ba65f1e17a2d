"""What every table is made of: one metadata, constraint names that are the same on both databases."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Column, Index, MetaData, Table, Text, text
from sqlalchemy.sql.type_api import TypeEngine

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def must(name: str, kind: TypeEngine[T] | type[TypeEngine[T]], *, key: bool = False) -> Column[T]:
    """A column that is never NULL; `key`: part of the primary key, given by the journal."""
    return Column(name, kind, nullable=False, primary_key=key, autoincrement=False if key else "auto")


def since_then(name: str, kind: TypeEngine[T] | type[TypeEngine[T]], before: str) -> Column[T]:
    """Never NULL, added by a later revision: rows that were there have `before`. Last in its table."""
    return Column(name, kind, nullable=False, server_default=before)


def may(name: str, kind: TypeEngine[T] | type[TypeEngine[T]]) -> Column[T]:
    """A column whose NULL means: not known or not yet."""
    return Column(name, kind, nullable=True)


def account(*, key: bool = False) -> Column[str]:
    """Whose row it is; empty for what was told or asked before any account was opened."""
    return must("account", Text, key=key)


def one_only(name: str, table: Table, columns: tuple[str, ...], where: str) -> Index:
    """At most one row of `columns` among those that satisfy `where`."""
    return Index(
        name,
        *(table.c[column] for column in columns),
        unique=True,
        sqlite_where=text(where),
        postgresql_where=text(where),
    )
