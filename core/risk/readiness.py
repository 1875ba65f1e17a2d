"""Whether paper trading has earned the right to real money: counted facts → the checklist.

Laws:
- Only whole UTC days count, and only those in which scanner and guard both ran for 95 % of the minutes.
- Demo and replay never count, whatever their figures.
- A change that raises risk restarts the count: from the day after it, nothing older is evidence.
- What could not be counted does not hold.
- An adopted trade is no evidence: somebody else opened it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from core.desk import DoctorLine, ReadinessItem, WeekFigures
from core.growth import SAME, drawdown, grown
from core.journal import BreakerEvent, DayCount, EquityPoint
from core.money import ZERO
from core.performance import Performance, performance
from core.risk.arming import UNKNOWN_KEY
from core.risk.limits import Limits
from core.risk.success import Span, due_breakers, success_figures, uptime
from core.statistics import mean_interval
from core.trade import ADOPTED, ClosedTrade

WEEKS_NEEDED = 4
TRADES_NEEDED = 30
WIN_RATE_NEEDED = 0.55
MOST_DRAWDOWN = 0.20
DAY_UPTIME = 0.95
"""SPEC 5."""
RISK_RAISED, ERRORS, FAILED_HEALTH, LOST_DATABASE = "risk_raised", "errors", "failed_health", "lost_database"
"""Names of `DayCount`."""

KEY = "key"
"""Subject of the doctor's line on what the exchange's key may do."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the checklist counts, of the account that trades on paper."""

    opened_at: datetime | None
    """None: nothing was ever traded on paper here."""
    now: datetime
    never_counts: bool
    """A demo or a replay."""
    beats: Mapping[tuple[date, str], int]
    """(day, task) → minutes in which it ran."""
    counts: Sequence[DayCount]
    trades: Sequence[ClosedTrade]
    """Oldest first."""
    curve: Sequence[EquityPoint]
    initial: Decimal
    trips: Sequence[BreakerEvent]
    limits: Limits
    ai_cost: Decimal
    """USD spent on advisers since `counts_from`."""
    doctor: Sequence[DoctorLine]
    """Empty: it was not asked."""


def counts_from(opened_at: datetime | None, counts: Sequence[DayCount]) -> datetime | None:
    """From when on there is evidence: the account's opening, or the end of the day that last raised risk."""
    raised = max((one.day for one in counts if one.name == RISK_RAISED and one.count > 0), default=None)
    if opened_at is None or raised is None:
        return opened_at
    return max(opened_at, midnight(raised) + DAY)


def weeks(evidence: Evidence) -> tuple[WeekFigures, ...]:
    """Seven whole days each, oldest first, the last one unfinished; then the whole time."""
    since = counts_from(evidence.opened_at, evidence.counts)
    if since is None or since > evidence.now:
        return ()
    due = due_breakers(evidence.trades, evidence.curve, evidence.limits)
    first = midnight(since.date()) if since.time() == time(0) else midnight(since.date()) + DAY
    found, start = [], first
    while start <= evidence.now:
        end = start + WEEK
        title = f"{start:%d %b} to {end - DAY:%d %b}"
        is_over = end <= evidence.now
        span = Span(title, start, end, is_over and not evidence.never_counts and _ran(evidence, start, end))
        found.append(_figures(evidence, span, due))
        start = end
    counted = sum(week.counts for week in found)
    whole = Span("since the start", since, evidence.now + DAY, counted >= WEEKS_NEEDED)
    return (*found, _figures(evidence, whole, due))


def weeks_counted(found: Sequence[WeekFigures]) -> int:
    """`found` as `weeks` gives it: the last one is the whole time."""
    return sum(week.counts for week in found[:-1])


def checklist(evidence: Evidence, counted: int) -> tuple[ReadinessItem, ...]:
    """Every item with its relation and both values. `counted`: weeks that count."""
    since = counts_from(evidence.opened_at, evidence.counts)
    trades = [
        trade
        for trade in evidence.trades
        if since is not None and trade.opened_at >= since and trade.origin != ADOPTED
    ]
    curve = [point for point in evidence.curve if since is not None and point.at >= since]
    result = performance(trades, (), evidence.initial)
    return (
        _weeks_item(evidence, counted),
        ReadinessItem(
            "trades",
            f"{result.trades} closed trades, at least {TRADES_NEEDED} are needed",
            result.trades >= TRADES_NEEDED and not evidence.never_counts,
        ),
        _edge_item(trades, result),
        _profit_item(result, evidence.ai_cost),
        _drawdown_item(curve),
        _doctor_item(evidence.doctor),
        *_key_item(evidence.doctor),
    )


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)


