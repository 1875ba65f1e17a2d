"""An analysis that grows while one watches, over real sockets: drafts, Stop, and what is instead."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from aiogram.types import Chat as TelegramChat
from aiogram.types import Message, User

from handlers.drafts import Drafts, spot_of
from tests.handlers.conftest import STRANGER, Chat

METHOD = "sendMessageDraft"


def previews(chat: Chat) -> int:
    return sum(name == METHOD for name in chat.telegram.calls)


async def until_ended(chat: Chat) -> None:
    while chat.switchboard.background.names:
        await asyncio.sleep(0.01)


def test_two_analyses_of_one_group_end_in_any_order() -> None:
    drafts = Drafts()
    first, second = drafts.opened(-100, 0), drafts.opened(-100, 0)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)

    assert not drafts.stop(-100, 0)


async def test_opinions_arrive_in_one_draft_that_the_message_replaces(chat: Chat) -> None:
    chat.desk.pace_s = 1.1

    done = await chat.telegram.ask("/analyze BTC", 10)

    drafts = list(chat.telegram.drafts)
    assert len({draft["draft_id"] for draft in drafts}) == 1
    assert all(draft["can_stop"] and draft["chat_id"] == chat.owner.id for draft in drafts)
    counts = [draft["text"].count(": long") + draft["text"].count("no answer") for draft in drafts]
    assert counts == sorted(counts)
    assert counts[0] == 0 < counts[-1]
    assert "Nothing was traded." in done.body
    assert not done.history


async def test_stop_ends_the_analysis_and_says_what_was_heard(chat: Chat) -> None:
    chat.desk.pace_s = 1.1
    await chat.telegram.say("/analyze BTC")
    draft = await chat.telegram.wait_for_draft("Claude: long")

    await chat.telegram.stop_draft(draft["draft_id"])
    done = await chat.telegram.wait_for("stopped by you", 5)

    assert "Claude: long 82%" in done.body
    assert "Nothing was traded." in done.body
    await asyncio.wait_for(until_ended(chat), 5)
    assert chat.desk.analyses_ended == ["cancelled"]
    assert not any("Advisers:" in message.body for message in chat.telegram.messages)


async def test_a_strangers_stop_stops_nothing(chat: Chat) -> None:
    chat.desk.pace_s = 0.6
    await chat.telegram.say("/analyze BTC")
    draft = await chat.telegram.wait_for_draft("asking the advisers")

    await chat.telegram.stop_draft(draft["draft_id"], STRANGER)
    done = await chat.telegram.wait_for("Nothing was traded.", 10)

    assert "stopped by you" not in done.body
    assert chat.switchboard.gate.figures.strangers == 1


async def test_another_persons_stop_is_not_for_this_chat(chat: Chat) -> None:
    chat.desk.pace_s = 0.6
    await chat.telegram.say("/analyze BTC")
    draft = await chat.telegram.wait_for_draft("asking the advisers")

    await chat.telegram.stop_draft(draft["draft_id"], chat.viewer)
    done = await chat.telegram.wait_for("Nothing was traded.", 10)

    assert "stopped by you" not in done.body


@pytest.mark.parametrize(
    ("code", "words"), [(404, "Not Found: method not found"), (400, "Bad Request: drafts are not supported")]
)
async def test_a_server_without_drafts_is_asked_once_and_messages_are_edited(
    chat: Chat, code: int, words: str
) -> None:
    chat.desk.pace_s = 0.6
    chat.telegram.refuse(METHOD, code, words, times=5)

    progress = await chat.telegram.ask("/analyze BTC")
    first = await chat.telegram.wait_for("Nothing was traded.", 10)
    mark = chat.telegram.mark
    await chat.telegram.ask("/analyze ETH")
    second = await chat.telegram.wait_for("Nothing was traded.", 10, after=mark)

    assert first.message_id == progress.message_id
    assert any("Claude: long" in revision.body for revision in (*first.history, *second.history))
    assert (previews(chat), len(chat.telegram.drafts)) == (1, 0)
    assert chat.telegram.calls.count("editMessageText") >= 2


async def test_a_flood_limit_on_drafts_loses_no_analysis(chat: Chat) -> None:
    chat.desk.pace_s = 0.6
    chat.telegram.rate_limit(20, times=1, method=METHOD)

    done = await chat.telegram.ask("/analyze BTC", 10)

    assert "Nothing was traded." in done.body
    assert len(chat.telegram.drafts) == 0


async def test_what_cannot_be_analysed_is_said_in_one_message(chat: Chat) -> None:
    done = await chat.telegram.ask("/analyze DOGE2")

    assert done.body.startswith("❌")


def test_a_group_gets_a_message_that_is_edited() -> None:
    def sent(kind: str) -> Message:
        there = TelegramChat(id=-5 if kind == "group" else 5, type=kind)
        who = User(id=5, is_bot=False, first_name="Olga")
        message = Message(message_id=9, date=datetime.now(UTC), chat=there, from_user=who)
        return message.as_(bot)

    bot = object()
    assert spot_of(sent("group")).draft_id is None
    assert spot_of(sent("private")).draft_id == 9


def test_a_stop_for_what_is_over_is_known_to_be_late() -> None:
    drafts = Drafts()

    with drafts.opened(1, 7) as stops:
        assert not drafts.stop(1, 8) and not drafts.stop(2, 7)
        assert drafts.stop(1, 7) and stops.is_set()
    assert not drafts.stop(1, 7)
