"""The rule-based adviser: a checklist that mostly holds."""

from __future__ import annotations

import dataclasses

import pytest

from core.advice.brief import write_brief
from core.advice.citations import fabricated, shown_in
from core.advice.rules import RULES_MODEL, RulesAdviser, judge
from core.market import Regime, Side
from core.opinion import Features, Opinion, Stance
from tests.core.advice.pictures import TERMS, candles, features, with_frame


def ranging(sign: int) -> Features:
    """At the edge behind `sign`, stretched away from it and turning."""
    made = features(sign, Regime.RANGING)
    return with_frame(
        made,
        "1h",
        rsi=50.0 - 12.0 * sign,
        adx=15.0,
        bollinger_low=99.5 if sign > 0 else 95.0,
        bollinger_high=105.0 if sign > 0 else 100.5,
    )


@pytest.mark.parametrize(("sign", "stance"), [(1, Stance.LONG), (-1, Stance.SHORT)])
def test_a_clean_trend_is_followed(sign: int, stance: Stance) -> None:
    made = judge(features(sign), TERMS)

    assert made.stance is stance
    assert made.confidence == 0.86


@pytest.mark.parametrize(("sign", "stance"), [(1, Stance.LONG), (-1, Stance.SHORT)])
def test_the_edge_of_a_range_is_faded(sign: int, stance: Stance) -> None:
    made = judge(ranging(sign), TERMS)

    assert made.stance is stance
    assert made.confidence >= 0.75


def test_long_and_short_are_mirror_images() -> None:
    up, down = judge(features(1, funding_per_8h=0.0), TERMS), judge(features(-1, funding_per_8h=0.0), TERMS)

    assert (up.confidence, up.stop_atr, up.target_atr) == (down.confidence, down.stop_atr, down.target_atr)


def test_a_volatile_market_is_left_alone() -> None:
    assert judge(features(regime=Regime.VOLATILE), TERMS).stance is Stance.HOLD


def test_timeframes_that_disagree_are_left_alone() -> None:
    made = with_frame(features(), "4h", lean=Stance.SHORT, macd_histogram=-0.4)
    made = with_frame(made, "1h", lean=Stance.HOLD, adx=14.0)

    assert judge(made, TERMS).stance is Stance.HOLD


def test_without_an_hourly_atr_it_holds() -> None:
    assert judge(with_frame(features(), "1h", atr=None), TERMS).stance is Stance.HOLD


def test_what_is_missing_lowers_confidence_and_never_counts_for_a_side() -> None:
    whole = judge(features(), TERMS)
    poorer = judge(with_frame(features(funding_per_8h=None), "1h", volume_ratio=None), TERMS)

    assert poorer.stance is Stance.LONG
    assert poorer.confidence < whole.confidence


def test_the_stop_lies_beyond_the_swing_and_inside_the_allowed_distances() -> None:
    near = judge(features(), TERMS)
    wide = judge(with_frame(features(), "1h", swing_low=93.0), TERMS)

    assert near.stop_atr == 5.0
    assert wide.stop_atr == 7.5
    assert near.target_atr == 10.5


def test_a_swing_too_far_away_is_no_trade() -> None:
    assert judge(with_frame(features(), "1h", swing_low=89.0), TERMS).stance is Stance.HOLD


def test_a_divergence_against_the_side_costs_confidence() -> None:
    made = judge(with_frame(features(), "15m", divergence=Side.SHORT), TERMS)

    assert made.confidence < judge(features(), TERMS).confidence
    assert "no divergence against it" in made.reasons[1]


def test_texts_keep_their_limits_and_say_that_this_is_no_ai() -> None:
    for made in (
        judge(features(), TERMS),
        judge(ranging(-1), TERMS),
        judge(features(regime=Regime.VOLATILE), TERMS),
    ):
        assert made.reasons[0].startswith("Rules, not AI:")
        assert max(map(len, made.reasons)) <= 120
        assert all(len(figure) <= 80 for figure in made.evidence)
        assert (made.adviser, made.model, made.p_target_first) == ("rules", RULES_MODEL, None)


async def test_as_an_adviser_it_answers_the_brief_from_its_features() -> None:
    brief = write_brief(features(), candles(), TERMS)
    blind = dataclasses.replace(brief, question="", system="", candles={})

    answer = await RulesAdviser(lambda: TERMS).ask(blind, 0.0)

    assert isinstance(answer, Opinion)
    assert answer == judge(features(), TERMS)


@pytest.mark.parametrize(
    "made", [features(1), features(-1), ranging(1), ranging(-1), features(funding_per_8h=None)]
)
def test_what_the_rules_cite_stands_in_the_question(made: Features) -> None:
    question = write_brief(made, candles(), TERMS).question
    cited = judge(made, TERMS).evidence

    assert cited
    assert not fabricated(cited, shown_in(question))
