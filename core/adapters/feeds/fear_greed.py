"""The crypto fear & greed index, in the form of alternative.me."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from core.adapters.feeds.fetching import Fetch, fetch
from core.advice.mood_keeping import SourceSilent
from core.ports import Clock

LEAST_PAUSE = timedelta(minutes=30)
"""The index changes once a day."""


class FearGreedIndex:
    """Implements `GaugeSource`."""

    def __init__(self, address: str, clock: Clock, fetching: Fetch = fetch) -> None:
        self._address = address
        self._clock = clock
        self._fetch = fetching
        self._kept: tuple[int, datetime] | None = None
        self._asked_at: datetime | None = None

    async def reading(self) -> tuple[int, datetime]:
        now = self._clock.now()
        if self._kept is None or self._asked_at is None or now - self._asked_at >= LEAST_PAUSE:
            page = await self._fetch(self._address)
            self._kept = index_of(page.body or b"")
            self._asked_at = now
        return self._kept


def index_of(body: bytes) -> tuple[int, datetime]:
    """Value and time of the newest row. Raises `SourceSilent`."""
    try:
        row: Any = json.loads(body)["data"][0]
        value, stamp = str(row["value"]), str(row["timestamp"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise SourceSilent("is no fear & greed index") from error
    if not re.fullmatch(r"[0-9]{1,3}", value) or int(value) > 100 or not re.fullmatch(r"[0-9]{9,11}", stamp):
        raise SourceSilent("holds no value from 0 to 100 with its time")
    return int(value), datetime.fromtimestamp(int(stamp), tz=UTC)
