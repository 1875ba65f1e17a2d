"""Our search and a bare loop over the comparison's candles: `drive_search FOLDER OUT TRIALS ROUNDS`.

The bare loop keeps its averages, makes the signals and runs the bare pass; it has no sampler and no account.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.adapters.history.reading import read_history
from core.adapters.study.crew import Alone, Processes
from core.adapters.study.search import Plan, search
from core.backtest.engine import Setup
from core.backtest.features import Features, crossed_above
from core.backtest.search_play import Play, Wanted
from core.backtest.search_space import Space, parameter_dimensions
from core.backtest.search_spans import Fold, Ground
from core.backtest.shipped import EmaCross
from core.trading.exits_compiled import compile_modules
from tests.benchmarks.rivals import bare
from tests.benchmarks.rivals.drive_perpilot import RATE, fixed_setup, instrument
from tests.benchmarks.rivals.made import IDEA

SAMPLERS = ("random", "tpe")
TPE_SHARE = 5
"""TPE's own cost grows with every trial: a fifth of them."""


@dataclass(frozen=True)
class Fixed:
    """`SetupOf`: nothing of the setup is varied."""

    def __call__(self, named: Mapping[str, float]) -> Setup:
        return fixed_setup()


def play_of(folder: Path) -> Play:
    terms = json.loads((folder / "terms.json").read_text())
    coin = terms["coins"][0]
    given = {"target": f"{IDEA.target}"}
    space = Space(parameter_dimensions(EmaCross, given, []))
    listed = instrument(coin, terms["tick"], terms["lots"][coin])
    ground = Ground((read_history(folder, coin, "5m"),), (listed,))
    return Play(ground, "ema_cross", given, space, Fixed(), Wanted(("net",), 1))


def sets_a_second(play: Play, workers: int, plan: Plan) -> float:
    """With the workers already there, as for every fold but the first."""
    crew = Alone(play) if workers == 1 else Processes(play, workers)
    started = time.perf_counter()
    tried = search(play, Fold(1, play.ground.whole, None), plan, crew=crew)
    took_s = time.perf_counter() - started
    crew.close()
    return len(tried) / took_s


class BareLoop:
    """Random sets, as little as possible done for each."""

    def __init__(self, play: Play) -> None:
        bars = play.ground.histories[0].bars
        self.columns = [np.ascontiguousarray(bars[:, at]) for at in range(1, 5)]
        self.due = np.zeros(len(bars))
        self.features = Features(bars)
        made = compile_modules((bare,), {})
        assert made is not None
        self.passed = made["bare_pass"]

    def __call__(self, first: int, last: int) -> None:
        for number in range(first, last):
            self.one(np.random.default_rng(number))

    def one(self, dice: np.random.Generator) -> int:
        fast, slow = int(dice.integers(5, 21)), int(dice.integers(21, 51))
        one, other = self.features.ema(fast), self.features.ema(slow)
        up, down = crossed_above(one, other), crossed_above(other, one)
        trends, rsi = self.features.adx() > dice.uniform(10, 30), self.features.rsi()
        most, stop = dice.uniform(60, 80), dice.uniform(0.03, 0.07)
        side = up.astype(np.int8) * np.int8(2) - down.astype(np.int8) * np.int8(2)
        side[up & trends & (rsi < most)] = 1
        side[down & trends & (rsi > 100 - most)] = -1
        out = np.empty((int(np.count_nonzero(side)), bare.COLUMNS))
        terms = (stop, IDEA.target, IDEA.fee, IDEA.stake, float(IDEA.leverage), float(RATE))
        return int(self.passed(*self.columns, side, self.due, terms, out))


def in_two(loop: BareLoop, count: int) -> None:
    context: Any = multiprocessing.get_context("fork")
    halves = [context.Process(target=loop, args=ends) for ends in ((0, count // 2), (count // 2, count))]
    for half in halves:
        half.start()
    for half in halves:
        half.join()


def rate_of(work: Callable[[], None], count: int) -> float:
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def main() -> None:
    folder, out, trials, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    play = play_of(folder)
    play.warm()
    loop = BareLoop(play)
    loop(0, 200)  # the averages are there, as they are for every fold but the first
    best: dict[str, float] = {}

    def keep(name: str, rate: float) -> None:
        best[name] = max(best.get(name, 0.0), rate)

    for number in range(rounds):
        for sampler in SAMPLERS:
            count = trials if sampler == "random" else trials // TPE_SHARE
            for workers in (1, 2):
                plan = Plan(count, sampler, seed=number, is_pruning=False)
                keep(f"perpilot, {sampler}/{workers}", sets_a_second(play, workers, plan))
        keep("a bare loop/1", rate_of(lambda: loop(0, trials), trials))
        keep("a bare loop/2", rate_of(lambda: in_two(loop, trials), trials))
    out.write_text(json.dumps(best))


if __name__ == "__main__":
    main()
