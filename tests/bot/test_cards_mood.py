"""News and mood in one line."""

from __future__ import annotations

from bot.cards_mood import mood_lines
from core.mood import NO_MOOD, Chatter, Direction, FearGreed, Mood, NewsEvent


def test_where_nothing_is_configured_nothing_is_said() -> None:
    assert mood_lines(NO_MOOD) == []


def test_everything_that_is_known_stands_in_one_line() -> None:
    mood = Mood(
        NewsEvent.HACKED,
        Direction.DOWN,
        3,
        FearGreed.EXTREME_FEAR,
        Chatter.SPIKE,
        Direction.DOWN,
        missing=("<b>",),
    )

    assert mood_lines(mood) == [
        "📰 news: hack, severity 3, down · extreme fear · mentions: spike, down · not known: &lt;b&gt;"
    ]


def test_calm_news_is_told_apart_from_unknown_news() -> None:
    assert mood_lines(Mood(event=NewsEvent.NONE, severity=0)) == ["📰 news: nothing"]
    assert mood_lines(Mood(missing=("news reader",))) == ["📰 not known: news reader"]


def test_mentions_that_lean_nowhere_name_no_direction_and_a_source_is_named_once() -> None:
    mood = Mood(chatter=Chatter.USUAL, chatter_direction=Direction.NONE, missing=("news.test", "news.test"))

    assert mood_lines(mood) == ["📰 mentions: usual · not known: news.test"]
