"""Slow facts stand still inside a bar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.market import Background
from core.sim.clock import VirtualClock
from core.trading.perbar import PerBarMarket

START = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)


class ChangingMarket:
    """Answers another funding rate each time; only `background` is asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.asked = 0

    async def background(self, symbol: str) -> Background:
        self.asked += 1
        return Background(symbol, 0.0001 * self.asked, 8.0, None, 1e9, None, self.clock.now())


async def test_the_same_bar_gives_the_same_background() -> None:
    clock = VirtualClock(START)
    market = PerBarMarket(ChangingMarket(clock), clock)  # type: ignore[arg-type]

    first = await market.background("BTC/USDT:USDT")
    clock.advance(13 * 60)
    second = await market.background("BTC/USDT:USDT")

    assert second == first


async def test_the_next_bar_and_another_symbol_are_read_afresh() -> None:
    clock = VirtualClock(START)
    source = ChangingMarket(clock)
    market = PerBarMarket(source, clock)  # type: ignore[arg-type]

    first = await market.background("BTC/USDT:USDT")
    other = await market.background("ETH/USDT:USDT")
    clock.advance(14 * 60)
    later = await market.background("BTC/USDT:USDT")

    assert source.asked == 3
    assert later.funding_rate != first.funding_rate
    assert other == replace(other, symbol="ETH/USDT:USDT")
