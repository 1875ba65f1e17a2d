"""State of a simulated venue and its arithmetic: pure, exact, JSON-ready.

Laws:
- wallet = deposited + realised - fees + funding, by construction: nothing else can change it.
- equity = wallet + Σ unrealised, to the last digit: a position carries its exact cost, not a rounded price.
- Profit does not know leverage.
- wallet ≥ Σ isolated margin: a position costs at most its margin, closing fee included. What lies beyond
  is the venue's loss, so equity never falls below zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TypeVar

from core.codec import to_plain
from core.market import Instrument, Side
from core.money import ZERO, ceil_to, floor_to, nearest_to
from core.risk.margin import liquidation_price
from core.trade import Fill, FundingPayment, Order, OrderSide, OrderStatus, Position, Transfer

QUANTUM = Decimal("1e-18")
"""Every amount is a multiple of this, so that sums up to 10^10 USDT are exact in 28 digits."""
PRECISION = 60
"""Digits of products before they are rounded to the quantum."""
NEWEST_KEPT = 100
"""Rows of the venue's own memory beside those of a symbol's last position; the journal is the archive."""
MOST_SETTLEMENTS = 10_000
"""Hourly funding of more than a year, owed at once after an absence."""


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
        return _product(mark, self.quantity, less=self.cost) * self.side.sign + ZERO

    def liquidation(self, instrument: Instrument) -> Decimal:
        return liquidation_price(self.side, self.quantity, self.entry, self.margin, instrument)

    def bankruptcy(self, tick: Decimal) -> Decimal:
        """The price at which the isolated margin is gone, on the tick, rounded towards the entry."""
        with localcontext() as context:
            context.prec = PRECISION
            price = (self.cost - self.margin * self.side.sign) / self.quantity
        return ceil_to(price, tick) if self.side is Side.LONG else floor_to(price, tick)


@dataclass(frozen=True, slots=True)
class Announcement:
    """The next funding of one symbol, as far as it is known."""

    at: datetime
    rate: Decimal
    """Fraction of the notional; positive: longs pay."""
    every_h: float | None
    """Hours to the settlement after it; None is not known."""

    def following(self) -> Announcement | None:
        """The settlement after it, at the same rate until a newer one is announced."""
        if not self.every_h or self.every_h <= 0:
            return None
        return replace(self, at=self.at + timedelta(hours=self.every_h))


@dataclass(frozen=True, slots=True)
class VenueState:
    """Everything that survives a restart."""

    deposited: Decimal
    realised: Decimal = ZERO
    """Σ profit before costs."""
    fees: Decimal = ZERO
    """Σ paid."""
    funded: Decimal = ZERO
    """Σ funding; positive was received."""
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    leverages: Mapping[str, int] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    """In the order of their arrival."""
    fills: tuple[Fill, ...] = ()
    payments: tuple[FundingPayment, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    """What was paid in and out after the opening deposit; `deposited` holds it too."""
    marks: Mapping[str, Decimal] = field(default_factory=dict)
    seen_at: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol → time of the last price that was applied."""
    announced: Mapping[str, Announcement] = field(default_factory=dict)
    """Symbol → funding still to come."""
    opened_at: Mapping[str, datetime] = field(default_factory=dict)
    """Symbol → when its last position was opened; its rows since then are kept."""
    sequence: int = 0
    """Numbers orders and fills; never a clock."""

    @property
    def wallet(self) -> Decimal:
        return self.deposited + self.realised - self.fees + self.funded

    @property
    def margin(self) -> Decimal:
        return sum((holding.margin for holding in self.holdings.values()), ZERO)

    @property
    def available(self) -> Decimal:
        return self.wallet - self.margin

    @property
    def unrealised(self) -> Decimal:
        return sum((held.unrealised(self.marks[symbol]) for symbol, held in self.holdings.items()), ZERO)

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealised

    @property
    def exposed(self) -> tuple[str, ...]:
        """Symbols with a position or an open order, sorted."""
        symbols = set(self.holdings)
        symbols |= {order.symbol for order in self.orders if order.status is OrderStatus.OPEN}
        return tuple(sorted(symbols))

    def triggers(self, symbol: str) -> tuple[Decimal, ...]:
        """Of the open orders: a price that passes one must stop at it."""
        return tuple(
            order.trigger
            for order in self.orders
            if order.trigger is not None and order.symbol == symbol and order.status is OrderStatus.OPEN
        )

    def order(self, client_id: str) -> Order | None:
        return next((order for order in self.orders if order.client_id == client_id), None)

    def with_order(self, order: Order) -> VenueState:
        """Replaces the order of the same id where it stands, or adds it; old finished ones are forgotten."""
        if self.order(order.client_id) is not None:
            rows = (order if row.client_id == order.client_id else row for row in self.orders)
            return replace(self, orders=tuple(rows))
        return replace(self, orders=_remembered((*self.orders, order), self.opened_at))

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


