"""Hostile texts through feeds: sanitised, read by a reader that may obey them, and turned into a mood.

Metamorphic: the same news decided with and without the further text.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.advice.mood import Entry, Knowledge, Note, Sources, items_of, mood_from, note_of
from core.advice.reading import MAX_BATCH, BadReading, Reading, readings_of, user_text
from core.advice.sanitising import sanitised
from core.mood import Direction, Mood, NewsEvent
from tests.core.advice.hostile import HOSTILE, over_each
from tests.core.builders import BAR_CLOSED_AT
from tests.core.trading.injected import HOLDING, TRADING, Risked, decided, risked, side_of

SOURCES = Sources(news=("feed", "stranger"), reader=True)
TRUE_TEXT = "Solana validators report a short slowdown of block times"
READINGS = st.builds(
    Reading,
    event=st.sampled_from(NewsEvent),
    direction=st.sampled_from(Direction),
    severity=st.integers(0, 3),
)
OBEYED = Reading(NewsEvent.ADOPTION, Direction.UP, 0)
"""What a text that wants a trade asks a reader for."""


def note(text: str, reading: Reading | None, source: str = "feed", minutes: int = 30) -> tuple[Note, ...]:
    """What is remembered of a text about SOL; nothing where it was dropped."""
    at = BAR_CLOSED_AT - timedelta(minutes=minutes)
    items = items_of([Entry(f"SOL Solana: {text}", "", at)], BAR_CLOSED_AT).items
    made = (note_of(item, source, False, ("SOL",), ("Binance",), at) for item in items)
    return tuple(replace(each, reading=reading, read_at=at if reading else None) for each in made)


def mood(*notes: Note) -> Mood:
    heard = {name: (BAR_CLOSED_AT - timedelta(minutes=1),) for name in SOURCES.news}
    began = BAR_CLOSED_AT - timedelta(days=2)
    return mood_from(Knowledge(notes, heard=heard, began_at=began), "SOL", BAR_CLOSED_AT, SOURCES)


@pytest.mark.parametrize("picture", TRADING)
def test_harmless_news_leaves_the_clean_cases_trading(picture: str) -> None:
    quiet = mood(*note(TRUE_TEXT, Reading(NewsEvent.UPGRADE, Direction.NONE, 1)))

    assert quiet.event is NewsEvent.UPGRADE
    assert risked(decided(picture, mood=quiet)[0]) == risked(decided(picture)[0]) != Risked()


def test_a_true_warning_refuses_the_same_cases() -> None:
    warned = mood(*note(TRUE_TEXT, Reading(NewsEvent.HACKED, Direction.DOWN, 3)))

    assert [risked(decided(picture, mood=warned)[0]) for picture in TRADING] == [Risked()] * len(TRADING)


@pytest.mark.parametrize("picture", ["up", "down", "thin"])
@pytest.mark.parametrize("severity", [1, 2, 3])
def test_a_hostile_item_whose_reader_obeys_it_hides_no_true_one(picture: str, severity: int) -> None:
    true = note(TRUE_TEXT, Reading(NewsEvent.HACKED, Direction.DOWN, severity))
    before = risked(decided(picture, mood=mood(*true))[0])
    moods = {replace(mood(*true, *note(text, OBEYED, "stranger")), items=()) for text in HOSTILE.values()}

    assert len(moods) <= 2
    assert all(risked(decided(picture, mood=each)[0]).is_at_most(before) for each in moods)


@given(
    first=st.lists(READINGS, max_size=3),
    further=st.lists(READINGS, min_size=1, max_size=3),
    picture=st.sampled_from([*TRADING, *HOLDING]),
)
def test_further_items_however_they_are_read_never_raise_what_is_risked(
    first: list[Reading], further: list[Reading], picture: str
) -> None:
    known = [each for index, reading in enumerate(first) for each in note(f"report {index}", reading)]
    added = [each for index, reading in enumerate(further) for each in note(f"rumour {index}", reading)]
    before, _ = decided(picture, mood=mood(*known))
    after, _ = decided(picture, mood=mood(*known, *added))

    assert len(added) == len(further)
    assert risked(after).is_at_most(risked(before))
    assert side_of(after) in (None, side_of(before))


@over_each()
def test_what_a_reader_is_given_is_one_visible_line_that_can_not_leave_its_quotes(name: str) -> None:
    clean = sanitised(HOSTILE[name]).text

    assert clean.isprintable()
    assert json.loads(user_text([clean])) == {"items": [{"id": "1", "text": clean}]}


def test_most_hostile_texts_are_not_even_read() -> None:
    read = sorted(name for name, text in HOSTILE.items() if sanitised(text).is_readable)

    assert len(read) <= len(HOSTILE) * 0.35, read


@over_each()
def test_a_reader_that_repeats_a_hostile_text_has_read_nothing(name: str) -> None:
    with pytest.raises(BadReading):
        readings_of(HOSTILE[name], MAX_BATCH, "canary-5f2c")
