"""How far a rate or a mean of a few trades can be trusted: 80 % confidence intervals, both sides together.

Eighty and not ninety-five: with tens of trades a wider interval says nothing, and the readiness checklist
reads its lower end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.80
NORMAL_80 = 1.2815515655446004
"""The normal distribution's 0.90 quantile: a tenth of it lies beyond, on either side."""
STUDENT_80 = {1: 3.0776835, 2: 1.8856181, 3: 1.6377444}
"""Student's t, 0.90 quantile, by degrees of freedom (Student 1908; NIST/SEMATECH e-Handbook 1.3.6.7.2)."""
LEAST_DEVIATION = 1e-12
"""Equal numbers differ by this much in floating point; a ratio to it would be a ratio to nothing."""

Interval = tuple[float, float]


def win_rate_interval(wins: int, count: int) -> Interval | None:
    """80 % score interval of `wins` out of `count`, inside [0, 1]; None for no trades.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927): it holds for few
    trades and near 0 and 1, where the usual ± formula does not.
    """
    if count <= 0:
        return None
    share, z2 = wins / count, NORMAL_80**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) * NORMAL_80 / (1 + z2 / count)
    return max(middle - spread, 0.0), min(middle + spread, 1.0)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """80 % interval of the mean: mean ± t · s ÷ √n (Student 1908).

    None below two values, and for equal ones: they would claim to be certain.
    """
    if len(values) < 2 or (spread := deviation(values)) <= LEAST_DEVIATION:
        return None
    mean = math.fsum(values) / len(values)
    reach = student_t(len(values) - 1) * spread / math.sqrt(len(values))
    return mean - reach, mean + reach


def student_t(freedom: int) -> float:
    """The 0.90 quantile of Student's t.

    Above three degrees of freedom the expansion of Abramowitz & Stegun 26.7.5: its error is below 1e-4 there.
    """
    if freedom in STUDENT_80:
        return STUDENT_80[freedom]
    z = NORMAL_80
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation, over n - 1; at least two values."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
