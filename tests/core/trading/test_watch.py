"""What the breakers see of the market: BTC and what is held, once in a while, and unknown where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import BadMarketFacts, Throttled, Unknown, UnknownSymbol
from core.market import Background, Candles, Quote
from core.risk.breakers import UNKNOWN
from core.sim.clock import VirtualClock
from core.trading.failures import Failures
from core.trading.watch import MarketWatch
from tests.core.builders import BTC, NOW, SOL, D
from tests.core.trading.fakes import FakeMarket


class Lively(FakeMarket):
    """Bars of one unit of range around 100, and a count of what was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[tuple[str, str], Exception] = {}
        self.funding = 0.0001
        self.quote_age = timedelta(0)

    def _ask(self, what: str, symbol: str) -> None:
        self.asked.append((what, symbol))
        if (what, symbol) in self.faults:
            raise self.faults[what, symbol]

    async def quote(self, symbol: str) -> Quote:
        self._ask("quote", symbol)
        return replace(await super().quote(symbol), at=self.clock.now() - self.quote_age)

    async def candles(self, symbol: str, timeframe: str, until: Any, limit: int) -> Candles:
        self._ask("candles", symbol)
        found = await super().candles(symbol, timeframe, until, limit)
        rows = found.rows.copy()
        rows[:, 2], rows[:, 3] = 100.5, 99.5
        return Candles(symbol, timeframe, rows)

    async def background(self, symbol: str) -> Background:
        self._ask("background", symbol)
        return replace(await super().background(symbol), funding_rate=self.funding, funding_interval_h=8.0)


def a_watch() -> tuple[MarketWatch, Lively, VirtualClock]:
    clock = VirtualClock(NOW)
    market = Lively(clock)
    return MarketWatch(market, clock, Failures(clock)), market, clock


async def test_a_move_is_measured_from_the_last_close_in_ranges_of_the_bar() -> None:
    watch, market, _ = a_watch()
    market.prices[SOL] = D("94")

    gauges = await watch.look([SOL])

    assert gauges.price_move.note == "SOL" and gauges.price_move.value == pytest.approx(D(6))


async def test_bitcoin_is_watched_though_nothing_is_held() -> None:
    watch, market, _ = a_watch()
    market.prices[BTC] = D("107")
    market.funding = -0.004

    gauges = await watch.look([])

    assert gauges.price_move.value == pytest.approx(D(7)) and gauges.price_move.note == "BTC"
    assert gauges.funding.value == D("0.004")
    assert gauges.price_age.value == 0


async def test_slow_facts_are_read_once_per_bar_and_prices_every_20_seconds() -> None:
    watch, market, clock = a_watch()
    for _ in range(60):
        await watch.look([SOL])
        clock.advance(5)

    assert market.asked.count(("quote", SOL)) == 15
    assert market.asked.count(("candles", SOL)) == market.asked.count(("background", SOL)) == 1


async def test_a_price_that_does_not_come_grows_old_and_each_failure_is_counted() -> None:
    watch, market, clock = a_watch()
    await watch.look([SOL])
    market.faults["quote", SOL] = Unknown("no answer")
    for _ in range(4):
        clock.advance(60)
        gauges = await watch.look([SOL])

    assert gauges.price_age.value == 240 and gauges.price_age.note == "SOL"
    assert watch.failures.count(600) == 4


async def test_a_price_that_never_came_is_as_old_as_the_need_for_it() -> None:
    watch, market, clock = a_watch()
    market.faults = {("quote", SOL): Unknown("no answer")}
    await watch.look([SOL])
    clock.advance(200)

    assert (await watch.look([SOL])).price_age.value == 200


async def test_an_old_price_that_is_answered_at_once_is_old_all_the_same() -> None:
    watch, market, _ = a_watch()
    market.quote_age = timedelta(seconds=300)

    assert (await watch.look([SOL])).price_age.value == 300


async def test_what_cannot_be_read_is_unknown_and_the_rest_is_known() -> None:
    watch, market, _ = a_watch()
    for symbol in (SOL, BTC):
        market.faults["candles", symbol] = Unknown("no answer")
        market.faults["background", symbol] = Unknown("no answer")

    gauges = await watch.look([SOL])

    assert (gauges.price_move, gauges.funding) == (UNKNOWN, UNKNOWN)
    assert gauges.price_age.value == 0


async def test_bars_without_any_range_tell_nothing() -> None:
    clock = VirtualClock(NOW)
    market = FakeMarket(clock)
    market.prices[SOL] = D(50)

    assert (await MarketWatch(market, clock, Failures(clock)).look([SOL])).price_move == UNKNOWN


@pytest.mark.parametrize("fault", [UnknownSymbol("no such"), BadMarketFacts("no price yet")])
async def test_a_market_without_bitcoin_is_no_stale_market(fault: Exception) -> None:
    watch, market, clock = a_watch()
    market.faults["quote", BTC] = fault
    await watch.look([])
    clock.advance(1000)

    gauges = await watch.look([])

    assert gauges.price_age.is_quiet and gauges.price_move.is_quiet
    assert watch.failures.count(9999) == 0


async def test_a_held_symbol_without_a_price_is_stale_whatever_the_reason() -> None:
    watch, market, clock = a_watch()
    market.faults["quote", SOL] = BadMarketFacts("an impossible price")
    await watch.look([SOL])
    clock.advance(1000)

    assert (await watch.look([SOL])).price_age.value == 1000


async def test_a_spent_budget_is_an_answer_and_no_failure() -> None:
    watch, market, _ = a_watch()
    market.faults["quote", BTC] = Throttled("wait")
    await watch.look([])

    assert watch.failures.count(600) == 0


async def test_failures_leave_their_window() -> None:
    clock = VirtualClock(NOW)
    failures = Failures(clock)
    for _ in range(3):
        failures.note(Unknown("no answer"))
        clock.advance(300)

    assert failures.count(600) == 2
    assert failures.count(10_000) == 3
