"""News and mood in one line."""

from __future__ import annotations

from bot.cards import esc
from core.advice.tempering import news_words
from core.mood import NO_MOOD, Direction, Mood, NewsEvent

MAX_CHARS = 300


def mood_lines(mood: Mood) -> list[str]:
    """Empty where nothing is configured; at most one line."""
    if mood == NO_MOOD:
        return []
    said = []
    if mood.event is not None:
        is_calm = mood.event is NewsEvent.NONE and not mood.severity
        said.append("news: nothing" if is_calm else f"news: {news_words(mood)}")
    if mood.fear_greed is not None:
        said.append(mood.fear_greed.value.replace("_", " "))
    if mood.chatter is not None:
        whither = f", {way.value}" if (way := mood.chatter_direction) not in (None, Direction.NONE) else ""
        said.append(f"mentions: {mood.chatter.value}{whither}")
    if mood.missing:
        said.append(f"not known: {', '.join(dict.fromkeys(mood.missing))}")
    return [f"📰 {esc(' · '.join(said), MAX_CHARS)}"] if said else []
