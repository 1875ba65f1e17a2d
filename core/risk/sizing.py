"""How large, at which leverage, and which setting would allow the smallest order.

Laws:
- Quantity = risk ÷ loss per unit at the stop (costs included), whole lots, rounded down, then only ever cut.
- Leverage never changes what is lost; it is the largest that every cap and the liquidation rule allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from core.market import Instrument, Side
from core.money import ONE, ZERO, ceil_to, floor_to
from core.plan import Plan, Target
from core.risk.limits import Limits
from core.risk.margin import distance, liquidation_price, room, round_trip_result

MEND_HEADROOM = Decimal("1.005")
"""A named value allows the order still after the price has moved by this much."""
MEND_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Size:
    quantity: Decimal
    leverage: int
    notes: tuple[str, ...]
    """What cut leverage or size below what was asked for."""


def loss_at(
    side: Side, quantity: Decimal, entry: Decimal, stop: Decimal, instrument: Instrument, limits: Limits
) -> Decimal:
    """USDT lost from `entry` to `stop`, fees and slippage of both ways included."""
    return -round_trip_result(side, quantity, entry, stop, instrument.taker_fee, limits.slippage)


def quantity_for(
    budget: Decimal, side: Side, entry: Decimal, stop: Decimal, instrument: Instrument, limits: Limits
) -> Decimal:
    """The most whole lots that lose no more than `budget` at the stop."""
    per_unit = loss_at(side, ONE, entry, stop, instrument, limits)
    if not (per_unit > 0 and budget > 0):
        return ZERO
    quantity = floor_to(budget / per_unit, instrument.lot)
    if loss_at(side, quantity, entry, stop, instrument, limits) > budget:
        quantity -= instrument.lot  # the quotient's last digit was rounded up
    return max(quantity, ZERO)


def fitted(
    side: Side,
    entry: Decimal,
    stop: Decimal,
    risk: Decimal,
    leverage_wanted: int,
    instrument: Instrument,
    equity: Decimal,
    limits: Limits,
) -> Size:
    """`risk` is a fraction of equity. Leverage is judged at the size that it would carry."""
    budget = max(equity, ZERO) * min(risk, limits.max_trade_loss)
    by_risk = quantity_for(budget, side, entry, stop, instrument, limits)
    largest = min(instrument.max_quantity, instrument.tiers[-1].cap / entry)
    ceiling = max(equity, ZERO) * limits.position_size
    leverage = max(min(leverage_wanted, limits.max_leverage), 1)
    while True:
        by_margin = ceiling / _committed(ONE, entry, leverage, instrument)
        quantity = floor_to(min(by_risk, by_margin, largest), instrument.lot)
        if leverage == 1 or _carries(side, quantity, entry, stop, leverage, instrument, limits):
            break
        leverage -= 1
    notes = _leverage_notes(leverage, leverage_wanted, limits)
    if min(by_margin, largest) < by_risk:
        cap = "POSITION_SIZE_PERCENT" if by_margin < largest else "the venue’s largest order"
        notes = (*notes, f"size cut by {cap}")
    return Size(quantity, leverage, notes)


def with_size(plan: Plan, instrument: Instrument, limits: Limits) -> Plan:
    """Fills every figure that follows from prices, quantity and leverage."""
    if not plan.quantity > 0:
        return without_size(plan)
    notional = plan.quantity * plan.entry
    margin = notional / plan.leverage
    loss = loss_at(plan.side, plan.quantity, plan.entry, plan.stop, instrument, limits)
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


@dataclass(frozen=True, slots=True)
class Smallest:
    """What the venue's smallest order would take."""

    loss: Decimal
    """USDT at the stop."""
    committed: Decimal
    """USDT of margin and entry fee."""


def smallest_order(
    side: Side,
    entry: Decimal,
    stop: Decimal,
    mark: Decimal,
    leverage: int,
    instrument: Instrument,
    limits: Limits,
) -> Smallest:
    quantity = smallest_quantity(instrument, min(entry, mark))
    return Smallest(
        loss_at(side, quantity, entry, stop, instrument, limits),
        _committed(quantity, entry, leverage, instrument),
    )


def size_mend(small: Smallest, equity: Decimal, limits: Limits, *, is_manual: bool = False) -> str:
    """The settings, with values, under which the smallest order fits; an equity where no setting would do.

    Empty where they hold already.
    """
    loss, committed = small.loss * MEND_HEADROOM, small.committed * MEND_HEADROOM
    most = min(limits.max_trade_loss, limits.daily_loss, limits.max_drawdown)
    if not (equity > 0 and loss <= equity * most and committed <= equity):
        needed = max(loss / min(limits.risk_per_trade, most), committed / limits.position_size)
        return f"equity of {needed.to_integral_value(ROUND_CEILING):f} USDT"
    risk, parts = min(_up(loss / equity), most), []
    if is_manual:
        parts.append(f"a risk of {risk * 100:.2f} %")
    elif loss > equity * limits.risk_per_trade:
        parts.append(f"RISK_PER_TRADE={risk}")
    if committed > equity * limits.position_size:
        parts.append(f"POSITION_SIZE_PERCENT={min(_up(committed / equity), ONE)}")
    return " and ".join(parts)


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


def _committed(quantity: Decimal, entry: Decimal, leverage: int, instrument: Instrument) -> Decimal:
    """Margin and entry fee: what an entry takes from the available balance."""
    notional = quantity * entry
    return notional / leverage + entry_fee(notional, instrument)


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


def _up(fraction: Decimal) -> Decimal:
    return ceil_to(fraction, MEND_STEP)
