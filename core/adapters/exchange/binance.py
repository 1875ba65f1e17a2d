"""Binance USDT-M, read through ccxt's raw endpoints.

The unified methods parse row by row and cost several times the processor time; the raw ones go through ccxt's
signing, hosts and errors all the same. Weights are those Binance documents; from three symbols on, the
endpoints that answer about every symbol are cheaper in requests than one question each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import BadShape, Calls, Urgency, expect_dict, expect_list
from core.adapters.exchange.checks import Rows, checked_quote, rows_from
from core.adapters.exchange.endings import ending, is_leaving
from core.adapters.exchange.reader import BudgetRule, Interest, VenueTime, number_or_none
from core.adapters.exchange.tiers import binance_tiers, careful_tiers
from core.errors import BadMarketFacts, NotAllowed, Unknown
from core.market import Background, Instrument, Quote, Tier, canonical_symbol, coin, from_ms
from core.money import ZERO, exact

logger = logging.getLogger("perpilot.exchange")

BINANCE_RULE: Final = BudgetRule(limit=2400, window_s=60.0)

TAKER_FEE: Final = Decimal("0.0005")
MAKER_FEE: Final = Decimal("0.0002")
"""The regular user's; the account's own rate needs a key."""

FUNDING_HOURS: Final = 8.0
"""Of every symbol that `fundingInfo` leaves out."""

FUNDING_INFO_LIFE_S: Final = 3600.0

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BinanceQuotes:
    """Rows by venue id, read into a `Quote` only when asked for."""

    books: Mapping[str, Raw]
    marks: Mapping[str, Raw]
    lasts: Mapping[str, Raw]
    time: VenueTime
    max_age_s: float

    def covers(self, symbol: str) -> bool:
        return venue_id(symbol) in self.books

    def quote(self, symbol: str) -> Quote:
        name = venue_id(symbol)
        if not (name in self.books and name in self.marks and name in self.lasts):
            raise BadMarketFacts(f"{symbol}: the exchange gave no complete price")
        book, mark = self.books[name], self.marks[name]
        at = from_ms(_milliseconds(symbol, mark.get("time")))
        age_s = (self.time.now() - at).total_seconds()
        if age_s > self.max_age_s:
            raise BadMarketFacts(f"{symbol}: the mark price is {age_s:.0f} s old")
        return checked_quote(
            symbol,
            bid=book.get("bidPrice"),
            ask=book.get("askPrice"),
            last=self.lasts[name].get("price"),
            mark=mark.get("markPrice"),
            at=at,
        )


@dataclass(frozen=True, slots=True)
class BinanceBackgrounds:
    marks: Mapping[str, Raw]
    days: Mapping[str, Raw]
    funding_hours: Mapping[str, float] | None
    """None where the venue didn't say."""
    time: VenueTime

    def covers(self, symbol: str) -> bool:
        return venue_id(symbol) in self.marks

    def background(self, symbol: str, interest: Interest | None) -> Background:
        name = venue_id(symbol)
        try:
            return self._background(symbol, self.marks[name], self.days[name], interest)
        except (KeyError, ValueError) as error:
            raise BadMarketFacts(f"{symbol}: funding or volume can't be read") from error

    def _background(self, symbol: str, mark: Raw, day: Raw, interest: Interest | None) -> Background:
        rate = number_or_none(mark.get("lastFundingRate"))
        next_ms = int(mark.get("nextFundingTime") or 0)
        coins = interest.coins if interest else None
        hours = self.funding_hours
        return Background(
            symbol=symbol,
            funding_rate=rate,
            funding_interval_h=None if hours is None else hours.get(venue_id(symbol), FUNDING_HOURS),
            next_funding_at=from_ms(next_ms) if next_ms else None,
            quote_volume_24h=number_or_none(day.get("quoteVolume")),
            open_interest=None if coins is None else coins * float(exact(mark["markPrice"])),
            at=self.time.now(),
        )


