"""Hand-made facts for the readiness checklist: six good weeks of paper trading, where a test changes some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.desk import DoctorLine
from core.journal import BreakerEvent, DayCount, EquityPoint
from core.risk.limits import Limits
from core.risk.readiness import Evidence
from core.trade import ClosedTrade
from tests.core.builders import PAPER, D, a_closed_trade

OPENED = datetime(2026, 1, 4, 15, 0, tzinfo=UTC)
"""A Sunday afternoon: the first whole day is Monday the fifth."""
FIRST_DAY = date(2026, 1, 5)
NOW = datetime(2026, 2, 16, 12, 0, tzinfo=UTC)
"""Six whole weeks later, and half a day."""
DAY = timedelta(days=1)
WHOLE_DAY = 1440
GREEN = (DoctorLine(True, True, "database", "answers"), DoctorLine(False, False, "settings", "a hint"))


def day(at: int) -> date:
    """The so-manyeth whole day, from 0."""
    return FIRST_DAY + DAY * at


def moment(at: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, 5, hour, tzinfo=UTC) + DAY * at


def beats(days: int = 43, **fewer: int) -> dict[tuple[date, str], int]:
    """Every minute of every day; `scanner_3=100`: that task's minutes of that day."""
    found = {(day(at), task): WHOLE_DAY for at in range(days) for task in ("scanner", "guard")}
    for name, minutes in fewer.items():
        task, _, at = name.partition("_")
        found[day(int(at)), task] = minutes
    return found


def wins_and_losses(wins: int, losses: int, gain: float = 10, loss: float = -5) -> tuple[ClosedTrade, ...]:
    """One a day, losses spread between the wins."""
    every = max((wins + losses) // losses, 1) if losses else 0
    nets, lost = [], 0
    for at in range(wins + losses):
        is_loss = bool(every) and at % every == every - 1 and lost < losses
        lost += is_loss
        nets.append(loss if is_loss else gain)
    while lost < losses:
        nets[nets.index(gain)] = loss
        lost += 1
    return tuple(a_trade_on(at, net) for at, net in enumerate(nets))


def a_trade_on(at: int, net: float, **fields: Any) -> ClosedTrade:
    """Opened at ten, closed at noon of that whole day."""
    return a_closed_trade(net, id=f"trade-{at}", closed_at=moment(at), **fields)


def curve_of(*equities: float, first: int = 0) -> tuple[EquityPoint, ...]:
    """One point a day, at one o'clock in the afternoon."""
    return tuple(EquityPoint(moment(first + at, 13), D(str(e)), D(0)) for at, e in enumerate(equities))


def some_evidence(**fields: Any) -> Evidence:
    """Every item of the checklist holds: 36 trades, 24 won, six whole weeks."""
    made = Evidence(
        opened_at=OPENED,
        now=NOW,
        never_counts=False,
        beats=beats(),
        counts=(),
        trades=wins_and_losses(24, 12),
        curve=curve_of(1000, 1010, 1020, 1010, 1050),
        initial=D(1000),
        trips=(),
        limits=Limits(),
        ai_cost=D("1.25"),
        doctor=GREEN,
    )
    return replace(made, **fields)


def raised_on(at: int) -> DayCount:
    return DayCount(day(at), "risk_raised", 1)


def tripped(name: str, at: int) -> BreakerEvent:
    return BreakerEvent(0, PAPER, name, "1", "1", "entries stopped", moment(at))


def named(items: Sequence[Any]) -> dict[str, Any]:
    return {item.name: item for item in items}
