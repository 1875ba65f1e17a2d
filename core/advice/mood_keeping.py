"""The mood of every coin, kept up in the background: `refresh` talks to the world, `mood` never does.

Laws:
- `mood` works from notes alone, so that it is the same all through a bar and nobody waits for a feed.
- What is known outlives the process: one named text, bounded.
- A text is read once. What could not be read after `MAX_TRIES` stays unknown, and is named as missing.
- Nothing here raises for a source or a reader that fails; only the journal's errors come through.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.advice.mood import (
    MAX_AGE,
    Entry,
    Gauge,
    Harvest,
    Item,
    Knowledge,
    Note,
    Sources,
    items_of,
    mood_from,
    note_of,
)
from core.advice.naming import NAMES, base_of
from core.advice.reading import (
    MAX_BATCH,
    READING_SCHEMA,
    BadReading,
    CanarySeen,
    Reader,
    ReaderSilent,
    Reading,
    readings_of,
    system_text,
    user_text,
)
from core.codec import from_text, to_text
from core.errors import PerpilotError
from core.market import next_close
from core.mood import Mood
from core.opinion import Purpose
from core.ports import Blobs, Clock

log = logging.getLogger("perpilot.mood")

MAX_NOTES = 1_000
"""Remembered texts, newest first: about 350 kB."""
MAX_HEARD, HEARD_EVERY = 8, timedelta(minutes=4)
"""Times remembered of each source: enough to know what had been heard at the last bar's close."""
MAX_GAUGES = 4
MAX_BATCHES = 6
"""Requests to the reader in one pass."""
BATCH_SIZES = (MAX_BATCH, 5, 1)
"""By failed tries: a text that spoils its batch is found by making batches smaller."""
MAX_TRIES = len(BATCH_SIZES)
READ_DEADLINE_S = 40.0
MAX_FROZEN = 600
MAX_WATCHED = 300
SLEPT_AFTER = timedelta(minutes=30)
"""A longer pause between two looks: what was known before it is no picture of the bar after it."""
WAITED_FOR_READER = timedelta(minutes=10)
"""After a start; until then a reader that is still barred does not make the first bar's news unknown."""
SILENT_AFTER = timedelta(hours=6)
"""The owner hears of a source that has been silent for this long."""

Tell = Callable[[str, str], Awaitable[None]]
Offload = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs it off the event loop: a hundred texts take some hundred milliseconds."""


class SourceSilent(PerpilotError):
    """A source gave nothing usable. The text holds no address, for an address may hold a key."""


class TextSource(Protocol):
    """A feed of texts: RSS today, any other social source behind the same words."""

    @property
    def name(self) -> str:
        """For people: a host, never a whole address."""
        ...

    async def entries(self) -> Sequence[Entry]:
        """All texts it offers now. Raises `SourceSilent`."""
        ...


class GaugeSource(Protocol):
    async def reading(self) -> tuple[int, datetime]:
        """The newest value, 0 to 100, and the index's own time. Raises `SourceSilent`."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What is configured; each may be missing."""

    news: tuple[TextSource, ...] = ()
    social: tuple[TextSource, ...] = ()
    gauge: GaugeSource | None = None
    reader: Reader | None = None

    @property
    def names(self) -> Sources:
        return Sources(
            tuple(source.name for source in self.news),
            tuple(source.name for source in self.social),
            gauge=self.gauge is not None,
            reader=self.reader is not None,
        )


@dataclass(frozen=True, slots=True)
class Concern:
    """What texts are looked through for."""

    venue: tuple[str, ...]
    """Names of the exchange where the bot trades."""
    symbols: Callable[[], Collection[str]]
    """Symbols that are surely scanned; those that a mood was asked for are added."""