class BinanceReader:
    joint_from = 3

    def __init__(
        self, client: Any, calls: Calls, budget: WeightBudget, time: VenueTime, quote_max_age_s: float
    ) -> None:
        self._client = client
        self._calls = calls
        self._budget = budget
        self._time = time
        self._quote_max_age_s = quote_max_age_s
        self._funding_hours: tuple[float, Mapping[str, float]] | None = None

    async def server_ms(self, urgency: Urgency) -> int:
        return await self._calls.read(
            "time", 1, urgency, self._client.fapiPublicGetTime, lambda raw: int(raw["serverTime"])
        )

    async def instruments(self, urgency: Urgency) -> Mapping[str, Instrument]:
        listing = await self._calls.read(
            "exchangeInfo", 1, urgency, self._client.fapiPublicGetExchangeInfo, _listing
        )
        limit = _weight_limit(listing)
        if limit is not None:
            self._budget.resize(limit)
        tiers = await self._tiers(urgency)
        now_ms = self._time.now().timestamp() * 1000
        # Six hundred symbols are some twenty milliseconds of decimals: not on the loop.
        return await asyncio.to_thread(_instruments, listing["symbols"], tiers, now_ms)

    async def refined(self, instrument: Instrument, urgency: Urgency) -> Instrument:
        return instrument

    async def candles(
        self, symbol: str, timeframe: str, count: int, before_ms: int | None, urgency: Urgency
    ) -> Rows:
        question = {"symbol": venue_id(symbol), "interval": timeframe, "limit": count}
        if before_ms is not None:
            question["endTime"] = before_ms - 1
        return await self._calls.read(
            f"klines {symbol} {timeframe}",
            klines_weight(count),
            urgency,
            lambda: self._client.fapiPublicGetKlines(question),
            rows_from,
        )

    async def quotes(self, symbols: frozenset[str], urgency: Urgency) -> BinanceQuotes:
        api = self._client
        books, marks, lasts = await asyncio.gather(
            self._by_id("ticker/bookTicker", (2, 5), symbols, urgency, api.fapiPublicGetTickerBookTicker),
            self._by_id("premiumIndex", (1, 10), symbols, urgency, api.fapiPublicGetPremiumIndex),
            self._by_id("ticker/price", (1, 2), symbols, urgency, api.fapiPublicV2GetTickerPrice),
        )
        return BinanceQuotes(books, marks, lasts, self._time, self._quote_max_age_s)

    async def backgrounds(self, symbols: frozenset[str], urgency: Urgency) -> BinanceBackgrounds:
        api = self._client
        marks, days, hours = await asyncio.gather(
            self._by_id("premiumIndex", (1, 10), symbols, urgency, api.fapiPublicGetPremiumIndex),
            self._by_id("ticker/24hr", (1, 40), symbols, urgency, api.fapiPublicGetTicker24hr),
            self._hours(urgency),
        )
        return BinanceBackgrounds(marks, days, hours, self._time)

    async def open_interest(self, symbol: str, urgency: Urgency) -> Interest:
        coins = await self._calls.read(
            f"openInterest {symbol}",
            1,
            urgency,
            lambda: self._client.fapiPublicGetOpenInterest({"symbol": venue_id(symbol)}),
            lambda raw: number_or_none(expect_dict(raw)["openInterest"]),
        )
        return Interest(coins=coins)

    async def volumes(self, urgency: Urgency) -> Mapping[str, float]:
        days = await self._calls.read(
            "ticker/24hr", 40, urgency, self._client.fapiPublicGetTicker24hr, _rows_by_id
        )
        found: dict[str, float] = {}
        for name, row in days.items():
            symbol = symbol_of(name)
            volume = number_or_none(row.get("quoteVolume"))
            if symbol and volume is not None:
                found[symbol] = volume
        return found

    async def _by_id(
        self, endpoint: str, weights: tuple[int, int], symbols: frozenset[str], urgency: Urgency, ask: Any
    ) -> Mapping[str, Raw]:
        """Rows by venue id; `weights` are those of one symbol and of all."""
        if len(symbols) >= self.joint_from:
            return await self._calls.read(endpoint, weights[1], urgency, ask, _rows_by_id)

        async def one(symbol: str) -> Mapping[str, Raw]:
            question = {"symbol": venue_id(symbol)}
            return await self._calls.read(
                f"{endpoint} {symbol}", weights[0], urgency, lambda: ask(question), _rows_by_id
            )

        found = await asyncio.gather(*(one(symbol) for symbol in sorted(symbols)))
        return {name: row for rows in found for name, row in rows.items()}

    async def _hours(self, urgency: Urgency) -> Mapping[str, float] | None:
        now = self._time.now().timestamp()
        if self._funding_hours and now - self._funding_hours[0] < FUNDING_INFO_LIFE_S:
            return self._funding_hours[1]
        try:
            hours = await self._calls.read(
                "fundingInfo", 1, urgency, self._client.fapiPublicGetFundingInfo, _funding_hours
            )
        except Unknown:
            return None  # logged by the call; the rate without its interval is told as such
        self._funding_hours = (now, hours)
        return hours

    async def _tiers(self, urgency: Urgency) -> Mapping[str, tuple[Tier, ...]]:
        if not (self._client.apiKey and self._client.secret):
            return {}
        try:
            return await self._calls.read(
                "leverageBracket", 1, urgency, self._client.fapiPrivateGetLeverageBracket, _tiers_by_id
            )
        except (NotAllowed, Unknown):
            logger.warning("exchange_tiers_assumed reason=leverageBracket_failed")
            return {}


