"""Verdict → plan: where the stop goes, how large, at which leverage. Size follows from risk alone.

Laws:
- Quantity = risk ÷ loss per unit at the stop (costs included), then only ever cut down.
- Leverage never changes the size; margin = notional ÷ leverage.
- No model chooses size or leverage. A model may only move stop and target inside our bounds.
- This is the crossing from floats to decimals: prices are rounded to the tick, stops away from danger
  (a long's stop up, a short's down: never wider than checked), quantities down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Quote, Side
from core.money import ONE, ZERO, ceil_to, exact, floor_to, nearest_to
from core.opinion import Features, Verdict
from core.plan import Origin, Plan, Reason, ScoreTerms, Target
from core.risk.limits import Limits
from core.risk.margin import distance, liquidation_price, round_trip_result

DEFAULT_REWARD_RISK = Decimal("2.2")
"""Target distance in stop distances where nobody named one; nets about 2 R after costs."""
MAX_REWARD_RISK = Decimal(5)
"""A target further than this is wishful; it is drawn nearer."""
SWING_MARGIN_ATR = 0.25
"""The stop rests at least this many ATR beyond the swing."""


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
    """Distance from entry."""
    targets: tuple[tuple[Decimal, Decimal], ...]
    """(distance from entry as a fraction, share)."""


def stop_fraction(verdict: Verdict, features: Features, limits: Limits) -> Decimal | Reason:
    """Distance from price to stop: the agreed ATR multiple, beyond the swing, at least the minimum.

    A `Reason` when structure needs more than the maximum.
    """
    frame = features.frames["1h"]
    side = verdict.stance.side
    if frame.atr is None or side is None:
        return Reason("stop_distance", "the 1h ATR is n/a, so no stop can be placed")
    price = frame.close
    agreed = [o.stop_atr for o in verdict.opinions if o.stance == verdict.stance and o.stop_atr]
    by_atr = (sum(agreed) / len(agreed) if agreed else 2.0) * frame.atr / price
    swing = frame.swing_low if side is Side.LONG else frame.swing_high
    by_swing = 0.0
    if swing is not None and (price - swing) * side.sign > 0:
        by_swing = ((price - swing) * side.sign + SWING_MARGIN_ATR * frame.atr) / price
    needed = exact(max(by_atr, by_swing if by_swing <= float(limits.max_stop) else 0.0))
    if needed > limits.max_stop:
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
    wanted = exact(sum(ratios) / len(ratios)) if ratios else DEFAULT_REWARD_RISK
    return stop * min(wanted, MAX_REWARD_RISK)


def draw(
    idea: Idea, quote: Quote, instrument: Instrument, equity: Decimal, limits: Limits, now: datetime
) -> Plan:
    """The plan in full; it may still break rules, which is for `examine` to say."""
    entry = quote.taking(idea.side)
    stop = _stop_price(idea.side, entry, idea.stop_fraction, instrument)
    targets = _target_prices(idea, entry, instrument)
    leverage, notes = _leverage(idea, entry, stop, instrument, limits)
    quantity, size_notes = _quantity(idea, entry, stop, leverage, instrument, equity, limits)
    sized = _with_size(
        Plan(
            id=idea.id,
            account=idea.account,
            symbol=idea.symbol,
            side=idea.side,
            origin=idea.origin,
            entry=entry,
            stop=stop,
            targets=targets,
            quantity=quantity,
            leverage_wanted=idea.leverage_wanted,
            leverage=leverage,
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
            atr=exact(idea.features.frames["1h"].atr) if idea.features.frames["1h"].atr else None,
            verdict=idea.verdict,
            created_at=now,
            bar_closed_at=idea.features.bar_closed_at,
            decision_id=idea.decision_id,
            notes=(*notes, *size_notes),
        ),
        instrument,
        limits,
    )
    return replace(sized, full_size_loss=sized.loss_at_stop)


def resized(plan: Plan, share: Decimal, instrument: Instrument, limits: Limits) -> Plan:
    """The same plan with `share` of its quantity, rounded down; `full_size_loss` stays."""
    quantity = floor_to(plan.quantity * share, instrument.lot)
    return _with_size(replace(plan, quantity=quantity), instrument, limits)


def repriced(
    plan: Plan, entry: Decimal, instrument: Instrument, limits: Limits, *, keep_levels: bool
) -> Plan:
    """The plan entered at `entry`; never larger, and never at more risk, than it was.

    With `keep_levels` stop and targets stay where they are, unless that would bring the stop under the
    minimum distance; otherwise they move along with the price.
    """
    sign = plan.side.sign
    stop, targets = plan.stop, plan.targets
    nearest = _stop_price(plan.side, entry, limits.min_stop, instrument)
    if keep_levels:
        stop = min(stop, nearest) if plan.side is Side.LONG else max(stop, nearest)
    else:
        stop = _stop_price(plan.side, entry, distance(plan.entry, plan.stop), instrument)
        stop = min(stop, nearest) if plan.side is Side.LONG else max(stop, nearest)
        ratios = [(distance(plan.entry, target.price), target.share) for target in plan.targets]
        targets = tuple(
            Target(nearest_to(entry * (1 + away * sign), instrument.tick), share) for away, share in ratios
        )
    per_unit = -round_trip_result(plan.side, ONE, entry, stop, instrument.taker_fee, limits.slippage)
    by_risk = plan.loss_at_stop / per_unit if per_unit > 0 else ZERO
    quantity = min(plan.quantity, floor_to(by_risk, instrument.lot))
    moved = replace(plan, entry=entry, stop=stop, targets=targets, quantity=quantity)
    return _with_size(moved, instrument, limits)


def needed_risk(instrument: Instrument, price: Decimal, limits: Limits) -> Decimal:
    """USDT at risk of the smallest order the venue takes, at the smallest stop distance."""
    smallest = max(
        ceil_to(instrument.min_notional / price, instrument.lot), instrument.min_quantity, instrument.lot
    )
    stop = price * (1 - limits.min_stop)
    return -round_trip_result(Side.LONG, smallest, price, stop, instrument.taker_fee, limits.slippage)


def _stop_price(side: Side, entry: Decimal, fraction: Decimal, instrument: Instrument) -> Decimal:
    raw = entry * (1 - fraction * side.sign)
    # Rounded away from the minimum distance: a plan at exactly the minimum must not fall inside it.
    return floor_to(raw, instrument.tick) if side is Side.LONG else ceil_to(raw, instrument.tick)


def _target_prices(idea: Idea, entry: Decimal, instrument: Instrument) -> tuple[Target, ...]:
    prices = []
    for fraction, share in idea.targets:
        raw = entry * (1 + fraction * idea.side.sign)
        rounded = floor_to(raw, instrument.tick) if idea.side is Side.LONG else ceil_to(raw, instrument.tick)
        prices.append(Target(rounded, share))
    return tuple(prices)


def _leverage(
    idea: Idea, entry: Decimal, stop: Decimal, instrument: Instrument, limits: Limits
) -> tuple[int, tuple[str, ...]]:
    """The largest leverage under every cap whose liquidation is far enough away; at least 1."""
    cap = min(idea.leverage_wanted, limits.max_leverage, instrument.tiers[0].max_leverage)
    needed = max(limits.min_liquidation_distance, limits.liquidation_per_stop * distance(entry, stop))
    for leverage in range(max(cap, 1), 0, -1):
        liquidation = liquidation_price(idea.side, ONE, entry, entry / leverage, instrument)
        if distance(entry, liquidation) >= needed:
            break
    else:
        leverage = 1
    if leverage == idea.leverage_wanted:
        return leverage, ()
    why = "MAX_LEVERAGE" if leverage == limits.max_leverage else "liquidation distance or the venue's cap"
    return leverage, (f"{leverage}x instead of {idea.leverage_wanted}x: {why}",)


def _quantity(
    idea: Idea,
    entry: Decimal,
    stop: Decimal,
    leverage: int,
    instrument: Instrument,
    equity: Decimal,
    limits: Limits,
) -> tuple[Decimal, tuple[str, ...]]:
    """Whole lots, rounded down, and what cut the size below what risk alone would allow."""
    per_unit = -round_trip_result(idea.side, ONE, entry, stop, instrument.taker_fee, limits.slippage)
    if per_unit <= 0 or equity <= 0:
        return ZERO, ()
    by_risk = equity * min(idea.risk, limits.max_trade_loss) / per_unit
    by_margin = equity * limits.position_size * leverage / entry
    quantity = min(by_risk, by_margin, instrument.max_quantity)
    notes: list[str] = []
    if quantity < by_risk:
        notes.append(
            f"size cut by {'POSITION_SIZE_PERCENT' if by_margin < by_risk else 'the venue’s largest order'}"
        )
    return floor_to(quantity, instrument.lot), tuple(notes)


def _with_size(plan: Plan, instrument: Instrument, limits: Limits) -> Plan:
    """Fills every figure that follows from the quantity."""
    if plan.quantity <= 0:
        return replace(plan, notional=ZERO, margin=ZERO, loss_at_stop=ZERO, gain_at_targets=ZERO)
    notional = plan.quantity * plan.entry
    margin = notional / plan.leverage
    loss = -round_trip_result(
        plan.side, plan.quantity, plan.entry, plan.stop, instrument.taker_fee, limits.slippage
    )
    gain = _gain(plan.side, plan.quantity, plan.entry, plan.targets, instrument, limits)
    return replace(
        plan,
        notional=notional,
        margin=margin,
        loss_at_stop=loss,
        gain_at_targets=gain,
        liquidation=liquidation_price(plan.side, plan.quantity, plan.entry, margin, instrument),
        reward_risk=gain / loss if loss > 0 else ZERO,
    )


def _gain(
    side: Side,
    quantity: Decimal,
    entry: Decimal,
    targets: Sequence[Target],
    instrument: Instrument,
    limits: Limits,
) -> Decimal:
    return sum(
        (
            round_trip_result(
                side, quantity * target.share, entry, target.price, instrument.taker_fee, limits.slippage
            )
            for target in targets
        ),
        ZERO,
    )
