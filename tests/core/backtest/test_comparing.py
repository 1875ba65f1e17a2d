"""Two runs over the same days: luck is called luck, and a plain difference is found."""

from __future__ import annotations

import numpy as np
import pytest

from core.backtest.comparing import LEAST_DAYS, difference


def days(seed: int, count: int = 90, mean: float = 0.0) -> list[float]:
    return np.random.default_rng(seed).normal(mean, 0.01, count).tolist()


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_days_tell_nothing(count: int) -> None:
    assert difference(days(1, count), days(2, count), np.random.default_rng(0)) is None


def test_different_days_are_not_compared() -> None:
    assert difference(days(1, 90), days(2, 89), np.random.default_rng(0)) is None


def test_few_days_never_prove_a_difference() -> None:
    found = difference([0.0] * (LEAST_DAYS - 1), [0.01] * (LEAST_DAYS - 1), np.random.default_rng(0))

    assert found is not None and found.interval[0] > 0 and not found.is_plain


def test_runs_that_differ_by_luck_are_called_so() -> None:
    called = [difference(days(seed), days(seed + 1_000), np.random.default_rng(seed)) for seed in range(60)]

    assert sum(one is not None and one.is_plain for one in called) <= 6


def test_what_both_share_cancels_so_that_a_small_steady_difference_is_found() -> None:
    market = days(5)
    better = [one + 0.001 for one in market]

    found = difference(market, better, np.random.default_rng(0))

    assert found is not None and found.is_plain
    assert found.share == pytest.approx(np.prod(1 + np.array(better)) - np.prod(1 + np.array(market)))


def test_the_same_run_differs_by_nothing() -> None:
    found = difference(days(5), days(5), np.random.default_rng(0))

    assert found is not None and (found.share, found.interval, found.is_plain) == (0.0, (0.0, 0.0), False)


def test_a_lost_account_is_still_a_number() -> None:
    found = difference(days(5), [-1.0, *days(6)[1:]], np.random.default_rng(0))

    assert found is not None and np.isfinite(found.interval).all()
