from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.levels import Level, cluster, find_swings, nearest
from tests.core.analysis.bars import recorded, walk


def test_a_swing_high_overtops_its_neighbours_on_both_sides() -> None:
    high = np.array([1.0, 2, 5, 3, 2, 4, 3, 1])

    swings = find_swings(high, high - 1, wing=2)

    assert swings.highs.tolist() == [2, 5]


def test_a_swing_is_not_one_before_its_last_bar_has_closed() -> None:
    high = np.array([1.0, 2, 5, 3, 2])

    assert find_swings(high[:4], high[:4], wing=2).highs.tolist() == []
    assert find_swings(high, high, wing=2).highs.tolist() == [2]


def test_of_equal_lows_side_by_side_the_first_is_the_swing() -> None:
    low = np.array([5.0, 4, 1, 1, 4, 5])

    assert find_swings(low + 9, low, wing=2).lows.tolist() == [2]


def test_a_flat_stretch_has_no_swings() -> None:
    flat = np.full(30, 3.0)

    swings = find_swings(flat, flat)

    assert (len(swings.highs), len(swings.lows)) == (0, 0)


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 200))
def test_a_swing_once_seen_stays_and_no_older_one_appears(seed: int, wing: int, cut: int) -> None:
    rows = walk(seed, 200)
    high, low = rows[:, 1], rows[:, 2]

    early, late = find_swings(high[:cut], low[:cut], wing), find_swings(high, low, wing)

    assert early.highs.tolist() == [i for i in late.highs if i < cut - wing]
    assert early.lows.tolist() == [i for i in late.lows if i < cut - wing]


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_swings_are_the_extremes_of_their_surroundings(seed: int, wing: int) -> None:
    rows = walk(seed, 150)
    high = rows[:, 1]

    swings = find_swings(high, rows[:, 2], wing).highs.tolist()

    expected = [
        i
        for i in range(wing, len(high) - wing)
        if high[i] > high[i - wing : i].max() and high[i] >= high[i + 1 : i + wing + 1].max()
    ]
    assert swings == expected


def test_near_prices_become_one_level_that_counts_its_touches() -> None:
    levels = cluster([110.0, 100.0, 100.6, 99.8], tolerance=1.0)

    assert [level.touches for level in levels] == [3, 1]
    assert levels[0].price == pytest.approx((100 + 100.6 + 99.8) / 3)


@given(st.lists(st.floats(1, 1000), max_size=60), st.floats(0.01, 50))
def test_levels_ascend_and_hold_every_price(prices: list[float], tolerance: float) -> None:
    levels = cluster(prices, tolerance)

    assert sum(level.touches for level in levels) == len(prices)
    assert [level.price for level in levels] == sorted(level.price for level in levels)


def test_the_nearest_tested_level_is_taken_on_each_side() -> None:
    levels = [Level(90, 4), Level(95, 2), Level(99, 1), Level(103, 1), Level(105, 3), Level(110, 9)]

    support, resistance = nearest(levels, 100, min_touches=2)

    assert (support, resistance) == (Level(95, 2), Level(105, 3))


def test_where_no_level_was_tested_the_outermost_one_counts() -> None:
    support, resistance = nearest([Level(90, 1), Level(97, 1), Level(104, 1), Level(108, 1)], 100, 2)

    assert (support, resistance) == (Level(90, 1), Level(108, 1))


def test_a_level_exactly_at_the_price_is_on_neither_side() -> None:
    support, resistance = nearest([Level(90, 2), Level(100, 5), Level(110, 2)], 100, min_touches=2)

    assert (support, resistance) == (Level(90, 2), Level(110, 2))


def test_above_every_level_there_is_no_resistance() -> None:
    support, resistance = nearest([Level(90, 3)], 100, min_touches=2)

    assert (support, resistance) == (Level(90, 3), None)


def test_on_recorded_candles_no_swing_repaints() -> None:
    rows = recorded("BTCUSDT-1h")[-2000:]
    high, low = rows[:, 2], rows[:, 3]
    final = find_swings(high, low)

    for cut in range(100, 2000, 7):
        seen = find_swings(high[:cut], low[:cut])
        assert seen.highs.tolist() == [i for i in final.highs if i < cut - 3]
        assert seen.lows.tolist() == [i for i in final.lows if i < cut - 3]
