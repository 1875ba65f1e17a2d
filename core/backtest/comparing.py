"""Two runs over the same days: whether what lies between them is more than luck.

Laws:
- Days are dealt again in pairs, so that what both runs share (the market) cancels.
- What can't be told apart is said to be so; few days never prove anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.backtest.luck import EMPTY_GROWTH, RESAMPLED, TAIL
from core.backtest_views import Difference

LEAST_DAYS = 20
"""Below it blocks of three days leave too few to deal."""


def difference(old: Sequence[float], new: Sequence[float], dice: np.random.Generator) -> Difference | None:
    """`old` and `new`: returns of the same days. None below five days, or where the days differ.

    Blocks of n^(1/3) days drawn in a circle, as in `luck.resampled_days`, the same ones for both (paired:
    Ledoit & Wolf, "Robust performance hypothesis testing with the Sharpe ratio", 2008, section 3.2).
    """
    count = len(old)
    if count < 5 or len(new) != count:
        return None
    logs = np.log(np.maximum(1.0 + np.array([old, new]), EMPTY_GROWTH))
    length = math.ceil(count ** (1 / 3))
    starts = dice.integers(0, count, (RESAMPLED, math.ceil(count / length), 1))
    picks = ((starts + np.arange(length)) % count).reshape(RESAMPLED, -1)[:, :count]
    before, after = (np.expm1(line[picks].sum(axis=1)) for line in logs)
    low, high = (float(value) for value in np.quantile(after - before, [TAIL, 1.0 - TAIL]))
    whole = np.expm1(logs.sum(axis=1))
    is_plain = count >= LEAST_DAYS and (low > 0.0 or high < 0.0)
    return Difference(float(whole[1] - whole[0]), (low, high), count, is_plain)
