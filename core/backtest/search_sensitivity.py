"""How much each dimension of a search matters by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.backtest.engine_words import Floats
from core.backtest.search_space import Space, ValueSet

BINS = 10
LEAST_PER_BIN = 5


def explained(space: Space, sets: Sequence[ValueSet], values: Floats) -> Floats:
    """(dimensions,) share of the values' variance that each explains alone; NaN where too few sets tell.

    The correlation ratio η² over equally filled bins (Pearson 1905), the first-order index of variance-based
    sensitivity analysis (Saltelli et al., "Global Sensitivity Analysis" (2008), chapter 1), less what as many
    bins explain of pure noise: (η² - (b - 1)/(n - 1)) ÷ (1 - (b - 1)/(n - 1)), never below 0. Sets that a
    sampler crowds around good values make it a guide, not a measure.
    """
    count = len(space.dimensions)
    bins = min(BINS, len(sets) // LEAST_PER_BIN)
    total = float(np.var(values)) if len(values) else 0.0
    if bins < 2 or total <= 0.0:
        return np.full(count, math.nan)
    places = space.places(sets)
    chance = (bins - 1) / (len(sets) - 1)
    found = [_ratio(places[:, column], values, bins) / total for column in range(count)]
    return np.maximum((np.array(found) - chance) / (1.0 - chance), 0.0)


def _ratio(places: Floats, values: Floats, bins: int) -> float:
    """Variance of the bins' means, each as heavy as it is full; equal values share a bin."""
    ranks = np.searchsorted(np.sort(places), places, side="left")
    own = ranks * bins // len(places)
    counts = np.bincount(own, minlength=bins)
    sums = np.bincount(own, weights=values, minlength=bins)
    filled = counts > 0
    means = sums[filled] / counts[filled]
    return float((counts[filled] * (means - values.mean()) ** 2).sum() / len(values))
