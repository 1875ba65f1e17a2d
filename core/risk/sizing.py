"""How large, and at which leverage.

Laws:
- Quantity = what may be lost ÷ loss per unit at the stop (costs and expected funding included), whole lots,
  rounded down, then only ever cut.
- Leverage never changes what is lost; it is the largest that every cap and the liquidation rule allow.
- Where any size is within the rules one is found: the venue's smallest order is tried where larger ones fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.market import Instrument, Side
from core.money import ONE, ZERO, ceil_to, floor_to
from core.plan import Plan, Target
from core.risk.ceilings import LossCap
from core.risk.limits import Limits
from core.risk.margin import distance, liquidation_price, room, round_trip_result


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order that has no size yet."""

    side: Side
    entry: Decimal
    stop: Decimal
    mark: Decimal
    """The venue may measure the notional at this or at the entry."""
    funding: Decimal = ZERO
    """Expected until the exit, fraction of the notional."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What margin may come from, USDT."""

    ceiling: Decimal
    """`POSITION_SIZE_PERCENT` of equity."""
    available: Decimal | None
    """None: unknown, which the checks refuse."""


@dataclass(frozen=True, slots=True)
class Size:
    quantity: Decimal
    leverage: int
    notes: tuple[str, ...]
    """What cut leverage or size below what was asked for."""


def round_trip_cost(instrument: Instrument, limits: Limits) -> Decimal:
    """Fees and slippage of entry and exit, fraction of the price."""
    return 2 * (instrument.taker_fee + limits.slippage)


def loss_at(
    side: Side,
    quantity: Decimal,
    entry: Decimal,
    stop: Decimal,
    instrument: Instrument,
    limits: Limits,
    funding: Decimal = ZERO,
) -> Decimal:
    """USDT lost from `entry` to `stop`: fees and slippage of both ways, and `funding` of the notional."""
    result = round_trip_result(side, quantity, entry, stop, instrument.taker_fee, limits.slippage)
    return quantity * entry * funding - result


def quantity_for(
    budget: Decimal,
    side: Side,
    entry: Decimal,
    stop: Decimal,
    instrument: Instrument,
    limits: Limits,
    funding: Decimal = ZERO,
) -> Decimal:
    """The most whole lots that lose no more than `budget` at the stop."""
    per_unit = loss_at(side, ONE, entry, stop, instrument, limits, funding)
    if not (per_unit > 0 and budget > 0):
        return ZERO
    quantity = floor_to(budget / per_unit, instrument.lot)
    if loss_at(side, quantity, entry, stop, instrument, limits, funding) > budget:
        quantity -= instrument.lot  # the quotient's last digit was rounded up
    return max(quantity, ZERO)


def fitted(
    ticket: Ticket,
    caps: Sequence[LossCap],
    purse: Purse,
    leverage_wanted: int,
    instrument: Instrument,
    limits: Limits,
) -> Size:
    """The first of `caps` is the risk asked for; another one that holds instead is noted.

    Leverage is judged at the size that it would carry.
    """
    strictest = min(caps, key=lambda cap: cap.most)
    by_loss = quantity_for(
        strictest.most, ticket.side, ticket.entry, ticket.stop, instrument, limits, ticket.funding
    )
    by_venue = min(instrument.max_quantity, instrument.tiers[-1].cap / ticket.entry)
    wanted = max(min(leverage_wanted, limits.max_leverage), 1)
    for leverage in range(wanted, 0, -1):
        by_margin, source = _by_margin(ticket.entry, leverage, purse, instrument)
        quantity = max(floor_to(min(by_loss, by_margin, by_venue), instrument.lot), ZERO)
        if _carries(ticket.side, quantity, ticket.entry, ticket.stop, leverage, instrument, limits):
            break
    least = smallest_quantity(instrument, min(ticket.entry, ticket.mark))
    if quantity < least <= min(by_loss, by_venue):
        quantity, leverage = _smallest(ticket, least, wanted, purse, instrument, limits) or (
            quantity,
            leverage,
        )
    notes = _leverage_notes(leverage, leverage_wanted, limits)
    limiting = min(
        (by_loss, "" if strictest is caps[0] else strictest.name),
        (by_margin, source),
        (by_venue, "the venue’s largest order"),
        key=lambda one: one[0],
    )
    return Size(quantity, leverage, (*notes, f"size cut by {limiting[1]}") if limiting[1] else notes)


def _by_margin(entry: Decimal, leverage: int, purse: Purse, instrument: Instrument) -> tuple[Decimal, str]:
    """The largest quantity, not yet in lots, whose margin and entry fee are there; and what bounds it."""
    by_ceiling = max(purse.ceiling, ZERO) * leverage / entry
    if purse.available is None:
        return by_ceiling, "POSITION_SIZE_PERCENT"
    taken = entry / leverage + entry_fee(entry, instrument)
    by_available = max(purse.available, ZERO) / taken
    if by_available < by_ceiling:
        return by_available, "the available margin"
    return by_ceiling, "POSITION_SIZE_PERCENT"


