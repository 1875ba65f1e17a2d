"""`read_history`: a symbol's recorded past out of a folder, checked, or one sentence why not.

Laws:
- All or nothing: no partial result, and no bar from two places that disagree.
- A hole in the period asked for is an error that names file and row, unless gaps are allowed: then it is
  listed. Holes elsewhere in the files are nobody's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from core.adapters.history.cache import cached
from core.adapters.history.layouts import Found, file_stem, files_of
from core.adapters.history.tables import COLUMNS, Kind, Source, table_of
from core.backtest.history import (
    BadHistory,
    Fault,
    Floats,
    Gap,
    History,
    bars_fault,
    counted,
    funding_fault,
    gap_of,
    gaps_in,
    stamp,
)
from core.market import TIMEFRAMES, canonical_symbol, to_ms

USUAL_FUNDING_MS: Final = 8 * 3_600_000


def read_history(
    folder: Path,
    symbol: str,
    timeframe: str,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    allow_gaps: bool = False,
    use_cache: bool = True,
    now: datetime | None = None,
) -> History:
    """Bars that open from `since` on and before `until`; None: from the first, to the last there is.

    `folder` is searched in depth: ours, freqtrade's and Binance's public archive are known by their names.
    Mark prices may come in another timeframe, see `History.mark_timeframe`. A bar that is not over at `now`
    is no past; None: nothing is said about that. Raises `BadHistory`.
    """
    if timeframe not in TIMEFRAMES:
        raise BadHistory(f"{timeframe!r} is no timeframe: {', '.join(TIMEFRAMES)}")
    if since is not None and until is not None and since >= until:
        raise BadHistory(
            f"there is nothing from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}: the end is not later"
        )
    try:
        stem, symbol = file_stem(symbol), canonical_symbol(symbol)
    except ValueError as error:
        raise BadHistory(str(error)) from error
    shelf = _Shelf(folder, stem, use_cache)
    return _history(shelf, symbol, timeframe, _ms(since), _ms(until), _ms(now), allow_gaps)


def _history(
    shelf: _Shelf,
    symbol: str,
    timeframe: str,
    since: int | None,
    until: int | None,
    now: int | None,
    allow_gaps: bool,
) -> History:
    files = shelf.candle_files(timeframe)
    whole = shelf.table(files, Kind.CANDLES, timeframe)
    length = TIMEFRAMES[timeframe]
    bars = _between(whole, since, until)
    if not len(bars):
        raise BadHistory(f"{_names(files)} holds {_span(whole)} and nothing of {_asked(since, until)}")
    gaps = (*_edges(bars, since, until, length), *gaps_in(bars[:, 0], length))
    if gaps and not allow_gaps:
        raise _gap_error(files, timeframe, whole, gaps)
    if now is not None and bars[-1, 0] + length > now:
        raise _future_error(files, timeframe, bars, now)
    period = int(bars[0, 0]), int(bars[-1, 0]) + length
    place = files[0].place
    mark, mark_timeframe = shelf.mark(place, timeframe, period)
    funding = shelf.funding(place, period)
    return History(
        symbol, timeframe, bars, mark, funding, _names(files), mark_timeframe,
        tuple(sorted(gaps, key=lambda gap: gap.from_ms)),
        (*_mark_remarks(mark, mark_timeframe, period), *_funding_remarks(funding, period)),
    )  # fmt: skip


def place_of(folder: Path, symbol: str, timeframe: str) -> Path:
    """The exchange's folder in which `read_history` finds the symbol's candles. Raises `BadHistory`."""
    return _Shelf(folder, file_stem(symbol), use_cache=False).candle_files(timeframe)[0].place


class _Shelf:
    """The files about one symbol."""

    def __init__(self, folder: Path, stem: str, use_cache: bool) -> None:
        self._folder, self._stem, self._use_cache = folder, stem, use_cache
        self._files = files_of(folder, stem)

    def candle_files(self, timeframe: str) -> tuple[Found, ...]:
        """Of one place. Raises `BadHistory` when there are none or places differ."""
        candles = [each for each in self._files if each.source.kind is Kind.CANDLES]
        files = tuple(each for each in candles if each.timeframe == timeframe)
        if not files:
            others = sorted({each.timeframe for each in candles}, key=lambda frame: TIMEFRAMES[frame])
            has = f"only {' and '.join(others)}" if others else "none at all"
            raise BadHistory(f"{self._folder} holds no {timeframe} candles of {self._stem}, {has}")
        places = sorted({str(each.place) for each in files})
        if len(places) > 1:
            raise BadHistory(
                f"{self._stem} {timeframe} lies in {' and in '.join(places)}: name the folder of one of them"
            )
        return files

    def table(self, files: Sequence[Found], kind: Kind, timeframe: str) -> Floats:
        """Everything the files hold, checked and in one piece."""
        if not self._use_cache:
            return _joined(files, timeframe)
        name = f"{self._stem}-{kind}-{timeframe or 'all'}"
        paths = [each.source.path for each in files]
        return cached(self._folder, name, paths, len(COLUMNS[kind]), lambda: _joined(files, timeframe))

    def mark(self, place: Path, timeframe: str, period: tuple[int, int]) -> tuple[Floats | None, str | None]:
        """In the candles' timeframe if there is one, else the coarsest finer one, else the finest coarser."""
        files = self._beside(place, Kind.MARK)
        at = TIMEFRAMES[timeframe]
        frames = sorted({each.timeframe for each in files}, key=lambda frame: TIMEFRAMES[frame])
        finer = [frame for frame in frames if TIMEFRAMES[frame] <= at]
        for frame in [*reversed(finer), *(frame for frame in frames if frame not in finer)]:
            chosen = [each for each in files if each.timeframe == frame]
            rows = _between(self.table(chosen, Kind.MARK, frame), *period)
            if len(rows):
                return rows, frame
        return None, None

    def funding(self, place: Path, period: tuple[int, int]) -> Floats | None:
        files = self._beside(place, Kind.FUNDING)
        if not files:
            return None
        rows = _between(self.table(files, Kind.FUNDING, ""), *period)
        return rows if len(rows) else None

    def _beside(self, place: Path, kind: Kind) -> list[Found]:
        return [each for each in self._files if each.source.kind is kind and each.place == place]


