"""What a veto, a shadow and an answer that can't be used may do to a verdict: refuse, reduce, nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.score import opportunity_score
from core.advice.verdict import LEAST_SHARE, RULES_NAME, UNUSABLE, agree, reduced, refused
from core.market import Side
from core.opinion import (
    Abstention,
    Decider,
    Flag,
    Flags,
    Opinion,
    Panel,
    Purpose,
    Role,
    Silence,
    Stance,
    Verdict,
    behind,
)
from tests.core.advice.pictures import features, opinion

VETO = {"grok": Role.VETO}
BAD = sorted(UNUSABLE)
UNHEARD = sorted(set(Silence) - UNUSABLE - {Silence.NOT_NEEDED})


def answer(name: str, said: str, confidence: float = 0.8) -> Opinion | Abstention:
    """A stance, or the reason of a silence."""
    if said in set(Stance):
        return opinion(name, said, confidence)
    return Abstention(name, Silence(said), "a detail")


def panel(answers: Sequence[Opinion | Abstention]) -> Panel:
    return Panel(
        tuple(one for one in answers if isinstance(one, Opinion)),
        tuple(one for one in answers if isinstance(one, Abstention)),
    )


def verdict(
    said: Mapping[str, str],
    roles: Mapping[str, Role] = VETO,
    decider: Decider = Decider.AI,
    purpose: Purpose = Purpose.ENTRY,
) -> Verdict:
    answers = panel([answer(name, words) for name, words in said.items()])
    return agree(answers, Flags(), decider, roles, purpose)


# ---------------------------------------------------------------- answers that can't be used


@pytest.mark.parametrize("why", BAD)
def test_an_answer_that_cannot_be_used_stands_in_the_way_like_a_hold(why: Silence) -> None:
    assert verdict({"claude": "long", "gpt": why}).stance is Stance.HOLD
    assert verdict({"claude": "long", "gpt": "long", "deepseek": why, "xai": why}).stance is Stance.HOLD


def test_two_of_three_still_agree_beside_an_answer_that_cannot_be_used() -> None:
    made = verdict({"claude": "long", "gpt": "long", "deepseek": Silence.INVALID})

    assert (made.stance, made.is_unanimous) == (Stance.LONG, False)
    assert made.reasons == ("2 of 3 answers agree on long.", "deepseek abstained: invalid.")


def test_one_opinion_beside_an_answer_that_cannot_be_used_is_not_even_shown() -> None:
    made = verdict({"claude": "long", "gpt": Silence.FABRICATED})

    assert (made.stance, made.is_single, made.confidence) == (Stance.HOLD, False, 0.0)
    assert made.reasons[0] == "No side has two answers and a majority: 1 long, 1 that can't be used; hold."


def test_answers_that_cannot_be_used_alone_are_a_hold_that_says_so() -> None:
    made = verdict({"claude": Silence.MALFORMED, "gpt": Silence.REFUSED})

    assert made.stance is Stance.HOLD
    assert made.reasons[0] == "No answer can be used: 2 that can't be used; hold."


@pytest.mark.parametrize("why", sorted(set(Silence) - UNUSABLE))
def test_who_was_not_heard_is_no_answer(why: Silence) -> None:
    made = verdict({"claude": "long", "gpt": "long", "deepseek": why, "xai": why})

    assert (made.stance, made.is_unanimous) == (Stance.LONG, True)


SAID = st.sampled_from([*Stance, *Silence])
NAMES = ("claude", "gpt", "deepseek", "grok")
ROLES = st.fixed_dictionaries({name: st.sampled_from(Role) for name in NAMES})
DECIDERS = st.sampled_from(Decider)
CONFIDENCES = st.floats(0, 1)
FLAGS = st.sampled_from([Flags(), Flags((Flag("any", "1", "0", Side.LONG),))])


@st.composite
def answers(draw: st.DrawFn) -> list[Opinion | Abstention]:
    """The models', and sometimes the rule-based one."""
    names = draw(st.lists(st.sampled_from([*NAMES, RULES_NAME]), unique=True))
    return [
        answer(name, draw(st.sampled_from(Stance) if name == RULES_NAME else SAID), draw(CONFIDENCES))
        for name in names
    ]


