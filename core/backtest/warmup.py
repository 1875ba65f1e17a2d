"""How much history the newest values need: each is computed again from the last bars alone.

Laws:
- A change is relative to the value, or to a tenth of what is usual for it where the value is near zero.
- The worst of the sampled bars counts, and a length is enough only if every longer one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf, isnan, nan

import numpy as np

from core.backtest.engine_words import Floats
from core.backtest.lookahead import everything, spread
from core.backtest.strategies import Strategy

LENGTHS = tuple(round(25 * 2 ** (step / 2)) for step in range(18))
"""Bars of history that are tried: 25 to about 9,000, each 1.4 times the one before."""
ENOUGH = 0.001
SAMPLES = 12
"""Bars at which values are compared; as many more at signals."""
LIVE_BARS = 400
"""What a live scan reads of each timeframe."""
NEAR_ZERO = 0.1


@dataclass(frozen=True, slots=True)
class Settling:
    what: str
    """A feature as it is called, or which array of the signals."""
    changes: tuple[tuple[int, float], ...]
    """Bars of history and the largest relative change; infinite where there is a value in one only."""

    @property
    def least(self) -> int | None:
        """History from which on it changes by less than `ENOUGH`; None: more than was tried."""
        least = None
        for bars, change in reversed(self.changes):
            if not change < ENOUGH:
                break
            least = bars
        return least

    def __str__(self) -> str:
        if self.least is None:
            bars, change = self.changes[-1]
            return f"{self.what}: with {bars:,} bars of history it is still {_told(change)}"
        before = [(bars, change) for bars, change in self.changes if bars < self.least]
        short = f" (with {before[-1][0]:,} it is {_told(before[-1][1])})" if before else ""
        beyond = f", more than the {LIVE_BARS} of a live scan" if self.least > LIVE_BARS else ""
        return f"{self.what}: {self.least:,} bars of history are enough{short}{beyond}"


def settling(strategy: Strategy, symbol: str, bars: Floats) -> tuple[Settling, ...]:
    """Of everything that it reads and says, in that order; empty where there are too few bars to compare.

    Raises `BadStrategy` where it fails on few bars.
    """
    lengths = [length for length in LENGTHS if 2 * length <= len(bars)]
    if not lengths:
        return ()
    whole = everything(strategy, symbol, bars)
    usual = {name: _usual(values) for name, values in whole.items()}
    changes: dict[str, list[tuple[int, float]]] = {name: [] for name in whole}
    for length in lengths:
        worst = dict.fromkeys(whole, 0.0)
        for bar in samples_of(whole["side"], lengths[-1] - 1):
            short = everything(strategy, symbol, bars[bar + 1 - length : bar + 1])
            for name, values in whole.items():
                found = float(short[name][-1]) if name in short else nan
                change = _change(name, found, float(values[bar]), usual[name])
                worst[name] = max(worst[name], change)
        for name, found in worst.items():
            changes[name].append((length, found))
    return tuple(Settling(name, tuple(found)) for name, found in changes.items())


def samples_of(side: Floats, first: int) -> list[int]:
    """Bars from `first` on: some at signals, as many evenly apart."""
    signals = np.flatnonzero(side[first:]) + first
    return sorted({*spread(signals, SAMPLES), *spread(np.arange(first, len(side)), SAMPLES)})


def _usual(values: Floats) -> float:
    """Median size; 0 where there is no value at all."""
    known = np.abs(values[np.isfinite(values)])
    return float(np.median(known)) if len(known) else 0.0


def _change(name: str, found: float, expected: float, usual: float) -> float:
    if found == expected or (isnan(found) and isnan(expected)):
        return 0.0
    if isnan(found) or isnan(expected) or name == "side":
        return inf
    size = max(abs(expected), NEAR_ZERO * usual)
    return abs(found - expected) / size if size > 0.0 else inf


def _told(change: float) -> str:
    return "another one" if isinf(change) else f"off by {change:.2%}"
