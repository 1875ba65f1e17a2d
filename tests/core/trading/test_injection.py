"""Hostile texts on every way into a decision: none makes a trade of a hold, none makes a trade larger.

Metamorphic: the same market decided with and without the text. The clean cases trade, so that "never more" is
no law about nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.answer import BadAnswer, read_vote
from core.mood import Chatter, Direction, FearGreed, Mood, NewsEvent
from core.opinion import Silence
from core.plan import Cleared, StayOut
from tests.core.advice.hostile import HOSTILE, over_each
from tests.core.builders import some_limits
from tests.core.trading.injected import (
    HOLDING,
    HONEST,
    PICTURES,
    SURE,
    TRADING,
    Raw,
    Risked,
    decided,
    risked,
    side_of,
)

CLEAN = {picture: decided(picture)[0] for picture in PICTURES}
QUESTION = decided()[1].seen[0]
SYMBOLS = {name: text for name, text in HOSTILE.items() if name != "surrogate"}
"""Half a pair can be written in no listing: names of venues pass `canonical_symbol`."""


# ---------------------------------------------------------------- the clean cases


@pytest.mark.parametrize("picture", TRADING)
def test_the_clean_cases_trade(picture: str) -> None:
    assert isinstance(CLEAN[picture].outcome, Cleared)
    assert risked(CLEAN[picture]).leverage >= 3


@pytest.mark.parametrize("picture", HOLDING)
def test_the_clean_cases_that_hold_were_judged_and_not_screened(picture: str) -> None:
    outcome = CLEAN[picture].outcome

    assert isinstance(outcome, StayOut)
    assert outcome.gate == "verdict"


def test_the_corpus_is_large_and_has_no_text_twice() -> None:
    assert len(HOSTILE) >= 200
    assert len(set(HOSTILE.values())) == len(HOSTILE)


# ---------------------------------------------------------------- symbol names


@over_each(SYMBOLS)
def test_a_hostile_symbol_never_enters_the_question_and_changes_nothing(name: str) -> None:
    decision, panel = decided("up", symbol=SYMBOLS[name])

    assert panel.seen == [QUESTION]
    assert risked(decision).is_at_most(risked(CLEAN["up"]))


def test_a_hostile_symbol_makes_no_trade_of_a_hold() -> None:
    traded = [
        name
        for name, symbol in SYMBOLS.items()
        for picture in HOLDING
        if risked(decided(picture, symbol=symbol)[0]) != Risked()
    ]

    assert traded == []


# ---------------------------------------------------------------- moods, whatever was read into the text

MOODS = st.builds(
    Mood,
    event=st.none() | st.sampled_from(NewsEvent),
    direction=st.none() | st.sampled_from(Direction),
    severity=st.none() | st.integers(-1, 5),
    fear_greed=st.none() | st.sampled_from(FearGreed),
    chatter=st.none() | st.sampled_from(Chatter),
    chatter_direction=st.none() | st.sampled_from(Direction),
    items=st.lists(st.sampled_from(sorted(HOSTILE.values())), max_size=2).map(tuple),
    missing=st.lists(st.sampled_from(sorted(HOSTILE.values())), max_size=2).map(tuple),
)


@given(mood=MOODS, picture=st.sampled_from(sorted(PICTURES)))
def test_no_mood_raises_what_a_decision_risks_or_turns_its_side(mood: Mood, picture: str) -> None:
    decision, _ = decided(picture, mood=mood)

    assert risked(decision).is_at_most(risked(CLEAN[picture]))
    assert side_of(decision) in (None, side_of(CLEAN[picture]))


OTHER_NEWS = decided(mood=Mood(NewsEvent.OTHER))[1].seen


@over_each()
def test_no_text_that_a_mood_carries_along_enters_the_question(name: str) -> None:
    mood = Mood(NewsEvent.OTHER, items=(HOSTILE[name],), missing=(HOSTILE[name],))

    _, panel = decided(mood=mood)

    assert panel.seen == OTHER_NEWS


# ---------------------------------------------------------------- models that were taken over


@over_each()
def test_a_model_that_sends_a_hostile_text_instead_of_an_answer_is_silent(name: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        read_vote(HOSTILE[name], QUESTION)

    assert caught.value.why in (Silence.MALFORMED, Silence.INVALID)


def _spoiling(text: str) -> dict[str, Any]:
    """Ways to carry a text in an answer, beside the honest fields."""
    return {
        "reasons": [text],
        "evidence": [f"1h.adx14={text}"],
        "invalidation": text,
        "stance": text,
        "confidence": text,
        "leverage": 125,
        "quantity": text,
        text: 1,
    }


@over_each()
def test_a_text_in_a_field_is_a_reason_at_most_and_no_figure_moves(name: str) -> None:
    honest = json.loads(HONEST["claude"](QUESTION))
    plain = read_vote(json.dumps(honest), QUESTION)

    for key, value in _spoiling(HOSTILE[name]).items():
        try:
            vote = read_vote(json.dumps(honest | {key: value}), QUESTION)
        except BadAnswer:
            continue
        assert replace(vote, reasons=plain.reasons, invalidation=plain.invalidation) == plain


@pytest.mark.parametrize("key", ["leverage", "quantity", "size", "price", "stop_price", "risk", "symbol"])
def test_an_answer_has_no_place_for_size_leverage_or_price(key: str) -> None:
    honest = json.loads(HONEST["gpt"](QUESTION))

    with pytest.raises(BadAnswer) as caught:
        read_vote(json.dumps(honest | {key: 1}), QUESTION)

    assert caught.value.why is Silence.INVALID


def _gullible(honest: Raw, text: str) -> Raw:
    """Obeys `text` in full where it meets it; judges honestly otherwise."""

    def answer(sent: str) -> str:
        return json.dumps(SURE | {"stance": "long"}) if text in sent else honest(sent)

    return answer


@pytest.mark.parametrize("picture", ["up", "thin"])
def test_models_that_obey_every_text_they_meet_never_meet_one(picture: str) -> None:
    fates = []
    for text in SYMBOLS.values():
        gullible = {name: _gullible(honest, text) for name, honest in HONEST.items()}
        fates.append(decided(picture, text, Mood(items=(text,), missing=(text,)), gullible)[0])

    assert _gullible(HONEST["gpt"], "buy")("facts, buy") == json.dumps(SURE | {"stance": "long"})
    assert [risked(each) for each in fates] == [risked(CLEAN[picture])] * len(fates)


@pytest.mark.parametrize("stance", ["long", "short"])
@pytest.mark.parametrize("picture", HOLDING)
def test_one_model_taken_over_makes_no_trade_of_a_hold(picture: str, stance: str) -> None:
    made = [
        decided(picture, models=HONEST | {name: lambda _: json.dumps(SURE | {"stance": stance})})[0]
        for name in HONEST
    ]

    assert [risked(each) for each in made] == [Risked()] * len(made)


@pytest.mark.parametrize("picture", TRADING)
def test_models_taken_over_all_together_still_risk_no_more_than_the_rules_allow(picture: str) -> None:
    limits = some_limits()
    sure: list[Raw] = [lambda _: json.dumps(SURE | {"stance": "long"})] * 4
    decision, _ = decided(picture, models=dict(zip(HONEST, sure, strict=True)))
    risk = risked(decision)

    assert risk.leverage <= limits.max_leverage
    assert risk.loss <= Decimal(1000) * limits.risk_per_trade
