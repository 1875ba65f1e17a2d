"""A symbol's past fetched from a venue into files, where the last run stopped.

Laws:
- The files are the only memory: what they hold is never asked for again, what they lack is.
- A hole is asked for twice in a run; what the venue has not is reported, never filled in.
- Whatever ends a run (an error, Ctrl-C), what was fetched is saved first. A kill loses the last seconds.
- Every wait and every retry is bounded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from core.adapters.exchange.calls import Refusal
from core.adapters.history.keeping import KeptSeries
from core.adapters.history.layouts import file_stem
from core.adapters.history.pages import PAGE, Pages
from core.adapters.history.tables import Kind
from core.backtest.history import Gap
from core.errors import PerpilotError, Throttled, Unknown
from core.market import TIMEFRAMES
from core.ports import Clock

T = TypeVar("T")

TRIES: Final = 8
"""For one page, each of them with the retries of a read."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
LONGEST_SILENCE_S: Final = 1_800.0
"""That a venue asks for and a run waits out; a longer one ends the run."""
SAVED_EVERY_S: Final = 10.0
MOST_ASKED_AGAIN: Final = 200
"""Holes of one series in one run; a new run asks for the next."""
DAY_MS: Final = TIMEFRAMES["1d"]
NEARLY: Final = 0.99
"""Told while a series is not saved yet."""
EMPTY_FUNDING_MS: Final = 30 * 86_400_000
"""How far to go on after a page of funding without a row: about a page of a hundred."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`until_ms` None: up to now, by the venue's clock."""

    symbols: tuple[str, ...]
    timeframe: str
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    series: str
    fraction: float
    """Of the period that was missing when the run began; 1 is done."""
    rows: int
    """New ones."""
    note: str = ""
    """Why nothing happens at the moment."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`first_ms` and `last_ms` are None for a series without a row, `path` then names no file."""

    series: str
    path: Path
    rows: int
    added: int
    first_ms: int | None
    last_ms: int | None
    gaps: tuple[Gap, ...]
    """Inside the period, after everything was asked for; what the venue doesn't have."""


Tell = Callable[[Progress], None]


async def download(pages: Pages, folder: Path, wanted: Wanted, clock: Clock, tell: Tell) -> Sequence[Outcome]:
    """Candles, mark prices and funding of each symbol into `folder`; `pages` need not be open yet.

    Raises what `Pages` and `KeptSeries` raise once the patience is over; what was fetched is kept.
    """
    patience = Patience(clock, tell)
    await patience.of(pages.exchange_id, pages.open)
    for symbol in wanted.symbols:
        pages.require(symbol)
    until_ms = pages.now_ms() if wanted.until_ms is None else wanted.until_ms
    outcomes = []
    for symbol in wanted.symbols:
        for kind in (each for each in Kind if pages.offers(each)):
            series = KeptSeries(folder, file_stem(symbol), kind, wanted.timeframe)
            run = _Run(pages, series, symbol, wanted.timeframe, clock, patience, tell)
            outcomes.append(await run.complete(wanted.since_ms, until_ms))
    return outcomes