def venue_id(symbol: str) -> str:
    return f"{coin(symbol)}USDT"


def symbol_of(name: str) -> str | None:
    """None for anything but a plain USDT pair."""
    try:
        return canonical_symbol(name) if name.endswith("USDT") else None
    except ValueError:
        return None


def klines_weight(count: int) -> int:
    return 1 if count < 100 else 2 if count < 500 else 5 if count <= 1000 else 10


def _milliseconds(symbol: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise BadMarketFacts(f"{symbol}: a price without its time") from error


def _rows_by_id(raw: Any) -> Mapping[str, Raw]:
    rows = raw if isinstance(raw, list) else [expect_dict(raw)]
    if not rows:
        raise BadShape("an empty list of prices")
    return {row["symbol"]: row for row in rows}


def _listing(raw: Any) -> dict[str, Any]:
    listing = expect_dict(raw)
    if not expect_list(listing.get("symbols")):
        raise BadShape("an exchange without symbols")
    return listing


def _weight_limit(listing: Raw) -> int | None:
    for rule in listing.get("rateLimits", ()):
        if (rule.get("rateLimitType"), rule.get("interval")) == ("REQUEST_WEIGHT", "MINUTE"):
            return int(rule["limit"]) // int(rule.get("intervalNum", 1))
    return None


def _funding_hours(raw: Any) -> Mapping[str, float]:
    return {row["symbol"]: float(row["fundingIntervalHours"]) for row in expect_list(raw)}


def _tiers_by_id(raw: Any) -> Mapping[str, tuple[Tier, ...]]:
    return {row["symbol"]: binance_tiers(row["brackets"]) for row in expect_list(raw)}


def _instruments(
    rows: list[Raw], tiers: Mapping[str, tuple[Tier, ...]], now_ms: float
) -> Mapping[str, Instrument]:
    found: dict[str, Instrument] = {}
    for row in rows:
        if (row.get("contractType"), row.get("quoteAsset"), row.get("marginAsset")) != (
            "PERPETUAL", "USDT", "USDT",
        ):  # fmt: skip
            continue
        symbol = symbol_of(str(row.get("symbol")))
        if symbol is None:
            continue
        try:
            found[symbol] = _instrument(symbol, row, tiers.get(row["symbol"]), now_ms)
        except (LookupError, TypeError, ValueError) as error:
            logger.warning("exchange_instrument_unreadable symbol=%s error=%r", symbol, str(error))
    return found


def _instrument(symbol: str, row: Raw, tiers: tuple[Tier, ...] | None, now_ms: float) -> Instrument:
    """A lot is the coarser of the ordinary and the market step: an order of either kind is then valid."""
    rules = {rule["filterType"]: rule for rule in row["filters"]}
    lot, market_lot = rules["LOT_SIZE"], rules["MARKET_LOT_SIZE"]
    ends_at = ending(row.get("deliveryDate"))
    return Instrument(
        symbol=symbol,
        base=coin(symbol),
        tick=_positive(rules["PRICE_FILTER"]["tickSize"]),
        lot=max(_positive(lot["stepSize"]), exact(market_lot["stepSize"])),
        min_quantity=max(_positive(lot["minQty"]), exact(market_lot["minQty"])),
        max_quantity=min(_positive(lot["maxQty"]), _positive(market_lot["maxQty"])),
        min_notional=_positive(rules["MIN_NOTIONAL"]["notional"]),
        taker_fee=TAKER_FEE,
        maker_fee=MAKER_FEE,
        tiers=tiers or _assumed(row),
        tiers_assumed=tiers is None,
        is_active=row.get("status") == "TRADING" and not is_leaving(ends_at, from_ms(int(now_ms))),
        trades_until=ends_at,
    )


def _assumed(row: Raw) -> tuple[Tier, ...]:
    required = exact(row.get("requiredMarginPercent") or 0)
    leverage = int(100 / required) if required > ZERO else None
    return careful_tiers(exact(row.get("maintMarginPercent") or 0) / 100, leverage)


def _positive(value: Any) -> Decimal:
    number = exact(value)
    if not number > 0:
        raise ValueError(f"{value!r} must be positive")
    return number
