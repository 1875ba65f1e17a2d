from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.calibration import (
    LEAST_DAYS,
    PRIOR_STRENGTH,
    Resampled,
    bin_of,
    calibrated,
    curve_of,
    rising,
    shrunk_base,
    walk_chance,
)
from core.adviser_record import BINS

COUNTS = st.lists(st.integers(0, 5_000), min_size=BINS, max_size=BINS)


def test_without_answers_every_statement_is_taken_for_the_base() -> None:
    curve = curve_of(np.zeros(BINS), np.zeros(BINS), 0.4)

    assert curve == pytest.approx(np.full(BINS, 0.4))


def test_few_answers_move_a_curve_little_and_many_move_it_all_the_way() -> None:
    def top(count: float) -> float:
        counts = np.zeros(BINS)
        counts[-1] = count
        return float(curve_of(counts, counts, 0.4)[-1])

    assert top(5) == pytest.approx(0.4, abs=0.03)
    assert top(PRIOR_STRENGTH) == pytest.approx(0.7)
    assert top(100_000) > 0.99


def test_a_driftless_walk_is_the_prior_of_a_base() -> None:
    assert walk_chance(np.array([2.0]), np.array([3.0]))[0] == pytest.approx(0.4)
    assert shrunk_base(0, 0, 0.4) == 0.4
    assert shrunk_base(9_000, 10_000, 0.4) == pytest.approx(0.9, abs=0.01)


@given(COUNTS, st.data(), st.floats(0.05, 0.95))
def test_a_curve_never_falls_and_stays_between_0_and_1(
    counts: list[int], drawn: st.DataObject, base: float
) -> None:
    met = np.array([drawn.draw(st.integers(0, count)) for count in counts], dtype=float)

    curve = curve_of(met, np.array(counts, dtype=float), base)

    assert (np.diff(curve) >= -1e-12).all()
    assert ((curve > 0) & (curve < 1)).all()


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.5, 50)), min_size=1, max_size=20))
def test_the_rising_sequence_keeps_the_weighted_mean(pairs: list[tuple[float, float]]) -> None:
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))

    found = rising(values, weights)

    assert (np.diff(found) >= -1e-12).all()
    assert float(found @ weights) == pytest.approx(float(values @ weights))


@given(st.floats(0, 1))
def test_every_probability_has_a_bin_and_a_calibrated_one_inside_the_curve(stated: float) -> None:
    curve = curve_of(np.zeros(BINS), np.zeros(BINS), 0.3)

    assert 0 <= int(bin_of(np.array([stated]))[0]) < BINS
    assert float(calibrated(np.array([stated]), curve)[0]) == pytest.approx(0.3)


# ---------------------------------------------------------------- intervals


def days_of(met: list[int], a_day: int = 10) -> Resampled:
    sums = np.array([[count, a_day] for count in met], dtype=float)
    return Resampled(sums, seed=1, block_days=1)


def test_of_few_days_a_difference_has_no_interval_and_a_rate_has_wilsons() -> None:
    drawn = days_of([4, 6, 5])

    assert drawn.interval(lambda sums: sums[:, 0]) is None
    found = drawn.rate(0, 1)
    assert found is not None
    assert found.interval == pytest.approx((0.390, 0.610), abs=0.01)


def test_no_answers_are_no_rate() -> None:
    assert days_of([0] * 30, a_day=0).rate(0, 1) is None
    assert Resampled(np.empty((0, 2)), 1, 1).rate(0, 1) is None


def test_days_that_go_together_widen_an_interval() -> None:
    steady, moody = days_of([5] * 40).rate(0, 1), days_of([0, 10] * 20).rate(0, 1)

    assert steady is not None and moody is not None
    assert steady.interval is not None and moody.interval is not None
    assert steady.value == moody.value == 0.5
    assert moody.interval[1] - moody.interval[0] > 1.5 * (steady.interval[1] - steady.interval[0])


def test_longer_blocks_widen_it_further_where_days_go_together() -> None:
    weeks = np.array([[10.0 * (at // 5 % 2), 10.0] for at in range(60)])

    def width(block: int) -> float:
        found = Resampled(weeks, 1, block).interval(lambda sums: sums[:, 0] / sums[:, 1])
        assert found is not None
        return found[1] - found[0]

    assert width(5) > 1.5 * width(1)


def test_the_same_seed_draws_the_same_interval() -> None:
    rng = np.random.default_rng(3)
    sums = np.column_stack([rng.integers(0, 10, LEAST_DAYS), np.full(LEAST_DAYS, 10)]).astype(float)

    first, again, other = (Resampled(sums, seed, 2).rate(0, 1) for seed in (1, 1, 2))

    assert first == again
    assert first != other
