"""ccxt's binanceusdm, unmodified, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ccxt
import numpy as np
import pytest

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from bot.demo.market_series import HOUR_MS, MINUTE_MS
from tests.demo.ccxt_client import binance_at
from tests.demo.hand_clock import NOON_MS, HandClock

SOL = "SOL/USDT:USDT"
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1_440}


@dataclass
class Venue:
    clock: HandClock
    market: SeededMarket
    exchange: ExchangeStandIn
    client: Any


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    clock = HandClock(NOON_MS + 2 * HOUR_MS + 34 * MINUTE_MS + 21_500)
    market = SeededMarket(clock, 3, scenario={}, history_days=4)
    exchange = ExchangeStandIn(market)
    await exchange.start()
    async with binance_at(exchange.url) as client:
        await client.load_markets()
        yield Venue(clock, market, exchange, client)
    await exchange.stop()


async def test_every_listed_perpetual_loads_with_its_rules(venue: Venue) -> None:
    for instrument in LISTED:
        market = venue.client.market(f"{instrument.base}/USDT:USDT")
        assert market["id"] == instrument.symbol
        assert market["swap"] and market["linear"] and market["active"] and market["contractSize"] == 1
        assert market["precision"]["price"] == pytest.approx(instrument.tick)
        assert market["precision"]["amount"] == pytest.approx(instrument.lot)
        assert market["limits"]["cost"]["min"] == instrument.min_notional_usdt


@pytest.mark.parametrize("timeframe", LENGTHS)
async def test_candles_of_every_timeframe_are_aligned_and_made_of_shorter_ones(
    venue: Venue, timeframe: str
) -> None:
    length = LENGTHS[timeframe] * MINUTE_MS
    finer = "1h" if timeframe == "1d" else "1m"

    rows = np.array(await venue.client.fetch_ohlcv(SOL, timeframe, limit=3))
    parts = np.array(await venue.client.fetch_ohlcv(SOL, finer, since=int(rows[0, 0]), limit=1_000))

    assert len(rows) == 3 and (rows[:, 0] % length == 0).all() and (np.diff(rows[:, 0]) == length).all()
    assert rows[-1, 0] <= venue.clock() < rows[-1, 0] + length
    for row in rows:
        inside = parts[(parts[:, 0] >= row[0]) & (parts[:, 0] < row[0] + length)]
        assert row[1] == inside[0, 1] and row[4] == inside[-1, 4]
        assert row[2] == inside[:, 2].max() and row[3] == inside[:, 3].min()
        assert row[5] == pytest.approx(inside[:, 5].sum())


async def test_the_last_candle_is_unfinished_and_holds_the_present_price(venue: Venue) -> None:
    first = await venue.client.fetch_ohlcv(SOL, "1h", limit=2)
    venue.clock.forward(minutes=3)
    second = await venue.client.fetch_ohlcv(SOL, "1h", limit=2)
    ticker = await venue.client.fetch_ticker(SOL)

    assert first[0] == second[0]
    assert first[1][0] == second[1][0] and first[1][5] < second[1][5]
    assert second[1][4] == ticker["last"]


async def test_candles_from_a_moment_on_begin_there(venue: Venue) -> None:
    since = NOON_MS - 30 * HOUR_MS

    rows = await venue.client.fetch_ohlcv(SOL, "1h", since=since, limit=5)

    assert [row[0] for row in rows] == [since + hour * HOUR_MS for hour in range(5)]


async def test_mark_and_index_candles_follow_the_last_price(venue: Venue) -> None:
    last = np.array(await venue.client.fetch_ohlcv(SOL, "1h", limit=20))
    mark = np.array(await venue.client.fetch_mark_ohlcv(SOL, "1h", limit=20))
    index = np.array(await venue.client.fetch_index_ohlcv(SOL, "1h", limit=20))

    assert np.allclose(mark[:, 1:5], last[:, 1:5], rtol=2e-3) and (mark[:, 0] == last[:, 0]).all()
    assert np.allclose(index[:, 1:5], last[:, 1:5], rtol=5e-3)


async def test_ticker_book_and_mark_price_agree(venue: Venue) -> None:
    ticker = await venue.client.fetch_ticker(SOL)
    touch = (await venue.client.fetch_bids_asks([SOL]))[SOL]
    book = await venue.client.fetch_order_book(SOL, 20)
    mark = await venue.client.fetch_mark_price(SOL)
    price = (await venue.client.fetch_last_prices([SOL]))[SOL]["price"]

    assert ticker["low"] <= ticker["last"] <= ticker["high"] and ticker["timestamp"] == venue.clock()
    assert ticker["last"] == price and price in (touch["bid"], touch["ask"])
    assert book["bids"][0][0] == touch["bid"] < touch["ask"] == book["asks"][0][0]
    assert len(book["bids"]) == len(book["asks"]) == 20 and book["timestamp"] == venue.clock()
    assert mark["markPrice"] == pytest.approx(price, rel=2e-3)
    assert ticker["quoteVolume"] == pytest.approx(ticker["baseVolume"] * ticker["vwap"], rel=1e-4)


async def test_all_tickers_funding_rates_and_mark_prices_come_in_one_answer_each(venue: Venue) -> None:
    tickers = await venue.client.fetch_tickers()
    rates = await venue.client.fetch_funding_rates()
    marks = await venue.client.fetch_mark_prices()

    names = {f"{each.base}/USDT:USDT" for each in LISTED}
    assert set(tickers) == set(rates) == set(marks) == names
    assert venue.exchange.requests["/fapi/v1/ticker/24hr"] == 1


async def test_funding_is_told_with_its_time_and_interval_and_its_history_is_settled(venue: Venue) -> None:
    rate = await venue.client.fetch_funding_rate(SOL)
    interval = (await venue.client.fetch_funding_intervals([SOL]))[SOL]["interval"]
    history = await venue.client.fetch_funding_rate_history(SOL, limit=3)

    assert rate["fundingTimestamp"] == NOON_MS + 4 * HOUR_MS and interval == "8h"
    assert [each["timestamp"] for each in history] == [NOON_MS - hours * HOUR_MS for hours in (20, 12, 4)]
    assert all(abs(each["fundingRate"]) < 0.003 for each in history)


async def test_open_interest_now_is_where_its_history_ends(venue: Venue) -> None:
    now = await venue.client.fetch_open_interest(SOL)
    history = await venue.client.fetch_open_interest_history(SOL, "1h", limit=5)

    assert [each["timestamp"] for each in history] == [NOON_MS + hour * HOUR_MS for hour in range(-2, 3)]
    assert history[-1]["openInterestAmount"] == pytest.approx(now["openInterestAmount"], rel=0.03)
    assert history[-1]["openInterestValue"] > 1e6


async def test_trades_are_at_the_prices_of_their_seconds(venue: Venue) -> None:
    trades = await venue.client.fetch_trades(SOL, limit=5)

    assert len(trades) == 5
    for trade in trades:
        assert Decimal(str(trade["price"])) == venue.market.price("SOLUSDT", trade["timestamp"])


async def test_time_and_status_are_answered(venue: Venue) -> None:
    assert await venue.client.fetch_time() == venue.clock()
    assert (await venue.client.fetch_status())["status"] == "ok"


async def test_a_nudged_price_is_seen_everywhere_and_a_gap_at_once(venue: Venue) -> None:
    before = (await venue.client.fetch_ticker(SOL))["last"]
    venue.exchange.nudge("SOLUSDT", -0.08, 20)
    venue.clock.forward(seconds=25)
    fallen = (await venue.client.fetch_ticker(SOL))["last"]
    venue.exchange.set_price("SOLUSDT", Decimal("50"))
    gapped = await venue.client.fetch_ticker(SOL)
    mark = await venue.client.fetch_mark_price(SOL)
    bar = (await venue.client.fetch_ohlcv(SOL, "1h", limit=1))[0]

    assert fallen == pytest.approx(before * 0.92, rel=0.01)
    assert gapped["last"] == gapped["low"] == bar[3] == bar[4] == 50
    assert mark["markPrice"] == pytest.approx(50, rel=2e-3)


async def test_an_unknown_symbol_is_a_bad_symbol(venue: Venue) -> None:
    with pytest.raises(ccxt.BadSymbol):
        await venue.client.fapiPublicGetKlines({"symbol": "NOPEUSDT", "interval": "1h"})


async def test_a_missing_parameter_is_a_bad_request(venue: Venue) -> None:
    with pytest.raises(ccxt.BadRequest):
        await venue.client.fapiPublicGetKlines({"interval": "1h"})


async def test_an_account_is_refused_for_its_key(venue: Venue) -> None:
    venue.client.apiKey, venue.client.secret = "nobody", "knows"

    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        await venue.client.fetch_positions([SOL])


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure.UNAVAILABLE, ccxt.OperationFailed),
        (Failure.RESET, ccxt.NetworkError),
        (Failure.THROTTLED, ccxt.DDoSProtection),
        (Failure.BANNED, ccxt.DDoSProtection),
    ],
)
async def test_a_failure_arrives_as_ccxt_would_report_the_venues_and_passes(
    venue: Venue, failure: Failure, expected: type[Exception]
) -> None:
    repeated = 2 if failure is Failure.RESET else 1  # aiohttp itself asks again when a kept connection is cut
    venue.exchange.faults.fail_next(repeated, failure)

    with pytest.raises(expected):
        await venue.client.fetch_ohlcv(SOL, "1h", limit=2)
    assert len(await venue.client.fetch_ohlcv(SOL, "1h", limit=2)) == 2


async def test_frozen_data_grows_old_while_the_venues_clock_runs(venue: Venue) -> None:
    venue.exchange.freeze()
    frozen_at = venue.clock()
    venue.clock.forward(hours=3)

    ticker = await venue.client.fetch_ticker(SOL)
    rows = await venue.client.fetch_ohlcv(SOL, "15m", limit=2)

    assert ticker["timestamp"] == frozen_at and rows[-1][0] <= frozen_at
    assert await venue.client.fetch_time() == venue.clock()
    venue.exchange.faults.thaw()
    assert (await venue.client.fetch_ticker(SOL))["timestamp"] == venue.clock()


async def test_a_lost_candle_leaves_a_hole_in_its_timeframe_only(venue: Venue) -> None:
    hole = NOON_MS - 3 * HOUR_MS
    venue.exchange.faults.lose_candle("SOLUSDT", "1h", hole)

    hours = [row[0] for row in await venue.client.fetch_ohlcv(SOL, "1h", limit=8)]
    quarters = [row[0] for row in await venue.client.fetch_ohlcv(SOL, "15m", limit=40)]

    assert len(hours) == 7 and hole not in hours
    assert hole in quarters


@pytest.mark.parametrize("text", ["0", "NaN"])
async def test_a_spoilt_price_is_sent_wherever_the_price_belongs(venue: Venue, text: str) -> None:
    venue.exchange.faults.spoil("SOLUSDT", text)

    row = (await venue.client.fapiPublicGetKlines({"symbol": "SOLUSDT", "interval": "1h", "limit": 2}))[-1]
    touch = await venue.client.fapiPublicGetTickerBookTicker({"symbol": "SOLUSDT"})
    mark = await venue.client.fapiPublicGetPremiumIndex({"symbol": "SOLUSDT"})
    ticker = await venue.client.fapiPublicGetTicker24hr({"symbol": "SOLUSDT"})
    book = await venue.client.fapiPublicGetDepth({"symbol": "SOLUSDT", "limit": 5})
    other = await venue.client.fapiPublicGetTicker24hr({"symbol": "BTCUSDT"})

    assert row[4] == touch["bidPrice"] == touch["askPrice"] == mark["markPrice"] == text
    assert ticker["lastPrice"] == book["bids"][0][0] == text
    assert float(other["lastPrice"]) > 1_000
