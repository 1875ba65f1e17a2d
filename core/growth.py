"""What one unit of the opening equity became, and the ratios that are read from it.

Laws:
- Money that was paid in or taken out is neither profit nor loss: growth is time-weighted.
- Days are UTC days. Perpetuals trade every day, so a year has 365 of them, and the risk-free rate is 0.
- A ratio is None where it means nothing: too few days, or nothing to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.journal import EMPTY, EquityPoint
from core.money import ONE, ZERO
from core.statistics import LEAST_DEVIATION, deviation
from core.trade import ClosedTrade

DAYS_PER_YEAR = 365
MIN_DAYS_FOR_RATIOS = 5
"""Below this a daily ratio is noise, so it is not shown."""
MIN_DAYS_FOR_CALMAR = 30
"""A year compounded from fewer days is a fantasy: 3 % in a week would be 370 %."""
SAME = 1e-9
"""Nearer than this to a peak is at the peak: products of floats miss it by less."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    at: datetime
    equity: float
    """USDT, with everything that was paid in."""
    flows: float
    """USDT paid in minus taken out since the curve began."""
    growth: float
    """Of one unit of the opening equity; never below 0."""


@dataclass(frozen=True, slots=True)
class Drawdown:
    deepest: float
    """Largest fall from a peak, fraction of that peak."""
    longest_days: float
    """Longest time from a peak until it was reached again, or until the last point."""


def units_at(before: EquityPoint | None, equity: Decimal, flows: Decimal) -> Decimal:
    """`EquityPoint.units` of an account with this equity and these flows; None: no earlier point is known.

    Time-weighted (GIPS), as a fund issues and redeems units: a transfer F at the equity E right before it
    makes them (E + F) / E times as many. Its moment between two points is unknown, so that what came in
    counts from the earlier point and what went out until the later one: neither can blow up a fraction, and
    two points give the same units in whichever order they are recorded.
    """
    units, flow = (before.units, flows - before.flows) if before is not None else (ONE, flows)
    if flow > 0:
        start = before.equity if before is not None else equity - flows
        start = max(start, EMPTY)
        return units * (start + flow) / start
    if flow < 0:
        left = max(equity, EMPTY)
        return units * left / (left - flow)
    return units


def grown(
    curve: Sequence[EquityPoint], initial: Decimal, flows_before: Decimal | None = None
) -> tuple[CurvePoint, ...]:
    """`curve` oldest first; `initial` is the equity that it began with.

    `flows_before`: everything paid in or out when the equity was `initial`; None: as at the first point.

    Of the flows alone: the units that were recorded are of the whole curve, which may be cut or thinned here.
    """
    if not curve:
        return ()
    start = curve[0].flows if flows_before is None else flows_before
    last = EquityPoint(curve[0].at, initial, ZERO, start)
    opening = initial if initial > 0 else None
    points = []
    for point in curve:
        units = units_at(last, point.equity, point.flows)
        last = EquityPoint(point.at, point.wallet, point.unrealised, point.flows, units)
        if opening is None and point.equity > 0:
            opening = last.unit_price
        growth = float(last.unit_price / opening) if opening is not None else 1.0
        points.append(CurvePoint(point.at, float(point.equity), float(point.flows - start), growth))
    return tuple(points)


def booked(trades: Sequence[ClosedTrade], initial: Decimal) -> tuple[CurvePoint, ...]:
    """The curve of an account that nobody watched: its closed trades alone, oldest first."""
    if not trades:
        return ()
    points = [EquityPoint(trades[0].opened_at, initial, Decimal(0))]
    for trade in trades:
        points.append(EquityPoint(trade.closed_at, points[-1].wallet + trade.net_pnl, Decimal(0)))
    return grown(points, initial)


def drawdown(points: Sequence[CurvePoint]) -> Drawdown:
    """From the opening on, also when no point shows it."""
    if not points:
        return Drawdown(0.0, 0.0)
    peak, peak_at, is_under = 1.0, points[0].at, False
    deepest, longest = 0.0, 0.0
    for point in points:
        fall = (peak - point.growth) / peak
        if fall > SAME or is_under:
            longest = max(longest, (point.at - peak_at).total_seconds() / DAY_S)
        is_under = fall > SAME
        if is_under:
            deepest = max(deepest, fall)
        else:
            peak, peak_at = max(peak, point.growth), point.at
    return Drawdown(deepest, longest)


def daily_returns(points: Sequence[CurvePoint]) -> list[float]:
    """One return per UTC day that has a point, from the last growth of the day before it."""
    closes: dict[int, float] = {}
    for point in points:
        closes[_day(point)] = point.growth
    returns, before = [], 1.0
    for day in sorted(closes):
        if before > 0:
            returns.append(closes[day] / before - 1.0)
        before = closes[day]
    return returns


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean ÷ sample standard deviation of daily returns, × √365 (Sharpe 1994); None below five days."""
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return None
    spread = deviation(returns)
    return _mean(returns) / spread * math.sqrt(DAYS_PER_YEAR) if spread > LEAST_DEVIATION else None


def sortino(returns: Sequence[float]) -> float | None:
    """Mean ÷ downside deviation of daily returns, × √365 (Sortino & Price 1994); None below five days.

    The downside deviation has the target 0 and is taken over all days, those that rose counting as 0.
    """
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return None
    downside = math.sqrt(_mean([min(value, 0.0) ** 2 for value in returns]))
    return _mean(returns) / downside * math.sqrt(DAYS_PER_YEAR) if downside > LEAST_DEVIATION else None


def calmar(points: Sequence[CurvePoint], deepest: float) -> float | None:
    """Compound growth of a year ÷ deepest drawdown (Young 1991); None below 30 days and without a fall."""
    if not points:
        return None
    days = _day(points[-1]) - _day(points[0]) + 1
    if days < MIN_DAYS_FOR_CALMAR or deepest <= SAME:
        return None
    return float(points[-1].growth ** (DAYS_PER_YEAR / days) - 1.0) / deepest


def days_of(points: Sequence[CurvePoint]) -> int:
    """UTC days that have a point."""
    return len({_day(point) for point in points})


def _day(point: CurvePoint) -> int:
    """Its UTC day, counted from 1970."""
    return int(point.at.timestamp() // DAY_S)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