class Patience:
    """Asks again while that may help."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock, self._tell = clock, tell

    async def of(self, series: str, ask: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(TRIES):
            try:
                return await ask()
            except (Throttled, Unknown) as error:
                pause_s = self._pause_s(error, attempt)
                if pause_s is None:
                    raise
                self._tell(Progress(series, -1.0, 0, f"{error}; asking again in {pause_s:.0f} s"))
                await self._clock.sleep(pause_s)
        raise AssertionError("the last try raises")

    def _pause_s(self, error: PerpilotError, attempt: int) -> float | None:
        """None when waiting is of no use any more."""
        if isinstance(error, Refusal) or attempt + 1 >= TRIES:
            return None
        usual_s = min(FIRST_PAUSE_S * 2.0**attempt, LONGEST_PAUSE_S)
        if not isinstance(error, Throttled) or error.until is None:
            return usual_s
        silence_s = (error.until - self._clock.now()).total_seconds() + 1.0
        return None if silence_s > LONGEST_SILENCE_S else max(silence_s, 1.0)


class _Run:
    """One series brought up to date."""

    def __init__(
        self,
        pages: Pages,
        series: KeptSeries,
        symbol: str,
        timeframe: str,
        clock: Clock,
        patience: Patience,
        tell: Tell,
    ) -> None:
        self._pages, self._series = pages, series
        self._symbol, self._timeframe = symbol, timeframe
        self._clock, self._patience, self._tell = clock, patience, tell
        self._saved_at = clock.monotonic()
        self._added = 0

    async def complete(self, since_ms: int, until_ms: int) -> Outcome:
        closed_ms = self._pages.now_ms() // (self._series.length_ms or 1) * (self._series.length_ms or 1)
        until_ms = min(until_ms, closed_ms)
        try:
            await self._fill(self._series.missing(since_ms, until_ms))
            await self._fill(self._series.missing(since_ms, until_ms)[:MOST_ASKED_AGAIN])
        finally:
            self._series.save()
        self._tell(Progress(self._series.name, 1.0, self._added))
        return self._outcome(since_ms, until_ms)

    async def _fill(self, holes: Sequence[Gap]) -> None:
        whole = sum(hole.to_ms - hole.from_ms for hole in holes)
        done = 0
        for hole in holes:
            cursor = hole.from_ms
            while cursor < hole.to_ms:
                cursor = min(await self._one_page(cursor, hole.to_ms), hole.to_ms)
                fraction = (done + cursor - hole.from_ms) / whole
                self._tell(Progress(self._series.name, min(fraction, NEARLY), self._added))
            done += hole.to_ms - hole.from_ms

    async def _one_page(self, cursor: int, until_ms: int) -> int:
        """Where to go on; always later than `cursor`."""
        kind = self._series.kind
        rows = await self._patience.of(
            self._series.name, lambda: self._pages.page(self._symbol, kind, self._timeframe, cursor)
        )
        if not len(rows):
            return await self._past_nothing(cursor)
        fresh = rows[rows[:, 0] < until_ms]
        self._series.add(fresh)
        self._added += len(fresh)
        self._save_sometimes()
        return int(rows[-1, 0]) + max(1, self._series.length_ms)

    async def _past_nothing(self, cursor: int) -> int:
        """After an empty page: some venues answer with the first rows there are, others with nothing before a
        symbol's first day. Daily bars tell of years at once where that day is; never over a day that may hold
        something."""
        if self._series.kind is Kind.FUNDING:
            return cursor + EMPTY_FUNDING_MS
        beyond = cursor + PAGE * self._series.length_ms
        if self._series.length_ms >= DAY_MS:
            return beyond
        day = cursor // DAY_MS * DAY_MS
        days = await self._patience.of(
            self._series.name, lambda: self._pages.page(self._symbol, self._series.kind, "1d", day)
        )
        yesterday = self._pages.now_ms() // DAY_MS * DAY_MS - DAY_MS
        first = int(days[0, 0]) if len(days) else min(day + PAGE * DAY_MS, yesterday)
        return max(beyond, first - DAY_MS)  # venues differ in whether a listing's broken day has a bar

    def _save_sometimes(self) -> None:
        """When what is new is as much as what is kept, and every few seconds: the file is written anew."""
        now = self._clock.monotonic()
        if self._series.unsaved >= len(self._series.rows) or now - self._saved_at > SAVED_EVERY_S:
            self._series.save()
            self._saved_at = now

    def _outcome(self, since_ms: int, until_ms: int) -> Outcome:
        rows = self._series.rows
        stamps = rows[:, 0]
        return Outcome(
            self._series.name,
            self._series.path,
            len(rows),
            len(rows) - self._series.kept,
            int(stamps[0]) if len(rows) else None,
            int(stamps[-1]) if len(rows) else None,
            tuple(self._series.missing(since_ms, until_ms)),
        )
