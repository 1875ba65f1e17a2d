"""Recorded candles as a live market: nothing later than the clock is ever shown."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import BadMarketFacts, UnknownSymbol
from core.market import TIMEFRAMES, Side, from_ms, to_ms
from core.sim.clock import VirtualClock
from core.sim.history import Funding, HistoryMarket, aggregate, passage, path_of
from tests.core.builders import BTC, SOL, an_instrument
from tests.core.sim.stand import D

FIRST = 1_699_999_200_000
"""Some hour, not a multiple of four."""
HOUR = 3_600_000


def bars(count: int, first: int = FIRST, step: int = 300_000) -> NDArray[np.float64]:
    """Every bar has prices of its own, so a bar that is out of place shows."""
    index = np.arange(count, dtype=np.float64)
    price = 100 + index
    return np.column_stack([first + index * step, price, price + 2, price - 3, price + 1, index + 1])


def a_market(
    count: int = 600, at_ms: int = FIRST, funding: Funding | None = None
) -> tuple[HistoryMarket, VirtualClock]:
    clock = VirtualClock(from_ms(at_ms))
    known = {SOL: funding} if funding else None
    return HistoryMarket({SOL: bars(count)}, "5m", {SOL: an_instrument()}, clock, known), clock


@given(
    minutes=st.integers(16, 3000),
    ahead=st.integers(-60, 600),
    timeframe=st.sampled_from(["5m", "15m", "1h", "4h"]),
)
async def test_no_candle_is_shown_before_it_has_closed(minutes: int, ahead: int, timeframe: str) -> None:
    market, clock = a_market()
    clock.advance(minutes * 60)
    now_ms = to_ms(clock.now())
    try:
        candles = await market.candles(SOL, timeframe, clock.now() + timedelta(minutes=ahead), 10)
    except BadMarketFacts:
        first_close = -(-FIRST // TIMEFRAMES[timeframe]) * TIMEFRAMES[timeframe] + TIMEFRAMES[timeframe]
        assert min(now_ms, now_ms + ahead * 60_000) < first_close
        return

    asked = min(now_ms, now_ms + ahead * 60_000)
    last = to_ms(candles.closed_at)
    assert last <= asked
    is_at_the_end = last + TIMEFRAMES[timeframe] > FIRST + 600 * 300_000
    assert is_at_the_end or last + TIMEFRAMES[timeframe] > asked  # and the newest closed one is there


@given(minutes=st.integers(300, 2900))
async def test_the_past_does_not_change_when_the_future_does(minutes: int) -> None:
    at = FIRST + minutes * 60_000
    changed = bars(600)
    changed[changed[:, 0] + 300_000 > at, 1:] *= 7
    clock = VirtualClock(from_ms(at))
    other = HistoryMarket({SOL: changed}, "5m", {SOL: an_instrument()}, clock)
    market, _ = a_market(at_ms=at)

    for timeframe in ("5m", "15m", "1h"):
        one = await market.candles(SOL, timeframe, clock.now(), 50)
        two = await other.candles(SOL, timeframe, clock.now(), 50)
        assert np.array_equal(one.rows, two.rows)


def test_an_aggregated_bar_is_made_of_its_parts_and_incomplete_ones_are_dropped() -> None:
    rows = bars(100)

    hours = aggregate(rows, 4 * HOUR)

    parts = rows[(rows[:, 0] >= hours[0, 0]) & (rows[:, 0] < hours[0, 0] + 4 * HOUR)]
    assert hours[0, 0] % (4 * HOUR) == 0
    assert len(hours) == 1
    assert len(parts) == 48
    assert hours[0, 1:].tolist() == [
        parts[0, 1],
        parts[:, 2].max(),
        parts[:, 3].min(),
        parts[-1, 4],
        parts[:, 5].sum(),
    ]


def test_too_few_bars_make_no_larger_bar() -> None:
    assert len(aggregate(bars(30), 4 * HOUR)) == 0
    assert len(aggregate(bars(2, first=FIRST + 300_000), 4 * HOUR)) == 0


def test_bars_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadMarketFacts, match="cannot be joined"):
        aggregate(bars(100, step=2 * HOUR), 3 * HOUR)


@pytest.mark.parametrize("harm", ["missing", "twice", "backwards"])
def test_a_history_with_a_hole_is_refused(harm: str) -> None:
    rows = bars(50)
    broken = {
        "missing": np.delete(rows, 20, axis=0),
        "twice": np.insert(rows, 20, rows[20], axis=0),
        "backwards": rows[::-1],
    }[harm]

    with pytest.raises(BadMarketFacts, match="missing or out of order"):
        HistoryMarket({SOL: broken}, "5m", {SOL: an_instrument()}, VirtualClock(from_ms(FIRST)))


async def test_a_symbol_that_is_not_there_is_unknown_and_one_without_a_price_has_none() -> None:
    market, clock = a_market()

    with pytest.raises(UnknownSymbol):
        await market.candles(BTC, "5m", clock.now(), 5)
    with pytest.raises(UnknownSymbol):
        await market.instrument(BTC)
    with pytest.raises(BadMarketFacts, match="no price yet"):
        await market.quote(SOL)


async def test_a_quote_is_the_price_set_last_with_a_spread_at_the_clocks_time() -> None:
    market, clock = a_market()
    market.set_price(SOL, 100.004)
    clock.advance(7)

    quote = await market.quote(SOL)

    assert (quote.bid, quote.mark, quote.ask) == (D("99.99"), D(100), D("100.01"))
    assert quote.at == clock.now()


def a_funding() -> Funding:
    """Eight-hourly, then two-hourly."""
    at = [FIRST, FIRST + 8 * HOUR, FIRST + 16 * HOUR, FIRST + 18 * HOUR]
    return Funding(np.array(at, dtype=np.int64), np.array([0.0001, 0.0002, -0.0003, 0.0004]))


@pytest.mark.parametrize(
    ("hour", "rate", "next_hour", "every"),
    [(1, 0.0001, 8, 8.0), (8, 0.0002, 16, 8.0), (16, -0.0003, 18, 2.0), (17.9, -0.0003, 18, 2.0)],
)
async def test_the_background_tells_the_last_rate_and_when_the_next_settlement_comes(
    hour: float, rate: float, next_hour: int, every: float
) -> None:
    market, clock = a_market(funding=a_funding())
    clock.advance(hour * 3600)

    background = await market.background(SOL)

    assert background.funding_rate == rate
    assert background.next_funding_at == from_ms(FIRST + next_hour * HOUR)
    assert background.funding_interval_h == every


async def test_a_settlement_stamped_some_milliseconds_late_is_one_of_the_full_minute() -> None:
    late = Funding(a_funding().at_ms + 7, a_funding().rate)
    market, clock = a_market(funding=late)
    clock.advance(8 * 3600)

    assert (await market.background(SOL)).funding_rate == 0.0002
    settled = list(market.settlements(SOL, from_ms(FIRST), clock.now()))
    assert settled == [(from_ms(FIRST + 8 * HOUR), D("0.0002"))]


async def test_a_symbol_without_recorded_funding_says_nothing_of_it() -> None:
    market, _ = a_market()

    background = await market.background(SOL)

    assert (background.funding_rate, background.funding_interval_h, background.next_funding_at) == (
        None,
        None,
        None,
    )
    assert list(market.settlements(SOL, from_ms(0), from_ms(FIRST))) == []


def test_settlements_are_those_after_the_first_moment_up_to_the_second_and_never_of_the_future() -> None:
    market, clock = a_market(funding=a_funding())
    clock.advance(17 * 3600)
    first, second = from_ms(FIRST), from_ms(FIRST + 16 * HOUR)

    assert [rate for _, rate in market.settlements(SOL, first, second)] == [D("0.0002"), D("-0.0003")]
    assert list(market.settlements(SOL, second, second)) == []
    assert [at for at, _ in market.settlements(SOL, second, from_ms(FIRST + 40 * HOUR))] == []


@pytest.mark.parametrize(
    ("close", "held", "expected"),
    [
        (101, None, (100, 90, 110, 101)),
        (99, None, (100, 110, 90, 99)),
        (101, Side.LONG, (100, 90, 110, 101)),
        (99, Side.LONG, (100, 90, 110, 99)),
        (101, Side.SHORT, (100, 110, 90, 101)),
        (99, Side.SHORT, (100, 110, 90, 99)),
    ],
)
def test_the_path_inside_a_bar_meets_the_held_sides_adverse_extreme_first(
    close: float, held: Side | None, expected: tuple[float, ...]
) -> None:
    assert path_of(np.array([0, 100, 110, 90, close, 1.0]), held) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (100, 90, [98, 95, 90]),
        (90, 100, [95, 98, 100]),
        (95, 98, [98]),
        (100, 100, [100]),
        (97, 96, [96]),
    ],
)
def test_a_price_stops_at_every_trigger_that_it_passes(
    start: float, end: float, expected: list[float]
) -> None:
    assert passage(start, end, (D(95), D(98), D(120))) == expected
