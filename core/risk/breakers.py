"""Circuit breakers: facts → which are tripped. They block entries only; guarding never stops.

Laws:
- Loss is realised and unrealised together, against the day's opening equity (00:00 UTC).
- A breaker is recorded before it acts, survives restarts, and clears by its rule or by a person.
- Unknown equity trips nothing and allows nothing: the checks refuse on it themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from core.risk.limits import Limits
from core.trade import ClosedTrade

DAILY_LOSS = "daily_loss"
CONSECUTIVE_LOSSES = "consecutive_losses"
DRAWDOWN = "drawdown"
NAMES = (DAILY_LOSS, CONSECUTIVE_LOSSES, DRAWDOWN)

CLEARS = {
    DAILY_LOSS: "at 00:00 UTC",
    CONSECUTIVE_LOSSES: "when you acknowledge it",
    DRAWDOWN: "when you acknowledge it",
}


@dataclass(frozen=True, slots=True)
class Health:
    """What the breakers look at."""

    equity: Decimal | None
    day_opening: Decimal | None
    peak: Decimal | None
    """Since the last acknowledged drawdown."""
    losses_in_a_row: int
    """Since the last acknowledgement."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One breaker's gauge."""

    name: str
    value: Decimal | None
    """Fraction lost, or a count; None: unknown."""
    threshold: Decimal

    @property
    def is_tripped(self) -> bool:
        return self.value is not None and self.value >= self.threshold

    def shown(self) -> tuple[str, str]:
        """(value, threshold) in words."""
        if self.value is None:
            return "unknown", self._word(self.threshold)
        return self._word(self.value), self._word(self.threshold)

    def _word(self, number: Decimal) -> str:
        return f"{number:.0f}" if self.name == CONSECUTIVE_LOSSES else f"{number * 100:.2f} %"


def readings(health: Health, limits: Limits) -> tuple[Reading, ...]:
    """Every breaker's gauge, in the order of `NAMES`."""
    return (
        Reading(DAILY_LOSS, _fall(health.day_opening, health.equity), limits.daily_loss),
        Reading(CONSECUTIVE_LOSSES, Decimal(health.losses_in_a_row), Decimal(limits.max_consecutive_losses)),
        Reading(DRAWDOWN, _fall(health.peak, health.equity), limits.max_drawdown),
    )


def losses_in_a_row(trades: Sequence[ClosedTrade], since: datetime | None) -> int:
    """Losing trades at the newest end; `trades` oldest first, only those closed after `since` count."""
    count = 0
    for trade in reversed(trades):
        if trade.net_pnl >= 0 or (since is not None and trade.closed_at <= since):
            break
        count += 1
    return count


def clears_by_rule(name: str, tripped_at: datetime, now: datetime) -> bool:
    """The day's breaker reopens on the next UTC day."""
    return name == DAILY_LOSS and now.astimezone(UTC).date() > tripped_at.astimezone(UTC).date()


def _fall(start: Decimal | None, equity: Decimal | None) -> Decimal | None:
    """Fraction lost since `start`; 0 when it grew."""
    if start is None or equity is None or not (start.is_finite() and equity.is_finite() and start > 0):
        return None
    return max((start - equity) / start, Decimal(0))
