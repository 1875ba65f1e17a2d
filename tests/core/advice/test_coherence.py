"""Answers that contradict themselves are none, and an answer that is none makes no trade easier."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.answer import BadAnswer, Source, opinion_of, read_vote
from core.advice.brief import write_brief
from core.advice.verdict import agree
from core.opinion import Abstention, Decider, Flags, Panel, Silence, Stance, Verdict
from tests.core.advice.pictures import TERMS, candles, features, with_frame
from tests.core.advice.test_answer import HOLD, LONG, QUESTION, is_read, silence_of


@pytest.mark.parametrize(
    "changes",
    [
        {"target_atr": 6.4},
        {"target_atr": 0.1},
        {"p_target_first": 0.33},  # needs 1/3 before costs
        {"p_target_first": 0.34},  # and (1 + 0.2/6.5) / 3 after costs of 20 bps at an ATR of 100 bps
        {"p_target_first": 0.0},
        {"p_target_first": 0.1, "confidence": 0.9},
        {"p_target_first": 0.1, "confidence": 0.9, "target_atr": 100.0},
        {"p_target_first": 0.95, "confidence": 0.2},
        {"stop_atr": 0.01, "target_atr": 0.02},  # costs of 20 R
    ],
)
@pytest.mark.parametrize("stance", ["long", "short"])
def test_a_side_that_contradicts_itself_is_invalid(changes: dict[str, Any], stance: str) -> None:
    assert silence_of(stance=stance, **changes) is Silence.INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"p_target_first": 0.35},
        {"target_atr": 6.5, "p_target_first": 0.55},
        {"p_target_first": 0.1, "confidence": 0.8, "target_atr": 62.0},
        {"p_target_first": 1.0, "confidence": 1.0},
        {"p_target_first": 0.9, "confidence": 0.2},
    ],
)
def test_a_side_whose_figures_can_hold_togetheris_read(changes: dict[str, Any]) -> None:
    assert read_vote(json.dumps(LONG | changes), QUESTION).stance is Stance.LONG


def test_costs_that_are_not_known_leave_the_break_even_before_costs() -> None:
    question = write_brief(with_frame(features(), "1h", atr=None), candles(), TERMS).question

    assert read_vote(json.dumps(LONG | {"p_target_first": 0.34}), question).p_target_first == 0.34


@given(
    confidence=st.floats(0, 1),
    chance=st.floats(0, 1),
    stop=st.floats(0, 50, exclude_min=True),
    target=st.floats(0, 100, exclude_min=True),
)
def test_no_side_that_expects_to_lose_by_its_own_figures_is_ever_read(
    confidence: float, chance: float, stop: float, target: float
) -> None:
    changes = {"confidence": confidence, "p_target_first": chance, "stop_atr": stop, "target_atr": target}
    if not is_read(json.dumps(LONG | changes)):
        return

    expected_atr = chance * (target - 0.2) - (1 - chance) * (stop + 0.2)
    assert expected_atr >= -1e-6
    assert target >= stop * (1 - 1e-8)


FATES = {
    "honest": lambda stance: json.dumps(LONG | {"stance": stance}),
    "fabricated": lambda stance: json.dumps(LONG | {"stance": stance, "evidence": ["whales=9"]}),
    "invalid": lambda stance: json.dumps(LONG | {"stance": stance, "confidence": 95}),
    "contradictory": lambda stance: json.dumps(LONG | {"stance": stance, "p_target_first": 0.01}),
    "malformed": lambda stance: f"I vote {stance}.",
}


def judged(*answers: str) -> Verdict:
    opinions, silent = [], []
    for index, text in enumerate(answers):
        try:
            vote = read_vote(text, QUESTION)
            opinions.append(opinion_of(vote, Source(f"adviser{index}", "model-1", "")))
        except BadAnswer as bad:
            silent.append(Abstention(f"adviser{index}", bad.why, bad.detail))
    return agree(Panel(tuple(opinions), tuple(silent)), Flags(), Decider.AI)


@pytest.mark.parametrize("fate", sorted(set(FATES) - {"honest"}))
@pytest.mark.parametrize("others", list(itertools.product(["long", "short", "hold"], repeat=3)))
def test_a_struck_dissenter_never_makes_a_trade_that_its_honest_hold_would_have_prevented(
    fate: str, others: tuple[str, ...]
) -> None:
    honest = [json.dumps((HOLD if each == "hold" else LONG) | {"stance": each}) for each in others]
    with_hold = judged(*honest, json.dumps(HOLD))
    with_struck = judged(*honest, FATES[fate]("short"))

    assert with_struck.stance in (Stance.HOLD, with_hold.stance)
    assert with_struck.confidence <= with_hold.confidence
    assert with_hold.is_unanimous or not with_struck.is_unanimous or with_struck.stance is Stance.HOLD


def test_two_that_agree_beside_two_struck_ones_are_no_majority() -> None:
    two = [json.dumps(LONG)] * 2

    assert judged(*two).stance is Stance.LONG
    assert judged(*two, FATES["fabricated"]("short")).stance is Stance.LONG
    assert judged(*two, FATES["fabricated"]("short"), FATES["invalid"]("short")).stance is Stance.HOLD
