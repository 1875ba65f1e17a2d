"""A venue that can be faithful, slow, deaf or cruel; a market with prices by hand; ports that break."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from core.errors import Unknown
from core.market import TIMEFRAMES, Background, Candles, Instrument, Quote, Side, to_ms
from core.opinion import Abstention, Brief, Opinion
from core.ports import Outcome, Result
from core.sim.clock import VirtualClock
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
    Transfer,
)
from tests.core.builders import SOL, D, a_background, a_quote, an_instrument, an_opinion

FEE = D("0.0005")


class Crash(BaseException):
    """The process dies here."""


class Watched:
    """Any port with a hook before and after each call; the hook may crash or raise."""

    def __init__(self, target: Any, hook: Callable[[str], None], name: str) -> None:
        self._target = target
        self._hook = hook
        self._name = name

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._target, method)
        if not callable(inner):
            return inner

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._hook(f"{self._name}.{method}:before")
            result = await inner(*args, **kwargs)
            self._hook(f"{self._name}.{method}:after")
            return result

        return call


class FakeMarket:
    """Prices set by hand; candles without meaning, for nobody computes on them."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.prices: dict[str, Decimal] = defaultdict(lambda: D(100))
        self.instruments: dict[str, Instrument] = {}
        self.silent: set[str] = set()
        """Symbols without any price."""

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        length = TIMEFRAMES[timeframe]
        last = to_ms(until) // length * length - length
        rows = np.full((60, 6), 100.0)
        rows[:, 0] = last - length * np.arange(59, -1, -1)
        return Candles(symbol, timeframe, rows)

    async def quote(self, symbol: str) -> Quote:
        if symbol in self.silent:
            raise Unknown(f"no price of {symbol}")
        price = self.prices[symbol]
        return a_quote(price, symbol=symbol, mark=price, at=self.clock.now())

    async def background(self, symbol: str) -> Background:
        return a_background(symbol=symbol)

    async def instrument(self, symbol: str) -> Instrument:
        return self.instruments.get(symbol) or an_instrument(
            symbol=symbol, base=symbol.split("/", maxsplit=1)[0]
        )

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return (SOL,)


