"""How the stop follows, and when a trade is left: worked out by hand, one rule at a time."""

from __future__ import annotations

from decimal import Decimal
from math import inf, isnan, nan
from typing import Any

import pytest

from core.trading.exits import (
    MOVED_BY_NOTHING,
    MOVED_BY_TRAILING,
    MOVED_TO_BREAK_EVEN,
    ExitRules,
    is_armed,
    liquidation_is_near,
    must_wait_for_profit,
    next_stop,
    share_of_way,
    stop_is_passed,
    target_is_passed,
    time_is_up,
    trailing_distance,
)

RULES = ExitRules()


def moved(rules: ExitRules = RULES, sign: int = 1, **changes: Any) -> tuple[float, int]:
    """Of a trade entered at 100 with its stop 5 away, costs of 0.1 % and an ATR of 1."""
    asked: dict[str, Any] = {
        "entry": 100.0,
        "first_stop": 100.0 - 5.0 * sign,
        "stop": 100.0 - 5.0 * sign,
        "best": 100.0 + 10.0 * sign,
        "atr": 1.0,
        "cost": 0.001,
        "targets_filled": 0,
        "armed": False,
        "tick": 0.01,
    }
    return next_stop(rules, sign, **(asked | changes))


def test_nothing_moves_a_stop_before_a_target_is_filled_or_the_trailing_is_armed() -> None:
    assert moved() == (95.0, MOVED_BY_NOTHING)


def test_after_the_first_target_the_stop_goes_to_break_even_with_costs() -> None:
    assert moved(targets_filled=1) == (pytest.approx(100.1), MOVED_TO_BREAK_EVEN)
    assert moved(sign=-1, targets_filled=1) == (pytest.approx(99.9), MOVED_TO_BREAK_EVEN)


def test_break_even_is_on_the_tick_away_from_the_market() -> None:
    assert moved(targets_filled=1, tick=0.25)[0] == pytest.approx(100.0)
    assert moved(sign=-1, targets_filled=1, tick=0.25)[0] == pytest.approx(100.0)


def test_break_even_waits_for_as_many_targets_as_the_rules_say() -> None:
    assert moved(RULES._replace(break_even_after=2), targets_filled=1)[1] == MOVED_BY_NOTHING
    assert moved(RULES._replace(break_even_after=2), targets_filled=2)[1] == MOVED_TO_BREAK_EVEN
    assert moved(RULES._replace(break_even_after=0), targets_filled=9)[1] == MOVED_BY_NOTHING


def test_a_stop_that_is_tighter_than_break_even_stays() -> None:
    assert moved(targets_filled=1, stop=103.0) == (103.0, MOVED_BY_NOTHING)
    assert moved(targets_filled=1, stop=100.1) == (100.1, MOVED_BY_NOTHING)


def test_break_even_beyond_the_best_price_is_no_stop_yet() -> None:
    assert moved(targets_filled=1, best=100.05) == (95.0, MOVED_BY_NOTHING)


def test_an_armed_stop_trails_two_and_a_half_atr_behind_the_best_price() -> None:
    assert moved(armed=True) == (pytest.approx(107.5), MOVED_BY_TRAILING)
    assert moved(sign=-1, armed=True) == (pytest.approx(92.5), MOVED_BY_TRAILING)


def test_without_an_atr_it_trails_by_percent_or_not_at_all() -> None:
    by_percent = RULES._replace(trail_fraction=0.02)

    assert moved(by_percent, armed=True, atr=nan) == (pytest.approx(107.8), MOVED_BY_TRAILING)
    assert moved(by_percent._replace(trail_atr=0.0), armed=True)[0] == pytest.approx(107.8)
    assert moved(armed=True, atr=nan) == (95.0, MOVED_BY_NOTHING)
    assert moved(armed=True, atr=0.0) == (95.0, MOVED_BY_NOTHING)


def test_the_trailing_distance_is_a_price_or_none() -> None:
    assert trailing_distance(RULES, 110.0, 2.0) == 5.0
    assert trailing_distance(RULES._replace(trail_atr=0.0, trail_fraction=0.02), 110.0, 2.0) == 2.2
    assert isnan(trailing_distance(RULES, 110.0, nan))


