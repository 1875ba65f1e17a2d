"""A seeded market's bars: the generator's history, and older days before it for whoever asks for them.

Laws:
- The older days change nothing in what comes after them: prices, paths and dice of the history stay.
- Where both meet the price goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

from bot.demo.instruments import Instrument
from bot.demo.market_generator import PathGenerator
from bot.demo.market_series import DAY_MS, MINUTE_MS, Bars, Ints, PathMemory, joined, path_inside

OLDER_DAYS: Final = 65
"""With the history 120: a backtest of 90 days and its warm-up."""


class Older:
    """The days before the history: another generator, whose prices end where the history begins.

    Nobody who looks at the present needs them, so they are made at the first question. They tell neither
    premium nor open interest of their own: what the history begins with holds.
    """

    def __init__(self, generator: PathGenerator, instruments: tuple[Instrument, ...], seed: int) -> None:
        self._newer, self._instruments, self._seed = generator, instruments, seed
        self.first_ms = generator.origin_ms - OLDER_DAYS * DAY_MS
        self.minutes = OLDER_DAYS * DAY_MS // MINUTE_MS

    @cached_property
    def generator(self) -> PathGenerator:
        opens = [int(self._newer.bars(row, 0, 1).open[0]) for row in range(len(self._instruments))]
        ending = tuple(
            replace(each, price=opened * each.tick)
            for each, opened in zip(self._instruments, opens, strict=True)
        )
        return PathGenerator(ending, self._seed + 1, self.first_ms, OLDER_DAYS, {})


class GeneratedSeries:
    """One symbol as minutes, the older days before the generator's."""

    interval_ms = MINUTE_MS

    def __init__(
        self, generator: PathGenerator, older: Older, row: int, end_ms: int, seed: tuple[int, int]
    ) -> None:
        self.first_ms, self.end_ms = older.first_ms, end_ms
        self._generator, self._older, self._row, self._seed = generator, older, row, seed
        self._memory = PathMemory()

    def bars(self, first: int, last: int) -> Bars:
        seam, pieces = self._older.minutes, []
        if first < seam:
            pieces.append(self._older.generator.bars(self._row, first, min(last, seam)))
        if last > seam:
            pieces.append(self._generator.bars(self._row, max(first - seam, 0), last - seam))
        return joined(pieces)

    def path(self, position: int) -> Ints:
        known = self._memory.get(position)
        if known is not None:
            return known
        bar = self.bars(position, position + 1)
        prices = (int(bar.open[0]), int(bar.high[0]), int(bar.low[0]), int(bar.close[0]))
        after = position - self._older.minutes
        place = (after,) if after >= 0 else (-after, 1)
        return self._memory.keep(position, path_inside(prices, 60, (*self._seed, *place)))
