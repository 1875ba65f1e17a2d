"""Opinions → one verdict.

Laws:
- A side wins only with at least two agreeing answers that are more than half of all answers; holds count as
  answers, abstentions don't. Everything else is hold.
- A side that a red flag strikes can't win, whoever asks for it.
- One answer alone is a verdict marked `is_single`: to be shown, never traded in auto.
- With `Decider.RULES` the rule-based opinion is the verdict; what models said is recorded without effect.
  With `Decider.AI` the rule-based opinion has no vote: it is no AI.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.market import Side
from core.money import exact
from core.opinion import Abstention, Decider, Flags, Opinion, Panel, Stance, Verdict

RULES_NAME = "rules"
"""The rule-based adviser's name; no model may bear it."""

QUORUM = 2


def agree(panel: Panel, flags: Flags, decider: Decider) -> Verdict:
    """Deterministic; the answers' order decides only the order in which they are listed."""
    voters = [opinion for opinion in panel.opinions if (opinion.adviser == RULES_NAME) == _by_rules(decider)]
    stance, agreeing, rule = _by_rule_book(voters) if _by_rules(decider) else _by_vote(voters)
    confidence = _mean_confidence(agreeing)
    reasons = [rule]
    if stance.side is not None and flags.strikes(stance.side):
        reasons = [_struck(stance.side, flags), rule]
        stance, confidence = Stance.HOLD, 0.0
    return Verdict(
        stance=stance,
        confidence=confidence,
        decider=decider,
        is_single=not _by_rules(decider) and len(voters) == 1,
        is_unanimous=len(voters) >= QUORUM and len({opinion.stance for opinion in voters}) == 1,
        opinions=panel.opinions,
        abstentions=panel.abstentions,
        reasons=(*reasons, *_silences(panel.abstentions)),
    )


def _by_rules(decider: Decider) -> bool:
    return decider is Decider.RULES


def _by_rule_book(voters: Sequence[Opinion]) -> tuple[Stance, Sequence[Opinion], str]:
    if not voters:
        return Stance.HOLD, (), "The rule-based strategy decides, and it gave no answer: hold."
    stance = voters[0].stance
    return stance, voters[:1], f"The rule-based strategy decides (no AI): {stance.value}."


def _by_vote(voters: Sequence[Opinion]) -> tuple[Stance, Sequence[Opinion], str]:
    if not voters:
        return Stance.HOLD, (), "No adviser answered: hold."
    if len(voters) == 1:
        only = voters[0]
        return only.stance, voters, f"Only {only.adviser} answered: {only.stance.value}, a single opinion."
    stance = max(Stance, key=lambda each: len(_holding(voters, each)))
    agreeing = _holding(voters, stance)
    if len(agreeing) >= QUORUM and 2 * len(agreeing) > len(voters):
        return stance, agreeing, f"{len(agreeing)} of {len(voters)} answers agree on {stance.value}."
    return Stance.HOLD, (), f"No side has two answers and a majority: {_tally(voters)}; hold."


def _holding(voters: Sequence[Opinion], stance: Stance) -> list[Opinion]:
    return [opinion for opinion in voters if opinion.stance is stance]


def _tally(voters: Sequence[Opinion]) -> str:
    counts = {stance: len(_holding(voters, stance)) for stance in Stance}
    return ", ".join(f"{count} {stance.value}" for stance, count in counts.items() if count)


def _mean_confidence(agreeing: Sequence[Opinion]) -> float:
    """Over decimals: three times 0.8 is 0.8, never 0.7999999999999999 below a threshold."""
    if not agreeing:
        return 0.0
    total = sum((exact(opinion.confidence) for opinion in agreeing), Decimal(0))
    return float(total / len(agreeing))


def _struck(side: Side, flags: Flags) -> str:
    named = [
        f"{flag.name} {flag.value} (threshold {flag.threshold})"
        for flag in flags.struck
        if flag.strikes in (None, side)
    ]
    return f"Red flags strike {side.value}: {'; '.join(named)}; hold."


def _silences(abstentions: Sequence[Abstention]) -> list[str]:
    return [f"{silent.adviser} abstained: {silent.why.value}." for silent in abstentions]
