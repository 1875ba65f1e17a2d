"""What a backtest is made from, and the checks that its numbers must pass.

Laws:
- Nothing is mended or filled in here. The first row that can't be true is named and nothing is handed on.
- Comparisons are written so that NaN denies.
- Rows are counted from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BadMarketFacts
from core.market import from_ms

Floats = NDArray[np.float64]
Told = Callable[[int], str]

EARLIEST_MS, LATEST_MS = 1_230_768_000_000, 4_102_444_800_000
"""2009, when the first coin was made, and 2100: what is outside counts in other units than milliseconds."""

MOST_FUNDING = 0.25
"""Of the notional at one settlement. Venues cap it at a few hundredths; more is a percentage by mistake."""


class BadHistory(BadMarketFacts):
    """One sentence: which file, which row, what is wrong, or what is missing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`row` counts from 1."""

    row: int
    problem: str

    def __str__(self) -> str:
        return f"row {self.row} {self.problem}"


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing bars: the first one's open time and the next present one's, in ms."""

    from_ms: int
    to_ms: int
    bars: int

    def __str__(self) -> str:
        return f"{counted(self.bars, 'bar')} from {stamp(self.from_ms)} to {stamp(self.to_ms)}"


@dataclass(frozen=True)
class History:
    """One symbol's past, checked. The arrays may be read-only views of a file on disk."""

    symbol: str
    timeframe: str
    bars: Floats
    """(n, 6): open time ms UTC, open, high, low, close, volume in coin; oldest first, strictly ascending."""
    mark: Floats | None
    """(m, 5): open time ms, open, high, low, close of the mark price; None where there is none."""
    funding: Floats | None
    """(k, 2): settlement ms, rate as a fraction of the notional (positive: longs pay); None where none."""
    source: str
    mark_timeframe: str | None = None
    """Of `mark`, which may be coarser or finer than `timeframe`."""
    gaps: tuple[Gap, ...] = ()
    """Of `bars` inside the period asked for; never any unless gaps were allowed."""
    remarks: tuple[str, ...] = ()
    """Sentences for a report: what mark prices and funding don't cover."""


def bars_fault(rows: Floats, length_ms: int) -> Fault | None:
    """The first bad row of (n, 5) or (n, 6) bars of this length; gaps are none of it."""
    stamps = rows[:, 0]
    whole = _spacing_fault(stamps, length_ms)
    if whole is not None:
        return whole
    return _first(
        [_stamp_fault(stamps), order_fault(stamps), _grid_fault(stamps, length_ms), _price_fault(rows)]
    )


def funding_fault(rows: Floats) -> Fault | None:
    """The first bad row of (n, 2) settlements."""
    stamps, rates = rows[:, 0], rows[:, 1]
    big = _where(np.abs(rates) <= MOST_FUNDING, lambda at: f"holds a funding rate of {rates[at]:g}")
    return _first([_stamp_fault(stamps), big, order_fault(stamps)])


def order_fault(stamps: Floats) -> Fault | None:
    """The first row that is not later than the one before."""
    later = np.concatenate(([True], np.diff(stamps) > 0))

    def told(at: int) -> str:
        if stamps[at] == stamps[at - 1]:
            return f"repeats the time {stamp(stamps[at])}"
        return f"({stamp(stamps[at])}) is not later than row {at} ({stamp(stamps[at - 1])})"

    return _where(later, told)


def gaps_in(stamps: Floats, length_ms: int) -> tuple[Gap, ...]:
    """Holes between ascending open times that lie on the timeframe's grid."""
    at = np.flatnonzero(np.diff(stamps) > length_ms)
    starts, ends = stamps[at] + length_ms, stamps[at + 1]
    return tuple(gap_of(int(start), int(end), length_ms) for start, end in zip(starts, ends, strict=True))


def gap_of(from_ms: int, to_ms: int, length_ms: int) -> Gap:
    return Gap(from_ms, to_ms, (to_ms - from_ms) // length_ms)


def stamp(milliseconds: float) -> str:
    """For people, UTC; what is no moment at all is shown as the number."""
    try:
        return f"{from_ms(int(milliseconds)):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds:.17g}"


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def length_text(length_ms: int) -> str:
    minutes = length_ms // 60_000
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"


def _stamp_fault(stamps: Floats) -> Fault | None:
    sane = (stamps >= EARLIEST_MS) & (stamps < LATEST_MS)

    def told(at: int) -> str:
        value = stamps[at]
        for unit, factor in (("seconds", 1e3), ("microseconds", 1e-3), ("nanoseconds", 1e-6)):
            if EARLIEST_MS <= value * factor < LATEST_MS:
                return f"holds a time in {unit} ({value:.0f}) where milliseconds are expected"
        return f"holds no time in milliseconds ({value:.17g})"

    return _where(sane, told)


def _spacing_fault(stamps: Floats, length_ms: int) -> Fault | None:
    """Bars of another length altogether: the usual step is not the timeframe's."""
    if len(stamps) < 3 or _stamp_fault(stamps) is not None:
        return None
    steps = np.diff(stamps)
    usual = float(np.median(steps))
    if usual <= 0 or usual == length_ms:
        return None
    row = int(np.argmin(np.abs(steps - usual))) + 2
    problem = f"begins {_span(usual)} after row {row - 1}: bars of {length_text(length_ms)} are expected"
    return Fault(row, problem)


def _span(length_ms: float) -> str:
    return f"{length_ms / 60_000:g} min"


def _grid_fault(stamps: Floats, length_ms: int) -> Fault | None:
    def told(at: int) -> str:
        return f"begins at {stamp(stamps[at])}, which is no multiple of {length_text(length_ms)}"

    # No time at all is told by the check of times; here only what is not on the grid.
    return _where(~(np.nan_to_num(stamps, posinf=0, neginf=0) % length_ms > 0), told)


def _price_fault(rows: Floats) -> Fault | None:
    prices = rows[:, 1:5]
    opened, high, low, closed = prices.T
    faults = [
        _where(np.isfinite(rows[:, 1:]).all(axis=1), lambda at: "holds a value that is not a number"),
        _where((prices > 0).all(axis=1), lambda at: f"holds a price of {prices[at].min():g}"),
        _where(high >= low, lambda at: f"has a high of {high[at]:g} below its low of {low[at]:g}"),
        _where(high >= np.maximum(opened, closed), lambda at: _outside("high", high, opened, closed, at)),
        _where(low <= np.minimum(opened, closed), lambda at: _outside("low", low, opened, closed, at)),
    ]
    if rows.shape[1] > 5:
        faults.append(_where(rows[:, 5] >= 0, lambda at: f"holds a volume of {rows[at, 5]:g}"))
    return _first(faults)


def _outside(name: str, edge: Floats, opened: Floats, closed: Floats, at: int) -> str:
    return f"has an open of {opened[at]:g} or close of {closed[at]:g} beyond its {name} of {edge[at]:g}"


def _where(good: NDArray[np.bool_] | np.bool_, told: Told) -> Fault | None:
    if good.all():
        return None
    at = int(np.argmin(good))
    return Fault(at + 1, told(at))


def _first(faults: list[Fault | None]) -> Fault | None:
    """The one of the lowest row; of several there, the one that was looked for first."""
    return min((fault for fault in faults if fault is not None), key=lambda fault: fault.row, default=None)
