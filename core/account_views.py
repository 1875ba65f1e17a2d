"""What a person sees of the account at the venue: its orders, its money, and what a reconciliation found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.trade import Order


@dataclass(frozen=True, slots=True)
class OrderView:
    """An open order as the venue shows it, of either kind."""

    order: Order
    purpose: str
    """`stop`, `target`, `entry`, `exit`, `stray` (ours, of no open trade) or `foreign`."""


@dataclass(frozen=True, slots=True)
class BalanceView:
    wallet: Decimal
    unrealised: Decimal
    equity: Decimal
    available: Decimal
    margin: Decimal
    """Bound by positions."""
    cap: Decimal | None
    """Live: what sizing counts on at most; None: no cap."""
    sizing: Decimal | None
    """What sizing counts on now; None: unknown."""
    at: datetime


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What looking at everything twice found, and what was done about it."""

    matched: tuple[str, ...]
    """Symbols whose trade, position and stop agree."""
    foreign: tuple[str, ...]
    """Symbols with a position that is not ours."""
    gone: tuple[str, ...]
    """Symbols whose trade was open before and is over now."""
    open_ends: tuple[tuple[str, str], ...]
    """(symbol, why it neither rests nor is over)."""
    kept: int
    """Open orders that stay, of both kinds."""
    cancelled: int
    """Open orders of ours that were taken away."""
    took_s: float
    at: datetime

    @property
    def is_clean(self) -> bool:
        return not (self.foreign or self.open_ends)
