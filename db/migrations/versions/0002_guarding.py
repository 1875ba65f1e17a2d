"""Guarding: transfers, ideas that were not taken, readiness. Frozen: later changes are later revisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from db import types

revision = "0002"
down_revision = "0001"

DATE, FLOAT, INT, TEXT = sa.Date, sa.Float, sa.Integer, sa.Text
MONEY, EXACT, AT = types.Money, types.Exact, types.Instant

PROTECTED = {
    "transfers": ("UPDATE", "DELETE"),
    "armings": ("UPDATE", "DELETE"),
    "shadow_ideas": ("DELETE",),
}
FINISHED = {"shadow_ideas": "OLD.state = 'ended'"}


def upgrade() -> None:
    _more_columns()
    _transfers_and_shadows()
    _readiness()
    for statement in _protection():
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")


def key(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def must(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def may(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def _more_columns() -> None:
    """In place, with a default: history refuses an UPDATE, and a copied table would lose its triggers."""
    added = (
        ("circuit_breaker_events", "reason", TEXT, ""),
        ("trade_history", "advisers", TEXT, "[]"),
        ("equity_points", "flows", MONEY, "0.00"),
        ("equity_points", "units", EXACT, "1"),
        ("equity_points", "unit_price", FLOAT, "0"),
    )
    for table, name, kind, before in added:
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=before))
    op.execute("UPDATE equity_points SET unit_price = CAST(equity AS FLOAT)")
    op.create_index("ix_equity_points_account_unit_price", "equity_points", ["account", "unit_price"])


def _transfers_and_shadows() -> None:
    op.create_table(
        "transfers",
        *key(TEXT, "account", "id"),
        *must(MONEY, "amount"),
        *must(AT, "at"),
    )
    op.create_index("ix_transfers_account_at", "transfers", ["account", "at"])
    op.create_table(
        "shadow_ideas",
        *key(TEXT, "id"),
        *must(TEXT, "account", "symbol", "side", "gate", "checks", "plan"),
        *must(AT, "followed_from", "followed_until"),
        *must(TEXT, "walked", "state"),
        *may(AT, "ended_at"),
        *may(TEXT, "exit_reason"),
        *may(EXACT, "r_multiple"),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_when"),
    )
    op.create_index("ix_shadow_ideas_account_ended_at", "shadow_ideas", ["account", "ended_at"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "one_open_shadow",
        "shadow_ideas",
        ["account", "symbol", "side"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _readiness() -> None:
    op.create_table(
        "daily_counts",
        *key(TEXT, "account"),
        *key(DATE, "day"),
        *key(TEXT, "name"),
        *must(INT, "count"),
    )
    op.create_table(
        "armings",
        sa.Column("id", sa.BigInteger().with_variant(INT(), "sqlite"), primary_key=True),
        *must(TEXT, "account"),
        *must(MONEY, "cap"),
        *must(TEXT, "armed_by"),
        *must(AT, "at"),
        *must(TEXT, "sentence", "unmet"),
    )
    op.create_index("ix_armings_account_at", "armings", ["account", "at"])


def _protection() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return _protection_sqlite()
    recorded = [
        f"CREATE TRIGGER keep_{name} BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_history()"
        for name, verbs in PROTECTED.items()
    ]
    finished = [
        f"CREATE TRIGGER keep_{name}_finished BEFORE UPDATE ON {name} "
        f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION keep_history()"
        for name, condition in FINISHED.items()
    ]
    return recorded + finished


def _protection_sqlite() -> list[str]:
    refusal = "BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    recorded = [
        f"CREATE TRIGGER keep_{name}_{verb.lower()} BEFORE {verb} ON {name} {refusal.format(name=name)}"
        for name, verbs in PROTECTED.items()
        for verb in verbs
    ]
    finished = [
        f"CREATE TRIGGER keep_{name}_finished BEFORE UPDATE ON {name} WHEN {condition} "
        + refusal.format(name=name)
        for name, condition in FINISHED.items()
    ]
    return recorded + finished
