"""Verdict → plan: where stop and targets go, at what size. Size follows from risk alone (`core.risk.sizing`).

Laws:
- No model chooses size or leverage. A model may only move stop and target inside our bounds.
- This is the crossing from floats to decimals. A stop is rounded to the tick before the size is computed, so
  rounding never adds to the loss: away from the entry, so that the least distance holds, and towards it only
  where that would pass the greatest. Targets are rounded towards the entry, quantities down.
- A plan is always drawn. Where the figures are none that a market can have, it has no size, and `examine`
  says what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import isfinite

from core.market import Instrument, Quote, Side
from core.money import ONE, ZERO, NotFinite, ceil_to, exact, floor_to
from core.opinion import Features, Verdict
from core.plan import Origin, Plan, Reason, ScoreTerms, Target
from core.risk.limits import Limits
from core.risk.margin import distance
from core.risk.sizing import fitted, loss_at, quantity_for, with_size, without_size

DEFAULT_REWARD_RISK = Decimal("2.2")
"""Target distance in stop distances where nobody named one; nets about 2 R after costs."""
MAX_REWARD_RISK = Decimal(5)
"""A target further than this is wishful; it is drawn nearer."""
DEFAULT_STOP_ATR = 2.0
SWING_MARGIN_ATR = 0.25
"""The stop rests at least this many ATR beyond the swing."""
STRUCTURE_FRAME = "1h"


@dataclass(frozen=True, slots=True)
class Idea:
    """Everything a plan is drawn from, whoever had it."""

    id: str
    decision_id: str
    account: str
    symbol: str
    side: Side
    origin: Origin
    verdict: Verdict | None
    features: Features
    score: ScoreTerms
    leverage_wanted: int
    risk: Decimal
    """Fraction of equity."""
    stop_fraction: Decimal
    """Distance from entry; the swing may need more at the price of the entry."""
    targets: tuple[tuple[Decimal, Decimal], ...]
    """(distance from entry as a fraction, share)."""
    stop_named: Decimal | None = None
    """A price that the owner named; it stands where it was named, whatever the swing says."""
    target_named: Decimal | None = None
    """A price that the owner named, for the whole position."""


def stop_fraction(verdict: Verdict, features: Features, limits: Limits) -> Decimal | Reason:
    """Distance from price to stop: the agreed ATR multiple, beyond the swing, at least the minimum.

    A `Reason` when structure needs more than the maximum.
    """
    side = verdict.stance.side
    if side is None:
        return Reason("stop_distance", "a hold has no stop")
    agreed = [o.stop_atr for o in verdict.opinions if o.stance == verdict.stance and o.stop_atr]
    return structural_fraction(side, features, limits, agreed)


def structural_fraction(
    side: Side, features: Features, limits: Limits, stop_atrs: Sequence[float] = ()
) -> Decimal | Reason:
    """The same, with the ATR multiples that were named (none: two ATR), from the last closed price."""
    frame = features.frames[STRUCTURE_FRAME]
    if frame.atr is None or not (isfinite(frame.atr) and frame.atr > 0):
        return Reason("stop_distance", "the 1h ATR is n/a, so no stop can be placed")
    price = frame.close
    by_atr = (sum(stop_atrs) / len(stop_atrs) if stop_atrs else DEFAULT_STOP_ATR) * frame.atr / price
    level = _beyond_swing(side, features)
    by_swing = (price - level) * side.sign / price if level is not None else 0.0
    if not (isfinite(by_atr) and isfinite(by_swing)):
        return Reason("stop_distance", "price or swing is not finite, so no stop can be placed")
    needed = exact(max(by_atr, by_swing))
    if not needed <= limits.max_stop:
        return Reason(
            "stop_distance",
            f"the stop needs {needed:.4f} of the price, more than MAX_STOP_LOSS_PERCENT {limits.max_stop}",
        )
    return max(needed, limits.min_stop)


def target_fraction(verdict: Verdict, stop: Decimal) -> Decimal:
    """Target distance that keeps the advisers' own ratio of target to stop, bounded."""
    ratios = [
        o.target_atr / o.stop_atr
        for o in verdict.opinions
        if o.stance == verdict.stance and o.stop_atr and o.target_atr
    ]
    mean = sum(ratios) / len(ratios) if ratios else float(DEFAULT_REWARD_RISK)
    return stop * min(exact(mean) if isfinite(mean) else DEFAULT_REWARD_RISK, MAX_REWARD_RISK)


