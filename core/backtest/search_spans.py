"""Time cut for a search: what is searched, what is left out, and what then judges the choice.

Laws:
- What judges a choice lies wholly after what it was chosen on, `embargo` bars of either timeframe between.
- The judging spans lie end to end; joined they are one uninterrupted stretch.
- Indicators may look back across a span's beginning, never beyond its end; trades never leave their span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from core.backtest.engine import Signals
from core.backtest.engine_past import Past, hourly_atr, past_of
from core.backtest.engine_words import Floats
from core.backtest.history import History, stamp
from core.backtest.search_space import BadSearch
from core.market import TIMEFRAMES, Instrument

SEARCHED_PER_JUDGED = 3
"""Length of what is searched as a multiple of what judges it: Pardo, "The Evaluation and Optimization of
Trading Strategies" (2008), chapter 11, finds judging spans of a quarter to a third workable."""
LEAST_BARS = 100
"""Of a judging span; fewer hold next to no trade."""
MOST_FOLDS = 50


@dataclass(frozen=True, slots=True)
class Span:
    """From the first open, to and without the end; ms UTC."""

    start_ms: float
    end_ms: float

    @property
    def words(self) -> str:
        return f"{stamp(self.start_ms)[:10]} to {stamp(self.end_ms)[:10]}"


@dataclass(frozen=True, slots=True)
class Fold:
    number: int
    """From 1; the newest one, which nothing judges yet, comes last."""
    searched: Span
    judged: Span | None
    """None: it lies in the future."""


def folds_of(start_ms: float, end_ms: float, bar_ms: int, count: int, embargo: int) -> tuple[Fold, ...]:
    """`count` folds that roll forward, and the newest. Raises `BadSearch` where there are too few bars.

    Of a history of n bars each judging span has n ÷ (count + SEARCHED_PER_JUDGED); the first ones have the
    bars that are left over.
    """
    bars = int((end_ms - start_ms) / bar_ms)
    length = bars // (count + SEARCHED_PER_JUDGED)
    if length < LEAST_BARS:
        needed = LEAST_BARS * (count + SEARCHED_PER_JUDGED)
        raise BadSearch(f"{bars:,} bars are too few for {count} folds: {needed:,} are needed")
    reach = SEARCHED_PER_JUDGED * length
    if not 0 <= embargo <= length:
        raise BadSearch(f"an embargo of {embargo:,} bars must be from 0 to a fold's {length:,} bars")
    folds = []
    for place in range(count):
        judged_end = end_ms - (count - 1 - place) * length * bar_ms
        judged = Span(judged_end - length * bar_ms, judged_end)
        searched_end = judged.start_ms - embargo * bar_ms
        folds.append(Fold(place + 1, Span(judged.start_ms - reach * bar_ms, searched_end), judged))
    return (*folds, Fold(count + 1, Span(end_ms - reach * bar_ms, end_ms), None))


@dataclass(frozen=True)
class Cut:
    """What of a ground lies in a span."""

    places: tuple[int, ...]
    """Of the ground's symbols, those that have bars there."""
    bounds: tuple[tuple[int, int], ...]
    """Of each of them: first bar and the bar after the last, counted from the symbol's first."""
    past: Past


@dataclass(frozen=True)
class Ground:
    """The histories that are searched over, of one timeframe."""

    histories: tuple[History, ...]
    instruments: tuple[Instrument, ...]
    notes: tuple[str, ...] = ()
    """Sentences about where they come from, for a report."""

    @property
    def bar_ms(self) -> int:
        return TIMEFRAMES[self.histories[0].timeframe]

    @property
    def whole(self) -> Span:
        """From the first open of any symbol to the last close of any."""
        start = min(float(one.bars[0, 0]) for one in self.histories)
        return Span(start, max(float(one.bars[-1, 0]) for one in self.histories) + self.bar_ms)

    def atr(self, place: int) -> Floats:
        """1h ATR of a symbol at each bar's close, with all of its past; see `engine_past.hourly_atr`."""
        if place not in self._atr:
            self._atr[place] = hourly_atr(self.histories[place].bars, self.bar_ms)
        return self._atr[place]

    @cached_property
    def _atr(self) -> dict[int, Floats]:
        return {}

    def cut(self, span: Span) -> Cut:
        """Raises `BadSearch` where no symbol has bars there."""
        bounds = [_bounds(one.bars[:, 0], span) for one in self.histories]
        places = tuple(place for place, (first, last) in enumerate(bounds) if last > first)
        if not places:
            raise BadSearch(f"no symbol has bars from {span.words}")
        past = past_of(
            [_cut(self.histories[place], span) for place in places],
            [self.instruments[place] for place in places],
            notes=self.notes,
        )
        return Cut(places, tuple(bounds[place] for place in places), past)


def cut_signals(said: Signals, first: int, last: int) -> Signals:
    """Of the bars `first` to and without `last`."""
    arrays = {one.name: getattr(said, one.name) for one in fields(said)}
    return replace(
        said,
        **{name: one[first:last] for name, one in arrays.items() if isinstance(one, np.ndarray)},
    )


def _cut(history: History, span: Span) -> History:
    return replace(
        history,
        bars=_rows(history.bars, span),
        mark=None if history.mark is None else _rows(history.mark, span),
        funding=None if history.funding is None else _rows(history.funding, span),
    )


def _rows(rows: Floats, span: Span) -> Floats:
    first, last = _bounds(rows[:, 0], span)
    return rows[first:last]


def _bounds(stamps: Floats, span: Span) -> tuple[int, int]:
    first, last = np.searchsorted(stamps, [span.start_ms, span.end_ms])
    return int(first), int(last)


def spans_text(folds: Sequence[Fold]) -> str:
    """For a person: how the time is cut."""
    judged = [fold.judged for fold in folds if fold.judged is not None]
    return f"{len(judged)} folds, judged on {Span(judged[0].start_ms, judged[-1].end_ms).words}"
