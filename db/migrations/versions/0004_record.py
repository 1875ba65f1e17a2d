"""What advisers said and what the market did. Frozen: later changes are later revisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from db import types

revision = "0004"
down_revision = "0003"

TABLE = "adviser_opinions"
FINISHED = "OLD.state <> 'open'"
FLOAT, INT, TEXT, BOOL = sa.Float, sa.Integer, sa.Text, sa.Boolean
EXACT, AT = types.Exact, types.Instant


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", TEXT, primary_key=True, autoincrement=False),
        *must(TEXT, "account", "adviser", "model", "symbol"),
        *must(AT, "bar", "at"),
        *must(TEXT, "purpose", "role"),
        *may(TEXT, "stance"),
        *must(FLOAT, "confidence"),
        *may(FLOAT, "p"),
        *must(FLOAT, "close"),
        *may(FLOAT, "atr", "stop_atr", "target_atr"),
        *may(INT, "horizon_bars", "place"),
        *must(TEXT, "version"),
        *must(EXACT, "cost_usd"),
        *must(FLOAT, "latency_s"),
        *must(BOOL, "is_cached"),
        *must(TEXT, "call_id", "decision_id"),
        *may(TEXT, "failure", "long_end", "short_end"),
        *may(AT, "ended_at"),
        *must(TEXT, "state"),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_when"),
        sa.CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_why"),
    )
    op.create_index("ix_adviser_opinions_account_state_bar", TABLE, ["account", "state", "bar"])
    op.create_index("ix_adviser_opinions_account_bar_id", TABLE, ["account", "bar", "id"])
    for statement in _protection():
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")


def must(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def may(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def _protection() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        refusal = f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        return [
            f"CREATE TRIGGER keep_{TABLE}_delete BEFORE DELETE ON {TABLE} {refusal}",
            f"CREATE TRIGGER keep_{TABLE}_finished BEFORE UPDATE ON {TABLE} WHEN {FINISHED} {refusal}",
        ]
    return [
        f"CREATE TRIGGER keep_{TABLE} BEFORE DELETE OR TRUNCATE ON {TABLE} "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_history()",
        f"CREATE TRIGGER keep_{TABLE}_finished BEFORE UPDATE ON {TABLE} "
        f"FOR EACH ROW WHEN ({FINISHED}) EXECUTE FUNCTION keep_history()",
    ]
