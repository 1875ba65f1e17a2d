"""One set over one span: the same numbers wherever it is played, and nothing given up that counts."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from core.backtest import search_play
from core.backtest.engine import Setup, run
from core.backtest.features import Features
from core.backtest.search_play import Play, State, early_part, is_hopeless
from core.backtest.search_pruning import Pruner
from core.backtest.search_space import Dimension, Space
from core.backtest.search_spans import Span
from core.backtest.shipped import EmaCross
from core.backtest.strategies import signals_of
from tests.core.backtest.markets import free
from tests.core.backtest.searches import a_play, ground, noise, tried
from tests.core.backtest.worlds import HOUR_MS, START_MS

NOBODY = math.nan
WHOLE = Span(START_MS, START_MS + 4000.0 * HOUR_MS)


@dataclass(frozen=True)
class ByLeverage:
    """`SetupOf` with one setting, which may contradict the others."""

    def __call__(self, named: Mapping[str, float]) -> Setup:
        wanted = named.get("MAX_LEVERAGE", 3)
        if wanted > 8:
            raise ValueError(f"MAX_LEVERAGE={wanted:g} must not be above 8")
        return replace(free(), leverage=int(wanted))


def test_values_that_make_no_sense_together_are_refused_with_the_reason() -> None:
    play = a_play()

    assert "fast 40 must be below slow 20" in play.refusal(play.space.nearest((40, 20, 70, 20, 0.06)))
    assert play.refusal(play.space.nearest((10, 20, 70, 20, 0.06))) == ""


def test_settings_that_contradict_each_other_are_refused_with_the_reason() -> None:
    play = _levered()

    assert "must not be above 8" in play.refusal((9.0,)) and play.refusal((5.0,)) == ""
    assert play.played((5.0,), WHOLE).setup.leverage == 5


def test_a_set_with_too_few_entries_is_not_played_at_all() -> None:
    play = a_play(min_trades=100_000)

    found = play.evaluate(7, play.space.nearest((10, 30, 90, 0, 0.06)), WHOLE, NOBODY, early=False)

    assert found.state is State.FEW and found.results == () and found.number == 7 and found.trades < 100_000


def test_a_set_is_worth_what_a_plain_run_of_it_is() -> None:
    play = a_play(objectives=("net", "drawdown"))
    values = play.space.nearest((10, 30, 80, 10, 0.06))

    found = play.evaluate(0, values, WHOLE, NOBODY, early=False)

    past, history = play.ground.cut(WHOLE).past, play.ground.histories[0]
    strategy = EmaCross(fast=10, slow=30, most_rsi=80.0, least_adx=10.0, stop=0.06, target=0.10)
    plain = run(past, [signals_of(strategy, history.symbol, Features(history.bars))], free())
    assert found.state is State.DONE and found.results[0] == pytest.approx(plain.final - 1000.0)
    assert found.trades == len(plain.trades) > 5


def test_it_gives_the_same_numbers_after_a_journey_to_another_process() -> None:
    play = a_play()
    values = play.space.nearest((10, 30, 80, 10, 0.06))
    here = play.evaluate(0, values, WHOLE, NOBODY, early=True)

    there: Play = pickle.loads(pickle.dumps(play))

    assert repr(there.evaluate(0, values, WHOLE, NOBODY, early=True)) == repr(here)


def test_features_are_kept_within_their_bytes() -> None:
    kept = [each._most_kept for each in _features(a_play("ema_cross", *[noise(s) for s in range(2)]))]
    many = [each._most_kept for each in _features(a_play("ema_cross", *[noise(1)] * 40))]

    assert kept == [search_play.MOST_KEPT] * 2 and set(many) == {104}
    assert 104 * 8 * 40 * 4_000 * search_play.ARRAYS_A_KEEP <= search_play.MOST_BYTES


def test_an_objective_that_means_nothing_leaves_a_set_without_value() -> None:
    play = a_play("random", given={"every": "400"}, objectives=("calmar",), min_trades=1)
    short = Span(START_MS, START_MS + 24.0 * 20 * HOUR_MS)

    states = {play.evaluate(0, (float(seed),), short, NOBODY, early=False).state for seed in range(12)}

    assert State.UNMEASURED in states and State.DONE not in states


def test_only_a_sure_loss_that_is_worse_than_the_middle_is_hopeless() -> None:
    assert is_hopeless(-0.5, -0.2, is_loss=True)
    assert not is_hopeless(-0.5, -0.2, is_loss=False)
    assert not is_hopeless(-0.1, -0.2, is_loss=True)
    assert not is_hopeless(-0.5, math.nan, is_loss=True) and not is_hopeless(math.nan, -0.2, is_loss=True)


def test_a_hopeless_set_is_given_up_after_its_first_part() -> None:
    play = a_play("random", given={"every": "3"}, setup=_expensive())
    full = play.evaluate(0, (1.0,), WHOLE, NOBODY, early=True)

    cut_short = play.evaluate(0, (1.0,), WHOLE, 1e9, early=True)

    assert full.state is State.DONE and full.is_early_loss and full.early < 0
    assert cut_short.state is State.PRUNED and cut_short.early == full.early and cut_short.results == ()


def test_the_first_part_is_what_the_whole_run_does_there() -> None:
    play = a_play("random", given={"every": "30"})
    part = early_part(WHOLE, HOUR_MS)

    found = play.evaluate(0, (5.0,), WHOLE, NOBODY, early=True)

    assert found.early == pytest.approx(float(play.played((5.0,), part).run.trades["r"].mean()))


def test_pruning_learns_first_and_rests_where_it_does_not_pay() -> None:
    pruner = Pruner()
    for number in range(Pruner.STARTUP):
        assert math.isnan(pruner.median)
        pruner.learn(tried(number, (float(number),), 1.0, early=float(number)))

    assert pruner.median == 9.5 and pruner.looks
    for number in range(Pruner.WINDOW):
        pruner.learn(tried(number, (float(number),), 1.0, early=20.0))
    assert not pruner.looks


def test_pruning_that_is_off_never_looks() -> None:
    assert not Pruner(is_on=False).looks


def _levered() -> Play:
    space = Space((Dimension("MAX_LEVERAGE", 1, 10, is_whole=True, is_setting=True),))
    play = a_play("random", given={"seed": "1", "every": "50"}, space=space)
    play.setup_of = ByLeverage()
    return play


def _expensive() -> Setup:
    setup = free()
    return replace(setup, limits=replace(setup.limits, slippage=type(setup.limits.slippage)("0.005")))


def _features(play: Play) -> list[Features]:
    play.played(play.space.nearest((10, 30, 80, 10, 0.06)), WHOLE)
    assert len(play.ground.histories) == len(play._features)
    return list(play._features.values())


def test_a_ground_of_equal_lengths_is_cut_for_every_symbol() -> None:
    assert np.array_equal(ground(noise(1), noise(2)).cut(WHOLE).places, [0, 1])
