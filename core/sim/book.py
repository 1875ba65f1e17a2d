"""State of a simulated venue and its arithmetic: pure, exact, JSON-ready.

Laws:
- wallet = deposits + realised - fees + funding, by construction: every change of the wallet is one entry.
- equity = wallet + Σ unrealised, to the last digit: a position carries its exact cost, not a rounded price.
- Profit does not know leverage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Side
from core.money import ZERO, ceil_to, floor_to, nearest_to
from core.risk.margin import liquidation_price
from core.trade import Fill, FundingPayment, Order, OrderSide, Position

COST_QUANTUM = Decimal("1e-18")
"""A part of a position takes its share of the cost, rounded to this; the rest keeps the remainder."""
KEPT_ORDERS = 200
KEPT_FILLS = 500
KEPT_PAYMENTS = 500
"""Newest rows of the venue's own memory; the journal is the archive."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position; `cost` is Σ quantity × price of what is still held."""

    side: Side
    quantity: Decimal
    cost: Decimal
    margin: Decimal
    leverage: int
    opened_at: datetime

    @property
    def entry(self) -> Decimal:
        return self.cost / self.quantity

    def unrealised(self, mark: Decimal) -> Decimal:
        return (mark * self.quantity - self.cost) * self.side.sign

    def liquidation(self, instrument: Instrument) -> Decimal:
        return liquidation_price(self.side, self.quantity, self.entry, self.margin, instrument)

    def bankruptcy(self, tick: Decimal) -> Decimal:
        """The price at which the isolated margin is gone, on the tick, rounded towards the entry."""
        price = (self.cost - self.margin * self.side.sign) / self.quantity
        return ceil_to(price, tick) if self.side is Side.LONG else floor_to(price, tick)


@dataclass(frozen=True, slots=True)
class VenueState:
    """Everything that survives a restart."""

    wallet: Decimal
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    leverages: Mapping[str, int] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    payments: tuple[FundingPayment, ...] = ()
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    seen_at: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol → time of the last price that was applied."""
    sequence: int = 0
    """Numbers orders and fills; never a clock."""

    @property
    def margin(self) -> Decimal:
        return sum((holding.margin for holding in self.holdings.values()), ZERO)

    @property
    def unrealised(self) -> Decimal:
        return sum((held.unrealised(self.marks[symbol]) for symbol, held in self.holdings.items()), ZERO)

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealised

    def order(self, client_id: str) -> Order | None:
        return next((order for order in self.orders if order.client_id == client_id), None)

    def with_order(self, order: Order) -> VenueState:
        """Replaces the order of the same id, or adds it; old finished ones are forgotten."""
        others = tuple(row for row in self.orders if row.client_id != order.client_id)
        rows = (*others, order)
        if len(rows) > KEPT_ORDERS:
            spare = len(rows) - KEPT_ORDERS
            finished = [row.client_id for row in rows if row.status.value != "open"][:spare]
            rows = tuple(row for row in rows if row.client_id not in finished)
        return replace(self, orders=rows)

    def position(self, symbol: str, instrument: Instrument) -> Position | None:
        held = self.holdings.get(symbol)
        if held is None:
            return None
        mark = self.marks[symbol]
        return Position(
            symbol=symbol,
            side=held.side,
            quantity=held.quantity,
            entry=held.entry,
            mark=mark,
            unrealised=held.unrealised(mark),
            leverage=held.leverage,
            margin=held.margin,
            liquidation=held.liquidation(instrument),
            opened_at=held.opened_at,
        )


def apply_fill(
    state: VenueState,
    order: Order,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal,
    at: datetime,
    *,
    is_liquidation: bool = False,
) -> VenueState:
    """Books one execution: position, realised profit, fee, fill row."""
    side = Side.LONG if order.side is OrderSide.BUY else Side.SHORT
    held = state.holdings.get(order.symbol)
    realised = ZERO
    if held is not None and held.side is not side:
        held, realised, quantity_left = _reduce(held, quantity, price)
    else:
        quantity_left = quantity
    if quantity_left > 0:
        held = _add(held, side, quantity_left, price, state.leverages.get(order.symbol, 1), at)
    holdings = {symbol: row for symbol, row in state.holdings.items() if symbol != order.symbol}
    if held is not None:
        holdings[order.symbol] = held
    sequence = state.sequence + 1
    fill = Fill(
        id=f"f{sequence}",
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        fee=fee,
        at=at,
        is_liquidation=is_liquidation,
    )
    return replace(
        state,
        wallet=state.wallet + realised - fee,
        holdings=holdings,
        fills=(*state.fills, fill)[-KEPT_FILLS:],
        sequence=sequence,
    )


def apply_funding(state: VenueState, symbol: str, rate: Decimal, at: datetime) -> VenueState:
    """Longs pay `rate` of the notional at mark, shorts receive it; once per symbol and time."""
    held = state.holdings.get(symbol)
    payment_id = f"{symbol}:{at.isoformat()}"
    if held is None or any(row.id == payment_id for row in state.payments):
        return state
    amount = -(held.quantity * state.marks[symbol] * rate) * held.side.sign
    payment = FundingPayment(payment_id, symbol, amount, at)
    return replace(state, wallet=state.wallet + amount, payments=(*state.payments, payment)[-KEPT_PAYMENTS:])


def _reduce(held: Holding, quantity: Decimal, price: Decimal) -> tuple[Holding | None, Decimal, Decimal]:
    """(what is left, realised profit, quantity beyond the position)."""
    taken = min(quantity, held.quantity)
    if taken == held.quantity:
        return None, (price * taken - held.cost) * held.side.sign, quantity - taken
    cost = nearest_to(held.cost * taken / held.quantity, COST_QUANTUM)
    margin = nearest_to(held.margin * taken / held.quantity, COST_QUANTUM)
    rest = replace(held, quantity=held.quantity - taken, cost=held.cost - cost, margin=held.margin - margin)
    return rest, (price * taken - cost) * held.side.sign, ZERO


def _add(
    held: Holding | None, side: Side, quantity: Decimal, price: Decimal, leverage: int, at: datetime
) -> Holding:
    cost = quantity * price
    margin = nearest_to(cost / leverage, COST_QUANTUM)
    if held is None:
        return Holding(side, quantity, cost, margin, leverage, at)
    return replace(
        held, quantity=held.quantity + quantity, cost=held.cost + cost, margin=held.margin + margin
    )
