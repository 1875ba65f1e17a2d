"""Tables of talking and housekeeping: the outbox, buttons, advisers' calls, settings, leases, figures."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Float, Index, Integer, Table, Text, UniqueConstraint, text

from db.tables import account, may, metadata, must, since_then
from db.types import BigId, Exact, Instant, Money

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    must("key", Text),
    must("kind", Text),
    must("facts", Text),
    Column("thread", Text, nullable=True, index=True),
    must("created_at", Instant),
    must("attempts", Integer),
    may("begun_at", Instant),
    may("ended_at", Instant),
    may("message_id", BigInteger),
    must("error", Text),
    UniqueConstraint("key"),
    Index(
        "ix_outbox_waiting",
        "account",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

buttons = Table(
    "buttons",
    metadata,
    must("token", Text, key=True),
    account(),
    must("action", Text),
    must("args", Text),
    must("user_id", BigInteger),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("group_name", Text, nullable=False, index=True),
    may("used_at", Instant),
    may("used_by", BigInteger),
)

updates_seen = Table(
    "updates_seen",
    metadata,
    must("update_id", BigInteger, key=True),
    Column("at", Instant, nullable=False, index=True),
)

adviser_calls = Table(
    "adviser_calls",
    metadata,
    must("id", Text, key=True),
    account(),
    must("adviser", Text),
    must("model_asked", Text),
    must("symbol", Text),
    must("question_key", Text),
    must("request", Text),
    Column("at", Instant, nullable=False, index=True),
    must("attempt", Integer),
    may("raw", Text),
    may("status", Integer),
    must("model_returned", Text),
    may("tokens_in", Integer),
    may("tokens_out", Integer),
    may("tokens_cached", Integer),
    may("cost_usd", Exact),
    must("latency_s", Float),
    must("error", Text),
    since_then("headers", Text, before="{}"),
    since_then("decision_id", Text, before=""),
    since_then("purpose", Text, before="entry"),
    Index("ix_adviser_calls_decision_id", "decision_id"),
)

ai_hours = Table(
    "ai_hours",
    metadata,
    account(key=True),
    must("adviser", Text, key=True),
    must("hour", Instant, key=True),
    must("calls", Integer),
    must("cache_hits", Integer),
    must("cost_pico_usd", BigInteger),
)
"""Running figures: calls are journalled for ever, /metrics must not read them all. 10⁻¹² USD add exactly."""

ai_analysis_cache = Table(
    "ai_analysis_cache",
    metadata,
    must("key", Text, key=True),
    account(),
    must("adviser", Text),
    must("symbol", Text),
    must("call_id", Text),
    must("raw", Text),
    must("model", Text),
    must("created_at", Instant),
    Column("expires_at", Instant, nullable=False, index=True),
    must("hits", Integer),
)

setting_changes = Table(
    "setting_changes",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    must("name", Text),
    must("old_value", Text),
    must("new_value", Text),
    must("changed_by", Text),
    must("at", Instant),
    Index("ix_setting_changes_account_name", "account", "name"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    account(key=True),
    must("task", Text, key=True),
    must("day", Date, key=True),
    must("minutes", Integer),
    must("last_minute", Instant),
)

daily_counts = Table(
    "daily_counts",
    metadata,
    account(key=True),
    must("day", Date, key=True),
    must("name", Text, key=True),
    must("count", Integer),
)

armings = Table(
    "armings",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    must("cap", Money),
    must("armed_by", Text),
    must("at", Instant),
    must("sentence", Text),
    must("unmet", Text),
    Index("ix_armings_account_at", "account", "at"),
)

error_counts = Table(
    "error_counts",
    metadata,
    must("day", Date, key=True),
    must("errors", Integer),
)

leases = Table(
    "leases",
    metadata,
    must("name", Text, key=True),
    must("owner", Text),
    must("number", BigInteger),
    must("acquired_at", Instant),
    may("expires_at", Instant),
)

console_requests = Table(
    "console_requests",
    metadata,
    Column("id", BigId, primary_key=True),
    must("command", Text),
    Column("asked_at", Instant, nullable=False, index=True),
    may("answer", Text),
    may("answered_at", Instant),
)

blobs = Table(
    "blobs",
    metadata,
    must("name", Text, key=True),
    must("content", Text),
    must("saved_at", Instant),
)

HOUSE_TABLES = frozenset(
    {"updates_seen", "error_counts", "leases", "console_requests", "blobs", "tape_pieces"}
)
"""Rows that belong to the process, not to an account."""