def draw(
    idea: Idea, quote: Quote, instrument: Instrument, equity: Decimal, limits: Limits, now: datetime
) -> Plan:
    """The plan in full; it may still break rules, which is for `examine` to say."""
    outline = _outline(idea, quote.taking(idea.side), equity, now)
    try:
        return _filled(outline, idea, instrument, equity, limits)
    except (ArithmeticError, NotFinite):  # a figure that no market has, or one beyond decimal's range
        return outline


def resized(plan: Plan, share: Decimal, instrument: Instrument, limits: Limits) -> Plan:
    """The same plan with `share` (0..1) of its quantity, rounded down; `full_size_loss` stays."""
    try:
        quantity = floor_to(plan.quantity * min(share, ONE), instrument.lot)
        return with_size(replace(plan, quantity=quantity), instrument, limits)
    except (ArithmeticError, NotFinite):
        return without_size(plan)


def repriced(
    plan: Plan, entry: Decimal, instrument: Instrument, limits: Limits, *, keep_levels: bool
) -> Plan:
    """The plan entered at `entry`; never larger, and never at more risk, than it was.

    With `keep_levels` stop and targets stay where they are, unless that would bring the stop under the
    minimum distance; otherwise they move along with the price.
    """
    moved = replace(plan, entry=entry)
    try:
        if not entry > 0:
            return without_size(moved)
        moved = _moved(plan, entry, instrument, limits, keep_levels=keep_levels)
        quantity = _no_larger(plan, moved, instrument, limits)
        return with_size(replace(moved, quantity=quantity), instrument, limits)
    except (ArithmeticError, NotFinite):
        return without_size(moved)


def tolerated_drift(limits: Limits) -> Decimal:
    """How far the price may be from a plan's entry, as a fraction of it, before the plan is another one."""
    return max(limits.approval_drift, limits.max_spread)


def at_price(plan: Plan, quote: Quote, instrument: Instrument, limits: Limits) -> Plan:
    """The plan at what an entry pays now; unchanged, and so for `examine` to refuse, beyond the drift."""
    price = quote.taking(plan.side)
    if not (price.is_finite() and abs(price - plan.entry) <= tolerated_drift(limits) * plan.entry):
        return plan
    return repriced(plan, price, instrument, limits, keep_levels=True)


def _outline(idea: Idea, entry: Decimal, equity: Decimal, now: datetime) -> Plan:
    """Everything but prices and size."""
    return Plan(
        id=idea.id,
        account=idea.account,
        symbol=idea.symbol,
        side=idea.side,
        origin=idea.origin,
        entry=entry,
        stop=ZERO,
        targets=(),
        quantity=ZERO,
        leverage_wanted=idea.leverage_wanted,
        leverage=1,
        notional=ZERO,
        margin=ZERO,
        loss_at_stop=ZERO,
        gain_at_targets=ZERO,
        full_size_loss=ZERO,
        liquidation=ZERO,
        reward_risk=ZERO,
        score=idea.score,
        equity=equity,
        regime=idea.features.regime,
        atr=_atr(idea.features),
        verdict=idea.verdict,
        created_at=now,
        bar_closed_at=idea.features.bar_closed_at,
        decision_id=idea.decision_id,
    )


def _filled(outline: Plan, idea: Idea, instrument: Instrument, equity: Decimal, limits: Limits) -> Plan:
    entry = outline.entry
    stop = _stop(idea, entry, instrument, limits)
    targets = _targets(idea, entry, stop, instrument, limits)
    size = fitted(idea.side, entry, stop, idea.risk, idea.leverage_wanted, instrument, equity, limits)
    levelled = replace(
        outline,
        stop=stop,
        targets=targets,
        quantity=size.quantity,
        leverage=size.leverage,
        notes=size.notes,
    )
    sized = with_size(levelled, instrument, limits)
    return replace(sized, full_size_loss=sized.loss_at_stop)


