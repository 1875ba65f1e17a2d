"""A simulated linear-perpetual venue behind the `Venue` port: paper trading and full simulation.

Laws:
- What a price or an order does is decided in `matching`, what it costs in `book`; here it is kept.
- A change is saved before it is answered; if saving fails, nothing happened.
- A mark alone is saved at most once a minute, so after a restart `seen_at` is at most that much too old
  and never too young: prices are walked again rather than missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.codec import from_text
from core.errors import JournalError, NotAllowed, PerpilotError, UnknownSymbol
from core.market import Instrument, Quote
from core.ports import Blobs, Outcome, Result
from core.sim.book import (
    Announcement,
    VenueState,
    apply_funding,
    apply_transfer,
    state_text,
    with_announcement,
)
from core.sim.matching import Refusal, Scene, moved, placed, refusal
from core.trade import Balance, Fill, FundingPayment, Order, OrderRequest, OrderStatus, Position, Transfer

Quotes = Callable[[str], Awaitable[Quote]]
Instruments = Callable[[str], Awaitable[Instrument]]

KEEP_MARKS_S = 60.0
"""Seconds between two saves that hold nothing but newer marks."""
DUE_SOON = timedelta(minutes=1)
"""A settlement this near is not given up for a later one: the venue's clock may be ahead of ours."""


