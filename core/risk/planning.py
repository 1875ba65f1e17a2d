"""Idea → plan: where stop and targets go, at what size. Size follows from risk alone (`core.risk.sizing`).

Laws:
- No model chooses size or leverage. A model may only move stop and target inside our bounds.
- This is the crossing from floats to decimals. A stop is rounded to the tick before the size is computed, so
  rounding never adds to the loss: away from the entry, so that the least distance holds, and towards it only
  where that would pass the greatest. Targets are rounded towards the entry, quantities down.
- Where structure leaves no place for a stop there is no plan, but a `Reason`. Where the figures are none that
  a market can have, the plan has no size, and `examine` says what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from math import isfinite, isnan, nan

from core.market import Instrument, Quote, Side
from core.money import ONE, ZERO, NotFinite, ceil_to, exact, floor_to, nearest_to, without_zeros
from core.plan import Origin, Plan, Reason, Target
from core.risk.account import Account
from core.risk.analysed import known
from core.risk.ceilings import Ceiling, LossCap, loss_caps, share_left, size_ceilings
from core.risk.idea import Idea, funding_cost
from core.risk.limits import Limits
from core.risk.margin import distance
from core.risk.sizing import (
    Purse,
    Ticket,
    fitted,
    loss_at,
    merged,
    quantity_for,
    round_trip_cost,
    with_size,
    without_size,
)
from core.trading.exits import initial_stop, price_at_r

STRUCTURE_FRAME = "1h"
FLOAT_SLACK = 1e-9
"""Fraction by which a float may miss the bound that it stands for; the exact bound holds afterwards."""
NOISE = Decimal("1e-6")
"""Of a tick: a float's last digits are no reason to go one tick further."""


def draw(
    idea: Idea, quote: Quote, instrument: Instrument, account: Account, limits: Limits, now: datetime
) -> Plan | Reason:
    """The plan in full; it may still break rules, which is for `examine` to say."""
    equity = account.equity if account.equity is not None else ZERO
    outline = _outline(idea, quote.taking(idea.side), equity, now)
    try:
        if not outline.entry > 0:
            return outline
        stop = _stop(idea, outline.entry, instrument, limits)
        if isinstance(stop, Reason):
            return stop
        return _filled(replace(outline, stop=stop), idea, quote, instrument, account, limits)
    except (ArithmeticError, NotFinite):  # a figure that no market has, or one beyond decimal's range
        return outline


def resized(plan: Plan, share: Decimal, instrument: Instrument, limits: Limits) -> Plan:
    """The same plan with `share` (0..1) of its quantity, rounded down; `full_size_loss` stays."""
    try:
        quantity = floor_to(plan.quantity * min(share, ONE), instrument.lot)
        return _sized(plan, quantity, instrument, limits)
    except (ArithmeticError, NotFinite):
        return without_size(plan)


def repriced(
    plan: Plan, entry: Decimal, instrument: Instrument, limits: Limits, *, keep_levels: bool
) -> Plan:
    """The plan entered at `entry`; never larger, and never at more risk, than it was. What is cut is noted.

    With `keep_levels` stop and targets stay where they are, unless that would bring the stop under the
    minimum distance; otherwise they move along with the price.
    """
    moved = replace(plan, entry=entry)
    try:
        if not entry > 0:
            return without_size(moved)
        moved = _moved(plan, entry, instrument, limits, keep_levels=keep_levels)
        quantity = _no_larger(plan, moved, instrument, limits)
        if quantity < plan.quantity:
            text = f"size {plan.quantity} cut to {quantity}: the price went from {plan.entry} to {entry}"
            moved = replace(moved, notes=(*plan.notes, text))
        return _sized(moved, quantity, instrument, limits)
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
        atr=known(idea.features.frames[STRUCTURE_FRAME].atr),
        verdict=idea.verdict,
        created_at=now,
        bar_closed_at=idea.features.bar_closed_at,
        decision_id=idea.decision_id,
        beta=idea.beta,
        chance=idea.chance,
        horizon_h=idea.horizon_h,
        bar_close=known(idea.features.close),
    )


def _filled(
    outline: Plan, idea: Idea, quote: Quote, instrument: Instrument, account: Account, limits: Limits
) -> Plan:
    """`outline` has entry and stop."""
    funding = funding_cost(idea, limits)
    ticket = Ticket(idea.side, outline.entry, outline.stop, quote.mark, funding)
    ceilings = size_ceilings(idea.origin, idea.verdict, idea.features.regime, account, limits)
    equity = max(account.sizing_equity or ZERO, ZERO)
    caps = [_risk(idea, equity, share_left(ceilings), limits)]
    caps += loss_caps(idea.side, idea.beta, account, limits)
    purse = Purse(equity * limits.position_size * _capital(idea), account.sizing_available)
    size = fitted(ticket, caps, purse, idea.leverage_wanted, instrument, limits)
    levelled = replace(
        outline,
        targets=_targets(idea, outline.entry, outline.stop, instrument, limits),
        leverage=size.leverage,
        funding_cost=funding,
        size_share=share_left(ceilings),
        notes=(*_cap_notes(account), *_capital_notes(idea), *_ceiling_notes(ceilings), *size.notes),
    )
    sized = _sized(levelled, size.quantity, instrument, limits)
    return replace(sized, full_size_loss=sized.loss_at_stop)


