"""`Streams` before the demo's Binance, over real sockets and in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.clock import SystemClock
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.stream_line import Patience
from core.adapters.exchange.stream_words import StreamPrice, What
from core.adapters.exchange.streams import Streams

KEY, SECRET = "canary-key-7f3a9c", "canary-secret-51bd20"
SOL, BTC = "SOL/USDT:USDT", "BTC/USDT:USDT"
IN_TIME_S = 8.0
QUICK = Patience(tick_s=0.02, first_pause_s=0.05, most_pause_s=0.2, ping_s=0.2, mark_s=10.0, owed_s=0.3)

Heard = tuple[str | None, What]


@dataclass
class Stage:
    exchange: ExchangeStandIn
    access: Access
    budget: WeightBudget
    client: Any
    hints: list[Heard] = field(default_factory=list)
    prices: list[StreamPrice] = field(default_factory=list)
    told_at: list[float] = field(default_factory=list)
    hinted_at: list[float] = field(default_factory=list)
    fails: bool = False

    def on_hint(self, symbol: str | None, what: What) -> None:
        self.hints.append((symbol, what))
        self.hinted_at.append(time.perf_counter())
        if self.fails:
            raise RuntimeError("the owner fell over")

    def on_price(self, price: StreamPrice) -> None:
        self.prices.append(price)
        if self.fails:
            raise RuntimeError("the owner fell over")

    def streams(self, patience: Patience = QUICK, **changes: Any) -> Streams:
        access = changes.get("access", self.access)
        return Streams(access, self.budget, SystemClock(), self.on_hint, self.on_price, patience)

    async def order(self, amount: float = 3) -> None:
        await self.client.fapiPrivatePostOrder(
            {"symbol": "SOLUSDT", "side": "BUY", "type": "MARKET", "quantity": str(amount)}
        )

    def dials(self, streams: Streams, name: str) -> int:
        return next(each.dials for each in streams.states() if each.name == name)

    @property
    def asked_keys(self) -> int:
        return self.exchange.requests.get("POST /fapi/v1/listenKey", 0)

    @property
    def renewals(self) -> int:
        return self.exchange.requests.get("PUT /fapi/v1/listenKey", 0)


async def until(is_so: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(IN_TIME_S):
        while not is_so():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def on_stage() -> AsyncIterator[Stage]:
    market = SeededMarket(
        lambda: time.time_ns() // 1_000_000, 3, instruments=LISTED[:4], scenario={}, history_days=2
    )
    exchange = ExchangeStandIn(market, credentials=Credentials(KEY, SECRET), deposit=Decimal(100_000))
    await exchange.start()
    access = Access("binanceusdm", url=exchange.url, ws_url=exchange.ws_url, api_key=KEY, secret=SECRET)
    client = await open_client(access)
    try:
        stage = Stage(exchange, access, WeightBudget(SystemClock()), client)

        def told(row: Any) -> None:
            stage.told_at.append(time.perf_counter())
            exchange.streams.tell(row)

        exchange.account.told = told
        yield stage
    finally:
        await close_client(client)
        await exchange.stop()


@asynccontextmanager
async def listening(stage: Stage, *symbols: str, patience: Patience = QUICK) -> AsyncIterator[Streams]:
    """Connected streams; the hints of connecting are forgotten."""
    streams = stage.streams(patience)
    streams.hold(symbols)
    await streams.open()
    try:
        await until(lambda: not any(each.is_silent for each in streams.states()))
        await until(lambda: bool(stage.exchange.streams.listeners))
        stage.hints.clear()
        stage.hinted_at.clear()
        yield streams
    finally:
        await streams.close()
