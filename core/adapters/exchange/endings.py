"""The day on which a venue ends trading in a perpetual, out of whatever field it tells that in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.market import from_ms

NO_END_FROM: Final = datetime(2090, 1, 1, tzinfo=UTC)
"""Binance writes Christmas of 2100 where a perpetual has no end."""

NOTICE: Final = timedelta(days=7)
"""A perpetual that ends so soon is being delisted: no new position would outlive its plan."""


def ending(milliseconds: Any) -> datetime | None:
    """None for no end: 0, nothing, or a day beyond anybody's plans. Raises `ValueError` for no number."""
    told = int(milliseconds or 0)
    if told <= 0 or told >= NO_END_FROM.timestamp() * 1000:
        return None
    return from_ms(told)


def is_leaving(ends_at: datetime | None, now: datetime) -> bool:
    return ends_at is not None and ends_at < now + NOTICE
