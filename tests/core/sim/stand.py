"""A simulated venue on a bench: prices, time and storage are moved by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.errors import JournalError, PerpilotError
from core.market import Instrument, Quote
from core.ports import Outcome
from core.sim.venue import SimVenue
from core.trade import OrderKind, OrderRequest, OrderSide, Position
from tests.core.builders import NOW, SOL, an_instrument, an_order_request

D = Decimal
EXACT = an_instrument(tick=D("0.01"), lot=D("0.01"), min_notional=D(5))
"""Fees 0.05 % and 0.02 %."""


class Memory:
    """`Blobs` that count their saves and fail on demand."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.saves = 0
        self.is_failing = False

    async def load(self, name: str) -> str | None:
        return self.texts.get(name)

    async def save(self, name: str, text: str) -> None:
        if self.is_failing:
            raise JournalError("the disk is full")
        self.saves += 1
        self.texts[name] = text


class Stand:
    """`spread` 0 and `slippage` 0 make market orders fill at the mark."""

    def __init__(
        self,
        *instruments: Instrument,
        deposit: Any = 1000,
        spread: Any = 0,
        slippage: Any = 0,
        memory: Memory | None = None,
        name: str = "bench",
    ) -> None:
        self.rules = {each.symbol: each for each in instruments or (EXACT,)}
        self.spread = D(str(spread))
        self.now = NOW
        self.prices = dict.fromkeys(self.rules, D(100))
        self.failure: PerpilotError | None = None
        self.memory = memory or Memory()
        self.venue = SimVenue(
            name,
            D(str(deposit)),
            self._quote_of,
            self._rules_of,
            lambda: self.now,
            self.memory,
            slippage=D(str(slippage)),
        )
        self._count = 0

    async def _quote_of(self, symbol: str) -> Quote:
        if self.failure is not None:
            raise self.failure
        return self.quote(symbol)

    async def _rules_of(self, symbol: str) -> Instrument:
        return self.rules[symbol]

    def quote(self, symbol: str = SOL, at: datetime | None = None) -> Quote:
        mark = self.prices[symbol]
        half = self.spread / 2
        return Quote(symbol, mark - half, mark + half, mark, mark, at or self.now)

    async def price(self, price: Any, symbol: str = SOL, seconds: float = 1.0) -> bool:
        """Time goes on, then the price comes."""
        self.now += timedelta(seconds=seconds)
        self.prices[symbol] = D(str(price))
        return await self.venue.on_quote(self.quote(symbol))

    async def send(
        self,
        side: OrderSide,
        quantity: Any,
        kind: OrderKind = OrderKind.MARKET,
        *,
        reduce_only: bool = False,
        trigger: Any = None,
        price: Any = None,
        client_id: str = "",
        symbol: str = SOL,
    ) -> Outcome:
        self._count += 1
        request = an_order_request(
            client_id=client_id or f"pp{self._count}",
            symbol=symbol,
            side=side,
            kind=kind,
            quantity=D(str(quantity)),
            reduce_only=reduce_only,
            trigger=None if trigger is None else D(str(trigger)),
            price=None if price is None else D(str(price)),
        )
        return await self.venue.submit(request)

    async def buy(self, quantity: Any, **more: Any) -> Outcome:
        return await self.send(OrderSide.BUY, quantity, **more)

    async def sell(self, quantity: Any, **more: Any) -> Outcome:
        return await self.send(OrderSide.SELL, quantity, **more)

    async def stop(
        self, quantity: Any, trigger: Any, side: OrderSide = OrderSide.SELL, **more: Any
    ) -> Outcome:
        return await self.send(
            side, quantity, OrderKind.STOP_MARKET, reduce_only=True, trigger=trigger, **more
        )

    async def target(
        self, quantity: Any, trigger: Any, side: OrderSide = OrderSide.SELL, **more: Any
    ) -> Outcome:
        return await self.send(
            side, quantity, OrderKind.TAKE_PROFIT_MARKET, reduce_only=True, trigger=trigger, **more
        )

    async def position(self, symbol: str = SOL) -> Position | None:
        return next((row for row in await self.venue.positions() if row.symbol == symbol), None)

    async def restarted(self) -> Stand:
        """Another process over what was saved."""
        other = Stand(*self.rules.values(), deposit=7, spread=self.spread, memory=self.memory)
        other.now, other.prices, other._count = self.now, dict(self.prices), self._count + 1000
        await other.venue.open()
        return other


__all__ = ["EXACT", "D", "Memory", "OrderRequest", "Stand"]
