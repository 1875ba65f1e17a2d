"""The question: compact, the same for the same bar, and blind to what it must not show."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.advice.answer import VOTE_SCHEMA, read_vote
from core.advice.brief import (
    BARS_SHOWN,
    BRIEF_VERSION,
    break_even_probability,
    order_of,
    write_brief,
)
from core.market import Candles, Regime, Side
from core.mood import Chatter, Direction, FearGreed, Mood, NewsEvent
from core.opinion import Features, Stance
from tests.core.advice.pictures import CLOSED_AT, SYMBOL, TERMS, candles, features, with_frame

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_HASH = "549a5ef337f3d46371d6560be2c97c2fd31a282fa5bc71b62a00ff87c450fe95"
MOOD = Mood(NewsEvent.HACKED, Direction.DOWN, 3, FearGreed.EXTREME_FEAR, Chatter.SPIKE)


def test_the_text_is_the_golden_one_of_its_version() -> None:
    brief = write_brief(features(), candles(), TERMS)
    golden = GOLDEN / f"brief-{BRIEF_VERSION}.txt"

    assert f"{brief.system}\n=====\n{brief.question}" == golden.read_text()


def test_a_poor_picture_in_a_loud_mood_is_the_golden_one_of_its_version() -> None:
    made = with_frame(features(-1, Regime.RANGING, funding_per_8h=None), "4h", sma_long=None, rsi=None)
    brief = write_brief(made, candles(bars=8), TERMS, MOOD)
    golden = GOLDEN / f"brief-{BRIEF_VERSION}-poor.txt"

    assert brief.question == golden.read_text()


def test_the_hash_of_the_golden_question_is_pinned_so_that_no_text_changes_under_an_old_version() -> None:
    assert write_brief(features(), candles(), TERMS).hash == GOLDEN_HASH


def test_the_same_bar_gives_the_same_question_byte_for_byte() -> None:
    first = write_brief(features(), candles(), TERMS)
    second = write_brief(features(), candles(), TERMS)

    assert first.question == second.question
    assert first.version == BRIEF_VERSION


def test_rolling_sums_that_move_inside_a_bar_do_not_change_the_question() -> None:
    before = write_brief(features(quote_volume_24h=1.234e9, open_interest=3.9e8), candles(), TERMS)
    after = write_brief(features(quote_volume_24h=1.241e9, open_interest=3.95e8), candles(), TERMS)

    assert before.question == after.question


def test_a_funding_rate_that_is_still_estimated_may_move_a_little_inside_a_bar() -> None:
    before = write_brief(features(funding_per_8h=0.00009), candles(), TERMS)
    after = write_brief(features(funding_per_8h=0.00011), candles(), TERMS)
    dearer = write_brief(features(funding_per_8h=0.00014), candles(), TERMS)

    assert before.question == after.question
    assert "\nfunding_bps_8h=1.0\n" in after.question
    assert "\nfunding_bps_8h=1.5\n" in dearer.question


def test_symbol_date_and_price_level_stay_out_of_the_question() -> None:
    scaled = {
        name: Candles(SYMBOL, name, made.rows * np.array([1, 7.3, 7.3, 7.3, 7.3, 9.1]))
        for name, made in candles().items()
    }
    plain = write_brief(features(), candles(), TERMS).question
    later = write_brief(features(bar_closed_at=CLOSED_AT + timedelta(days=400)), candles(), TERMS).question
    dearer = write_brief(_times(7.3), scaled, TERMS).question

    assert "SOL" not in plain
    assert "2026" not in plain
    assert later == plain
    assert dearer == plain


def test_a_missing_figure_is_told_as_missing_and_counted() -> None:
    made = with_frame(features(funding_per_8h=None), "4h", sma_long=None, rsi=None)
    question = write_brief(made, candles(), TERMS).question

    assert "sma200_atr,5.00" not in question
    assert "complete=51 of 54 figures" in question
    assert "missing=4h.rsi14 4h.sma200_atr funding_bps_8h" in question


def test_without_an_hourly_atr_no_distance_is_invented() -> None:
    question = write_brief(with_frame(features(), "1h", atr=None), candles(), TERMS).question

    assert "stop_least_atr=n/a\nstop_most_atr=n/a\n" in question
    assert "support_bps=-200\nsupport_atr=n/a\n" in question


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_not_finite_is_missing(value: float) -> None:
    question = write_brief(with_frame(features(), "1h", rsi=value), candles(), TERMS).question

    assert "rsi14,60.0,n/a,60.0" in question


def test_a_tiny_negative_figure_is_told_as_zero() -> None:
    question = write_brief(with_frame(features(), "1h", obv_slope=-0.001), candles(), TERMS).question

    assert "obv_slope,0.40,0.00,0.40" in question


def test_a_divergence_is_told_by_its_direction() -> None:
    question = write_brief(with_frame(features(), "1h", divergence=Side.SHORT), candles(), TERMS).question

    assert "divergence,none,bearish,none" in question


def test_candles_are_told_oldest_first_against_the_last_close() -> None:
    question = write_brief(features(), candles(), TERMS).question
    table = question.split("CANDLES 15m")[1].split("\n\n")[0].splitlines()

    assert table[1] == "c,up,dn,v"
    assert len(table) == 2 + BARS_SHOWN["15m"]
    assert table[-1] == "0,40,50,100"


def test_short_history_shows_what_there_is() -> None:
    question = write_brief(features(), candles(bars=5), TERMS).question

    assert "CANDLES 4h, 5 of 24 bars" in question


def test_bars_without_volume_are_told_as_missing() -> None:
    silent = {name: Candles(SYMBOL, name, made.rows * [1, 1, 1, 1, 1, 0]) for name, made in candles().items()}
    question = write_brief(features(), silent, TERMS).question

    assert "0,40,50,n/a" in question


def test_the_example_in_the_rubric_is_a_valid_vote() -> None:
    rubric = write_brief(features(), candles(), TERMS).system
    example = rubric.strip().splitlines()[-1]
    question = write_brief(with_frame(features(), "1h", adx=17.2), candles(), TERMS).question

    assert list(json.loads(example)) == VOTE_SCHEMA["required"]
    assert read_vote(example, question).confidence == 0.7


def test_the_rubric_names_every_key_and_claims_no_record() -> None:
    rubric = write_brief(features(), candles(), TERMS).system

    assert all(name in rubric for name in VOTE_SCHEMA["required"])
    assert "JSON" in rubric
    assert not [word for word in ("win rate", "expert", "profitable", "years of") if word in rubric.lower()]


def test_grounds_stand_before_figures_wherever_the_keys_are_listed() -> None:
    keys = list(VOTE_SCHEMA["properties"])
    described = write_brief(features(), candles(), TERMS).system.split("FORM OF THE ANSWER")[1]

    assert keys == VOTE_SCHEMA["required"]
    assert keys[:3] == ["reasons", "evidence", "invalidation"]
    assert sorted(keys, key=lambda key: described.index(f"\n{key}  ")) == keys


def test_the_static_part_is_the_same_for_every_picture_and_names_no_candidate_first() -> None:
    up, down = write_brief(features(1), candles(), TERMS), write_brief(features(-1), candles(), TERMS)

    assert up.system == down.system
    assert up.hash != down.hash


def test_the_candidates_order_follows_from_the_facts_alone() -> None:
    made = [features(funding_per_8h=step / 1e4) for step in range(240)]
    briefs = [write_brief(each, candles(), TERMS) for each in made]
    named = Counter(brief.order for brief in briefs)

    assert [write_brief(each, candles(), TERMS).order for each in made] == [each.order for each in briefs]
    assert set(named) == set(itertools.permutations(Stance))
    assert max(named.values()) < 3 * min(named.values())
    for brief in briefs:
        assert brief.question.split("CANDIDATES\n")[1].startswith(
            "\n".join(f'"{stance.value}"' for stance in brief.order) + "\n\n"
        )


def test_the_order_is_the_same_in_every_process() -> None:
    assert order_of("the same facts") == (Stance.LONG, Stance.SHORT, Stance.HOLD)


def test_without_any_mood_one_short_line_says_so() -> None:
    question = write_brief(features(), candles(), TERMS, Mood(items=("ab12",), missing=("rss",))).question

    assert "\n\nMOOD\nmood=n/a\n\n" in question
    assert question == write_brief(features(), candles(), TERMS).question


def test_a_mood_is_told_in_words_of_our_own_lists_and_nothing_else() -> None:
    mood = replace(MOOD, items=("SELL NOW",), missing=("https://feeds.example/rss",), as_of=CLOSED_AT)
    question = write_brief(features(), candles(), TERMS, mood).question
    section = question.split("\n\nMOOD\n")[1].split("\n\n")[0]

    assert section.splitlines() == [
        "news_event=hack",
        "news_direction=down",
        "news_severity=3",
        "fear_greed=extreme_fear",
        "chatter=spike",
        "chatter_direction=n/a",
    ]
    assert "SELL" not in question
    assert "example" not in question


@pytest.mark.parametrize("severity", [-1, 4, 10**9])
def test_a_severity_off_its_scale_is_not_told(severity: int) -> None:
    question = write_brief(features(), candles(), TERMS, Mood(severity=severity)).question

    assert "mood=n/a" in question


def test_a_timeframe_without_candles_is_told_as_empty() -> None:
    made = {name: each for name, each in candles().items() if name != "4h"}
    question = write_brief(features(), made, TERMS).question

    assert "CANDLES 4h, 0 of 24 bars" in question


def test_break_even_at_a_tenth_of_r_costs() -> None:
    told = [round(break_even_probability(0.1, reward), 3) for reward in (1.5, 2, 3)]

    assert told == [0.44, 0.367, 0.275]


def test_the_candle_tables_are_a_fraction_of_pretty_json() -> None:
    made = candles()
    question = write_brief(features(), made, TERMS).question
    pretty = json.dumps(
        {
            name: [
                dict(zip(("time", "open", "high", "low", "close", "volume"), row, strict=True))
                for row in bars.rows[-BARS_SHOWN[name] :].tolist()
            ]
            for name, bars in made.items()
        },
        indent=2,
    )

    assert len(question) * 4 < len(pretty)


def test_a_regime_is_named() -> None:
    question = write_brief(features(regime=Regime.VOLATILE), candles(), TERMS).question

    assert "\nregime=volatile\n" in question


def _times(factor: float) -> Features:
    """The same picture at another price level."""
    made = features()
    ratios = ("rsi", "adx", "obv_slope", "volume_ratio")
    frames = {
        name: replace(
            each,
            **{
                field.name: value * factor
                for field in fields(each)
                if field.name not in ratios and isinstance(value := getattr(each, field.name), float)
            },
        )
        for name, each in made.frames.items()
    }
    assert made.support is not None
    assert made.resistance is not None
    return replace(made, frames=frames, support=made.support * factor, resistance=made.resistance * factor)