def strength(made: Verdict) -> tuple[bool, float, float, float]:
    """Whether it trades, how sure, how large, with which score."""
    score = opportunity_score(made, Side.LONG, features(), Decimal(2))
    return made.stance is not Stance.HOLD, made.confidence, made.share, score.total


@given(answers(), ROLES, DECIDERS, FLAGS)
def test_an_honest_hold_instead_of_a_bad_answer_changes_neither_side_nor_size(
    given_answers: list[Opinion | Abstention], roles: dict[str, Role], decider: Decider, flags: Flags
) -> None:
    honest = [
        opinion(one.adviser, "hold") if isinstance(one, Abstention) and one.why in UNUSABLE else one
        for one in given_answers
    ]
    bad, good = (agree(panel(each), flags, decider, roles) for each in (given_answers, honest))

    assert (bad.stance, bad.share) == (good.stance, good.share)
    assert not (bad.is_unanimous and not good.is_unanimous)
    assert bad.is_single == good.is_single or bad.stance is Stance.HOLD


# ---------------------------------------------------------------- vetoes


def test_a_veto_for_the_other_side_refuses() -> None:
    made = verdict({"claude": "long", "gpt": "long", "grok": "short"})

    assert (made.stance, made.confidence, made.share) == (Stance.HOLD, 0.0, 1.0)
    assert made.reasons[0] == "Veto of grok: short; hold."


def test_a_veto_that_holds_halves_the_size() -> None:
    made = verdict({"claude": "long", "gpt": "long", "grok": "hold"})

    assert (made.stance, made.share) == (Stance.LONG, 0.5)
    assert made.cautions == ("grok, which has a veto, holds",)


@pytest.mark.parametrize("why", [*UNHEARD, *BAD])
def test_a_veto_that_was_not_heard_halves_the_size(why: Silence) -> None:
    made = verdict({"claude": "long", "gpt": "long", "grok": why})

    assert (made.stance, made.share) == (Stance.LONG, 0.5)
    assert made.cautions == (f"grok, which has a veto, was not heard ({why.value.replace('_', ' ')})",)


def test_a_veto_that_agrees_or_was_not_needed_leaves_all_as_it_was() -> None:
    without = verdict({"claude": "long", "gpt": "long"})

    for said in ("long", Silence.NOT_NEEDED):
        made = verdict({"claude": "long", "gpt": "long", "grok": said})
        assert strength(made) == strength(without)
        assert made.cautions == ()


def test_a_veto_is_no_second_vote() -> None:
    made = verdict({"claude": "long", "grok": "long"})

    assert (made.stance, made.is_single, made.is_unanimous) == (Stance.LONG, True, False)


def test_a_veto_alone_is_no_opinion_to_trade_on() -> None:
    assert verdict({"grok": "long"}).reasons == ("No adviser answered: hold.",)


def test_a_veto_holds_against_the_rules_too() -> None:
    made = verdict({"rules": "long", "grok": "short"}, decider=Decider.RULES)

    assert made.stance is Stance.HOLD
    assert made.reasons[0] == "Veto of grok: short; hold."


def test_any_number_of_vetoes_leaves_the_least_share() -> None:
    roles = dict.fromkeys(("gpt", "grok", "deepseek"), Role.VETO)
    made = verdict({"rules": "long", "gpt": "hold", "grok": "hold", "deepseek": "hold"}, roles, Decider.RULES)

    assert (made.share, len(made.cautions)) == (LEAST_SHARE, 3)


