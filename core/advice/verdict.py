"""Opinions → one verdict.

Laws:
- A side wins only with at least two agreeing voters that are more than half of all voters that answered.
  A hold is an answer. So is one that can't be used (`UNUSABLE`): it counts as a hold, so that an answer which
  is invalid, invented or cut off never makes a trade easier than the honest dissent that it may have been.
  Who was not heard, or not asked, is no answer.
- A side that a red flag strikes can't win, whoever asks for it.
- One answer alone is a verdict marked `is_single`: to be shown, never traded in auto. So is what models alone
  would not have agreed on without the strategies.
- A veto may only refuse or reduce. It refuses a side by standing for the other one; by holding, by an answer
  that can't be used, or by silence it leaves `VETO_SHARE` of the size. By agreeing it adds nothing.
- A shadow is listed and changes nothing.
- With `Decider.RULES` the rule-based opinion is the verdict, and vetoes hold; what models that would vote
  said is recorded without effect. With `Decider.AI` the rule-based opinion is: it is no AI.
- Strategies are one voice together, which needs a model that agrees (`core.advice.strategy_voice`); where
  they work alone, that voice stands in the place of the rule-based opinion.
- An exit only reduces risk, so nothing may hold one up: there vetoes have no say and an answer that can't be
  used is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from core.advice.strategy_voice import VOICE, is_strategy, role_of, voice_of
from core.market import Side
from core.money import exact
from core.opinion import (
    Abstention,
    Decider,
    Flags,
    Opinion,
    Panel,
    Purpose,
    Role,
    Silence,
    Stance,
    Verdict,
)
from core.strategy_use import NO_STRATEGIES, Strategies

RULES_NAME = "rules"
"""The rule-based adviser's name; no model may bear it."""

QUORUM = 2
VETO_SHARE = 0.5
"""Of the size, for each veto that does not agree without standing against."""
LEAST_SHARE = 0.25
"""However many cautions there are: less would soon be under an exchange's minimum, which is a refusal."""
EVERYBODY_VOTES: Mapping[str, Role] = MappingProxyType({})

UNUSABLE = frozenset(
    {
        Silence.REFUSED,
        Silence.TRUNCATED,
        Silence.MALFORMED,
        Silence.INVALID,
        Silence.FABRICATED,
        Silence.SWAPPED,
        Silence.FAILED,
    }
)
"""Something was said that is no opinion. FAILED too: what broke may have been the reading of an answer."""

NOT_ASKED = frozenset({Silence.NOT_NEEDED, Silence.BARRED, Silence.BUDGET, Silence.RESTING})
"""No request left."""

OUR_CHOICE = frozenset({Silence.NOT_NEEDED, Silence.BARRED})
"""It was not asked because we did not want to; that says nothing of the adviser."""


@dataclass(frozen=True, slots=True)
class Count:
    """The voters' side of a panel."""

    opinions: Sequence[Opinion]
    """The strategies' are one, the last."""
    unusable: Sequence[Abstention]
    """Of strategies at most one."""

    @property
    def answers(self) -> int:
        return len(self.opinions) + len(self.unusable)

    def holding(self, stance: Stance) -> list[Opinion]:
        return [opinion for opinion in self.opinions if opinion.stance is stance]

    def leans_on_strategies(self, stance: Stance) -> bool:
        """Models alone would not have agreed on it."""
        agreeing = self.holding(stance)
        models = models_of(agreeing)
        if len(models) == len(agreeing):
            return False
        return not (len(models) >= QUORUM and 2 * len(models) > self.answers - 1)

    def is_single(self, stance: Stance, purpose: Purpose) -> bool:
        """Of one answer, or not of models alone; an exit may rest on one of them and the strategies."""
        if len(self.opinions) == 1 == self.answers:
            return True
        is_entry = stance.side is not None and purpose is not Purpose.EXIT
        return is_entry and self.leans_on_strategies(stance)


