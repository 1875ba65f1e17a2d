"""What to try next. The only module that knows Optuna, which is used in memory alone.

Laws:
- A set without a value is told as pruned, never as bad: the sampler learns to stay away, and no number is
  made up for it.
- The same seed and the same answers give the same questions.
"""

from __future__ import annotations

import math
from typing import Final

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState, create_trial

from core.backtest.search_play import State, Tried, Wanted
from core.backtest.search_space import Dimension, Space, ValueSet
from core.backtest.search_values import MINIMISED

SAMPLERS: Final = ("tpe", "random")
STARTUP: Final = 20
"""Sets that TPE draws at random before it has an opinion."""


class Sampler:
    """Questions and answers; a handle names a question until it is answered."""

    def __init__(self, space: Space, wanted: Wanted, kind: str, seed: int) -> None:
        """`kind`: one of `SAMPLERS`."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._has_early = len(wanted.objectives) == 1
        self._distributions = {one.name: _distribution(one) for one in space.dimensions}
        self._study = optuna.create_study(
            sampler=_sampler(kind, seed),
            directions=["minimize" if name in MINIMISED else "maximize" for name in wanted.objectives],
        )
        self._asked: dict[int, Trial] = {}

    def ask(self) -> tuple[int, ValueSet]:
        trial = self._study.ask(self._distributions)
        self._asked[trial.number] = trial
        values = (trial.params[one.name] for one in self._space.dimensions)
        return trial.number, self._space.nearest(values)

    def tell(self, handle: int, tried: Tried) -> None:
        trial = self._asked.pop(handle)
        if tried.state is State.DONE:
            self._study.tell(trial, list(tried.results))
            return
        if self._has_early and math.isfinite(tried.early):
            trial.report(tried.early, 0)
        self._study.tell(trial, state=TrialState.PRUNED)

    def refuse(self, handle: int) -> None:
        """The set makes no sense."""
        self._study.tell(self._asked.pop(handle), state=TrialState.PRUNED)

    def withdraw(self, handle: int) -> None:
        """Somebody else answers this one, or nobody does."""
        self._study.tell(self._asked.pop(handle), state=TrialState.FAIL)

    def learn(self, tried: Tried) -> None:
        """What was asked elsewhere or at another time."""
        is_done = tried.state is State.DONE
        early = {0: tried.early} if self._has_early and math.isfinite(tried.early) else {}
        self._study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if is_done else TrialState.PRUNED,
                params=self._params(tried.values),
                distributions=self._distributions,
                values=list(tried.results) if is_done else None,
                intermediate_values=early,
            )
        )

    def _params(self, values: ValueSet) -> dict[str, float]:
        pairs = zip(self._space.dimensions, values, strict=True)
        return {one.name: int(value) if one.is_whole else value for one, value in pairs}


def _sampler(kind: str, seed: int) -> BaseSampler:
    if kind == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=STARTUP)


def _distribution(one: Dimension) -> BaseDistribution:
    if one.is_whole:
        return IntDistribution(int(one.low), int(one.top), log=one.is_log, step=int(one.grid or 1))
    return FloatDistribution(one.low, one.top, log=one.is_log, step=one.grid)
