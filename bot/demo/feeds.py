"""Stand-ins for a news feed, a crowd's feed and the fear & greed index, on loopback.

Laws:
- What they say follows from seed and clock; every text says that it is made up.
- A planted headline stays until the server ends, dated when it was planted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from aiohttp import web

HOUR = timedelta(hours=1)
NEWS_HOURS, POSTS_HOURS = 12, 15
MARK = "(demo)"
HEADLINES = (
    "{coin} developers announce an upgrade for next month",
    "Small exchange opens a {coin} listing for new customers",
    "Company adds {coin} to its treasury in a first step",
    "Analysts differ on where {coin} goes from here",
    "Regulators publish a draft that concerns {coin}",
    "Interest rates unchanged, {coin} hardly moves",
)
POSTS = (
    "Anyone else holding {coin} this week?",
    "{coin} looks bullish on my chart",
    "Thinking of selling some {coin}",
    "My first ${coin}, what now?",
)
HACKED = "Exchange hack: Binance halts withdrawals after wallets are drained"


class FeedsStandIn:
    def __init__(self, now_ms: Callable[[], int], coins: Sequence[str], *, seed: int = 1) -> None:
        """`coins`: bases such as BTC, the most spoken of first."""
        self._now_ms = now_ms
        self._coins = tuple(coins)
        self._seed = seed
        self._planted: list[tuple[datetime | None, str]] = []
        self._runner: web.AppRunner | None = None
        self._url = ""
        self.asked = 0
        """Requests so far."""

    @property
    def news_url(self) -> str:
        return f"{self._url}/news/rss.xml"

    @property
    def social_url(self) -> str:
        return f"{self._url}/crowd/new.rss"

    @property
    def fear_greed_url(self) -> str:
        return f"{self._url}/fng/?limit=1"

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/news/rss.xml", self._news)
        app.router.add_get("/crowd/new.rss", self._crowd)
        app.router.add_get("/fng/", self._index)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def plant(self, headline: str, *, age: timedelta = timedelta(0), is_dated: bool = True) -> None:
        """A headline that the news feed has from now on."""
        self._planted.append((self._now() - age if is_dated else None, headline))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ms() / 1000, tz=UTC)

    async def _news(self, request: web.Request) -> web.Response:
        self.asked += 1
        made = [self._made(HEADLINES, hours, "news") for hours in range(1, NEWS_HOURS + 1)]
        return _feed("Demo news", [*self._planted, *made])

    async def _crowd(self, request: web.Request) -> web.Response:
        self.asked += 1
        made = [
            self._made(POSTS, hours, f"post{number}")
            for hours in range(1, POSTS_HOURS + 1)
            for number in range(4)
        ]
        return _feed("Demo crowd", made)

    async def _index(self, request: web.Request) -> web.Response:
        self.asked += 1
        day = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
        value = random.Random(f"{self._seed} {day.date()}").randint(30, 70)
        words = "Fear" if value < 47 else "Neutral" if value < 55 else "Greed"
        row = {"value": str(value), "value_classification": words, "timestamp": str(int(day.timestamp()))}
        return web.json_response({"name": "Fear and Greed Index", "data": [row]})

    def _made(self, texts: Sequence[str], hours_ago: int, kind: str) -> tuple[datetime, str]:
        """The text of an hour is the same whenever it is asked for."""
        hour = self._now().replace(minute=0, second=0, microsecond=0) - (hours_ago - 1) * HOUR
        dice = random.Random(f"{self._seed} {kind} {hour.isoformat()}")
        coin = self._coins[min(int(dice.expovariate(0.5)), len(self._coins) - 1)]
        at = hour - timedelta(minutes=dice.randint(1, 59))
        return at, f"{dice.choice(texts).format(coin=coin)} {MARK} {at:%d.%m. %H:%M}"


def _feed(title: str, rows: Sequence[tuple[datetime | None, str]]) -> web.Response:
    items = "".join(
        f"<item><title>{escape(text)}</title>{_date(at)}<description>Made up.</description></item>"
        for at, text in rows
    )
    document = (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>http://127.0.0.1/</link><description/>{items}</channel></rss>"
    )
    return web.Response(body=document.encode(), content_type="application/rss+xml")


def _date(at: datetime | None) -> str:
    return "" if at is None else f"<pubDate>{format_datetime(at)}</pubDate>"