class MoodKeeper:
    """Implements `core.ports.Moods`."""

    def __init__(
        self,
        outside: Outside,
        concern: Concern,
        clock: Clock,
        blobs: Blobs,
        name: str,
        tell: Tell,
        canary: str,
        offload: Offload,
    ) -> None:
        """`name`: of the text that it is kept under. `canary`: unguessable, never shown."""
        self._offload = offload
        self._outside = outside
        self._concern = concern
        self._clock = clock
        self._blobs = blobs
        self._name = name
        self._tell = tell
        self._canary = canary
        self._known: Knowledge | None = None
        self._asked: dict[str, None] = {}
        self._frozen: dict[tuple[str, datetime], Mood] = {}
        self._told: set[str] = set()
        self._since = clock.now()
        self.is_waiting = False
        """Something could not be read because nobody was there to read it."""
        self.dropped: Counter[str] = Counter()
        """Texts that were not let through since the start, by reason."""

    async def mood(self, symbol: str, bar: datetime) -> Mood:
        base = base_of(symbol)
        if len(self._asked) < MAX_WATCHED:
            self._asked[base] = None
        if (kept := self._frozen.get((base, bar))) is not None:
            return kept
        known = self._known or Knowledge()
        found = mood_from(known, base, bar, self._outside.names)
        if known.began_at is not None:
            self._freeze(base, bar, found)
        return found

    def _freeze(self, base: str, bar: datetime, mood: Mood) -> None:
        if len(self._frozen) >= MAX_FROZEN:
            self._frozen.clear()  # worked out again from the notes it is the same
        self._frozen[base, bar] = mood

    def missing(self) -> tuple[str, ...]:
        """Sources that would be named as missing by a mood of now."""
        now = self._clock.now()
        return mood_from(self._known or Knowledge(), "BTC", now, self._outside.names).missing

    async def refresh(self) -> None:
        """One look at every source, and the reading of what is new."""
        known = self._known if self._known is not None else await self._load()
        self._known = known
        began = self._clock.now()
        known = await self._gauged(known)
        texts: dict[str, str] = {}
        for source in self._outside.news:
            known = await self._gathered(known, source, False, texts)
        for source in self._outside.social:
            known = await self._gathered(known, source, True, texts)
        known = await self._read(known, texts)
        now = self._clock.now()
        if not self.is_waiting or now - self._since > WAITED_FOR_READER:
            known = _begun(known, began, now)
        self._known = known = _bounded(known, now)
        await self._blobs.save(self._name, await self._offload(lambda: to_text(known)))
        await self._tell_silences(known)

    async def _load(self) -> Knowledge:
        text = await self._blobs.load(self._name)
        if text is None:
            return Knowledge()
        try:
            return from_text(Knowledge, text)
        except ValueError as error:  # kept by another version
            log.warning("what was known of the mood can't be read any more: %s", error)
            return Knowledge()

    async def _gauged(self, known: Knowledge) -> Knowledge:
        if self._outside.gauge is None:
            return known
        try:
            value, at = await self._outside.gauge.reading()
        except SourceSilent as silent:
            log.info("fear & greed is silent: %s", silent)
            return known
        now = self._clock.now()
        if at > now or any((gauge.value, gauge.at) == (value, at) for gauge in known.gauges):
            return known
        return replace(known, gauges=(*known.gauges, Gauge(value, at, now))[-MAX_GAUGES:])

    async def _gathered(
        self, known: Knowledge, source: TextSource, is_social: bool, texts: dict[str, str]
    ) -> Knowledge:
        """With the notes of what is new; `texts` gets the words of everything still to be read."""
        try:
            entries = await source.entries()
        except SourceSilent as silent:
            log.info("feed is silent: source=%s why=%s", source.name, silent)
            return known
        now = self._clock.now()
        harvest: Harvest = await self._offload(lambda: items_of(entries, now))
        self.dropped.update(harvest.dropped)
        notes = {note.digest: note for note in known.notes}
        coins = self._coins()
        for item in harvest.items:
            self._note(item, source.name, is_social, coins, notes, now)
            if item.digest in notes and notes[item.digest].reading is None:
                texts[item.digest] = item.text
        heard = _heard(known.heard.get(source.name, ()), now)
        return replace(known, notes=tuple(notes.values()), heard={**known.heard, source.name: heard})

    def _note(
        self,
        item: Item,
        source: str,
        is_social: bool,
        coins: Collection[str],
        notes: dict[str, Note],
        now: datetime,
    ) -> None:
        """A text that concerns anybody is noted when it is met first; news that a crowd had first is news."""
        known = notes.get(item.digest)
        if known is None or (known.is_social and not is_social):
            note = note_of(item, source, is_social, coins, self._concern.venue, now)
            if note.coins or note.is_market or note.is_venue:
                notes[item.digest] = note

    def _coins(self) -> set[str]:
        return self._watched() | set(NAMES)

    def _watched(self) -> set[str]:
        return {base_of(symbol) for symbol in self._concern.symbols()} | set(self._asked)

    async def _read(self, known: Knowledge, texts: dict[str, str]) -> Knowledge:
        reader, self.is_waiting = self._outside.reader, False
        if reader is None:
            return known
        watched = self._watched()
        notes = {note.digest: note for note in known.notes}
        waiting = [
            notes[digest]
            for digest in texts
            if notes[digest].tries < MAX_TRIES and any(notes[digest].concerns(base) for base in watched)
        ]
        for batch in _batches(waiting):
            readings = await self._ask(reader, [texts[note.digest] for note in batch])
            if readings is None:
                self.is_waiting = True  # the next pass tries again
                break
            for note, reading in zip(batch, readings, strict=True):
                at = self._clock.now() if reading is not None else None
                tries = note.tries + (reading is None)
                notes[note.digest] = replace(note, reading=reading, read_at=at, tries=tries)
        return replace(known, notes=tuple(notes.values()))

    async def _ask(self, reader: Reader, texts: Sequence[str]) -> Sequence[Reading | None] | None:
        """None: the reader did not answer. A bad answer makes every text of the batch unread."""
        try:
            content = await reader.ask_text(
                system_text(self._canary), user_text(texts), READING_SCHEMA, Purpose.READING, READ_DEADLINE_S
            )
            return readings_of(content, len(texts), self._canary)
        except ReaderSilent as silent:
            log.info("news reader is silent: %s", silent)
            return None
        except CanarySeen:
            log.error("news reader gave its private mark away: texts=%d", len(texts))
            await self._tell_once(
                f"mood:canary:{self._clock.now():%Y-%m-%d}",
                "A text of a news feed made the reader model speak its private mark. The batch is treated as"
                " unknown; news can only refuse or reduce trades. Look at the feeds you configured.",
            )
        except BadReading as bad:
            log.warning("news reader's answer is not usable: %s", bad)
        return [None] * len(texts)

    async def _tell_silences(self, known: Knowledge) -> None:
        now = self._clock.now()
        sources = self._outside.names
        for name in (*sources.news, *sources.social):
            last = max(known.heard.get(name, ()), default=self._since)
            if now - max(last, self._since) > SILENT_AFTER:
                await self._tell_once(
                    f"mood:silent:{name}:{last.isoformat()}",
                    f"The feed {name} has given nothing for {SILENT_AFTER.seconds // 3600} hours. Trading"
                    " goes on without it; decisions name it as missing.",
                )

    async def _tell_once(self, key: str, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            await self._tell(key, text)


def _batches(notes: Sequence[Note]) -> list[list[Note]]:
    """Of one source and one number of tries each, news first; at most `MAX_BATCHES`."""
    groups: dict[tuple[bool, str, int], list[Note]] = {}
    for note in notes:
        groups.setdefault((note.is_social, note.source, note.tries), []).append(note)
    found = []
    for (_, _, tries), group in sorted(groups.items()):
        size = BATCH_SIZES[tries]
        found += [group[start : start + size] for start in range(0, len(group), size)]
    return found[:MAX_BATCHES]


def _heard(times: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    is_new = not times or now - times[-1] >= HEARD_EVERY
    return (*times, now)[-MAX_HEARD:] if is_new else times


def _begun(known: Knowledge, began: datetime, ended: datetime) -> Knowledge:
    """`began_at` is set anew by the first look, and by the first after a sleep."""
    last = max((at for times in known.heard.values() for at in times if at < began), default=None)
    last = max((gauge.known_at for gauge in known.gauges if gauge.known_at < began), default=last) or last
    is_awake = known.began_at is not None and last is not None and began - last <= SLEPT_AFTER
    return known if is_awake else replace(known, began_at=ended)


def _bounded(known: Knowledge, now: datetime) -> Knowledge:
    """Without what no mood of this bar or the last can rest on."""
    horizon = now - MAX_AGE - 2 * (next_close(now, "15m") - next_close(now - timedelta(minutes=15), "15m"))
    fresh = sorted((n for n in known.notes if n.published_at >= horizon), key=lambda n: n.published_at)
    return replace(known, notes=tuple(fresh[-MAX_NOTES:]))
