"""Prices and funding into the paper venue: live, after a silence, after a long absence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from core.errors import BadMarketFacts, PerpilotError, Unknown, UnknownSymbol
from core.market import TIMEFRAMES, Background, Candles, Instrument, Quote, from_ms, to_ms
from core.sim.feed import CATCH_UP_BARS, PriceFeed, quotes_of
from core.trade import OrderSide
from tests.core.builders import BTC, SOL, an_instrument
from tests.core.sim.stand import D, Stand

MINUTE = timedelta(minutes=1)


class StandMarket:
    """A `Market` over the stand's prices; candles and background are given by the test."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.rows: dict[str, list[tuple[datetime, float, float, float, float]]] = {}
        self.background_of: dict[str, Background] = {}
        self.broken: dict[tuple[str, str], PerpilotError] = {}
        self.asked: list[tuple[str, str, int]] = []

    def _check(self, what: str, symbol: str) -> None:
        if (what, symbol) in self.broken:
            raise self.broken[what, symbol]

    async def quote(self, symbol: str) -> Quote:
        self._check("quote", symbol)
        return self.stand.quote(symbol)

    async def instrument(self, symbol: str) -> Instrument:
        return self.stand.rules[symbol]

    async def background(self, symbol: str) -> Background:
        self._check("background", symbol)
        nothing = Background(symbol, None, None, None, None, None, self.stand.now)
        return self.background_of.get(symbol, nothing)

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        self._check("candles", symbol)
        self.asked.append((symbol, timeframe, limit))
        length = TIMEFRAMES[timeframe]
        last = to_ms(until) // length * length - length
        given = {to_ms(at): prices for at, *prices in self.rows.get(symbol, [])}
        flat = [float(self.stand.prices[symbol])] * 4
        rows = [
            [opened, *given.get(opened, flat), 1.0]
            for opened in range(last - (limit - 1) * length, last + 1, length)
        ]
        return Candles(symbol, timeframe, np.array(rows, dtype=np.float64))

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return tuple(self.stand.rules)[:count]


class StandClock:
    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def now(self) -> datetime:
        return self._stand.now

    def monotonic(self) -> float:
        return self._stand.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self._stand.now += timedelta(seconds=seconds)


def a_feed(
    stand: Stand, owed: Sequence[tuple[datetime, Decimal]] | None = None
) -> tuple[PriceFeed, StandMarket]:
    async def settlements(
        symbol: str, after: datetime, until: datetime
    ) -> Sequence[tuple[datetime, Decimal]]:
        return [row for row in owed or () if after < row[0] <= until]

    market = StandMarket(stand)
    return PriceFeed(
        stand.venue, market, StandClock(stand), settlements if owed is not None else None
    ), market


def two_symbols() -> Stand:
    return Stand(an_instrument(), an_instrument(symbol=BTC, base="BTC"), deposit=10_000)


async def covered_long(stand: Stand, symbol: str = SOL) -> datetime:
    """Long 5 with a stop at 95 and a target at 110; returns when it was opened."""
    await stand.buy(5, symbol=symbol)
    await stand.stop(5, 95, symbol=symbol, client_id=f"stop{symbol}")
    await stand.target(5, 110, symbol=symbol, client_id=f"target{symbol}")
    return stand.now


def funding(symbol: str, rate: float, at: datetime, every_h: float | None = 8.0) -> Background:
    return Background(symbol, rate, every_h, at, None, None, at)


# ---------------------------------------------------------------- live


async def test_a_pull_brings_every_exposed_symbols_price_and_says_whether_anything_was_executed() -> None:
    stand = two_symbols()
    feed, _ = a_feed(stand)
    await covered_long(stand)
    await covered_long(stand, BTC)
    stand.now += timedelta(seconds=1)

    assert not await feed.pull()
    stand.now += timedelta(seconds=1)
    stand.prices[BTC] = D(94)
    assert await feed.pull()

    assert await stand.position(BTC) is None
    assert await stand.position(SOL) is not None


async def test_a_flat_venue_asks_for_nothing() -> None:
    stand = Stand()
    feed, market = a_feed(stand)
    market.broken = {("quote", SOL): Unknown("must not be asked")}

    assert not await feed.pull()
    assert not await feed.catch_up()
    assert market.asked == []


async def test_one_symbols_missing_price_stops_no_other() -> None:
    stand = two_symbols()
    feed, market = a_feed(stand)
    await covered_long(stand)
    await covered_long(stand, BTC)
    market.broken = {("quote", BTC): Unknown("no answer")}
    stand.now += timedelta(seconds=1)
    stand.prices[SOL] = stand.prices[BTC] = D(94)

    assert await feed.pull()

    assert await stand.position(SOL) is None
    assert await stand.position(BTC) is not None


