"""Opportunity score and wanted leverage (SPEC 4): fixed terms, no fitting."""

from __future__ import annotations

from decimal import Decimal

from core.market import Regime, Side
from core.opinion import Features, Verdict
from core.plan import ScoreTerms

CONFIDENCE_WEIGHT = 40.0
AGREED, NOT_AGREED = 20.0, 10.0
REGIME_TERMS = {Regime.TRENDING: 20.0, Regime.RANGING: 10.0, Regime.VOLATILE: 5.0}
TIMEFRAME_WEIGHT = 10.0

STRONG_CONFIDENCE = 0.80
TRENDING_STRONG, TRENDING_WEAK = 5, 3
LEVERAGE_BY_REGIME = {Regime.RANGING: 3, Regime.VOLATILE: 2}


def opportunity_score(
    verdict: Verdict | None, side: Side, features: Features, reward_risk: Decimal
) -> ScoreTerms:
    """The terms for a plan on `side`; they sum to 0..100.

    `reward_risk` is the plan's net gain at its targets ÷ R. A verdict for another stance, or none (a manual
    idea), lends no confidence and no agreement.
    """
    is_backed = verdict is not None and verdict.stance.side is side
    return ScoreTerms(
        confidence=verdict.confidence * CONFIDENCE_WEIGHT if verdict is not None and is_backed else 0.0,
        agreement=AGREED if verdict is not None and is_backed and verdict.is_unanimous else NOT_AGREED,
        regime=REGIME_TERMS[features.regime],
        reward_risk=_reward_risk_term(reward_risk),
        timeframes=features.share_leaning(side) * TIMEFRAME_WEIGHT,
    )


def _reward_risk_term(reward_risk: Decimal) -> float:
    if reward_risk >= 2:
        return 10.0
    return 5.0 if reward_risk >= Decimal("1.5") else 0.0


def wanted_leverage(regime: Regime, confidence: float) -> int:
    """What the regime asks for; caps and the liquidation rule come after it."""
    if regime is Regime.TRENDING:
        return TRENDING_STRONG if confidence >= STRONG_CONFIDENCE else TRENDING_WEAK
    return LEVERAGE_BY_REGIME[regime]
