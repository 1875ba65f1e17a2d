"""Chance, measured: against the papers' own examples, and against cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backtest.judgement import Search, variance_of
from core.backtest.luck import (
    Moments,
    deflated,
    least_days,
    luckiest_sharpe,
    moments,
    resampled_days,
    resampled_trades,
    ruin,
)

PAPER = Moments(count=1250, sharpe=2.5 / math.sqrt(250), skew=-3.0, kurtosis=10.0)
"""Bailey & López de Prado (2014), the numerical example: five years of days, 2.5 a year."""
PAPER_VARIANCE = 0.5 / 250


def dice(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_luckiest_of_a_hundred_sets_shows_what_the_paper_says() -> None:
    assert luckiest_sharpe(100, PAPER_VARIANCE) == pytest.approx(0.1132, abs=5e-5)


def test_the_deflated_sharpe_ratio_is_that_of_the_paper() -> None:
    assert deflated(PAPER, 100, PAPER_VARIANCE) == pytest.approx(0.9004, abs=5e-5)
    assert deflated(PAPER, 46, PAPER_VARIANCE) == pytest.approx(0.9505, abs=5e-5)


def test_the_deflated_sharpe_ratio_worked_out_by_hand() -> None:
    # (0.10 - 0) · √99 ÷ √(1 - 0.5·0.10 + (5 - 1)/4 · 0.01) = 0.994987 ÷ √0.96 = 1.015505, Φ = 0.845067
    found = Moments(count=100, sharpe=0.10, skew=0.5, kurtosis=5.0)

    assert deflated(found) == pytest.approx(0.845067, abs=1e-5)


def test_one_set_alone_was_not_chosen() -> None:
    assert luckiest_sharpe(1, 0.5) == 0.0


def test_sets_whose_results_are_not_known_vary_as_luck_would() -> None:
    assert deflated(PAPER, 100) == deflated(PAPER, 100, 1.0 / 1249)


def test_the_variance_of_sets_is_that_of_their_daily_ratios() -> None:
    assert variance_of(Search(3, (1.0, 2.0, 3.0))) == pytest.approx(1.0 / 365)
    assert variance_of(Search(3, (1.0,))) is None


@given(st.integers(2, 5000), st.integers(2, 5000))
def test_the_more_sets_were_tried_the_less_a_result_says(one: int, other: int) -> None:
    fewer, more = sorted((one, other))

    assert deflated(PAPER, more) <= deflated(PAPER, fewer)


def test_the_least_track_record_worked_out_by_hand() -> None:
    # 1 + 0.96 · (1.644854 ÷ 0.10)² = 1 + 0.96 · 270.5543 = 260.732
    found = Moments(count=100, sharpe=0.10, skew=0.5, kurtosis=5.0)

    assert least_days(found) == pytest.approx(260.732, abs=1e-3)


def test_after_the_least_track_record_the_ratio_is_as_sure_as_asked() -> None:
    days = least_days(PAPER)
    assert days is not None

    again = Moments(round(days), PAPER.sharpe, PAPER.skew, PAPER.kurtosis)

    assert deflated(again) == pytest.approx(0.95, abs=1e-3)


def test_a_ratio_that_is_not_above_zero_never_becomes_sure() -> None:
    assert least_days(Moments(100, -0.1, 0.0, 3.0)) is None
    assert least_days(Moments(100, 0.0, 0.0, 3.0)) is None


def test_too_few_or_equal_days_have_no_moments() -> None:
    assert moments([0.1, 0.2, 0.3, 0.4]) is None
    assert moments([0.01] * 50) is None


def test_the_moments_of_a_fair_coin() -> None:
    found = moments([1.0, -1.0] * 50)

    assert found is not None
    assert (found.sharpe, found.skew, found.kurtosis) == pytest.approx((0.0, 0.0, 1.0))


def test_too_little_is_not_dealt_again() -> None:
    four = np.array([1.0, -1.0, 0.5, 2.0])

    assert resampled_trades(four, dice()) is None
    assert resampled_days(four.tolist(), dice()) is None
    assert ruin(four, 0.01, 0.2, dice()) is None


def test_the_same_seed_deals_the_same() -> None:
    multiples = dice(1).normal(0.1, 1.0, 80)

    assert resampled_trades(multiples, dice()) == resampled_trades(multiples, dice())
    assert resampled_days((multiples / 100).tolist(), dice()) == resampled_days(
        (multiples / 100).tolist(), dice()
    )
    assert ruin(multiples, 0.02, 0.2, dice()) == ruin(multiples, 0.02, 0.2, dice())


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    multiples = dice(3).normal(0.3, 1.2, 400)

    found = resampled_trades(multiples, dice())

    assert found is not None
    reach = 1.96 * float(multiples.std()) / math.sqrt(400)
    assert found.interval == pytest.approx((multiples.mean() - reach, multiples.mean() + reach), abs=0.02)


def test_days_that_hang_together_give_a_wider_interval_than_the_same_days_mixed() -> None:
    steps = np.repeat(dice(5).normal(0.0, 0.01, 60), 6)
    mixed = dice(6).permutation(steps)

    together, apart = resampled_days(steps.tolist(), dice()), resampled_days(mixed.tolist(), dice())

    assert together is not None
    assert apart is not None
    assert together.interval[1] - together.interval[0] > 1.5 * (apart.interval[1] - apart.interval[0])


def test_days_that_only_rise_never_end_without_a_gain() -> None:
    found = resampled_days([0.01, 0.02] * 10, dice())

    assert found is not None
    assert found.share_not_above_zero == 0.0


def test_a_day_that_lost_everything_is_no_error() -> None:
    found = resampled_days([0.01, -1.0, 0.02, 0.01, 0.0], dice())

    assert found is not None
    assert found.interval[0] == pytest.approx(-1.0)


def test_ruin_is_sure_for_those_who_only_lose_and_none_for_those_who_only_win() -> None:
    lost, won = ruin(np.full(40, -1.0), 0.02, 0.2, dice()), ruin(np.full(40, 1.0), 0.02, 0.2, dice())

    assert lost is not None
    assert won is not None
    assert (lost.probability, won.probability, won.bad_fall) == (1.0, 0.0, 0.0)
    assert lost.median_fall == pytest.approx(1 - 0.98**40)


def test_ruin_of_a_fair_coin_is_as_likely_as_counting_every_path_says() -> None:
    found = ruin(np.array([1.0, -1.0] * 5), 0.5, 0.7499, dice())

    assert found is not None
    assert found.probability == pytest.approx(_share_of_paths(10, 0.5, 0.7499), abs=0.03)


def _share_of_paths(bets: int, risk: float, bound: float) -> float:
    hits = 0
    for path in range(2**bets):
        value, peak, fell = 1.0, 1.0, False
        for place in range(bets):
            value *= 1 + risk if path >> place & 1 else 1 - risk
            peak = max(peak, value)
            fell = fell or 1 - value / peak >= bound
        hits += fell
    return hits / 2**bets


@given(st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_more_risk_never_makes_ruin_less_likely(one: float, other: float) -> None:
    multiples = dice(2).normal(0.0, 1.0, 40)
    less, more = sorted((one, other))

    calm, wild = ruin(multiples, less, 0.3, dice()), ruin(multiples, more, 0.3, dice())

    assert calm is not None
    assert wild is not None
    assert calm.median_fall <= wild.median_fall + 1e-12
