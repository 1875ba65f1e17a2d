"""Intervals against published tables and numbers worked out by hand."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.statistics import deviation, mean_interval, student_t, win_rate_interval


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 3.078),
        (2, 1.886),
        (3, 1.638),
        (4, 1.533),
        (5, 1.476),
        (6, 1.440),
        (7, 1.415),
        (8, 1.397),
        (9, 1.383),
        (10, 1.372),
        (15, 1.341),
        (20, 1.325),
        (25, 1.316),
        (30, 1.310),
        (40, 1.303),
        (60, 1.296),
        (120, 1.289),
        (1_000_000, 1.282),
    ],
)
def test_student_t_is_that_of_the_published_table(freedom: int, expected: float) -> None:
    # NIST/SEMATECH e-Handbook 1.3.6.7.2, column 0.90
    assert round(student_t(freedom), 3) == expected


def test_the_win_rate_interval_of_six_in_ten_by_hand() -> None:
    # z² = 1.642374; middle (0.6 + 0.0821187) / 1.1642374 = 0.5858931
    # spread 1.2815516 × √(0.024 + 0.004105936) / 1.1642374 = 0.1845410
    low, high = win_rate_interval(6, 10) or (0, 0)

    assert low == pytest.approx(0.401352, abs=1e-6)
    assert high == pytest.approx(0.770434, abs=1e-6)


def test_nothing_won_and_everything_won_are_still_uncertain() -> None:
    # p = 0: from 0 to z² / (n + z²) = 1.642374 / 6.642374; p = 1 is its mirror
    assert win_rate_interval(0, 5) == pytest.approx((0.0, 0.247257), abs=1e-6)
    assert win_rate_interval(5, 5) == pytest.approx((0.752743, 1.0), abs=1e-6)


def test_without_trades_there_is_no_interval() -> None:
    assert win_rate_interval(0, 0) is None
    assert mean_interval([]) is None
    assert mean_interval([1.5]) is None


def test_the_interval_of_a_mean_by_hand() -> None:
    # mean 0.3; squares 1.44 + 1.69 + 0.04 + 0.64 + 0.49 = 4.3 over 4: s = √1.075; t(4) = 1.533206
    low, high = mean_interval([1.5, -1.0, 0.5, -0.5, 1.0]) or (0, 0)

    reach = 1.533206 * sqrt(1.075) / sqrt(5)
    assert (low, high) == pytest.approx((0.3 - reach, 0.3 + reach), abs=1e-3)


def test_equal_results_do_not_claim_to_be_certain() -> None:
    assert mean_interval([0.7] * 9) is None


def test_the_deviation_is_the_sample_s() -> None:
    assert deviation([2.0, 4.0, 9.0]) == pytest.approx(sqrt((9 + 1 + 16) / 2))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_win_rate_lies_within_its_interval_and_that_within_zero_and_one(case: tuple[int, int]) -> None:
    wins, count = case

    low, high = win_rate_interval(wins, count) or (1, 0)

    assert 0.0 <= low <= wins / count + 1e-12
    assert wins / count - 1e-12 <= high <= 1.0


@given(st.integers(1, 400))
def test_more_trades_never_make_t_larger(freedom: int) -> None:
    assert student_t(freedom + 1) < student_t(freedom)
