"""A run judged: its metrics, what doing less would have earned, and how much of it chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.backtest import baselines, luck
from core.backtest.baselines import RANDOM_RUNS, Hold, RandomEntries, Told
from core.backtest.engine import Run, Setup, Signals
from core.backtest.engine_past import Past
from core.backtest.luck import Moments, Resampled, Ruin
from core.backtest.metrics import Measured, measured
from core.backtest.verdict_words import Evidence, Verdict, verdict
from core.growth import DAYS_PER_YEAR

RISK_STEPS = (0.5, 1.0, 2.0)
"""Of the risk that is taken: what half and double of it would mean."""

MOST_FALL = 0.5
"""From here an account has to double to be what it was: ruin, whatever the limits allow."""


@dataclass(frozen=True, slots=True)
class Search:
    """The sets that were tried before this one was chosen."""

    tried: int = 1
    sharpes: tuple[float, ...] = field(default=())
    """Annualised, of those sets that have one; their variance is used where there are two."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What the same trades and days would have given in other orders; None or empty: too few of them."""

    by_trade: Resampled | None
    by_day: Resampled | None
    moments: Moments | None
    deflated: float | None
    least_days: float | None
    risk: float | None
    """Taken a trade at its first stop, fraction of the equity."""
    bound: float
    """Drawdown that counts as ruin."""
    ruins: tuple[Ruin, ...]
    """At each of `RISK_STEPS`."""


@dataclass(frozen=True)
class Judged:
    run: Run
    past: Past
    setup: Setup
    measured: Measured
    hold: Hold
    random: RandomEntries | None
    chance: Chance
    evidence: Evidence
    verdict: Verdict
    seed: int


def judge(
    run: Run,
    past: Past,
    signals: Sequence[Signals],
    setup: Setup,
    *,
    seed: int = 0,
    runs: int = RANDOM_RUNS,
    search: Search | None = None,
    told: Told | None = None,
    dealt: RandomEntries | None = None,
) -> Judged:
    """`signals` and `setup`: what `run` came of. `told` hears of every random run.

    `dealt`: random runs that were made already; then `signals` are not asked for.
    """
    search = search or Search()
    dice = np.random.default_rng(seed)
    numbers = measured(run, past, setup.capital)
    held = baselines.hold(past, setup)
    if dealt is None and len(run.trades):
        dealt = baselines.random_entries(past, signals, setup, run.final, dice, runs=runs, told=told)
    chance = _chance(run, numbers, setup, search, dice)
    evidence = _evidence(run, setup, numbers, held, dealt, chance, search)
    return Judged(run, past, setup, numbers, held, dealt, chance, evidence, verdict(evidence), seed)


def _chance(run: Run, numbers: Measured, setup: Setup, search: Search, dice: np.random.Generator) -> Chance:
    multiples = run.trades["r"].astype(np.float64)
    bound, risk = min(float(setup.limits.max_drawdown), MOST_FALL), numbers.risk_taken
    ruins = [luck.ruin(multiples, risk * step, bound, dice) for step in RISK_STEPS] if risk else []
    days = luck.moments(numbers.returns)
    return Chance(
        by_trade=luck.resampled_trades(multiples, dice),
        by_day=luck.resampled_days(numbers.returns, dice) if len(multiples) else None,
        moments=days,
        deflated=None if days is None else luck.deflated(days, search.tried, variance_of(search)),
        least_days=None if days is None else luck.least_days(days),
        risk=risk,
        bound=bound,
        ruins=tuple(one for one in ruins if one is not None),
    )


def _evidence(
    run: Run,
    setup: Setup,
    numbers: Measured,
    held: Hold,
    dealt: RandomEntries | None,
    chance: Chance,
    search: Search,
) -> Evidence:
    return Evidence(
        trades=len(run.trades),
        days=len(numbers.returns),
        return_share=numbers.return_share,
        expectancy_r=numbers.performance.expectancy_r,
        p=dealt.p if dealt else None,
        percentile=dealt.percentile if dealt else None,
        random_runs=len(dealt.finals) if dealt else 0,
        random_median=float(np.median(dealt.finals)) / setup.capital - 1.0 if dealt else None,
        by_trade=chance.by_trade,
        by_day=chance.by_day,
        deflated=chance.deflated,
        tried=search.tried,
        least_days=chance.least_days,
        ruin=next((one.probability for one in chance.ruins if one.risk == chance.risk), None),
        ruin_bound=chance.bound,
        risk=chance.risk,
        hold_return=held.return_share,
        ambiguous=numbers.ambiguous,
        liquidations=numbers.liquidations,
        cut_off=numbers.cut_off,
        refused_in_drawdown=run.refused.get("drawdown", 0),
    )


def variance_of(search: Search) -> float | None:
    """Of the sets' daily Sharpe ratios; None where they are not known."""
    if len(search.sharpes) < 2:
        return None
    return float(np.var(np.asarray(search.sharpes) / np.sqrt(DAYS_PER_YEAR), ddof=1))