def state_text(state: VenueState) -> str:
    """What `codec.to_text` makes of it; rows that were written before are not walked again."""
    plain = to_plain(replace(state, orders=(), fills=(), payments=()))
    for name, rows in (("orders", state.orders), ("fills", state.fills), ("payments", state.payments)):
        plain[name] = [_plain_row(row) for row in rows]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=4096)
def _plain_row(row: Order | Fill | FundingPayment) -> Mapping[str, object]:
    plain: Mapping[str, object] = to_plain(row)
    return plain


def apply_fill(
    state: VenueState, order: Order, quantity: Decimal, price: Decimal, fee_rate: Decimal, at: datetime
) -> VenueState:
    """Books one execution that either adds to a position or takes from it, never both.

    What is taken costs at most its share of the margin: the fee yields where the price left too little.
    """
    symbol = order.symbol
    side = Side.LONG if order.side is OrderSide.BUY else Side.SHORT
    held = state.holdings.get(symbol)
    fee = _product(quantity, price, fee_rate)
    realised = ZERO
    opened_at = state.opened_at
    if held is None or held.side is side:
        rest: Holding | None = _added(held, side, quantity, price, state.leverages.get(symbol, 1), at)
        opened_at = {**opened_at, symbol: at} if held is None else opened_at
    else:
        if quantity > held.quantity:
            raise ValueError(f"{quantity} cannot be taken from {held.quantity} {symbol}")
        rest, realised, released = _reduced(held, quantity, price)
        fee = min(fee, max(released + realised, ZERO))
    state = _with_holding(replace(state, opened_at=opened_at), symbol, rest)
    return _with_fill(state, order, quantity, price, fee, realised, at, is_liquidation=False)


def liquidate(state: VenueState, order: Order, price: Decimal, at: datetime) -> VenueState:
    """The venue takes the whole position at `price` and what is left of its margin as a fee."""
    held = state.holdings[order.symbol]
    _, realised, margin = _reduced(held, held.quantity, price)
    state = _with_holding(state, order.symbol, None)
    return _with_fill(
        state, order, held.quantity, price, margin + realised, realised, at, is_liquidation=True
    )


def apply_funding(
    state: VenueState, symbol: str, rate: Decimal, at: datetime, mark: Decimal | None = None
) -> VenueState:
    """Longs pay `rate` of the notional at `mark`, shorts receive it; once per symbol and time.

    `mark` None: the last one that was applied. Only a position that was open before `at` takes part. What the
    free wallet cannot pay comes out of the position's own margin, and no more than that.
    """
    held = state.holdings.get(symbol)
    payment_id = f"{symbol}:{_minute(at)}"
    if held is None or held.opened_at >= at or any(row.id == payment_id for row in state.payments):
        return state
    price = state.marks[symbol] if mark is None else mark
    owed = _product(held.quantity, price, rate) * held.side.sign
    from_margin = min(max(owed - state.available, ZERO), held.margin)
    amount = -min(owed, state.available + from_margin) + ZERO
    payment = FundingPayment(payment_id, symbol, amount, at)
    state = _with_holding(state, symbol, replace(held, margin=held.margin - from_margin))
    payments = _remembered((*state.payments, payment), state.opened_at)
    return replace(state, funded=state.funded + amount, payments=payments)


