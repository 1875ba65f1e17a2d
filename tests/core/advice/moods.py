"""Builders of moods and of what they are made from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from core.advice.mood import Entry, Knowledge, Note, Sources
from core.advice.reading import Reading
from core.mood import Chatter, Direction, FearGreed, Mood, NewsEvent

BAR = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FEED, CROWD = "news.example", "crowd.example"
SOURCES = Sources(news=(FEED,), social=(), gauge=False, reader=True)


def entry(title: str, age_h: float = 1.0, summary: str = "") -> Entry:
    return Entry(title, summary, BAR - timedelta(hours=age_h))


def note(number: int, reading: Reading | None, **changes: Any) -> Note:
    at = BAR - timedelta(minutes=30)
    fields: dict[str, Any] = {
        "digest": f"{number:064x}",
        "source": FEED,
        "is_social": False,
        "published_at": at,
        "found_at": at,
        "coins": ("BTC",),
        "reading": reading,
        "read_at": at if reading else None,
    }
    return Note(**(fields | changes))


def known(*notes: Note, **changes: Any) -> Knowledge:
    heard = {FEED: (BAR - timedelta(minutes=5),), CROWD: (BAR - timedelta(minutes=5),)}
    fields: dict[str, Any] = {"notes": notes, "heard": heard, "began_at": BAR - timedelta(hours=30)}
    return Knowledge(**(fields | changes))


READINGS = st.builds(
    Reading, st.sampled_from(NewsEvent), st.sampled_from(Direction), st.integers(min_value=0, max_value=3)
)
MOODS = st.builds(
    Mood,
    event=st.none() | st.sampled_from(NewsEvent),
    direction=st.none() | st.sampled_from(Direction),
    severity=st.none() | st.integers(min_value=0, max_value=3),
    fear_greed=st.none() | st.sampled_from(FearGreed),
    chatter=st.none() | st.sampled_from(Chatter),
    chatter_direction=st.none() | st.sampled_from(Direction),
    missing=st.sampled_from([(), ("news.example",)]),
)