class SimVenue:
    """One account at a simulated venue. Its calls are serialised."""

    def __init__(
        self,
        name: str,
        deposit: Decimal,
        quotes: Quotes,
        instruments: Instruments,
        now: Callable[[], datetime],
        blobs: Blobs,
        slippage: Decimal = Decimal("0.0002"),
        keep_marks_s: float = KEEP_MARKS_S,
    ) -> None:
        self._name = f"venue:{name}"
        self._quotes = quotes
        self._instruments = instruments
        self._now = now
        self._blobs = blobs
        self._slippage = slippage
        self._keep_marks_s = keep_marks_s
        self._state = VenueState(deposited=deposit)
        self._kept_at: datetime | None = None
        self._rules: dict[str, Instrument] = {}
        self._lock = asyncio.Lock()
        self._is_open = False

    async def open(self) -> None:
        """Loads what an earlier run left; the deposit counts only for a new account.

        Raises `JournalError` where that cannot be read; it is never taken for a new account.
        """
        async with self._lock:
            text = await self._blobs.load(self._name)
            if text is not None:
                self._state = self._decoded(text)
            for symbol in self._state.holdings:
                await self._instrument(symbol)
            self._is_open = True

    async def _opened(self) -> VenueState:
        """The state, loaded first if nobody did: an account that was not read yet is never flat."""
        if not self._is_open:
            await self.open()
        return self._state

    @property
    def state(self) -> VenueState:
        return self._state

    def exposed(self) -> tuple[str, ...]:
        """Symbols with a position or an open order: their prices must keep coming."""
        return self._state.exposed

    # ------------------------------------------------------------ the Venue port

    @property
    def attaches_stops(self) -> bool:
        return False

    async def prepare(self, symbol: str, leverage: int) -> int:
        if leverage < 1:
            raise NotAllowed(f"leverage {leverage} must be at least 1")
        await self._opened()
        async with self._lock:
            instrument = await self._instrument(symbol)
            allowed = min(leverage, instrument.tiers[0].max_leverage)
            held = self._state.holdings.get(symbol)
            if held is not None and held.leverage != allowed:
                raise NotAllowed(f"{symbol} has an open position at {held.leverage}x")
            await self._keep(replace(self._state, leverages={**self._state.leverages, symbol: allowed}))
            return allowed

    async def submit(self, request: OrderRequest) -> Outcome:
        try:
            await self._opened()
        except PerpilotError as error:
            return Outcome(Result.REFUSED, code="not_loaded", detail=str(error))
        async with self._lock:
            if self._state.order(request.client_id) is not None:
                return Outcome(Result.UNKNOWN, code="-4116", detail="an order with this id exists")
            try:
                scene = await self._scene(request.symbol)
            except UnknownSymbol as error:
                return Outcome(Result.REFUSED, code="-1121", detail=str(error))
            except PerpilotError as error:
                return Outcome(Result.REFUSED, code="no_price", detail=str(error))
            state = moved(self._state, scene)  # the market comes first: a stop that is due is not outrun
            refused = refusal(state, request, scene)
            if refused is not None:
                await self._settle(state)
                return _no(refused)
            state = placed(state, request, scene, self._now())
            await self._keep(state)
            return Outcome(Result.DONE, order=state.order(request.client_id))

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        await self._opened()
        async with self._lock:
            order = self._state.order(client_id)
            if order is None or order.symbol != symbol or order.status is not OrderStatus.OPEN:
                return Outcome(Result.REFUSED, order=order, code="-2011", detail="no such open order")
            gone = replace(order, status=OrderStatus.CANCELLED, updated_at=self._now())
            await self._keep(self._state.with_order(gone))
            return Outcome(Result.DONE, order=gone)

    async def order(self, symbol: str, client_id: str) -> Order | None:
        order = (await self._opened()).order(client_id)
        return order if order is not None and order.symbol == symbol else None

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        state = await self._opened()
        return tuple(
            order
            for order in state.orders
            if order.status is OrderStatus.OPEN and symbol in (None, order.symbol)
        )

    async def positions(self) -> tuple[Position, ...]:
        state = await self._opened()
        rules = {symbol: await self._instrument(symbol) for symbol in sorted(state.holdings)}
        rows = (state.position(symbol, instrument) for symbol, instrument in rules.items())
        return tuple(row for row in rows if row is not None)

    async def balance(self) -> Balance:
        """As of the oldest mark that it stands on."""
        state = await self._opened()
        at = min((state.seen_at[symbol] for symbol in state.holdings), default=self._now())
        return Balance(state.wallet, state.unrealised, state.available, min(at, self._now()))

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        state = await self._opened()
        return tuple(row for row in state.fills if row.symbol == symbol and row.at >= since)

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        state = await self._opened()
        return tuple(row for row in state.payments if row.symbol == symbol and row.at >= since)

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        state = await self._opened()
        return tuple(row for row in state.transfers if row.at >= since)

    async def transfer(self, amount: Decimal) -> None:
        """Pays in, or out when negative. Raises `NotAllowed` for more than is free."""
        await self._opened()
        async with self._lock:
            try:
                state = apply_transfer(self._state, amount, self._now())
            except ValueError as error:
                raise NotAllowed(str(error)) from error
            await self._keep(state)

    # ------------------------------------------------------------ the market moves

    async def on_quote(self, quote: Quote) -> bool:
        """Applies one price; True when an order or a liquidation was executed."""
        async with self._lock:
            before = self._state
            if quote.symbol not in before.exposed:
                return False
            rules = await self._instrument(quote.symbol)
            state = moved(before, Scene(rules, quote, self._slippage))
            await self._settle(state)
            return state.orders != before.orders

    async def announce(self, symbol: str, rate: Decimal, at: datetime, every_h: float | None) -> None:
        """Funding to be settled by the first price at or after `at`; the newest announcement holds.

        What is announced for a time that prices have passed already is old news; and one whose time has
        come is settled before a later one takes its place.
        """
        async with self._lock:
            state = self._state
            seen, pending = state.seen_at.get(symbol), state.announced.get(symbol)
            is_old = symbol not in state.exposed or (seen is not None and at <= seen)
            if pending is not None:
                is_old |= pending.at < at and pending.at <= self._now() + DUE_SOON
            if not is_old:
                self._state = with_announcement(state, symbol, Announcement(at, rate, every_h))

    async def on_funding(self, symbol: str, rate: Decimal, at: datetime, mark: Decimal | None = None) -> bool:
        """Settles funding of `rate` at `at` on an open position, once; True when something was paid.

        It takes the place of what was announced for then. `mark`: the mark price of that moment; None: the
        last one that was applied.
        """
        async with self._lock:
            state = apply_funding(self._state, symbol, rate, at, mark)
            coming = state.announced.get(symbol)
            while coming is not None and coming.at <= at:
                coming = coming.following()
            state = with_announcement(state, symbol, coming)
            is_paid = state.payments != self._state.payments
            await self._settle(state)
            return is_paid

    # ------------------------------------------------------------ inside

    def _decoded(self, text: str) -> VenueState:
        try:
            return from_text(VenueState, text)
        except ValueError as error:
            raise JournalError(f"{self._name}: the saved account cannot be read: {error}") from error

    async def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._rules:
            self._rules[symbol] = await self._instruments(symbol)
        return self._rules[symbol]

    async def _scene(self, symbol: str) -> Scene:
        return Scene(await self._instrument(symbol), await self._quotes(symbol), self._slippage)

    async def _settle(self, state: VenueState) -> None:
        """Saves what happened; what only moved a mark may wait."""
        before = self._state
        happened = state.orders != before.orders or state.payments != before.payments
        if happened or self._is_time_to_keep():
            await self._keep(state)
        else:
            self._state = state

    def _is_time_to_keep(self) -> bool:
        return self._kept_at is None or (self._now() - self._kept_at).total_seconds() >= self._keep_marks_s

    async def _keep(self, state: VenueState) -> None:
        await self._blobs.save(self._name, state_text(state))
        self._state = state
        self._kept_at = self._now()


def _no(refused: Refusal) -> Outcome:
    return Outcome(Result.REFUSED, code=refused.code, detail=refused.text)
