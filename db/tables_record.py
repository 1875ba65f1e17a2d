"""The table of the advisers' record: each answer about each bar, and what the market then did."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Float, Index, Integer, Table, Text

from db.tables import account, may, metadata, must
from db.types import Exact, Instant

adviser_opinions = Table(
    "adviser_opinions",
    metadata,
    must("id", Text, key=True),
    account(),
    must("adviser", Text),
    must("model", Text),
    must("symbol", Text),
    must("bar", Instant),
    must("at", Instant),
    must("purpose", Text),
    must("role", Text),
    may("stance", Text),
    must("confidence", Float),
    may("p", Float),
    must("close", Float),
    may("atr", Float),
    may("stop_atr", Float),
    may("target_atr", Float),
    may("horizon_bars", Integer),
    may("place", Integer),
    must("version", Text),
    must("cost_usd", Exact),
    must("latency_s", Float),
    must("is_cached", Boolean),
    must("call_id", Text),
    must("decision_id", Text),
    may("failure", Text),
    may("long_end", Text),
    may("short_end", Text),
    may("ended_at", Instant),
    must("state", Text),  # open, ended, failed
    Index("ix_adviser_opinions_account_state_bar", "account", "state", "bar"),
    Index("ix_adviser_opinions_account_bar_id", "account", "bar", "id"),
    CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_when"),
    CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failed_why"),
)
"""The id is derived from account, adviser, served model, symbol and bar: each is there once."""
