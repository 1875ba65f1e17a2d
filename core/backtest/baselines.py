"""What doing less would have earned: holding the coins, doing nothing, entering at random.

Laws:
- Random entries are the strategy's own: their number, sides, stops, targets and confidences, and its exits.
  Only when they come is left to dice.
- All symbols are moved together, so that what was entered at one time still is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.backtest.engine import DAY_MS, Setup, Signals, run
from core.backtest.engine_compiled import functions
from core.backtest.engine_past import Past, Ready
from core.backtest.engine_words import SAID, Floats, Ints, Sides
from core.backtest.metrics import span_ms

RANDOM_RUNS = 1_000
LEAST_RUNS = 300
"""With so many a p-value of 1 % still stands on two runs that were better."""
MOST_BARS = 2_000_000_000
"""Over all random runs: some minutes of work."""
PLAIN_COST = 20
"""Times what a bar costs with the compiler."""
BLOCKS = 24
"""Pieces that the time is cut into: 24! orders and every rotation; few trades lie across the seams."""
Told = Callable[[int, int], None]
"""(runs done, of how many)."""


@dataclass(frozen=True)
class Hold:
    """Every coin bought at its first open for an equal part of the capital, unlevered, sold at the end."""

    final: float
    """USDT, fees and funding paid."""
    return_share: float
    max_drawdown: float
    """At midnights, fraction."""
    curve: Floats
    """(m, 2): ms and USDT at each midnight, with the opening and the end."""


@dataclass(frozen=True)
class RandomEntries:
    finals: Floats
    """USDT at the end of each run, ascending."""
    trades: float
    """Mean count."""
    p: float
    """Share of random results that are at least as good, the result itself among them: (1 + n) ÷ (1 + runs),
    as Davison & Hinkley, "Bootstrap Methods" (1997), 4.2."""
    percentile: float
    """Share of random results that are worse, ties counted half."""


def hold(past: Past, setup: Setup) -> Hold:
    start, end = span_ms(past)
    at = np.unique(np.concatenate([[start], np.arange((start // DAY_MS + 1) * DAY_MS, end, DAY_MS), [end]]))
    share = setup.capital / len(past.parts)
    worth = np.sum(
        [_held(part, share, at, past.bar_ms, float(setup.limits.slippage)) for part in past.parts], axis=0
    )
    falls = 1.0 - worth / np.maximum.accumulate(worth)
    final = float(worth[-1])
    return Hold(final, final / setup.capital - 1.0, float(falls.max()), np.column_stack([at, worth]))


def _held(part: Ready, money: float, at: Floats, bar_ms: int, slippage: float) -> Floats:
    """USDT at each moment: cash until the symbol's first open and after its last close."""
    bars, fee = part.bars, float(part.instrument.taker_fee)
    paid = float(bars[0, 1]) * (1.0 + slippage)
    coins = money / (paid * (1.0 + fee))
    closes = bars[:, 0] + bar_ms
    seen = np.searchsorted(closes, at, side="right") - 1
    prices = np.where(seen >= 0, bars[np.maximum(seen, 0), 4], bars[0, 1])
    # One at the very first open was due before the purchase.
    due = part.funding[:, 1] >= 0
    settled = np.concatenate(([0.0], np.cumsum(np.where(due, part.funding[:, 2], 0.0))))
    when = bars[part.funding[:, 0].astype(np.int64), 0]
    worth = coins * (prices - settled[np.searchsorted(when, at, side="right")])
    gone = at >= closes[-1]
    worth[gone] -= coins * prices[gone] * (1.0 - (1.0 - slippage) * (1.0 - fee))
    worth[at < bars[0, 0]] = money
    worth[0] = money
    found: Floats = np.maximum(worth, 0.0)
    return found