class FakeVenue:
    """Fills market orders whole at the market's price. `next_answers` scripts what a kind of order meets:

    `refuse`, `throttle`, `forbid`: nothing happens, and it says so. `lose`: nothing happens, no answer.
    `mute`: it happens, no answer. `drop`: accepted, then cancelled by the venue at once.
    """

    def __init__(self, clock: VirtualClock, market: FakeMarket) -> None:
        self.clock = clock
        self.market = market
        self.wallet = D(1000)
        self.held: dict[str, tuple[Side, Decimal, Decimal, datetime]] = {}
        self.orders: dict[str, Order] = {}
        self.all_fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.paid: list[Transfer] = []
        self.transfers_asked: list[datetime] = []
        """Since when each question asked."""
        self.next_answers: dict[OrderKind, list[str]] = defaultdict(list)
        self.submitted: list[OrderRequest] = []
        self.cancelled: list[str] = []
        self.failing: set[str] = set()
        """Names of reads that raise `Unknown`."""
        self.flat_looks = 0
        """So many looks at positions show nothing at all."""
        self.blind_orders = 0
        """So many looks at orders show nothing at all."""
        self.hidden_fills = False
        self.applied_leverage: int | None = None
        self.liquidation_distance = D("0.2")
        self.attaches_stops = False

    # ---- what the bot asks

    async def prepare(self, symbol: str, leverage: int) -> int:
        self._fail("prepare")
        return self.applied_leverage or leverage

    async def submit(self, request: OrderRequest) -> Outcome:
        self.submitted.append(request)
        script = self.next_answers[request.kind]
        answer = script.pop(0) if script else "take"
        refusals = {
            "refuse": (Result.REFUSED, "-1"),
            "throttle": (Result.THROTTLED, "-1008"),
            "forbid": (Result.NOT_ALLOWED, "-2015"),
            "lose": (Result.UNKNOWN, ""),
        }
        if answer in refusals:
            result, code = refusals[answer]
            return Outcome(result, code=code, detail=answer)
        if request.client_id in self.orders:
            return Outcome(Result.UNKNOWN, code="-4116")
        refusal = self._refusal(request)
        if refusal:
            return Outcome(Result.REFUSED, code=refusal)
        self._accept(request)
        if answer == "drop":
            self._end(request.client_id, OrderStatus.CANCELLED)
        if answer == "mute":
            return Outcome(Result.UNKNOWN)
        return Outcome(Result.DONE, order=self.orders[request.client_id])

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        self.cancelled.append(client_id)
        order = self.orders.get(client_id)
        if order is None or order.status is not OrderStatus.OPEN:
            return Outcome(Result.REFUSED, code="-2011")
        self._end(client_id, OrderStatus.CANCELLED)
        return Outcome(Result.DONE)

    async def order(self, symbol: str, client_id: str) -> Order | None:
        self._fail("order")
        return None if self.blind_orders > 0 else self.orders.get(client_id)

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        self._fail("open_orders")
        if self.blind_orders > 0:
            self.blind_orders -= 1
            return ()
        return tuple(
            order
            for order in self.orders.values()
            if order.status is OrderStatus.OPEN and symbol in (None, order.symbol)
        )

    async def positions(self) -> tuple[Position, ...]:
        self._fail("positions")
        if self.flat_looks > 0:
            self.flat_looks -= 1
            return ()
        return tuple(self.position(symbol) for symbol in sorted(self.held))

    async def balance(self) -> Balance:
        self._fail("balance")
        unrealised = sum((self.position(symbol).unrealised for symbol in self.held), D(0))
        return Balance(self.wallet, unrealised, self.wallet, self.clock.now())

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        self._fail("fills")
        if self.hidden_fills:
            return ()
        return tuple(fill for fill in self.all_fills if fill.symbol == symbol and fill.at >= since)

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        self._fail("funding")
        return tuple(row for row in self.payments if row.symbol == symbol and row.at >= since)

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        self._fail("transfers")
        self.transfers_asked.append(since)
        return tuple(row for row in self.paid if row.at >= since)

    # ---- what the world does

    def pay(self, amount: Any) -> None:
        """Somebody pays in, or out when negative."""
        self.wallet += D(str(amount))
        self.paid.append(Transfer(f"t{len(self.paid)}", D(str(amount)), self.clock.now()))

    def move(self, price: Any, symbol: str = SOL) -> None:
        """A new price: conditional orders that it reaches are executed."""
        self.market.prices[symbol] = D(str(price))
        for order in list(self.orders.values()):
            if order.symbol == symbol and order.status is OrderStatus.OPEN and self._is_due(order):
                self._fill(order)

    def by_hand(self, side: OrderSide, quantity: Any, symbol: str = SOL, **fields: Any) -> None:
        """Somebody else's market order on the same account."""
        self._book(f"hand{len(self.all_fills)}", symbol, side, D(str(quantity)), **fields)

    def cancel_by_hand(self, order: Order) -> None:
        self._end(order.client_id, OrderStatus.CANCELLED)

    def liquidate(self, symbol: str = SOL) -> None:
        side, quantity, _, _ = self.held[symbol]
        self.by_hand(_leaving(side), quantity, symbol, is_liquidation=True)

    def position(self, symbol: str) -> Position:
        side, quantity, cost, opened_at = self.held[symbol]
        mark, entry = self.market.prices[symbol], cost / quantity
        return Position(
            symbol=symbol,
            side=side,
            quantity=quantity,
            entry=entry,
            mark=mark,
            unrealised=(mark * quantity - cost) * side.sign,
            leverage=3,
            margin=cost / 3,
            liquidation=entry * (1 - self.liquidation_distance * side.sign),
            opened_at=opened_at,
        )

    def resting(self, kind: OrderKind | None = None) -> list[Order]:
        return [o for o in self.orders.values() if o.status is OrderStatus.OPEN and kind in (None, o.kind)]

    def sent(self, kind: OrderKind, *, reduce_only: bool = True) -> list[OrderRequest]:
        return [r for r in self.submitted if r.kind is kind and r.reduce_only is reduce_only]

    @property
    def entries(self) -> list[OrderRequest]:
        return self.sent(OrderKind.MARKET, reduce_only=False)

    # ---- inside

    def _fail(self, name: str) -> None:
        if name in self.failing:
            raise Unknown(f"{name} is not answered")

    def _refusal(self, request: OrderRequest) -> str:
        held = self.held.get(request.symbol)
        if request.reduce_only and (held is None or _leaving(held[0]) is not request.side):
            return "-2022"
        order = _order_of(request, self.clock.now())
        return "-2021" if request.kind.is_conditional and self._is_due(order) else ""

    def _accept(self, request: OrderRequest) -> None:
        order = _order_of(request, self.clock.now())
        self.orders[order.client_id] = order
        if order.kind is OrderKind.MARKET:
            self._fill(order)

    def _is_due(self, order: Order) -> bool:
        if order.trigger is None:
            return False
        price, is_sell = self.market.prices[order.symbol], order.side is OrderSide.SELL
        falls = is_sell == (order.kind is OrderKind.STOP_MARKET)
        return price <= order.trigger if falls else price >= order.trigger

    def _fill(self, order: Order) -> None:
        quantity = order.quantity
        if order.reduce_only:
            held = self.held.get(order.symbol)
            quantity = min(quantity, held[1]) if held and _leaving(held[0]) is order.side else D(0)
        if not quantity:
            self._end(order.client_id, OrderStatus.CANCELLED)
            return
        self._book(order.client_id, order.symbol, order.side, quantity)
        self.orders[order.client_id] = replace(
            order, filled=quantity, status=OrderStatus.FILLED, updated_at=self.clock.now()
        )

    def _book(
        self, client_id: str, symbol: str, side: OrderSide, quantity: Decimal, is_liquidation: bool = False
    ) -> None:
        price, now = self.market.prices[symbol], self.clock.now()
        fee = quantity * price * FEE
        self.wallet -= fee
        fill_id = f"f{len(self.all_fills)}"
        fill = Fill(fill_id, client_id, symbol, side, quantity, price, fee, now, is_liquidation)
        self.all_fills.append(fill)
        held = self.held.pop(symbol, None)
        mine = Side.LONG if side is OrderSide.BUY else Side.SHORT
        if held is None or held[0] is mine:
            _, old, cost, since = held or (mine, D(0), D(0), now)
            self.held[symbol] = (mine, old + quantity, cost + quantity * price, since)
            return
        theirs, old, cost, since = held
        taken = min(old, quantity)
        self.wallet += (price - cost / old) * taken * theirs.sign
        if old > taken:
            self.held[symbol] = (theirs, old - taken, cost * (old - taken) / old, since)
        elif quantity > taken:
            self.held[symbol] = (mine, quantity - taken, (quantity - taken) * price, now)

    def _end(self, client_id: str, status: OrderStatus) -> None:
        self.orders[client_id] = replace(self.orders[client_id], status=status, updated_at=self.clock.now())


