"""Any other venue, read through ccxt's unified methods (Bybit and OKX are tested).

Quantities become base coin here: a venue that counts contracts (OKX: 0.01 BTC each) has them multiplied out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from core.adapters.exchange.calls import BadShape, Calls, Urgency, expect_dict
from core.adapters.exchange.checks import Rows, checked_quote, rows_from
from core.adapters.exchange.endings import ending, is_leaving
from core.adapters.exchange.reader import BudgetRule, Interest, VenueTime, number_or_none
from core.adapters.exchange.tiers import careful_tiers, unified_tiers
from core.errors import BadMarketFacts, NotAllowed, Unknown
from core.market import TIMEFRAMES, Background, Instrument, Quote, from_ms, to_ms
from core.money import ONE, ZERO, exact

logger = logging.getLogger("perpilot.exchange")

RULES: Final = {
    "bybit": BudgetRule(limit=500, window_s=5.0),  # 600 requests per 5 s and address
    "okx": BudgetRule(
        limit=36, window_s=2.0, reserve_fraction=0.1
    ),  # 20 per 2 s, candles 40 at half the cost
}
OTHER_RULE: Final = BudgetRule(limit=600, window_s=60.0)
"""ccxt's own throttle works as well there."""

_CANDLE_COST: Final = {"okx": 1}
_OTHER_COST: Final = {"okx": 2}

_PAGE: Final = {"okx": 300, "bybit": 1000}
"""Most candles one request answers; 500 elsewhere."""

_TIERS_IN_USDT: Final = {"bybit"}
"""Venues whose public tiers are in USDT. OKX counts contracts there: it gets the careful table."""

_TAKER_FEE: Final = Decimal("0.001")
"""Where a venue doesn't tell its fee: above what any of the large ones takes."""

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnifiedQuotes:
    tickers: Mapping[str, Raw]
    marks: Mapping[str, Raw]
    time: VenueTime

    def covers(self, symbol: str) -> bool:
        return symbol in self.tickers

    def quote(self, symbol: str) -> Quote:
        ticker = self.tickers.get(symbol)
        if ticker is None:
            raise BadMarketFacts(f"{symbol}: the exchange gave no price")
        mark = ticker.get("markPrice")
        if mark is None:
            mark = self.marks.get(symbol, {}).get("markPrice")
        return checked_quote(
            symbol,
            bid=ticker.get("bid"),
            ask=ticker.get("ask"),
            last=ticker.get("last"),
            mark=mark,
            at=self.time.now(),
        )


@dataclass(frozen=True, slots=True)
class UnifiedBackgrounds:
    tickers: Mapping[str, Raw]
    rates: Mapping[str, Raw]
    volumes: Mapping[str, float]
    time: VenueTime

    def covers(self, symbol: str) -> bool:
        return symbol in self.tickers

    def background(self, symbol: str, interest: Interest | None) -> Background:
        try:
            return self._background(symbol, self.rates.get(symbol, {}), interest or Interest())
        except (KeyError, TypeError, ValueError) as error:
            raise BadMarketFacts(f"{symbol}: funding or volume can't be read") from error

    def _background(self, symbol: str, rate: Raw, interest: Interest) -> Background:
        now = self.time.now()
        usdt, last = interest.usdt, number_or_none(self.tickers[symbol].get("last"))
        if usdt is None and interest.coins is not None and last is not None:
            usdt = interest.coins * last
        return Background(
            symbol=symbol,
            funding_rate=number_or_none(rate.get("fundingRate")),
            funding_interval_h=_hours(rate.get("interval")),
            next_funding_at=_next_funding(rate, now),
            quote_volume_24h=self.volumes.get(symbol),
            open_interest=usdt,
            at=now,
        )


