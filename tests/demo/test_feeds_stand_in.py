"""The stand-in feeds are real feeds, read by the real adapters over sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from bot.demo.ai_reading import read_items
from bot.demo.feeds import HACKED, FeedsStandIn
from core.adapters.feeds.fear_greed import FearGreedIndex
from core.adapters.feeds.rss import RssFeed
from core.advice.mood import Entry, items_of
from core.advice.naming import NAMES, coins_named, is_of_venue
from core.advice.reading import readings_of, user_text
from core.mood import Direction, NewsEvent
from core.sim.clock import VirtualClock

NOW = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)


async def inline(work: Callable[[], tuple[Entry, ...]]) -> tuple[Entry, ...]:
    return work()


@pytest_asyncio.fixture
async def outside() -> AsyncIterator[FeedsStandIn]:
    made = FeedsStandIn(lambda: int(NOW.timestamp() * 1000), ("BTC", "ETH", "SOL"))
    await made.start()
    yield made
    await made.stop()


async def test_every_made_up_text_is_readable_dated_and_speaks_of_a_coin(outside: FeedsStandIn) -> None:
    for address in (outside.news_url, outside.social_url):
        harvest = items_of(await RssFeed(address, VirtualClock(NOW), inline).entries(), NOW)

        assert harvest.dropped == {} and len(harvest.items) >= 12
        assert all(coins_named(item.text, set(NAMES)) for item in harvest.items)


async def test_a_planted_headline_is_read_as_a_grave_hack_of_the_venue(outside: FeedsStandIn) -> None:
    outside.plant(HACKED, age=timedelta(minutes=1))

    found = items_of(await RssFeed(outside.news_url, VirtualClock(NOW), inline).entries(), NOW).items[0]
    readings = readings_of(json.dumps(read_items(user_text([found.text]))), 1, "canary-4711")

    assert is_of_venue(found.text, ("Binance",))
    assert (readings[0].event, readings[0].direction, readings[0].severity) == (
        NewsEvent.HACKED,
        Direction.DOWN,
        3,
    )


async def test_the_index_is_of_today(outside: FeedsStandIn) -> None:
    value, at = await FearGreedIndex(outside.fear_greed_url, VirtualClock(NOW)).reading()

    assert 0 <= value <= 100 and at == NOW.replace(hour=0, minute=0)


def test_a_question_about_a_trade_is_no_list_of_items() -> None:
    assert read_items("symbol=BTC") is None
    assert read_items('{"items": 7}') is None
