"""Candles over sockets: closed, checked, fetched once per bar."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from core.adapters.exchange.candle_cache import CandleCache, Series
from core.adapters.exchange.checks import checked_candles, rows_from
from core.adapters.exchange.market import CcxtMarket
from core.errors import BadMarketFacts, UnknownSymbol
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, next_close, to_ms
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.fake_venue import FakeClock, FakeVenue, bar, saying

BTC = "BTC/USDT:USDT"
HOUR = TIMEFRAMES["1h"]


def last_open(clock: FakeClock, timeframe: str) -> int:
    """Of the newest closed bar."""
    length = TIMEFRAMES[timeframe]
    return to_ms(clock.now()) // length * length - length


async def test_only_closed_candles_come_oldest_first(market: CcxtMarket, clock: FakeClock) -> None:
    candles = await market.candles(BTC, "1h", clock.now(), 50)

    assert len(candles) == 50
    assert candles.rows[-1, 0] == last_open(clock, "1h")
    assert candles.closed_at <= clock.now()
    assert candles.rows[0].tolist() == [float(value) for value in bar(int(candles.rows[0, 0]), "1h")[:6]]


async def test_a_bar_that_our_fast_clock_calls_closed_is_open_by_the_venue(
    venue: FakeVenue, clock: FakeClock
) -> None:
    venue.ahead_s = -480.0  # ours is eight minutes ahead: 12:07:30 is 11:59:30 there
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    await market.open()

    candles = await market.candles(BTC, "1h", clock.now(), 5)
    await market.close()

    assert market.clock_offset_s == pytest.approx(-480.0)
    assert candles.rows[-1, 0] == last_open(clock, "1h") - HOUR


async def test_a_bar_is_fetched_once_for_everybody(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.latency_s = 0.02

    answers = await asyncio.gather(*(market.candles(BTC, "15m", clock.now(), 100) for _ in range(20)))
    again = await market.candles(BTC, "15m", clock.now(), 60)

    assert venue.counts()["v1/klines"] == 1
    assert all(np.array_equal(answer.rows, answers[0].rows) for answer in answers)
    assert np.array_equal(again.rows, answers[0].rows[-60:])


async def test_a_cancelled_caller_leaves_the_others_their_answer(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.latency_s = 0.05
    first = asyncio.create_task(market.candles(BTC, "15m", clock.now(), 100))
    second = asyncio.create_task(market.candles(BTC, "15m", clock.now(), 100))
    await asyncio.sleep(0.01)

    first.cancel()
    candles = await second

    assert len(candles) == 100
    assert first.cancelled()
    assert venue.counts()["v1/klines"] == 1


async def test_after_a_close_only_the_missing_tail_is_fetched(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    before = await market.candles(BTC, "15m", clock.now(), 400)
    clock.pass_time(minutes=30)

    after = await market.candles(BTC, "15m", clock.now(), 400)

    assert venue.limits() == [401, 4]
    assert np.array_equal(after.rows[:-2], before.rows[2:])
    assert after.rows[-1, 0] == last_open(clock, "15m")


async def test_a_venue_that_rewrote_a_closed_bar_is_read_anew(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    await market.candles(BTC, "15m", clock.now(), 50)
    changed = last_open(clock, "15m")
    venue.rewritten["BTCUSDT", "15m", changed] = [changed, "100", "120", "90", "110", "5"]
    clock.pass_time(minutes=15)

    candles = await market.candles(BTC, "15m", clock.now(), 50)

    assert venue.limits() == [51, 3, 51]
    assert candles.rows[-2].tolist() == [changed, 100, 120, 90, 110, 5]


async def test_a_hole_in_the_tail_is_read_again_before_it_is_an_error(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    await market.candles(BTC, "15m", clock.now(), 50)
    clock.pass_time(minutes=30)
    venue.missing.add(("BTCUSDT", "15m", last_open(clock, "15m") - TIMEFRAMES["15m"]))

    with pytest.raises(BadMarketFacts, match="a gap after"):
        await market.candles(BTC, "15m", clock.now(), 50)
    assert venue.limits() == [51, 4, 51]


async def test_a_longer_stretch_than_the_known_one_is_read_in_full(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    await market.candles(BTC, "1h", clock.now(), 20)

    candles = await market.candles(BTC, "1h", clock.now(), 300)

    assert len(candles) == 300
    assert venue.limits() == [21, 301]


async def test_a_young_symbol_gives_what_exists_and_is_not_asked_twice(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    rows = [bar(last_open(clock, "4h") - back * TIMEFRAMES["4h"], "4h") for back in (2, 1, 0)]
    venue.fail("v1/klines", saying(rows))

    first = await market.candles(BTC, "4h", clock.now(), 200)
    second = await market.candles(BTC, "4h", clock.now(), 200)

    assert len(first) == len(second) == 3
    assert venue.counts()["v1/klines"] == 1


async def test_a_past_moment_gets_the_bars_of_its_time(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    past = clock.now() - timedelta(days=30)

    candles = await market.candles(BTC, "1h", past, 24)

    assert len(candles) == 24
    assert candles.closed_at == next_close(past, "1h") - timedelta(hours=1)


async def test_a_past_moment_inside_the_known_stretch_costs_no_request(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    known = await market.candles(BTC, "1h", clock.now(), 100)

    past = await market.candles(BTC, "1h", clock.now() - timedelta(hours=10), 50)

    assert np.array_equal(past.rows, known.rows[-60:-10])
    assert len(venue.asked) == 1


async def test_a_gap_is_an_error_that_names_symbol_timeframe_and_place(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.missing.add(("BTCUSDT", "1h", last_open(clock, "1h") - 3 * HOUR))

    with pytest.raises(BadMarketFacts, match=r"BTC/USDT:USDT 1h: a gap after 2026-05-04 07:00 UTC"):
        await market.candles(BTC, "1h", clock.now(), 10)


async def test_candles_that_stopped_are_stale(market: CcxtMarket, venue: FakeVenue, clock: FakeClock) -> None:
    old = [bar(last_open(clock, "15m") - back * TIMEFRAMES["15m"], "15m") for back in range(9, 3, -1)]
    venue.fail("v1/klines", saying(old))

    with pytest.raises(BadMarketFacts, match=r"15m: the newest candle closed 4\.5 timeframes ago"):
        await market.candles(BTC, "15m", clock.now(), 6)


async def test_a_venue_that_lags_by_one_bar_is_asked_again_by_the_next_caller(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    clock.moment = next_close(clock.moment, "1h") + timedelta(seconds=1)
    late = [bar(last_open(clock, "1h") - back * HOUR, "1h") for back in (2, 1)]
    venue.fail("v1/klines", saying(late))

    lagging = await market.candles(BTC, "1h", clock.now(), 2)
    caught_up = await market.candles(BTC, "1h", clock.now(), 2)

    assert lagging.rows[-1, 0] == last_open(clock, "1h") - HOUR
    assert caught_up.rows[-1, 0] == last_open(clock, "1h")


async def test_an_unknown_symbol_is_refused_without_a_request(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    with pytest.raises(UnknownSymbol, match="NOSUCH"):
        await market.candles("NOSUCH/USDT:USDT", "1h", clock.now(), 10)
    assert venue.asked == []


@pytest.mark.parametrize(("timeframe", "limit"), [("2h", 10), ("1h", 0), ("1h", 501)])
async def test_a_question_outside_the_bounds_is_a_bug_not_a_request(
    market: CcxtMarket, clock: FakeClock, timeframe: str, limit: int
) -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        await market.candles(BTC, timeframe, clock.now(), limit)


GOOD = [[index * HOUR, 10.0, 12.0, 9.0, 11.0, 5.0] for index in range(1, 6)]


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (2, 0, 2 * HOUR, "duplicate"),
        (2, 0, HOUR, "out of order"),
        (2, 0, 3 * HOUR + 60_000, "doesn't start on the timeframe's border"),
        (2, 0, float("nan"), "without a time"),
        (2, 4, float("nan"), "can't be"),
        (2, 2, float("inf"), "can't be"),
        (2, 1, 0.0, "can't be"),
        (2, 3, -1.0, "can't be"),
        (2, 5, -1.0, "can't be"),
        (2, 5, float("nan"), "can't be"),
        (2, 2, 10.5, "outside high and low"),
        (2, 3, 10.5, "outside high and low"),
    ],
)
def test_one_impossible_value_spoils_the_whole_answer(
    row: int, column: int, value: float, words: str
) -> None:
    rows = np.array(GOOD)
    rows[row, column] = value

    with pytest.raises(BadMarketFacts, match=words):
        checked_candles(BTC, "1h", rows, 6 * HOUR)


def test_no_candle_at_all_is_an_error() -> None:
    with pytest.raises(BadMarketFacts, match="no closed candle"):
        checked_candles(BTC, "1h", np.empty((0, 6)), HOUR)


def test_zero_volume_is_a_quiet_bar_not_an_error() -> None:
    rows = np.array(GOOD)
    rows[2, 5] = 0.0

    assert len(checked_candles(BTC, "1h", rows, 6 * HOUR)) == 5


def test_what_everybody_shares_cannot_be_written_to() -> None:
    candles = checked_candles(BTC, "1h", np.array(GOOD), 6 * HOUR)

    with pytest.raises(ValueError, match="read-only"):
        candles.rows[0, 0] = 1.0


@pytest.mark.parametrize("raw", [None, {}, "<html>", [1, 2], [[1, 2, 3]], [[1, "x", 1, 1, 1, 1]]])
def test_what_is_no_list_of_bars_is_refused(raw: object) -> None:
    with pytest.raises(ValueError):
        rows_from(raw)


def test_the_cache_forgets_the_series_nobody_asked_for() -> None:
    cache = CandleCache(max_series=2)
    series = Series(np.array(GOOD), 5)
    cache.put(("A", "1h"), series)
    cache.put(("B", "1h"), series)

    cache.get(("A", "1h"))
    cache.put(("C", "1h"), series)

    assert len(cache) == 2
    assert cache.get(("A", "1h")) is series
    assert cache.get(("B", "1h")) is None


async def test_a_scan_of_fifteen_symbols_takes_little_longer_than_one_answer(clock: FakeClock) -> None:
    venue = FakeVenue(clock, tuple(f"C{number}USDT" for number in range(15)))
    async with serving(venue.serve) as url:
        market = CcxtMarket("binanceusdm", clock=clock, url=url)
        await market.open()
        venue.latency_s = 0.2
        symbols = await market.symbols_by_volume(15)
        loop = asyncio.get_running_loop()
        started = loop.time()

        await asyncio.gather(
            *(market.candles(name, frame, clock.now(), 60) for name in symbols for frame in SCAN_TIMEFRAMES),
            *(market.quote(name) for name in symbols),
            *(market.background(name) for name in symbols),
        )
        took = loop.time() - started
        await market.close()

    assert len(venue.limits()) == 45
    assert took < 1.0  # one after the other it would be 13 s; here the fake's own work is most of it
