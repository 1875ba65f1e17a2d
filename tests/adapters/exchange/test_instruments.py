from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.tiers import binance_tiers, careful_tiers, continuous, unified_tiers
from core.errors import NotAllowed, Unknown, UnknownSymbol
from core.market import to_ms
from tests.adapters.exchange.fake_venue import (
    NOW,
    FakeClock,
    FakeVenue,
    hang,
    listed,
    page,
    refusing,
    reply,
    saying,
)

BTC = "BTC/USDT:USDT"


async def test_a_lot_satisfies_the_ordinary_and_the_market_rule(market: CcxtMarket) -> None:
    instrument = await market.instrument(BTC)

    assert (instrument.symbol, instrument.base) == (BTC, "BTC")
    assert instrument.tick == Decimal("0.10")
    assert instrument.lot == Decimal("0.01")
    assert instrument.min_quantity == Decimal("0.01")
    assert instrument.max_quantity == Decimal(120)
    assert instrument.min_notional == Decimal(100)
    assert (instrument.taker_fee, instrument.maker_fee) == (Decimal("0.0005"), Decimal("0.0002"))
    assert instrument.is_active
    assert instrument.tiers_assumed


@pytest.mark.parametrize(
    ("changes", "is_active", "ends_in_days"),
    [
        ({}, True, None),
        ({"status": "SETTLING"}, False, None),
        ({"status": "PENDING_TRADING"}, False, None),
        ({"deliveryDate": 0}, True, None),
        ({"deliveryDate": to_ms(NOW) + 5 * 86_400_000}, False, 5),
        ({"deliveryDate": to_ms(NOW) + 30 * 86_400_000}, True, 30),
    ],
)
async def test_a_perpetual_that_is_being_delisted_is_not_active(
    venue: FakeVenue, clock: FakeClock, changes: dict[str, Any], is_active: bool, ends_in_days: int | None
) -> None:
    venue.symbols[0] = listed("BTCUSDT", **changes)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    await market.open()

    instrument = await market.instrument(BTC)
    by_volume = await market.symbols_by_volume(10)
    await market.close()

    assert instrument.is_active is is_active is (BTC in by_volume)
    ends_at = None if ends_in_days is None else NOW + timedelta(days=ends_in_days)
    assert instrument.trades_until == ends_at


async def test_what_is_no_usdt_perpetual_is_not_listed(venue: FakeVenue, clock: FakeClock) -> None:
    broken = listed("LTCUSDT")
    broken["filters"] = []
    venue.symbols += [
        listed("BTCUSDT_260626", contractType="CURRENT_QUARTER"),
        listed("BTCUSDC", quoteAsset="USDC", marginAsset="USDC"),
        listed("XAUUSDT", contractType="TRADIFI_PERPETUAL"),
        listed("币安人生USDT"),
        broken,
    ]
    venue.symbols += [listed("1000PEPEUSDT")]
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    await market.open()

    pepe = await market.instrument("1000PEPE/USDT:USDT")
    for name in ("XAU", "LTC", "币安人生", "BTC_260626"):
        with pytest.raises(UnknownSymbol):
            await market.instrument(f"{name}/USDT:USDT")
    await market.close()

    assert pepe.base == "1000PEPE"


async def test_the_venues_own_weight_limit_is_taken(venue: FakeVenue, clock: FakeClock) -> None:
    rule = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    venue.fail("v1/exchangeInfo", saying({"rateLimits": [rule], "symbols": venue.symbols}))
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)

    await market.open()
    await market.close()

    assert market.budget.limit == 6000