async def test_missing_funding_facts_stop_no_price() -> None:
    stand = Stand()
    feed, market = a_feed(stand)
    await covered_long(stand)
    market.broken = {("background", SOL): BadMarketFacts("funding cannot be read")}
    stand.now += timedelta(seconds=1)
    stand.prices[SOL] = D(94)

    assert await feed.pull()


async def test_a_journal_that_fails_for_one_symbol_leaves_it_due_and_the_pull_alive() -> None:
    stand = Stand()
    feed, _ = a_feed(stand)
    await covered_long(stand)
    stand.prices[SOL] = D(94)
    stand.memory.is_failing = True
    stand.now += timedelta(seconds=1)

    assert not await feed.pull()
    stand.memory.is_failing = False
    assert await feed.pull()


# ---------------------------------------------------------------- funding


async def test_funding_is_settled_once_at_its_time_at_the_rate_announced_last() -> None:
    stand = Stand()
    feed, market = a_feed(stand)
    due = await covered_long(stand) + timedelta(seconds=60)
    for second in range(120):
        stand.now += timedelta(seconds=1)
        rate = 0.0001 if second < 50 else 0.0004
        is_over = stand.now >= due
        next_at = due + timedelta(hours=8) if is_over else due
        market.background_of[SOL] = funding(SOL, 0.0009 if is_over else rate, next_at)
        await feed.pull()

    assert [(row.amount, row.at) for row in stand.venue.state.payments] == [(D("-0.2"), due)]


async def test_funding_slept_through_is_made_up_once_from_history_where_the_market_can_tell() -> None:
    stand = Stand()
    opened = await covered_long(stand)
    owed = [(opened + timedelta(hours=h), D(rate)) for h, rate in ((1, "0.0002"), (9, "-0.0001"))]
    await stand.venue.announce(SOL, D("0.5"), owed[0][0], 8.0)
    stand.now += timedelta(hours=10)
    feed, _ = a_feed(stand, owed)

    await feed.catch_up()
    await feed.catch_up()
    await feed.pull()

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.1"), D("0.05")]


async def test_without_history_funding_slept_through_is_paid_at_the_last_known_rate() -> None:
    stand = Stand()
    opened = await covered_long(stand)
    await stand.venue.announce(SOL, D("0.0002"), opened + timedelta(hours=1), 8.0)
    stand.now += timedelta(hours=10)
    feed, market = a_feed(stand)
    market.background_of[SOL] = funding(SOL, 0.01, opened + timedelta(hours=17))

    await feed.pull()

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.1"), D("-0.1")]


async def test_who_was_stopped_before_a_settlement_does_not_pay_it_afterwards() -> None:
    stand = Stand()
    opened = await covered_long(stand)
    owed = [(opened + timedelta(hours=1), D("0.01"))]
    stand.now += timedelta(hours=2)
    feed, market = a_feed(stand, owed)
    market.rows[SOL] = [(minute_of(opened + 30 * MINUTE), 100, 100, 90, 100)]

    await feed.catch_up()

    assert await stand.position() is None
    assert stand.venue.state.payments == ()


# ---------------------------------------------------------------- catching up


def minute_of(moment: datetime) -> datetime:
    return from_ms(to_ms(moment) // 60_000 * 60_000)


async def test_a_stop_crossed_while_away_was_crossed_even_if_the_price_came_back() -> None:
    stand = Stand()
    opened = await covered_long(stand)
    stand.now += timedelta(hours=3)
    feed, market = a_feed(stand)
    crossed = minute_of(opened + timedelta(hours=1))
    market.rows[SOL] = [(crossed, 100, 100, 94, 99)]

    assert await feed.catch_up()

    fill = stand.venue.state.fills[-1]
    assert fill.client_id == f"stop{SOL}"
    assert crossed <= fill.at <= crossed + MINUTE
    assert fill.price < D(95)
    assert market.asked == [(SOL, "1m", 182)]


@pytest.mark.parametrize("close", [99, 109])
async def test_a_bar_that_holds_stop_and_target_was_the_stop(close: float) -> None:
    stand = Stand()
    opened = await covered_long(stand)
    stand.now += timedelta(hours=1)
    feed, market = a_feed(stand)
    market.rows[SOL] = [(minute_of(opened + 9 * MINUTE), 100, 111, 94, close)]

    await feed.catch_up()

    assert stand.venue.state.fills[-1].client_id == f"stop{SOL}"


@pytest.mark.parametrize("close", [91, 101])
async def test_a_bar_that_holds_stop_and_target_of_a_short_was_the_stop(close: float) -> None:
    stand = Stand()
    await stand.sell(5)
    await stand.stop(5, 105, OrderSide.BUY, client_id="stop")
    await stand.target(5, 90, OrderSide.BUY, client_id="target")
    opened = stand.now
    stand.now += timedelta(hours=1)
    feed, market = a_feed(stand)
    market.rows[SOL] = [(minute_of(opened + 9 * MINUTE), 100, 106, 89, close)]

    await feed.catch_up()

    assert stand.venue.state.fills[-1].client_id == "stop"


async def test_a_silence_while_running_is_made_up_for_before_the_next_price() -> None:
    stand = Stand()
    opened = await covered_long(stand)
    stand.now += timedelta(minutes=10)
    feed, market = a_feed(stand)
    market.rows[SOL] = [(minute_of(opened + 4 * MINUTE), 100, 100, 94, 100)]

    assert await feed.pull()

    assert stand.venue.state.fills[-1].client_id == f"stop{SOL}"


async def test_what_was_walked_is_not_walked_again() -> None:
    stand = Stand()
    await covered_long(stand)
    stand.now += timedelta(hours=3)
    feed, market = a_feed(stand)

    await feed.catch_up()
    await feed.catch_up()
    await feed.pull()

    assert len(market.asked) == 1
    assert stand.now - stand.venue.state.seen_at[SOL] < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("hours", "timeframe"),
    [(7.9, "1m"), (8.1, "15m"), (119, "15m"), (121, "4h"), (2000, "1d"), (20_000, "1d")],
)
async def test_a_longer_absence_is_walked_in_larger_bars_never_more_than_may_be_asked_for(
    hours: float, timeframe: str
) -> None:
    stand = Stand()
    await covered_long(stand)
    stand.now += timedelta(hours=hours)
    feed, market = a_feed(stand)

    await feed.catch_up()

    ((_, asked, limit),) = market.asked
    assert asked == timeframe
    assert limit <= CATCH_UP_BARS


