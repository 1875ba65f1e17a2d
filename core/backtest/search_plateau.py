"""The set to choose: not the highest peak but the highest plateau; and what nothing else beats on all counts.

A peak among valleys is what chance left there; a real edge is still there when a parameter moves a little
(Pardo, "The Evaluation and Optimization of Trading Strategies" (2008), chapter 10: prefer the set whose
neighbours do well too). As robust optimisation judges a point by a quantile of its surroundings (Beyer &
Sendhoff, "Robust optimization: a comprehensive survey", 2007, section 3), so the score of set i is here

    s(i) = min( v(i), Q( { v(j) : j among the k nearest of i } ) )

v: the value of the first objective, turned so that more is better; Q: the lower quartile, a value that was
really seen; nearest: by Euclid's distance in the unit cube of the space; k = √n, from `LEAST_NEAR` to
`MOST_NEAR`. A neighbour without a value (too few trades, pruned) counts as the worst one that was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.backtest.engine_words import Floats
from core.backtest.search_space import Space, ValueSet

QUANTILE = 0.25
LEAST_NEAR, MOST_NEAR = 4, 24
ROWS = 256
"""Sets whose distances are held at a time."""


def plateau(space: Space, sets: Sequence[ValueSet], values: Floats) -> Floats:
    """Score of each set, more is better. `values`: (n,), more is better; NaN has none and gets no score."""
    known = np.isfinite(values)
    scores = np.full(len(values), math.nan)
    if not known.any():
        return scores
    seen = np.where(known, values, values[known].min())
    places = space.places(sets)
    near = min(max(round(math.sqrt(len(sets))), LEAST_NEAR), MOST_NEAR, len(sets) - 1)
    for start in range(0, len(sets), ROWS):
        rows = slice(start, min(start + ROWS, len(sets)))
        scores[rows] = _scores(places, seen, rows, near)
    scores[~known] = math.nan
    return scores


def _scores(places: Floats, seen: Floats, rows: slice, near: int) -> Floats:
    own = seen[rows]
    if near == 0:
        return own
    away = _squares(places[rows], places)
    away[np.arange(len(own)), np.arange(rows.start, rows.stop)] = math.inf
    nearest = np.argpartition(away, near - 1, axis=1)[:, :near]
    around = np.quantile(seen[nearest], QUANTILE, axis=1, method="lower")
    found: Floats = np.minimum(own, around)
    return found


def _squares(some: Floats, every: Floats) -> Floats:
    found: Floats = (some**2).sum(axis=1)[:, None] + (every**2).sum(axis=1)[None, :] - 2.0 * some @ every.T
    return found


def best(scores: Floats, values: Floats) -> int | None:
    """Place of the highest score; of equal ones the higher value, then the earlier. None: nobody has one."""
    if not np.isfinite(scores).any():
        return None
    order = np.lexsort((np.arange(len(scores)), -np.nan_to_num(values, nan=-math.inf), -_low(scores)))
    return int(order[0])


def _low(scores: Floats) -> Floats:
    return np.where(np.isfinite(scores), scores, -math.inf)


def front(values: Floats) -> list[int]:
    """Places of the rows of (n, m), more is better, that no other row beats in one and equals in the rest.

    Best in the first column first; rows with NaN are none of them, and of equal rows the first is one.
    """
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    order = known[np.lexsort(tuple(-values[known].T[::-1]))]
    found: list[int] = []
    for place in order.tolist():
        if not any((values[other] >= values[place]).all() for other in found):
            found.append(place)
    return found
