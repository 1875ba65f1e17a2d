"""Tables of what advisers cost: one row a request, one running total a day."""

from __future__ import annotations

from sqlalchemy import BigInteger, Date, Index, Table, Text

from db.tables import account, may, metadata, must
from db.types import Instant

ai_spending = Table(
    "ai_spending",
    metadata,
    must("call_id", Text, key=True),
    account(),
    must("adviser", Text),
    must("model", Text),
    must("purpose", Text),
    must("decision_id", Text),
    must("day", Date),
    must("reserved_pico_usd", BigInteger),
    may("settled_pico_usd", BigInteger),
    must("at", Instant),
    Index("ix_ai_spending_account_day", "account", "day"),
)
"""Unsettled rows count with what was reserved. 10⁻¹² USD add exactly."""

ai_days = Table(
    "ai_days",
    metadata,
    account(key=True),
    must("day", Date, key=True),
    must("spent_pico_usd", BigInteger),
    must("exit_pico_usd", BigInteger),
)
"""Sum of `ai_spending` by UTC day, of it for exits: the row that two writers meet on."""
