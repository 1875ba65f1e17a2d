"""What holds on every path: stops only tighten, nothing is lost but by a gap, and parts sum to the whole."""

from __future__ import annotations

from decimal import Decimal
from math import inf, isfinite, isnan, nan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.market import Side
from core.sim.history import passage, path_of
from core.trading.exits import ExitRules, initial_stop, next_stop, on_tick, price_at_r, risk_of
from core.trading.exits_bet import (
    LEFT_BY_BREAK_EVEN,
    LEFT_BY_STOP,
    LEFT_BY_TRAILING,
    Bet,
    Lots,
    Prices,
    Walk,
    begin,
    ladder,
    r_multiple,
)
from core.trading.exits_walk import follow, walk_bar, walk_tick
from tests.core.trading.exit_paths import BAR_S, RULES, random_trade

SIGNS = st.sampled_from([1, -1])
ODD = st.sampled_from([nan, inf, -inf, 0.0, -1.0, 1e-320, 1e308])
PRICES = st.floats(1e-6, 1e6)
ANY = st.one_of(ODD, PRICES, st.floats())
FRACTIONS = st.floats(0.0, 0.2)
SEEDS = st.integers(0, 2**32)

Trade = tuple[ExitRules, Bet, Prices, Lots, NDArray[np.float64], float]


def a_trade(seed: int) -> Trade:
    return random_trade(np.random.default_rng(seed))


def steps_of(trade: Trade) -> list[Walk]:
    """The walk after each bar, `begin` first."""
    rules, bet, targets, lots, bars, liquidation = trade
    walks = [begin(bet)]
    for bar in bars.tolist():
        walks.append(walk_bar(rules, bet, walks[-1], targets, lots, *bar[1:5], BAR_S, liquidation))
    return walks


@given(
    sign=SIGNS, price=PRICES, atr=st.floats(0.0, 0.06), named=st.one_of(st.just(nan), st.floats(0.0, 6.0)),
    swing=st.floats(-0.15, 0.15), level=st.floats(-0.15, 0.15), horizon=st.floats(0.0, 100.0),
    cost=st.floats(0.0, 0.04), least=st.floats(0.0, 0.12), most=st.floats(0.0, 0.15),
)  # fmt: skip
def test_a_first_stop_is_within_its_bounds_and_beyond_the_swing_or_there_is_none(
    sign: int, price: float, atr: float, named: float, swing: float, level: float, horizon: float,
    cost: float, least: float, most: float,
) -> None:  # fmt: skip
    swung, levelled = price * (1.0 + swing), price * (1.0 + level)

    stop = initial_stop(RULES, sign, price, atr * price, named, swung, levelled, horizon, cost, least, most)

    if not isnan(stop):
        distance = (price - stop) * sign / price
        assert stop > 0.0
        assert max(least, 3.0 * cost) - 1e-9 <= distance <= most + 1e-9
        if (price - swung) * sign > 0:
            assert (swung - stop) * sign >= 0.25 * atr * price - 1e-9 * price


@given(
    sign=SIGNS, price=ANY, atr=ANY, named=ANY, swing=ANY, level=ANY, horizon=ANY, cost=ANY, least=ANY,
    most=ANY,
)  # fmt: skip
def test_whatever_is_asked_a_first_stop_is_a_price_on_the_losing_side_or_none(
    sign: int, price: float, atr: float, named: float, swing: float, level: float, horizon: float,
    cost: float, least: float, most: float,
) -> None:  # fmt: skip
    stop = initial_stop(RULES, sign, price, atr, named, swing, level, horizon, cost, least, most)

    assert isnan(stop) or (0.0 < stop < inf and (price - stop) * sign >= 0.0)


@given(
    sign=SIGNS, entry=ANY, first_stop=ANY, stop=PRICES, best=ANY, atr=ANY, cost=ANY, tick=ANY,
    filled=st.integers(0, 3), armed=st.booleans(), fraction=st.floats(0.0, 0.1),
)  # fmt: skip
def test_a_stop_only_tightens_and_stays_a_price_whatever_is_asked(
    sign: int, entry: float, first_stop: float, stop: float, best: float, atr: float, cost: float,
    tick: float, filled: int, armed: bool, fraction: float,
) -> None:  # fmt: skip
    rules = RULES._replace(trail_fraction=fraction)

    moved, _ = next_stop(rules, sign, entry, first_stop, stop, best, atr, cost, filled, armed, tick)

    assert (moved - stop) * sign >= 0.0
    assert 0.0 < moved < inf
    assert moved == stop or (best - moved) * sign > 0.0


@given(sign=SIGNS, entry=PRICES, distance=st.floats(0.001, 0.5), cost=FRACTIONS, r=st.floats(-1.0, 10.0))
def test_leaving_at_a_price_of_r_nets_that_many_r(
    sign: int, entry: float, distance: float, cost: float, r: float
) -> None:
    stop = entry * (1.0 - sign * distance)
    price = price_at_r(entry, stop, sign, cost, r)

    net = (price - entry) * sign - cost * entry

    assert net / risk_of(entry, stop, cost) == pytest.approx(r, abs=1e-6)


