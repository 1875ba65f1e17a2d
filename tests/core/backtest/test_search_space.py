"""Dimensions and sets: what is refused, what lies on the grid, what reads back as the same set."""

from __future__ import annotations

import numpy as np
import pytest

from core.backtest.search_space import BadSearch, Dimension, Range, Space, parameter_dimensions
from core.backtest.shipped import EmaCross, Trend
from core.backtest.strategies import BadStrategy


@pytest.mark.parametrize(
    ("low", "high", "step"), [(2, 2, None), (3, 2, None), (0, 1, 0), (0, 1, 2), (0, np.nan, None)]
)
def test_bounds_that_leave_no_choice_are_refused(low: float, high: float, step: float | None) -> None:
    with pytest.raises(BadSearch, match="width"):
        Dimension("width", low, high, step)


def test_a_space_without_dimensions_is_refused() -> None:
    with pytest.raises(BadSearch, match="nothing is left to search"):
        Space(())


def test_a_parameter_that_is_fixed_and_varied_is_refused() -> None:
    with pytest.raises(BadSearch, match="fast is both fixed and varied"):
        parameter_dimensions(EmaCross, {"fast": "10"}, [Range("fast", "5", "9")])


@pytest.mark.parametrize(("low", "high"), [("1", "20"), ("5", "500"), ("5", "x"), ("5.5", "9")])
def test_a_range_outside_of_the_parameters_own_is_refused(low: str, high: str) -> None:
    with pytest.raises(BadStrategy, match="fast"):
        parameter_dimensions(EmaCross, {}, [Range("fast", low, high)])


def test_fixed_parameters_are_not_searched_and_ranges_narrow_the_others() -> None:
    found = parameter_dimensions(EmaCross, {"slow": "60"}, [Range("fast", "8", "20", "4")])

    assert "slow" not in {one.name for one in found}
    assert (found[0].name, found[0].low, found[0].high, found[0].count) == ("fast", 8, 20, 4)


def test_a_value_between_is_brought_to_the_grid_and_within_the_bounds() -> None:
    by_five = Dimension("long", 50, 118, 5, is_whole=True)

    assert [by_five.nearest(value) for value in (48, 52.4, 52.6, 117, 500)] == [50, 50, 55, 115, 115]
    assert by_five.top == 115 and by_five.count == 14


def test_every_set_reads_back_as_itself() -> None:
    space = Space(parameter_dimensions(Trend, {}, []))
    dice = np.random.default_rng(1)

    for _ in range(200):
        drawn = space.nearest(one.low + dice.random() * (one.high - one.low) for one in space.dimensions)
        read = tuple(float(one.text(value)) for one, value in zip(space.dimensions, drawn, strict=True))
        assert read == drawn == space.nearest(read)


def test_places_go_from_nought_to_one_by_the_logarithm_where_it_is_drawn_so() -> None:
    space = Space((Dimension("a", 1, 100, is_log=True), Dimension("b", -1, 1)))

    places = space.places([(1, -1), (10, 0), (100, 1)])

    assert places == pytest.approx(np.array([[0, 0], [0.5, 0.5], [1, 1]]))


def test_the_sets_of_a_grid_are_counted_and_those_of_a_line_are_not() -> None:
    whole = Dimension("a", 1, 10, is_whole=True)

    assert Space((whole, Dimension("b", 0, 1, 0.1))).count == 110
    assert Space((whole, Dimension("b", 0, 1))).count is None