def _risk(idea: Idea, equity: Decimal, share: Decimal, limits: Limits) -> LossCap:
    """A person may name more risk than one trade has, nobody more than the hard ceiling."""
    most = min(idea.risk, limits.max_trade_loss)
    if idea.origin is Origin.SCAN:
        most = min(most, limits.risk_per_trade)
    return LossCap(equity * most * _capital(idea) * share, "the risk of one trade")


def _capital(idea: Idea) -> Decimal:
    """A share never adds; one that is none leaves nothing."""
    return min(max(idea.capital, ZERO), ONE)


def _capital_notes(idea: Idea) -> Iterable[str]:
    if idea.capital < 1:
        yield f"risk × {without_zeros(idea.capital)}: the strategies' share of the capital"


def _cap_notes(account: Account) -> Iterable[str]:
    if account.is_cap_binding:
        yield f"sized on the capital cap of {account.cap:.2f} USDT, not on the whole equity"


def _ceiling_notes(ceilings: Iterable[Ceiling]) -> Iterable[str]:
    """The first one holds; the others would leave more."""
    for index, one in enumerate(ceilings):
        also = "" if index == 0 else " (a stricter rule holds)"
        yield f"size × {one.share.normalize():f}: {one.why}{also}"


def _sized(plan: Plan, quantity: Decimal, instrument: Instrument, limits: Limits) -> Plan:
    """At that quantity, with targets whose slices the venue takes."""
    targets = merged(plan.targets, quantity, instrument)
    return with_size(replace(plan, quantity=quantity, targets=targets), instrument, limits)


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
    funding = plan.funding_cost
    loss = loss_at(plan.side, quantity, moved.entry, moved.stop, instrument, limits, funding)
    if loss <= plan.loss_at_stop:
        return quantity
    most = quantity_for(plan.loss_at_stop, plan.side, moved.entry, moved.stop, instrument, limits, funding)
    return min(quantity, most)


def _stop(idea: Idea, entry: Decimal, instrument: Instrument, limits: Limits) -> Decimal | Reason:
    """The named stop, or the rule book's, on the tick and inside the configured distance."""
    if idea.stop_named is not None:
        return _away(idea.side, idea.stop_named, instrument.tick)
    frame, side = idea.features.frames[STRUCTURE_FRAME], idea.side
    if frame.atr is None or not (isfinite(frame.atr) and frame.atr > 0):
        return Reason("stop_distance", "the 1h ATR is n/a, so no stop can be placed")
    is_long = side is Side.LONG
    found = initial_stop(
        limits.exits,
        side.sign,
        float(exact(entry)),
        frame.atr,
        idea.stop_atr,
        _number(frame.swing_low if is_long else frame.swing_high),
        _number(idea.features.support if is_long else idea.features.resistance),
        nan if idea.horizon_h is None else idea.horizon_h,
        float(exact(round_trip_cost(instrument, limits))),
        float(limits.min_stop),
        float(limits.max_stop) * (1 + FLOAT_SLACK),
    )
    if isnan(found):
        text = f"structure needs more than MAX_STOP_LOSS_PERCENT {limits.max_stop}, no trade"
        return Reason("stop_distance", text)
    price = nearest_to(exact(found), instrument.tick * NOISE)
    nearest = _stop_price(side, entry, limits.min_stop, instrument, limits)
    return _outer(side, _within_max(side, entry, price, instrument, limits), nearest)


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
    """The ladder, each rung net of costs, nearest first; rungs on one tick are one."""
    if idea.target_named is not None:
        return (Target(_away(idea.side, idea.target_named, instrument.tick), ONE),)
    cost, found = float(round_trip_cost(instrument, limits)), dict[Decimal, Decimal]()
    for r, share in _rungs(idea, limits):
        price = price_at_r(float(entry), float(stop), idea.side.sign, cost, float(r))
        near = nearest_to(exact(price), instrument.tick * NOISE)
        on_tick = _away(idea.side, near, instrument.tick)
        found[on_tick] = found.get(on_tick, ZERO) + share
    return tuple(Target(price, share) for price, share in found.items())


def _rungs(idea: Idea, limits: Limits) -> tuple[tuple[Decimal, Decimal], ...]:
    """The last one comes in to what the advisers see, never nearer than the one before it."""
    *others, (last, share) = limits.targets
    named = idea.reward_risk
    if named < float(last):  # NaN is not
        last = max(exact(named), others[-1][0]) if others else exact(named)
    return (*others, (last, share))


def _target_price(side: Side, entry: Decimal, fraction: Decimal, instrument: Instrument) -> Decimal:
    # Towards the entry, which is the same direction as a stop's away: down for a long.
    return _away(side, entry * (1 + fraction * side.sign), instrument.tick)


def _away(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """On the tick, down for a long, up for a short."""
    return floor_to(price, tick) if side is Side.LONG else ceil_to(price, tick)


def _outer(side: Side, one: Decimal, other: Decimal) -> Decimal:
    """The stop that is further from the entry."""
    return min(one, other) if side is Side.LONG else max(one, other)


def _number(value: float | None) -> float:
    return value if value is not None and isfinite(value) else nan
