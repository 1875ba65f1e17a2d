"""Whether a strategy knows what nobody could have known: it is run again on bars that end earlier.

Laws:
- What was said up to a bar must be the same whether or not later bars are known: every feature that was read
  and every array that was answered, at every bar up to the cut.
- What comes first in the chain is named first: a feature before the signals made from it.
- Many of the cuts lie right after signals: that is where a look-ahead shows.
- Finding nothing is no proof, only many chances to find something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.backtest.engine_words import Floats
from core.backtest.features import Features
from core.backtest.history import stamp
from core.backtest.strategies import Marks, Signals, Strategy, signals_of

CUTS_AT_SIGNALS, CUTS_ANYWHERE = 60, 40
LEAST_BARS = 400
"""A live scan never has less; half of a shorter history."""
TOLERANCE = 1e-9
"""Relative: a sum taken in another order is no look-ahead."""
SETTLES_AFTER = (1, 2, 3, 5, 10, 20, 50, 100)
"""Later bars that are tried for an explanation."""
Named = Mapping[str, Floats]
Found = tuple[str, int, float, float]
"""Name, bar, what was said there and what is said with all bars."""


class Watched(Features):
    """Remembers by name what was read of it."""

    def __init__(self, bars: Floats, *, is_plain: bool = False) -> None:
        super().__init__(bars, is_plain=is_plain)
        self.read: dict[str, Floats] = {}

    def keep(self, name: str, make: Callable[..., Any], *given: float) -> Any:
        found = super().keep(name, make, *given)
        label = f"{name}({', '.join(f'{each:g}' for each in given)})"
        if isinstance(found, tuple):
            self.read |= {f"{label}[{place}]": array for place, array in enumerate(found)}
        else:
            self.read[label] = found
        return found


@dataclass(frozen=True, slots=True)
class Leak:
    """The first thing found to depend on later bars."""

    symbol: str
    what: str
    """A feature as it is called, or which array of the signals."""
    bar: int
    time_ms: float
    """The bar's open."""
    cut: int
    """Bars that were known when `then` was said."""
    then: float
    later: float
    """NaN in either: nothing."""
    settles_after: int | None
    """Later bars after which it is what it is with all; None: more than were tried, or never."""
    is_repeatable: bool
    """False: the very same bars gave something else."""

    def __str__(self) -> str:
        where = f"{self.symbol}: {self.what} at bar {self.bar} ({stamp(self.time_ms)})"
        then, later = _told(self.then), _told(self.later)
        if not self.is_repeatable:
            return f"{where} is {then} and then {later} on the same bars: it can't be repeated"
        seen = f"{where} is {then} with {self.cut:,} bars known and {later} with later ones"
        if self.settles_after is None:
            return f"{seen}: it depends on bars far ahead, or on all of them"
        bars = "bar" if self.settles_after == 1 else "bars"
        return f"{seen}: it knows {self.settles_after} {bars} ahead"


def first_leak(strategy: Strategy, symbol: str, bars: Floats) -> Leak | None:
    """`bars` as `History.bars`. Raises `BadStrategy` where it fails on some of them."""
    whole = everything(strategy, symbol, bars)
    count = len(bars)
    if (found := _difference(everything(strategy, symbol, bars), whole, count)) is not None:
        what, bar, then, later = found
        return Leak(symbol, what, bar, float(bars[bar, 0]), count, then, later, None, is_repeatable=False)
    for cut in cuts_of(whole["side"], count):
        if (found := _difference(everything(strategy, symbol, bars[:cut]), whole, cut)) is not None:
            what, bar, then, later = found
            settles = _settles_after(strategy, symbol, bars, cut, found)
            return Leak(symbol, what, bar, float(bars[bar, 0]), cut, then, later, settles, is_repeatable=True)
    return None


def cuts_of(side: Floats, count: int) -> list[int]:
    """Numbers of bars to know, ascending: right after signals, and evenly from the least to all but one."""
    least = min(LEAST_BARS, count // 2)
    signals = np.flatnonzero(side[least : count - 1]) + least + 1
    anywhere = np.arange(least, count)
    return sorted({*spread(signals, CUTS_AT_SIGNALS), *spread(anywhere, CUTS_ANYWHERE)} - {0})


def same(one: Floats, other: Floats) -> Marks:
    """Where two arrays say the same, nothing included."""
    with np.errstate(invalid="ignore"):
        is_close = np.abs(one - other) <= TOLERANCE * np.maximum(np.abs(one), np.abs(other))
    equal: Marks = (one == other) | (np.isnan(one) & np.isnan(other)) | is_close
    return equal


def spread(values: np.ndarray[Any, Any], most: int) -> list[int]:
    """At most so many of them, evenly apart, the first and the last among them."""
    if len(values) == 0:
        return []
    return [int(values[place]) for place in np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def everything(strategy: Strategy, symbol: str, bars: Floats) -> dict[str, Floats]:
    """What was read and what was said, by name, in that order; arrays as long as the bars."""
    features = Watched(bars)
    said = signals_of(strategy, symbol, features)
    read = {name: array for name, array in features.read.items() if np.shape(array) == (len(bars),)}
    return {**read, **dict(_arrays(said))}


def _arrays(said: Signals) -> Iterator[tuple[str, Floats]]:
    """What no signal uses counts as nothing."""
    yield "side", said.side.astype(np.float64)
    enters = np.abs(said.side) == 1
    for name in ("stop", "target", "confidence"):
        values = getattr(said, name)
        if values is not None:
            yield name, np.where(enters, values, np.nan)


def _difference(one: Named, other: Named, count: int) -> Found | None:
    """The first name, bar and both values that differ among the first `count` bars."""
    for name in dict.fromkeys((*one, *other)):
        nothing = np.full(count, np.nan)
        mine, its = one.get(name, nothing)[:count], other.get(name, nothing)[:count]
        equal = same(mine, its)
        if not equal.all():
            bar = int(np.argmin(equal))
            return name, bar, float(mine[bar]), float(its[bar])
    return None


def _settles_after(strategy: Strategy, symbol: str, bars: Floats, cut: int, found: Found) -> int | None:
    """The least of those tried from which on it stays what it is; with the cut's own bars it is not."""
    what, bar, _, final = found
    settles = None
    for ahead in reversed(SETTLES_AFTER):
        known = bar + 1 + ahead
        if known > len(bars):
            continue
        if known < cut:
            break
        now = everything(strategy, symbol, bars[:known]).get(what)
        if now is None or not same(now[bar : bar + 1], np.array([final]))[0]:
            break
        settles = ahead
    return settles


def _told(value: float) -> str:
    return "nothing" if np.isnan(value) else f"{value:.10g}"
