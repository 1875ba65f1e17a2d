"""Bars inside the quiet band are skipped by the backtest: it must be as if each had been walked."""

from __future__ import annotations

import struct
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.trading.exits import ExitRules
from core.trading.exits_bet import Bet, Lots, Prices, Walk, begin
from core.trading.exits_walk import quiet_band, walk_bar
from tests.core.trading.exit_paths import (
    BAR_S,
    NO_LOTS,
    NO_TARGETS,
    RULES,
    a_bet,
    bars_walked,
    random_bars,
    random_trade,
    recorded,
    rungs,
)


def bits(walk: Walk) -> bytes:
    return struct.pack(f"{len(walk)}d", *walk)


def walked(
    rules: ExitRules, bet: Bet, targets: Prices, lots: Lots, bars: Prices, liquidation: float
) -> list[Walk]:
    """After each bar, every bar walked."""
    walk, found = begin(bet), []
    for row in bars.tolist():
        walk = walk_bar(rules, bet, walk, targets, lots, *row[1:5], BAR_S, liquidation)
        found.append(walk)
    return found


def skipped(
    rules: ExitRules, bet: Bet, targets: Prices, lots: Lots, bars: Prices, liquidation: float
) -> tuple[list[Walk], int]:
    """After each bar, quiet ones skipped, and how many were."""
    walk, found, quiet = begin(bet), [], 0
    low, high = quiet_band(rules, bet, walk, targets, lots, liquidation)
    for row in bars.tolist():
        is_late = 0 < rules.time_stop_h <= (walk.held_s + BAR_S) / 3600.0
        if walk.lots_left > 0 and row[3] > low and row[2] < high and not is_late:
            highest, lowest = (walk.best, walk.worst) if bet.sign > 0 else (walk.worst, walk.best)
            highest, lowest = max(highest, row[2]), min(lowest, row[3])
            best, worst = (highest, lowest) if bet.sign > 0 else (lowest, highest)
            walk = walk._replace(price=row[4], best=best, worst=worst, held_s=walk.held_s + BAR_S)
            quiet += 1
        else:
            walk = walk_bar(rules, bet, walk, targets, lots, *row[1:5], BAR_S, liquidation)
            low, high = quiet_band(rules, bet, walk, targets, lots, liquidation)
        found.append(walk)
    return found, quiet


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**32), wild=st.floats(0.0, 1.0))
def test_skipping_quiet_bars_is_walking_every_bar_bit_for_bit(seed: int, wild: float) -> None:
    dice = np.random.default_rng(seed)
    rules, bet, targets, lots, bars, liquidation = random_trade(dice)
    calm = np.exp(np.log(random_bars(dice, bet.entry, 200)[:, 1:5] / bet.entry) * wild**2) * bet.entry
    bars = np.column_stack([np.zeros(200), calm]) if seed % 3 else bars

    expected = walked(rules, bet, targets, lots, bars, liquidation)
    found, _ = skipped(rules, bet, targets, lots, bars, liquidation)

    assert [bits(walk) for walk in found] == [bits(walk) for walk in expected]


@pytest.mark.parametrize("sign", [1, -1])
def test_most_real_bars_are_quiet_and_skipping_them_changes_no_bit(sign: int) -> None:
    bars = recorded("BTCUSDT-15m")[:3000]
    total = 0
    for first in range(0, 2400, 150):
        entry = float(bars[first, 1])
        bet = Bet(sign, entry, entry * (1.0 - 0.05 * sign), 0.01 * entry, 0.002, entry * 1e-5, 1000, 0.01)
        asked = (RULES, bet, *rungs(bet, 1.5, 3.0), bars[first : first + 600], entry * (1.0 - 0.2 * sign))

        found, quiet = skipped(*asked)

        assert [bits(walk) for walk in found] == [bits(walk) for walk in walked(*asked)]
        total += quiet / max(1, sum(walk.lots_left > 0 for walk in found))
    assert total / 16 > 0.8


def test_nothing_is_quiet_for_what_is_over() -> None:
    bet = a_bet()
    over = bars_walked(bet, begin(bet), (100.0, 100.0, 94.0, 94.0))

    assert quiet_band(RULES, bet, over, NO_TARGETS, NO_LOTS) == (inf, -inf)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_band_of_a_fresh_bet_is_between_its_stop_and_what_arms_the_trailing(sign: int) -> None:
    bet = a_bet(sign)

    low, high = quiet_band(RULES, bet, begin(bet), NO_TARGETS, NO_LOTS)

    ends = (95.0, 105.2) if sign > 0 else (94.8, 105.0)
    assert (low, high) == pytest.approx(ends)


def test_a_guard_nearer_than_the_stop_bounds_the_band() -> None:
    bet = a_bet()

    low, _ = quiet_band(RULES, bet, begin(bet), NO_TARGETS, NO_LOTS, 94.0)

    assert low == 94.0 / 0.95


def test_where_the_guard_takes_every_price_nothing_is_quiet() -> None:
    bet = a_bet()

    low, high = quiet_band(
        RULES._replace(nearest_liquidation=1.0), bet, begin(bet), NO_TARGETS, NO_LOTS, 50.0
    )

    assert not low < high


def test_where_the_next_price_arms_the_trailing_stop_whatever_it_is_nothing_is_quiet() -> None:
    bet = a_bet(cost=0.0)

    band = quiet_band(RULES._replace(arm_r=0.0), bet, begin(bet), NO_TARGETS, NO_LOTS)

    assert band == (inf, -inf)
