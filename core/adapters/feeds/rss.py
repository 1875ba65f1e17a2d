"""RSS and Atom feeds: news, and crowds that offer their posts so (Reddit's `/new/.rss`).

Surprising facts of the library:
- `feedparser.parse` opens files and addresses when it is given text that names one, so it is given a stream.
- What strict parsing refuses goes to a lenient parser whose time grows faster than the text: a feed that
  declares entities or nests too deep is not parsed at all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.adapters.feeds.fetching import Fetch, Page, fetch, source_name
from core.advice.mood import Entry
from core.advice.mood_keeping import SourceSilent
from core.ports import Clock

LEAST_PAUSE = timedelta(minutes=4, seconds=45)
"""Between two requests to one feed: a loop of five minutes with its jitter."""
MAX_ENTRIES = 100
MAX_TAGS = 20_000
"""Of one document; 100 entries with 30 tags each are 3,000."""
MAX_TITLE, MAX_SUMMARY = 500, 1_000
_ENTITIES = re.compile(rb"<\x00?!\x00?E\x00?N\x00?T\x00?I\x00?T\x00?Y", re.IGNORECASE)

Parse = Callable[[Callable[[], tuple[Entry, ...]]], Awaitable[tuple[Entry, ...]]]
"""Runs it off the event loop."""


class RssFeed:
    """Implements `TextSource`."""

    def __init__(
        self, address: str, clock: Clock, offload: Parse, fetching: Fetch = fetch, name: str = ""
    ) -> None:
        """`name`: the host's where it is empty; two feeds of one host need names of their own."""
        self._address = address
        self._name = name or source_name(address)
        self._clock = clock
        self._offload = offload
        self._fetch = fetching
        self._entries: tuple[Entry, ...] = ()
        self._page = Page(None)
        self._asked_at: datetime | None = None
        self._fault = ""

    @property
    def name(self) -> str:
        return self._name

    async def entries(self) -> Sequence[Entry]:
        """Asked again sooner than `LEAST_PAUSE` it repeats what it gave last."""
        now = self._clock.now()
        if self._asked_at is None or now - self._asked_at >= LEAST_PAUSE:
            self._asked_at = now
            await self._ask()
        if self._fault:
            raise SourceSilent(self._fault)
        return self._entries

    async def _ask(self) -> None:
        try:
            page = await self._fetch(self._address, self._page.etag, self._page.last_modified)
            if page.body is not None:
                body = page.body
                self._entries = await self._offload(lambda: parsed(body))
                self._page = Page(None, page.etag, page.last_modified)
            self._fault = ""
        except SourceSilent as silent:
            self._fault = str(silent)
            self._page = Page(None)


def parsed(body: bytes) -> tuple[Entry, ...]:
    """The entries of an RSS or Atom document. Raises `SourceSilent` for everything that is none."""
    import feedparser  # type: ignore[import-untyped]

    if _ENTITIES.search(body):
        raise SourceSilent("declares entities of its own")
    if body.count(b"<") > MAX_TAGS:
        raise SourceSilent(f"holds more than {MAX_TAGS:,} tags")
    try:
        # nothing of it is shown as markup, and no address in it is followed
        found = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except (ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError) as error:
        raise SourceSilent(f"can't be parsed ({type(error).__name__})") from error
    if not found.get("version"):
        raise SourceSilent("is no RSS or Atom feed")
    return tuple(_entry(row) for row in found.entries[:MAX_ENTRIES])


def _entry(row: Any) -> Entry:
    # its own look-up warns, and gives one date for the other
    title, summary = (row.get(name) for name in ("title", "summary"))
    return Entry(
        title[:MAX_TITLE] if isinstance(title, str) else "",
        summary[:MAX_SUMMARY] if isinstance(summary, str) else "",
        _moment(dict.get(row, "published_parsed") or dict.get(row, "updated_parsed")),
    )


def _moment(when: Any) -> datetime | None:
    """feedparser's times are in UTC; None for what is no time."""
    try:
        year, month, day, hour, minute, second = tuple(when)[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