async def test_instruments_are_reloaded_daily_and_old_ones_hold_when_that_fails(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.symbols[0]["filters"][0]["tickSize"] = "0.50"
    venue.fail("v1/exchangeInfo", *[page()] * 4)
    clock.pass_time(days=1, seconds=1)

    old = await market.instrument(BTC)
    async with asyncio.timeout(5):
        while venue.counts()["v1/exchangeInfo"] < 4:
            await asyncio.sleep(0.01)
    still_old = await market.instrument(BTC)
    clock.pass_time(seconds=120)
    async with asyncio.timeout(5):
        while (new := await market.instrument(BTC)).tick == old.tick:
            await asyncio.sleep(0.01)

    assert old.tick == still_old.tick == Decimal("0.10")
    assert new.tick == Decimal("0.50")


async def test_doubted_rules_are_read_again_soon_but_not_for_every_rejected_order(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    await market.instrument(BTC)
    venue.symbols[0]["filters"][0]["tickSize"] = "0.50"

    market.doubt(BTC)
    async with asyncio.timeout(5):
        while (new := await market.instrument(BTC)).tick != Decimal("0.50"):
            await asyncio.sleep(0.01)
    for _ in range(5):
        market.doubt(BTC)
        clock.pass_time(seconds=60)
        await market.instrument(BTC)
    await asyncio.sleep(0)
    soon = venue.counts()["v1/exchangeInfo"]
    clock.pass_time(seconds=600)
    market.doubt(BTC)
    async with asyncio.timeout(5):
        while venue.counts()["v1/exchangeInfo"] == soon:
            await market.instrument(BTC)
            await asyncio.sleep(0.01)

    assert new.tick == Decimal("0.50")
    assert soon == 1


async def test_with_keys_the_real_brackets_are_read(venue: FakeVenue, clock: FakeClock) -> None:
    columns = ("initialLeverage", "notionalCap", "notionalFloor", "maintMarginRatio", "cum")
    brackets = [(75, 10_000, 0, 0.005, 0.0), (50, 50_000, 10_000, 0.01, 50.0)]
    rows = [dict(zip(columns, bracket, strict=True)) for bracket in brackets]
    venue.fail("v1/leverageBracket", saying([{"symbol": "BTCUSDT", "brackets": rows}]))
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url, api_key="k", secret="s")
    await market.open()

    bitcoin = await market.instrument(BTC)
    ether = await market.instrument("ETH/USDT:USDT")
    await market.close()

    assert not bitcoin.tiers_assumed
    assert bitcoin.tier_for(Decimal(20_000)).maintenance_deduction == 50
    assert ether.tiers_assumed


async def test_an_exchange_without_symbols_is_no_answer(venue: FakeVenue, clock: FakeClock) -> None:
    venue.fail("v1/exchangeInfo", *[saying({"symbols": []})] * 4)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)

    with pytest.raises(Unknown):
        await market.open()
    await market.close()


async def test_a_market_that_is_not_open_knows_nothing(clock: FakeClock) -> None:
    market = CcxtMarket("binanceusdm", clock=clock, url="http://127.0.0.1:9")

    with pytest.raises(Unknown, match="isn't open"):
        await market.quote(BTC)
    assert market.health().state == "down"


REAL_BRACKETS = {  # cap, leverage, rate, cum: of a small, a middling and the largest perpetual, May 2026
    "TRX": [(10_000, 75, "0.0065", 0), (90_000, 50, "0.01", 35), (120_000, 40, "0.015", 485),
            (650_000, 25, "0.02", 1085), (800_000, 20, "0.025", 4335), (3_000_000, 10, "0.05", 24335),
            (6_000_000, 5, "0.1", 174335), (12_000_000, 4, "0.125", 324335)],
    "SUI": [(20_000, 75, "0.01", 0), (200_000, 50, "0.015", 100), (1_000_000, 25, "0.02", 1100),
            (2_000_000, 20, "0.025", 6100), (10_000_000, 10, "0.05", 56100), (20_000_000, 5, "0.1", 556100)],
    "BTC": [(300_000, 150, "0.004", 0), (800_000, 100, "0.005", 300), (3_000_000, 75, "0.0065", 1500),
            (12_000_000, 50, "0.01", 12000), (70_000_000, 25, "0.02", 132000)],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REAL_BRACKETS))
