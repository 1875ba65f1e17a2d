"""The two faces of the stand-in exchange, and what differs between them for whoever arranges a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.demo.bybit import BybitStandIn
from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.exchange_signed import Credentials
from bot.demo.market import Market

KEY, SECRET = "canary-key-7f3a9c", "canary-secret-51bd20"

Exchange = Any
"""`ExchangeStandIn` or `BybitStandIn`: the same switches and records on both."""


@dataclass(frozen=True)
class Face:
    exchange_id: str
    entry_path: str
    stop_path: str
    entries_before_stop: int
    """How many requests to `stop_path` pass before the first stop does."""
    passed_stop: tuple[int, str]
    """The venue's code and words against a stop that would trigger at once."""
    build: Callable[[Market, Decimal], Exchange] = field(repr=False)

    def fail_entry(self, exchange: Exchange, failure: Failure, **more: Any) -> None:
        exchange.faults.fail_next(1, failure, path=self.entry_path, method="POST", **more)

    def fail_stops(self, exchange: Exchange, count: int, failure: Failure, **more: Any) -> None:
        """To be called before the entry."""
        skip = self.entries_before_stop
        exchange.faults.fail_next(count, failure, path=self.stop_path, method="POST", skip=skip, **more)

    def refuse_stops(self, exchange: Exchange, count: int) -> None:
        """To be called before the entry."""
        code, words = self.passed_stop
        skip = self.entries_before_stop
        exchange.faults.refuse_next(count, code, words, path=self.stop_path, method="POST", skip=skip)


def _binance(market: Market, deposit: Decimal) -> ExchangeStandIn:
    return ExchangeStandIn(market, credentials=Credentials(KEY, SECRET), deposit=deposit)


def _bybit(market: Market, deposit: Decimal) -> BybitStandIn:
    return BybitStandIn(market, credentials=Credentials(KEY, SECRET), deposit=deposit)


BINANCE = Face(
    "binanceusdm",
    "/fapi/v1/order",
    "/fapi/v1/algoOrder",
    0,
    (-2021, "Order would immediately trigger."),
    _binance,
)
BYBIT = Face(
    "bybit",
    "/v5/order/create",
    "/v5/order/create",
    1,
    (110093, "expect Falling, but trigger_price is on the other side of current"),
    _bybit,
)
FACES = (BINANCE, BYBIT)
