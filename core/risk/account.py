"""What must be known of the account before anything is risked. None means unknown, which refuses.

Laws:
- Under a capital cap the account is judged as if it had no more than that: sizes, margin and what may still
  be lost are measured on the lesser of the two. So the worst of a day is a share of the cap, not of a wallet
  that may be a hundred times as large.
- Under a cap a loss is counted in money, which no transfer touches: 5 USDT are the same share of it before
  and after a deposit. Beside it stands the share of the whole account, time-weighted; the worse of the two
  holds, so that a withdrawal to below the cap leaves no room to lose all that is left.
- Under a cap, gains and losses of positions that are not the bot's count in its limits too.
- Without a cap (paper) every figure is the account's own, to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.journal import EquityPoint
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
class Loss:
    """USDT lost since a baseline, what was paid in or out not counted."""

    lost: Decimal
    """Below 0: gained."""
    base: Decimal
    """Equity at the baseline: as it was, or at the present size where money was paid in since."""


def loss_since(start: EquityPoint, point: EquityPoint) -> Loss:
    base = max(start.equity, start.at_size(point.units))
    return Loss(start.without_flows - point.without_flows, base)


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
    last_refused: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol → when the venue last refused an entry in it; only as far back as the cooldown goes."""
    open_breakers: tuple[str, ...] = ()
    closed_to_entries: str = ""
    """Why no entry is allowed at all (paused, disarmed, a task died); empty when it is."""
    foreign_symbols: frozenset[str] = frozenset()
    """Symbols with a position that is not ours."""
    is_probing: bool = False
    """A breaker reopened and no trade since has earned the full size back."""
    earned_today: Decimal | None = None
    """USDT since 00:00 UTC, what was paid in or out not counted."""
    cap: Decimal | None = None
    """Live: the most USDT that trading may count on, `LIVE_CAPITAL_CAP` or what /golive made of it; 0 while
    that cannot be read. None: no cap, as on paper."""
    lost_today: Loss | None = None
    """Since 00:00 UTC, for limits under a cap. None: nothing was paid in or out since, and `day_opening` says
    it all."""
    lost_from_peak: Loss | None = None
    """The same from the peak in money, which after a transfer may be of another moment than `peak`."""
    margin_held: Decimal = ZERO
    """USDT bound by our open trades; only what is left of the cap is there for another."""

    @property
    def sizing_equity(self) -> Decimal | None:
        """USDT that sizes and risks are fractions of; None: unknown. Under a cap the least of equity, wallet
        and cap: neither an open gain nor money beyond the cap makes a trade larger."""
        whole = self.uncapped_equity
        return whole if whole is None or self.cap is None else min(whole, self.cap)

    @property
    def uncapped_equity(self) -> Decimal | None:
        """What `sizing_equity` would be if only the cap were higher."""
        if self.cap is None or self.equity is None:
            return self.equity
        return None if self.wallet is None else min(self.equity, self.wallet)

    @property
    def is_cap_binding(self) -> bool:
        """More could be counted on if the cap were higher."""
        whole = self.uncapped_equity
        return self.cap is not None and whole is not None and self.cap < whole

    @property
    def sizing_available(self) -> Decimal | None:
        """USDT that one more trade's margin and entry fee may take; None: unknown."""
        if self.cap is None or self.available is None:
            return self.available
        return min(self.available, self.cap - self.margin_held)

    @property
    def drawdown(self) -> Decimal | None:
        """Fraction below the peak, as the breaker measures it; None: unknown."""
        return lost_share(self.peak, self.equity, self.cap, self.lost_from_peak)

    @property
    def sizing_words(self) -> str:
        """`sizing_equity` by the name of what bounds it, for reasons."""
        if self.sizing_equity is None:
            return "equity unknown"
        kind = "the capital cap" if self.is_cap_binding else "equity"
        return f"{kind} {self.sizing_equity:.2f}"

    @property
    def open_risk(self) -> Decimal:
        return sum((risk.loss_at_stop for risk in self.open_risks), ZERO)


def bounded(baseline: Decimal, cap: Decimal | None) -> Decimal:
    """What a loss since `baseline` is a fraction of: the lesser of it and the cap."""
    return baseline if cap is None else min(baseline, cap)


def lost_share(
    baseline: Decimal | None, equity: Decimal | None, cap: Decimal | None, loss: Loss | None = None
) -> Decimal | None:
    """Fraction lost since `baseline`, 0 when it grew, above 1 where more than the cap is gone.

    The one measure of breakers, drawdown tiers and budgets. None: unknown, as under a cap of 0. `loss`: the
    same in money; None where nothing was paid in or out since.
    """
    if baseline is None or equity is None or not (baseline.is_finite() and equity.is_finite()):
        return None
    whole = _share(Loss(baseline - equity, baseline), None)
    if cap is None:
        return whole
    if not cap.is_finite():
        return None
    capped = _share(loss or Loss(baseline - equity, baseline), cap)
    return capped if capped is None or whole is None else max(capped, whole)


def _share(loss: Loss, cap: Decimal | None) -> Decimal | None:
    base = bounded(loss.base, cap)
    return max(loss.lost / base, ZERO) if base > 0 else None
