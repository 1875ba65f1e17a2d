"""`CcxtVenue` before the demo's Binance, over real sockets and with a clock that only a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import Calls
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.venue import CcxtVenue
from core.adapters.exchange.wire import Deadlines
from core.market import to_ms
from core.trade import OrderKind, OrderRequest, OrderSide
from tests.adapters.exchange.fake_venue import FakeClock

D = Decimal
KEY, SECRET, PASSWORD = "canary-key-7f3a9c", "canary-secret-51bd20", "canary-phrase-aa01"
SOL = "SOL/USDT:USDT"
BTC = "BTC/USDT:USDT"
TWO_HOURS_BEFORE_FUNDING = datetime(2026, 3, 3, 14, 1, 1, tzinfo=UTC)
QUICK = Deadlines(entry_s=0.3, protecting_s=0.3)


@dataclass
class Stage:
    clock: FakeClock
    exchange: ExchangeStandIn
    venue: CcxtVenue
    client: Any
    budget: WeightBudget
    start: datetime

    def mark(self) -> Decimal:
        return self.exchange.market.mark_price("SOLUSDT", to_ms(self.clock.now()))

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds=seconds)
        self.exchange.account.advance()

    def gap_to(self, share: str) -> None:
        """The price jumps to this share of the mark, and the account meets it."""
        self.exchange.set_price("SOLUSDT", round(self.mark() * D(share), 2))
        self.pass_time(2)

    def request(self, client_id: str, **changes: Any) -> OrderRequest:
        fields: dict[str, Any] = {
            "client_id": client_id,
            "symbol": SOL,
            "side": OrderSide.BUY,
            "kind": OrderKind.MARKET,
            "quantity": D(10),
            "reduce_only": False,
        }
        return OrderRequest(**{**fields, **changes})

    def stop(self, client_id: str, share: str = "0.98") -> OrderRequest:
        return self.request(
            client_id,
            side=OrderSide.SELL,
            kind=OrderKind.STOP_MARKET,
            reduce_only=True,
            trigger=round(self.mark() * D(share), 2),
        )


@asynccontextmanager
async def live(exchange_id: str, url: str, clock: FakeClock) -> AsyncIterator[tuple[CcxtVenue, Any, Any]]:
    """A venue before any address."""
    access = Access(exchange_id, url=url, api_key=KEY, secret=SECRET, password=PASSWORD)
    client = await open_client(access)
    try:
        budget = WeightBudget(clock)
        calls = Calls(client, budget, clock)
        yield CcxtVenue(client, calls, budget, clock, deadlines=QUICK), client, budget
    finally:
        await close_client(client)


@asynccontextmanager
async def on_stage(now: datetime = TWO_HOURS_BEFORE_FUNDING) -> AsyncIterator[Stage]:
    clock = FakeClock(now)
    market = SeededMarket(lambda: to_ms(clock.now()), 3, instruments=LISTED[:4], scenario={}, history_days=2)
    exchange = ExchangeStandIn(market, credentials=Credentials(KEY, SECRET))
    await exchange.start()
    try:
        async with live("binanceusdm", exchange.url, clock) as (venue, client, budget):
            start = clock.now() - timedelta(minutes=1)
            yield Stage(clock, exchange, venue, client, budget, start)
    finally:
        await exchange.stop()


@asynccontextmanager
async def on_same_exchange(stage: Stage) -> AsyncIterator[CcxtVenue]:
    """A venue that remembers nothing, as after a restart."""
    async with live("binanceusdm", stage.exchange.url, stage.clock) as (venue, _client, _budget):
        yield venue
