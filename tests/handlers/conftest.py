"""The bot's side of the chat over real sockets: the Telegram stand-in, a real dispatcher, fakes behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot import aiogram_fast

aiogram_fast.load()

from aiogram import Bot  # noqa: E402 - after the fast import

from bot.demo.telegram import Person, TelegramStandIn  # noqa: E402
from bot.dispatcher import Switchboard, build_switchboard  # noqa: E402
from bot.gate import People  # noqa: E402
from bot.telegram import Polling, build_bot, close_bot, introduce  # noqa: E402
from tests.handlers.fake_desk import FakeButtons, FakeCharts, FakeDesk, FakeJournal, TestClock  # noqa: E402

TOKEN = "4242:AAtestTokenOfTheStandIn"
OWNER = Person(1001, "Olga", "olga")
VIEWER = Person(1002, "Vera", "vera")
STRANGER = Person(6666, "Mallory", "mallory")


@dataclass
class Chat:
    telegram: TelegramStandIn
    bot: Bot
    desk: FakeDesk
    journal: FakeJournal
    buttons: FakeButtons
    charts: FakeCharts
    clock: TestClock
    switchboard: Switchboard
    polling: Polling
    owner: Person = OWNER
    viewer: Person = VIEWER
    stranger: Person = STRANGER

    async def nothing_new(self, after: int) -> bool:
        """True when the bot said nothing since; a marker command proves that it has caught up."""
        before = {message.message_id for message in self.telegram.messages if message.changed > after}
        marker = await self.telegram.ask("/version")
        now = {message.message_id for message in self.telegram.messages if message.changed > after}
        return now - before == {marker.message_id} and not before


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER, others=[VIEWER, STRANGER]) as running:
        yield running


@pytest.fixture
async def chat(telegram: TelegramStandIn) -> AsyncIterator[Chat]:
    clock, journal, charts = TestClock(), FakeJournal(), FakeCharts()
    desk, buttons = FakeDesk(clock.now()), FakeButtons(journal, clock)
    people = People(frozenset({OWNER.id}), frozenset({VIEWER.id}), OWNER.id)
    switchboard = build_switchboard(
        desk=desk, buttons=buttons, journal=journal, pictures=charts, clock=clock, people=people
    )
    bot = build_bot(TOKEN, telegram.url)
    await introduce(bot)
    polling = Polling(bot, switchboard.dispatcher)
    task = asyncio.create_task(polling.run())
    yield Chat(telegram, bot, desk, journal, buttons, charts, clock, switchboard, polling)
    await polling.stop()
    await switchboard.close()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 3)
    await close_bot(bot)