class WatchedVenue(FakeVenue):
    """Once covered never bare again: looked at after every request."""

    takes_larger = True
    """Some venues refuse a stop that is larger than the position."""
    was_covered = False
    bare = ""
    """The request after which cover was gone; empty is innocent."""

    async def submit(self, request: OrderRequest) -> Outcome:
        is_stop = request.kind is OrderKind.STOP_MARKET
        if is_stop and not self.takes_larger and request.quantity > self.held[SOL][1]:
            self.next_answers[request.kind] = ["refuse"]
        outcome = await super().submit(request)
        self._look(f"{request.kind} of {request.quantity}")
        return outcome

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        outcome = await super().cancel(symbol, client_id)
        self._look(f"cancel of {self.orders[client_id].kind}")
        return outcome

    def _look(self, what: str) -> None:
        held = self.held.get(SOL)
        covered = held is not None and any(o.quantity >= held[1] for o in self.resting(OrderKind.STOP_MARKET))
        if self.was_covered and held is not None and not covered:
            self.bare = what
        self.was_covered = covered


class FakePanel:
    """Gives the opinions it was told to; `think_s` passes while it does."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sides: dict[str, Side | None] = {}
        self.names: tuple[str, ...] = ("claude", "gpt")
        self.abstentions: tuple[Abstention, ...] = ()
        self.confidence: dict[str, float] = {}
        self.own: dict[str, Opinion] = {}
        """What single advisers say instead of all the others' opinion."""
        self.asked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def ask(
        self, brief: Brief, heard: Any = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        self.asked.append(brief.symbol)
        self.meanwhile()
        side = self.sides.get(brief.symbol)
        confidence = self.confidence.get(brief.symbol, 0.85)
        opinions = (self.own.get(n) or an_opinion(n, side, confidence=confidence) for n in self.names)
        return tuple(opinions), self.abstentions


def _leaving(side: Side) -> OrderSide:
    return OrderSide.SELL if side is Side.LONG else OrderSide.BUY


def _order_of(request: OrderRequest, now: datetime) -> Order:
    return Order(
        client_id=request.client_id,
        venue_id=f"v-{request.client_id}",
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        quantity=request.quantity,
        filled=D(0),
        average=None,
        price=request.price,
        trigger=request.trigger,
        reduce_only=request.reduce_only,
        status=OrderStatus.OPEN,
        created_at=now,
        updated_at=now,
    )


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
