"""Paper trading and the full simulation: the same kernel, the same prices, the same trades to the last digit.

What the simulation's market shows is written down with its moments, and shown again to a venue that is fed
as paper is: by `PriceFeed`, which announces funding ahead and pulls at least every minute.

One thing is not the same and left out here: an order that closes at the very moment of a settlement pays it
on paper, where the price that fills it is the first one at or after that moment, and not in the simulation,
which leaves by the clock before it settles. With time stops of whole hours and hourly funding that was one
settlement (some cents) of 1 trade in 25.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from core.market import Background, Quote, bar_open, to_ms
from core.sim.feed import PriceFeed
from core.sim.history import HistoryMarket
from core.sim.runner import SPILL, Simulation
from core.trade import ClosedTrade
from tests.core.backtest.full_simulation import ACCOUNT, opened
from tests.core.backtest.side_by_side import FRAME, World
from tests.core.backtest.worlds_both import a_world

PULLED_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Shown:
    at: datetime
    symbol: str
    price: float


class WritingMarket(HistoryMarket):
    """Writes down every price that it is told to show."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.shown: list[Shown] = []

    def set_price(self, symbol: str, price: float) -> Quote:
        self.shown.append(Shown(self._clock.now(), symbol, price))
        return super().set_price(symbol, price)


class AnnouncingMarket:
    """As venues tell funding: the rate of the settlement to come, not of the last one."""

    def __init__(self, market: HistoryMarket, simulation: Simulation) -> None:
        self._market = market
        self._simulation = simulation

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    async def background(self, symbol: str) -> Background:
        told = await self._market.background(symbol)
        funding = self._market._funding[symbol]
        index = int(np.searchsorted(funding.at_ms, to_ms(self._simulation.clock.now()), side="right"))
        return replace(told, funding_rate=float(funding.rate[index])) if index < len(funding.rate) else told


@dataclass
class Paper:
    """A simulation's kernel and venue whose prices come through the feed."""

    simulation: Simulation
    feed: PriceFeed
    scanned: list[datetime] = field(default_factory=list)

    async def play(self, tape: list[Shown]) -> None:
        for at, shown in groupby(tape, lambda one: one.at):
            opened = bar_open(at, FRAME)
            if at - opened < SPILL:
                await self._idle_until(opened)
                await self.simulation._end_by_clock(opened)
                await self._open(list(shown))
            else:
                await self._idle_until(at)
                await self._go_on(list(shown))

    async def _idle_until(self, at: datetime) -> None:
        """Nothing moves, and prices are pulled all the same."""
        clock = self.simulation.clock
        while clock.now() + PULLED_EVERY < at:
            clock.advance(PULLED_EVERY.total_seconds())
            await self.feed.pull()
        clock.reach(at)

    async def _open(self, shown: list[Shown]) -> None:
        """All symbols' first prices of a bar are there at once; then comes the scan."""
        for one in shown:
            self.simulation.market.set_price(one.symbol, one.price)
        await self.feed.pull()
        await self._guard()
        await self.simulation._hear_advisers()
        await self.simulation._scan_when_due()

    async def _go_on(self, shown: list[Shown]) -> None:
        for one in shown:
            self.simulation.market.set_price(one.symbol, one.price)
            if await self.feed.pull():
                await self._guard()
        await self._guard()

    async def _guard(self) -> None:
        if self.simulation.venue.exposed():
            await self.simulation._guard()


async def simulated(world: World) -> tuple[tuple[ClosedTrade, ...], Simulation, list[Shown]]:
    simulation, journal = await opened(world, WritingMarket)
    await simulation.run(world.bars, FRAME, world.first, world.last)
    market = simulation.market
    assert isinstance(market, WritingMarket)
    return await journal.closed_trades(ACCOUNT), simulation, market.shown


async def on_paper(world: World, tape: list[Shown]) -> tuple[tuple[ClosedTrade, ...], Simulation]:
    simulation, journal = await opened(world)
    feed = PriceFeed(simulation.venue, AnnouncingMarket(simulation.market, simulation), simulation.clock)
    await Paper(simulation, feed).play(tape)
    return await journal.closed_trades(ACCOUNT), simulation


def a_paper_world(seed: int) -> World:
    """Time stops end between two bars."""
    world = a_world(seed)
    exits = world.limits.exits
    if exits.time_stop_h > 0:
        limits = replace(world.limits, exits=exits._replace(time_stop_h=exits.time_stop_h + 1 / 12))
        world = replace(world, setup=replace(world.setup, limits=limits))
    return world


@pytest.mark.parametrize("seed", range(4))
def test_paper_makes_the_trades_of_the_full_simulation_to_the_last_digit(seed: int) -> None:
    world = a_paper_world(seed)

    async def both() -> None:
        trades, simulation, tape = await simulated(world)
        papers, paper = await on_paper(world, tape)

        assert papers == trades
        assert paper.venue.state.wallet == simulation.venue.state.wallet
        assert paper.venue.state.holdings == simulation.venue.state.holdings

    asyncio.run(both())
