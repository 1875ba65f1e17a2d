"""What a simulated venue does with a price and with a request: pure functions from state to state.

Laws:
- Market orders pay the book's other side plus slippage; never the mid. No closing price is worse than the
  one at which the isolated margin is gone: there the venue takes over.
- Conditional orders trigger on the mark price and then fill as market orders do: a gap is a gap.
- One price does, in this order: funding that is due, at this price; liquidation, stops, targets, limits. So
  where stop and target are both due, the stop is what happened.
- Reduce-only never opens, never grows and never turns a position; what it cannot take is cancelled.
- A price older than the last one changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Quote, Side
from core.money import ZERO, ceil_to, floor_to
from core.sim.book import VenueState, apply_fill, liquidate, settle_due
from core.trade import Order, OrderKind, OrderRequest, OrderSide, OrderStatus

DUE_ORDER = {
    OrderKind.STOP_MARKET: 0,
    OrderKind.TAKE_PROFIT_MARKET: 1,
    OrderKind.LIMIT: 2,
    OrderKind.MARKET: 3,
}
"""The pessimistic order of what is due on one price."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The venue's no, with Binance's code."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One symbol at one price."""

    rules: Instrument
    quote: Quote
    slippage: Decimal
    """Fraction of the price that a market order pays beyond the book's other side."""

    def paid(self, side: OrderSide) -> Decimal:
        """The price of a market order now."""
        if side is OrderSide.BUY:
            return ceil_to(self.quote.ask * (1 + self.slippage), self.rules.tick)
        return max(floor_to(self.quote.bid * (1 - self.slippage), self.rules.tick), self.rules.tick)


def moved(state: VenueState, scene: Scene) -> VenueState:
    """The state after this price."""
    quote = scene.quote
    last = state.seen_at.get(quote.symbol)
    if last is not None and quote.at < last:
        return state
    state = replace(
        state,
        marks={**state.marks, quote.symbol: quote.mark},
        seen_at={**state.seen_at, quote.symbol: quote.at},
    )
    state = settle_due(state, quote.symbol, quote.at)
    state = _liquidated(state, scene)
    due = [order for order in state.orders if _is_due(order, quote)]
    for order in sorted(due, key=lambda each: DUE_ORDER[each.kind]):  # stable: then by arrival
        state = _executed(state, order, scene, max(quote.at, order.created_at))
    return _liquidated(state, scene)  # what a limit order has just opened may be beyond its liquidation


def refusal(state: VenueState, request: OrderRequest, scene: Scene) -> Refusal | None:
    """The venue's own filters; None when the order is taken."""
    return _malformed(request, scene.rules) or _untimely(state, request, scene)


def placed(state: VenueState, request: OrderRequest, scene: Scene, now: datetime) -> VenueState:
    """The state after an order that was taken; what can be filled at once is."""
    state = replace(state, sequence=state.sequence + 1)
    order = _new_order(request, state.sequence, now)
    if request.kind is OrderKind.MARKET:
        return _executed(state, order, scene, now)
    if request.kind is OrderKind.LIMIT and _is_due(order, scene.quote):
        return _executed(state, order, scene, now)
    return state.with_order(order)


# ---------------------------------------------------------------- filters


def _malformed(request: OrderRequest, rules: Instrument) -> Refusal | None:
    """What is wrong with the order whatever the market does."""
    quantity = request.quantity
    prices = [price for price in (request.price, request.trigger) if price is not None]
    if not all(number.is_finite() for number in (quantity, *prices)):
        return Refusal("-1100", "quantity and prices must be finite numbers")
    if request.kind.is_conditional and request.trigger is None:
        return Refusal("-1102", f"a {request.kind} order needs a trigger")
    if request.kind is OrderKind.LIMIT and request.price is None:
        return Refusal("-1102", "a limit order needs a price")
    if quantity <= 0:
        return Refusal("-4003", f"quantity {quantity} must be above 0")
    if floor_to(quantity, rules.lot) != quantity:
        return Refusal("-1111", f"quantity {quantity} is not whole lots of {rules.lot}")
    if quantity < rules.min_quantity:
        return Refusal("-4004", f"quantity {quantity} is under the smallest, {rules.min_quantity}")
    if quantity > rules.max_quantity:
        return Refusal("-4005", f"quantity {quantity} is over the largest, {rules.max_quantity}")
    for price in prices:
        if price <= 0:
            return Refusal("-4001", f"price {price} must be above 0")
        if floor_to(price, rules.tick) != price:
            return Refusal("-4014", f"price {price} is not on the tick {rules.tick}")
    return None


def _untimely(state: VenueState, request: OrderRequest, scene: Scene) -> Refusal | None:
    """What is wrong with the order here and now."""
    rules, mark = scene.rules, state.marks[request.symbol]
    notional = request.quantity * (request.price or request.trigger or mark)
    if request.kind.is_conditional and _triggers(request.kind, request.side, request.trigger, mark):
        return Refusal("-2021", f"order would immediately trigger: mark {mark}, trigger {request.trigger}")
    if request.reduce_only:
        if _reducible(state, request.symbol, request.side) > 0:
            return None
        return Refusal("-2022", "reduce-only order is rejected: there is no position to reduce")
    if not rules.is_active:
        return Refusal("-4140", f"{request.symbol} is closed for new positions")
    if notional < rules.min_notional:
        return Refusal("-4164", f"notional {notional} is under {rules.min_notional}")
    price = request.price or request.trigger or scene.paid(request.side)
    return _unaffordable(state, request.symbol, request.side, request.quantity, price, rules)


