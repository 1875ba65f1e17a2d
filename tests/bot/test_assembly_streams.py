"""What is worth a look: events and streamed prices, never decided from, and never a flood of looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.assembly_streams import APART_S, LiveStreams
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.client import Access
from core.adapters.exchange.stream_words import StreamPrice, What
from core.market import Side
from core.risk.limits import Limits
from core.trade import Trade
from tests.adapters.exchange.fake_venue import FakeClock
from tests.core.builders import BTC, NOW, SOL, D, a_plan, a_position, a_trade


class Ear:
    """Streams that nothing connects; a test says what they hear."""

    def __init__(self, exchange_id: str = "binanceusdm") -> None:
        clock: Any = FakeClock()
        self.looks = self.surveys = 0
        self.streams = LiveStreams(
            Access(exchange_id), WeightBudget(clock), clock, self._look, self._survey, Limits
        )

    def hold(self, side: Side = Side.LONG, **fields: Any) -> Trade:
        trade = a_trade(a_plan(side=side), **fields)
        self.streams.hold([(trade, a_position(trade), None)])
        return trade

    def price(self, mark: Decimal, symbol: str = SOL) -> None:
        self.streams.priced(StreamPrice(symbol, mark, None, None, NOW))

    async def counted(self, happens: Callable[[], object]) -> int:
        """Looks that follow at once."""
        before = self.looks
        happens()
        await asyncio.sleep(0.02)
        return self.looks - before

    def _look(self) -> None:
        self.looks += 1

    def _survey(self) -> None:
        self.surveys += 1


async def test_a_burst_of_events_is_one_look_and_what_follows_soon_is_one_more() -> None:
    ear = Ear()
    ear.hold()

    first = await ear.counted(lambda: [ear.streams.heard(SOL, What.ORDER) for _ in range(50)])
    soon = await ear.counted(lambda: [ear.streams.heard(SOL, What.ORDER) for _ in range(50)])
    await asyncio.sleep(APART_S)

    assert (first, soon, ear.looks) == (1, 0, 2)


@pytest.mark.parametrize("side", list(Side))
async def test_a_price_beyond_the_stop_is_worth_a_look(side: Side) -> None:
    ear = Ear()
    trade = ear.hold(side)

    assert await ear.counted(lambda: ear.price(trade.stop)) == 1


@pytest.mark.parametrize("side", list(Side))
async def test_a_new_best_price_is_worth_one_look_and_a_small_move_none(side: Side) -> None:
    ear = Ear()
    ear.hold(side)

    small = await ear.counted(lambda: ear.price(D(100) + D("0.05") * side.sign))
    better = await ear.counted(lambda: ear.price(D(100) + D("0.2") * side.sign))
    await asyncio.sleep(APART_S)
    again = await ear.counted(lambda: ear.price(D(100) + D("0.2") * side.sign))

    assert (small, better, again) == (0, 1, 0)


async def test_what_is_not_held_moves_nobody_by_its_price() -> None:
    ear = Ear()
    ear.hold()

    assert await ear.counted(lambda: ear.price(D(1), BTC)) == 0


async def test_a_position_that_no_trade_stands_for_asks_for_one_survey() -> None:
    ear = Ear()
    ear.hold()

    for _ in range(20):
        ear.streams.heard(BTC, What.POSITION)
    ear.streams.heard(SOL, What.POSITION)

    assert ear.surveys == 1
    await ear.streams.close()


async def test_a_changed_balance_alone_matters_only_while_something_is_held() -> None:
    ear = Ear()

    assert await ear.counted(lambda: ear.streams.heard(None, What.BALANCE)) == 0


async def test_an_exchange_without_streams_is_said_to_have_none() -> None:
    ear = Ear("bybit")
    await ear.streams.open()

    assert ear.streams.health().state == "unused"
    await ear.streams.close()
