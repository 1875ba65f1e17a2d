"""Closed candles, kept per (symbol, timeframe) so that each bar is fetched once for everybody.

Laws:
- Only checked rows enter.
- New bars are joined on only where the overlap is the same to the last digit; a venue that rewrote a closed
  bar gets its whole stretch read again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from core.adapters.exchange.checks import Rows
from core.market import TIMEFRAMES

MAX_SERIES = 384
"""128 symbols on three timeframes; at 500 bars about 9 MB."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """`rows` are gapless closed bars; `depth` is how many were once asked for: fewer rows mean the venue has
    no more."""

    rows: Rows
    depth: int


class CandleCache:
    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._series: OrderedDict[Key, Series] = OrderedDict()
        self._max_series = max_series

    def __len__(self) -> int:
        return len(self._series)

    def get(self, key: Key) -> Series | None:
        series = self._series.get(key)
        if series is not None:
            self._series.move_to_end(key)
        return series

    def put(self, key: Key, series: Series) -> None:
        self._series[key] = series
        self._series.move_to_end(key)
        while len(self._series) > self._max_series:
            self._series.popitem(last=False)


def newest_open(closed_by_ms: int, timeframe: str) -> int:
    """Open time of the newest bar that has closed by then."""
    length = TIMEFRAMES[timeframe]
    return closed_by_ms // length * length - length


def cut(series: Series, timeframe: str, closed_by_ms: int, limit: int) -> Rows | None:
    """The answer, when the series holds all of it."""
    wanted = newest_open(closed_by_ms, timeframe)
    rows = series.rows
    if rows[-1, 0] < wanted:
        return None
    surplus = int(rows[-1, 0] - wanted) // TIMEFRAMES[timeframe]
    end = len(rows) - surplus
    has_all_history = len(rows) < series.depth
    if end <= 0 or (end < limit and not has_all_history):
        return None
    return rows[max(0, end - limit) : end]


def missing_bars(series: Series, timeframe: str, closed_by_ms: int, limit: int) -> int | None:
    """How many new bars would complete the series; None where only a full read can."""
    missing = (newest_open(closed_by_ms, timeframe) - int(series.rows[-1, 0])) // TIMEFRAMES[timeframe]
    if missing <= 0 or missing >= limit or limit > series.depth:
        return None
    return missing


def joined(series: Series, tail: Rows) -> Rows | None:
    """The series with `tail` on its end, no longer than its depth; None where the two don't fit together."""
    known, new = tail[tail[:, 0] <= series.rows[-1, 0]], tail[tail[:, 0] > series.rows[-1, 0]]
    if not len(known) or len(known) > len(series.rows):
        return None
    if not np.array_equal(known, series.rows[-len(known) :]):
        return None
    return np.concatenate((series.rows, new))[-series.depth :]
