"""Holding, and entering at random: what is moved and what stays."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.backtest.baselines import LEAST_RUNS, MOST_BARS, Shuffle, hold, random_entries, runs_within
from core.backtest.engine import Signals, run
from core.backtest.engine_past import Past, past_of
from tests.core.backtest.markets import dice_alone, past_from
from tests.core.backtest.worlds import (
    HOUR_MS,
    START_MS,
    a_free_instrument,
    a_history,
    a_stake,
    bars_of,
    path,
    said,
)
from tests.core.builders import an_instrument


def a_past(*symbols: np.ndarray, funding: np.ndarray | None = None, fee: str = "0") -> Past:
    fees = {"taker_fee": Decimal(fee), "maker_fee": Decimal(fee)}
    histories = [replace(a_history(bars, f"S{s}"), funding=funding) for s, bars in enumerate(symbols)]
    return past_of(histories, [a_free_instrument(**fees) for _ in symbols])


def flat(count: int, *, price: float = 100.0, skipped: int = 0) -> np.ndarray:
    bars = path(*[(price, price, price, price)] * count)
    bars[:, 0] += skipped * HOUR_MS
    return bars


def test_holding_pays_both_fees() -> None:
    bars = flat(40)
    bars[-1, 2] = bars[-1, 4] = 120.0

    found = hold(a_past(bars, fee="0.001"), a_stake(capital=1000.0))

    # 1000 ÷ 100.1 coins, sold for 120 less a thousandth
    assert found.final == pytest.approx(1000 / 100.1 * 120 * 0.999)


def test_holding_pays_funding_but_not_what_was_due_before_it_bought() -> None:
    rates = np.array([[START_MS, 0.5], [START_MS + 8 * HOUR_MS, 0.01], [START_MS + 16 * HOUR_MS, -0.002]])

    found = hold(a_past(flat(40), funding=rates), a_stake(capital=1000.0))

    assert found.final == pytest.approx(1000 - 10 + 2)


def test_money_for_a_coin_that_comes_later_waits_for_it() -> None:
    early, late = flat(72), flat(24, skipped=48)
    early[:, 1:5] = np.linspace(100, 200, 72)[:, None]

    found = hold(a_past(early, late), a_stake(capital=1000.0))

    assert found.curve[0, 1] == 1000.0
    assert found.final == pytest.approx(500 * 2 + 500)


def test_the_drawdown_of_holding_is_seen_at_midnights() -> None:
    bars = flat(72)
    bars[24:48, 1:5] = 75.0

    assert hold(a_past(bars), a_stake()).max_drawdown == pytest.approx(0.25)


def test_without_entries_there_is_nothing_to_compare_with() -> None:
    past = a_past(flat(40))
    only_exits = Signals(np.full(40, 2, dtype=np.int8))

    assert random_entries(past, [only_exits], a_stake(), 1000.0, np.random.default_rng(1)) is None


def test_the_same_seed_gives_the_same_random_runs() -> None:
    case = dice_alone(1, count=800)

    one, other = (
        random_entries(case.past, case.signals, case.setup, 1000.0, np.random.default_rng(4), runs=20)
        for _ in range(2)
    )

    assert one is not None
    assert other is not None
    assert one.finals.tolist() == other.finals.tolist()


def test_p_counts_the_result_itself_and_those_at_least_as_good() -> None:
    case = dice_alone(2, count=800)
    dice = np.random.default_rng(4)

    best = random_entries(case.past, case.signals, case.setup, 1e9, dice, runs=49)
    worst = random_entries(case.past, case.signals, case.setup, 0.0, dice, runs=49)

    assert best is not None
    assert worst is not None
    assert (best.p, best.percentile) == (0.02, 1.0)
    assert (worst.p, worst.percentile) == (1.0, 0.0)


def test_ties_are_no_evidence() -> None:
    past = a_past(flat(60))

    found = random_entries(past, [said(60, b3=1, b9=-1)], a_stake(), 1000.0, np.random.default_rng(1), runs=9)

    assert found is not None
    assert (found.p, found.percentile) == (1.0, 0.5)


def test_random_runs_trade_about_as_often() -> None:
    case = dice_alone(3, count=4000)
    own = run(case.past, case.signals, case.setup)

    found = random_entries(case.past, case.signals, case.setup, own.final, np.random.default_rng(1), runs=40)

    assert found is not None
    assert found.trades == pytest.approx(len(own.trades), rel=0.1)


def test_long_histories_get_fewer_runs_but_enough() -> None:
    assert runs_within(1000, 70_000) == 1000
    assert runs_within(1000, MOST_BARS // 500) == 500
    assert runs_within(1000, MOST_BARS) == LEAST_RUNS
    assert runs_within(50, MOST_BARS) == 50


@given(st.integers(0, 10_000), st.integers(26, 400))
@settings(max_examples=60)
def test_whatever_is_said_is_said_again_as_often_with_its_own_stop(seed: int, count: int) -> None:
    dice = np.random.default_rng(seed)
    side = np.where(dice.random(count) < 0.2, dice.choice([-2, -1, 1, 2], count), 0).astype(np.int8)
    stop = np.where(side != 0, 0.05 + side * 0.01, np.nan)
    past = past_from([bars_of(dice, count)])

    (moved,) = Shuffle(past, [Signals(side, stop=stop)]).dealt(dice)

    assert sorted(moved.side.tolist()) == sorted(side.tolist())
    assert moved.stop is not None
    at = moved.side != 0
    assert moved.stop[at] == pytest.approx(0.05 + moved.side[at] * 0.01)
    assert np.isnan(moved.stop[~at]).all()


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_what_was_said_of_several_coins_at_once_stays_at_once(seed: int) -> None:
    dice = np.random.default_rng(seed)
    side = np.where(dice.random(300) < 0.1, dice.choice([-1, 1], 300), 0).astype(np.int8)
    past = past_from([bars_of(dice, 300), bars_of(dice, 300)])

    one, other = Shuffle(past, [Signals(side), Signals(side)]).dealt(dice)

    assert one.side.tolist() == other.side.tolist()


def test_a_coin_with_fewer_bars_keeps_its_entries_inside_them() -> None:
    dice = np.random.default_rng(1)
    bars = bars_of(dice, 400)
    past = past_of(
        [a_history(bars, "A"), a_history(bars[300:], "B")],
        [an_instrument(symbol="A"), an_instrument(symbol="B")],
    )
    side = np.zeros(100, dtype=np.int8)
    side[::10] = 1

    _, moved = Shuffle(past, [Signals(np.zeros(400, dtype=np.int8)), Signals(side)]).dealt(dice)

    assert len(moved.side) == 100
    assert 7 <= np.count_nonzero(moved.side) <= 10


def test_entries_do_move() -> None:
    dice = np.random.default_rng(1)
    side = np.zeros(500, dtype=np.int8)
    side[100:110] = 1
    shuffle = Shuffle(past_from([bars_of(dice, 500)]), [Signals(side)])

    places = {int(np.flatnonzero(shuffle.dealt(dice)[0].side)[0]) for _ in range(50)}

    assert len(places) > 30
    assert min(places) < 60
    assert max(places) > 400