async def test_every_symbol_is_walked_before_the_first_failure_is_raised() -> None:
    stand = two_symbols()
    opened = await covered_long(stand)
    await covered_long(stand, BTC)
    stand.now += timedelta(hours=1)
    feed, market = a_feed(stand)
    market.rows[SOL] = [(minute_of(opened + 9 * MINUTE), 100, 100, 94, 100)]
    market.broken = {("candles", BTC): Unknown("no answer")}

    with pytest.raises(Unknown):
        await feed.catch_up()

    assert await stand.position(SOL) is None
    assert stand.venue.state.seen_at[BTC] == opened


@pytest.mark.parametrize("error", [UnknownSymbol("delisted"), BadMarketFacts("bars are missing")])
async def test_bars_that_will_never_come_do_not_keep_the_guard_from_starting(error: PerpilotError) -> None:
    stand = Stand()
    await covered_long(stand)
    stand.now += timedelta(hours=1)
    feed, market = a_feed(stand)
    market.broken = {("candles", SOL): error}

    assert not await feed.catch_up()


async def test_a_price_waits_a_minute_for_candles_that_cannot_be_read_then_guarding_goes_on() -> None:
    stand = Stand()
    await covered_long(stand)
    stand.now += timedelta(minutes=10)
    stand.prices[SOL] = D(94)
    feed, market = a_feed(stand)
    market.broken = {("candles", SOL): Unknown("no answer")}

    assert not await feed.pull()
    stand.now += timedelta(seconds=59)
    assert not await feed.pull()
    stand.now += timedelta(seconds=1)
    assert await feed.pull()

    assert await stand.position() is None


def test_the_quotes_of_a_bar_lie_inside_it_and_stop_at_every_trigger_on_their_way() -> None:
    opened = from_ms(1_700_000_040_000)
    candles = Candles(SOL, "1m", np.empty((0, 6)))
    path = (100.0, 98.0, 103.0, 101.0)

    quotes = list(quotes_of(candles, opened, path, (D(99), D(102), D(110)), an_instrument()))

    assert [quote.mark for quote in quotes] == [100, 99, 98, 99, 102, 103, 102, 101]
    assert [(quote.at - opened).total_seconds() for quote in quotes] == [0, 20, 20, 40, 40, 40, 60, 60]
    assert all(quote.bid < quote.mark < quote.ask for quote in quotes)


async def test_what_is_passed_inside_a_bar_fills_at_its_trigger_what_is_jumped_fills_in_the_gap() -> None:
    stand = two_symbols()
    opened = await covered_long(stand)
    await covered_long(stand, BTC)
    stand.now += timedelta(hours=1)
    feed, market = a_feed(stand)
    at = minute_of(opened + 9 * MINUTE)
    market.rows[SOL] = [(at, 100, 100, 80, 90)]
    market.rows[BTC] = [(at, 85, 86, 84, 85)]

    await feed.catch_up()

    prices = {fill.symbol: fill.price for fill in stand.venue.state.fills[-2:]}
    assert prices[SOL] == D("94.99")  # the assumed spread below the trigger
    assert prices[BTC] == D("84.99")
