"""Prices as whole ticks: bars, the path inside a bar, and how both are read at any instant.

Laws:
- A series is a row of equally long bars plus one price per second inside each bar. The path begins at the
  open, ends at the close and reaches the high and the low exactly, so a bar read from its path is the bar.
- What was read stays true: a bar that has closed never changes, and an instant has one price.
- Longer bars are made of shorter ones: open of the first, close of the last, highest, lowest, volumes added.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.demo.market_moves import Moves

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of equal length, oldest first. Prices are ticks, volume lots, `turnover` ticks times lots."""

    start_ms: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    turnover: Floats

    def __len__(self) -> int:
        return len(self.start_ms)

    def part(self, rows: slice | NDArray[np.bool_]) -> Bars:
        """The rows of a slice, or those where a mask is true."""
        return Bars(
            self.start_ms[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
            self.turnover[rows],
        )


def bars_of(start_ms: Ints, prices: tuple[Ints, Ints, Ints, Ints], volume: Ints) -> Bars:
    """`prices` are open, high, low, close; turnover is taken at the mean of the four."""
    opened, high, low, closed = prices
    turnover = volume * (opened + high + low + closed) / 4.0
    return Bars(start_ms, opened, high, low, closed, volume, turnover)


_NONE: Final = np.empty(0, np.int64)
NO_BARS: Final = bars_of(_NONE, (_NONE, _NONE, _NONE, _NONE), _NONE)


def joined(pieces: list[Bars]) -> Bars:
    """The rows of all pieces one after the other."""
    filled = [piece for piece in pieces if len(piece)]
    if len(filled) < 2:
        return filled[0] if filled else NO_BARS
    return Bars(
        np.concatenate([each.start_ms for each in filled]),
        np.concatenate([each.open for each in filled]),
        np.concatenate([each.high for each in filled]),
        np.concatenate([each.low for each in filled]),
        np.concatenate([each.close for each in filled]),
        np.concatenate([each.volume for each in filled]),
        np.concatenate([each.turnover for each in filled]),
    )


def resampled(bars: Bars, interval_ms: int) -> Bars:
    """Bars of `interval_ms` from shorter ones; groups are aligned to the epoch."""
    if not len(bars):
        return bars
    group = bars.start_ms // interval_ms
    heads = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    if len(heads) == len(bars):
        return bars
    tails = np.append(heads[1:], len(bars)) - 1
    return Bars(
        start_ms=group[heads] * interval_ms,
        open=bars.open[heads],
        high=np.maximum.reduceat(bars.high, heads),
        low=np.minimum.reduceat(bars.low, heads),
        close=bars.close[tails],
        volume=np.add.reduceat(bars.volume, heads),
        turnover=np.add.reduceat(bars.turnover, heads),
    )


class Series(Protocol):
    """A row of bars of one length with a price for each second inside; `end_ms` is where it stops."""

    interval_ms: int
    first_ms: int
    end_ms: int

    def bars(self, first: int, last: int) -> Bars:
        """Whole bars by position, `first` up to, not including, `last`."""
        ...

    def path(self, position: int) -> Ints:
        """Ticks at each second of one bar, `interval_ms / 1000` of them."""
        ...


def path_inside(bar: tuple[int, int, int, int], seconds: int, seed: tuple[int, ...]) -> Ints:
    """A price for each second of a bar (open, high, low, close in ticks) that makes exactly this bar.

    A random walk is bent (a Brownian bridge) through open, the two extremes in a likely order, and close;
    where it would leave the bar it is turned back. The same seed gives the same path.
    """
    opened, high, low, closed = bar
    dice = np.random.default_rng(seed)
    at = np.sort(dice.choice(np.arange(1, seconds - 1), size=2, replace=False))
    low_first = dice.random() < (0.75 if closed >= opened else 0.25)
    knots = np.array([0, at[0], at[1], seconds - 1])
    values = np.array([opened, low, high, closed] if low_first else [opened, high, low, closed], float)
    moments = np.arange(seconds)
    walk = np.cumsum(dice.standard_normal(seconds)) * (0.6 * (high - low) / np.sqrt(seconds))
    bent = np.interp(moments, knots, values) + walk - np.interp(moments, knots, walk[knots])
    inside = np.clip(
        np.where(bent > high, 2 * high - bent, np.where(bent < low, 2 * low - bent, bent)), low, high
    )
    path: Ints = np.rint(inside).astype(np.int64)
    return path


class PathMemory:
    """The paths made last, so that a bar in progress is not made again for each question."""

    MOST_SECONDS: Final = 300_000  # 2.4 MB a series; 83 hours of bars

    def __init__(self) -> None:
        self._paths: dict[int, Ints] = {}

    def get(self, position: int) -> Ints | None:
        return self._paths.get(position)

    def keep(self, position: int, path: Ints) -> Ints:
        if (len(self._paths) + 1) * len(path) > self.MOST_SECONDS:
            del self._paths[next(iter(self._paths))]
        self._paths[position] = path
        return path


class Tape:
    """One series with the moves of the market controls laid over it."""

    def __init__(self, series: Series, moves: Moves) -> None:
        self.series = series
        self._moves = moves

    def price(self, at_ms: int) -> int:
        """Ticks at an instant; before the first bar its open, after the last bar its close."""
        position, second = self._place(at_ms)
        ticks = self.series.path(position)[second]
        return int(self._moved(np.array([ticks]), np.array([at_ms]))[0])

    def unmoved(self, at_ms: int) -> float:
        """Ticks at an instant before rounding, as a later move would multiply them."""
        position, second = self._place(at_ms)
        factor = self._moves.factor(np.array([at_ms]))[0]
        return float(self.series.path(position)[second] * factor)

    def candles(self, interval_ms: int, start_ms: int, end_ms: int, at_ms: int) -> Bars:
        """Bars opening in [start_ms, end_ms] as seen at `at_ms`, the last unfinished if `at_ms` is in it."""
        series = self.series
        seen = min(at_ms, series.end_ms - 1)
        first = -(-max(start_ms, series.first_ms) // interval_ms) * interval_ms
        last = min(end_ms, seen) // interval_ms * interval_ms
        if last < first:
            return NO_BARS
        begin = (first - series.first_ms) // series.interval_ms
        stop = -(-(min(last + interval_ms, seen + 1) - series.first_ms) // series.interval_ms)
        if interval_ms >= series.interval_ms:
            return resampled(self._base(begin, stop, at_ms), interval_ms)
        fine = joined([self._walked(position, interval_ms, at_ms) for position in range(begin, stop)])
        wanted = (fine.start_ms >= first) & (fine.start_ms <= last)
        return fine.part(wanted)

    def _place(self, at_ms: int) -> tuple[int, int]:
        series = self.series
        inside = min(max(at_ms, series.first_ms), series.end_ms - 1) - series.first_ms
        return inside // series.interval_ms, inside % series.interval_ms // SECOND_MS

    def _moved(self, ticks: Ints, at_ms: Ints) -> Ints:
        if self._moves.none_before(int(at_ms[-1]) + 1):
            return ticks
        return np.maximum(1, np.rint(ticks * self._moves.factor(at_ms))).astype(np.int64)

    def _base(self, begin: int, stop: int, at_ms: int) -> Bars:
        """Bars of the series' own length; the one that `at_ms` lies in only as far as it has come."""
        series = self.series
        closed = min(stop, max(begin, (at_ms - series.first_ms) // series.interval_ms))
        pieces = [self._closed(begin, closed)]
        pieces += [self._walked(position, series.interval_ms, at_ms) for position in range(closed, stop)]
        return joined(pieces)

    def _closed(self, begin: int, stop: int) -> Bars:
        bars, length = self.series.bars(begin, stop), self.series.interval_ms
        if not len(bars) or self._moves.none_before(int(bars.start_ms[-1]) + length):
            return bars
        steady = self._moves.steady(bars.start_ms, length)
        prices = (bars.open, bars.high, bars.low, bars.close)
        opened, high, low, closed = (self._moved(column, bars.start_ms) for column in prices)
        for row in np.flatnonzero(~steady):
            walked = self._walked(begin + int(row), length, self.series.end_ms)
            opened[row], high[row] = walked.open[0], walked.high[0]
            low[row], closed[row] = walked.low[0], walked.close[0]
        return bars_of(bars.start_ms, (opened, high, low, closed), bars.volume)

    def _walked(self, position: int, interval_ms: int, at_ms: int) -> Bars:
        """One bar of the series read second by second up to `at_ms`, cut into bars of `interval_ms`."""
        start = self.series.first_ms + position * self.series.interval_ms
        until = min(at_ms, start + self.series.interval_ms - 1)
        moments = self._moments(start, until)
        ticks = self._moved(self.series.path(position)[(moments - start) // SECOND_MS], moments)
        group = (moments - start) // interval_ms
        heads = np.flatnonzero(np.diff(group, prepend=-1))
        tails = np.append(heads[1:], len(group)) - 1
        prices = (
            ticks[heads],
            np.maximum.reduceat(ticks, heads),
            np.minimum.reduceat(ticks, heads),
            ticks[tails],
        )
        volume = self._volumes(position, interval_ms, len(heads), until + 1 - start)
        return bars_of(start + group[heads] * interval_ms, prices, volume)

    def _moments(self, start: int, until: int) -> Ints:
        """Every instant in [start, until] at which the price may change."""
        seconds = np.arange(start, until + 1, SECOND_MS, dtype=np.int64)
        steps = self._moves.steps_between(start, until)
        return np.union1d(seconds, steps) if len(steps) else seconds

    def _volumes(self, position: int, interval_ms: int, count: int, elapsed_ms: int) -> Ints:
        """Lots of each cut: volume flows evenly through the bar of the series."""
        whole = int(self.series.bars(position, position + 1).volume[0])
        length = self.series.interval_ms
        flown = [whole * min(k * interval_ms, elapsed_ms) // length for k in range(count + 1)]
        return np.array([after - before for before, after in pairwise(flown)], dtype=np.int64)
