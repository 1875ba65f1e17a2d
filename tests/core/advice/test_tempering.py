"""News and mood refuse or reduce; they never raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.tempering import LEAST_SHARE, tempered
from core.mood import NO_MOOD, Chatter, Direction, FearGreed, Mood, NewsEvent
from core.opinion import Decider, Stance, Verdict
from tests.core.advice.moods import MOODS

GRAVE = Mood(event=NewsEvent.MACRO, direction=Direction.DOWN, severity=3)


def verdict(stance: Stance = Stance.LONG, share: float = 1.0) -> Verdict:
    confidence = 0.0 if stance is Stance.HOLD else 0.8
    return Verdict(stance, confidence, Decider.AI, False, True, (), (), ("2 of 2 agree.",), share)


@pytest.mark.parametrize("event", [NewsEvent.HACKED, NewsEvent.DELISTING, NewsEvent.OUTAGE])
@pytest.mark.parametrize("stance", [Stance.LONG, Stance.SHORT])
@pytest.mark.parametrize("severity", [2, 3])
def test_an_event_that_stops_trades_refuses_both_sides(
    event: NewsEvent, stance: Stance, severity: int
) -> None:
    mood = Mood(event=event, direction=Direction.DOWN, severity=severity)

    refused = tempered(verdict(stance), mood)

    assert (refused.stance, refused.confidence) == (Stance.HOLD, 0.0)
    assert refused.reasons[0].startswith(f"News: {event.value}, severity {severity}")


def test_grave_news_refuses_the_side_it_is_against_and_leaves_the_other() -> None:
    assert tempered(verdict(Stance.LONG), GRAVE).stance is Stance.HOLD
    assert tempered(verdict(Stance.SHORT), GRAVE) == verdict(Stance.SHORT)


@pytest.mark.parametrize("direction", [Direction.MIXED, Direction.NONE])
@pytest.mark.parametrize("stance", [Stance.LONG, Stance.SHORT])
def test_grave_news_of_unclear_direction_refuses_both_sides(direction: Direction, stance: Stance) -> None:
    mood = Mood(event=NewsEvent.LEGAL, direction=direction, severity=3)

    assert tempered(verdict(stance), mood).stance is Stance.HOLD


def test_weighty_news_against_the_side_halves_it_and_says_so() -> None:
    mood = Mood(event=NewsEvent.LEGAL, direction=Direction.DOWN, severity=2)

    halved = tempered(verdict(), mood)

    assert (halved.stance, halved.confidence, halved.share) == (Stance.LONG, 0.8, 0.5)
    assert halved.cautions == ("News: legal, severity 2, down; half the size",)
    assert tempered(verdict(Stance.SHORT), mood) == verdict(Stance.SHORT)


def test_a_crowd_at_its_extreme_halves_the_side_it_is_on_only_while_it_talks() -> None:
    greed = Mood(fear_greed=FearGreed.EXTREME_GREED, chatter=Chatter.SPIKE)
    quiet = Mood(fear_greed=FearGreed.EXTREME_GREED, chatter=Chatter.USUAL)
    fear = Mood(fear_greed=FearGreed.EXTREME_FEAR, chatter=Chatter.SPIKE)

    assert tempered(verdict(), greed).share == 0.5
    assert tempered(verdict(), quiet).share == 1.0
    assert tempered(verdict(), fear).share == 1.0
    assert tempered(verdict(Stance.SHORT), fear).share == 0.5


def test_several_reductions_multiply_down_to_a_quarter() -> None:
    mood = Mood(NewsEvent.LEGAL, Direction.DOWN, 2, FearGreed.EXTREME_GREED, Chatter.SPIKE)

    assert tempered(verdict(), mood).share == 0.25
    assert tempered(verdict(share=0.5), mood).share == LEAST_SHARE


def test_a_share_that_is_smaller_already_is_not_raised_to_the_least() -> None:
    mood = Mood(event=NewsEvent.LEGAL, direction=Direction.DOWN, severity=2)

    assert tempered(verdict(share=0.1), mood).share == 0.1


def test_a_silent_source_changes_nothing_but_is_named() -> None:
    told = tempered(verdict(), Mood(missing=("news.example",)))

    assert (told.stance, told.confidence, told.share, told.cautions) == (Stance.LONG, 0.8, 1.0, ())
    assert "news.example" in told.reasons[-1]


def test_no_mood_leaves_the_verdict_as_it_is() -> None:
    assert tempered(verdict(), NO_MOOD) == verdict()


@given(MOODS, st.sampled_from(Stance), st.floats(min_value=0.01, max_value=1.0))
def test_no_mood_raises_anything(mood: Mood, stance: Stance, share: float) -> None:
    before = verdict(stance, share)

    after = tempered(before, mood)

    assert after.stance in (before.stance, Stance.HOLD)
    assert after.confidence <= before.confidence
    assert 0 < after.share <= before.share
    assert (after.is_single, after.is_unanimous) == (before.is_single, before.is_unanimous)
    assert after.opinions == before.opinions
