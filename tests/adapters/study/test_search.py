"""A search ends, asks nothing twice, and finds the same alone and with others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import numpy as np
import pytest

from core.adapters.study.crew import Alone, Job, Processes
from core.adapters.study.sampling import SAMPLERS
from core.adapters.study.search import Plan, crew_of, search, walk
from core.backtest.search_play import Play, State, Tried
from core.backtest.search_progress import Progress
from core.backtest.search_space import BadSearch, Dimension, Space
from core.backtest.search_spans import Fold, folds_of
from tests.core.backtest.searches import a_play, noise
from tests.core.backtest.worlds import HOUR_MS

FEW = Space((Dimension("fast", 8, 12, is_whole=True), Dimension("slow", 10, 16, 2, is_whole=True)))
"""5 × 4 sets, three of which make no sense."""
REST = {"most_rsi": "90", "least_adx": "0", "stop": "0.06", "target": "0.10"}


def whole(play: Play) -> Fold:
    return Fold(1, play.ground.whole, None)


def small(**more: object) -> Play:
    return a_play("ema_cross", noise(1, 1_500), **more)  # type: ignore[arg-type]


def test_a_space_in_which_nothing_makes_sense_is_refused_with_the_reason() -> None:
    never = Space((Dimension("fast", 40, 50, is_whole=True), Dimension("slow", 10, 20, is_whole=True)))
    play = small(space=never, given=REST)

    with pytest.raises(BadSearch, match=r"no set makes sense.*must be below slow"):
        search(play, whole(play), Plan(50, "random"))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_small_grid_is_tried_out_and_no_set_of_it_twice(sampler: str) -> None:
    play = small(space=FEW, given=REST)

    tried = search(play, whole(play), Plan(500, sampler))

    sensible = {(fast, slow) for fast in range(8, 13) for slow in (10, 12, 14, 16) if fast < slow}
    assert sorted(one.values for one in tried) == sorted(sensible)
    assert sorted(one.number for one in tried) == list(range(len(sensible)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_sets_and_another_one_others(sampler: str) -> None:
    one, two, three = (
        [each.values for each in search(small(), whole(small()), Plan(30, sampler, seed=seed))]
        for seed in (1, 1, 2)
    )

    assert one == two != three and len(set(one)) == 30


def test_tpe_comes_nearer_to_the_best_than_chance() -> None:
    play = small(objectives=("net",))

    best = {
        sampler: np.mean(
            [_best(search(play, whole(play), Plan(60, sampler, seed=seed))) for seed in range(3)]
        )
        for sampler in SAMPLERS
    }

    assert best["tpe"] > best["random"]


def test_several_objectives_are_searched_together() -> None:
    play = small(objectives=("net", "drawdown"))

    tried = search(play, whole(play), Plan(40, "tpe"))

    assert len(tried) == 40 and all(len(one.results) == 2 for one in tried if one.state is State.DONE)


def test_sets_without_a_value_are_told_the_sampler_and_counted() -> None:
    heard: list[Progress] = []
    play = small(min_trades=25, objectives=("net", "sharpe"))

    tried = search(play, whole(play), Plan(40, "tpe"), told=heard.append)

    few = sum(one.state is State.FEW for one in tried)
    assert 0 < few < 40 and heard[-1].counts.valueless == few and heard[-1].is_last
    assert heard[-1].counts.skipped > 0 and heard[-1].counts.here == 40


def test_each_fold_is_searched_by_itself_and_told_as_soon_as_it_is_through() -> None:
    play = small()
    folds = folds_of(play.ground.whole.start_ms, play.ground.whole.end_ms, HOUR_MS, 2, 0)
    through = []

    for choice in walk(play, folds, Plan(12, "random")):
        through.append(choice.fold.number)
        assert len(choice.tried) == 12

    assert through == [1, 2, 3]


def test_two_workers_find_what_one_finds() -> None:
    play = small()
    alone = search(play, whole(play), Plan(40, "random", seed=3, is_pruning=False))
    crew = crew_of(play, 2)

    together = search(play, whole(play), Plan(40, "random", seed=3, is_pruning=False), crew=crew)

    crew.close()
    assert _by_values(together) == _by_values(alone)


def test_a_worker_that_is_killed_is_replaced_and_its_sets_are_not_lost() -> None:
    play = small()
    crew = crew_of(play, 2)
    assert isinstance(crew, Processes)
    kill = _once(lambda: os.kill(crew._workers[0].process.pid, signal.SIGKILL))

    tried = search(play, whole(play), Plan(400, "random"), crew=crew, told=lambda _: kill())

    crew.close()
    assert len(tried) == len({one.values for one in tried}) == 400


def test_workers_that_die_again_and_again_end_the_search_with_a_sentence() -> None:
    play = small()
    crew = Processes(play, 1)

    def killed_again_and_again() -> None:
        for _ in range(10):
            crew.give(whole(play).searched, [Job(0, play.space.nearest((9, 20, 80, 5, 0.06)), np.nan, False)])
            os.kill(crew._workers[0].process.pid, signal.SIGKILL)
            crew.take(5.0)

    with pytest.raises(BadSearch, match="worker processes end by themselves"):
        killed_again_and_again()
    crew.close()


def test_what_a_strategy_does_wrong_in_a_worker_is_one_sentence_here() -> None:
    play = small()
    crew = Processes(play, 1)
    crew.give(whole(play).searched, [Job(0, (40.0, 20.0, 80.0, 5.0, 0.06), np.nan, False)])

    with pytest.raises(BadSearch, match="fast 40 must be below slow 20"):
        crew.take(10.0)
    crew.close()


def test_alone_gives_what_is_asked_and_nothing_when_nothing_is() -> None:
    crew = Alone(small())

    assert crew.is_idle and crew.room == 1 and crew.take(0.0) == []


def _best(tried: list[Tried]) -> float:
    return max(one.results[0] for one in tried if one.results)


def _by_values(tried: list[Tried]) -> dict[tuple[float, ...], tuple[object, ...]]:
    return {one.values: (one.state, one.results, one.trades) for one in tried}


def _once(act: Callable[[], None]) -> Callable[[], None]:
    waiting = [act]
    return lambda: waiting.pop()() if waiting else None