# ---------------------------------------------------------------- one table of many files


def _joined(files: Sequence[Found], timeframe: str) -> Floats:
    tables = [_checked(each.source, timeframe) for each in files]
    if len(tables) == 1:
        return tables[0]
    rows = np.concatenate(tables)
    order = np.argsort(rows[:, 0], kind="stable")
    rows = rows[order]
    twice = np.diff(rows[:, 0]) == 0
    differs = np.flatnonzero(twice & (np.diff(rows, axis=0) != 0).any(axis=1))
    if len(differs):
        at = int(differs[0])
        sources = [each.source for each in files]
        (one, row), (other, other_row) = (_owner(sources, tables, int(order[at + step])) for step in (0, 1))
        raise one.bad(f"row {row} ({stamp(rows[at, 0])}) differs from row {other_row} of {other.name}")
    return np.ascontiguousarray(rows[np.concatenate(([True], ~twice))])


def _owner(sources: Sequence[Source], tables: Sequence[Floats], at: int) -> tuple[Source, int]:
    """The file and row of row `at` of all tables one after the other."""
    for source, table in zip(sources, tables, strict=True):
        if at < len(table):
            return source, at + 1
        at -= len(table)
    raise IndexError(at)


def _checked(source: Source, timeframe: str) -> Floats:
    rows = table_of(source)
    fault = _fault(source.kind, rows, timeframe)
    if fault is not None:
        raise source.bad(str(fault))
    return rows


def _fault(kind: Kind, rows: Floats, timeframe: str) -> Fault | None:
    return funding_fault(rows) if kind is Kind.FUNDING else bars_fault(rows, TIMEFRAMES[timeframe])


