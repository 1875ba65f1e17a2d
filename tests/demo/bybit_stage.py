"""`CcxtVenue` before the demo's Bybit, over real sockets and with a clock that only a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.demo.bybit import BybitStandIn
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.exchange.accounts import mend
from core.adapters.exchange.venue import CcxtVenue
from core.market import to_ms
from core.trade import OrderKind, OrderRequest, OrderSide
from tests.adapters.exchange.fake_venue import FakeClock
from tests.adapters.exchange.venue_stage import KEY, SECRET, SOL, live

D = Decimal
TWO_HOURS_BEFORE_FUNDING = datetime(2026, 3, 3, 14, 1, 1, tzinfo=UTC)
CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"


@dataclass
class BybitStage:
    clock: FakeClock
    exchange: BybitStandIn
    venue: CcxtVenue
    client: Any
    start: datetime

    def mark(self) -> Decimal:
        return self.exchange.market.mark_price("SOLUSDT", to_ms(self.clock.now()))

    def near(self, share: str) -> Decimal:
        """This share of the mark price, on the tick."""
        return round(self.mark() * D(share), 2)

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds=seconds)
        self.exchange.account.advance()

    def gap_to(self, share: str) -> None:
        """The price jumps to this share of the mark, and the account meets it."""
        self.exchange.set_price("SOLUSDT", self.near(share))
        self.pass_time(2)

    def entry(self, client_id: str = "ppentry1", **changes: Any) -> OrderRequest:
        fields: dict[str, Any] = {
            "client_id": client_id,
            "symbol": SOL,
            "side": OrderSide.BUY,
            "kind": OrderKind.MARKET,
            "quantity": D(10),
            "reduce_only": False,
        }
        return OrderRequest(**{**fields, **changes})

    def leaving(self, client_id: str, kind: OrderKind, share: str) -> OrderRequest:
        """A reduce-only conditional order for the whole long."""
        trigger = self.near(share)
        return self.entry(client_id, side=OrderSide.SELL, kind=kind, reduce_only=True, trigger=trigger)

    def stop(self, client_id: str = "ppstop1", share: str = "0.98") -> OrderRequest:
        return self.leaving(client_id, OrderKind.STOP_MARKET, share)

    def target(self, client_id: str = "pptarget1", share: str = "1.02") -> OrderRequest:
        return self.leaving(client_id, OrderKind.TAKE_PROFIT_MARKET, share)


@asynccontextmanager
async def on_bybit(
    now: datetime = TWO_HOURS_BEFORE_FUNDING, *, is_mended: bool = True
) -> AsyncIterator[BybitStage]:
    """`is_mended`: the account is on isolated margin, as this bot needs it."""
    clock = FakeClock(now)
    market = SeededMarket(lambda: to_ms(clock.now()), 3, instruments=LISTED[:4], scenario={}, history_days=2)
    exchange = BybitStandIn(market, credentials=Credentials(KEY, SECRET))
    await exchange.start()
    try:
        async with live("bybit", exchange.url, clock) as (venue, client, _budget):
            if is_mended:
                await mend(venue)
            yield BybitStage(clock, exchange, venue, client, clock.now() - timedelta(minutes=1))
    finally:
        await exchange.stop()