def _unaffordable(
    state: VenueState, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal, rules: Instrument
) -> Refusal | None:
    """Whether the part that opens or adds would exceed the bracket or the free margin, fee included."""
    opposite = _reducible(state, symbol, side)
    added = quantity - min(quantity, opposite)
    if not added:
        return None
    held = state.holdings.get(symbol)
    leverage = state.leverages.get(symbol, 1)
    notional = added * price + (held.cost if held is not None and not opposite else ZERO)
    allowed = rules.tier_for(notional).max_leverage
    if leverage > allowed or notional > rules.tiers[-1].cap:
        return Refusal("-2027", f"{notional} USDT is over the bracket's largest position at {leverage}x")
    needed = added * price / leverage + added * price * rules.taker_fee
    free = state.available + (held.margin if held is not None and opposite else ZERO)
    if needed > free:
        return Refusal("-2019", f"margin is insufficient: needed {needed}, available {free}")
    return None


# ---------------------------------------------------------------- execution


def _is_due(order: Order, quote: Quote) -> bool:
    if order.symbol != quote.symbol or order.status is not OrderStatus.OPEN:
        return False
    if order.kind is OrderKind.LIMIT and order.price is not None:
        return quote.ask <= order.price if order.side is OrderSide.BUY else quote.bid >= order.price
    return _triggers(order.kind, order.side, order.trigger, quote.mark)


def _triggers(kind: OrderKind, side: OrderSide, trigger: Decimal | None, mark: Decimal) -> bool:
    if trigger is None or not kind.is_conditional:
        return False
    falls_to = (kind is OrderKind.STOP_MARKET) == (side is OrderSide.SELL)
    return mark <= trigger if falls_to else mark >= trigger


def _executed(state: VenueState, order: Order, scene: Scene, at: datetime) -> VenueState:
    """Fills what can be filled, closing before opening; the rest of the order is cancelled."""
    price, fee = _terms(state, order, scene)
    closing = min(order.quantity, _reducible(state, order.symbol, order.side))
    opening = ZERO if order.reduce_only else order.quantity - closing
    notional, why = ZERO, ""
    if closing:
        held = state.holdings[order.symbol]
        worst = held.bankruptcy(scene.rules.tick)
        got = max(price, worst) if held.side is Side.LONG else min(price, worst)
        state = apply_fill(state, order, closing, got, fee, max(at, held.opened_at))
        notional += closing * got
    if opening:
        refused = _unaffordable(state, order.symbol, order.side, opening, price, scene.rules)
        if refused is None:
            state = apply_fill(state, order, opening, price, fee, at)
            notional += opening * price
        else:
            opening, why = ZERO, refused.text
    elif order.reduce_only and closing < order.quantity:
        why = "more than the position" if closing else "no position to reduce"
    return state.with_order(_ended(order, closing + opening, notional, why, at))


def _terms(state: VenueState, order: Order, scene: Scene) -> tuple[Decimal, Decimal]:
    """(price, fee rate). A limit order pays the maker's fee unless it meets the book as it comes."""
    if order.kind is not OrderKind.LIMIT or order.price is None:
        return scene.paid(order.side), scene.rules.taker_fee
    if state.order(order.client_id) is not None:
        return order.price, scene.rules.maker_fee
    paid = scene.paid(order.side)
    better = min(paid, order.price) if order.side is OrderSide.BUY else max(paid, order.price)
    return better, scene.rules.taker_fee


def _ended(order: Order, filled: Decimal, notional: Decimal, why: str, at: datetime) -> Order:
    return replace(
        order,
        filled=filled,
        average=notional / filled if filled else None,
        status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.CANCELLED,
        updated_at=at,
        reject_reason=why,
    )


def _liquidated(state: VenueState, scene: Scene) -> VenueState:
    """Takes the position away where the mark price has reached its liquidation price."""
    quote = scene.quote
    held = state.holdings.get(quote.symbol)
    if held is None or (quote.mark - held.liquidation(scene.rules)) * held.side.sign > 0:
        return state
    at = max(quote.at, held.opened_at)
    sequence = state.sequence + 1
    price = held.bankruptcy(scene.rules.tick)
    order = Order(
        client_id=f"autoclose-{sequence}",
        venue_id=f"o{sequence}",
        symbol=quote.symbol,
        side=OrderSide.SELL if held.side is Side.LONG else OrderSide.BUY,
        kind=OrderKind.MARKET,
        quantity=held.quantity,
        filled=held.quantity,
        average=price,
        price=None,
        trigger=None,
        reduce_only=True,
        status=OrderStatus.FILLED,
        created_at=at,
        updated_at=at,
    )
    return liquidate(replace(state, sequence=sequence), order, price, at).with_order(order)


def _reducible(state: VenueState, symbol: str, side: OrderSide) -> Decimal:
    """How much of the position an order of `side` can take."""
    held = state.holdings.get(symbol)
    if held is None or (held.side is Side.LONG) != (side is OrderSide.SELL):
        return ZERO
    return held.quantity


def _new_order(request: OrderRequest, sequence: int, now: datetime) -> Order:
    return Order(
        client_id=request.client_id,
        venue_id=f"o{sequence}",
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        quantity=request.quantity,
        filled=ZERO,
        average=None,
        price=request.price,
        trigger=request.trigger,
        reduce_only=request.reduce_only,
        status=OrderStatus.OPEN,
        created_at=now,
        updated_at=now,
    )
