"""News and mood put together from the settings: sources, reader, and the loop that keeps them up."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from bot.assembly_base import Base, teller
from bot.book import SettingsBook
from bot.settings import Settings
from bot.supervisor import Loop, Supervisor
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.capabilities import PROVIDERS, Provider
from core.adapters.advisers.prices import PriceBook
from core.adapters.feeds.fear_greed import FearGreedIndex
from core.adapters.feeds.fetching import source_name
from core.adapters.feeds.rss import RssFeed
from core.advice.mood_keeping import Concern, MoodKeeper, Outside
from core.advice.reading import Reader
from core.ports import Clock

T = TypeVar("T")

EVERY_S, WAITING_S = 300.0, 30.0
"""Of the clock: between two looks at the feeds, and between two tries to have read what they gave."""
LEAST_REAL_S = 2.0
"""A faster clock does not make strangers' servers be asked more often than this."""
TIMEOUT_S = 420.0
"""Real seconds: ten hung feeds of 15 s and six readings of 40 s are 400."""
PATIENCE = 6.0
VENUE_NAMES = {
    "binanceusdm": "Binance",
    "binance": "Binance",
    "bybit": "Bybit",
    "okx": "OKX",
    "bitget": "Bitget",
}


def build_moods(
    base: Base, models: Sequence[ModelAdviser], prices: PriceBook, book: SettingsBook
) -> MoodKeeper | None:
    """None where nothing is configured."""
    settings, clock = base.settings, base.stage.clock
    outside = _outside(settings, models, prices, clock)
    if not (outside.news or outside.social or outside.gauge):
        return None
    venue = VENUE_NAMES.get(settings.exchange)
    concern = Concern((venue,) if venue else (), lambda: book.settings.symbols.listed)
    return MoodKeeper(
        outside,
        concern,
        clock,
        base.journal,
        f"mood:{base.stage.account}",
        teller(base.journal),
        secrets.token_hex(12),
        in_thread,
    )


def add_mood_loop(supervisor: Supervisor, moods: MoodKeeper, speed: float) -> None:
    def every_s() -> float:
        return max(WAITING_S if moods.is_waiting else EVERY_S, LEAST_REAL_S * speed)

    supervisor.add(
        Loop("mood", moods.refresh, every_s, is_critical=False, timeout_s=TIMEOUT_S, patience=PATIENCE)
    )


def _outside(settings: Settings, models: Sequence[ModelAdviser], prices: PriceBook, clock: Clock) -> Outside:
    news = _feeds(settings.news_feeds or (), clock)
    social = _feeds(settings.social_feeds or (), clock)
    gauge = FearGreedIndex(settings.fear_greed_url, clock) if settings.fear_greed_url else None
    reader = _reader(settings.news_reader, models, prices) if news or social else None
    return Outside(news, social, gauge, reader)


def _feeds(addresses: Sequence[str], clock: Clock) -> tuple[RssFeed, ...]:
    """Named by their hosts; the second of one host is `host (2)`, so that its silence is not the first's."""
    feeds: list[RssFeed] = []
    for address in addresses:
        host = source_name(address)
        place = sum(source_name(other) == host for other in addresses[: len(feeds)]) + 1
        name = host if place == 1 else f"{host} ({place})"
        feeds.append(RssFeed(address, clock, in_thread, name=name))
    return tuple(feeds)


def _reader(wanted: str, models: Sequence[ModelAdviser], prices: PriceBook) -> Reader | None:
    """The named provider's model, or the cheapest whose price is known; None: nobody reads."""
    if wanted == "off":
        return None
    if wanted != "auto":
        name = PROVIDERS[Provider(wanted)].adviser
        return next((model for model in models if model.name == name), None)
    priced = [(price, model) for model in models if (price := _price(model, prices)) is not None]
    return min(priced, key=lambda pair: pair[0])[1] if priced else None


def _price(model: ModelAdviser, prices: PriceBook) -> Decimal | None:
    """USD per million tokens, in the proportion of a reading: ten in for one out."""
    price = prices.of(model.model)
    return None if price is None else price.fresh * 10 + price.out


async def in_thread(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)
