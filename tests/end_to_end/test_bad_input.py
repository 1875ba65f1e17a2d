"""What must not work: strangers, groups, forwarded and edited commands, nonsense. One sentence or silence."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import pytest

from bot.demo.telegram import Person
from tests.end_to_end.theatre import OWNER, STRANGER, TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL"}

UNCHANGED = ("accounts", "trades", "approvals", "setting_changes", "notes", "intentions")


def state(stage: Theatre) -> list[list[tuple[Any, ...]]]:
    """Everything that an input could have changed."""
    return [[tuple(row) for row in stage.bot.rows(f"SELECT * FROM {table}")] for table in UNCHANGED]


NONSENSE = {
    "/close DOESNOTEXIST": "no open position",
    "/long NOSUCHCOIN": "NOSUCHCOIN",
    "/analyze": "Name one symbol",
    "/analyze <b>BTC</b>": "Example",
    "/chart SOL 7m": "7m",
    "/close SOL 33": "33",
    "/close": "Name the symbol",
    "/history 0": "0",
    "/history ²": "²",
    "/mode yolo": "yolo",
    "/note": "id",
    "/note nosuchid hello": "no trade with this id",
    "/config NO_SUCH_SETTING": "no setting",
    "/config MAX_LEVERAGE 99": "99",
    "/config MAX_LEVERAGE a<b>&": "MAX_LEVERAGE",
    "/config TELEGRAM_BOT_TOKEN 1:abc": "TELEGRAM_BOT_TOKEN",
    "/long SOL stop": "stop",
    "/long SOL 0.5% 0.5%": "twice",
    "/long SOL -1%": "-1%",
    "/short SOL 1e9x": "1e9x",
    "/long SOL stop 0": "stop",
    "/why 🚀🚀🚀": "Example",
    "/nosuchcommand <i>": "/help",
    "/🚀": "/help",
    "🚀🔥": "commands only",
    "<b>buy</b> &amp; hold": "commands only",
    "/" + "x" * 4000: "/help",
    "/analyze " + "A" * 4000: "Example",
}


@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: text[:30])
async def test_nonsense_gets_one_sentence_and_changes_nothing(stage: Theatre, text: str) -> None:
    before, count = state(stage), len(stage.chat.messages)

    answer = await stage.ask(text)

    assert NONSENSE[text].lower() in answer.body.lower()
    assert len(stage.chat.messages) == count + 1
    assert len(answer.body) < 500 and "Traceback" not in answer.body
    assert state(stage) == before


async def test_ten_thousand_characters_get_one_sentence_for_each_message(stage: Theatre) -> None:
    count = len(stage.chat.messages)

    await stage.chat.say_from_page("/config " + "9" * 10_000, None)
    await until(
        lambda: len(stage.chat.messages) == count + 3, what="an answer for each of the three messages"
    )

    answers = [message.body for message in stage.chat.messages[count:]]
    assert all(len(answer) < 500 and "Traceback" not in answer for answer in answers)


async def test_one_message_longer_than_telegram_allows_is_refused_by_its_length(stage: Theatre) -> None:
    answer = await stage.ask("/analyze " + "B" * 10_000, "characters")

    assert "10,009" in answer.body


async def test_a_stranger_is_refused_once_and_then_ignored(stage: Theatre) -> None:
    before, mark = state(stage), stage.chat.mark

    for text in ("/status", "/panic", "/config MAX_LEVERAGE 10", "hello"):
        await stage.chat.say(text, STRANGER)
    await stage.ask("/version", "Started")

    told = [m for m in stage.chat.messages if m.chat["id"] == STRANGER.id and m.changed > mark]
    assert [m.body for m in told] == ["This is a private bot. It answers only to its owner."]
    assert state(stage) == before


async def test_a_strangers_tap_on_the_owners_button_does_nothing(stage: Theatre) -> None:
    card = await stage.card("/long SOL 0.5%")
    before = state(stage)

    answer = await stage.chat.tap(card, "Approve", STRANGER, TELL_S)

    assert answer is not None and answer.text == "This is a private bot. It answers only to its owner."
    assert state(stage) == before
    assert (await stage.tap(card, "Reject")).text.startswith("Rejected")


async def test_a_command_in_a_group_is_met_with_silence(stage: Theatre) -> None:
    before, count = state(stage), len(stage.chat.messages)

    await stage.chat.say("/pause", OWNER, "group")
    await stage.chat.say("/pause", STRANGER, "supergroup")
    await stage.ask("/version", "Started")

    assert len(stage.chat.messages) == count + 1
    assert state(stage) == before


async def test_forwarded_and_edited_commands_are_not_commands(stage: Theatre) -> None:
    before, count = state(stage), len(stage.chat.messages)
    origin = {"type": "user", "date": int(time.time()), "sender_user": STRANGER.as_json()}
    mark = stage.chat.mark
    harmless = await stage.chat.say("good morning")
    await stage.chat.wait_for("commands only", TELL_S, after=mark)

    await stage.chat.say("/pause", forward_origin=origin)
    await stage.chat.say("/pause", edits=harmless)
    await stage.chat.say("/pause", via_bot=Person(5, "inline", is_bot=True).as_json())
    await stage.ask("/version", "Started")

    assert len(stage.chat.messages) == count + 2
    assert state(stage) == before


async def test_what_is_no_text_at_all_changes_nothing(stage: Theatre) -> None:
    before = state(stage)
    file = {"file_id": "x", "file_unique_id": "x", "duration": 3}

    await stage.chat.say(None, voice=file)
    await stage.chat.deliver("poll_answer", {"poll_id": "1", "user": OWNER.as_json(), "option_ids": [0]})
    answer = await stage.ask("/version", "Started")

    assert "Started" in answer.body
    assert state(stage) == before


@pytest.mark.parametrize("data", ["b:aaaaaaaaaaaaaaaa", "b:", "x", "v:nosuchview:", "b:" + "z" * 62])
async def test_a_forged_button_is_answered_and_does_nothing(stage: Theatre, data: str) -> None:
    message = await stage.ask("/status", "Equity")
    before = state(stage)

    answer = await stage.chat.tap_data(message, data, within_s=TELL_S)

    assert answer is not None and "expired" in answer.text
    assert state(stage) == before


async def test_a_button_of_last_week_has_expired(stage: Theatre) -> None:
    asked = await stage.ask("/mode auto", "autonomy")
    button = asked.button("Yes")["callback_data"]
    age_the_buttons(stage)
    before = state(stage)

    answer = await stage.chat.tap_data(asked, button, within_s=TELL_S)

    assert answer is not None and answer.text == "This button has expired."
    assert state(stage) == before


def age_the_buttons(stage: Theatre) -> None:
    """As if all of them had been offered last week."""
    connection = sqlite3.connect(stage.bot.database, timeout=5)
    with connection:
        connection.execute("UPDATE buttons SET expires_at = '2020-01-01T00:00:00.000000+00:00'")
    connection.close()
