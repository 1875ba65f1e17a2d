"""From notes of what the outside said to one coin's mood at one bar. Pure: the same notes give the same mood.

Laws:
- Only what was found and read at or before the cutoff counts, so a mood can be worked out again at any time.
- A further note never makes a mood milder for any side: severities take the greatest, opposed directions are
  mixed, an event that stops trades is never hidden behind another.
- A source that is configured and gave nothing is named in `missing`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.advice.naming import coins_named, is_of_market, is_of_venue
from core.advice.reading import MOST_SEVERE, Reading
from core.advice.sanitising import sanitised
from core.advice.tempering import BREAKING_EVENTS, BREAKING_SEVERITY, HALVING_SEVERITY
from core.mood import Chatter, Direction, FearGreed, Mood, NewsEvent

MAX_AGE = timedelta(hours=24)
"""Older text is dropped, and has no effect any more."""
MAX_GAUGE_AGE = timedelta(hours=50)
"""The index is daily and stamped with its day's begin."""
STALE_AFTER = timedelta(hours=2)
"""A source without a good answer for this long before the cutoff is missing."""
MAX_ITEMS = 60
"""Newest texts of one answer of one source; feeds hold 20 to 100."""
MAX_HASHES = 20
"""Named in a mood."""

CHATTER_WINDOW = timedelta(hours=2)
CHATTER_USUAL = timedelta(hours=12)
"""Before the window: what a coin's usual is counted over."""
LEAST_COVERAGE = timedelta(hours=4)
SPIKE_FACTOR, LEAST_SPIKE = 3.0, 6
QUIET_FACTOR = 1 / 3
LEAST_USUAL = 2.0
"""Mentions per window under which nothing can be called quiet."""

READER = "news reader"
GAUGE = "fear & greed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One text as a source gave it, not sanitised."""

    title: str
    summary: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """One text that may be read."""

    digest: str
    """SHA-256 of the sanitised text."""
    text: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one answer of a source held; `dropped` counts the rest by reason."""

    items: tuple[Item, ...]
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """What is remembered of one text. Its words are not."""

    digest: str
    source: str
    is_social: bool
    published_at: datetime
    found_at: datetime
    coins: tuple[str, ...]
    is_market: bool = False
    """It concerns every coin."""
    is_venue: bool = False
    """It names the exchange where the bot trades, and so concerns every coin as if it named it."""
    reading: Reading | None = None
    read_at: datetime | None = None
    tries: int = 0
    """Readings that failed."""

    def concerns(self, base: str) -> bool:
        return base in self.coins or self.is_venue or (self.is_market and not self.coins)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One value of the fear & greed index."""

    value: int
    """0 to 100."""
    at: datetime
    """The index's own time."""
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is remembered, oldest first."""

    notes: tuple[Note, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    heard: dict[str, tuple[datetime, ...]] = field(default_factory=dict)
    """By source: when it answered well, the newest times."""
    began_at: datetime | None = None
    """End of the first look after which nothing was slept through; None: nothing was looked at yet."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Names of what is configured."""

    news: tuple[str, ...] = ()
    social: tuple[str, ...] = ()
    gauge: bool = False
    reader: bool = False


def items_of(parsed: Iterable[Entry], now: datetime) -> Harvest:
    """Newest first; undated, future-dated, too old, repeated and unreadable texts are dropped and counted."""
    found: dict[str, Item] = {}
    dropped: Counter[str] = Counter()
    for entry in parsed:
        fault, item = _item(entry, now)
        if item is None or item.digest in found:
            dropped[fault or "repeated"] += 1
            continue
        found[item.digest] = item
    ordered = sorted(found.values(), key=lambda item: (item.published_at, item.digest), reverse=True)
    dropped["too many"] += max(len(ordered) - MAX_ITEMS, 0)
    return Harvest(tuple(ordered[:MAX_ITEMS]), {fault: count for fault, count in dropped.items() if count})


def _item(entry: Entry, now: datetime) -> tuple[str, Item | None]:
    published = entry.published_at
    if published is None:
        return "undated", None
    if published > now:
        return "future", None
    if published < now - MAX_AGE:
        return "old", None
    clean = sanitised(f"{entry.title} . {entry.summary}" if entry.summary else entry.title)
    if not clean.is_readable:
        return clean.fault, None
    digest = hashlib.sha256(clean.text.encode()).hexdigest()
    return "", Item(digest, clean.text, published)


def note_of(
    item: Item, source: str, is_social: bool, coins: Collection[str], venue: Iterable[str], now: datetime
) -> Note:
    """`coins`: bases that are looked for; `venue`: names of the exchange where the bot trades."""
    return Note(
        digest=item.digest,
        source=source,
        is_social=is_social,
        published_at=item.published_at,
        found_at=now,
        coins=coins_named(item.text, coins),
        is_market=not is_social and is_of_market(item.text),
        is_venue=not is_social and is_of_venue(item.text, venue),
    )


