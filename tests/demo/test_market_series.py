from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.market_moves import Moves
from bot.demo.market_series import MINUTE_MS, bars_of, path_inside, resampled


@st.composite
def a_bar(draw: st.DrawFn) -> tuple[int, int, int, int]:
    low = draw(st.integers(1, 10**7))
    high = low + draw(st.integers(0, 10**5))
    within = st.integers(low, high)
    return draw(within), high, low, draw(within)


@given(bar=a_bar(), seconds=st.sampled_from([60, 300, 900, 3_600]), seed=st.integers(0, 2**31))
def test_the_path_inside_a_bar_makes_exactly_that_bar(
    bar: tuple[int, int, int, int], seconds: int, seed: int
) -> None:
    path = path_inside(bar, seconds, (seed,))

    assert len(path) == seconds
    assert (path[0], path.max(), path.min(), path[-1]) == bar


@given(bar=a_bar(), seed=st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_path(bar: tuple[int, int, int, int], seed: int) -> None:
    assert np.array_equal(path_inside(bar, 60, (seed, 1)), path_inside(bar, 60, (seed, 1)))


def test_a_longer_bar_opens_with_its_first_and_closes_with_its_last_and_adds_the_volumes() -> None:
    start = np.arange(6, dtype=np.int64) * MINUTE_MS
    opened, high, low, closed, volume = (
        np.array(column, dtype=np.int64)
        for column in (
            [5, 6, 7, 8, 9, 9],
            [7, 9, 8, 9, 9, 12],
            [4, 6, 3, 8, 8, 9],
            [6, 7, 8, 9, 9, 10],
            [1] * 6,
        )
    )

    bars = resampled(bars_of(start, (opened, high, low, closed), volume), 5 * MINUTE_MS)

    assert bars.start_ms.tolist() == [0, 5 * MINUTE_MS]
    assert (bars.open.tolist(), bars.high.tolist()) == ([5, 9], [9, 12])
    assert (bars.low.tolist(), bars.close.tolist()) == ([3, 9], [9, 10])
    assert bars.volume.tolist() == [5, 1]


def test_a_slide_reaches_its_fraction_when_its_seconds_are_over_and_stays_there() -> None:
    moves = Moves()
    moves.slide(-0.1, 10_000, 60)

    factor = moves.factor(np.array([9_999, 10_000, 40_000, 70_000, 9_000_000]))

    assert np.allclose(factor, [1.0, 1.0, 0.95, 0.9, 0.9])


def test_moves_multiply() -> None:
    moves = Moves()
    moves.jump(0.5, 1_000)
    moves.slide(-0.5, 2_000, 10)

    assert moves.factor(np.array([999, 1_000, 60_000])).tolist() == [1.0, 1.5, 0.75]


def test_only_a_bar_with_a_move_under_way_inside_is_unsteady() -> None:
    moves = Moves()
    moves.slide(0.1, MINUTE_MS, 60)
    moves.jump(0.1, 3 * MINUTE_MS + 500)
    starts = np.arange(5, dtype=np.int64) * MINUTE_MS

    assert moves.steady(starts, MINUTE_MS).tolist() == [True, False, True, False, True]
