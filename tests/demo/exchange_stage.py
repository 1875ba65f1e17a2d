"""The demo exchange with an account, and ccxt's own client before it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from tests.demo.ccxt_client import binance_at
from tests.demo.hand_clock import NOON_MS, HandClock

D = Decimal
KEY, SECRET = "the-key", "the-secret"
SOL = "SOL/USDT:USDT"
BTC = "BTC/USDT:USDT"
ON_MARK = {"workingType": "MARK_PRICE"}


@dataclass
class Stage:
    clock: HandClock
    market: SeededMarket
    exchange: ExchangeStandIn
    client: Any

    def mark(self, symbol: str = "SOLUSDT") -> Decimal:
        return self.market.mark_price(symbol, self.clock.ms)

    def move_to(self, price: Decimal, symbol: str = "SOLUSDT") -> None:
        """A gap, met by the account at once."""
        self.exchange.set_price(symbol, round(price, self.market.instruments[symbol].price_decimals))
        self.exchange.account.advance()

    async def isolated(self, leverage: int = 5, symbol: str = SOL) -> None:
        await self.client.set_margin_mode("isolated", symbol)
        await self.client.set_leverage(leverage, symbol)

    async def bought(self, amount: float = 10, leverage: int = 5) -> Any:
        await self.isolated(leverage)
        return await self.client.create_order(SOL, "market", "buy", amount)

    async def stopped(self, share: str = "0.98", amount: float = 10, **params: Any) -> Any:
        """A reduce-only sell stop at this share of the mark price."""
        trigger = round(self.mark() * D(share), 2)
        more = {"stopLossPrice": float(trigger), "reduceOnly": True, **ON_MARK, **params}
        return await self.client.create_order(SOL, "market", "sell", amount, None, more)

    async def position(self, symbol: str = SOL) -> Any:
        """ccxt's, or None."""
        return next((row for row in await self.client.fetch_positions([symbol]) if row["contracts"]), None)

    async def income(self) -> list[tuple[str, Decimal]]:
        rows = await self.client.fapiPrivateGetIncome({"limit": 1000})
        return [(row["incomeType"], D(row["income"])) for row in rows]

    async def wallet(self) -> Decimal:
        return D((await self.client.fapiPrivateV3GetAccount())["totalWalletBalance"])


@asynccontextmanager
async def on_stage(**settings: Any) -> AsyncIterator[Stage]:
    clock = HandClock(NOON_MS + 2 * 3_600_000 + 61_000)
    market = SeededMarket(clock, 3, instruments=LISTED[:4], scenario={}, history_days=2)
    exchange = ExchangeStandIn(market, credentials=Credentials(KEY, SECRET))
    await exchange.start()
    try:
        async with binance_at(exchange.url, apiKey=KEY, secret=SECRET, **settings) as client:
            client.nonce = clock
            await client.load_markets()
            yield Stage(clock, market, exchange, client)
    finally:
        await exchange.stop()


async def signed(
    stage: Stage, method: str, path: str, params: dict[str, Any] | None = None, *, key: str = KEY,
    secret: str = SECRET, stamp_ms: int | None = None, without: tuple[str, ...] = (),
) -> tuple[int, Any]:  # fmt: skip
    """(status, answer) of a request signed by hand; `without`: "signature", "timestamp" or "key"."""
    sent = dict(params or {})
    if "timestamp" not in without:
        sent["timestamp"] = stage.clock.ms if stamp_ms is None else stamp_ms
    text = urlencode(sent)
    if "signature" not in without:
        text += "&signature=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers = {} if "key" in without else {"X-MBX-APIKEY": key}
    async with (
        aiohttp.ClientSession(stage.exchange.url) as http,
        http.request(method, f"{path}?{text}", headers=headers) as answer,
    ):
        return answer.status, await answer.json()
