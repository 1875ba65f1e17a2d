"""The gate in a group, and what it does when people are missing from the settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiogram import Bot

from bot.demo.telegram import Person, TelegramStandIn
from bot.demo.telegram_state import GROUP_ID
from bot.dispatcher import build_switchboard
from bot.gate import MAX_REMEMBERED, SPINNER_S, People, Remembered, Role
from bot.telegram import Polling, build_bot, close_bot
from core.desk import Tap
from tests.handlers.fake_desk import FakeButtons, FakeCharts, FakeDesk, FakeJournal, TestClock

TOKEN = "4242:AAtestTokenOfTheStandIn"
OWNER = Person(1001, "Olga", "olga")
MEMBER = Person(3003, "Max", "max")

Opened = Callable[[People], Any]


@dataclass
class Room:
    telegram: TelegramStandIn
    desk: FakeDesk
    figures: Any

    async def quiet(self) -> bool:
        await asyncio.sleep(0.3)
        return self.telegram.messages == []


@contextlib.asynccontextmanager
async def opened(people: People, desk: FakeDesk | None = None) -> AsyncIterator[Room]:
    async with TelegramStandIn(TOKEN, OWNER, others=[MEMBER]) as telegram:
        clock, journal = TestClock(), FakeJournal()
        desk = desk or FakeDesk(clock.now())
        board = build_switchboard(
            desk=desk,
            buttons=FakeButtons(journal, clock),
            journal=journal,
            pictures=FakeCharts(),
            clock=clock,
            people=people,
        )
        bot: Bot = build_bot(TOKEN, telegram.url)
        polling = Polling(bot, board.dispatcher)
        task = asyncio.create_task(polling.run())
        yield Room(telegram, desk, board.gate.figures)
        await polling.stop()
        await board.close()
        await asyncio.wait_for(task, 3)
        await close_bot(bot)


def group_of(*owners: int) -> People:
    return People(frozenset(owners), frozenset(), GROUP_ID)


async def test_the_owner_commands_in_his_configured_group() -> None:
    async with opened(group_of(OWNER.id)) as room:
        await room.telegram.say("/pause", chat_type="group", chat_id=GROUP_ID)

        told = await room.telegram.wait_for("Done: pause")

    assert told.chat["id"] == GROUP_ID


async def test_another_member_of_the_group_is_refused_once_for_a_command() -> None:
    async with opened(group_of(OWNER.id)) as room:
        await room.telegram.say("good morning", user=MEMBER, chat_type="group", chat_id=GROUP_ID)
        assert await room.quiet()
        await room.telegram.say("/panic", user=MEMBER, chat_type="group", chat_id=GROUP_ID)
        await room.telegram.say("/panic", user=MEMBER, chat_type="group", chat_id=GROUP_ID)
        await room.telegram.wait_for("private bot")
        await asyncio.sleep(0.2)

    assert len(room.telegram.messages) == 1
    assert room.desk.asked == []
    assert room.figures.strangers == 3


async def test_talk_in_the_group_is_not_answered() -> None:
    async with opened(group_of(OWNER.id)) as room:
        await room.telegram.say("what a day", chat_type="group", chat_id=GROUP_ID)
        await room.telegram.say("/status@another_bot", chat_type="group", chat_id=GROUP_ID)

        assert await room.quiet()


async def test_a_button_shown_in_the_group_is_not_anothers_to_press() -> None:
    people = People(frozenset({OWNER.id, MEMBER.id}), frozenset(), GROUP_ID)
    async with opened(people) as room:
        await room.telegram.say("/closeall", chat_type="group", chat_id=GROUP_ID)
        question = await room.telegram.wait_for("Close all 1 positions?")

        answer = await room.telegram.tap(question, "Close all", user=MEMBER)

    assert answer is not None
    assert answer.text == "This button belongs to somebody else."
    assert room.desk.asked == []


async def test_an_empty_list_of_owners_means_nobody() -> None:
    async with opened(People(frozenset(), frozenset(), OWNER.id)) as room:
        answer = await room.telegram.ask("/pause")

    assert "private bot" in answer.body
    assert room.desk.asked == []


async def test_a_slow_action_frees_the_button_and_tells_its_result_afterwards() -> None:
    class SlowDesk(FakeDesk):
        async def close_all(self, by: str) -> Tap:
            await asyncio.sleep(SPINNER_S + 0.5)
            return await super().close_all(by)

    async with opened(People(frozenset({OWNER.id}), frozenset(), OWNER.id), SlowDesk()) as room:
        question = await room.telegram.ask("/closeall")

        answer = await room.telegram.tap(question, "Close all")
        told = await room.telegram.wait_for("Done: close_all", 5)

    assert answer is not None
    assert answer.text == "Working on it …"
    assert told.message_id == question.message_id


def test_owners_come_before_viewers() -> None:
    people = People(frozenset({1}), frozenset({1, 2}), 1)

    assert [people.role(person) for person in (1, 2, 3)] == [Role.OWNER, Role.VIEWER, Role.STRANGER]


def test_what_the_gate_remembers_is_bounded() -> None:
    memory = Remembered()

    fresh = [memory.is_new(number) for number in range(MAX_REMEMBERED + 5)]

    assert all(fresh)
    assert len(memory.seen) == MAX_REMEMBERED
    assert not memory.is_new(MAX_REMEMBERED)


@pytest.mark.parametrize(
    "kind", ["inline_query", "channel_post", "edited_channel_post", "my_chat_member", "message_reaction"]
)
async def test_updates_of_other_kinds_never_reach_the_bot(kind: str) -> None:
    async with opened(People(frozenset({OWNER.id}), frozenset(), OWNER.id)) as room:
        await room.telegram.ask("/version")

        assert await room.telegram.deliver(kind, {}) is None
