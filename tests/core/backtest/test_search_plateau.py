"""The plateau is chosen, not the peak."""

from __future__ import annotations

import numpy as np
import pytest

from core.backtest.search_plateau import best, front, plateau
from core.backtest.search_sensitivity import explained
from core.backtest.search_space import Dimension, Space

LINE = Space((Dimension("a", 0, 1),))
SETS = [(float(value),) for value in np.linspace(0, 1, 41)]


def test_nothing_is_chosen_where_no_set_has_a_value() -> None:
    values = np.full(41, np.nan)

    assert np.isnan(plateau(LINE, SETS, values)).all() and best(plateau(LINE, SETS, values), values) is None


def test_a_peak_among_valleys_loses_to_a_lower_plateau() -> None:
    values = np.zeros(41)
    values[5] = 9.0
    values[25:36] = 3.0

    scores = plateau(LINE, SETS, values)
    chosen = best(scores, values)

    assert scores[5] == 0.0 and chosen is not None and 25 <= chosen <= 35 and scores[chosen] == 3.0


def test_a_neighbour_without_a_value_counts_as_the_worst() -> None:
    values = np.full(41, 2.0)
    values[0] = -5.0
    values[10:20:2] = np.nan

    scores = plateau(LINE, SETS, values)

    assert scores[15] == -5.0 and scores[30] == 2.0 and np.isnan(scores[12])


def test_a_score_is_never_above_the_sets_own_value() -> None:
    dice = np.random.default_rng(1)
    values = dice.normal(size=300)
    sets = [tuple(row) for row in dice.random((300, 3)).tolist()]
    space = Space(tuple(Dimension(name, 0, 1) for name in "abc"))

    assert (plateau(space, sets, values) <= values).all()


def test_a_lone_set_is_its_own_plateau() -> None:
    assert plateau(LINE, [(0.5,)], np.array([1.5])).tolist() == [1.5]


def test_nearness_is_measured_in_each_dimensions_own_width() -> None:
    space = Space((Dimension("wide", 0, 1000), Dimension("narrow", 0, 0.01)))
    sets = [(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (30.0, 0.0), (40.0, 0.0), (0.0, 0.01)]

    scores = plateau(space, sets, np.array([5.0, 5.0, 5.0, 5.0, 5.0, -9.0]))

    assert scores[0] == 5.0


def test_of_equal_plateaus_the_higher_value_and_then_the_earlier_is_chosen() -> None:
    scores = np.array([1.0, 1.0, 1.0, np.nan])

    assert best(scores, np.array([2.0, 3.0, 3.0, 9.0])) == 1


def test_the_front_holds_what_nothing_beats() -> None:
    values = np.array([[1, 9], [5, 5], [4, 4], [9, 1], [5, 5], [np.nan, 99]], dtype=float)

    assert front(values) == [3, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_the_front_is_what_comparing_all_with_all_gives(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 12, (120, 3)).astype(float)

    found = {tuple(values[place]) for place in front(values)}

    beaten = [((values >= row).all(axis=1) & (values > row).any(axis=1)).any() for row in values]
    assert found == {tuple(row) for row, is_beaten in zip(values, beaten, strict=True) if not is_beaten}


def test_what_matters_explains_much_and_what_does_not_next_to_nothing() -> None:
    dice = np.random.default_rng(3)
    sets = [tuple(row) for row in dice.random((400, 2)).tolist()]
    values = np.array([np.sin(6 * a) for a, _ in sets]) + dice.normal(0, 0.1, 400)

    shares = explained(Space((Dimension("a", 0, 1), Dimension("b", 0, 1))), sets, values)

    assert shares[0] > 0.9 and shares[1] < 0.05


def test_too_few_sets_explain_nothing() -> None:
    assert np.isnan(explained(LINE, SETS[:6], np.arange(6.0))).all()
