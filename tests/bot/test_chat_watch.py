"""One round of the chat's watch: entries follow what Telegram says of the owner and of the token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.chat import Chat
from bot.demo.telegram import Person, TelegramStandIn
from bot.owner_line import SILENCE_GATE, TOKEN_GATE
from bot.settings import load_settings
from bot.stage import Stage
from bot.telegram import Webhook, build_bot, close_bot
from core.trading import notices
from core.trading.entries import EntryGate
from tests.handlers.fake_desk import FakeButtons, FakeDesk, FakeJournal, TestClock

TOKEN = "4242:AAtestTokenOfTheStandIn"
OWNER = Person(1001, "Olga", "olga")
ADDRESS = "http://127.0.0.1:9/telegram/webhook"


@dataclass
class Line:
    telegram: TelegramStandIn
    chat: Chat
    journal: FakeJournal
    gate: EntryGate
    alarms: list[str]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER) as running:
        yield running


def a_line(telegram: TelegramStandIn, home: Path, **environ: str) -> Line:
    asked = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": str(OWNER.id), "TELEGRAM_API_URL": telegram.url}
    clock, journal, alarms = TestClock(), FakeJournal(), list[str]()

    async def alarm(text: str) -> None:
        alarms.append(text)

    stage = Stage("paper", True, clock, home, "paper")
    desk, buttons = FakeDesk(clock.now()), FakeButtons(journal, clock)
    chat = Chat(load_settings(asked | environ), stage, desk, buttons, journal, alarm)
    return Line(telegram, chat, journal, EntryGate(), alarms)


async def test_a_chat_that_is_open_again_is_found_out_with_nothing_left_to_tell(
    telegram: TelegramStandIn, tmp_path: Path
) -> None:
    line = a_line(telegram, tmp_path)
    line.journal.tell(notices.system("k", "event"))
    telegram.block()
    await line.chat.outbox.one_pass()

    await line.chat.keep_watch(line.gate)
    during = line.gate.is_closed_by(SILENCE_GATE)
    telegram.unblock()
    line.chat._line._proof_asked_at = None
    await line.chat.keep_watch(line.gate)

    assert during and not line.gate.is_closed_by(SILENCE_GATE)
    await line.chat.stop(0.1)


async def test_an_unreachable_telegram_is_no_failure_of_the_watch(
    telegram: TelegramStandIn, tmp_path: Path
) -> None:
    line = a_line(telegram, tmp_path, TELEGRAM_WEBHOOK_URL=ADDRESS, TELEGRAM_WEBHOOK_SECRET="s" * 32)
    await telegram.outage()

    await line.chat.keep_watch(line.gate)

    assert not line.gate.is_closed_by(SILENCE_GATE) and not line.gate.is_closed_by(TOKEN_GATE)
    await line.chat.stop(0.1)


@pytest.mark.parametrize("taken_by", ["", "http://127.0.0.1:9/stolen"])
async def test_a_webhook_that_was_taken_away_is_another_program_on_the_token(
    telegram: TelegramStandIn, tmp_path: Path, taken_by: str
) -> None:
    line = a_line(telegram, tmp_path, TELEGRAM_WEBHOOK_URL=ADDRESS, TELEGRAM_WEBHOOK_SECRET="s" * 32)
    webhook = line.chat._webhook
    assert isinstance(webhook, Webhook)
    await webhook.start()
    await line.chat.keep_watch(line.gate)
    before = line.gate.is_closed_by(TOKEN_GATE)
    thief = build_bot(TOKEN, telegram.url)
    await (thief.set_webhook(taken_by) if taken_by else thief.delete_webhook())

    line.chat._line._proof_asked_at = None
    await line.chat.keep_watch(line.gate)

    assert not before and line.gate.is_closed_by(TOKEN_GATE)
    assert len(line.alarms) == 1 and "Another program" in line.alarms[0]
    await close_bot(thief)
    await line.chat.stop(0.1)
