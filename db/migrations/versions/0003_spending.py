"""What advisers may cost. Frozen: later changes are later revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db import types

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name, before in (("headers", "{}"), ("decision_id", ""), ("purpose", "entry")):
        op.add_column("adviser_calls", sa.Column(name, sa.Text, nullable=False, server_default=before))
    op.create_index("ix_adviser_calls_decision_id", "adviser_calls", ["decision_id"])
    _spending()
    _served()


def _spending() -> None:
    texts = ("account", "adviser", "model", "purpose", "decision_id")
    op.create_table(
        "ai_spending",
        sa.Column("call_id", sa.Text, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("reserved_pico_usd", sa.BigInteger, nullable=False),
        sa.Column("settled_pico_usd", sa.BigInteger, nullable=True),
        sa.Column("at", types.Instant, nullable=False),
    )
    op.create_index("ix_ai_spending_account_day", "ai_spending", ["account", "day"])
    op.create_table(
        "ai_days",
        sa.Column("account", sa.Text, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Date, primary_key=True, autoincrement=False),
        sa.Column("spent_pico_usd", sa.BigInteger, nullable=False),
        sa.Column("exit_pico_usd", sa.BigInteger, nullable=False),
    )


def _served() -> None:
    op.create_table(
        "served_models",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("account", "adviser", "asked")),
        sa.Column("served", sa.Text, nullable=False),
        sa.Column("since", types.Instant, nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")
