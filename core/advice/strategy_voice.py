"""Strategies in live use: who takes part with which share, and the one voice that they have together.

Laws:
- All strategies together are one voice: however many of them agree, they count once.
- Beside models a model has to agree with that voice. What models alone would not have agreed on is marked as
  a single opinion, so that `auto` never trades it, and its risk is at most the share that the strategies ask
  for.
- That voice never raises a verdict's confidence, and never makes it unanimous; stop, targets and horizon are
  the models' (`core.risk.idea`).
- Longs and shorts cancel by their shares, since a symbol is held on one side only. Who holds or is silent
  leaves its share in cash.
- A strategy that the rules of a decision do not name has no say in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from core.money import ONE, ZERO
from core.opinion import Decider, Opinion, Role, Stance, Verdict
from core.strategy_use import Strategies, StrategyRole

PREFIX: Final = "strategy-"
"""Of every strategy's name among the advisers; no model's begins so."""
VOICE: Final = "strategies"
"""Who the netted opinion is of."""
BALANCED: Final = 1e-9
"""Shares of capital that differ by less cancel out."""


_DECIDING: Final = {StrategyRole.ADVISER: Decider.AI, StrategyRole.ALONE: Decider.RULES}
"""Under whose verdicts a role has a say."""


def role_of(adviser: str, strategies: Strategies, decider: Decider) -> Role:
    """SHADOW for whoever has no say in such a verdict."""
    has_say = _DECIDING.get(strategies.role) is decider and strategies.share_of(adviser) is not None
    return Role.VOTER if has_say else Role.SHADOW


def is_strategy(adviser: str) -> bool:
    return adviser.startswith(PREFIX)


def decided_by_strategies(verdict: Verdict) -> bool:
    """They work alone: neither AI nor the rule-based adviser decided."""
    voting = {one.adviser for one in verdict.opinions if one.role is Role.VOTER}
    voting |= {one.adviser for one in verdict.abstentions if one.role is Role.VOTER}
    return verdict.decider is Decider.RULES and any(map(is_strategy, voting))


def voice_of(opinions: Sequence[Opinion], strategies: Strategies) -> Opinion | None:
    """What those of `opinions` that are strategies with a say come to; None where there is none."""
    heard = [(one, float(share)) for one, share in _with_shares(opinions, strategies)]
    return netted(heard)[0] if heard else None


def capital_share(verdict: Verdict, strategies: Strategies) -> Decimal:
    """The fraction of one trade's risk that is asked for, above 0 and at most 1; 1 where strategies have no
    part in the verdict's side."""
    leans_on_them = strategies.is_alone if verdict.decider is Decider.RULES else verdict.is_single
    side = verdict.stance.side
    if side is None or not leans_on_them:
        return ONE
    shares = _with_shares(verdict.opinions, strategies)
    left = sum((share * _sign(one.stance) * side.sign for one, share in shares), ZERO)
    return min(left, ONE) if left > 0 else ONE


def _with_shares(opinions: Sequence[Opinion], strategies: Strategies) -> list[tuple[Opinion, Decimal]]:
    voting = [one for one in opinions if is_strategy(one.adviser) and one.role is Role.VOTER]
    return [(one, share) for one in voting if (share := strategies.share_of(one.adviser)) is not None]


def netted(heard: Sequence[tuple[Opinion, float]]) -> tuple[Opinion, float]:
    """One opinion of several with their shares of the capital, and the share that is left of them.

    Distances and confidence are those of the winning side's, by share. `heard` must not be empty.
    """
    left = sum(share * _sign(opinion.stance) for opinion, share in heard)
    model = " + ".join(f"{share:g} {one.model}" for one, share in heard)
    if abs(left) <= BALANCED:
        return _nobody(heard, model), 0.0
    stance = Stance.LONG if left > 0 else Stance.SHORT
    winning = [(opinion, share) for opinion, share in heard if opinion.stance is stance]
    horizon = _mean([(one.horizon_bars, share) for one, share in winning])
    opinion = replace(
        winning[0][0],
        adviser=VOICE,
        confidence=_mean([(one.confidence, share) for one, share in winning]) or 0.0,
        stop_atr=_mean([(one.stop_atr, share) for one, share in winning]),
        target_atr=_mean([(one.target_atr, share) for one, share in winning]),
        horizon_bars=None if horizon is None else round(horizon),
        reasons=tuple(reason for one, _ in winning for reason in one.reasons),
        model=model,
    )
    return opinion, abs(left)


def _nobody(heard: Sequence[tuple[Opinion, float]], model: str) -> Opinion:
    """A hold, because all hold or because they cancel out."""
    cancel = any(opinion.stance is not Stance.HOLD for opinion, _ in heard)
    return replace(
        heard[0][0],
        adviser=VOICE,
        stance=Stance.HOLD,
        confidence=0.0,
        stop_atr=None,
        target_atr=None,
        horizon_bars=None,
        reasons=("Strategies, not AI: longs and shorts cancel out.",) if cancel else heard[0][0].reasons,
        invalidation="",
        model=model,
    )


def _mean(values: Sequence[tuple[float | None, float]]) -> float | None:
    """Weighted; of those that there are."""
    known = [(value, weight) for value, weight in values if value is not None]
    if not known:
        return None
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known)


def _sign(stance: Stance) -> int:
    return 0 if stance.side is None else stance.side.sign
