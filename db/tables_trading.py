"""Tables of money: accounts, trades and what they became, approvals, decisions, breakers.

JSON columns (`trade`, `plan`, `facts`, `funnel`, `ranking`, `reasons`, `advisers`, `checks`, `walked`) are
canonical text of `core.codec`: what was recorded is replayed byte for byte.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from db.tables import account, may, metadata, must, one_only, since_then
from db.types import BigId, Exact, Instant, Money

accounts = Table(
    "accounts",
    metadata,
    account(key=True),
    must("is_paper", Boolean),
    must("initial_capital", Money),
    must("current_capital", Money),
    must("is_paused", Boolean),
    must("paused_by", Text),
    must("paused_changed_at", Instant),
    must("mode", Text),
    must("mode_by", Text),
    must("mode_changed_at", Instant),
    must("opened_at", Instant),
)

trading_config = Table(
    "trading_config",
    metadata,
    must("id", Integer, key=True),
    account(),
    must("is_paper", Boolean),
    must("mode", Text),
    must("is_trading_enabled", Boolean),
    must("initial_capital", Money),
    must("current_capital", Money),
    must("updated_at", Instant),
    CheckConstraint("id = 1", name="one_row"),
)
"""The active account, as people query it; a copy of its row in `accounts`, made in the same transaction."""

trades = Table(
    "trades",
    metadata,
    must("id", Text, key=True),
    account(),
    must("symbol", Text),
    must("side", Text),
    must("state", Text),  # open, booked, abandoned
    must("want", Text),
    must("trade", Text),
    must("plan", Text),
    may("approval_id", Text),
    must("opened_by", Text),
    must("created_at", Instant),
    must("updated_at", Instant),
    may("ended_at", Instant),
    must("end_reason", Text),
)
one_only("one_open_trade", trades, ("account", "symbol"), "state = 'open'")

intentions = Table(
    "intentions",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    Column("trade_id", Text, ForeignKey("trades.id"), nullable=False, index=True),
    must("client_id", Text),
    must("purpose", Text),
    must("attempt", Integer),
    must("state", Text),
    must("request", Text),
    must("sent_at", Instant),
    may("settled_at", Instant),
    must("note", Text),
    UniqueConstraint("client_id"),
)

fills = Table(
    "fills",
    metadata,
    account(key=True),
    must("symbol", Text, key=True),  # venues number fills per symbol
    must("id", Text, key=True),
    Column("trade_id", Text, nullable=False, index=True),
    must("client_id", Text),
    must("side", Text),
    must("quantity", Exact),
    must("price", Exact),
    must("fee", Exact),
    must("at", Instant),
    must("is_liquidation", Boolean),
)

funding_payments = Table(
    "funding_payments",
    metadata,
    account(key=True),
    must("symbol", Text, key=True),
    must("id", Text, key=True),
    Column("trade_id", Text, nullable=False, index=True),
    must("amount", Exact),
    must("at", Instant),
)

transfers = Table(
    "transfers",
    metadata,
    account(key=True),
    must("id", Text, key=True),
    must("amount", Money),
    must("at", Instant),
    Index("ix_transfers_account_at", "account", "at"),
)

trade_history = Table(
    "trade_history",
    metadata,
    must("id", Text, key=True),
    account(),
    must("symbol", Text),
    must("side", Text),
    must("leverage", Integer),
    must("quantity", Exact),
    must("entry_price", Exact),
    must("exit_price", Exact),
    must("gross_pnl", Money),
    must("fees", Money),
    must("funding", Money),
    must("net_pnl", Money),
    must("risk_usd", Money),
    must("r_multiple", Exact),
    must("exit_reason", Text),
    must("opened_at", Instant),
    must("closed_at", Instant),
    must("origin", Text),
    must("decision_id", Text),
    must("score", Float),
    must("regime", Text),
    may("mfe", Money),
    may("mae", Money),
    since_then("advisers", Text, before="[]"),
    Index("ix_trade_history_account_closed_at", "account", "closed_at"),
)

notes = Table(
    "notes",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    Column("trade_id", Text, nullable=False, index=True),
    must("note", Text),
    must("written_by", Text),
    must("at", Instant),
)

active_position = Table(
    "active_position",
    metadata,
    account(key=True),
    must("symbol", Text, key=True),
    must("trade_id", Text),
    must("side", Text),
    must("leverage", Integer),
    must("quantity", Exact),
    must("entry_price", Exact),
    must("current_price", Exact),
    must("unrealized_pnl", Money),
    must("margin", Money),
    must("stop_price", Exact),
    must("liquidation_price", Exact),
    must("opened_at", Instant),
    must("updated_at", Instant),
)

daily_performance = Table(
    "daily_performance",
    metadata,
    account(key=True),
    must("day", Date, key=True),
    must("opening_equity", Money),
    must("realised", Money),
    must("trades", Integer),
    must("wins", Integer),
    must("fees", Money),
    must("funding", Money),
)

equity_points = Table(
    "equity_points",
    metadata,
    account(key=True),
    must("minute", Instant, key=True),
    must("at", Instant),
    must("wallet", Money),
    must("unrealised", Money),
    must("equity", Money),
    since_then("flows", Money, before="0.00"),
    since_then("units", Exact, before="1"),
    since_then("unit_price", Float, before="0"),
    Index("ix_equity_points_account_unit_price", "account", "unit_price"),
)
"""`unit_price` only finds the highest row without reading a year of them: exact is `equity` ÷ `units`."""

approvals = Table(
    "approvals",
    metadata,
    must("id", Text, key=True),
    account(),
    must("symbol", Text),
    must("state", Text),
    must("plan", Text),
    must("created_at", Instant),
    must("expires_at", Instant),
    may("claimed_at", Instant),
    must("claimed_by", Text),
    may("settled_at", Instant),
    must("settled_by", Text),
    must("reasons", Text),
    may("requote_of", Text),
    Index("ix_approvals_account_state", "account", "state"),
)
one_only("one_live_card", approvals, ("account", "symbol"), "state IN ('open', 'claimed')")

scans = Table(
    "scans",
    metadata,
    must("id", Text, key=True),
    account(),
    must("started_at", Instant),
    must("ended_at", Instant),
    must("symbols", Integer),
    must("funnel", Text),
    must("ranking", Text),
    Index("ix_scans_account_started_at", "account", "started_at"),
)

decisions = Table(
    "decisions",
    metadata,
    must("id", Text, key=True),
    account(),
    Column("scan_id", Text, nullable=True, index=True),
    must("symbol", Text),
    must("at", Instant),
    must("gate", Text),
    must("reasons", Text),
    may("score", Float),
    must("stance", Text),
    must("facts", Text),
    Index("ix_decisions_account_symbol_at", "account", "symbol", "at"),
)

circuit_breaker_events = Table(
    "circuit_breaker_events",
    metadata,
    Column("id", BigId, primary_key=True),
    account(),
    must("name", Text),
    must("value", Text),
    must("threshold", Text),
    must("action", Text),
    must("created_at", Instant),
    may("resolved_at", Instant),
    must("resolved_by", Text),
    since_then("reason", Text, before=""),
    Index("ix_circuit_breaker_events_account_name", "account", "name"),
)
one_only("one_open_breaker", circuit_breaker_events, ("account", "name"), "resolved_at IS NULL")

shadow_ideas = Table(
    "shadow_ideas",
    metadata,
    must("id", Text, key=True),
    account(),
    must("symbol", Text),
    must("side", Text),
    must("gate", Text),
    must("checks", Text),
    must("plan", Text),
    must("followed_from", Instant),
    must("followed_until", Instant),
    must("walked", Text),
    must("state", Text),  # open, ended
    may("ended_at", Instant),
    may("exit_reason", Text),
    may("r_multiple", Exact),
    Index("ix_shadow_ideas_account_ended_at", "account", "ended_at"),
    CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_when"),
)
one_only("one_open_shadow", shadow_ideas, ("account", "symbol", "side"), "state = 'open'")
