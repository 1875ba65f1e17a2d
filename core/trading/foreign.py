"""A position without a trade: whose it is, where its stop belongs, and the trade that it would become. Pure.

Laws:
- A position is ours where an order of ours rests on its symbol, or one of ours is among the fills that made
  it.
- The stop of an adopted position lies on the losing side of the mark price, and never beyond half of the
  way to the liquidation.
- R is measured by a stop on the losing side of the entry, so that it is above 0 whatever the stop protects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.desk import ForeignView
from core.market import Instrument, Side
from core.money import ONE, ZERO, ceil_to, exact, floor_to
from core.risk.limits import Limits
from core.risk.stop_moves import loss_at
from core.trade import (
    ADOPTED,
    ExitReason,
    Fill,
    Opening,
    Order,
    OrderKind,
    OrderSide,
    OrderStatus,
    Position,
    Trade,
    Want,
)
from core.trading.exits import liquidation_is_near, stop_is_passed
from core.trading.ids import derived, is_ours

HALF = Decimal("0.5")
"""Of the way to the liquidation: a stop further away may be outrun by it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what an adopted position is guarded."""

    instrument: Instrument
    limits: Limits


# ---------------------------------------------------------------- whose it is


def our_ids(position: Position, orders: Sequence[Order], fills: Sequence[Fill]) -> frozenset[str]:
    """Client ids of ours that the position carries; empty: it is somebody else's.

    `orders`: everything that rests at the venue; `fills`: of the symbol, as far back as they are known.
    """
    resting = (order.client_id for order in ours_resting(position.symbol, orders))
    filled = (fill.client_id for fill in _made_of(position, fills) if is_ours(fill.client_id))
    return frozenset((*resting, *filled))


def ours_resting(symbol: str, orders: Sequence[Order]) -> list[Order]:
    return [
        order
        for order in orders
        if order.symbol == symbol and order.status is OrderStatus.OPEN and is_ours(order.client_id)
    ]


def is_whole(position: Position, fills: Sequence[Fill]) -> bool:
    """All that made the position is among the fills: older ones would say nothing more of whose it is."""
    opening = _opening_side(position)
    made = (fill.quantity if fill.side is opening else -fill.quantity for fill in _made_of(position, fills))
    return sum(made, ZERO) >= position.quantity


def _opening_side(position: Position) -> OrderSide:
    return OrderSide.BUY if position.side is Side.LONG else OrderSide.SELL


def _made_of(position: Position, fills: Sequence[Fill]) -> list[Fill]:
    """The fills since nothing was held, newest first; all of them where the position is older than they."""
    held, found, opening = position.quantity, [], _opening_side(position)
    for fill in sorted(fills, key=lambda fill: fill.at)[::-1]:
        if held <= 0:
            break
        found.append(fill)
        held -= fill.quantity if fill.side is opening else -fill.quantity
    return found


# ---------------------------------------------------------------- where its stop belongs


def stop_of(position: Position, orders: Sequence[Order], terms: Terms) -> Decimal:
    """Our resting stop's trigger; else `MIN_STOP_LOSS_PERCENT` from the entry, or from the mark price where
    that is passed already. On the tick, rounded towards the price."""
    least, tick, sign = terms.limits.min_stop, terms.instrument.tick, position.side.sign
    rested = _resting_trigger(position, orders)
    for base in (position.entry, position.mark):
        wanted = rested if rested is not None else base * (ONE - sign * least)
        stop = _towards_price(_before_liquidation(position, base, wanted), tick, sign)
        if stop > 0 and not stop_is_passed(position.mark, stop, sign):
            return stop
    return _towards_price(position.mark - sign * tick, tick, sign)


def _resting_trigger(position: Position, orders: Sequence[Order]) -> Decimal | None:
    """Of several the one that covers most, then the nearest to the price."""
    sign = position.side.sign
    leaving = OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY
    stops = [
        (min(order.quantity - order.filled, position.quantity), order.trigger * sign)
        for order in ours_resting(position.symbol, orders)
        if order.kind is OrderKind.STOP_MARKET
        and order.side is leaving
        and order.trigger is not None
        and not stop_is_passed(position.mark, order.trigger, sign)
    ]
    return max(stops)[1] * sign if stops else None


def _before_liquidation(position: Position, base: Decimal, stop: Decimal) -> Decimal:
    sign, liquidation = position.side.sign, position.liquidation
    if liquidation <= 0 or (base - liquidation) * sign <= 0:
        return stop
    furthest = base - (base - liquidation) * HALF
    return furthest if (furthest - stop) * sign > 0 else stop


def _towards_price(price: Decimal, tick: Decimal, sign: int) -> Decimal:
    return ceil_to(price, tick) if sign > 0 else floor_to(price, tick)


# ---------------------------------------------------------------- what it becomes


def opening_of(position: Position, fills: Sequence[Fill], known_since: datetime) -> Opening:
    """`fills`: all that the venue shows after `known_since`, read together with the position.

    What comes later is dated later than each of these by the venue's own clock.
    """
    seen = (fill.at for fill in fills)
    return Opening(position.quantity, position.entry, max(known_since, position.opened_at, *seen))


def adopted_trade(
    position: Position,
    stop: Decimal,
    opening: Opening,
    terms: Terms,
    account: str,
    equity: Decimal,
    now: datetime,
    *,
    closes: bool = False,
) -> Trade:
    """`closes`: wanted closed from the beginning, by the owner."""
    limits, fee = terms.limits, terms.instrument.taker_fee
    sign, entry = position.side.sign, position.entry
    is_losing = (entry - stop) * sign > 0
    first = stop if is_losing else entry * (ONE - sign * limits.min_stop)
    return Trade(
        id=derived(ADOPTED, account, position.symbol, position.side, now.isoformat()),
        account=account,
        symbol=position.symbol,
        side=position.side,
        quantity=position.quantity,
        entry_reference=entry,
        stop=stop,
        targets=(),
        leverage=max(position.leverage, 1),
        risk_usd=loss_at(position, first, fee, limits.slippage),
        want=Want.CLOSED if closes else Want.OPEN,
        created_at=now,
        exit_reason=ExitReason.OWNER if closes else None,
        close_requests=1 if closes else 0,
        origin=ADOPTED,
        opening_equity=equity,
        first_stop=first,
        cost=2 * (fee + limits.slippage),
        opening=opening,
    )


def view_of(position: Position, orders: Sequence[Order], terms: Terms | None, ignored_by: str) -> ForeignView:
    """`terms` None: the symbol's rules are not known right now."""
    stop = stop_of(position, orders, terms) if terms is not None else None
    loss = fee = None
    if terms is not None and stop is not None:
        taker = terms.instrument.taker_fee
        loss = loss_at(position, stop, taker, terms.limits.slippage)
        fee = position.quantity * position.mark * taker
    return ForeignView(
        symbol=position.symbol,
        side=position.side,
        leverage=position.leverage,
        quantity=position.quantity,
        entry=position.entry,
        mark=position.mark,
        unrealised=position.unrealised,
        liquidation=position.liquidation,
        stop=stop,
        loss_at_stop=loss,
        exit_fee=fee,
        warning=_warning(position, terms) if terms is not None else "",
        ignored_by=ignored_by,
    )


def _warning(position: Position, terms: Terms) -> str:
    nearest = exact(terms.limits.exits.nearest_liquidation)
    if liquidation_is_near(position.mark, position.liquidation, position.side.sign, nearest):
        return f"its liquidation is nearer than {nearest:.0%}: adopted, it is closed at once"
    least = terms.instrument.min_quantity
    if position.quantity < least:
        return f"{position.quantity} is under the venue's smallest order {least}: it may take no stop"
    return ""
