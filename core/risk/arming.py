"""Real money: which typed sentence arms it, how much equity it may count on, and when that may rise.

Laws:
- The exact sentence, or nothing. What does not hold needs the other sentence, and is recorded with it.
- The first cap is at most LIVE_CAPITAL_CAP. No rise is more than twofold, whatever the sentence.
- The cap may always be lowered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.growth import SAME, drawdown, grown
from core.journal import Arming, EquityPoint
from core.money import ZERO
from core.trade import ClosedTrade, ExitReason

SENTENCE = "I UNDERSTAND THE RISKS"
OVERRIDE = "I UNDERSTAND THE RISKS AND OVERRIDE"
LARGEST_STEP = 2
STAGE_DAYS = 14
STAGE_TRADES = 10
STAGE_DRAWDOWN = 0.20
"""SPEC 5."""


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """What the live account did since it was armed last; every part is the newest stage's only."""

    armed: Arming | None
    """The newest; None: never."""
    trades: Sequence[ClosedTrade]
    """Opened since."""
    curve: Sequence[EquityPoint]
    naked: int
    """Alarms of a position without a stop."""
    start_cap: Decimal
    """LIVE_CAPITAL_CAP."""
    now: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a typed sentence leads to: a cap, or a refusal with what would be right."""

    cap: Decimal | None = None
    unmet: tuple[str, ...] = ()
    refusal: str = ""
    reasons: tuple[str, ...] = ()


def rise_needs(record: LiveRecord) -> tuple[str, ...]:
    """What is missing before the cap may rise without the override; empty: nothing."""
    if record.armed is None:
        return ("live trading is not armed yet",)
    held = record.now - record.armed.at
    net = sum((trade.net_pnl for trade in record.trades), ZERO)
    fall = drawdown(grown(record.curve, record.curve[0].equity)).deepest if record.curve else 0.0
    liquidated = sum(trade.exit_reason is ExitReason.LIQUIDATED for trade in record.trades)
    unprotected = sum(trade.exit_reason is ExitReason.UNPROTECTED for trade in record.trades)
    naked = max(record.naked, unprotected)
    needs = (
        (
            held >= timedelta(days=STAGE_DAYS),
            f"{max(held.days, 0)} of {STAGE_DAYS} days have passed since it was armed last",
        ),
        (
            len(record.trades) >= STAGE_TRADES,
            f"{len(record.trades)} of {STAGE_TRADES} live trades were closed since",
        ),
        (net > ZERO, f"P&L {net:+.2f} USDT since must be above 0"),
        (bool(record.curve), "no equity was recorded since, so the drawdown is unknown"),
        (fall < STAGE_DRAWDOWN - SAME, f"drawdown {fall:.1%} since must be under {STAGE_DRAWDOWN:.0%}"),
        (not liquidated, f"{liquidated} liquidations since, there must be none"),
        (not naked, f"{naked} times a position had no stop since, there must be none"),
    )
    return tuple(text for is_met, text in needs if not is_met)


def next_cap(record: LiveRecord) -> Decimal | None:
    """What the cap may rise to now without the override; before the first arming, what it begins with."""
    if record.armed is None:
        return record.start_cap
    return None if rise_needs(record) else record.armed.cap * LARGEST_STEP


def rule(sentence: str, wanted: Decimal | None, unmet: tuple[str, ...], record: LiveRecord) -> Ruling:
    """`unmet`: items of the checklist that do not hold. `wanted`: the cap asked for, if any."""
    if sentence not in (SENTENCE, OVERRIDE):
        right = SENTENCE if not (unmet if record.armed is None else rise_needs(record)) else OVERRIDE
        return Ruling(refusal=f"Nothing was armed: the sentence must be exactly {right}")
    if wanted is not None and not (wanted.is_finite() and wanted > 0):
        return Ruling(refusal=f"Nothing was armed: the cap {wanted} must be above 0.")
    if record.armed is None:
        return _first(sentence, wanted, unmet, record)
    return _again(sentence, wanted, record, record.armed)


def _first(sentence: str, wanted: Decimal | None, unmet: tuple[str, ...], record: LiveRecord) -> Ruling:
    cap = record.start_cap if wanted is None else wanted
    if cap > record.start_cap:
        text = f"Nothing was armed: it begins with at most LIVE_CAPITAL_CAP {record.start_cap}, not {cap}."
        return Ruling(refusal=text)
    if unmet and sentence != OVERRIDE:
        text = f"Nothing was armed: {len(unmet)} items do not hold. Only {OVERRIDE} goes past them."
        return Ruling(refusal=text, reasons=unmet)
    return Ruling(cap, unmet)


def _again(sentence: str, wanted: Decimal | None, record: LiveRecord, armed: Arming) -> Ruling:
    if wanted is None or wanted == armed.cap:
        text = f"Nothing changed: it is armed with a cap of {armed.cap} USDT already. Name another cap."
        return Ruling(refusal=text)
    if wanted < armed.cap:
        return Ruling(wanted)
    most = armed.cap * LARGEST_STEP
    if wanted > most:
        text = f"Nothing changed: the cap may at most double, from {armed.cap} to {most}, not to {wanted}."
        return Ruling(refusal=text)
    needs = rise_needs(record)
    if needs and sentence != OVERRIDE:
        text = f"Nothing changed: the cap may not rise yet. Only {OVERRIDE} goes past this."
        return Ruling(refusal=text, reasons=needs)
    return Ruling(wanted, needs)
