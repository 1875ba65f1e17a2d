"""How a tripped breaker comes back: tripped → (cause gone) cooling down → probe → normal. Pure.

Every state follows from the journal's events and what is measured now, so that a restart finds the same; only
a technical cooldown begins anew with the process, which is the careful side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.journal import BreakerEvent
from core.risk.breakers import (
    BY_NAME,
    CONSECUTIVE_LOSSES,
    DAILY_LOSS,
    DRAWDOWN,
    ROLLING_LOSS,
    Reading,
)
from core.risk.limits import Limits, Policy
from core.trade import ADOPTED, ClosedTrade

BY_CLOCK = (DAILY_LOSS, CONSECUTIVE_LOSSES)
"""These reopen at a time that is known when they trip, whatever their gauge says."""

ACTIONS = {
    Policy.HOLD: "entries stopped",
    Policy.TIGHTEN: "entries stopped, stops moved half-way to the price",
    Policy.FLATTEN: "entries stopped, every position is closed",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One breaker as it stands."""

    reading: Reading
    event: BreakerEvent | None
    """While it is open."""
    cooling_until: datetime | None
    """Open, and when it reopens by rule if nothing happens; None: its cause lasts, or a person is needed."""
    is_probing: bool
    policy: Policy
    clears: str

    @property
    def title(self) -> str:
        return BY_NAME[self.reading.name].title


def cools_until(
    name: str, tripped_at: datetime, gone_since: datetime | None, limits: Limits
) -> datetime | None:
    """When it reopens by rule; None while that is not known. `gone_since`: when its cause was seen gone."""
    if name == DRAWDOWN or name not in BY_NAME:
        return None
    if name == DAILY_LOSS:
        midnight = tripped_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)
    if name == CONSECUTIVE_LOSSES:
        return tripped_at + timedelta(hours=limits.breakers.consecutive_cooldown_h)
    if gone_since is None or name == ROLLING_LOSS:
        return gone_since
    return gone_since + timedelta(seconds=limits.breakers.cooldown_s)


def clearing_words(name: str, cooling_until: datetime | None, limits: Limits) -> str:
    """When or by whom it clears."""
    rule = BY_NAME[name].clears(limits) if name in BY_NAME else ""
    if not rule:
        return "when you acknowledge it"
    if cooling_until is not None and name != DAILY_LOSS:
        rule = f"on {cooling_until:%d %b at %H:%M} UTC if its cause stays away"
        if name == CONSECUTIVE_LOSSES:
            rule = f"on {cooling_until:%d %b at %H:%M} UTC"
    return f"{rule}, or when you acknowledge it"


def is_probing(event: BreakerEvent | None, trades: Sequence[ClosedTrade]) -> bool:
    """Reopened, and no trade since has earned the full size back.

    `event`: the breaker's newest resolved one. A trade counts that was opened after the reopening and
    closed with a net gain, and not one that was adopted.
    """
    if event is None or event.resolved_at is None or event.name not in BY_NAME:
        return False
    if not BY_NAME[event.name].is_loss:
        return False
    own = (trade for trade in trades if trade.origin != ADOPTED)
    return not any(trade.net_pnl > 0 and trade.opened_at >= event.resolved_at for trade in own)