class UnifiedReader:
    joint_from = 1_000_000  # these venues answer about the symbols they were asked for

    def __init__(self, client: Any, calls: Calls, time: VenueTime) -> None:
        self._client = client
        self._calls = calls
        self._time = time
        self._cost = _OTHER_COST.get(client.id, 1)

    async def server_ms(self, urgency: Urgency) -> int:
        return await self._calls.read("time", self._cost, urgency, self._client.fetch_time, int)

    async def instruments(self, urgency: Urgency) -> Mapping[str, Instrument]:
        markets = await self._calls.read(
            "markets", self._cost * 2, urgency, lambda: self._client.load_markets(True), expect_dict
        )
        found: dict[str, Instrument] = {}
        for symbol, market in markets.items():
            if not (market.get("swap") and market.get("linear") and market.get("settle") == "USDT"):
                continue
            try:
                found[symbol] = _instrument(symbol, market, self._time.now())
            except (LookupError, TypeError, ValueError) as error:
                logger.warning("exchange_instrument_unreadable symbol=%s error=%r", symbol, str(error))
        if not found:
            raise Unknown(f"{self._client.id} listed no linear USDT perpetual")
        return found

    async def refined(self, instrument: Instrument, urgency: Urgency) -> Instrument:
        if self._client.id not in _TIERS_IN_USDT:
            return instrument
        symbol = instrument.symbol
        try:
            tiers = await self._calls.read(
                f"tiers {symbol}",
                self._cost,
                urgency,
                lambda: self._client.fetch_market_leverage_tiers(symbol),
                unified_tiers,
            )
        except (NotAllowed, Unknown):
            logger.warning("exchange_tiers_assumed symbol=%s reason=tiers_failed", symbol)
            return instrument
        return replace(instrument, tiers=tiers, tiers_assumed=False)

    async def candles(
        self, symbol: str, timeframe: str, count: int, before_ms: int | None, urgency: Urgency
    ) -> Rows:
        """Long stretches are asked for page by page at the same time: where each page ends is known."""
        length, page = TIMEFRAMES[timeframe], _PAGE.get(self._client.id, 500)
        if count <= page and before_ms is None:
            return await self._page(symbol, timeframe, count, None, urgency)
        last_open = (to_ms(self._time.now()) if before_ms is None else before_ms - 1) // length * length
        asked = [
            self._page(symbol, timeframe, min(page, count - done), last_open - done * length + 1, urgency)
            for done in range(0, count, page)
        ]
        rows = np.concatenate(await asyncio.gather(*asked))
        _times, first = np.unique(rows[:, 0], return_index=True)
        return rows[first][-count:]

    async def quotes(self, symbols: frozenset[str], urgency: Urgency) -> UnifiedQuotes:
        tickers, marks = await asyncio.gather(self._tickers(symbols, urgency), self._marks(symbols, urgency))
        return UnifiedQuotes(tickers, marks, self._time)

    async def backgrounds(self, symbols: frozenset[str], urgency: Urgency) -> UnifiedBackgrounds:
        tickers, rates = await asyncio.gather(self._tickers(symbols, urgency), self._rates(symbols, urgency))
        return UnifiedBackgrounds(tickers, rates, self._volumes_of(tickers), self._time)

    async def open_interest(self, symbol: str, urgency: Urgency) -> Interest:
        if not self._client.has.get("fetchOpenInterest"):
            return Interest()
        size = float(self._client.markets[symbol].get("contractSize") or 1)

        def read(raw: Any) -> Interest:
            contracts = number_or_none(expect_dict(raw).get("openInterestAmount"))
            return Interest(
                None if contracts is None else contracts * size, number_or_none(raw.get("openInterestValue"))
            )

        return await self._calls.read(
            f"openInterest {symbol}",
            self._cost,
            urgency,
            lambda: self._client.fetch_open_interest(symbol),
            read,
        )

    async def volumes(self, urgency: Urgency) -> Mapping[str, float]:
        tickers = await self._calls.read(
            "tickers", self._cost, urgency, self._client.fetch_tickers, _by_symbol
        )
        return self._volumes_of(tickers)

    async def _page(
        self, symbol: str, timeframe: str, count: int, until_ms: int | None, urgency: Urgency
    ) -> Rows:
        params = {} if until_ms is None else {"until": until_ms}
        return await self._calls.read(
            f"ohlcv {symbol} {timeframe}",
            _CANDLE_COST.get(self._client.id, self._cost),
            urgency,
            lambda: self._client.fetch_ohlcv(symbol, timeframe, None, count, params),
            rows_from,
        )

    async def _tickers(self, symbols: frozenset[str], urgency: Urgency) -> Mapping[str, Raw]:
        names = sorted(symbols)
        if len(names) == 1:
            return await self._calls.read(
                f"ticker {names[0]}",
                self._cost,
                urgency,
                lambda: self._client.fetch_ticker(names[0]),
                lambda raw: {names[0]: expect_dict(raw)},
            )
        return await self._calls.read(
            "tickers", self._cost, urgency, lambda: self._client.fetch_tickers(names), _by_symbol
        )

    async def _marks(self, symbols: frozenset[str], urgency: Urgency) -> Mapping[str, Raw]:
        """Only where the ticker has none: OKX tells mark prices apart."""
        if not self._client.has.get("fetchMarkPrices") or self._client.id == "bybit":
            return {}
        names = sorted(symbols)
        return await self._calls.read(
            "markPrices", self._cost, urgency, lambda: self._client.fetch_mark_prices(names), _by_symbol
        )

    async def _rates(self, symbols: frozenset[str], urgency: Urgency) -> Mapping[str, Raw]:
        names = sorted(symbols)
        if len(names) == 1 and self._client.has.get("fetchFundingRate"):
            return await self._calls.read(
                f"fundingRate {names[0]}",
                self._cost,
                urgency,
                lambda: self._client.fetch_funding_rate(names[0]),
                lambda raw: {names[0]: expect_dict(raw)},
            )
        return await self._calls.read(
            "fundingRates", self._cost, urgency, lambda: self._client.fetch_funding_rates(names), _by_symbol
        )

    def _volumes_of(self, tickers: Mapping[str, Raw]) -> dict[str, float]:
        """OKX counts a swap's volume in contracts and leaves its quote volume out."""
        found: dict[str, float] = {}
        for symbol, ticker in tickers.items():
            volume = number_or_none(ticker.get("quoteVolume"))
            contracts, last = number_or_none(ticker.get("baseVolume")), number_or_none(ticker.get("last"))
            market = self._client.markets.get(symbol)
            if (
                volume is None
                and self._client.id == "okx"
                and contracts is not None
                and last is not None
                and market
            ):
                volume = contracts * float(market["contractSize"]) * last
            if volume is not None:
                found[symbol] = volume
        return found


