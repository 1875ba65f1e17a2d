"""What may be said of a result: refusals first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backtest.luck import Resampled
from core.backtest.verdict_words import LEAST_TRADES, MOST_P, Evidence, Ruling, verdict

GOOD = Evidence(
    trades=200,
    days=365,
    return_share=0.40,
    expectancy_r=0.21,
    p=0.001,
    percentile=1.0,
    random_runs=1000,
    random_median=-0.05,
    by_trade=Resampled((0.05, 0.37), 0.004),
    by_day=Resampled((0.10, 0.80), 0.004),
    deflated=0.99,
    tried=1,
    least_days=200.0,
    ruin=0.0,
    ruin_bound=0.2,
    risk=0.01,
    hold_return=0.1,
    ambiguous=0,
    liquidations=0,
    cut_off=0,
    refused_in_drawdown=0,
)


def ruled(**fields: Any) -> Ruling:
    return verdict(replace(GOOD, **fields)).ruling


def test_no_trade_is_nothing_to_judge() -> None:
    found = verdict(replace(GOOD, trades=0, return_share=0.0))

    assert found.ruling is Ruling.NO_TRADES
    assert (found.because, found.cautions) == ((), ())


def test_a_few_trades_say_nothing_however_good() -> None:
    assert ruled(trades=LEAST_TRADES - 1) is Ruling.TOO_FEW
    assert ruled(trades=LEAST_TRADES) is Ruling.BEATS_LUCK


@pytest.mark.parametrize(
    "fields",
    [
        {"p": None},
        {"p": float("nan")},
        {"p": 0.0101},
        {"by_day": None},
        {"by_day": Resampled((-0.1, 0.9), 0.06)},
        {"by_day": Resampled((-0.1, 0.9), float("nan"))},
    ],
    ids=str,
)
def test_what_is_unknown_or_weak_is_called_luck(fields: dict[str, Any]) -> None:
    found = verdict(replace(GOOD, **fields))

    assert found.ruling is Ruling.LUCK
    assert found.headline.startswith("Not distinguishable from luck")


def test_the_best_of_many_sets_is_measured_against_the_luckiest() -> None:
    found = verdict(replace(GOOD, tried=500, deflated=0.6))

    assert found.ruling is Ruling.CHOSEN
    assert found.headline.startswith("Not distinguishable from the luckiest of 500 sets tried: p = 0.001")


def test_a_sharpe_ratio_that_is_unknown_or_unsure_is_no_proof() -> None:
    assert ruled(deflated=None) is Ruling.CHOSEN
    assert ruled(deflated=0.94) is Ruling.CHOSEN


def test_a_loss_like_those_of_chance_is_luck_too() -> None:
    found = verdict(replace(GOOD, return_share=-0.104, p=0.31, trades=42))

    assert found.ruling is Ruling.LUCK
    assert found.headline == "Not distinguishable from luck: p = 0.31, 42 trades, -10.4%."


def test_a_loss_that_chance_would_not_have_made_is_called_one() -> None:
    worse, better = (
        verdict(replace(GOOD, return_share=-0.5, p=0.999)),
        verdict(replace(GOOD, return_share=-0.1)),
    )

    assert worse.headline.startswith("It loses, and more than random entries")
    assert better.headline.startswith("It loses: -10.0%, 200 trades, though less than random entries")


def test_a_loss_never_beats_luck() -> None:
    assert ruled(return_share=0.0) is Ruling.LOSES
    assert ruled(return_share=float("nan")) is Ruling.LOSES


def test_what_passes_every_rule_beats_random_entries() -> None:
    found = verdict(GOOD)

    assert found.ruling is Ruling.BEATS_LUCK
    assert found.headline == "Beats random entries: p = 0.001, 200 trades."
    assert found.cautions == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hold_return": 0.9}, "Holding the coins would have earned +90.0%, more than its +40.0%."),
        ({"ruin": 0.3}, "fall 20% from a peak with a probability of 30%"),
        ({"days": 20, "least_days": 10.0}, "Only 20 days"),
        ({"least_days": 800.0}, "would need 800 days to be told from zero; there were 365"),
        ({"ambiguous": 11}, "11 of 200 trades met stop and target in one bar"),
        ({"liquidations": 1}, "1 trade ended in liquidation"),
        ({"refused_in_drawdown": 1}, "A deep drawdown refused 1 entry."),
        ({"cut_off": 2}, "2 trades still open as the bars ended"),
    ],
    ids=str,
)
def test_a_good_result_keeps_its_cautions(fields: dict[str, Any], words: str) -> None:
    found = verdict(replace(GOOD, **fields))

    assert found.ruling is Ruling.BEATS_LUCK
    assert len(found.cautions) == 1
    assert words in found.text


MAYBE = st.none() | st.floats(allow_nan=True)


@given(
    st.builds(
        Evidence,
        trades=st.integers(0, 10**6),
        days=st.integers(0, 10**4),
        return_share=st.floats(allow_nan=True),
        expectancy_r=MAYBE,
        p=MAYBE,
        percentile=MAYBE,
        random_runs=st.integers(0, 1000),
        random_median=MAYBE,
        by_trade=st.none() | st.builds(Resampled, st.tuples(st.floats(), st.floats()), st.floats()),
        by_day=st.none() | st.builds(Resampled, st.tuples(st.floats(), st.floats()), st.floats()),
        deflated=MAYBE,
        tried=st.integers(1, 10**6),
        least_days=MAYBE,
        ruin=MAYBE,
        ruin_bound=st.floats(0, 1),
        risk=MAYBE,
        hold_return=st.floats(allow_nan=True),
        ambiguous=st.integers(0, 100),
        liquidations=st.integers(0, 100),
        cut_off=st.integers(0, 100),
        refused_in_drawdown=st.integers(0, 100),
    )
)
def test_there_is_a_verdict_for_everything_and_praise_only_for_proof(found: Evidence) -> None:
    said = verdict(found)

    assert said.headline
    if said.ruling is Ruling.BEATS_LUCK:
        assert found.trades >= LEAST_TRADES
        assert found.return_share > 0
        assert found.p is not None and found.p <= MOST_P