@given(sign=SIGNS, price=PRICES, tick=st.sampled_from([0.1, 0.01, 0.25, 1e-5, 5.0]))
def test_a_price_on_the_tick_is_less_than_a_tick_away_and_stays_there(
    sign: int, price: float, tick: float
) -> None:
    rested = on_tick(price, tick, sign)

    assert -1e-5 * tick - 1e-12 * price <= (price - rested) * sign < tick * (1.0 + 1e-5)
    assert on_tick(rested, tick, sign) == rested


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_along_every_path_the_stop_only_tightens_behind_the_price(seed: int) -> None:
    trade = a_trade(seed)
    sign = trade[1].sign

    walks = steps_of(trade)

    for before, after in zip(walks, walks[1:], strict=False):
        assert (after.stop - before.stop) * sign >= 0.0
        assert after.targets_filled >= before.targets_filled
        assert after.armed >= before.armed
        assert all(isfinite(value) for value in after)
        assert after.lots_left == 0 or (after.price - after.stop) * sign > 0.0


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_partial_exits_sum_to_the_position_and_their_gains_to_the_whole(seed: int) -> None:
    trade = a_trade(seed)
    bet = trade[1]

    walks = steps_of(trade)

    left = [before.lots_left - after.lots_left for before, after in zip(walks, walks[1:], strict=False)]
    assert all(lots >= 0 for lots in left)
    assert sum(left) + walks[-1].lots_left == bet.lots
    assert (walks[-1].exit_code == 0) == (walks[-1].lots_left > 0)
    reach = max(abs(walks[-1].best - bet.entry), abs(walks[-1].worst - bet.entry))
    assert abs(walks[-1].gain) <= reach * (bet.lots - walks[-1].lots_left) * (1 + 1e-9)


@settings(max_examples=500, deadline=None)
@given(SEEDS)
def test_a_loss_at_the_stop_is_the_stated_one_or_more_by_exactly_the_gap(seed: int) -> None:
    trade = a_trade(seed)
    rules, bet, targets, lots, bars, _ = trade
    walks = steps_of((rules, bet, targets, lots, bars, 0.0))
    ended = next((n for n, walk in enumerate(walks) if walk.exit_code), None)
    assume(ended is not None and walks[ended].exit_code in range(LEFT_BY_STOP, LEFT_BY_TRAILING + 1))
    before, after, open_ = walks[ended - 1], walks[ended], float(bars[ended - 1, 1])  # type: ignore[operator]

    result = r_multiple(bet, after)

    gap = max((before.stop - open_) * bet.sign, 0.0)
    risk = risk_of(bet.entry, bet.first_stop, bet.cost)
    assert result >= -1.0 - gap / risk - 1e-9
    if gap > 0.0:
        assert after.exit_price == open_
    else:
        assert after.exit_price == after.stop
    if after.exit_code == LEFT_BY_STOP and after.targets_filled == 0:
        assert result == pytest.approx(-1.0 - gap / risk)
    if after.exit_code == LEFT_BY_BREAK_EVEN and gap == 0.0:
        assert result >= -bet.tick / risk - 1e-9


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.integers(2, 50))
def test_the_result_in_r_is_the_same_for_any_size(seed: int, times: int) -> None:
    rules, bet, targets, _, bars, liquidation = a_trade(seed)
    shares = np.full(len(targets), 1.0 / max(len(targets), 1))
    small, large = bet._replace(lots=12), bet._replace(lots=12 * times, lot=bet.lot / 7)
    rules = rules._replace(min_profit_usd=0.0)  # the one figure in dollars

    one = follow(rules, small, targets, ladder(small.lots, shares, 1), bars, BAR_S, liquidation)
    other = follow(rules, large, targets, ladder(large.lots, shares, 1), bars, BAR_S, liquidation)

    assert r_multiple(small, one) == pytest.approx(r_multiple(large, other))


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.lists(st.tuples(st.integers(0, 79), st.integers(1, 4), ODD), max_size=8))
def test_bars_that_are_none_change_nothing_but_the_time(
    seed: int, wrong: list[tuple[int, int, float]]
) -> None:
    rules, bet, targets, lots, bars, liquidation = a_trade(seed)
    rules = rules._replace(time_stop_h=0.0)
    spoilt = bars.copy()
    for row, column, value in wrong:
        if value <= 0.0 or not isfinite(value):
            spoilt[row % len(bars), column] = value
    is_whole = np.isfinite(spoilt[:, 1:5]).all(axis=1) & (spoilt[:, 1:5] > 0.0).all(axis=1)

    walked = follow(rules, bet, targets, lots, spoilt, BAR_S, liquidation)
    without = follow(rules, bet, targets, lots, bars[is_whole], BAR_S, liquidation)

    assert walked._replace(held_s=0.0) == without._replace(held_s=0.0)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_a_bar_is_its_simulated_path_price_by_price(seed: int) -> None:
    rules, bet, targets, lots, bars, _ = a_trade(seed)
    rules = rules._replace(time_stop_h=0.0)
    side = Side.LONG if bet.sign > 0 else Side.SHORT
    barwise = pricewise = begin(bet)

    for bar in bars:
        barwise = walk_bar(rules, bet, barwise, targets, lots, *bar.tolist()[1:5], BAR_S)
        path = path_of(bar, held=side)
        pricewise = walk_tick(rules, bet, pricewise, targets, lots, path[0], BAR_S)
        for start, end in zip(path, path[1:], strict=False):
            resting = range(pricewise.targets_filled, len(targets))
            triggers = [Decimal(float(targets[place])) for place in resting if lots[place]]
            triggers.append(Decimal(pricewise.stop))
            for price in passage(start, end, triggers):
                pricewise = walk_tick(rules, bet, pricewise, targets, lots, price, 0.0)

        assert barwise._replace(ambiguous=0) == pricewise
