"""The first schema. Frozen: later changes are later revisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from db import types

revision = "0001"
down_revision = None

BIG, BOOL, DATE, FLOAT, INT, TEXT = sa.BigInteger, sa.Boolean, sa.Date, sa.Float, sa.Integer, sa.Text
MONEY, EXACT, AT = types.Money, types.Exact, types.Instant

PROTECTED = {
    "trade_history": ("UPDATE", "DELETE"),
    "fills": ("UPDATE", "DELETE"),
    "funding_payments": ("UPDATE", "DELETE"),
    "decisions": ("UPDATE", "DELETE"),
    "adviser_calls": ("DELETE",),
    "circuit_breaker_events": ("DELETE",),
}


def upgrade() -> None:
    _accounts_and_trades()
    _history()
    _figures()
    _judgement()
    _telling()
    _advisers_and_house()
    for statement in _protection():
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")


def numbered() -> sa.Column[Any]:
    return sa.Column("id", BIG().with_variant(INT(), "sqlite"), primary_key=True)


def key(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def must(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def may(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def partial_index(name: str, table_name: str, columns: list[str], where: str, unique: bool) -> None:
    clause = sa.text(where)
    op.create_index(name, table_name, columns, unique=unique, sqlite_where=clause, postgresql_where=clause)


def _protection() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER keep_{name}_{verb.lower()} BEFORE {verb} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for name, verbs in PROTECTED.items()
            for verb in verbs
        ]
    function = (
        "CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    triggers = [
        f"CREATE TRIGGER keep_{name} BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_history()"
        for name, verbs in PROTECTED.items()
    ]
    return [function, *triggers]


def _accounts_and_trades() -> None:
    op.create_table(
        "accounts",
        *key(TEXT, "account"),
        *must(BOOL, "is_paper"),
        *must(MONEY, "initial_capital", "current_capital"),
        *must(BOOL, "is_paused"),
        *must(TEXT, "paused_by"),
        *must(AT, "paused_changed_at"),
        *must(TEXT, "mode", "mode_by"),
        *must(AT, "mode_changed_at", "opened_at"),
    )
    op.create_table(
        "trading_config",
        *key(INT, "id"),
        *must(TEXT, "account"),
        *must(BOOL, "is_paper"),
        *must(TEXT, "mode"),
        *must(BOOL, "is_trading_enabled"),
        *must(MONEY, "initial_capital", "current_capital"),
        *must(AT, "updated_at"),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.create_table(
        "trades",
        *key(TEXT, "id"),
        *must(TEXT, "account", "symbol", "side", "state", "want", "trade", "plan"),
        *may(TEXT, "approval_id"),
        *must(TEXT, "opened_by"),
        *must(AT, "created_at", "updated_at"),
        *may(AT, "ended_at"),
        *must(TEXT, "end_reason"),
    )
    partial_index("one_open_trade", "trades", ["account", "symbol"], "state = 'open'", unique=True)
    op.create_table(
        "intentions",
        numbered(),
        *must(TEXT, "account", "trade_id", "client_id", "purpose"),
        *must(INT, "attempt"),
        *must(TEXT, "state", "request"),
        *must(AT, "sent_at"),
        *may(AT, "settled_at"),
        *must(TEXT, "note"),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.id"]),
        sa.UniqueConstraint("client_id"),
    )
    op.create_index("ix_intentions_trade_id", "intentions", ["trade_id"])
    op.create_table(
        "active_position",
        *key(TEXT, "account", "symbol"),
        *must(TEXT, "trade_id", "side"),
        *must(INT, "leverage"),
        *must(EXACT, "quantity", "entry_price", "current_price"),
        *must(MONEY, "unrealized_pnl", "margin"),
        *must(EXACT, "stop_price", "liquidation_price"),
        *must(AT, "opened_at", "updated_at"),
    )


def _history() -> None:
    op.create_table(
        "fills",
        *key(TEXT, "account", "symbol", "id"),
        *must(TEXT, "trade_id", "client_id", "side"),
        *must(EXACT, "quantity", "price", "fee"),
        *must(AT, "at"),
        *must(BOOL, "is_liquidation"),
    )
    op.create_index("ix_fills_trade_id", "fills", ["trade_id"])
    op.create_table(
        "funding_payments",
        *key(TEXT, "account", "symbol", "id"),
        *must(TEXT, "trade_id"),
        *must(EXACT, "amount"),
        *must(AT, "at"),
    )
    op.create_index("ix_funding_payments_trade_id", "funding_payments", ["trade_id"])
    op.create_table(
        "trade_history",
        *key(TEXT, "id"),
        *must(TEXT, "account", "symbol", "side"),
        *must(INT, "leverage"),
        *must(EXACT, "quantity", "entry_price", "exit_price"),
        *must(MONEY, "gross_pnl", "fees", "funding", "net_pnl", "risk_usd"),
        *must(EXACT, "r_multiple"),
        *must(TEXT, "exit_reason"),
        *must(AT, "opened_at", "closed_at"),
        *must(TEXT, "origin", "decision_id"),
        *must(FLOAT, "score"),
        *must(TEXT, "regime"),
        *may(MONEY, "mfe", "mae"),
    )
    op.create_index("ix_trade_history_account_closed_at", "trade_history", ["account", "closed_at"])
    op.create_table(
        "notes",
        numbered(),
        *must(TEXT, "account", "trade_id", "note", "written_by"),
        *must(AT, "at"),
    )
    op.create_index("ix_notes_trade_id", "notes", ["trade_id"])


def _figures() -> None:
    op.create_table(
        "daily_performance",
        *key(TEXT, "account"),
        *key(DATE, "day"),
        *must(MONEY, "opening_equity", "realised"),
        *must(INT, "trades", "wins"),
        *must(MONEY, "fees", "funding"),
    )
    op.create_table(
        "equity_points",
        *key(TEXT, "account"),
        *key(AT, "minute"),
        *must(AT, "at"),
        *must(MONEY, "wallet", "unrealised", "equity"),
    )
    op.create_table(
        "heartbeats",
        *key(TEXT, "account", "task"),
        *key(DATE, "day"),
        *must(INT, "minutes"),
        *must(AT, "last_minute"),
    )
    op.create_table(
        "error_counts",
        *key(DATE, "day"),
        *must(INT, "errors"),
    )
    op.create_table(
        "ai_hours",
        *key(TEXT, "account", "adviser"),
        *key(AT, "hour"),
        *must(INT, "calls", "cache_hits"),
        *must(BIG, "cost_pico_usd"),
    )


def _judgement() -> None:
    op.create_table(
        "approvals",
        *key(TEXT, "id"),
        *must(TEXT, "account", "symbol", "state", "plan"),
        *must(AT, "created_at", "expires_at"),
        *may(AT, "claimed_at"),
        *must(TEXT, "claimed_by"),
        *may(AT, "settled_at"),
        *must(TEXT, "settled_by", "reasons"),
        *may(TEXT, "requote_of"),
    )
    op.create_index("ix_approvals_account_state", "approvals", ["account", "state"])
    partial_index(
        "one_live_card", "approvals", ["account", "symbol"], "state IN ('open', 'claimed')", unique=True
    )
    op.create_table(
        "scans",
        *key(TEXT, "id"),
        *must(TEXT, "account"),
        *must(AT, "started_at", "ended_at"),
        *must(INT, "symbols"),
        *must(TEXT, "funnel", "ranking"),
    )
    op.create_index("ix_scans_account_started_at", "scans", ["account", "started_at"])
    op.create_table(
        "decisions",
        *key(TEXT, "id"),
        *must(TEXT, "account"),
        *may(TEXT, "scan_id"),
        *must(TEXT, "symbol"),
        *must(AT, "at"),
        *must(TEXT, "gate", "reasons"),
        *may(FLOAT, "score"),
        *must(TEXT, "stance", "facts"),
    )
    op.create_index("ix_decisions_account_symbol_at", "decisions", ["account", "symbol", "at"])
    op.create_index("ix_decisions_scan_id", "decisions", ["scan_id"])
    op.create_table(
        "circuit_breaker_events",
        numbered(),
        *must(TEXT, "account", "name", "value", "threshold", "action"),
        *must(AT, "created_at"),
        *may(AT, "resolved_at"),
        *must(TEXT, "resolved_by"),
    )
    op.create_index("ix_circuit_breaker_events_account_name", "circuit_breaker_events", ["account", "name"])
    partial_index(
        "one_open_breaker", "circuit_breaker_events", ["account", "name"], "resolved_at IS NULL", unique=True
    )
    op.create_table(
        "setting_changes",
        numbered(),
        *must(TEXT, "account", "name", "old_value", "new_value", "changed_by"),
        *must(AT, "at"),
    )
    op.create_index("ix_setting_changes_account_name", "setting_changes", ["account", "name"])


def _telling() -> None:
    op.create_table(
        "outbox",
        numbered(),
        *must(TEXT, "account", "key", "kind", "facts"),
        *may(TEXT, "thread"),
        *must(AT, "created_at"),
        *must(INT, "attempts"),
        *may(AT, "begun_at", "ended_at"),
        *may(BIG, "message_id"),
        *must(TEXT, "error"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_outbox_thread", "outbox", ["thread"])
    partial_index("ix_outbox_waiting", "outbox", ["account", "id"], "ended_at IS NULL", unique=False)
    op.create_table(
        "buttons",
        *key(TEXT, "token"),
        *must(TEXT, "account", "action", "args"),
        *must(BIG, "user_id"),
        *must(AT, "expires_at"),
        *must(TEXT, "group_name"),
        *may(AT, "used_at"),
        *may(BIG, "used_by"),
    )
    op.create_index("ix_buttons_expires_at", "buttons", ["expires_at"])
    op.create_index("ix_buttons_group_name", "buttons", ["group_name"])
    op.create_table(
        "updates_seen",
        *key(BIG, "update_id"),
        *must(AT, "at"),
    )
    op.create_index("ix_updates_seen_at", "updates_seen", ["at"])
    op.create_table(
        "console_requests",
        numbered(),
        *must(TEXT, "command"),
        *must(AT, "asked_at"),
        *may(TEXT, "answer"),
        *may(AT, "answered_at"),
    )
    op.create_index("ix_console_requests_asked_at", "console_requests", ["asked_at"])


def _advisers_and_house() -> None:
    op.create_table(
        "adviser_calls",
        *key(TEXT, "id"),
        *must(TEXT, "account", "adviser", "model_asked", "symbol", "question_key", "request"),
        *must(AT, "at"),
        *must(INT, "attempt"),
        *may(TEXT, "raw"),
        *may(INT, "status"),
        *must(TEXT, "model_returned"),
        *may(INT, "tokens_in", "tokens_out", "tokens_cached"),
        *may(EXACT, "cost_usd"),
        *must(FLOAT, "latency_s"),
        *must(TEXT, "error"),
    )
    op.create_index("ix_adviser_calls_at", "adviser_calls", ["at"])
    op.create_table(
        "ai_analysis_cache",
        *key(TEXT, "key"),
        *must(TEXT, "account", "adviser", "symbol", "call_id", "raw", "model"),
        *must(AT, "created_at", "expires_at"),
        *must(INT, "hits"),
    )
    op.create_index("ix_ai_analysis_cache_expires_at", "ai_analysis_cache", ["expires_at"])
    op.create_table(
        "leases",
        *key(TEXT, "name"),
        *must(TEXT, "owner"),
        *must(BIG, "number"),
        *must(AT, "acquired_at"),
        *may(AT, "expires_at"),
    )
    op.create_table(
        "blobs",
        *key(TEXT, "name"),
        *must(TEXT, "content"),
        *must(AT, "saved_at"),
    )