def agree(
    panel: Panel,
    flags: Flags,
    decider: Decider,
    roles: Mapping[str, Role] = EVERYBODY_VOTES,
    purpose: Purpose = Purpose.ENTRY,
    strategies: Strategies = NO_STRATEGIES,
) -> Verdict:
    """Deterministic; the answers' order decides only the order in which they are listed.

    The roles noted on its answers are those in effect: of whom `decider` does not ask, SHADOW.
    """
    seen = _with_roles(panel, decider, roles, strategies, is_exit=purpose is Purpose.EXIT)
    count = _count(seen, strategies, is_exit=purpose is Purpose.EXIT)
    by_rules = decider is Decider.RULES
    who = "The strategies decide" if strategies.is_alone else "The rule-based strategy decides"
    stance, agreeing, rule = _by_rule_book(count.opinions, who) if by_rules else _by_vote(count)
    drawn = Verdict(
        stance=stance,
        confidence=_confidence(agreeing),
        decider=decider,
        is_single=not by_rules and count.is_single(stance, purpose),
        is_unanimous=len(models_of(agreeing)) >= QUORUM and len(agreeing) == count.answers,
        opinions=seen.opinions,
        abstentions=seen.abstentions,
        reasons=(rule,),
    )
    judged = _under_vetoes(_under_flags(drawn, flags))
    return replace(judged, reasons=(*judged.reasons, *_silences(seen.abstentions)))


def is_unusable(silence: Abstention) -> bool:
    """Whether it is an answer that is no opinion, rather than no answer."""
    return silence.why in UNUSABLE


def refused(verdict: Verdict, reason: str) -> Verdict:
    """The hold that is left of it, with `reason` first."""
    return replace(
        verdict,
        stance=Stance.HOLD,
        confidence=0.0,
        share=1.0,
        cautions=(),
        reasons=(reason, *verdict.reasons),
    )


def reduced(verdict: Verdict, share: float, caution: str) -> Verdict:
    """With `share` (0..1) of the size it had, never under `LEAST_SHARE`; a hold has no size to reduce."""
    if verdict.stance is Stance.HOLD or not share < 1:
        return verdict
    left = min(verdict.share, max(verdict.share * share, LEAST_SHARE))
    return replace(verdict, share=left, cautions=(*verdict.cautions, caution))


# ---------------------------------------------------------------- who counts


def models_of(opinions: Iterable[Opinion]) -> list[Opinion]:
    """All but the strategies' one voice."""
    return [one for one in opinions if one.adviser != VOICE]


def _with_roles(
    panel: Panel, decider: Decider, roles: Mapping[str, Role], strategies: Strategies, *, is_exit: bool
) -> Panel:
    def role(adviser: str) -> Role:
        return role_in_effect(adviser, decider, roles, strategies, is_exit=is_exit)

    return Panel(
        tuple(replace(one, role=role(one.adviser)) for one in panel.opinions),
        tuple(replace(one, role=role(one.adviser)) for one in panel.abstentions),
    )


def role_in_effect(
    adviser: str,
    decider: Decider,
    roles: Mapping[str, Role],
    strategies: Strategies = NO_STRATEGIES,
    *,
    is_exit: bool = False,
) -> Role:
    """SHADOW for whoever has no say in such a verdict, whatever its role is set to."""
    if is_strategy(adviser):
        return role_of(adviser, strategies, decider)
    if adviser == RULES_NAME:
        return Role.VOTER if decider is Decider.RULES and not strategies.is_alone else Role.SHADOW
    role = roles.get(adviser, Role.VOTER)
    is_powerless = role is Role.VETO and is_exit
    is_outvoted = role is Role.VOTER and decider is Decider.RULES
    return Role.SHADOW if is_powerless or is_outvoted else role


def _count(panel: Panel, strategies: Strategies, *, is_exit: bool) -> Count:
    voters = [one for one in panel.opinions if one.role is Role.VOTER]
    silent = [one for one in panel.abstentions if one.role is Role.VOTER and is_unusable(one)]
    voice = voice_of(voters, strategies)
    opinions = [one for one in voters if not is_strategy(one.adviser)]
    unusable = [one for one in silent if not is_strategy(one.adviser)]
    if voice is None:
        unusable += [one for one in silent if is_strategy(one.adviser)][:1]
    elif voice.stance is not Stance.HOLD or not is_exit:  # that nothing was signalled holds no exit up
        opinions.append(voice)
    return Count(opinions, [] if is_exit else unusable)


# ---------------------------------------------------------------- what they decide