def test_the_assumed_tiers_are_never_kinder_than_the_real_ones(name: str) -> None:
    assumed = careful_tiers()
    real = [(Decimal(cap), lev, Decimal(rate), Decimal(cum)) for cap, lev, rate, cum in REAL_BRACKETS[name]]

    for notional in (
        Decimal(amount) for amount in (10, 5_000, 10_000, 49_999, 50_001, 240_000, 900_000, 5_000_000)
    ):
        mine = next(tier for tier in assumed if notional <= tier.cap)
        _cap, leverage, rate, cum = next(row for row in real if notional <= row[0])
        assert notional * mine.maintenance_rate - mine.maintenance_deduction >= notional * rate - cum
        assert mine.max_leverage <= leverage


def test_the_assumed_tiers_are_tightened_by_what_the_venue_says() -> None:
    tiers = careful_tiers(Decimal("0.04"), 8)

    assert (tiers[0].maintenance_rate, tiers[0].max_leverage) == (Decimal("0.04"), 8)
    assert tiers[1].maintenance_rate == Decimal("0.05")


def test_maintenance_never_jumps_between_tiers() -> None:
    for lower, upper in zip(careful_tiers(), careful_tiers()[1:], strict=False):
        below = lower.cap * lower.maintenance_rate - lower.maintenance_deduction
        above = upper.floor * upper.maintenance_rate - upper.maintenance_deduction
        assert below == above


@pytest.mark.parametrize(
    "steps",
    [[], [(Decimal(5), 10, Decimal(0))], [(Decimal(5), 10, Decimal("0.1")), (Decimal(5), 5, Decimal("0.2"))]],
)
def test_tiers_that_do_not_ascend_are_refused(steps: list[tuple[Decimal, int, Decimal]]) -> None:
    with pytest.raises(ValueError):
        continuous(steps)


def test_brackets_that_do_not_start_at_zero_are_refused() -> None:
    row = {
        "initialLeverage": 75,
        "notionalCap": 10000,
        "notionalFloor": 5,
        "maintMarginRatio": 0.005,
        "cum": 0.0,
    }

    with pytest.raises(ValueError, match="start at zero"):
        binance_tiers([row])


def test_unified_tiers_get_their_deduction() -> None:
    rows = [
        {"maxNotional": 2_000_000, "maxLeverage": 50, "maintenanceMarginRate": 0.01},
        {"maxNotional": 1_000_000, "maxLeverage": 100, "maintenanceMarginRate": 0.005},
    ]

    first, second = unified_tiers(rows)

    assert (first.cap, first.maintenance_deduction) == (Decimal(1_000_000), 0)
    assert second.maintenance_deduction == 5000


async def test_what_does_not_come_in_time_goes_on_loading_and_is_unknown_meanwhile(
    venue: FakeVenue, clock: FakeClock
) -> None:
    go = asyncio.Event()

    async def late(_request: web.Request) -> web.StreamResponse:
        await go.wait()
        return reply(venue.answer("v1/exchangeInfo", {}))

    venue.fail("v1/exchangeInfo", late)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    with pytest.raises(Unknown, match=r"within 0\.3 s"):
        await market.open(within_s=0.3)
    go.set()

    instrument = await market.instrument(BTC)
    await market.close()

    assert instrument.symbol == BTC and venue.counts()["v1/exchangeInfo"] == 1


async def test_a_clock_question_that_hangs_holds_up_no_instruments(
    venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/time", hang)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    with pytest.raises(Unknown, match="clock"):
        await market.open(within_s=0.5)

    venue.asked.clear()
    instrument = await market.instrument(BTC)
    await market.close()

    assert instrument.symbol == BTC and venue.asked == []


async def test_a_key_that_is_refused_is_no_matter_of_patience(venue: FakeVenue, clock: FakeClock) -> None:
    venue.fail("v1/time", refusing(451, 0, "Service unavailable from a restricted location"))
    venue.fail("v1/exchangeInfo", hang)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)

    with pytest.raises(NotAllowed):
        await market.open(within_s=0.5)
    await market.close()


async def test_the_clock_is_asked_for_seconds_only(market: CcxtMarket, venue: FakeVenue) -> None:
    venue.fail("v1/time", *[hang] * 9)
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(Unknown):
        await market.measure_clock()

    assert loop.time() - started < 5