def _smallest(
    ticket: Ticket, least: Decimal, wanted: int, purse: Purse, instrument: Instrument, limits: Limits
) -> tuple[Decimal, int] | None:
    """The venue's smallest order at the largest leverage that carries it and whose margin is there.

    Less leverage may carry a larger order yet bind more margin than there is, so both can fail but this.
    """
    for leverage in range(wanted, 0, -1):
        enough, _ = _by_margin(ticket.entry, leverage, purse, instrument)
        if least <= enough and _carries(
            ticket.side, least, ticket.entry, ticket.stop, leverage, instrument, limits
        ):
            return least, leverage
    return None


def merged(targets: Sequence[Target], quantity: Decimal, instrument: Instrument) -> tuple[Target, ...]:
    """The same targets, nearest first, without a slice too small for an order of its own.

    Such a slice joins the next one; a last one that is too small joins the one before it.
    """
    if not quantity > 0:
        return tuple(targets)
    least = max(instrument.min_quantity, instrument.lot)
    kept: list[Target] = []
    share, placed = ZERO, ZERO
    for target in targets[:-1]:
        share += target.share
        own = floor_to(quantity * share, instrument.lot)
        if own >= least:
            kept.append(replace(target, share=share))
            share, placed = ZERO, placed + own
    for last in targets[-1:]:
        share += last.share
        if kept and quantity - placed < least:
            kept[-1] = replace(kept[-1], share=kept[-1].share + share)
        else:
            kept.append(replace(last, share=share))
    return tuple(kept)


def with_size(plan: Plan, instrument: Instrument, limits: Limits) -> Plan:
    """Fills every figure that follows from prices, quantity and leverage."""
    if not plan.quantity > 0:
        return without_size(plan)
    notional = plan.quantity * plan.entry
    margin = notional / plan.leverage
    loss = loss_at(plan.side, plan.quantity, plan.entry, plan.stop, instrument, limits, plan.funding_cost)
    gain = _gain(plan.side, plan.quantity, plan.entry, plan.targets, instrument, limits)
    gain -= notional * plan.funding_cost
    return replace(
        plan,
        cost=round_trip_cost(instrument, limits),
        notional=notional,
        margin=margin,
        loss_at_stop=loss,
        gain_at_targets=gain,
        liquidation=liquidation_price(plan.side, plan.quantity, plan.entry, margin, instrument),
        reward_risk=gain / loss if loss > 0 else ZERO,
    )


def without_size(plan: Plan) -> Plan:
    """The plan with nothing in it; the checks refuse it by its size."""
    return replace(
        plan,
        quantity=ZERO,
        notional=ZERO,
        margin=ZERO,
        loss_at_stop=ZERO,
        gain_at_targets=ZERO,
        liquidation=ZERO,
        reward_risk=ZERO,
    )


def entry_fee(notional: Decimal, instrument: Instrument) -> Decimal:
    return notional * instrument.taker_fee


def smallest_quantity(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest order the venue takes while its notional is measured at `price`."""
    by_notional = ceil_to(instrument.min_notional / price, instrument.lot)
    return max(by_notional, ceil_to(instrument.min_quantity, instrument.lot), instrument.lot)


def leverage_carried(
    side: Side, quantity: Decimal, entry: Decimal, stop: Decimal, instrument: Instrument, limits: Limits
) -> int:
    """The largest leverage that this size may have; at least 1."""
    for leverage in range(limits.max_leverage, 1, -1):
        if _carries(side, quantity, entry, stop, leverage, instrument, limits):
            return leverage
    return 1


def _carries(
    side: Side,
    quantity: Decimal,
    entry: Decimal,
    stop: Decimal,
    leverage: int,
    instrument: Instrument,
    limits: Limits,
) -> bool:
    """The venue allows the leverage at this size, and liquidation stays far enough away."""
    held = max(quantity, instrument.lot)
    notional = held * entry
    if not leverage <= instrument.tier_for(notional).max_leverage:
        return False
    liquidation = liquidation_price(side, held, entry, notional / leverage, instrument)
    needed = max(limits.min_liquidation_distance, limits.liquidation_per_stop * distance(entry, stop))
    return room(side, entry, liquidation) >= needed


def _leverage_notes(leverage: int, wanted: int, limits: Limits) -> tuple[str, ...]:
    if leverage == wanted:
        return ()
    why = "MAX_LEVERAGE" if leverage == limits.max_leverage else "liquidation distance or the venue's cap"
    return (f"{leverage}x instead of {wanted}x: {why}",)


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
