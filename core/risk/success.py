"""The figures of one stretch of paper trading by which it is judged: uptime, errors, losses, stops, breakers.

Laws:
- Breakers that were due are worked out from the trades and the equity curve, not from what tripped.
- A stop was planned for every trade that its stop should have ended, and filled only where its own order did.
- Adopted trades, whose size and entry were somebody else's, count where guarding is judged (stops,
  liquidations), not where trading is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from core.desk import WeekFigures
from core.journal import BreakerEvent, EquityPoint
from core.money import ZERO
from core.performance import performance
from core.risk.breakers import CONSECUTIVE_LOSSES, DAILY_LOSS, DRAWDOWN
from core.risk.limits import Limits
from core.trade import ADOPTED, ClosedTrade, ExitReason

TASKS = ("scanner", "guard")
"""Both must run."""
RECOMPUTED = frozenset({DAILY_LOSS, CONSECUTIVE_LOSSES, DRAWDOWN})
"""Every other breaker's cause is gone when it is over: it was due when it tripped."""
BY_STOP = frozenset({ExitReason.STOP, ExitReason.BREAK_EVEN, ExitReason.TRAILING})
STOP_MISSED = frozenset(
    {
        ExitReason.SOFTWARE_STOP,
        ExitReason.UNPROTECTED,
        ExitReason.LIQUIDATION_GUARD,
        ExitReason.LIQUIDATED,
    }
)
INSTANT, MINUTE, DAY = timedelta(microseconds=1), timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    title: str
    start: datetime
    end: datetime
    """Not in it any more."""
    counts: bool


def uptime(beats: Mapping[tuple[date, str], int], start: datetime, end: datetime) -> float | None:
    """Share of the minutes in which every task ran; None for less than a minute."""
    minutes = (end - start) / MINUTE
    if minutes < 1:
        return None
    days = range((end - INSTANT).toordinal() - start.toordinal() + 1)
    alive = sum(min(beats.get((start.date() + DAY * at, task), 0) for task in TASKS) for at in days)
    return min(alive / minutes, 1.0)


def success_figures(
    span: Span,
    now: datetime,
    beats: Mapping[tuple[date, str], int],
    counts: Mapping[str, int],
    trades: Sequence[ClosedTrade],
    curve: Sequence[EquityPoint],
    initial: Decimal,
    trips: Sequence[BreakerEvent],
    due: Sequence[datetime],
) -> WeekFigures:
    """`counts` of the span by name; `due` from `due_breakers`; `trades` and `curve` whole, oldest first."""
    until = min(span.end, now)
    days = max((until - span.start) / DAY, 1.0)
    ended = [trade for trade in trades if span.start <= trade.closed_at < span.end]
    # One that was over as it began never tripped: an orange drawdown that a person ended.
    real = (event for event in trips if event.resolved_at != event.created_at)
    tripped = [event for event in real if span.start <= event.created_at < span.end]
    others = sum(event.name not in RECOMPUTED for event in tripped)
    own = [trade for trade in ended if trade.origin != ADOPTED]
    by_stop = sum(trade.exit_reason in BY_STOP for trade in ended)
    return WeekFigures(
        title=span.title,
        counts=span.counts,
        uptime=uptime(beats, span.start, until),
        errors_a_day=counts.get("errors", 0) / days,
        failed_health=counts.get("failed_health", 0),
        lost_database=counts.get("lost_database", 0),
        trades=len(own),
        realised_reward_risk=performance(own, (), initial).average_reward_risk,
        largest_loss_share=max((_share_lost(trade, curve, initial) for trade in own), default=None),
        stops_planned=by_stop + sum(trade.exit_reason in STOP_MISSED for trade in ended),
        stops_filled=by_stop,
        breakers_due=sum(span.start <= at < span.end for at in due) + others,
        breakers_tripped=len(tripped),
        liquidations=sum(trade.exit_reason is ExitReason.LIQUIDATED for trade in ended),
    )


def _share_lost(trade: ClosedTrade, curve: Sequence[EquityPoint], initial: Decimal) -> float:
    """Net loss ÷ equity right before the trade was opened; 0 for a gain."""
    before = bisect_right(curve, trade.opened_at, key=lambda point: point.at)
    equity = curve[before - 1].equity if before else initial
    if not equity > 0:
        return 1.0
    return float(max(-trade.net_pnl, ZERO) / equity)


def due_breakers(
    trades: Sequence[ClosedTrade], curve: Sequence[EquityPoint], limits: Limits
) -> tuple[datetime, ...]:
    """When a loss breaker should have tripped, by the present limits; oldest first."""
    return tuple(sorted([*_days_lost(curve, limits), *_falls(curve, limits), *_streaks(trades, limits)]))


def _days_lost(curve: Sequence[EquityPoint], limits: Limits) -> Iterator[datetime]:
    before: EquityPoint | None = None
    for _, day in groupby(curve, key=lambda point: point.at.date()):
        points = list(day)
        opening = before or points[0]
        lowest = min(points, key=lambda point: point.unit_price)
        if (opening.unit_price - lowest.unit_price) / opening.unit_price >= limits.daily_loss:
            yield lowest.at
        before = points[-1]


def _falls(curve: Sequence[EquityPoint], limits: Limits) -> Iterator[datetime]:
    """From the peak; after each the count begins anew, as it does when a person acknowledges."""
    peak = ZERO
    for point in curve:
        peak = max(peak, point.unit_price)
        if (peak - point.unit_price) / peak >= limits.max_drawdown:
            yield point.at
            peak = point.unit_price


def _streaks(trades: Sequence[ClosedTrade], limits: Limits) -> Iterator[datetime]:
    losses = 0
    for trade in trades:
        losses = losses + 1 if trade.net_pnl < 0 else 0
        if losses >= limits.max_consecutive_losses:
            yield trade.closed_at
            losses = 0