def _instrument(symbol: str, market: Raw, now: datetime) -> Instrument:
    size = exact(market.get("contractSize") or ONE)
    limits = market["limits"]
    amounts, bulk = limits["amount"], limits.get("market") or {}
    lot = _positive(market["precision"]["amount"]) * size
    largest = [exact(cap) for cap in (amounts.get("max"), bulk.get("max"), _market_cap(market)) if cap]
    leverage = (limits.get("leverage") or {}).get("max")
    ends_at = _ends_at(market)
    return Instrument(
        symbol=symbol,
        base=str(market["base"]),
        tick=_positive(market["precision"]["price"]),
        lot=lot,
        min_quantity=exact(amounts.get("min") or 0) * size or lot,
        max_quantity=min(largest) * size,
        min_notional=exact((limits.get("cost") or {}).get("min") or 0),
        taker_fee=exact(market.get("taker") or _TAKER_FEE),
        maker_fee=exact(market.get("maker") or _TAKER_FEE),
        tiers=careful_tiers(ZERO, int(leverage) if leverage else None),
        tiers_assumed=True,
        is_active=bool(market.get("active")) and not is_leaving(ends_at, now),
        trades_until=ends_at,
    )


def _ends_at(market: Raw) -> datetime | None:
    """Of a perpetual that is being delisted; ccxt leaves it in the venue's own answer (Bybit's, OKX's)."""
    own = market.get("info") or {}
    return ending(own.get("deliveryTime") or own.get("expTime"))


def _market_cap(market: Raw) -> Any:
    """The largest market order, which ccxt leaves in the venue's own answer."""
    own = market.get("info") or {}
    return own.get("maxMktSz") or (own.get("lotSizeFilter") or {}).get("maxMktOrderQty")


def _by_symbol(raw: Any) -> Mapping[str, Raw]:
    rows = expect_dict(raw)
    if not rows:
        raise BadShape("an empty list of prices")
    return {symbol: expect_dict(row) for symbol, row in rows.items()}


def _positive(value: Any) -> Decimal:
    number = exact(value)
    if not number > 0:
        raise ValueError(f"{value!r} must be positive")
    return number


def _hours(interval: Any) -> float | None:
    """`8h` → 8.0"""
    if not isinstance(interval, str) or not interval.endswith("h"):
        return None
    return number_or_none(interval[:-1])


def _next_funding(rate: Raw, now: datetime) -> datetime | None:
    """ccxt names the coming settlement differently by venue: the nearest one ahead is it."""
    told = [rate.get("fundingTimestamp"), rate.get("nextFundingTimestamp")]
    ahead = [from_ms(int(stamp)) for stamp in told if stamp and from_ms(int(stamp)) > now]
    return min(ahead, default=None)
