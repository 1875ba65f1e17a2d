"""What every decision was made from, chained. Frozen: later changes are later revisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT, BYTES, BIG = sa.Text, sa.LargeBinary, sa.BigInteger
PROTECTED = {
    "decision_tapes": ("UPDATE", "DELETE"),
    "tape_pieces": ("UPDATE", "DELETE"),
    "journal_chain": ("UPDATE", "DELETE"),
    "chain_heads": ("DELETE",),
}


def upgrade() -> None:
    op.create_table("decision_tapes", key("decision_id", TEXT), must("account", TEXT), must("body", BYTES))
    op.create_table("tape_pieces", key("digest", BYTES), must("body", BYTES))
    op.create_table(
        "journal_chain",
        key("account", TEXT),
        key("number", BIG),
        must("kind", TEXT),
        must("row_id", TEXT),
        must("digest", BYTES),
        must("link", BYTES),
    )
    op.create_index("ix_journal_chain_row_id", "journal_chain", ["row_id"])
    op.create_table(
        "chain_heads",
        key("account", TEXT),
        must("number", BIG),
        must("link", BYTES),
        must("rows_before", BIG),
        must("ids_before", BYTES),
    )
    for statement in _protection():
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")


def key(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _protection() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER keep_{name}_{verb.lower()} BEFORE {verb} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for name, verbs in PROTECTED.items()
            for verb in verbs
        ]
    return [
        f"CREATE TRIGGER keep_{name} BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_history()"
        for name, verbs in PROTECTED.items()
    ]
