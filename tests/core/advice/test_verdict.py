"""How answers become a verdict, and how they don't."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.verdict import RULES_NAME, agree
from core.market import Side
from core.opinion import Abstention, Decider, Flag, Flags, Panel, Role, Silence, Stance, Verdict
from tests.core.advice.pictures import opinion

NAMES = ("claude", "gpt", "deepseek", "grok")
NO_FLAGS = Flags()
AGAINST_LONG = Flags((Flag("timeframes", "1 of 3", "2", Side.LONG),))


def verdict(*stances: str, flags: Flags = NO_FLAGS, confidence: float = 0.8) -> Verdict:
    opinions = tuple(opinion(name, stance, confidence) for name, stance in zip(NAMES, stances, strict=False))
    return agree(Panel(opinions), flags, Decider.AI)


@pytest.mark.parametrize(
    ("stances", "expected"),
    [
        (("long", "long"), Stance.LONG),
        (("short", "short", "hold"), Stance.SHORT),
        (("long", "long", "short"), Stance.LONG),
        (("long", "long", "long", "short"), Stance.LONG),
        (("long", "short"), Stance.HOLD),
        (("long", "hold"), Stance.HOLD),
        (("long", "long", "hold", "hold"), Stance.HOLD),
        (("long", "long", "short", "short"), Stance.HOLD),
        (("long", "long", "short", "hold"), Stance.HOLD),
        (("hold", "hold", "long"), Stance.HOLD),
        (("long", "short", "hold"), Stance.HOLD),
        ((), Stance.HOLD),
    ],
)
def test_a_side_needs_two_and_a_majority(stances: tuple[str, ...], expected: Stance) -> None:
    assert verdict(*stances).stance is expected


def test_confidence_is_the_mean_of_those_who_agree() -> None:
    answers = (opinion("claude", "long", 0.7), opinion("gpt", "long", 0.9), opinion("grok", "short", 0.99))

    assert agree(Panel(answers), NO_FLAGS, Decider.AI).confidence == 0.8


@pytest.mark.parametrize("confidence", [0.8, 0.75, 0.7, 0.1])
def test_equal_confidences_keep_their_value_at_a_threshold(confidence: float) -> None:
    assert verdict("long", "long", "long", confidence=confidence).confidence == confidence


def test_without_agreement_there_is_no_confidence() -> None:
    assert verdict("long", "short").confidence == 0.0


def test_a_struck_side_cannot_win() -> None:
    made = verdict("long", "long", "long", flags=AGAINST_LONG)

    assert made.stance is Stance.HOLD
    assert made.confidence == 0.0
    assert made.reasons[0] == "Red flags strike long: timeframes 1 of 3 (threshold 2); hold."


def test_a_flag_against_the_other_side_does_not_strike() -> None:
    assert verdict("short", "short", flags=AGAINST_LONG).stance is Stance.SHORT


def test_a_single_answer_is_marked_as_such() -> None:
    made = agree(
        Panel((opinion("gpt", "long"),), (Abstention("claude", Silence.TIMEOUT, "late"),)),
        NO_FLAGS,
        Decider.AI,
    )

    assert made.stance is Stance.LONG
    assert made.is_single
    assert not made.is_unanimous
    assert made.reasons == ("Only gpt answered: long, a single opinion.", "claude abstained: timeout.")


def test_a_struck_single_answer_is_a_hold() -> None:
    made = verdict("long", flags=AGAINST_LONG)

    assert (made.stance, made.is_single) == (Stance.HOLD, True)


def test_nobody_answering_is_a_hold() -> None:
    made = agree(Panel((), (Abstention("gpt", Silence.DEADLINE, "late"),)), NO_FLAGS, Decider.AI)

    assert made.stance is Stance.HOLD
    assert made.reasons == ("No adviser answered: hold.", "gpt abstained: deadline.")


def test_unanimity_needs_two() -> None:
    assert verdict("long", "long").is_unanimous
    assert not verdict("long", "long", "hold").is_unanimous
    assert not verdict("long").is_unanimous


def test_rules_decide_where_they_are_set_and_a_model_has_no_effect() -> None:
    answers = (opinion(RULES_NAME, "short", 0.78), opinion("gpt", "long", 0.9))
    made = agree(Panel(answers), NO_FLAGS, Decider.RULES)

    assert (made.stance, made.confidence, made.decider) == (Stance.SHORT, 0.78, Decider.RULES)
    assert not made.is_single
    assert made.opinions == (answers[0], replace(answers[1], role=Role.SHADOW))
    assert made.reasons == ("The rule-based strategy decides (no AI): short.",)


def test_rules_that_gave_no_answer_are_a_hold_whatever_models_say() -> None:
    answers = (opinion("claude", "long"), opinion("gpt", "long"))

    assert agree(Panel(answers), NO_FLAGS, Decider.RULES).stance is Stance.HOLD


def test_rules_have_no_vote_among_models() -> None:
    answers = (opinion(RULES_NAME, "long"), opinion("gpt", "long"), opinion("claude", "hold"))

    assert agree(Panel(answers), NO_FLAGS, Decider.AI).stance is Stance.HOLD


def test_a_struck_side_of_the_rules_cannot_win_either() -> None:
    made = agree(Panel((opinion(RULES_NAME, "long"),)), AGAINST_LONG, Decider.RULES)

    assert made.stance is Stance.HOLD


SIDES = st.sampled_from(["long", "short", "hold"])
STRUCK = st.sampled_from([None, Side.LONG, Side.SHORT])


@given(st.lists(SIDES, max_size=4), st.lists(STRUCK, max_size=2), st.floats(0, 1))
def test_a_verdict_never_has_more_behind_it_than_its_answers(
    stances: list[str], strikes: list[Side | None], confidence: float
) -> None:
    flags = Flags(tuple(Flag("any", "1", "0", side) for side in strikes))
    made = verdict(*stances, flags=flags, confidence=confidence)
    votes = Counter(stances)

    assert 0 <= made.confidence <= 1
    if made.stance.side is not None:
        behind = votes[made.stance.value]
        assert not flags.strikes(made.stance.side)
        assert made.is_single or (behind >= 2 and 2 * behind > len(stances))


@given(st.permutations([("claude", "long"), ("gpt", "short"), ("grok", "long"), ("deepseek", "hold")]))
def test_the_order_of_answers_changes_no_verdict(answers: list[tuple[str, str]]) -> None:
    made = agree(Panel(tuple(opinion(*answer) for answer in answers)), NO_FLAGS, Decider.AI)

    assert (made.stance, made.confidence) == (Stance.HOLD, 0.0)
