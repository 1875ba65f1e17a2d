"""A simulated linear-perpetual venue behind the `Venue` port: paper trading and full simulation.

Laws:
- Market orders pay the book's other side plus slippage; never the mid.
- Conditional orders trigger on the mark price and then fill as market orders do: a gap is a gap.
- Liquidation is on the mark price and takes the whole isolated margin.
- A change is saved before it is answered; if saving fails, nothing happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.codec import from_text, to_text
from core.errors import NotAllowed, PerpilotError
from core.market import Instrument, Quote, Side
from core.money import ZERO, ceil_to, floor_to
from core.ports import Blobs, Outcome, Result
from core.sim.book import VenueState, apply_fill, apply_funding
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Position,
)

Quotes = Callable[[str], Awaitable[Quote]]
Instruments = Callable[[str], Awaitable[Instrument]]


class SimVenue:
    """One account at a simulated venue. Not for several tasks' prices at once: calls are serialised."""

    def __init__(
        self,
        name: str,
        deposit: Decimal,
        quotes: Quotes,
        instruments: Instruments,
        now: Callable[[], datetime],
        blobs: Blobs,
        slippage: Decimal = Decimal("0.0002"),
    ) -> None:
        self._name = f"venue:{name}"
        self._quotes = quotes
        self._instruments = instruments
        self._now = now
        self._blobs = blobs
        self._slippage = slippage
        self._state = VenueState(wallet=deposit)
        self._rules: dict[str, Instrument] = {}
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Loads what an earlier run left; the deposit counts only for a new account."""
        text = await self._blobs.load(self._name)
        if text is not None:
            self._state = from_text(VenueState, text)
            for symbol in self._state.holdings:
                await self._instrument(symbol)

    @property
    def state(self) -> VenueState:
        return self._state

    def exposed(self) -> tuple[str, ...]:
        """Symbols with a position or an open order: their prices must keep coming."""
        symbols = set(self._state.holdings)
        symbols |= {order.symbol for order in self._state.orders if order.status is OrderStatus.OPEN}
        return tuple(sorted(symbols))

    # ------------------------------------------------------------ the Venue port

    async def prepare(self, symbol: str, leverage: int) -> int:
        async with self._lock:
            instrument = await self._instrument(symbol)
            allowed = min(leverage, instrument.tiers[0].max_leverage)
            held = self._state.holdings.get(symbol)
            if held is not None and held.leverage != allowed:
                raise NotAllowed(f"{symbol} has an open position at {held.leverage}x")
            await self._keep(replace(self._state, leverages={**self._state.leverages, symbol: allowed}))
            return allowed

    async def submit(self, request: OrderRequest) -> Outcome:
        async with self._lock:
            if self._state.order(request.client_id) is not None:
                return Outcome(Result.UNKNOWN, code="-4116", detail="an order with this id exists")
            instrument = await self._instrument(request.symbol)
            try:
                quote = await self._quotes(request.symbol)
            except PerpilotError as error:
                return Outcome(Result.REFUSED, code="no_price", detail=str(error))
            state = self._seen(self._state, quote)
            refusal = self._refusal(state, request, instrument, quote)
            if refusal is not None:
                return refusal
            order = _new_order(request, state.sequence + 1, self._now())
            state = replace(state, sequence=state.sequence + 1)
            if request.kind is OrderKind.MARKET:
                state = self._fill_market(state, order, instrument, quote)
            else:
                state = state.with_order(order)
            await self._keep(state)
            return Outcome(Result.DONE, order=state.order(request.client_id))

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        async with self._lock:
            order = self._state.order(client_id)
            if order is None or order.symbol != symbol or order.status is not OrderStatus.OPEN:
                return Outcome(Result.REFUSED, order=order, code="-2011", detail="no such open order")
            gone = replace(order, status=OrderStatus.CANCELLED, updated_at=self._now())
            await self._keep(self._state.with_order(gone))
            return Outcome(Result.DONE, order=gone)

    async def order(self, symbol: str, client_id: str) -> Order | None:
        order = self._state.order(client_id)
        return order if order is not None and order.symbol == symbol else None

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        return tuple(
            order
            for order in self._state.orders
            if order.status is OrderStatus.OPEN and symbol in (None, order.symbol)
        )

    async def positions(self) -> tuple[Position, ...]:
        rows = (
            self._state.position(symbol, await self._instrument(symbol))
            for symbol in sorted(self._state.holdings)
        )
        return tuple([row async for row in rows if row is not None])

    async def balance(self) -> Balance:
        state = self._state
        return Balance(state.wallet, state.unrealised, state.wallet - state.margin, self._now())

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        return tuple(row for row in self._state.fills if row.symbol == symbol and row.at >= since)

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        return tuple(row for row in self._state.payments if row.symbol == symbol and row.at >= since)

    # ------------------------------------------------------------ the market moves

    async def on_quote(self, quote: Quote) -> bool:
        """Applies one price: liquidation, triggers, limits. True when something was executed."""
        async with self._lock:
            before = self._state
            last = before.seen_at.get(quote.symbol)
            if quote.symbol not in self.exposed() or (last is not None and quote.at < last):
                return False
            instrument = await self._instrument(quote.symbol)
            state = self._liquidate(self._seen(before, quote), instrument, quote)
            for order in [o for o in state.orders if o.symbol == quote.symbol]:
                if order.status is OrderStatus.OPEN and self._is_due(order, quote):
                    state = self._execute_due(state, order, instrument, quote)
            executed = state.sequence != before.sequence or state.orders != before.orders
            if executed:
                await self._keep(state)
            else:
                self._state = state  # a mark alone need not be saved: the next price brings it again
            return executed

    async def on_funding(self, symbol: str, rate: Decimal, at: datetime) -> bool:
        """Settles funding of `rate` at `at` on an open position; True when something was paid."""
        async with self._lock:
            state = apply_funding(self._state, symbol, rate, at)
            if state is self._state:
                return False
            await self._keep(state)
            return True

    # ------------------------------------------------------------ inside

    async def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._rules:
            self._rules[symbol] = await self._instruments(symbol)
        return self._rules[symbol]

    async def _keep(self, state: VenueState) -> None:
        await self._blobs.save(self._name, to_text(state))
        self._state = state

    def _seen(self, state: VenueState, quote: Quote) -> VenueState:
        return replace(
            state,
            marks={**state.marks, quote.symbol: quote.mark},
            seen_at={**state.seen_at, quote.symbol: quote.at},
        )

    def _refusal(
        self, state: VenueState, request: OrderRequest, rules: Instrument, quote: Quote
    ) -> Outcome | None:
        """The venue's own filters, with Binance's codes."""
        price = request.price or request.trigger or quote.mark
        refused: tuple[str, str] | None = None
        if request.quantity <= 0 or floor_to(request.quantity, rules.lot) != request.quantity:
            refused = ("-1111", f"quantity {request.quantity} is not whole lots of {rules.lot}")
        elif not rules.min_quantity <= request.quantity <= rules.max_quantity:
            refused = ("-1013", f"quantity {request.quantity} is outside the limits")
        elif floor_to(price, rules.tick) != price and price is not quote.mark:
            refused = ("-4014", f"price {price} is not on the tick {rules.tick}")
        elif not request.reduce_only and request.quantity * price < rules.min_notional:
            refused = ("-4164", f"notional {request.quantity * price} is under {rules.min_notional}")
        elif request.kind.is_conditional and _triggers(request.kind, request.side, request.trigger, quote):
            refused = ("-2021", "order would immediately trigger")
        elif request.reduce_only:
            held = state.holdings.get(request.symbol)
            if held is None or not _reduces(held.side, request.side):
                refused = ("-2022", "reduce-only order is rejected: no such position")
        elif not self._has_margin(state, request, quote):
            refused = ("-2019", "margin is insufficient")
        return Outcome(Result.REFUSED, code=refused[0], detail=refused[1]) if refused else None

    def _has_margin(self, state: VenueState, request: OrderRequest, quote: Quote) -> bool:
        side = Side.LONG if request.side is OrderSide.BUY else Side.SHORT
        price = request.price or quote.taking(side)
        leverage = state.leverages.get(request.symbol, 1)
        return request.quantity * price / leverage <= state.wallet - state.margin

    def _fill_market(self, state: VenueState, order: Order, rules: Instrument, quote: Quote) -> VenueState:
        """All at once at the book's other side, slipped; reduce-only is clipped to the position."""
        quantity = order.quantity
        if order.reduce_only:
            held = state.holdings.get(order.symbol)
            quantity = min(quantity, held.quantity) if held and _reduces(held.side, order.side) else ZERO
        if quantity <= 0:
            gone = replace(order, status=OrderStatus.CANCELLED, updated_at=self._now())
            return state.with_order(replace(gone, reject_reason="no position to reduce"))
        price = self._paid(order.side, rules, quote)
        return self._filled(state, order, quantity, price, rules.taker_fee)

    def _paid(self, side: OrderSide, rules: Instrument, quote: Quote) -> Decimal:
        if side is OrderSide.BUY:
            return ceil_to(quote.ask * (1 + self._slippage), rules.tick)
        return floor_to(quote.bid * (1 - self._slippage), rules.tick)

    def _filled(
        self, state: VenueState, order: Order, quantity: Decimal, price: Decimal, fee_rate: Decimal
    ) -> VenueState:
        now = self._now()
        state = apply_fill(state, order, quantity, price, quantity * price * fee_rate, now)
        done = replace(order, filled=quantity, average=price, status=OrderStatus.FILLED, updated_at=now)
        return state.with_order(done)

    def _is_due(self, order: Order, quote: Quote) -> bool:
        if order.kind is OrderKind.LIMIT and order.price is not None:
            is_buy = order.side is OrderSide.BUY
            return quote.ask <= order.price if is_buy else quote.bid >= order.price
        return _triggers(order.kind, order.side, order.trigger, quote)

    def _execute_due(self, state: VenueState, order: Order, rules: Instrument, quote: Quote) -> VenueState:
        if order.kind is OrderKind.LIMIT and order.price is not None:
            return self._filled(state, order, order.quantity, order.price, rules.maker_fee)
        return self._fill_market(state, order, rules, quote)

    def _liquidate(self, state: VenueState, rules: Instrument, quote: Quote) -> VenueState:
        held = state.holdings.get(quote.symbol)
        if held is None or (quote.mark - held.liquidation(rules)) * held.side.sign > 0:
            return state
        side = OrderSide.SELL if held.side is Side.LONG else OrderSide.BUY
        sequence = state.sequence + 1
        price = held.bankruptcy(rules.tick)
        order = Order(
            client_id=f"autoclose-{sequence}",
            venue_id=f"o{sequence}",
            symbol=quote.symbol,
            side=side,
            kind=OrderKind.MARKET,
            quantity=held.quantity,
            filled=held.quantity,
            average=price,
            price=None,
            trigger=None,
            reduce_only=True,
            status=OrderStatus.FILLED,
            created_at=self._now(),
            updated_at=self._now(),
        )
        state = replace(state, sequence=sequence).with_order(order)
        return apply_fill(state, order, held.quantity, price, ZERO, self._now(), is_liquidation=True)


def _triggers(kind: OrderKind, side: OrderSide, trigger: Decimal | None, quote: Quote) -> bool:
    if trigger is None:
        return False
    is_sell = side is OrderSide.SELL
    if kind is OrderKind.STOP_MARKET:
        return quote.mark <= trigger if is_sell else quote.mark >= trigger
    if kind is OrderKind.TAKE_PROFIT_MARKET:
        return quote.mark >= trigger if is_sell else quote.mark <= trigger
    return False


def _reduces(held: Side, side: OrderSide) -> bool:
    return (held is Side.LONG) == (side is OrderSide.SELL)


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
