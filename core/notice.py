"""Facts that the owner will be told. Words are made from them in `bot.cards`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class NoticeKind(StrEnum):
    STARTED = "started"
    STOPPED = "stopped"
    APPROVAL = "approval"
    """A card that asks; facts: approval_id."""
    APPROVAL_CLOSED = "approval_closed"
    """Edits that card; facts: approval_id, outcome (an `ApprovalState`), reasons."""
    SIGNAL = "signal"
    """Watch mode: an idea nobody is asked to approve."""
    ENTRY_SENT = "entry_sent"
    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"
    ENTRY_FAILED = "entry_failed"
    NEAR_STOP = "near_stop"
    LIQUIDATION_LADDER = "liquidation_ladder"
    NAKED = "naked"
    OUTSIDE_CHANGE = "outside_change"
    FOREIGN = "foreign"
    """A position that is not ours, with the question what to do about it."""
    ADOPTED = "adopted"
    """A position that was found at the venue is guarded as a trade from now on."""
    BREAKER_TRIPPED = "breaker_tripped"
    BREAKER_CLEARED = "breaker_cleared"
    AI_DEGRADED = "ai_degraded"
    BUDGET_REACHED = "budget_reached"
    """Models are silent for the rest of the UTC day; facts: budget, left."""
    SYSTEM = "system"
    """A task died, the database is slow, Telegram came back …; facts: text."""
    SUMMARY = "summary"
    """Daily or weekly summary; facts: period, performance."""


CRITICAL = frozenset(
    {
        NoticeKind.NAKED,
        NoticeKind.BREAKER_TRIPPED,
        NoticeKind.LIQUIDATION_LADDER,
        NoticeKind.SYSTEM,
        NoticeKind.CLOSED,
        NoticeKind.ENTRY_FAILED,
        NoticeKind.APPROVAL,
        NoticeKind.OUTSIDE_CHANGE,
        NoticeKind.FOREIGN,
        NoticeKind.ADOPTED,
    }
)
"""These can't be switched off."""


@dataclass(frozen=True, slots=True)
class Notice:
    kind: NoticeKind
    key: str
    """Unique: the same key is told once, however often it is written."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON values only; money and prices as decimal text, times as ISO 8601 UTC."""
    thread: str | None = None
    """A trade id: the message is a reply to that trade's opening message."""
