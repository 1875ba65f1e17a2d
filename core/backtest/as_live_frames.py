"""A past as the candles of a live scan, at any of its bars.

Laws:
- Of each timeframe as many closed candles as a scan reads; none that was not closed then.
- A candle is whole or it is none: where bars are missing, the candles after the gap are all there are.
- The funding rate is the one that was settled last; when it comes next is known ahead.
"""

from __future__ import annotations

import numpy as np

from core.analysis.features import describe
from core.backtest.engine_past import Ready
from core.backtest.engine_words import Floats
from core.errors import BadMarketFacts
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Background, Candles, from_ms
from core.opinion import Features
from core.trading.decide import CANDLES

HOURLY = "1h"
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
MOST_KEPT = 50_000
"""Bars whose features are remembered: some hundred megabytes."""


class Frames:
    """Of one symbol."""

    def __init__(self, part: Ready, bar_ms: int) -> None:
        self._part, self._bar_ms = part, bar_ms
        self._tables = {name: joined(part.bars, bar_ms, TIMEFRAMES[name]) for name in SCAN_TIMEFRAMES}
        self._known: dict[int, Features] = {}
        self._rates = part.rates.copy()
        self._rates[:, 0] -= self._rates[:, 0] % MINUTE_MS  # stamped some milliseconds late

    def closes_ms(self, place: int) -> int:
        return int(self._part.bars[place, 0]) + self._bar_ms

    def features(self, place: int) -> Features:
        """What a scan right after that bar's close would see. Raises `BadMarketFacts`."""
        if place not in self._known:
            at_ms = self.closes_ms(place)
            candles = {name: self._candles(name, at_ms) for name in SCAN_TIMEFRAMES}
            opens_ms = int(self._part.bars[min(place + 1, len(self._part.bars) - 1), 0])
            found = describe(self._part.symbol, candles, self._background(opens_ms))
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[place] = found
        return self._known[place]

    def hourly_at(self, at_ms: int) -> Candles:
        """Raises `BadMarketFacts` where none was closed then."""
        return self._candles(HOURLY, at_ms)

    def _candles(self, timeframe: str, at_ms: int) -> Candles:
        table, length_ms = self._tables[timeframe], TIMEFRAMES[timeframe]
        end = int(np.searchsorted(table[:, 0], at_ms - length_ms, side="right"))
        rows = table[max(0, end - CANDLES) : end]
        breaks = np.flatnonzero(np.diff(rows[:, 0]) != length_ms)
        if len(breaks):
            rows = rows[breaks[-1] + 1 :]
        if not len(rows):
            raise BadMarketFacts(f"{self._part.symbol} {timeframe}: no closed bar before {from_ms(at_ms)}")
        return Candles(self._part.symbol, timeframe, rows)

    def _background(self, at_ms: int) -> Background:
        at, rates = self._rates[:, 0], self._rates[:, 1]
        index = int(np.searchsorted(at, at_ms, side="right"))
        rate = float(rates[index - 1]) if index else None
        next_at = from_ms(int(at[index])) if index < len(at) else None
        last = min(index, len(at) - 1)
        hours = None if last < 1 else float(at[last] - at[last - 1]) / HOUR_MS
        return Background(self._part.symbol, rate, hours, next_at, None, None, from_ms(at_ms))


def joined(bars: Floats, bar_ms: int, length_ms: int) -> Floats:
    """(m, 6) whole candles of `length_ms`; one with a bar missing is left out."""
    if length_ms == bar_ms:
        return bars
    key = np.floor(bars[:, 0] / length_ms)
    begin = np.flatnonzero(np.diff(key, prepend=-1.0))
    counts = np.diff(np.append(begin, len(bars)))
    made = np.column_stack(
        [
            key[begin] * length_ms,
            bars[begin, 1],
            np.maximum.reduceat(bars[:, 2], begin),
            np.minimum.reduceat(bars[:, 3], begin),
            bars[begin + counts - 1, 4],
            np.add.reduceat(bars[:, 5], begin),
        ]
    )
    whole: Floats = np.ascontiguousarray(made[counts == length_ms // bar_ms])
    return whole
