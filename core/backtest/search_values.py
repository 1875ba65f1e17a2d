"""What a run is worth, fast enough to be asked of thousands: the objectives of a search.

Laws:
- The definitions are those of `core.growth` and `core.performance`, to the last digits that floats keep.
- What means nothing is NaN here: too few days, or nothing to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.backtest.engine import DAY_MS, Run
from core.backtest.engine_past import Past
from core.backtest.engine_words import Floats
from core.backtest.metrics import Book, curve_of
from core.growth import DAYS_PER_YEAR, MIN_DAYS_FOR_CALMAR, MIN_DAYS_FOR_RATIOS, SAME
from core.journal import EMPTY
from core.statistics import LEAST_DEVIATION

OBJECTIVES: Final[Mapping[str, str]] = {
    "net": "result after every cost, USDT",
    "sharpe": "of daily returns, annualised",
    "sortino": "of daily returns, annualised",
    "calmar": "growth of a year ÷ deepest drawdown",
    "profit_factor": "net gains ÷ net losses",
    "expectancy_r": "mean result of a trade in R",
    "drawdown": "deepest fall from a peak, fraction; less is better",
}
MINIMISED: Final = frozenset({"drawdown"})


@dataclass(frozen=True, slots=True)
class Values:
    """Of one run; NaN: it has none."""

    net: float
    sharpe: float
    sortino: float
    calmar: float
    profit_factor: float
    expectancy_r: float
    drawdown: float
    trades: int
    return_share: float
    """Of the opening capital."""
    days: float
    """From the first open to the last close."""

    def of(self, objective: str) -> float:
        """By a name of `OBJECTIVES`."""
        return float(getattr(self, objective))

    @property
    def monthly(self) -> float:
        """Growth of thirty days, so that spans of different lengths can be compared."""
        return float(max(1.0 + self.return_share, 0.0) ** (30.0 / self.days) - 1.0)


def values_of(run: Run, past: Past, capital: float) -> Values:
    """`capital`: what the account began with, USDT."""
    curve = curve_of(Book(run, past), capital)
    grown = np.maximum(curve[:, 1], float(EMPTY)) / capital
    days = (curve[:, 0] // DAY_MS).astype(np.int64)
    returns, fall = _daily(days, grown), _fall(grown)
    net = run.trades["net"]
    lost = -float(net[net < 0].sum())
    return Values(
        net=run.final - capital,
        sharpe=_sharpe(returns),
        sortino=_sortino(returns),
        calmar=_calmar(grown, int(days[-1] - days[0]) + 1, fall),
        profit_factor=float(net[net > 0].sum()) / lost if lost > 0 else math.nan,
        expectancy_r=float(run.trades["r"].mean()) if len(net) else math.nan,
        drawdown=fall,
        trades=len(net),
        return_share=run.final / capital - 1.0,
        days=float(curve[-1, 0] - curve[0, 0]) / DAY_MS,
    )


def _daily(days: np.ndarray[tuple[int], np.dtype[np.int64]], grown: Floats) -> Floats:
    """Of each UTC day that has a point, from the last growth of the day before."""
    closes = grown[np.flatnonzero(np.diff(days, append=days[-1] + 1))]
    before = np.concatenate(([1.0], closes[:-1]))
    found: Floats = closes / before - 1.0
    return found


def _fall(grown: Floats) -> float:
    peaks = np.maximum(np.maximum.accumulate(grown), 1.0)
    deepest = float((1.0 - grown / peaks).max())
    return deepest if deepest > SAME else 0.0


def _sharpe(returns: Floats) -> float:
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return math.nan
    spread = float(returns.std(ddof=1))
    if spread <= LEAST_DEVIATION:
        return math.nan
    return float(returns.mean()) / spread * math.sqrt(DAYS_PER_YEAR)


def _sortino(returns: Floats) -> float:
    if len(returns) < MIN_DAYS_FOR_RATIOS:
        return math.nan
    downside = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    if downside <= LEAST_DEVIATION:
        return math.nan
    return float(returns.mean()) / downside * math.sqrt(DAYS_PER_YEAR)


def _calmar(grown: Floats, days: int, fall: float) -> float:
    if days < MIN_DAYS_FOR_CALMAR or fall <= SAME:
        return math.nan
    return float(float(grown[-1]) ** (DAYS_PER_YEAR / days) - 1.0) / fall
