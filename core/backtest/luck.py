"""How much of a result chance alone would explain: resampling, ruin, and the Sharpe ratio put in doubt.

Laws:
- Dice are handed in; the same seed gives the same numbers.
- Sharpe ratios are of one day, not annualised, unless a name says so.
- What means nothing is None: too few values, or nothing to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from core.backtest.engine_words import Floats
from core.growth import MIN_DAYS_FOR_RATIOS
from core.statistics import LEAST_DEVIATION, Interval, deviation

RESAMPLED = 4_000
"""Times; the ends of a 95 % interval move by less than a twentieth of its width between seeds."""
MOST_CELLS = 2_000_000
"""Numbers drawn at a time: 16 MB."""
LEAST_VALUES = 5
"""Fewer can't be resampled to anything new."""
TAIL = 0.025
"""Either side of an interval: 95 %."""
MOST_AHEAD = 2_000
"""Trades of one imagined future."""
EULER = 0.5772156649015329
NORMAL = NormalDist()
EMPTY_GROWTH = 1e-12


@dataclass(frozen=True, slots=True)
class Resampled:
    """What the same history, dealt again, would have given."""

    interval: Interval
    """95 %."""
    share_not_above_zero: float


@dataclass(frozen=True, slots=True)
class Ruin:
    risk: float
    """Of a trade at its first stop, fraction of the equity."""
    probability: float
    """That the equity falls by the bound from a peak."""
    median_fall: float
    bad_fall: float
    """Drawdown that one future of twenty exceeds."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Of daily returns."""

    count: int
    sharpe: float
    skew: float
    kurtosis: float
    """3 for the normal distribution."""

    @property
    def doubt(self) -> float:
        """Variance of the estimated Sharpe ratio × (n - 1), see `deflated`; never below a sliver."""
        squared = self.sharpe**2
        return max(1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * squared, 1e-6)


def resampled_trades(multiples: Floats, dice: np.random.Generator) -> Resampled | None:
    """The mean R with trades drawn one by one (Efron 1979); None below five trades."""
    if len(multiples) < LEAST_VALUES:
        return None
    means = [
        multiples[dice.integers(0, len(multiples), (rows, len(multiples)))].mean(axis=1)
        for rows in _portions(len(multiples), RESAMPLED)
    ]
    return _told(np.concatenate(means))


def resampled_days(returns: Sequence[float], dice: np.random.Generator) -> Resampled | None:
    """The return of the whole period with blocks of days drawn in a circle (Politis & Romano 1992).

    Blocks of n^(1/3) days (Hall, Horowitz & Jing 1995), so that days that hang together stay together. None
    below five days.
    """
    count = len(returns)
    if count < LEAST_VALUES:
        return None
    logs = np.log(np.maximum(1.0 + np.asarray(returns), EMPTY_GROWTH))
    length = math.ceil(count ** (1 / 3))
    blocks = math.ceil(count / length)
    steps = np.arange(length)
    totals = []
    for rows in _portions(blocks * length, RESAMPLED):
        starts = dice.integers(0, count, (rows, blocks, 1))
        picks = ((starts + steps) % count).reshape(rows, -1)[:, :count]
        totals.append(np.expm1(logs[picks].sum(axis=1)))
    return _told(np.concatenate(totals))


def ruin(multiples: Floats, risk: float, bound: float, dice: np.random.Generator) -> Ruin | None:
    """Futures as long as the past (at most `MOST_AHEAD` trades), their R drawn from those that were made.

    Every trade risks the fraction `risk` of the equity of then; `bound` is the drawdown that ends it. None
    below five trades.
    """
    if len(multiples) < LEAST_VALUES:
        return None
    ahead = min(len(multiples), MOST_AHEAD)
    falls = []
    for rows in _portions(ahead, RESAMPLED):
        drawn = multiples[dice.integers(0, len(multiples), (rows, ahead))]
        grown = np.cumprod(np.maximum(1.0 + risk * drawn, 0.0), axis=1)
        peaks = np.maximum(np.maximum.accumulate(grown, axis=1), 1.0)
        falls.append((1.0 - grown / peaks).max(axis=1))
    found = np.concatenate(falls)
    median, bad = np.quantile(found, [0.5, 0.95])
    return Ruin(risk, float((found >= bound).mean()), float(median), float(bad))


def moments(returns: Sequence[float]) -> Moments | None:
    """None below five days and for days that were all the same."""
    if len(returns) < MIN_DAYS_FOR_RATIOS or (spread := deviation(returns)) <= LEAST_DEVIATION:
        return None
    values = np.asarray(returns)
    centred = values - values.mean()
    square = float((centred**2).mean())
    return Moments(
        count=len(values),
        sharpe=float(values.mean()) / spread,
        skew=float((centred**3).mean()) / square**1.5,
        kurtosis=float((centred**4).mean()) / square**2,
    )


def luckiest_sharpe(tried: int, variance: float) -> float:
    """What the best of so many sets without any skill is expected to show.

    √V · ((1 - γ) · Z⁻¹(1 - 1/N) + γ · Z⁻¹(1 - 1/(N·e))), γ Euler's constant, V the variance of the sets'
    Sharpe ratios: Bailey & López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5)
    (2014), equation 1. 0 for one set: nothing was chosen.
    """
    if tried < 2:
        return 0.0
    high = NORMAL.inv_cdf(1.0 - 1.0 / tried)
    higher = NORMAL.inv_cdf(1.0 - 1.0 / (tried * math.e))
    return math.sqrt(variance) * ((1.0 - EULER) * high + EULER * higher)


def deflated(found: Moments, tried: int = 1, variance: float | None = None) -> float:
    """Probability that the true Sharpe ratio is above what the luckiest of `tried` sets would show.

    Z((SR - SR₀) · √(T - 1) ÷ √(1 - γ₃·SR + (γ₄ - 1)/4 · SR²)), same paper, equation 2; with one set it is
    the probabilistic Sharpe ratio (Bailey & López de Prado 2012). `variance`: of the sets' Sharpe ratios;
    None: what sets without skill would have over as many days, 1 ÷ (T - 1).
    """
    spread = variance if variance is not None else 1.0 / (found.count - 1)
    above = found.sharpe - luckiest_sharpe(tried, spread)
    return NORMAL.cdf(above * math.sqrt((found.count - 1) / found.doubt))


def least_days(found: Moments, confidence: float = 0.95) -> float | None:
    """Days after which a Sharpe ratio like this would be above 0 with that confidence; None when it is not.

    1 + (1 - γ₃·SR + (γ₄ - 1)/4 · SR²) · (Z⁻¹ ÷ SR)²: Bailey & López de Prado, "The Sharpe Ratio Efficient
    Frontier", Journal of Risk 15(2) (2012), there called minimum track record length.
    """
    if found.sharpe <= 0:
        return None
    return 1.0 + found.doubt * (NORMAL.inv_cdf(confidence) / found.sharpe) ** 2


def _portions(width: int, rows: int) -> Iterator[int]:
    """Row counts that sum to `rows`, each matrix within `MOST_CELLS`."""
    most = max(MOST_CELLS // max(width, 1), 1)
    while rows > 0:
        yield min(rows, most)
        rows -= most


def _told(drawn: Floats) -> Resampled:
    low, high = np.quantile(drawn, [TAIL, 1.0 - TAIL])
    return Resampled((float(low), float(high)), float((drawn <= 0.0).mean()))