def test_trailing_moves_by_a_tenth_of_r_at_least() -> None:
    assert moved(armed=True, stop=107.0)[1] == MOVED_BY_NOTHING  # 0.5 of 0.51
    assert moved(armed=True, stop=106.99) == (pytest.approx(107.5), MOVED_BY_TRAILING)


def test_trailing_moves_by_a_tick_at_least() -> None:
    by_anything = RULES._replace(step_r=0.0)

    assert moved(by_anything, armed=True, stop=107.4, tick=0.5)[1] == MOVED_BY_NOTHING
    assert moved(by_anything, armed=True, stop=107.49, tick=0.01)[1] == MOVED_BY_TRAILING


def test_where_both_would_move_it_the_tighter_one_does() -> None:
    assert moved(armed=True, targets_filled=1)[1] == MOVED_BY_TRAILING
    assert moved(armed=True, targets_filled=1, best=102.0)[1] == MOVED_TO_BREAK_EVEN


def test_trailing_arms_where_the_best_price_would_have_netted_one_r() -> None:
    assert not is_armed(RULES, 1, 100.0, 95.0, 105.19, 0.001)
    assert is_armed(RULES, 1, 100.0, 95.0, 105.2, 0.001)
    assert is_armed(RULES, -1, 100.0, 105.0, 94.79, 0.001)
    assert not is_armed(RULES, 1, 100.0, 95.0, nan, 0.001)


@pytest.mark.parametrize("wrong", [nan, inf, -inf])
@pytest.mark.parametrize("name", ["entry", "first_stop", "best", "atr", "cost", "tick"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_no_number_never_loosens_a_stop(name: str, wrong: float, sign: int) -> None:
    before = 100.0 - 5.0 * sign
    stop, _ = moved(RULES._replace(trail_fraction=0.01), sign, armed=True, targets_filled=2, **{name: wrong})

    assert (stop - before) * sign >= 0
    assert 0.0 < stop < inf


def test_a_step_below_nothing_does_not_loosen_a_stop() -> None:
    assert moved(armed=True, stop=108.0, cost=-inf, tick=nan) == (108.0, MOVED_BY_NOTHING)


def test_a_stop_is_passed_at_its_price_and_beyond() -> None:
    assert stop_is_passed(95.0, 95.0, 1)
    assert not stop_is_passed(95.1, 95.0, 1)
    assert stop_is_passed(Decimal("105.1"), Decimal(105), -1)
    assert not stop_is_passed(nan, 95.0, 1)


def test_a_target_is_passed_at_its_price_and_beyond() -> None:
    assert target_is_passed(105.0, 105.0, 1)
    assert not target_is_passed(Decimal("95.1"), Decimal(95), -1)


def test_liquidation_is_near_within_a_twentieth_of_the_mark_price() -> None:
    assert liquidation_is_near(100.0, 95.1, 1, 0.05)
    assert not liquidation_is_near(100.0, 95.0, 1, 0.05)
    assert liquidation_is_near(Decimal(100), Decimal("104.9"), -1, Decimal("0.05"))
    assert not liquidation_is_near(100.0, 0.0, 1, 0.05)  # none
    assert not liquidation_is_near(100.0, nan, 1, 0.05)


def test_the_share_of_the_way_is_nothing_at_entry_and_one_at_the_end() -> None:
    assert share_of_way(100.0, 100.0, 95.0) == 0.0
    assert share_of_way(Decimal("97.5"), Decimal(100), Decimal(95)) == Decimal("0.5")
    assert share_of_way(104.0, 100.0, 105.0) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("net", "waits"), [(-1.0, False), (0.0, False), (0.01, True), (2.49, True), (2.5, False)]
)
def test_a_small_win_waits_and_a_loss_never_does(net: float, waits: bool) -> None:
    assert must_wait_for_profit(RULES, net) is waits


def test_time_is_up_after_three_days_unless_a_small_win_waits() -> None:
    assert not time_is_up(RULES, 71.99, 10.0)
    assert time_is_up(RULES, 72.0, 10.0)
    assert time_is_up(RULES, 72.0, -10.0)
    assert not time_is_up(RULES, 200.0, 1.0)
    assert time_is_up(RULES, 72.0, nan)
    assert not time_is_up(RULES._replace(time_stop_h=0.0), 9e9, 10.0)
    assert not time_is_up(RULES, nan, 10.0)