def mood_from(knowledge: Knowledge, base: str, cutoff: datetime, sources: Sources) -> Mood:
    """`base` as `naming.base_of` gives it. What was learned after `cutoff` has no effect."""
    if knowledge.began_at is None:
        return Mood(missing=_all_of(sources), as_of=None)
    cutoff = max(cutoff, knowledge.began_at)
    known = [
        note
        for note in knowledge.notes
        if note.found_at <= cutoff and cutoff - MAX_AGE <= note.published_at and note.concerns(base)
    ]
    silent = [name for name in (*sources.news, *sources.social) if not _is_heard(knowledge, name, cutoff)]
    news = [note for note in known if not note.is_social]
    read = [note for note in news if note.reading is not None and _is_read(note, cutoff)]
    is_unread = len(read) < len(news) or (not sources.reader and bool(sources.news))
    event, direction, severity = _gravest([note.reading for note in read if note.reading is not None])
    is_known = bool(read) or (not is_unread and len(set(sources.news) - set(silent)) > 0)
    posts = [note for note in known if note.is_social]
    chatter = _chatter(posts, knowledge, cutoff, sources, silent)
    gauge = _fear_greed(knowledge.gauges, cutoff)
    missing = [*silent, *([READER] if is_unread else []), *([GAUGE] if sources.gauge and not gauge else [])]
    return Mood(
        event=event if is_known else None,
        direction=direction if is_known else None,
        severity=severity if is_known else None,
        fear_greed=gauge,
        chatter=chatter,
        chatter_direction=_crowd_direction(posts, cutoff) if chatter is not None else None,
        items=_hashes([*read, *posts]),
        missing=tuple(missing),
        as_of=cutoff,
    )


def _all_of(sources: Sources) -> tuple[str, ...]:
    return (*sources.news, *sources.social, *([GAUGE] if sources.gauge else []))


def _is_heard(knowledge: Knowledge, source: str, cutoff: datetime) -> bool:
    return any(cutoff - STALE_AFTER < at <= cutoff for at in knowledge.heard.get(source, ()))


def _is_read(note: Note, cutoff: datetime) -> bool:
    return note.read_at is not None and note.read_at <= cutoff


def _gravest(readings: Sequence[Reading]) -> tuple[NewsEvent, Direction, int]:
    """The greatest severity; an event that stops trades before every other; opposed directions are mixed."""
    if not readings:
        return NewsEvent.NONE, Direction.NONE, 0
    severity = max(reading.severity for reading in readings)
    breaking = [r for r in readings if r.event in BREAKING_EVENTS and r.severity >= BREAKING_SEVERITY]
    grave = [r for r in readings if r.severity == severity]
    event = min(breaking or grave, key=lambda r: (-r.severity, list(NewsEvent).index(r.event)))
    heavy = {r.direction for r in readings if r.severity >= HALVING_SEVERITY} or {r.direction for r in grave}
    return event.event, heavy.pop() if len(heavy) == 1 else Direction.MIXED, min(severity, MOST_SEVERE)


def _chatter(
    posts: Sequence[Note], knowledge: Knowledge, cutoff: datetime, sources: Sources, silent: Sequence[str]
) -> Chatter | None:
    """None while no social source answers, or while too little is known of what is usual."""
    heard = set(sources.social) - set(silent)
    social = [note for note in knowledge.notes if note.source in heard and note.found_at <= cutoff]
    if not social:
        return None
    begin = cutoff - CHATTER_WINDOW
    earliest = max(min(note.published_at for note in social), begin - CHATTER_USUAL)
    covered = begin - earliest
    if covered < LEAST_COVERAGE:
        return None
    now = sum(note.published_at > begin for note in posts)
    before = sum(earliest <= note.published_at <= begin for note in posts)
    usual = before * (CHATTER_WINDOW / covered)
    if now >= LEAST_SPIKE and now >= SPIKE_FACTOR * usual:
        return Chatter.SPIKE
    return Chatter.QUIET if usual >= LEAST_USUAL and now <= QUIET_FACTOR * usual else Chatter.USUAL


def _crowd_direction(posts: Sequence[Note], cutoff: datetime) -> Direction | None:
    """What most of the window's read posts say; None where none was read."""
    begin = cutoff - CHATTER_WINDOW
    said = Counter(
        note.reading.direction
        for note in posts
        if note.reading is not None and _is_read(note, cutoff) and note.published_at > begin
    )
    if not said:
        return None
    up, down = said[Direction.UP], said[Direction.DOWN]
    if up == down:
        return Direction.MIXED if up else Direction.NONE
    return Direction.UP if up > down else Direction.DOWN


def _fear_greed(gauges: Sequence[Gauge], cutoff: datetime) -> FearGreed | None:
    usable = [g for g in gauges if g.known_at <= cutoff and cutoff - MAX_GAUGE_AGE <= g.at <= cutoff]
    return band_of(max(usable, key=lambda g: (g.at, g.known_at)).value) if usable else None


def band_of(value: int) -> FearGreed:
    """The bands of the index's publisher, 0 to 100."""
    bands = (
        (25, FearGreed.EXTREME_FEAR),
        (47, FearGreed.FEAR),
        (55, FearGreed.NEUTRAL),
        (75, FearGreed.GREED),
    )
    return next((band for below, band in bands if value < below), FearGreed.EXTREME_GREED)


def _hashes(notes: Sequence[Note]) -> tuple[str, ...]:
    """The gravest first."""
    ordered = sorted(notes, key=lambda n: (-(n.reading.severity if n.reading else 0), n.is_social, n.digest))
    return tuple(note.digest for note in ordered[:MAX_HASHES])
