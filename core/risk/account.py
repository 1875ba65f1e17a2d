"""What must be known of the account before anything is risked. None means unknown, which refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.market import Side
from core.money import ZERO


@dataclass(frozen=True, slots=True)
class OpenRisk:
    """One open trade or open card, as exposure."""

    symbol: str
    side: Side
    loss_at_stop: Decimal
    """USDT lost from now on if its stop is hit."""
    is_card: bool = False
    beta: Decimal | None = None
    """Beta to BTC; None: unknown, counted as 1."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    equity: Decimal | None
    wallet: Decimal | None
    available: Decimal | None
    day_opening: Decimal | None
    """Equity at 00:00 UTC, at the present size of the account: a transfer scales it, so that the fraction
    lost stays what it is. No sum of money that ever was there after one; for that see `earned_today`."""
    peak: Decimal | None
    """Highest equity since the last acknowledged drawdown, at the present size as well."""
    at: datetime
    open_risks: tuple[OpenRisk, ...] = ()
    last_closed: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol → when its last trade closed."""
    open_breakers: tuple[str, ...] = ()
    closed_to_entries: str = ""
    """Why no entry is allowed at all (paused, disarmed, a task died); empty when it is."""
    foreign_symbols: frozenset[str] = frozenset()
    """Symbols with a position that is not ours."""
    is_probing: bool = False
    """A breaker reopened and no trade since has earned the full size back."""
    earned_today: Decimal | None = None
    """USDT since 00:00 UTC, what was paid in or out not counted."""

    @property
    def drawdown(self) -> Decimal | None:
        """Fraction below the peak; None: unknown."""
        if self.equity is None or self.peak is None or not self.peak > 0:
            return None
        return max((self.peak - self.equity) / self.peak, ZERO)

    @property
    def open_risk(self) -> Decimal:
        return sum((risk.loss_at_stop for risk in self.open_risks), ZERO)