def _by_rule_book(voters: Sequence[Opinion], who: str) -> tuple[Stance, Sequence[Opinion], str]:
    if not voters:
        return Stance.HOLD, (), f"{who}, and there is no answer: hold."
    stance = voters[0].stance
    return stance, voters[:1], f"{who} (no AI): {stance.value}."


def _by_vote(count: Count) -> tuple[Stance, Sequence[Opinion], str]:
    voters = count.opinions
    if not count.answers:
        return Stance.HOLD, (), "No adviser answered: hold."
    if not voters:
        return Stance.HOLD, (), f"No answer can be used: {_tally(count)}; hold."
    if not models_of(voters):
        return Stance.HOLD, (), "Of those who vote only strategies answered, and a model has to agree: hold."
    if len(voters) == count.answers == 1:
        only = voters[0]
        return only.stance, voters, f"Only {only.adviser} answered: {only.stance.value}, a single opinion."
    stance = max(Stance, key=lambda each: len(count.holding(each)))
    agreeing = count.holding(stance)
    if len(agreeing) >= QUORUM and 2 * len(agreeing) > count.answers:
        rule = f"{len(agreeing)} of {count.answers} answers agree on {stance.value}."
        if stance.side is not None and count.leans_on_strategies(stance):
            rule += " Without the strategies' it would be none: as good as a single opinion."
        return stance, agreeing, rule
    return Stance.HOLD, (), f"No side has two answers and a majority: {_tally(count)}; hold."


def _tally(count: Count) -> str:
    counts = [(len(count.holding(stance)), stance.value) for stance in Stance]
    counts.append((len(count.unusable), "that can't be used"))
    return ", ".join(f"{number} {words}" for number, words in counts if number)


def _confidence(agreeing: Sequence[Opinion]) -> float:
    """Of the models; strategies beside them may only lower it."""
    models = models_of(agreeing)
    return min(map(_mean_confidence, (models, agreeing))) if models else _mean_confidence(agreeing)


def _mean_confidence(agreeing: Sequence[Opinion]) -> float:
    """Over decimals: three times 0.8 is 0.8, never 0.7999999999999999 below a threshold."""
    if not agreeing:
        return 0.0
    total = sum((exact(opinion.confidence) for opinion in agreeing), Decimal(0))
    return float(total / len(agreeing))


# ---------------------------------------------------------------- what may stop or shrink it


def _under_flags(verdict: Verdict, flags: Flags) -> Verdict:
    side = verdict.stance.side
    if side is None or not flags.strikes(side):
        return verdict
    return refused(verdict, _struck(side, flags))


def _struck(side: Side, flags: Flags) -> str:
    named = [
        f"{flag.name} {flag.value} (threshold {flag.threshold})"
        for flag in flags.struck
        if flag.strikes in (None, side)
    ]
    return f"Red flags strike {side.value}: {'; '.join(named)}; hold."


def _under_vetoes(verdict: Verdict) -> Verdict:
    side = verdict.stance.side
    if side is None:
        return verdict
    vetoes = [one for one in verdict.opinions if one.role is Role.VETO]
    against = [one.adviser for one in vetoes if one.stance.side is side.opposite]
    if against:
        return refused(verdict, f"Veto of {', '.join(against)}: {side.opposite.value}; hold.")
    for caution in (*_holding_back(vetoes), *_unheard(verdict.abstentions)):
        verdict = reduced(verdict, VETO_SHARE, caution)
    return verdict


def _holding_back(vetoes: Iterable[Opinion]) -> list[str]:
    return [f"{one.adviser}, which has a veto, holds" for one in vetoes if one.stance is Stance.HOLD]


def _unheard(abstentions: Iterable[Abstention]) -> list[str]:
    """A veto that was not needed is none that is missing."""
    return [
        f"{one.adviser}, which has a veto, was not heard ({one.why.value.replace('_', ' ')})"
        for one in abstentions
        if one.role is Role.VETO and one.why is not Silence.NOT_NEEDED
    ]


def _silences(abstentions: Sequence[Abstention]) -> list[str]:
    return [
        f"{silent.adviser} {_did_not(silent.why)}: {silent.why.value.replace('_', ' ')}."
        for silent in abstentions
    ]


def _did_not(why: Silence) -> str:
    return "was not asked" if why in NOT_ASKED else "abstained"
