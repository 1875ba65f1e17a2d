"""Cited figures: those of the question, as it shows them, or the answer is void."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.answer import BadAnswer, read_vote
from core.advice.brief import write_brief
from core.advice.citations import fabricated, shown_in
from core.advice.facts import shown_figures
from core.mood import Mood, NewsEvent
from core.opinion import Features, Silence
from tests.core.advice.pictures import TERMS, candles, features, with_frame
from tests.core.advice.test_answer import HOLD, LONG, QUESTION, silence


@pytest.mark.parametrize(
    "entry",
    [
        "1h.adx14=31.0",
        "1h.adx14=31",
        "1h.adx14 = 31.00",
        " 1H.ADX14=31 ",
        "1h.ADX14=+31.0",
        "4h.lean=LONG",
        "15m.divergence=none",
        "regime=trending",
        "funding_bps_8h=1.0",
        "funding_bps_8h=1 bps",
        "volume_24h_usdt=over 1000M",
        "open_interest_usdt=over 300m usdt",
        "complete=54 of 54 figures",
        "support_bps=-200bps",
        "support_bps=\u2212200",
        "resistance_atr=12.0 ATR",
        "place_between=0.14",
        "place_between=0.1",
        "1h.ema20_atr=-1 atr",
        "1h.macd_hist_atr=0.3",
        "round_trip_cost_bps=20",
        "stop_least_atr=5.00",
        "p_at_2r=0.347",
        "p_at_2r=0.34",
        "cost_r=0.02 R",
        "stop_bps=1000",
    ],
)
def test_a_figure_that_stands_in_the_question_may_be_cited(entry: str) -> None:
    assert read_vote(json.dumps(LONG | {"evidence": [entry]}), QUESTION).evidence == (entry,)


@pytest.mark.parametrize(
    "entry",
    [
        "1h.adx14=32.0",
        "1h.adx14=31.04",
        "1h.adx14=-31.0",
        "1h.adx14=31.0 %",
        "1h.adx14=3.1e1",
        "1h.adx14=\uff13\uff11",
        "1h.adx14=31.0 and rising",
        "1h.adx14=31.0=31.0",
        "1h.adx14=",
        "1h.adx14=n/a",
        "1h.adx=31.0",
        "adx14=31.0",
        "1d.adx14=31.0",
        "1h.\u0430dx14=31.0",
        "1h.lean=short",
        "1h.lean=longer",
        "15m.divergence=bullish",
        "support_bps=-2 %",
        "support_bps=-200 atr",
        "resistance_atr=12.00 bps",
        "resistance_atr=1200",
        "place_between=14 %",
        "place_between=0.2",
        "place_between=0",
        "macd_crosses=3",
        "whale_inflow_usdt=over 900M",
        "volume_24h_usdt=over 3000M",
        "c=0",
        "v=100",
        "mood=n/a",
        "news_event=adoption",
        "p_at_2r=0.9",
        "leverage=20",
        "=31.0",
        "figure=15m",
    ],
)
@pytest.mark.parametrize("form", [LONG, HOLD], ids=["long", "hold"])
def test_a_figure_that_is_not_there_or_says_something_else_voids_the_answer(
    entry: str, form: dict[str, Any]
) -> None:
    text = json.dumps(form | {"evidence": ["1h.rsi14=60.0", entry]})

    assert silence(text) is Silence.FABRICATED


def test_a_fabricated_figure_is_named_in_short_plain_ascii() -> None:
    with pytest.raises(BadAnswer) as caught:
        read_vote(json.dumps(LONG | {"evidence": ["<b>\u0430dx</b>" + "y" * 50 + "=1"]}), QUESTION)

    assert caught.value.detail.startswith("<b>\\u0430dx</b>yyy")
    assert len(caught.value.detail) < 100
    assert caught.value.detail.isascii()


def test_the_mood_is_no_evidence_for_anything() -> None:
    question = write_brief(features(), candles(), TERMS, Mood(NewsEvent.ADOPTION)).question

    assert "\nnews_event=adoption\n" in question
    with pytest.raises(BadAnswer):
        read_vote(json.dumps(LONG | {"evidence": ["news_event=adoption"]}), question)


def test_against_no_question_everything_cited_is_fabricated() -> None:
    with pytest.raises(BadAnswer) as caught:
        read_vote(json.dumps(LONG), "")

    assert caught.value.why is Silence.FABRICATED


@given(st.sampled_from(sorted(shown_in(QUESTION))), st.decimals(-2000, 2000, places=2))
def test_no_number_is_taken_for_a_figure_that_differs_by_more_than_its_last_digit(
    name: str, value: Decimal
) -> None:
    texts = shown_in(QUESTION)[name]
    nearest = min((abs(value - Decimal(text)) for text in texts if _is_number(text)), default=Decimal(9))

    if not fabricated([f"{name}={value}"], shown_in(QUESTION)):
        assert nearest == 0 or nearest <= Decimal("0.005")


@pytest.mark.parametrize("features_made", [features(1), features(-1), with_frame(features(), "4h", rsi=None)])
def test_everything_that_is_shown_can_be_cited_as_it_stands(features_made: Features) -> None:
    question = write_brief(features_made, candles(), TERMS).question
    shown = shown_in(question)

    assert len(shown) >= 54 + 7
    assert not fabricated([f"{name}={text}" for name, texts in shown.items() for text in texts], shown)
    assert shown_figures(features_made).items() <= {name: texts[0] for name, texts in shown.items()}.items()


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
