"""What counts as an answer. Everything else is an abstention with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.answer import BadAnswer, read_vote
from core.advice.brief import write_brief
from core.opinion import Silence, Stance
from tests.core.advice.pictures import TERMS, candles, features

LONG: dict[str, Any] = {
    "stance": "long",
    "confidence": 0.8,
    "p_target_first": 0.5,
    "stop_atr": 6.5,
    "target_atr": 13.0,
    "horizon_bars": 96,
    "reasons": ["1h and 4h lean long."],
    "evidence": ["1h.adx14=31.0"],
    "invalidation": "A 1h close below the last swing low.",
}
HOLD = LONG | {
    "stance": "hold",
    "p_target_first": None,
    "stop_atr": None,
    "target_atr": None,
    "horizon_bars": None,
    "evidence": [],
    "invalidation": "",
}


QUESTION = write_brief(features(), candles(), TERMS).question


def silence(text: str) -> Silence:
    with pytest.raises(BadAnswer) as caught:
        read_vote(text, QUESTION)
    return caught.value.why


def silence_of(**changes: Any) -> Silence:
    return silence(json.dumps(LONG | changes))


def test_a_whole_answeris_read() -> None:
    vote = read_vote(json.dumps(LONG), QUESTION)

    assert vote.stance is Stance.LONG
    assert (vote.confidence, vote.stop_atr, vote.target_atr, vote.horizon_bars) == (0.8, 6.5, 13.0, 96)


def test_white_space_around_it_is_no_fault() -> None:
    assert read_vote(f"\n  {json.dumps(LONG)} \n", QUESTION).stance is Stance.LONG


def test_a_hold_needs_no_distances() -> None:
    vote = read_vote(json.dumps(HOLD), QUESTION)

    assert vote.stance is Stance.HOLD
    assert vote.stop_atr is None


def test_the_distances_of_a_hold_are_not_read() -> None:
    vote = read_vote(json.dumps(HOLD | {"stop_atr": 0, "p_target_first": 0.4}), QUESTION)

    assert (vote.stance, vote.stop_atr, vote.p_target_first) == (Stance.HOLD, None, None)


@pytest.mark.parametrize("confidence", [62, 1.0001, -0.1, 850, "high", "0.62", None, True, [0.6]])
def test_a_confidence_of_another_scale_or_kind_is_invalid_and_never_clamped(confidence: object) -> None:
    assert silence_of(confidence=confidence) is Silence.INVALID


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_invalid(number: str) -> None:
    text = json.dumps(LONG).replace("0.8", number, 1)

    assert silence(text) is Silence.INVALID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n ",
        "hold",
        "I would not Buy here; stay out.",
        f"```json\n{json.dumps(LONG)}\n```",
        f"My vote: {json.dumps(LONG)}",
        json.dumps(LONG)[:-40],
        json.dumps(LONG) + json.dumps(LONG),
        json.dumps([LONG]),
        '"long"',
        "[" * 5_000,
        "9" * 6_000,
        json.dumps(LONG | {"reasons": ["x" * 9_000]}),
    ],
)
def test_what_is_not_exactly_one_object_is_malformed(text: str) -> None:
    assert silence(text) is Silence.MALFORMED


def test_a_cut_number_is_never_completed_into_an_order() -> None:
    text = json.dumps(LONG)

    whole = [cut for cut in range(len(text)) if is_read(text[:cut])]

    assert whole == []


@pytest.mark.parametrize("name", sorted(LONG))
def test_a_missing_field_is_invalid(name: str) -> None:
    fields = {key: value for key, value in LONG.items() if key != name}

    assert silence(json.dumps(fields)) is Silence.INVALID


def test_an_unknown_field_is_invalid() -> None:
    assert silence_of(leverage=20) is Silence.INVALID


def test_a_key_that_stands_twice_is_invalid() -> None:
    text = json.dumps(LONG).replace('"confidence": 0.8', '"confidence": 0.8, "confidence": 0.95')

    assert silence(text) is Silence.INVALID


@pytest.mark.parametrize("name", ["p_target_first", "stop_atr", "target_atr", "horizon_bars"])
def test_a_side_without_its_figures_is_invalid(name: str) -> None:
    assert silence_of(**{name: None}) is Silence.INVALID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_atr", 0),
        ("stop_atr", -2),
        ("stop_atr", 50.5),
        ("target_atr", 0),
        ("target_atr", 101),
        ("target_atr", 10**400),
        ("p_target_first", 1.2),
        ("horizon_bars", 0),
        ("horizon_bars", 673),
        ("horizon_bars", 96.0),
        ("horizon_bars", True),
        ("stance", "LONG"),
        ("stance", "buy"),
        ("stance", None),
        ("reasons", []),
        ("reasons", "because"),
        ("reasons", ["a", "b", "c", "d"]),
        ("reasons", ["x" * 121]),
        ("reasons", [" "]),
        ("reasons", [7]),
        ("reasons", ["line\nbreak"]),
        ("reasons", ["turned \u202e round"]),
        ("reasons", ["half a pair \ud800"]),
        ("evidence", []),
        ("evidence", ["1h.adx14=31.0"] * 7),
        ("evidence", ["the trend is up"]),
        ("evidence", ["x" * 81]),
        ("invalidation", ""),
        ("invalidation", "x" * 121),
        ("invalidation", None),
    ],
)
def test_a_field_outside_its_form_is_invalid(name: str, value: object) -> None:
    assert silence_of(**{name: value}) is Silence.INVALID


@given(st.text(max_size=300))
def test_no_text_does_more_than_abstain(text: str) -> None:
    assert not is_read(text)


@given(
    st.dictionaries(
        st.sampled_from([*LONG, "size"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_is_read_is_inside_its_ranges(changes: dict[str, Any]) -> None:
    try:
        vote = read_vote(json.dumps(LONG | changes), QUESTION)
    except BadAnswer:
        return

    assert 0 <= vote.confidence <= 1
    assert vote.stance is Stance.HOLD or (
        0 < (vote.stop_atr or 0) <= 50 and 0 < (vote.target_atr or 0) <= 100
    )
    assert set(vote.evidence) <= {"1h.adx14=31.0"}


def is_read(text: str) -> bool:
    try:
        read_vote(text, QUESTION)
    except BadAnswer:
        return False
    return True
