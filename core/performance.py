"""Results of closed trades, net of every cost.

Ratios are None where they mean nothing (no trades, no losses): a rate is never shown without its n.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from core.journal import EquityPoint
from core.money import ZERO
from core.trade import ClosedTrade

DAYS_PER_YEAR = 365
"""Perpetuals trade every day."""
MIN_DAYS_FOR_RATIOS = 5
"""Below this a daily ratio is noise, so it is not shown."""
LEAST_DEVIATION = 1e-12
"""Equal returns differ by this much in floating point; a ratio to it would be a ratio to nothing."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Money in USDT; drawdowns and rates as fractions."""

    trades: int
    wins: int
    losses: int
    """Trades of exactly nothing are neither."""
    net_pnl: Decimal
    gross_pnl: Decimal
    fees: Decimal
    funding: Decimal
    best: Decimal | None
    worst: Decimal | None
    average_pnl: Decimal | None
    win_rate: float | None
    profit_factor: float | None
    """Sum of net gains ÷ sum of net losses; None without losses."""
    expectancy_r: float | None
    average_reward_risk: float | None
    """Mean net gain of winners ÷ mean net loss of losers."""
    sharpe: float | None
    sortino: float | None
    """Daily equity returns, annualised by √365, risk-free 0; None below five days."""
    max_drawdown: float
    largest_loss_share: float | None
    """Largest net loss ÷ initial capital."""


def performance(trades: Sequence[ClosedTrade], curve: Sequence[EquityPoint], initial: Decimal) -> Performance:
    """`trades` and `curve` oldest first and of one period; `initial` is the equity it opened with."""
    gains = [trade.net_pnl for trade in trades if trade.net_pnl > 0]
    losses = [-trade.net_pnl for trade in trades if trade.net_pnl < 0]
    net = sum((trade.net_pnl for trade in trades), ZERO)
    count = len(trades)
    returns = daily_returns(curve, initial)
    return Performance(
        trades=count,
        wins=len(gains),
        losses=len(losses),
        net_pnl=net,
        gross_pnl=sum((trade.gross_pnl for trade in trades), ZERO),
        fees=sum((trade.fees for trade in trades), ZERO),
        funding=sum((trade.funding for trade in trades), ZERO),
        best=max((trade.net_pnl for trade in trades), default=None),
        worst=min((trade.net_pnl for trade in trades), default=None),
        average_pnl=net / count if count else None,
        win_rate=len(gains) / count if count else None,
        profit_factor=float(sum(gains, ZERO) / sum(losses, ZERO)) if losses else None,
        expectancy_r=float(sum((trade.r_multiple for trade in trades), ZERO)) / count if count else None,
        average_reward_risk=_reward_risk(gains, losses),
        sharpe=_sharpe(returns),
        sortino=_sortino(returns),
        max_drawdown=max_drawdown(equity_path(trades, curve, initial), initial),
        largest_loss_share=float(max(losses) / initial) if losses and initial > 0 else None,
    )


def equity_path(
    trades: Sequence[ClosedTrade], curve: Sequence[EquityPoint], initial: Decimal
) -> list[tuple[datetime, Decimal]]:
    """Equity over time: the recorded curve, or, without one, the booked trades alone."""
    if curve:
        return [(point.at, point.equity) for point in curve]
    path: list[tuple[datetime, Decimal]] = []
    equity = initial
    for trade in trades:
        if not path:
            path.append((trade.opened_at, equity))
        equity += trade.net_pnl
        path.append((trade.closed_at, equity))
    return path


def max_drawdown(path: Sequence[tuple[datetime, Decimal]], opening: Decimal = ZERO) -> float:
    """Largest fall from a peak as a fraction of that peak; 0 for an empty path.

    `opening` is the peak to begin with: the equity before the first point.
    """
    peak, worst = opening, 0.0
    for _, equity in path:
        peak = max(peak, equity)
        if peak > 0:
            worst = max(worst, float((peak - equity) / peak))
    return worst


def daily_returns(curve: Sequence[EquityPoint], initial: Decimal) -> list[float]:
    """One return per UTC day that has a point, from the last equity of the day before it."""
    closes: dict[date, Decimal] = {}
    for point in curve:
        closes[point.at.date()] = point.equity
    returns, before = [], initial
    for day in sorted(closes):
        if before > 0:
            returns.append(float(closes[day] / before) - 1.0)
        before = closes[day]
    return returns


def by_key(trades: Sequence[ClosedTrade], key: str) -> dict[str, tuple[int, Decimal]]:
    """Attribute value → (count, net P&L); `key` names an attribute of `ClosedTrade`."""
    sums: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for trade in trades:
        count, net = sums[str(getattr(trade, key))]
        sums[str(getattr(trade, key))] = (count + 1, net + trade.net_pnl)
    return dict(sums)


def _reward_risk(gains: Sequence[Decimal], losses: Sequence[Decimal]) -> float | None:
    if not gains or not losses:
        return None
    return float((sum(gains, ZERO) / len(gains)) / (sum(losses, ZERO) / len(losses)))


def _sharpe(returns: Sequence[float]) -> float | None:
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return None
    mean = sum(returns) / len(returns)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in returns) / (len(returns) - 1))
    return mean / deviation * math.sqrt(DAYS_PER_YEAR) if deviation > LEAST_DEVIATION else None


def _sortino(returns: Sequence[float]) -> float | None:
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return None
    mean = sum(returns) / len(returns)
    downside = math.sqrt(sum(min(value, 0.0) ** 2 for value in returns) / len(returns))
    return mean / downside * math.sqrt(DAYS_PER_YEAR) if downside > LEAST_DEVIATION else None
