"""A position along bars and live prices, worked out by hand. Bars are written as a long sees them."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from core.trading.exits import MOVED_BY_TRAILING
from core.trading.exits_bet import (
    LEFT_BY_BREAK_EVEN,
    LEFT_BY_GUARD,
    LEFT_BY_STOP,
    LEFT_BY_TARGET,
    LEFT_BY_TIME,
    LEFT_BY_TRAILING,
    LIQUIDATED,
    OPEN,
    Walk,
    begin,
    ladder,
    net_at,
    r_multiple,
)
from core.trading.exits_walk import follow, walk_bar, walk_tick
from tests.core.trading.exit_paths import BAR_S, NO_LOTS, NO_TARGETS, RULES, a_bet, bars_walked, rungs

BOTH_SIDES = pytest.mark.parametrize("sign", [1, -1])
QUIET = (100.0, 100.5, 99.5, 100.0)


def seen(sign: int, price: float) -> float:
    """A price as a long sees it, mirrored at 100 for a short."""
    return price if sign > 0 else 200.0 - price


@BOTH_SIDES
def test_a_quiet_bar_moves_nothing_but_time_and_the_extremes(sign: int) -> None:
    walk = bars_walked(a_bet(sign), begin(a_bet(sign)), QUIET)

    assert (walk.exit_code, walk.lots_left, walk.stop) == (OPEN, 10, seen(sign, 95.0))
    assert (walk.best, walk.worst) == (seen(sign, 100.5), seen(sign, 99.5))
    assert walk.held_s == BAR_S


@BOTH_SIDES
def test_a_stop_that_is_passed_fills_at_its_price(sign: int) -> None:
    bet = a_bet(sign)

    walk = bars_walked(bet, begin(bet), QUIET, (100.0, 101.0, 90.0, 92.0))

    assert (walk.exit_code, walk.exit_price, walk.lots_left) == (LEFT_BY_STOP, seen(sign, 95.0), 0)
    assert walk.gain == pytest.approx(-50.0)
    assert r_multiple(bet, walk) == pytest.approx(-1.0)
    assert walk.worst == seen(sign, 95.0)


@BOTH_SIDES
def test_a_stop_that_is_only_touched_is_passed(sign: int) -> None:
    assert bars_walked(a_bet(sign), begin(a_bet(sign)), (100.0, 100.0, 95.0, 99.0)).exit_code == LEFT_BY_STOP
    assert bars_walked(a_bet(sign), begin(a_bet(sign)), (100.0, 100.0, 95.01, 99.0)).exit_code == OPEN


@BOTH_SIDES
def test_a_gap_beyond_the_stop_leaves_at_the_open_and_loses_exactly_the_gap_more(sign: int) -> None:
    bet = a_bet(sign)

    walk = bars_walked(bet, begin(bet), (93.0, 99.0, 92.0, 98.0))

    assert (walk.exit_code, walk.exit_price) == (LEFT_BY_STOP, seen(sign, 93.0))
    assert r_multiple(bet, walk) == pytest.approx(-1.0 - 2.0 / 5.1)


@BOTH_SIDES
def test_targets_fill_at_their_prices_one_after_the_other(sign: int) -> None:
    bet = a_bet(sign)
    targets, lots = rungs(bet, 1.5, 3.0)

    half = bars_walked(bet, begin(bet), (100.0, 108.0, 99.0, 107.8), targets=targets, lots=lots)
    whole = bars_walked(bet, half, (107.8, 116.0, 107.7, 115.0), targets=targets, lots=lots)

    assert (half.targets_filled, half.lots_left, half.exit_code) == (1, 5, OPEN)
    assert half.exit_price == pytest.approx(seen(sign, 107.75))
    assert (whole.lots_left, whole.exit_code, whole.targets_filled) == (0, LEFT_BY_TARGET, 2)
    assert r_multiple(bet, whole) == pytest.approx(2.25)


@BOTH_SIDES
def test_a_gap_beyond_targets_fills_them_at_the_open(sign: int) -> None:
    bet = a_bet(sign)
    targets, lots = rungs(bet, 1.5, 3.0)

    walk = bars_walked(bet, begin(bet), (117.0, 118.0, 116.0, 117.0), targets=targets, lots=lots)

    assert (walk.exit_code, walk.exit_price) == (LEFT_BY_TARGET, seen(sign, 117.0))
    assert walk.gain == pytest.approx(170.0)


@BOTH_SIDES
def test_a_bar_with_stop_and_target_was_stopped_and_is_counted(sign: int) -> None:
    bet = a_bet(sign)
    targets, lots = rungs(bet, 1.5)

    walk = bars_walked(bet, begin(bet), (100.0, 110.0, 94.0, 109.0), targets=targets, lots=lots)

    assert (walk.exit_code, walk.ambiguous) == (LEFT_BY_STOP, 1)
    assert (
        bars_walked(bet, begin(bet), (100.0, 107.0, 94.0, 101.0), targets=targets, lots=lots).ambiguous == 0
    )
    assert bars_walked(bet, begin(bet), (94.0, 110.0, 93.0, 101.0), targets=targets, lots=lots).ambiguous == 0


@BOTH_SIDES
def test_after_the_first_target_the_way_to_the_close_can_hit_break_even(sign: int) -> None:
    bet = a_bet(sign, atr=nan)
    targets, lots = rungs(bet, 1.5, 3.0)

    walk = bars_walked(bet, begin(bet), (100.0, 108.0, 99.0, 100.0), targets=targets, lots=lots)

    assert (walk.exit_code, walk.exit_price) == (LEFT_BY_BREAK_EVEN, pytest.approx(seen(sign, 100.1)))
    assert walk.gain == pytest.approx(5 * 7.75 + 5 * 0.1)


@BOTH_SIDES
def test_the_trailing_stop_follows_the_best_price_and_takes_the_rest(sign: int) -> None:
    bet = a_bet(sign)

    risen = bars_walked(bet, begin(bet), (100.0, 106.0, 99.0, 105.0))
    left = bars_walked(bet, risen, (105.0, 108.0, 104.0, 105.0))

    assert (risen.armed, risen.moved_by) == (True, MOVED_BY_TRAILING)
    assert risen.stop == pytest.approx(seen(sign, 103.5))
    assert (left.exit_code, left.exit_price) == (LEFT_BY_TRAILING, pytest.approx(seen(sign, 105.5)))


@BOTH_SIDES
def test_an_armed_stop_stays_armed(sign: int) -> None:
    bet = a_bet(sign)
    resumed = begin(bet)._replace(armed=True)

    assert bars_walked(bet, resumed, (100.0, 100.5, 99.0, 100.0)).stop == pytest.approx(seen(sign, 97.5))


@BOTH_SIDES
def test_a_stop_is_never_moved_to_where_the_price_has_already_passed(sign: int) -> None:
    bet = a_bet(sign)
    resumed = begin(bet)._replace(armed=True, best=seen(sign, 110.0))

    walk = bars_walked(bet, resumed, QUIET)

    assert (walk.stop, walk.exit_code) == (seen(sign, 95.0), OPEN)


@BOTH_SIDES
def test_time_takes_the_rest_at_the_close_unless_a_small_win_waits(sign: int) -> None:
    bet, rules = a_bet(sign), RULES._replace(time_stop_h=0.5)
    walk = begin(bet)

    lost = bars_walked(bet, walk, QUIET, (100.0, 100.0, 98.0, 99.0), rules=rules)
    small = bars_walked(bet, walk, QUIET, (100.0, 100.5, 98.0, 100.3), rules=rules)
    won = bars_walked(bet, small, (100.3, 101.0, 100.0, 100.4), rules=rules)

    assert (lost.exit_code, lost.exit_price) == (LEFT_BY_TIME, seen(sign, 99.0))
    assert small.exit_code == OPEN  # 10 × 0.3 less 1.0 of costs is under 2.50
    assert (won.exit_code, won.held_s) == (LEFT_BY_TIME, 3 * BAR_S)
    assert net_at(bet, won, won.price) == pytest.approx(3.0)


def test_time_waits_for_a_price() -> None:
    bet, rules = a_bet(), RULES._replace(time_stop_h=0.5)

    blind = bars_walked(bet, begin(bet), QUIET, (nan, nan, nan, nan), rules=rules)
    seeing = bars_walked(bet, blind, (100.0, 100.0, 98.0, 99.0), rules=rules)

    assert (blind.exit_code, blind.held_s) == (OPEN, 2 * BAR_S)
    assert (seeing.exit_code, seeing.exit_price) == (LEFT_BY_TIME, 99.0)


@BOTH_SIDES
def test_the_guard_leaves_before_a_liquidation_that_is_nearer_than_the_stop(sign: int) -> None:
    bet, liquidation = a_bet(sign), seen(sign, 92.0)
    guarded = liquidation / (1.0 - sign * 0.05)

    walk = bars_walked(bet, begin(bet), (100.0, 100.0, 90.0, 99.0), liquidation=liquidation)

    assert (walk.exit_code, walk.exit_price) == (LEFT_BY_GUARD, pytest.approx(guarded))


@BOTH_SIDES
def test_without_a_guard_the_liquidation_takes_the_rest_at_its_price(sign: int) -> None:
    bet, rules = a_bet(sign), RULES._replace(nearest_liquidation=0.0)

    walk = bars_walked(bet, begin(bet), (100.0, 100.0, 90.0, 99.0), rules=rules, liquidation=seen(sign, 96.0))

    assert (walk.exit_code, walk.exit_price, walk.lots_left) == (LIQUIDATED, seen(sign, 96.0), 0)


@BOTH_SIDES
def test_a_gap_beyond_the_liquidation_is_one_whatever_the_stop(sign: int) -> None:
    walk = bars_walked(
        a_bet(sign), begin(a_bet(sign)), (80.0, 81.0, 79.0, 80.0), liquidation=seen(sign, 85.0)
    )

    assert (walk.exit_code, walk.exit_price) == (LIQUIDATED, seen(sign, 80.0))


@BOTH_SIDES
def test_a_gap_beyond_the_stop_and_the_guard_behind_it_was_the_stop(sign: int) -> None:
    walk = bars_walked(
        a_bet(sign), begin(a_bet(sign)), (88.0, 89.0, 87.0, 88.0), liquidation=seen(sign, 85.0)
    )

    assert (walk.exit_code, walk.exit_price) == (LEFT_BY_STOP, seen(sign, 88.0))


@BOTH_SIDES
def test_a_liquidation_beyond_the_stop_changes_nothing(sign: int) -> None:
    bars = ((100.0, 104.0, 99.0, 103.0), (103.0, 103.0, 90.0, 92.0))

    far = bars_walked(a_bet(sign), begin(a_bet(sign)), *bars, liquidation=seen(sign, 80.0))

    assert far == bars_walked(a_bet(sign), begin(a_bet(sign)), *bars)


@BOTH_SIDES
def test_a_live_price_fills_what_it_jumped_over_at_itself(sign: int) -> None:
    bet = a_bet(sign)
    targets, lots = rungs(bet, 1.5, 3.0)

    half = walk_tick(RULES, bet, begin(bet), targets, lots, seen(sign, 109.0), 3.0)
    left = walk_tick(RULES, bet, half, targets, lots, seen(sign, 99.0), 3.0)

    assert (half.lots_left, half.exit_price, half.held_s) == (5, seen(sign, 109.0), 3.0)
    assert (left.exit_code, left.exit_price) == (LEFT_BY_TRAILING, seen(sign, 99.0))


@pytest.mark.parametrize("wrong", [nan, inf, -inf, 0.0, -5.0])
def test_a_price_that_is_none_fills_and_moves_nothing(wrong: float) -> None:
    bet = a_bet()
    before = bars_walked(bet, begin(bet), QUIET)
    waiting = before._replace(held_s=before.held_s + BAR_S)

    assert walk_tick(RULES, bet, before, NO_TARGETS, NO_LOTS, wrong, BAR_S) == waiting
    for place in range(4):
        bar = [100.0, 100.0, 100.0, 100.0]
        bar[place] = wrong
        assert walk_bar(RULES, bet, before, NO_TARGETS, NO_LOTS, *bar, BAR_S) == waiting


def test_what_is_over_stays_over() -> None:
    bet = a_bet()
    over = bars_walked(bet, begin(bet), (94.0, 94.0, 94.0, 94.0))

    assert bars_walked(bet, over, (100.0, 120.0, 100.0, 110.0)) == over
    assert walk_tick(RULES, bet, over, NO_TARGETS, NO_LOTS, 100.0, 1.0) == over


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_stop": 100.0},
        {"first_stop": 101.0},
        {"first_stop": 0.0},
        {"first_stop": nan},
        {"entry": nan},
        {"entry": inf},
        {"entry": -1.0},
        {"lots": 0},
        {"lot": 0.0},
        {"lot": nan},
        {"cost": nan},
        {"cost": -0.1},
    ],
)
def test_a_bet_that_could_not_be_entered_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        begin(a_bet(**wrong))


def test_a_walk_goes_to_json_and_back() -> None:
    bet = a_bet()
    targets, lots = rungs(bet, 1.5, 3.0)
    walk = bars_walked(bet, begin(bet), (100.0, 108.0, 99.0, 107.8), targets=targets, lots=lots)

    assert Walk(**json.loads(json.dumps(walk._asdict(), allow_nan=False))) == walk
    assert {type(value) for value in walk} <= {int, float, bool}


def test_following_counts_time_from_close_to_close_and_stops_at_the_end() -> None:
    bet = a_bet()
    bars = np.array(
        [
            [0.0, 100.0, 101.0, 99.0, 100.0],
            [3 * BAR_S * 1000.0, 100.0, 101.0, 99.0, 100.0],  # two bars are missing before it
            [4 * BAR_S * 1000.0, 100.0, 101.0, 94.0, 100.0],
            [5 * BAR_S * 1000.0, 100.0, 101.0, 90.0, 100.0],
        ]
    )

    walk = follow(RULES, bet, NO_TARGETS, NO_LOTS, bars, BAR_S)

    assert (walk.exit_code, walk.held_s) == (LEFT_BY_STOP, 5 * BAR_S)
    assert follow(RULES, bet, NO_TARGETS, NO_LOTS, bars[:0], BAR_S) == begin(bet)


@pytest.mark.parametrize(
    ("lots", "shares", "least", "slices"),
    [
        (10, [0.5, 0.5], 1, [5, 5]),
        (11, [0.5, 0.5], 1, [5, 6]),
        (10, [0.3, 0.3, 0.4], 1, [3, 3, 4]),
        (1, [0.5, 0.5], 1, [0, 1]),  # half a lot joins the next
        (4, [0.2, 0.4, 0.4], 1, [0, 2, 2]),  # 0.8 and 1.6 together are 2.4
        (10, [0.7, 0.3], 5, [10, 0]),  # what is left for the last is too small
        (100, [0.29, 0.71], 1, [29, 71]),  # whose product is 28.999999999999996
        (10, [0.8, 0.8, 0.1], 1, [8, 2, 0]),  # more than there is
        (10, [1.0], 1, [10]),
        (10, [], 1, []),
    ],
)
def test_a_slice_that_is_too_small_joins_the_next(
    lots: int, shares: list[float], least: int, slices: list[int]
) -> None:
    assert ladder(lots, np.array(shares), least).tolist() == slices


def test_a_target_that_joined_the_next_one_fills_nothing_by_itself() -> None:
    bet = a_bet(lots=1, atr=nan)
    targets, lots = rungs(bet, 1.5, 3.0)

    reached = bars_walked(bet, begin(bet), (100.0, 108.0, 99.0, 107.8), targets=targets, lots=lots)
    whole = bars_walked(bet, reached, (107.8, 116.0, 107.7, 115.0), targets=targets, lots=lots)

    assert (reached.lots_left, reached.targets_filled, reached.stop) == (1, 0, 95.0)
    assert (whole.lots_left, whole.targets_filled) == (0, 2)


def test_a_target_of_no_lots_counts_with_the_next_one_that_has_some() -> None:
    bet = a_bet(atr=nan)
    targets, lots = rungs(bet, 1.0, 2.0, 3.0)[0], np.array([5, 0, 5])

    half = bars_walked(bet, begin(bet), (100.0, 114.0, 99.0, 113.0), targets=targets, lots=lots)
    whole = bars_walked(bet, half, (113.0, 117.0, 112.0, 116.0), targets=targets, lots=lots)

    assert (half.targets_filled, half.lots_left) == (1, 5)
    assert (whole.targets_filled, whole.exit_code) == (3, LEFT_BY_TARGET)
