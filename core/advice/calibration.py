"""What a stated probability stands for, and how far any figure of the record can be trusted.

Laws:
- A curve starts at chance and moves only as far as outcomes carry it: few answers change little.
- It never falls: who states more is never taken for less.
- Opinions of one day overlap, so a day is drawn as a whole, with the days that its horizons reach into.

Sources. Chance without skill: a driftless walk meets a target T before a stop S with probability S ÷ (S + T)
(Feller, An Introduction to Probability Theory I, XIV.2, the gambler's ruin). Shrinkage: the mean of a
beta-binomial posterior. Monotone curve: pool adjacent violators (Ayer et al. 1955). Intervals: circular block
bootstrap (Politis & Romano 1992) of whole days, widened by Student's t for few of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.adviser_record import BINS, Rate
from core.statistics import CONFIDENCE, NORMAL_80, Interval, student_t, win_rate_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGE_DEVIATION = 0.05
"""Assumed spread of true probabilities around their base, of the 0.03 to 0.12 that are plausible."""
PRIOR_STRENGTH = 0.25 / EDGE_DEVIATION**2 - 1
"""Answers that the prior is worth, 99: a beta distribution around one half with that spread."""
MIDDLES: Floats = (np.arange(BINS) + 0.5) / BINS
LEAST_DAYS = 8
"""Below this a day more or less changes a bootstrap too much to show it."""
DRAWS = 400
LONGEST_BLOCK = 7
"""Days: the longest horizon that an adviser may name."""


def bin_of(stated: Floats) -> Ints:
    """Which tenth; 1.0 is in the last."""
    bins: Ints = np.clip((stated * BINS).astype(np.int64), 0, BINS - 1)
    return bins


def walk_chance(stop_atr: Floats, target_atr: Floats) -> Floats:
    """Of the target before the stop, without any skill."""
    return stop_atr / (stop_atr + target_atr)


def shrunk_base(met: float, count: float, chance: float) -> float:
    """How often targets are met, drawn towards chance."""
    return float((met + PRIOR_STRENGTH * chance) / (count + PRIOR_STRENGTH))


def curve_of(met: Floats, count: Floats, base: float) -> Floats:
    """`(BINS,)`: calibrated probability of each tenth, of `met` out of `count` in it; never falls."""
    shrunk = (met + PRIOR_STRENGTH * base) / (count + PRIOR_STRENGTH)
    return rising(shrunk, count + PRIOR_STRENGTH)


def calibrated(stated: Floats, curve: Floats) -> Floats:
    """Between the middles of two tenths in a straight line."""
    return np.interp(stated, MIDDLES, curve)


def rising(values: Floats, weights: Floats) -> Floats:
    """The nearest sequence that never falls, by weighted squares."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, length = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, its_mass, its_length = blocks.pop()
            mean = (before * its_mass + mean * mass) / (its_mass + mass)
            mass, length = mass + its_mass, length + its_length
        blocks.append((mean, mass, length))
    return np.concatenate([np.full(length, mean) for mean, _, length in blocks])


# ---------------------------------------------------------------- intervals


class Resampled:
    """The same days drawn again and again, so that every figure of one record is judged by the same draws."""

    def __init__(self, sums: Floats, seed: int, block_days: int) -> None:
        """`sums` is `(days, figures)`, oldest day first: what each day adds to each figure."""
        self.days = len(sums)
        self._block = min(max(block_days, 1), LONGEST_BLOCK, max(self.days, 1))
        self.total: Floats = sums.sum(axis=0)
        self._drawn: Floats = self._counts(seed) @ sums if self.days else sums

    def _counts(self, seed: int) -> Floats:
        """`(DRAWS, days)`: how often each day is in each draw."""
        blocks = math.ceil(self.days / self._block)
        starts = np.random.default_rng(seed).integers(0, self.days, (DRAWS, blocks, 1))
        drawn = ((starts + np.arange(self._block)) % self.days).reshape(DRAWS, -1)[:, : self.days]
        counts = np.zeros((DRAWS, self.days))
        np.add.at(counts, (np.arange(DRAWS)[:, None], drawn), 1.0)
        return counts

    def interval(self, figure: Callable[[Floats], Floats]) -> Interval | None:
        """80 %, of `figure((n, figures)) → (n,)`; None with too few days, or where it has no value."""
        if self.days < LEAST_DAYS:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            values, point = figure(self._drawn), float(figure(self.total[None, :])[0])
        values = values[np.isfinite(values)]
        if not math.isfinite(point) or len(values) < DRAWS / 2:
            return None
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(values, (tail, 1 - tail)).tolist()
        wider = student_t(max(self.days // self._block - 1, 1)) / NORMAL_80
        return min(point - (point - low) * wider, point), max(point + (high - point) * wider, point)

    def rate(self, part: int, whole: int) -> Rate | None:
        """Of two figures. Its interval is the wider of the days' and Wilson's: days know that answers of one
        day go together, Wilson that a few answers tell little."""
        count, met = round(float(self.total[whole])), round(float(self.total[part]))
        if count == 0:
            return None
        alone = win_rate_interval(met, count)
        by_day = self.interval(lambda sums: sums[:, part] / sums[:, whole])
        return Rate(met / count, count, clipped(union([alone, by_day])))


def union(intervals: Sequence[Interval | None]) -> Interval | None:
    known = [one for one in intervals if one is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def clipped(interval: Interval | None) -> Interval | None:
    return None if interval is None else (max(interval[0], 0.0), min(interval[1], 1.0))
