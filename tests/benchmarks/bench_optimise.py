"""Parameter search over five parameters of the strategy that other programs were measured with.

A trial is one whole run over 105,120 generated candles with leverage, fees, funding and liquidation on; what
the sampler costs is in it, and pruning is off.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.adapters.study.crew import Alone, Processes
from core.adapters.study.search import Plan, search
from core.backtest.engine import Setup
from core.backtest.features import Features, crossed_above
from core.backtest.search_play import Play, Wanted
from core.backtest.search_space import Space, parameter_dimensions
from core.backtest.search_spans import Fold, Ground
from core.backtest.shipped import EmaCross
from tests.benchmarks.bench_backtest import YEAR, _bare_pass, _history, _instrument, _setup
from tests.benchmarks.rig import show, verdict

ROUNDS = 5
TRIALS = {"random": 600, "tpe": 200}
FREQTRADE = 0.2
"""Trials a second of its hyperopt on the same kind of machine; 0.25 with two jobs."""
VECTORBT = {1: 80.0, 2: 106.0}
"""Of its grid, by processes: the best that was measured."""
LEAST_TIMES, LEAST_SCALING = 300, 0.9


@dataclass(frozen=True)
class Fixed:
    """`SetupOf`: as the rivals trade."""

    def __call__(self, named: Mapping[str, float]) -> Setup:
        return _setup()


def five_parameters() -> Play:
    """EMA fast and slow, most RSI, least ADX and the stop, over one year of 5-minute candles."""
    given = {"target": "0.10"}
    space = Space(parameter_dimensions(EmaCross, given, []))
    ground = Ground((_history(YEAR, 0),), (_instrument(),))
    return Play(ground, "ema_cross", given, space, Fixed(), Wanted(("net",), 1))


def trials_a_second(play: Play, workers: int, plan: Plan) -> float:
    """With the workers already there, as for every fold but the first."""
    crew = Alone(play) if workers == 1 else Processes(play, workers)
    fold = Fold(1, play.ground.whole, None)
    started = time.perf_counter()
    tried = search(play, fold, plan, crew=crew)
    took_s = time.perf_counter() - started
    crew.close()
    assert len(tried) == plan.trials
    return plan.trials / took_s


def bench_trials_a_second() -> None:
    play = five_parameters()
    play.warm()
    best: dict[tuple[str, int], float] = {}
    for round_number in range(ROUNDS):
        for sampler, trials in TRIALS.items():
            for workers in (1, 2):
                plan = Plan(trials, sampler, seed=round_number, is_pruning=False)
                rate = trials_a_second(play, workers, plan)
                best[sampler, workers] = max(best.get((sampler, workers), 0.0), rate)
    lines = [
        f"{sampler}, {workers} worker(s): {rate:.0f} trials/s, {rate / FREQTRADE:,.0f} times freqtrade "
        f"[{verdict(rate >= LEAST_TIMES * FREQTRADE)}], {rate / VECTORBT[workers]:.1f} times vectorbt's grid "
        f"[{verdict(rate > VECTORBT[workers] or sampler != 'random')}]"
        for (sampler, workers), rate in best.items()
    ]
    show(f"optimize, 1 x {YEAR:,} candles, five parameters, the fastest of {ROUNDS}", *lines)


def bench_two_workers_against_the_bare_loops_scaling() -> None:
    play, bare = five_parameters(), BareLoop()
    play.warm()
    bare(0, 4)
    times = {"bare 1": [], "bare 2": [], "ours 1": [], "ours 2": []}  # type: dict[str, list[float]]
    count = TRIALS["random"]
    for round_number in range(ROUNDS):
        plan = Plan(count, "random", seed=round_number, is_pruning=False)
        times["bare 1"].append(_seconds(lambda: bare(0, count)))
        times["bare 2"].append(_seconds(lambda: _in_two(bare, count)))
        times["ours 1"].append(count / trials_a_second(play, 1, plan))
        times["ours 2"].append(count / trials_a_second(play, 2, plan))
    least = {name: min(found) for name, found in times.items()}
    scaling = {who: least[f"{who} 1"] / least[f"{who} 2"] for who in ("bare", "ours")}
    show(
        f"optimize, two workers, the fastest of {ROUNDS} of {count} random sets",
        *(f"{name} process(es): {count / took_s:.0f} sets/s" for name, took_s in least.items()),
        f"scaling: bare loop {scaling['bare']:.2f}, ours {scaling['ours']:.2f} = "
        f"{scaling['ours'] / scaling['bare']:.2f} of it "
        f"[{verdict(scaling['ours'] >= LEAST_SCALING * scaling['bare'])}]",
    )


def bench_what_a_search_keeps_in_memory() -> None:
    """Ten symbols: features are kept within their bytes, whatever is searched."""
    ground = Ground(tuple(_history(YEAR, seed) for seed in range(10)), (_instrument(),) * 10)
    made = five_parameters()
    play = Play(ground, made.strategy, made.given, made.space, made.setup_of, made.wanted)
    before = _resident_mb()
    rate = trials_a_second(play, 1, Plan(60, "random", is_pruning=False))
    show(
        "optimize, 10 x 105,120 candles",
        f"{rate:.0f} trials/s, {rate * 10 * YEAR / 1e6:.1f} M candles/s",
        f"resident {before:.0f} MB with the candles, {_resident_mb():.0f} MB after 60 random sets",
    )


class BareLoop:
    """What a search must do at least: averages kept, crosses, one compiled pass; no sampler, no account."""

    def __init__(self) -> None:
        self.bars = _history(YEAR, 0).bars
        self.columns = [np.ascontiguousarray(column) for column in self.bars.T]
        self.features, self.walk = Features(self.bars), _bare_pass()

    def __call__(self, first: int, last: int) -> None:
        for number in range(first, last):
            dice = np.random.default_rng(number)
            fast, slow = int(dice.integers(5, 50)), int(dice.integers(51, 120))
            one, other = self.features.ema(fast), self.features.ema(slow)
            up, down = crossed_above(one, other), crossed_above(other, one)
            trends, rsi = self.features.adx(14) > dice.uniform(0, 40), self.features.rsi(14)
            most = dice.uniform(55, 90)
            side = up.astype(np.int8) * 2 - down.astype(np.int8) * 2
            side[up & trends & (rsi < most)] = 1
            side[down & trends & (rsi > 100 - most)] = -1
            self.walk(*self.columns[1:5], side)


def _in_two(bare: BareLoop, count: int) -> None:
    context: Any = multiprocessing.get_context("fork")
    halves = [context.Process(target=bare, args=ends) for ends in ((0, count // 2), (count // 2, count))]
    for half in halves:
        half.start()
    for half in halves:
        half.join()


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
