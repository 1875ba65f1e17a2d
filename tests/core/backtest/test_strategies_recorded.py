"""Opinions of the past become signals at their bars, never earlier than they were known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.outcomes import judgements_of
from core.adviser_record import Judgement
from core.backtest.shipped_recorded import Recorded, Said, said_of
from core.backtest.strategies import BadStrategy, Features, Signals, signals_of
from core.market import from_ms
from core.opinion import Brief, Decider, Purpose, Stance, Verdict
from tests.core.advice.pictures import features, opinion
from tests.core.backtest.worlds import HOUR_MS, START_MS, bars_of

SYMBOL = "SOL/USDT:USDT"
VERDICT: dict[str, Any] = {
    "stance": Stance.LONG,
    "confidence": 0.8,
    "decider": Decider.AI,
    "is_single": True,
    "is_unanimous": False,
    "opinions": (opinion("one", "long"),),
    "abstentions": (),
    "reasons": (),
}
QUARTER_MS = HOUR_MS // 4
BARS = bars_of(np.random.default_rng(1), 24)


def heard(*rows: Said, bars: np.ndarray = BARS) -> Signals:
    return signals_of(Recorded(rows, HOUR_MS), SYMBOL, Features(bars))


def at(hours: float) -> int:
    return START_MS + int(hours * HOUR_MS)


@pytest.mark.parametrize(
    "fields",
    [
        {"side": 2},
        {"confidence": 1.1},
        {"confidence": float("nan")},
        {"stop": 0.0},
        {"stop": float("nan")},
        {"target": -0.1},
    ],
)
def test_an_opinion_that_nobody_can_have_had_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(BadStrategy, match="recorded: "):
        Said(**{"symbol": SYMBOL, "at_ms": at(5), "side": 1, **fields})  # type: ignore[arg-type]


def test_an_opinion_given_at_a_close_is_a_signal_of_the_bar_that_closed() -> None:
    found = heard(Said(SYMBOL, at(5), 1, 0.8, 0.06, 0.12))

    assert np.flatnonzero(found.side).tolist() == [4]
    assert (found.side[4], found.stop[4], found.target[4], found.confidence[4]) == (1, 0.06, 0.12, 0.8)  # type: ignore[index]


def test_an_opinion_given_inside_a_bar_waits_for_its_close() -> None:
    assert np.flatnonzero(heard(Said(SYMBOL, at(5) + QUARTER_MS, -1)).side).tolist() == [5]


def test_of_several_inside_one_bar_the_last_counts() -> None:
    turned = heard(Said(SYMBOL, at(5) + 2 * QUARTER_MS, -1), Said(SYMBOL, at(5) + QUARTER_MS, 1))
    taken_back = heard(Said(SYMBOL, at(5) + QUARTER_MS, 1), Said(SYMBOL, at(5) + 2 * QUARTER_MS, 0))

    assert turned.side[5] == -1
    assert taken_back.side[5] == 0


def test_an_opinion_without_distances_leaves_them_to_the_account() -> None:
    found = heard(Said(SYMBOL, at(5), 1))

    assert found.stop is not None
    assert np.isnan(found.stop[4])


def test_what_is_outside_of_the_bars_is_left_out() -> None:
    assert not heard(Said(SYMBOL, at(-1), 1), Said(SYMBOL, at(0), 1), Said(SYMBOL, at(24.5), 1)).side.any()


def test_what_falls_into_a_hole_is_left_out() -> None:
    holed = np.delete(BARS, slice(6, 12), axis=0)

    found = heard(Said(SYMBOL, at(9), 1), Said(SYMBOL, at(6), -1), bars=holed)

    assert np.flatnonzero(found.side).tolist() == [5]


def test_opinions_of_other_symbols_are_theirs() -> None:
    assert not heard(Said("BTC/USDT:USDT", at(5), 1)).side.any()


def test_no_opinions_and_no_bars_are_no_signals() -> None:
    assert not heard().side.any()
    assert len(heard(Said(SYMBOL, at(5), 1), bars=BARS[:0]).side) == 0


def test_an_answer_about_an_open_trade_and_a_failed_one_are_no_signals() -> None:
    assert said_of(a_judgement(purpose=Purpose.EXIT)) is None
    assert said_of(a_judgement(stance=None)) is None


@pytest.mark.parametrize(("stance", "side"), [(Stance.LONG, 1), (Stance.SHORT, -1), (Stance.HOLD, 0)])
def test_a_journalled_answer_is_told_in_fractions_of_the_price(stance: Stance, side: int) -> None:
    assert said_of(a_judgement(stance=stance)) == Said(SYMBOL, at(5), side, 0.8, 0.06, 0.12)


@pytest.mark.parametrize("fields", [{"atr": None}, {"stop_atr": None, "target_atr": None}])
def test_a_journalled_answer_without_distances_names_none(fields: dict[str, None]) -> None:
    assert said_of(a_judgement(**fields)) == Said(SYMBOL, at(5), 1, 0.8)


def a_judgement(**fields: Any) -> Judgement:
    """Long at 100, five hours in; a range of 2, a stop three of them away."""
    made = judgements_of(Verdict(**VERDICT), Brief(SYMBOL, features()), "paper", "d-1", from_ms(at(5)))[0]
    near = {"bar": from_ms(at(5)), "close": 100.0, "atr": 2.0, "stop_atr": 3.0, "target_atr": 6.0}
    return replace(made, **{**near, **fields})


@given(st.lists(st.integers(-3 * HOUR_MS, 30 * HOUR_MS), max_size=20))
def test_no_signal_is_earlier_than_an_opinion_or_a_bar_later(moments: list[int]) -> None:
    rows = [Said(SYMBOL, START_MS + moment, 1) for moment in moments]

    closes = BARS[np.flatnonzero(heard(*rows).side), 0] + HOUR_MS

    for close in closes:
        assert any(close - HOUR_MS < row.at_ms <= close for row in rows)
    expected = {-(-moment // HOUR_MS) for moment in moments if 0 < moment <= 24 * HOUR_MS}
    assert {int(close - START_MS) // HOUR_MS for close in closes} == expected
