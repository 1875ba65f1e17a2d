"""The schema as one piece: every table, the rules the database itself enforces, and its revision.

Laws:
- `HEAD` names the newest Alembic revision; `create_everything` on an empty database and every revision in
  turn give the same schema (a test compares them on both databases).
- Closed trades, fills, funding, transfers, decisions, armings, ended shadows and judged opinions can't be
  changed or deleted; calls, breaker events, open shadows and open opinions can't be deleted: the database
  refuses, whoever asks.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, inspect, select
from sqlalchemy.sql import text

from db import tables_house, tables_record, tables_served, tables_spending, tables_tapes, tables_trading
from db.tables import metadata

__all__ = [
    "HEAD",
    "create_everything",
    "metadata",
    "revision_of",
    "stamp",
    "tables_house",
    "tables_record",
    "tables_served",
    "tables_spending",
    "tables_tapes",
    "tables_trading",
]

HEAD = "0005"

VERSION_TABLE = "schema_version"
schema_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text, primary_key=True))
"""Alembic's own table under our name, so it is outside `metadata`."""

PROTECTED: dict[str, tuple[str, ...]] = {
    "trade_history": ("UPDATE", "DELETE"),
    "fills": ("UPDATE", "DELETE"),
    "funding_payments": ("UPDATE", "DELETE"),
    "decisions": ("UPDATE", "DELETE"),
    "adviser_calls": ("DELETE",),
    "circuit_breaker_events": ("DELETE",),
    "transfers": ("UPDATE", "DELETE"),
    "armings": ("UPDATE", "DELETE"),
    "shadow_ideas": ("DELETE",),
    "adviser_opinions": ("DELETE",),
    "decision_tapes": ("UPDATE", "DELETE"),
    "tape_pieces": ("UPDATE", "DELETE"),
    "journal_chain": ("UPDATE", "DELETE"),
    "chain_heads": ("DELETE",),
}
FINISHED: dict[str, str] = {
    "shadow_ideas": "OLD.state = 'ended'",
    "adviser_opinions": "OLD.state <> 'open'",
}
"""Rows of these tables change until this holds."""


def create_everything(connection: Connection) -> None:
    """On an empty database: tables, rules and the revision, in the caller's transaction."""
    metadata.create_all(connection, checkfirst=False)
    for statement in protection(connection.dialect.name):
        connection.execute(text(statement))
    stamp(connection, HEAD)


def protection(dialect: str) -> list[str]:
    """DDL that makes history append-only."""
    return _protection_sqlite() if dialect == "sqlite" else _protection_postgresql()


def _protection_sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER keep_{table}_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table, verbs in PROTECTED.items()
        for verb in verbs
    ] + [
        f"CREATE TRIGGER keep_{table}_finished BEFORE UPDATE ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table, condition in FINISHED.items()
    ]


def _protection_postgresql() -> list[str]:
    function = (
        "CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    triggers = [
        f"CREATE TRIGGER keep_{table} BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_history()"
        for table, verbs in PROTECTED.items()
    ]
    finished = [
        f"CREATE TRIGGER keep_{table}_finished BEFORE UPDATE ON {table} "
        f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION keep_history()"
        for table, condition in FINISHED.items()
    ]
    return [function, *triggers, *finished]


def stamp(connection: Connection, revision: str) -> None:
    """The column is what Alembic makes, so both ways of making a schema are one."""
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
            f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(insert(schema_version).values(version_num=revision))


def revision_of(connection: Connection) -> str | None:
    """None when this database was never set up."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(schema_version.c.version_num)).scalar_one_or_none()


def existing_tables(connection: Connection) -> frozenset[str]:
    """Those of ours that the database has."""
    return frozenset(inspect(connection).get_table_names()) & frozenset(metadata.tables)