def random_entries(
    past: Past,
    signals: Sequence[Signals],
    setup: Setup,
    final: float,
    dice: np.random.Generator,
    *,
    runs: int = RANDOM_RUNS,
    told: Told | None = None,
) -> RandomEntries | None:
    """`final`: USDT of the run that is judged. None where nothing was said to enter.

    Of very long histories, and without the compiler, fewer runs are made, at least `LEAST_RUNS`.
    """
    shuffle = Shuffle(past, signals)
    if shuffle.entries == 0:
        return None
    cost = PLAIN_COST if setup.is_plain or functions() is None else 1
    count = runs_within(runs, cost * sum(len(part.bars) for part in past.parts))
    finals, trades = np.empty(count), 0
    for place in range(count):
        found = run(past, shuffle.dealt(dice), setup)
        finals[place] = found.final
        trades += len(found.trades)
        if told is not None:
            told(place + 1, count)
    return standing(finals, trades / count, final)


def standing(finals: Floats, trades: float, final: float) -> RandomEntries:
    """Where `final` stands among the results of random runs, given in any order; `trades`: mean count."""
    ordered = np.sort(finals)
    below, up_to = (np.searchsorted(ordered, final, side=side) for side in ("left", "right"))
    return RandomEntries(
        finals=ordered,
        trades=trades,
        p=float(1 + len(ordered) - below) / (1 + len(ordered)),
        percentile=float(below + up_to) / 2 / len(ordered),
    )


def runs_within(wanted: int, bars: int) -> int:
    return max(min(wanted, MOST_BARS // max(bars, 1)), min(wanted, LEAST_RUNS))


class Shuffle:
    """A strategy's signals, ready to be dealt out over the same bars in another order.

    The time is cut at random into `BLOCKS` pieces, which change places and are turned by a random offset; the
    signals inside a piece keep their distances (block permutation; Aronson, "Evidence-Based Technical
    Analysis" (2006), chapter 5, tests the same pairing of positions and prices).
    """

    def __init__(self, past: Past, signals: Sequence[Signals]) -> None:
        start, end = span_ms(past)
        self.bars = int((end - start) / past.bar_ms)
        self._parts = [
            _Said(np.rint((part.bars[:, 0] - start) / past.bar_ms).astype(np.int64), said)
            for part, said in zip(past.parts, signals, strict=True)
        ]
        self.entries = sum(int(np.count_nonzero(np.abs(said.side) == 1)) for said in signals)

    def dealt(self, dice: np.random.Generator) -> list[Signals]:
        moves = self._moves(dice)
        return [part.moved(moves, self.bars) for part in self._parts]

    def _moves(self, dice: np.random.Generator) -> tuple[Ints, Ints]:
        """(first place of each piece but the first, how far each piece goes)."""
        blocks = min(BLOCKS, self.bars)
        cuts = np.sort(dice.choice(self.bars - 1, blocks - 1, replace=False) + 1).astype(np.int64)
        starts = np.concatenate(([0], cuts))
        lengths = np.diff(np.concatenate((starts, [self.bars])))
        order = dice.permutation(blocks)
        begins = np.empty(blocks, dtype=np.int64)
        begins[order] = np.concatenate(([0], np.cumsum(lengths[order])[:-1]))
        return cuts, begins - starts + int(dice.integers(0, self.bars))


class _Said:
    """One symbol's signals that say anything; `grid`: place of each of its bars in the time of all."""

    def __init__(self, grid: Ints, said: Signals) -> None:
        self._grid, self._said = grid, said
        self._at = np.flatnonzero(said.side)
        self._place = grid[self._at]
        self._first, self._span = int(grid[0]), int(grid[-1] - grid[0]) + 1

    def moved(self, moves: tuple[Ints, Ints], bars: int) -> Signals:
        """What would fall outside of the symbol's own time is turned back into it."""
        cuts, steps = moves
        place = (self._place + steps[np.searchsorted(cuts, self._place, side="right")]) % bars
        place = (place - self._first) % self._span + self._first
        to = np.minimum(np.searchsorted(self._grid, place), len(self._grid) - 1)
        said = self._said
        side: Sides = np.zeros(len(self._grid), dtype=np.int8)
        side[to] = said.side[self._at]
        moved = {name: self._with(getattr(said, name), to) for name in SAID if name != "atr"}
        return Signals(side, atr=said.atr, **moved)

    def _with(self, values: Floats | None, to: Ints) -> Floats | None:
        if values is None:
            return None
        moved = np.full(len(self._grid), np.nan)
        moved[to] = values[self._at]
        return moved