def _moved(plan: Plan, entry: Decimal, instrument: Instrument, limits: Limits, *, keep_levels: bool) -> Plan:
    nearest = _stop_price(plan.side, entry, limits.min_stop, instrument, limits)
    if keep_levels:
        return replace(plan, entry=entry, stop=_outer(plan.side, plan.stop, nearest))
    stop = _stop_price(plan.side, entry, distance(plan.entry, plan.stop), instrument, limits)
    targets = tuple(
        Target(_target_price(plan.side, entry, distance(plan.entry, target.price), instrument), target.share)
        for target in plan.targets
    )
    return replace(plan, entry=entry, stop=_outer(plan.side, stop, nearest), targets=targets)


def _no_larger(plan: Plan, moved: Plan, instrument: Instrument, limits: Limits) -> Decimal:
    """The quantity of `plan`, cut until neither its loss nor its notional has grown."""
    quantity = plan.quantity
    if moved.entry > plan.entry:
        quantity = min(quantity, floor_to(plan.notional / moved.entry, instrument.lot))
    if loss_at(plan.side, quantity, moved.entry, moved.stop, instrument, limits) <= plan.loss_at_stop:
        return quantity
    most = quantity_for(plan.loss_at_stop, plan.side, moved.entry, moved.stop, instrument, limits)
    return min(quantity, most)


def _stop(idea: Idea, entry: Decimal, instrument: Instrument, limits: Limits) -> Decimal:
    """The named stop, or the fraction's, moved beyond the swing where the live price is further from it."""
    if idea.stop_named is not None:
        return _away(idea.side, idea.stop_named, instrument.tick)
    stop = _stop_price(idea.side, entry, idea.stop_fraction, instrument, limits)
    level = _beyond_swing(idea.side, idea.features)
    if level is None or not isfinite(level):
        return stop
    beyond = exact(level)
    if (entry - beyond) * idea.side.sign <= (entry - stop) * idea.side.sign:
        return stop
    return _within_max(idea.side, entry, beyond, instrument, limits)


def _stop_price(
    side: Side, entry: Decimal, fraction: Decimal, instrument: Instrument, limits: Limits
) -> Decimal:
    return _within_max(side, entry, entry * (1 - fraction * side.sign), instrument, limits)


def _within_max(
    side: Side, entry: Decimal, price: Decimal, instrument: Instrument, limits: Limits
) -> Decimal:
    """On the tick: away from the entry, or towards it where that would pass the greatest distance."""
    away = _away(side, price, instrument.tick)
    if (entry - away) * side.sign <= limits.max_stop * entry:
        return away
    return _away(side.opposite, price, instrument.tick)


def _targets(
    idea: Idea, entry: Decimal, stop: Decimal, instrument: Instrument, limits: Limits
) -> tuple[Target, ...]:
    """Targets keep their distance in stop distances when the swing moved the stop."""
    if idea.target_named is not None:
        return (Target(_away(idea.side, idea.target_named, instrument.tick), ONE),)
    widened, plain = ONE, _stop_price(idea.side, entry, idea.stop_fraction, instrument, limits)
    if idea.stop_named is None and plain != stop:
        widened = max(distance(entry, stop) / distance(entry, plain), ONE)
    return tuple(
        Target(_target_price(idea.side, entry, fraction * widened, instrument), share)
        for fraction, share in idea.targets
    )


def _target_price(side: Side, entry: Decimal, fraction: Decimal, instrument: Instrument) -> Decimal:
    # Towards the entry, which is the same direction as a stop's away: down for a long.
    return _away(side, entry * (1 + fraction * side.sign), instrument.tick)


def _away(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """On the tick, down for a long, up for a short."""
    return floor_to(price, tick) if side is Side.LONG else ceil_to(price, tick)


def _outer(side: Side, one: Decimal, other: Decimal) -> Decimal:
    """The stop that is further from the entry."""
    return min(one, other) if side is Side.LONG else max(one, other)


def _beyond_swing(side: Side, features: Features) -> float | None:
    """The price that a stop must not be nearer than; None where no swing lies behind the last close."""
    frame = features.frames[STRUCTURE_FRAME]
    swing = frame.swing_low if side is Side.LONG else frame.swing_high
    if swing is None or frame.atr is None or not (frame.close - swing) * side.sign > 0:
        return None
    return swing - SWING_MARGIN_ATR * frame.atr * side.sign


def _atr(features: Features) -> Decimal | None:
    atr = features.frames[STRUCTURE_FRAME].atr
    return exact(atr) if atr is not None and isfinite(atr) and atr > 0 else None
