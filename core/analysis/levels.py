"""Swing points, and the price levels they cluster into.

Law: a swing exists only once `wing` bars after it have closed. A swing seen at one bar is seen at every later
one and never moves, so nothing here repaints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.analysis.indicators import Floats

Indices = NDArray[np.intp]

WING_BARS = 3
"""Bars on each side that a swing must overtop."""
LEVEL_WING_BARS = 12
"""The same for swings that make levels. On 1h and 4h bars of BTC, ETH and SOL this puts support and
resistance about three 1h ATR apart; swings of three bars would put them one ATR apart, which is noise."""
CLUSTER_ATR = 0.5
"""Swings closer than this many 1h ATR to their neighbour's level are one level."""


@dataclass(frozen=True, slots=True)
class Level:
    price: float
    """Mean of its swings."""
    touches: int
    """How many swings it is made of."""


@dataclass(frozen=True, slots=True)
class Swings:
    """Indices of the confirmed swing bars, ascending."""

    highs: Indices
    lows: Indices


def find_swings(high: Floats, low: Floats, wing: int = WING_BARS) -> Swings:
    """Of equal highs (or lows) side by side the first is the swing."""
    return Swings(highs=_peaks(high, wing), lows=_peaks(-low, wing))


def cluster(prices: Iterable[float], tolerance: float) -> tuple[Level, ...]:
    """Levels in ascending order; a price joins the level below it while within `tolerance` of that mean."""
    groups: list[list[float]] = []
    for price in sorted(prices):
        if groups and price - sum(groups[-1]) / len(groups[-1]) <= tolerance:
            groups[-1].append(price)
        else:
            groups.append([price])
    return tuple(Level(sum(group) / len(group), len(group)) for group in groups)


def nearest(levels: Iterable[Level], close: float, min_touches: int) -> tuple[Level | None, Level | None]:
    """Support below and resistance above `close`.

    The nearest level of `min_touches`, else the outermost level of that side: a high that was reached once is
    still the last place where sellers won. None where price has never been on that side.
    """
    ordered = sorted(levels, key=lambda level: level.price)
    below = [level for level in reversed(ordered) if level.price < close]
    above = [level for level in ordered if level.price > close]
    return _first_tested(below, min_touches), _first_tested(above, min_touches)


def _first_tested(outward: list[Level], min_touches: int) -> Level | None:
    tested = (level for level in outward if level.touches >= min_touches)
    return next(tested, outward[-1] if outward else None)


def _peaks(values: Floats, wing: int) -> Indices:
    """Indices higher than the `wing` bars before and not lower than the `wing` bars after."""
    if len(values) < 2 * wing + 1:
        return np.empty(0, dtype=np.intp)
    middle = values[wing:-wing]
    best = _running_max(values, wing)
    before, after = best[: len(middle)], best[wing + 1 :]
    return np.flatnonzero((middle > before) & (middle >= after)) + wing


def _running_max(values: Floats, bars: int) -> Floats:
    """Maximum of `values[i : i + bars]` for every whole window."""
    count = len(values) - bars + 1
    best = values[:count].copy()
    for shift in range(1, bars):
        np.maximum(best, values[shift : shift + count], out=best)
    return best