# ---------------------------------------------------------------- periods and holes


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _between(rows: Floats, since: int | None, until: int | None) -> Floats:
    first = 0 if since is None else int(np.searchsorted(rows[:, 0], since))
    end = len(rows) if until is None else int(np.searchsorted(rows[:, 0], until))
    return rows[first:end]


def _edges(bars: Floats, since: int | None, until: int | None, length: int) -> list[Gap]:
    """What is missing before the first bar and after the last."""
    first, end = int(bars[0, 0]), int(bars[-1, 0]) + length
    wanted_first = first if since is None else -(-since // length) * length
    wanted_end = end if until is None else -(-until // length) * length
    spans = [(wanted_first, first), (end, wanted_end)]
    return [gap_of(start, stop, length) for start, stop in spans if start < stop]


def _gap_error(files: Sequence[Found], timeframe: str, whole: Floats, gaps: Sequence[Gap]) -> BadHistory:
    gap = gaps[0]
    more = f", and {counted(len(gaps) - 1, 'more gap')}" if len(gaps) > 1 else ""
    verb = "is" if gap.bars == 1 else "are"
    at = int(np.searchsorted(whole[:, 0], gap.from_ms))
    if at == len(whole):
        source, row = _row_of(files, timeframe, whole[-1, 0])
        where = f"after row {row}, the last"
    else:
        source, row = _row_of(files, timeframe, whole[at, 0])
        where = f"before row {row}"
    return source.bad(f"{gap} {verb} missing {where}{more}")


def _future_error(files: Sequence[Found], timeframe: str, bars: Floats, now: int) -> BadHistory:
    first = bars[int(np.searchsorted(bars[:, 0], now - TIMEFRAMES[timeframe], side="right")), 0]
    source, row = _row_of(files, timeframe, first)
    return source.bad(f"row {row} ({stamp(first)}) is not over yet: it is {stamp(now)}")


def _row_of(files: Sequence[Found], timeframe: str, at_ms: float) -> tuple[Source, int]:
    """The file and row that hold this time; read again, because only an error asks."""
    for each in files:
        found = np.flatnonzero(_checked(each.source, timeframe)[:, 0] == at_ms)
        if len(found):
            return each.source, int(found[0]) + 1
    raise files[0].source.bad("changed while it was read")


# ---------------------------------------------------------------- words


def _mark_remarks(mark: Floats | None, timeframe: str | None, period: tuple[int, int]) -> list[str]:
    if mark is None or timeframe is None:
        return ["no mark prices"]
    length = TIMEFRAMES[timeframe]
    first, last = int(mark[0, 0]), int(mark[-1, 0]) + length
    remarks = []
    if first > period[0] + length or last < period[1] - length:
        remarks.append(f"mark prices cover {stamp(first)} to {stamp(last)} only")
    if gaps := gaps_in(mark[:, 0], length):
        remarks.append(f"mark prices have {counted(len(gaps), 'gap')}, the first of {gaps[0]}")
    return remarks


def _funding_remarks(funding: Floats | None, period: tuple[int, int]) -> list[str]:
    if funding is None:
        return ["no funding"]
    stamps = np.concatenate(([period[0]], funding[:, 0], [period[1]]))
    waits = np.diff(stamps)
    long = np.flatnonzero(waits > 1.5 * USUAL_FUNDING_MS)
    if not len(long):
        return []
    first = int(long[0])
    return [
        f"funding has {counted(len(long), 'hole')}, the first from {stamp(stamps[first])} to "
        f"{stamp(stamps[first + 1])}"
    ]


def _names(files: Sequence[Found]) -> str:
    first, last = files[0].source.name, files[-1].source.name
    return first if len(files) == 1 else f"{first} to {last} ({len(files)} files)"


def _span(rows: Floats) -> str:
    return f"{stamp(rows[0, 0])} to {stamp(rows[-1, 0])}"


def _asked(since: int | None, until: int | None) -> str:
    first = "the beginning" if since is None else stamp(since)
    return f"{first} to {'the end' if until is None else stamp(until)}"
