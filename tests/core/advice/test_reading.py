"""What of a reader's answer is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.advice.reading import (
    READING_SCHEMA,
    BadReading,
    CanarySeen,
    Reading,
    readings_of,
    system_text,
    user_text,
)
from core.mood import Direction, NewsEvent

CANARY = "c4n4ry0f7e57"
ROW = {"id": "1", "event": "hack", "direction": "down", "severity": 3}


def answer(*rows: Any) -> str:
    return json.dumps({"items": list(rows)})


def test_an_answer_of_the_asked_form_is_read_in_order() -> None:
    other = {"id": "2", "event": "none", "direction": "none", "severity": 0}

    assert readings_of(answer(ROW, other), 2, CANARY) == (
        Reading(NewsEvent.HACKED, Direction.DOWN, 3),
        Reading(NewsEvent.NONE, Direction.NONE, 0),
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "   ",
        "sure!",
        "null",
        "[]",
        "{}",
        f"```json\n{answer(ROW)}\n```",
        answer(),
        answer(ROW, ROW),
        answer(ROW | {"id": "2"}),
        answer(ROW | {"id": 1}),
        answer(ROW | {"event": "moon"}),
        answer(ROW | {"direction": "long"}),
        answer(ROW | {"severity": 4}),
        answer(ROW | {"severity": -1}),
        answer(ROW | {"severity": True}),
        answer(ROW | {"severity": 1.0}),
        answer(ROW | {"severity": "3"}),
        answer(ROW | {"note": "x"}),
        answer("hack"),
        json.dumps({"items": [ROW], "leverage": 10}),
        '{"items":[],"items":[' + json.dumps(ROW) + "]}",
        answer({name: value for name, value in ROW.items() if name != "severity"}),
        answer(ROW) + "x" * 10_000,
        "[" * 100_000,
    ],
)
def test_an_answer_of_any_other_form_is_no_reading(content: str) -> None:
    with pytest.raises(BadReading):
        readings_of(content, 1, CANARY)


@pytest.mark.parametrize("leak", [CANARY, CANARY.upper(), "-".join(CANARY), " ".join(CANARY)])
def test_the_private_mark_in_an_answer_is_an_alarm_even_in_a_good_form(leak: str) -> None:
    with pytest.raises(CanarySeen):
        readings_of(answer(ROW | {"event": leak}), 1, CANARY)


def test_texts_are_sent_as_quoted_json_and_the_mark_only_in_the_system_text() -> None:
    user = user_text(['He said "x"', "}]"])

    assert json.loads(user) == {"items": [{"id": "1", "text": 'He said "x"'}, {"id": "2", "text": "}]"}]}
    assert CANARY in system_text(CANARY) and CANARY not in user


def test_the_schema_names_every_field_and_no_other() -> None:
    row = READING_SCHEMA["properties"]["items"]["items"]

    assert set(row["required"]) == set(row["properties"]) == set(ROW)
    assert row["additionalProperties"] is False and READING_SCHEMA["additionalProperties"] is False
