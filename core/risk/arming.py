"""Real money: which typed sentence arms it, how much equity it may count on, and when that may rise.

Laws:
- The exact sentence, or nothing. What does not hold needs the other sentence, and is recorded with it.
- The first cap is at most LIVE_CAPITAL_CAP. No rise is more than twofold, whatever the sentence.
- The cap may always be lowered.
- What no sentence goes past (a key that may take money out, an account that cannot be used) refuses both. A
  key whose rights are unknown is gone past by the override alone; that stays on the record, also through a
  lowered cap, and a rise while they are unknown needs it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.growth import SAME, drawdown, grown
from core.journal import Arming, EquityPoint
from core.money import ZERO
from core.risk.account import loss_since, lost_share
from core.trade import ClosedTrade, ExitReason

SENTENCE = "I UNDERSTAND THE RISKS"
OVERRIDE = "I UNDERSTAND THE RISKS AND OVERRIDE"
LARGEST_STEP = 2
STAGE_DAYS = 14
STAGE_TRADES = 10
STAGE_DRAWDOWN = 0.20
"""SPEC 5."""
UNKNOWN_KEY = "the key's rights are not proven"
"""How an item about such a key begins; on the record it is the proof that a person went past it."""


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


def overrides_unknown_key(armed: Arming | None) -> bool:
    """A person went past a key whose rights are unknown."""
    return armed is not None and bool(_unknown_key(armed))


def rise_needs(record: LiveRecord) -> tuple[str, ...]:
    """What is missing before the cap may rise without the override; empty: nothing."""
    if record.armed is None:
        return ("live trading is not armed yet",)
    held = record.now - record.armed.at
    net = sum((trade.net_pnl for trade in record.trades), ZERO)
    fall = _deepest(record.curve, record.armed.cap)
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


def rule(
    sentence: str,
    wanted: Decimal | None,
    unmet: tuple[str, ...],
    record: LiveRecord,
    never: tuple[str, ...] = (),
) -> Ruling:
    """`unmet`: items of the checklist that do not hold. `wanted`: the cap asked for, if any. `never`: what no
    sentence goes past."""
    if sentence not in (SENTENCE, OVERRIDE):
        needs = unmet if record.armed is None else _needs_of_rise(unmet, record)
        right = OVERRIDE if needs else SENTENCE
        return Ruling(refusal=f"Nothing was armed: the sentence must be exactly {right}")
    if wanted is not None and not (wanted.is_finite() and wanted > 0):
        return Ruling(refusal=f"Nothing was armed: the cap {wanted} must be above 0.")
    if record.armed is not None and wanted is not None and wanted < record.armed.cap:
        return Ruling(wanted, _unknown_key(record.armed))
    if never:
        text = f"Nothing was armed: {len(never)} reasons stand against it, and no sentence goes past them."
        return Ruling(refusal=text, reasons=never)
    if record.armed is None:
        return _first(sentence, wanted, unmet, record)
    return _again(sentence, wanted, unmet, record, record.armed)


def _first(sentence: str, wanted: Decimal | None, unmet: tuple[str, ...], record: LiveRecord) -> Ruling:
    cap = record.start_cap if wanted is None else wanted
    if cap > record.start_cap:
        text = f"Nothing was armed: it begins with at most LIVE_CAPITAL_CAP {record.start_cap}, not {cap}."
        return Ruling(refusal=text)
    if unmet and sentence != OVERRIDE:
        text = f"Nothing was armed: {len(unmet)} items do not hold. Only {OVERRIDE} goes past them."
        return Ruling(refusal=text, reasons=unmet)
    return Ruling(cap, unmet)


def _again(
    sentence: str, wanted: Decimal | None, unmet: tuple[str, ...], record: LiveRecord, armed: Arming
) -> Ruling:
    if wanted is None or wanted == armed.cap:
        return _same(sentence, unmet, armed)
    most = armed.cap * LARGEST_STEP
    if wanted > most:
        text = f"Nothing changed: the cap may at most double, from {armed.cap} to {most}, not to {wanted}."
        return Ruling(refusal=text)
    needs = _needs_of_rise(unmet, record)
    if needs and sentence != OVERRIDE:
        text = f"Nothing changed: the cap may not rise yet. Only {OVERRIDE} goes past this."
        return Ruling(refusal=text, reasons=needs)
    return Ruling(wanted, needs)


def _same(sentence: str, unmet: tuple[str, ...], armed: Arming) -> Ruling:
    """Nothing to change but what the record says of a key that became unknown since."""
    unknown = tuple(text for text in unmet if text.startswith(UNKNOWN_KEY))
    if not unknown or overrides_unknown_key(armed):
        text = f"Nothing changed: it is armed with a cap of {armed.cap} USDT already. Name another cap."
        return Ruling(refusal=text)
    if sentence != OVERRIDE:
        text = f"Nothing changed: {UNKNOWN_KEY}. Only {OVERRIDE} goes past this."
        return Ruling(refusal=text, reasons=unknown)
    return Ruling(armed.cap, unknown)


def _needs_of_rise(unmet: tuple[str, ...], record: LiveRecord) -> tuple[str, ...]:
    return (*rise_needs(record), *(text for text in unmet if text.startswith(UNKNOWN_KEY)))


def _unknown_key(armed: Arming) -> tuple[str, ...]:
    return tuple(text for text in armed.unmet if text.startswith(UNKNOWN_KEY))


def _deepest(curve: Sequence[EquityPoint], cap: Decimal) -> float:
    """Largest fall of the stage: of its peak, or in money of the cap where that is the lesser."""
    if not curve:
        return 0.0
    deepest, peak, richest = drawdown(grown(curve, curve[0].equity)).deepest, curve[0], curve[0]
    for point in curve:
        if point.unit_price > peak.unit_price:
            peak = point
        if point.without_flows >= richest.without_flows:
            richest = point
        lost = lost_share(peak.at_size(point.units), point.equity, cap, loss_since(richest, point))
        deepest = max(deepest, float(lost) if lost is not None else 0.0)
    return deepest
