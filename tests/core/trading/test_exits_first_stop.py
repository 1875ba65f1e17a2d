"""Where the first stop goes, and the prices that everything after it is measured by: worked out by hand."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import pytest

from core.trading.exits import ExitRules, initial_stop, on_tick, price_at_r, risk_of, round_number

RULES = ExitRules()


def first_stop(sign: int = 1, **changes: Any) -> float:
    """At a price of 103.3, where nothing but the horizon asks for anything; 1 ATR is 1."""
    asked: dict[str, Any] = {
        "price": 103.3,
        "atr": 1.0,
        "named_atr": nan,
        "swing": nan,
        "level": nan,
        "horizon_h": nan,
        "cost": 0.001,
        "least": 0.05,
        "most": 0.10,
    }
    return initial_stop(RULES, sign, **(asked | changes))


def test_a_scalp_has_its_stop_five_percent_away_on_the_losing_side() -> None:
    assert first_stop() == pytest.approx(103.3 * 0.95)
    assert first_stop(sign=-1) == pytest.approx(103.3 * 1.05)
    assert first_stop(horizon_h=23.9) == pytest.approx(103.3 * 0.95)


def test_a_longer_trade_has_seven_to_eight_percent() -> None:
    assert first_stop(horizon_h=24.0, price=103.5) == pytest.approx(103.5 * 0.93)
    assert first_stop(horizon_h=48.0, named_atr=9.0, price=103.6) == pytest.approx(103.6 * 0.92)


def test_the_atr_distance_is_the_rules_or_the_one_that_advisers_named() -> None:
    assert first_stop(atr=3.5, price=103.5) == pytest.approx(96.5)
    assert first_stop(named_atr=6.5) == pytest.approx(103.3 - 6.5)
    assert first_stop(named_atr=-1.0, atr=3.5, price=103.5) == pytest.approx(96.5)


def test_the_stop_rests_a_quarter_of_an_atr_beyond_the_swing() -> None:
    assert first_stop(swing=97.0) == pytest.approx(96.75)
    assert first_stop(sign=-1, swing=112.5) == pytest.approx(112.75)


def test_a_swing_on_the_other_side_of_the_price_is_none() -> None:
    assert first_stop(swing=104.0) == first_stop()
    assert first_stop(sign=-1, swing=97.0) == first_stop(sign=-1)


def test_the_stop_is_at_least_three_round_trips_of_cost_away() -> None:
    assert first_stop(cost=0.025, price=103.0) == pytest.approx(103.0 * 0.925)


def test_the_least_and_the_greatest_distance_bound_what_the_horizon_asks_for() -> None:
    assert first_stop(least=0.085) == pytest.approx(103.3 * 0.915)
    assert first_stop(least=0.01, most=0.04) == pytest.approx(103.3 * 0.96)


@pytest.mark.parametrize(
    "needs",
    [
        {"atr": 5.2},  # two ATR are 10.07 %
        {"named_atr": 10.4},
        {"swing": 93.0},  # 92.75 is 10.2 % away
        {"swing": -inf},
        {"cost": 0.034},
        {"least": 0.11},
        {"horizon_h": 48.0, "atr": 5.2},  # a horizon does not make structure nearer
    ],
)
def test_where_more_than_the_greatest_distance_is_needed_there_is_no_stop(needs: dict[str, float]) -> None:
    assert isnan(first_stop(**needs))
    assert isnan(first_stop(sign=-1, **(needs | {"swing": inf} if "swing" in needs else needs)))


@pytest.mark.parametrize(
    "unknown",
    [
        {"price": 0.0},
        {"price": -1.0},
        {"price": nan},
        {"price": inf},
        {"atr": 0.0},
        {"atr": nan},
        {"atr": inf},
        {"cost": nan},
        {"cost": inf},
        {"least": nan},
        {"most": nan},
        {"named_atr": inf},
    ],
)
def test_where_a_figure_is_missing_there_is_no_stop(unknown: dict[str, float]) -> None:
    assert isnan(first_stop(**unknown))
    assert isnan(first_stop(sign=-1, **unknown))


def test_a_long_never_gets_a_stop_at_nothing() -> None:
    assert isnan(first_stop(least=1.0, most=2.0))


def test_the_stop_keeps_a_tenth_of_an_atr_from_a_round_number() -> None:
    assert first_stop(price=101.0) == pytest.approx(95.9)  # 95.95 would be 0.05 under 96
    assert first_stop(price=101.1) == pytest.approx(95.9)  # 96.045 is 0.045 over 96
    assert first_stop(sign=-1, price=114.3) == pytest.approx(120.1)  # 120.015


def test_the_stop_keeps_a_tenth_of_an_atr_from_a_level() -> None:
    assert first_stop(level=98.2) == pytest.approx(98.1)  # from 98.135; 98.1 touches nobody


def test_a_stop_moved_off_a_level_does_not_come_to_rest_at_a_round_number() -> None:
    assert first_stop(level=98.1) == pytest.approx(97.9)  # 98.1 - 0.1 is 98, and on from there


def test_a_stop_moved_off_a_round_number_does_not_come_to_rest_at_a_level() -> None:
    assert first_stop(price=101.0, level=95.85) == pytest.approx(95.75)


def test_a_stop_that_finds_no_clear_place_within_the_greatest_distance_stays() -> None:
    assert first_stop(level=98.1, most=0.0515) == pytest.approx(103.3 * 0.95)
    assert first_stop(price=95.0, atr=0.9, least=0.10, most=0.10) == pytest.approx(85.5)


@pytest.mark.parametrize(
    ("price", "nearest"),
    [
        (64_230.0, 64_000.0),
        (64_600.0, 65_000.0),
        (0.5172, 0.52),
        (99.6, 100.0),
        (100.0, 100.0),
        (104.9, 100.0),
        (9.96, 10.0),
        (1.0, 1.0),
        (0.00001234, 0.000012),
        (1e15, 1e15),
    ],
)
def test_a_round_number_has_two_leading_digits(price: float, nearest: float) -> None:
    assert round_number(price) == nearest


@pytest.mark.parametrize("price", [0.0, -3.0, nan, inf, 1e300, 1e-300])
def test_what_is_no_price_has_no_round_number(price: float) -> None:
    assert isnan(round_number(price))


def test_r_is_the_way_to_the_stop_and_the_costs_of_both_ways() -> None:
    assert risk_of(100.0, 95.0, 0.001) == pytest.approx(5.1)
    assert risk_of(100.0, 105.0, 0.001) == pytest.approx(5.1)


def test_minus_one_r_is_the_stop_and_no_r_is_break_even() -> None:
    assert price_at_r(100.0, 95.0, 1, 0.001, -1.0) == pytest.approx(95.0)
    assert price_at_r(100.0, 95.0, 1, 0.001, 0.0) == pytest.approx(100.1)
    assert price_at_r(100.0, 105.0, -1, 0.001, 0.0) == pytest.approx(99.9)


def test_a_price_at_r_nets_that_many_r() -> None:
    assert price_at_r(100.0, 95.0, 1, 0.001, 1.5) == pytest.approx(107.75)
    assert price_at_r(100.0, 105.0, -1, 0.001, 1.5) == pytest.approx(92.25)


@pytest.mark.parametrize(
    ("price", "tick", "sign", "rested"),
    [
        (100.07, 0.05, 1, 100.05),
        (100.07, 0.05, -1, 100.10),
        (100.05, 0.05, 1, 100.05),
        (100.05, 0.05, -1, 100.05),
        (0.1 + 0.2, 0.1, -1, 0.3),  # the float is above 0.3 by a hair, which is no tick
        (0.3 - 1e-12, 0.1, 1, 0.3),
    ],
)
def test_a_stop_is_rounded_away_from_the_market(price: float, tick: float, sign: int, rested: float) -> None:
    assert on_tick(price, tick, sign) == pytest.approx(rested, rel=1e-14)


def test_a_price_of_very_many_ticks_stays_on_its_own() -> None:
    rested = on_tick(524288.239045427, 1e-5, -1)

    assert rested == pytest.approx(524288.23905, abs=1e-8)
    assert on_tick(rested, 1e-5, -1) == rested


@pytest.mark.parametrize("tick", [0.0, -0.1, nan, inf, 1e-30])
def test_without_a_tick_to_be_on_a_price_stays(tick: float) -> None:
    assert on_tick(100.07, tick, 1) == 100.07
    assert on_tick(inf, 0.1, 1) == inf
    assert isnan(on_tick(nan, 0.1, -1))
