"""Quotes and background: joint questions, kept briefly, refused when they can't be true."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.adapters.exchange.market import CcxtMarket
from core.errors import BadMarketFacts, UnknownSymbol
from tests.adapters.exchange.fake_venue import FakeClock, FakeVenue, refusing, saying

BTC, ETH, SOL, XRP = (f"{name}/USDT:USDT" for name in ("BTC", "ETH", "SOL", "XRP"))
PRICE_PATHS = {"v1/ticker/bookTicker", "v1/premiumIndex", "v2/ticker/price"}


async def test_a_quote_is_the_book_the_last_trade_and_the_mark(market: CcxtMarket, clock: FakeClock) -> None:
    quote = await market.quote(BTC)

    assert (quote.bid, quote.ask) == (Decimal("99.9"), Decimal("100.1"))
    assert (quote.last, quote.mark) == (Decimal("100.0"), Decimal("100.0"))
    assert quote.at == clock.now() - timedelta(seconds=1)


async def test_many_symbols_at_once_are_three_questions(market: CcxtMarket, venue: FakeVenue) -> None:
    quotes = await asyncio.gather(*(market.quote(symbol) for symbol in (BTC, ETH, SOL, XRP)))

    assert [quote.symbol for quote in quotes] == [BTC, ETH, SOL, XRP]
    assert venue.counts() == dict.fromkeys(PRICE_PATHS, 1)
    assert all("symbol" not in query for _path, query in venue.asked)
    assert market.budget.used < 30


async def test_one_symbol_asks_for_itself_only(market: CcxtMarket, venue: FakeVenue) -> None:
    await market.quote(ETH)

    assert [query for _path, query in venue.asked] == [{"symbol": "ETHUSDT"}] * 3


async def test_who_comes_while_a_joint_question_is_under_way_gets_its_answer(
    market: CcxtMarket, venue: FakeVenue
) -> None:
    venue.latency_s = 0.1
    scan = [asyncio.create_task(market.quote(symbol)) for symbol in (BTC, ETH, SOL)]
    await asyncio.sleep(0.05)

    late = await market.quote(XRP)
    await asyncio.gather(*scan)

    assert late.symbol == XRP
    assert venue.counts() == dict.fromkeys(PRICE_PATHS, 1)


async def test_a_quote_is_kept_for_a_second_and_no_longer(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    await market.quote(BTC)
    clock.pass_time(seconds=0.5)
    await market.quote(BTC)
    asked_once = len(venue.asked)

    clock.pass_time(seconds=0.6)
    await market.quote(BTC)

    assert (asked_once, len(venue.asked)) == (3, 6)


async def test_one_bad_price_does_not_spoil_the_other_symbols(market: CcxtMarket, venue: FakeVenue) -> None:
    venue.lasts["ETHUSDT"] = "NaN"

    found = await asyncio.gather(*(market.quote(s) for s in (BTC, ETH, SOL)), return_exceptions=True)

    assert isinstance(found[1], BadMarketFacts)
    assert [quote.symbol for quote in (found[0], found[2]) if not isinstance(quote, BaseException)] == [
        BTC,
        SOL,
    ]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("bidPrice", "0", "bid is 0"),
        ("askPrice", "NaN", "ask is 'NaN'"),
        ("askPrice", "", "ask is ''"),
        ("bidPrice", "100.2", "bid 100.2 is above ask 100.1"),
        ("last", "1000.0", "last trade 1000.0 is 900% from mark 100.0"),
        ("last", "-1", "last is -1"),
        ("mark", "Infinity", "mark is 'Infinity'"),
        ("mark", "120.0", "from mark 120.0"),
    ],
)
async def test_a_price_that_cannot_be_is_an_error_not_a_number(
    market: CcxtMarket, venue: FakeVenue, place: str, value: str, words: str
) -> None:
    if place == "last":
        venue.lasts["BTCUSDT"] = value
    elif place == "mark":
        venue.marks["BTCUSDT"] = value
    else:
        venue.books["BTCUSDT"][place] = value

    with pytest.raises(BadMarketFacts, match=words):
        await market.quote(BTC)


async def test_a_mark_price_that_stopped_is_refused(market: CcxtMarket, venue: FakeVenue) -> None:
    venue.mark_age_s = 45

    with pytest.raises(BadMarketFacts, match="the mark price is 45 s old"):
        await market.quote(BTC)


async def test_a_symbol_the_venue_left_out_of_its_answer_has_no_quote(
    market: CcxtMarket, venue: FakeVenue
) -> None:
    venue.fail("v2/ticker/price", saying([{"symbol": "BTCUSDT", "price": "100"}]))

    found = await asyncio.gather(*(market.quote(s) for s in (BTC, ETH, SOL)), return_exceptions=True)

    assert isinstance(found[1], BadMarketFacts)


async def test_an_unknown_symbol_has_no_quote_and_no_background(market: CcxtMarket, venue: FakeVenue) -> None:
    with pytest.raises(UnknownSymbol):
        await market.quote("NOSUCH/USDT:USDT")
    with pytest.raises(UnknownSymbol):
        await market.background("NOSUCH/USDT:USDT")
    assert venue.asked == []


async def test_the_background_holds_funding_volume_and_open_interest(market: CcxtMarket) -> None:
    bitcoin, ether = await asyncio.gather(market.background(BTC), market.background(ETH))

    assert (bitcoin.funding_rate, bitcoin.funding_interval_h) == (0.0001, 8.0)
    assert ether.funding_interval_h == 4.0
    assert ether.funding_per_8h() == pytest.approx(0.0002)
    assert bitcoin.next_funding_at == datetime(2026, 5, 4, 16, tzinfo=UTC)
    assert bitcoin.quote_volume_24h == 1000.5
    assert bitcoin.open_interest == pytest.approx(25_050.0)


async def test_the_background_of_many_symbols_is_asked_jointly_and_kept_for_a_minute(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    for _round in range(2):
        await asyncio.gather(*(market.background(symbol) for symbol in (BTC, ETH, SOL, XRP)))
        clock.pass_time(seconds=25)

    assert venue.counts() == {
        "v1/premiumIndex": 1,
        "v1/ticker/24hr": 1,
        "v1/fundingInfo": 1,
        "v1/openInterest": 4,
    }


async def test_what_the_venue_does_not_say_is_none(market: CcxtMarket, venue: FakeVenue) -> None:
    venue.fail("v1/openInterest", *[refusing(400, -1000, "unknown")] * 4)
    venue.fail("v1/fundingInfo", *[refusing(500, -1000, "unknown")] * 4)
    venue.fail("v1/premiumIndex", saying({"symbol": "BTCUSDT", "markPrice": "100", "lastFundingRate": ""}))

    background = await market.background(BTC)

    assert background.open_interest is None
    assert background.funding_rate is None
    assert background.funding_interval_h is None
    assert background.next_funding_at is None
    assert background.funding_per_8h() is None
    assert background.quote_volume_24h == 1000.5


async def test_symbols_come_by_volume_and_only_active_ones(
    venue: FakeVenue, market: CcxtMarket, clock: FakeClock
) -> None:
    venue.symbols[3]["status"] = "SETTLING"
    clock.pass_time(days=1, seconds=1)
    await market.quote(BTC)  # starts the daily reload
    async with asyncio.timeout(5):
        while (await market.instrument(XRP)).is_active:
            await asyncio.sleep(0.01)

    assert await market.symbols_by_volume(2) == (SOL, ETH)
    assert await market.symbols_by_volume(9) == (SOL, ETH, BTC)
