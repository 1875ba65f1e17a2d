"""OKX and Bybit through ccxt's unified methods, against servers that answer in those venues' shapes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from core.adapters.exchange.market import CcxtMarket
from core.errors import BadMarketFacts, NotAllowed, Throttled, Unknown, UnknownSymbol
from core.market import TIMEFRAMES, to_ms
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.fake_venue import FakeClock, bar, page, reply

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
NAMES = {"1H": "1h", "4H": "4h", "15m": "15m", "60": "1h", "240": "4h", "15": "15m"}


def okx_instrument(coin: str, quote: str, kind: str, contract: str, unit: str, tick: str) -> dict[str, Any]:
    return {
        "alias": "", "baseCcy": "", "category": "1", "ctMult": "1", "ctType": kind, "ctVal": contract,
        "ctValCcy": unit, "expTime": "", "instFamily": f"{coin}-{quote}", "instId": f"{coin}-{quote}-SWAP",
        "instType": "SWAP", "lever": "100", "listTime": "1573557408000", "lotSz": "0.01",
        "maxLmtSz": "100000000", "maxMktSz": "20000", "minSz": "0.01", "optType": "", "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": quote if kind == "linear" else coin, "state": "live", "stk": "", "tickSz": tick,
        "uly": f"{coin}-{quote}",
    }  # fmt: skip


class FakeOkx:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.mark = "100.0"
        self.broken = ""
        self.bitcoin: dict[str, str] = {}
        """What its instrument says otherwise."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path, query = request.path.removeprefix("/api/v5/"), dict(request.query)
        self.asked.append((path, query))
        if path == self.broken:
            return await page()(request)
        return reply({"code": "0", "msg": "", "data": self.answer(path, query)})

    def answer(self, path: str, query: dict[str, str]) -> list[Any]:
        now = str(to_ms(self.clock.now()))
        match path:
            case "public/time":
                return [{"ts": now}]
            case "public/instruments":
                return [
                    {**okx_instrument("BTC", "USDT", "linear", "0.01", "BTC", "0.1"), **self.bitcoin},
                    okx_instrument("ETH", "USDT", "linear", "0.1", "ETH", "0.01"),
                    okx_instrument("BTC", "USD", "inverse", "100", "USD", "0.1"),
                ]
            case "market/candles":
                return self.candles(query)
            case "market/ticker" | "market/tickers":
                return [self.ticker(name, now) for name in self.named(query)]
            case "public/mark-price":
                return [
                    {"instId": name, "instType": "SWAP", "markPx": self.mark, "ts": now}
                    for name in self.named(query)
                ]
            case "public/funding-rate":
                return [self.rate(name, now) for name in self.named(query)]
            case "public/open-interest":
                name = query["instId"]
                return [
                    {
                        "instId": name,
                        "instType": "SWAP",
                        "oi": "5000",
                        "oiCcy": "50",
                        "oiUsd": "5005",
                        "ts": now,
                    }
                ]
        raise AssertionError(f"the fake has no {path}")

    @staticmethod
    def named(query: dict[str, str]) -> list[str]:
        name = query.get("instId", "ANY")
        return ["BTC-USDT-SWAP", "ETH-USDT-SWAP"] if name == "ANY" else [name]

    @staticmethod
    def ticker(name: str, now: str) -> dict[str, str]:
        return {
            "instType": "SWAP", "instId": name, "last": "100", "lastSz": "1", "askPx": "100.1", "askSz": "4",
            "bidPx": "99.9", "bidSz": "3", "open24h": "98", "high24h": "103", "low24h": "97",
            "volCcy24h": "700", "vol24h": "70000", "ts": now, "sodUtc0": "99", "sodUtc8": "99",
        }  # fmt: skip

    @staticmethod
    def rate(name: str, now: str) -> dict[str, str]:
        settlement = int(now) // 28_800_000 * 28_800_000 + 28_800_000
        return {
            "fundingRate": "0.0002", "fundingTime": str(settlement), "instId": name, "instType": "SWAP",
            "method": "current_period", "nextFundingRate": "",
            "nextFundingTime": str(settlement + 28_800_000), "settState": "settled", "ts": now,
        }  # fmt: skip

    def candles(self, query: dict[str, str]) -> list[list[str]]:
        """Newest first, at most 300, and `after` asks for what is older."""
        timeframe = NAMES[query["bar"].removesuffix("utc")]
        length, count = TIMEFRAMES[timeframe], min(int(query["limit"]), 300)
        newest = to_ms(self.clock.now()) // length * length
        if "after" in query:
            newest = min(newest, (int(query["after"]) - 1) // length * length)
        rows = [bar(newest - back * length, timeframe) for back in range(count)]
        return [
            [str(row[0]), *row[1:5], str(float(row[5]) * 100), row[5], "1", "1" if index else "0"]
            for index, row in enumerate(rows)
        ]


class FakeBybit:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.refusal: dict[str, Any] | None = None
        self.bitcoin: dict[str, str] = {}
        """What its instrument says otherwise."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        if self.refusal is not None:
            return reply(self.refusal)
        result = self.answer(request.path.removeprefix("/v5/market/"), query)
        body = {"retCode": 0, "retMsg": "OK", "result": result, "time": to_ms(self.clock.now())}
        return reply(body)

    def answer(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        match path:
            case "time":
                seconds = to_ms(self.clock.now()) // 1000
                return {"timeSecond": str(seconds), "timeNano": str(to_ms(self.clock.now()) * 1_000_000)}
            case "instruments-info":
                is_pre = query.get("status") == "PreLaunch"
                return {
                    "category": "linear",
                    "list": [] if is_pre else [{**self.instrument(), **self.bitcoin}],
                    "nextPageCursor": "",
                }
            case "tickers":
                return {"category": "linear", "list": [self.ticker()]}
            case "kline":
                return {"category": "linear", "symbol": "BTCUSDT", "list": self.candles(query)}
            case "open-interest":
                rows = [{"openInterest": "1500.5", "timestamp": str(to_ms(self.clock.now()))}]
                return {"category": "linear", "symbol": "BTCUSDT", "list": rows, "nextPageCursor": ""}
            case "risk-limit":
                return {
                    "category": "linear",
                    "list": [self.tier(1, 2_000_000, "0.005"), self.tier(2, 4_000_000, "0.01")],
                }
        raise AssertionError(f"the fake has no {path}")

    @staticmethod
    def instrument() -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
            "quoteCoin": "USDT", "launchTime": "1584230400000", "deliveryTime": "0", "deliveryFeeRate": "",
            "priceScale": "2", "settleCoin": "USDT", "fundingInterval": 480, "unifiedMarginTrade": True,
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
            "lotSizeFilter": {
                "maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001",
                "postOnlyMaxOrderQty": "1190.000", "maxMktOrderQty": "119.000", "minNotionalValue": "5",
            },
        }  # fmt: skip

    def ticker(self) -> dict[str, str]:
        return {
            "symbol": "BTCUSDT", "lastPrice": "100", "indexPrice": "100.1", "markPrice": "100.05",
            "prevPrice24h": "99", "price24hPcnt": "0.01", "highPrice24h": "103", "lowPrice24h": "97",
            "openInterest": "1500.5", "openInterestValue": "150050", "turnover24h": "7000000.5",
            "volume24h": "70000", "fundingRate": "-0.0001", "bid1Price": "99.9", "bid1Size": "1",
            "ask1Price": "100.1", "ask1Size": "1",
            "nextFundingTime": str(to_ms(self.clock.now()) // 28_800_000 * 28_800_000 + 28_800_000),
        }  # fmt: skip

    @staticmethod
    def tier(number: int, cap: int, rate: str) -> dict[str, Any]:
        return {
            "id": number, "symbol": "BTCUSDT", "riskLimitValue": str(cap), "maintenanceMargin": rate,
            "initialMargin": "0.01", "isLowestRisk": int(number == 1), "maxLeverage": str(100 // number),
            "mmDeduction": "",
        }  # fmt: skip

    def candles(self, query: dict[str, str]) -> list[list[str]]:
        timeframe = NAMES[query["interval"]]
        length = TIMEFRAMES[timeframe]
        newest = (
            min(to_ms(self.clock.now()), int(query.get("end", to_ms(self.clock.now())))) // length * length
        )
        rows = [bar(newest - back * length, timeframe) for back in range(int(query.get("limit", 200)))]
        return [[str(row[0]), *row[1:6], "1"] for row in rows]


@pytest.fixture
async def okx(clock: FakeClock) -> AsyncIterator[tuple[FakeOkx, CcxtMarket]]:
    fake = FakeOkx(clock)
    async with serving(fake.serve) as url:
        market = CcxtMarket("okx", clock=clock, url=url)
        try:
            await market.open()
            yield fake, market
        finally:
            await market.close()


@pytest.fixture
async def bybit(clock: FakeClock) -> AsyncIterator[tuple[FakeBybit, CcxtMarket]]:
    fake = FakeBybit(clock)
    async with serving(fake.serve) as url:
        market = CcxtMarket("bybit", clock=clock, url=url)
        try:
            await market.open()
            yield fake, market
        finally:
            await market.close()


async def test_okx_contracts_become_base_coin(okx: tuple[FakeOkx, CcxtMarket]) -> None:
    _fake, market = okx

    bitcoin, ether = await market.instrument(BTC), await market.instrument(ETH)

    assert (bitcoin.lot, bitcoin.min_quantity) == (Decimal("0.0001"), Decimal("0.0001"))  # 0.01 × 0.01 BTC
    assert (ether.lot, ether.tick) == (Decimal("0.001"), Decimal("0.01"))
    assert bitcoin.max_quantity == 200
    assert bitcoin.tiers_assumed
    with pytest.raises(UnknownSymbol):
        await market.instrument("BTC/USD:BTC")


@pytest.mark.parametrize(
    ("exchange_id", "says", "is_active", "ends_in_days"),
    [
        ("okx", {"state": "live", "expTime": ""}, True, None),
        ("okx", {"state": "suspend"}, False, None),
        ("okx", {"expTime": 2}, False, 2),
        ("okx", {"expTime": 20}, True, 20),
        ("bybit", {"status": "Trading", "deliveryTime": "0"}, True, None),
        ("bybit", {"status": "Closed"}, False, None),
        ("bybit", {"deliveryTime": 2}, False, 2),
        ("bybit", {"deliveryTime": 20}, True, 20),
    ],
)
async def test_a_perpetual_that_its_venue_is_to_end_says_when(
    clock: FakeClock, exchange_id: str, says: dict[str, Any], is_active: bool, ends_in_days: int | None
) -> None:
    """Days ahead stand for the time that the venue names."""
    start = clock.now()
    fake = FakeOkx(clock) if exchange_id == "okx" else FakeBybit(clock)
    fake.bitcoin = {
        name: value if isinstance(value, str) else str(to_ms(start + timedelta(days=value)))
        for name, value in says.items()
    }
    async with serving(fake.serve) as url:
        market = CcxtMarket(exchange_id, clock=clock, url=url)
        await market.open()
        instrument = await market.instrument(BTC)
        await market.close()

    ends_at = None if ends_in_days is None else start + timedelta(days=ends_in_days)
    assert (instrument.is_active, instrument.trades_until) == (is_active, ends_at)


async def test_okx_a_thousand_coins_under_one_name_stay_one_name_and_a_contract_is_multiplied_out(
    clock: FakeClock,
) -> None:
    fake = FakeOkx(clock)
    fake.bitcoin = okx_instrument("1000PEPE", "USDT", "linear", "10000", "1000PEPE", "0.0001")
    async with serving(fake.serve) as url:
        market = CcxtMarket("okx", clock=clock, url=url)
        await market.open()
        pepe = await market.instrument("1000PEPE/USDT:USDT")
        with pytest.raises(UnknownSymbol):
            await market.instrument("PEPE/USDT:USDT")
        await market.close()

    assert (pepe.base, pepe.lot, pepe.min_quantity) == ("1000PEPE", Decimal(100), Decimal(100))


async def test_okx_long_stretches_are_read_in_pages_at_once(
    okx: tuple[FakeOkx, CcxtMarket], clock: FakeClock
) -> None:
    fake, market = okx

    candles = await market.candles(BTC, "1h", clock.now(), 500)
    again = await market.candles(BTC, "1h", clock.now() - timedelta(hours=3), 400)

    pages = [query for path, query in fake.asked if path == "market/candles"]
    assert [int(query["limit"]) for query in pages] == [300, 201]
    assert len(candles) == 500
    assert candles.closed_at <= clock.now()
    assert candles.rows[-1, 5] == float(bar(int(candles.rows[-1, 0]), "1h")[5])  # coins, not contracts
    assert np.array_equal(again.rows, candles.rows[-403:-3])


async def test_okx_quotes_take_the_mark_from_its_own_endpoint(okx: tuple[FakeOkx, CcxtMarket]) -> None:
    fake, market = okx

    bitcoin, ether = await asyncio.gather(market.quote(BTC), market.quote(ETH))
    fake.mark = "150"

    assert (bitcoin.bid, bitcoin.ask, bitcoin.last, ether.mark) == (
        Decimal("99.9"), Decimal("100.1"), Decimal(100), Decimal(100),
    )  # fmt: skip
    assert sum(path == "market/tickers" for path, _query in fake.asked) == 1


async def test_okx_far_off_marks_are_refused(okx: tuple[FakeOkx, CcxtMarket]) -> None:
    fake, market = okx
    fake.mark = "150"

    with pytest.raises(BadMarketFacts, match="from mark 150"):
        await market.quote(BTC)


async def test_okx_background_is_in_usdt(okx: tuple[FakeOkx, CcxtMarket], clock: FakeClock) -> None:
    _fake, market = okx

    background = await market.background(BTC)

    assert (background.funding_rate, background.funding_interval_h) == (0.0002, 8.0)
    assert background.next_funding_at is not None
    assert timedelta(0) < background.next_funding_at - clock.now() <= timedelta(hours=8)
    assert background.quote_volume_24h == 70_000 * 0.01 * 100
    assert background.open_interest == 5005


async def test_html_instead_of_okx_is_unknown(okx: tuple[FakeOkx, CcxtMarket], clock: FakeClock) -> None:
    fake, market = okx
    fake.broken = "market/candles"

    with pytest.raises(Unknown, match="status 200"):
        await market.candles(BTC, "1h", clock.now(), 10)


async def test_bybit_instrument_has_its_market_cap_and_public_tiers(
    bybit: tuple[FakeBybit, CcxtMarket],
) -> None:
    _fake, market = bybit

    instrument = await market.instrument(BTC)

    assert (instrument.tick, instrument.lot) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.max_quantity, instrument.min_notional) == (Decimal(119), Decimal(5))
    assert not instrument.tiers_assumed
    assert [(tier.cap, tier.max_leverage) for tier in instrument.tiers] == [(2_000_000, 100), (4_000_000, 50)]
    assert instrument.tiers[1].maintenance_deduction == 10_000


async def test_bybit_candles_quote_and_background(
    bybit: tuple[FakeBybit, CcxtMarket], clock: FakeClock
) -> None:
    _fake, market = bybit

    candles = await market.candles(BTC, "4h", clock.now(), 500)
    quote = await market.quote(BTC)
    background = await market.background(BTC)

    assert len(candles) == 500
    assert candles.closed_at <= clock.now()
    assert (quote.bid, quote.mark) == (Decimal("99.9"), Decimal("100.05"))
    assert (background.funding_rate, background.funding_interval_h) == (-0.0001, 8.0)
    assert background.quote_volume_24h == 7000000.5
    assert background.open_interest == pytest.approx(150_050)
    assert await market.symbols_by_volume(5) == (BTC,)


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (10006, "Too many visits!", Throttled),
        (10003, "API key is invalid.", NotAllowed),
        (10016, "Server error", Unknown),
    ],
)
async def test_bybit_refusals_with_status_200_are_sorted(
    bybit: tuple[FakeBybit, CcxtMarket], clock: FakeClock, code: int, words: str, kind: type[Exception]
) -> None:
    fake, market = bybit
    fake.refusal = {"retCode": code, "retMsg": words, "result": {}, "time": 1}

    with pytest.raises(kind, match=words):
        await market.candles(BTC, "1h", clock.now(), 10)
