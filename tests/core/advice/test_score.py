"""The score's terms and the regime's leverage, as fixed numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.advice.score import opportunity_score, wanted_leverage
from core.advice.verdict import agree
from core.market import Regime, Side
from core.opinion import Decider, Flags, Panel, Stance
from tests.core.advice.pictures import features, opinion, with_frame

UNANIMOUS = agree(Panel((opinion("a", "long"), opinion("b", "long"))), Flags(), Decider.AI)
DIVIDED = agree(
    Panel((opinion("a", "long"), opinion("b", "long"), opinion("c", "hold"))), Flags(), Decider.AI
)


def test_the_best_idea_is_the_sum_of_its_terms() -> None:
    terms = opportunity_score(UNANIMOUS, Side.LONG, features(), Decimal(2))

    assert (terms.confidence, terms.agreement, terms.regime, terms.reward_risk, terms.timeframes) == (
        32.0,
        20.0,
        20.0,
        10.0,
        10.0,
    )
    assert terms.total == 92.0


def test_divided_advisers_earn_half_the_agreement() -> None:
    assert opportunity_score(DIVIDED, Side.LONG, features(), Decimal(2)).agreement == 10.0


@pytest.mark.parametrize(
    ("regime", "term"), [(Regime.TRENDING, 20), (Regime.RANGING, 10), (Regime.VOLATILE, 5)]
)
def test_a_regime_has_its_term(regime: Regime, term: float) -> None:
    assert opportunity_score(UNANIMOUS, Side.LONG, features(regime=regime), Decimal(2)).regime == term


@pytest.mark.parametrize(("ratio", "term"), [("2", 10), ("1.999", 5), ("1.5", 5), ("1.499", 0)])
def test_reward_to_risk_has_two_steps(ratio: str, term: float) -> None:
    assert opportunity_score(UNANIMOUS, Side.LONG, features(), Decimal(ratio)).reward_risk == term


def test_timeframes_earn_their_share() -> None:
    made = with_frame(features(), "15m", lean=Stance.HOLD)

    assert opportunity_score(UNANIMOUS, Side.LONG, made, Decimal(2)).timeframes == pytest.approx(20 / 3)


def test_a_verdict_for_the_other_side_lends_nothing() -> None:
    terms = opportunity_score(UNANIMOUS, Side.SHORT, features(-1), Decimal(2))

    assert (terms.confidence, terms.agreement) == (0.0, 10.0)


def test_an_idea_nobody_was_asked_about_has_no_confidence() -> None:
    assert opportunity_score(None, Side.LONG, features(), Decimal(2)).total == 50.0


@pytest.mark.parametrize(
    ("regime", "confidence", "leverage"),
    [
        (Regime.TRENDING, 0.80, 5),
        (Regime.TRENDING, 0.79, 3),
        (Regime.RANGING, 0.95, 3),
        (Regime.VOLATILE, 0.95, 2),
    ],
)
def test_leverage_follows_the_regime(regime: Regime, confidence: float, leverage: int) -> None:
    assert wanted_leverage(regime, confidence) == leverage