def _minute(at: datetime) -> str:
    """Venues announce a settlement for the full hour and record it some milliseconds later."""
    return (at.astimezone(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M")


def apply_transfer(state: VenueState, amount: Decimal, at: datetime) -> VenueState:
    """Pays in, or out when negative; never more than is free."""
    if not amount.is_finite() or amount == 0:
        raise ValueError(f"{amount} USDT cannot be moved")
    if amount < 0 and -amount > state.available:
        raise ValueError(f"{-amount} USDT is more than the {state.available} that are not bound as margin")
    sequence = state.sequence + 1
    row = Transfer(f"t{sequence:09d}", amount, at)
    transfers = (*state.transfers, row)[-NEWEST_KEPT:]
    return replace(state, deposited=state.deposited + amount, transfers=transfers, sequence=sequence)


def settle_due(state: VenueState, symbol: str, until: datetime) -> VenueState:
    """Pays every announced funding whose time has come, at the mark known now."""
    coming = state.announced.get(symbol)
    if coming is None or coming.at > until:
        return state
    for _ in range(MOST_SETTLEMENTS):
        if coming is None or coming.at > until:
            break
        state = apply_funding(state, symbol, coming.rate, coming.at)
        coming = coming.following() if symbol in state.holdings else None
    return with_announcement(state, symbol, coming)


def with_announcement(state: VenueState, symbol: str, coming: Announcement | None) -> VenueState:
    others = {name: row for name, row in state.announced.items() if name != symbol}
    return replace(state, announced=others if coming is None else {**others, symbol: coming})


def _reduced(held: Holding, quantity: Decimal, price: Decimal) -> tuple[Holding | None, Decimal, Decimal]:
    """(what is left, realised profit, margin set free)."""
    if quantity == held.quantity:
        return None, held.unrealised(price), held.margin
    cost, margin = _share(held.cost, quantity, held.quantity), _share(held.margin, quantity, held.quantity)
    rest = replace(
        held, quantity=held.quantity - quantity, cost=held.cost - cost, margin=held.margin - margin
    )
    return rest, _product(price, quantity, less=cost) * held.side.sign + ZERO, margin


def _added(
    held: Holding | None, side: Side, quantity: Decimal, price: Decimal, leverage: int, at: datetime
) -> Holding:
    cost = _product(quantity, price)
    margin = _share(cost, Decimal(1), Decimal(leverage))
    if held is None:
        return Holding(side, quantity, cost, margin, leverage, at)
    return replace(
        held, quantity=held.quantity + quantity, cost=held.cost + cost, margin=held.margin + margin
    )


def _with_holding(state: VenueState, symbol: str, held: Holding | None) -> VenueState:
    holdings = {name: row for name, row in state.holdings.items() if name != symbol}
    if held is not None:
        holdings[symbol] = held
    return replace(state, holdings=holdings)


def _with_fill(
    state: VenueState,
    order: Order,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal,
    realised: Decimal,
    at: datetime,
    *,
    is_liquidation: bool,
) -> VenueState:
    sequence = state.sequence + 1
    fill = Fill(
        id=f"f{sequence:09d}",  # as text in the order of execution: several can share one time
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
        realised=state.realised + realised,
        fees=state.fees + fee,
        fills=_remembered((*state.fills, fill), state.opened_at),
        sequence=sequence,
    )


def _product(*factors: Decimal, less: Decimal = ZERO) -> Decimal:
    """The product minus `less`, to the quantum."""
    with localcontext() as context:
        context.prec = PRECISION
        value = Decimal(1)
        for factor in factors:
            value *= factor
        return nearest_to(value - less, QUANTUM)


def _share(whole: Decimal, part: Decimal, parts: Decimal) -> Decimal:
    """`whole` × `part` ÷ `parts`, to the quantum."""
    with localcontext() as context:
        context.prec = PRECISION
        return nearest_to(whole * part / parts, QUANTUM)


Row = Order | Fill | FundingPayment
R = TypeVar("R", bound=Row)


def _remembered(rows: tuple[R, ...], opened_at: Mapping[str, datetime]) -> tuple[R, ...]:
    """The newest rows, working orders, and whatever happened since a symbol's last position was opened."""
    spare = len(rows) - NEWEST_KEPT
    if spare <= 0:
        return rows
    return (*(row for row in rows[:spare] if _is_needed(row, opened_at)), *rows[spare:])


def _is_needed(row: Row, opened_at: Mapping[str, datetime]) -> bool:
    if isinstance(row, Order) and row.status is OrderStatus.OPEN:
        return True
    at = row.updated_at if isinstance(row, Order) else row.at
    opened = opened_at.get(row.symbol)
    return opened is not None and at >= opened