@given(answers(), ROLES, DECIDERS, FLAGS, st.sampled_from(Purpose))
def test_a_veto_never_raises_anything(
    given_answers: list[Opinion | Abstention],
    roles: dict[str, Role],
    decider: Decider,
    flags: Flags,
    purpose: Purpose,
) -> None:
    others = [one for one in given_answers if roles.get(one.adviser) is not Role.VETO]
    made = agree(panel(given_answers), flags, decider, roles, purpose)
    without = agree(panel(others), flags, decider, roles, purpose)

    assert made.stance in (without.stance, Stance.HOLD)
    assert made.is_single == without.is_single
    assert all(a <= b for a, b in zip(strength(made), strength(without), strict=True))


# ---------------------------------------------------------------- shadows


def test_a_shadow_is_listed_without_effect() -> None:
    made = verdict({"claude": "long", "gpt": "long", "grok": "short"}, {"grok": Role.SHADOW})

    assert (made.stance, made.is_unanimous, made.share) == (Stance.LONG, True, 1.0)
    assert [one.role for one in made.opinions] == [Role.VOTER, Role.VOTER, Role.SHADOW]


@given(answers(), answers(), ROLES, DECIDERS, FLAGS, st.sampled_from(Purpose))
def test_what_shadows_say_changes_nothing(
    given_answers: list[Opinion | Abstention],
    other_answers: list[Opinion | Abstention],
    roles: dict[str, Role],
    decider: Decider,
    flags: Flags,
    purpose: Purpose,
) -> None:
    def is_shadow(one: Opinion | Abstention) -> bool:
        return roles.get(one.adviser) is Role.SHADOW

    plain = [one for one in given_answers if not is_shadow(one)]
    altered = [*plain, *(one for one in other_answers if is_shadow(one))]
    made, without, other = (
        agree(panel(each), flags, decider, roles, purpose) for each in (given_answers, plain, altered)
    )

    for each in (made, other):
        assert (each.stance, *strength(each)) == (without.stance, *strength(without))
        assert (each.is_single, each.is_unanimous) == (without.is_single, without.is_unanimous)
        assert (each.cautions, each.reasons[0]) == (without.cautions, without.reasons[0])
        assert all(behind(each, side) == behind(without, side) for side in Side)


# ---------------------------------------------------------------- who is behind a side


def test_behind_a_side_stand_its_voters_only() -> None:
    roles = {"grok": Role.VETO, "deepseek": Role.SHADOW}
    said = {"claude": "long", "gpt": "long", "grok": "long", "deepseek": "long", RULES_NAME: "long"}

    assert [one.adviser for one in behind(verdict(said, roles), Side.LONG)] == ["claude", "gpt"]
    assert [one.adviser for one in behind(verdict(said, roles, Decider.RULES), Side.LONG)] == [RULES_NAME]
    assert behind(None, Side.LONG) == ()


# ---------------------------------------------------------------- exits


def test_nothing_broken_and_no_veto_holds_an_exit_up() -> None:
    said = {"claude": "short", "gpt": "short", "grok": "long", "deepseek": Silence.INVALID, "x": "invalid"}

    assert verdict(said).stance is Stance.HOLD
    made = verdict(said, purpose=Purpose.EXIT)
    assert (made.stance, made.share, made.cautions) == (Stance.SHORT, 1.0, ())


def test_an_exit_still_needs_two_and_a_majority() -> None:
    said = {"claude": "short", "gpt": "short", "deepseek": "hold", "x": "long"}

    assert verdict(said, purpose=Purpose.EXIT).stance is Stance.HOLD


# ---------------------------------------------------------------- reducing


@given(st.floats(0, 2), st.floats(0.01, 1))
def test_reducing_never_raises_a_share(share: float, left: float) -> None:
    made = replace(verdict({"claude": "long", "gpt": "long"}), share=left)

    assert 0 < reduced(made, share, "why").share <= left


def test_what_is_refused_is_a_plain_hold() -> None:
    made = refused(verdict({"claude": "long", "gpt": "long", "grok": "hold"}), "No.")

    assert (made.stance, made.confidence, made.share, made.cautions) == (Stance.HOLD, 0.0, 1.0, ())
    assert made.reasons[0] == "No."