def _ran(evidence: Evidence, start: datetime, end: datetime) -> bool:
    """Every day of it was a good one."""
    days = (start + DAY * at for at in range((end - start) // DAY))
    return all((uptime(evidence.beats, day, day + DAY) or 0.0) >= DAY_UPTIME for day in days)


def _figures(evidence: Evidence, span: Span, due: Sequence[datetime]) -> WeekFigures:
    return success_figures(
        span,
        evidence.now,
        evidence.beats,
        {name: _counted(evidence.counts, name, span) for name in (ERRORS, FAILED_HEALTH, LOST_DATABASE)},
        evidence.trades,
        evidence.curve,
        evidence.initial,
        evidence.trips,
        due,
    )


def _counted(counts: Sequence[DayCount], name: str, span: Span) -> int:
    return sum(
        one.count for one in counts if one.name == name and span.start.date() <= one.day < span.end.date()
    )


def _weeks_item(evidence: Evidence, counted: int) -> ReadinessItem:
    if evidence.never_counts:
        return ReadinessItem("weeks", "this is a demo: demo and replay never count", False)
    text = (
        f"{counted} of {WEEKS_NEEDED} weeks of paper trading counted "
        f"(scanner and guard must run {DAY_UPTIME:.0%} of each day)"
    )
    return ReadinessItem("weeks", text, counted >= WEEKS_NEEDED)


def _edge_item(trades: Sequence[ClosedTrade], result: Performance) -> ReadinessItem:
    interval = mean_interval([float(trade.r_multiple) for trade in trades])
    rate = f"{result.win_rate:.1%}" if result.win_rate is not None else "unknown"
    bound = f"{interval[0]:+.2f} R" if interval is not None else "unknown"
    text = (
        f"win rate {rate} must be above {WIN_RATE_NEEDED:.0%}, or the lower 80 % bound of the expectancy, "
        f"{bound}, above 0 (n={result.trades})"
    )
    has_rate = result.win_rate is not None and result.win_rate > WIN_RATE_NEEDED
    return ReadinessItem("win_rate", text, has_rate or (interval is not None and interval[0] > 0))


def _profit_item(result: Performance, ai_cost: Decimal) -> ReadinessItem:
    beside = f"; advisers cost {ai_cost:.2f} USD beside it"
    if result.average_pnl is None:
        text = "average P&L after fees and funding must be above 0, and there is no closed trade yet"
        return ReadinessItem("average_pnl", text + beside, False)
    text = f"average P&L {result.average_pnl:+.2f} USDT after fees and funding must be above 0"
    return ReadinessItem("average_pnl", text + beside, result.average_pnl > ZERO)


def _drawdown_item(curve: Sequence[EquityPoint]) -> ReadinessItem:
    if not curve:
        return ReadinessItem("drawdown", "no equity was recorded, so the drawdown is unknown", False)
    fall = drawdown(grown(curve, curve[0].equity)).deepest
    text = f"largest drawdown {fall:.1%} must be under {MOST_DRAWDOWN:.0%}"
    return ReadinessItem("drawdown", text, fall < MOST_DRAWDOWN - SAME)


def _doctor_item(doctor: Sequence[DoctorLine]) -> ReadinessItem:
    wrong = [line for line in doctor if line.is_needed and not line.is_ok and line.subject != KEY]
    if not doctor:
        return ReadinessItem("doctor", "the doctor was not asked", False)
    if not wrong:
        return ReadinessItem("doctor", "the doctor finds nothing wrong that trading needs", True)
    named = "; ".join(f"{line.subject}: {line.text}" for line in wrong)
    return ReadinessItem("doctor", f"the doctor must be green, {len(wrong)} wrong: {named}", False)


def _key_item(doctor: Sequence[DoctorLine]) -> Iterator[ReadinessItem]:
    """An item of its own: the record of an override must name it. None on paper, where no key is asked."""
    lines = [line for line in doctor if line.subject == KEY and line.is_needed]
    wrong = "; ".join(line.text for line in lines if not line.is_ok)
    if wrong:
        yield ReadinessItem("key", f"{UNKNOWN_KEY}: {wrong}", False)
    elif lines:
        yield ReadinessItem("key", "; ".join(line.text for line in lines), True)
