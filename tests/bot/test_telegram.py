"""The line to Telegram: tokens, polling, conflicts, webhooks, the menu."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import BotCommandScopeChat, Message

from bot.demo.telegram import Person, TelegramStandIn
from bot.gate import People
from bot.owner_line import CONFLICTS, TOKEN_GATE, OwnerLine
from bot.telegram import (
    WEBHOOK_PATH,
    Polling,
    Webhook,
    build_bot,
    close_bot,
    introduce,
    prepare_polling,
    register_menu,
)
from bot.web.server import WebServer, WebSettings
from core.errors import NotAllowed, Unknown
from core.ports import ComponentHealth
from core.trading.entries import EntryGate
from handlers.commands import menu
from tests.handlers.fake_desk import FakeDesk, TestClock

TOKEN = "4242:AAtestTokenOfTheStandIn"
SECRET = "a-secret-of-the-webhook"
OWNER = Person(1001, "Olga", "olga")


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER) as running:
        yield running


@pytest.fixture
async def bot(telegram: TelegramStandIn) -> AsyncIterator[Bot]:
    made = build_bot(TOKEN, telegram.url + "/", timeout_s=5)
    yield made
    await close_bot(made)


def echo() -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> None:
        if message.text == "slow":
            await asyncio.sleep(30)
        await message.answer(f"heard {message.text}")

    return dispatcher


@contextlib.asynccontextmanager
async def polled(polling: Polling) -> AsyncIterator[None]:
    task = asyncio.create_task(polling.run())
    yield
    await polling.stop()
    await asyncio.wait_for(task, 3)


async def test_the_bot_learns_its_own_name(bot: Bot) -> None:
    assert (await introduce(bot)).username == "perpilot_bot"


async def test_an_unknown_token_is_one_sentence_without_the_token(telegram: TelegramStandIn) -> None:
    stranger = build_bot("999:AAwrongwrongwrong", telegram.url)

    with pytest.raises(NotAllowed, match="Telegram does not know TELEGRAM_BOT_TOKEN") as refusal:
        await introduce(stranger)

    await close_bot(stranger)
    assert "AAwrong" not in str(refusal.value)


def test_a_token_of_the_wrong_form_is_one_sentence() -> None:
    with pytest.raises(NotAllowed, match="not the form of a token"):
        build_bot("no token")


async def test_an_unreachable_telegram_is_unknown_not_refused(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.outage()

    with pytest.raises(Unknown, match=r"Telegram at 127\.0\.0\.1 does not answer"):
        await introduce(bot)


async def test_polling_outlives_an_outage(telegram: TelegramStandIn, bot: Bot) -> None:
    polling = Polling(bot, echo())
    async with polled(polling):
        await telegram.ask("one")
        healthy = polling.health()
        await telegram.outage()
        while polling.health().state == "ok":
            await asyncio.sleep(0.02)
        ill = polling.health()
        await telegram.restore()
        await telegram.ask("two", within_s=8)
        well = polling.health()

    assert (healthy.state, ill.state, well.state) == ("ok", "degraded", "ok")
    assert polling.age_s() is not None


async def test_a_bad_gateway_is_waited_out(telegram: TelegramStandIn, bot: Bot) -> None:
    async with polled(Polling(bot, echo())):
        await telegram.outage(1.0, kind="bad_gateway")

        assert (await telegram.ask("one", within_s=10)).body == "heard one"


async def test_another_poller_raises_the_alarm_once(telegram: TelegramStandIn, bot: Bot) -> None:
    alarms: list[str] = []

    async def alarm(text: str) -> None:
        alarms.append(text)

    polling = Polling(bot, echo(), alarm, backoff_s=(0.05,))
    conflict = "Conflict: terminated by other getUpdates request"
    telegram.refuse("getUpdates", 409, conflict, times=CONFLICTS + 1)
    async with polled(polling):
        while not alarms:
            await asyncio.sleep(0.05)
        during = polling.health()
        await telegram.ask("one", within_s=20)

    assert len(alarms) == 1
    assert "Another program polls Telegram with this bot's token" in alarms[0]
    assert during.state == "degraded"


async def test_a_poller_that_lets_us_through_in_between_is_noticed_too(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    alarms: list[str] = []

    async def alarm(text: str) -> None:
        alarms.append(text)

    line, gate = OwnerLine(), EntryGate()
    line.hold(gate)
    polling = Polling(bot, echo(), alarm, backoff_s=(0.05,), line=line)
    async with polled(polling):
        for number in range(CONFLICTS):
            was_told = len(alarms)
            telegram.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request")
            await telegram.ask(f"between {number}", within_s=8)
            await telegram.ask(f"again {number}", within_s=8)

    assert was_told == 0 and len(alarms) == 1
    assert gate.is_closed_by(TOKEN_GATE) and "another program" in polling.health().detail


async def test_a_token_that_telegram_no_longer_knows_closes_entries(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    line, gate = OwnerLine(), EntryGate()
    line.hold(gate)
    telegram.refuse("getUpdates", 401, "Unauthorized")
    async with polled(Polling(bot, echo(), line=line)):
        while not gate.reason("telegram"):
            await asyncio.sleep(0.02)

    assert "does not know the token" in gate.reason("telegram")


async def test_an_unreadable_update_is_passed_over(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.say("before")
    broken = {"message_id": "none", "chat": "nowhere", "date": "never"}
    telegram.updates.put("message", broken)
    await telegram.say("after")

    async with polled(Polling(bot, echo())):
        await telegram.wait_for("heard before")
        await telegram.wait_for("heard after")

    assert sorted(message.body for message in telegram.messages) == ["heard after", "heard before"]


async def test_a_proxy_that_answers_nonsense_does_not_spin_the_loop(bot: Bot) -> None:
    asked = 0

    async def nonsense(request: aiohttp.web.Request) -> aiohttp.web.Response:
        nonlocal asked
        asked += 1
        return aiohttp.web.json_response({"ok": True, "result": "hello"})

    app = aiohttp.web.Application()
    app.router.add_route("*", "/{rest:.*}", nonsense)
    runner = aiohttp.web.AppRunner(app, access_log=None)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    odd = build_bot(TOKEN, f"http://127.0.0.1:{runner.addresses[0][1]}")
    polling = Polling(odd, echo())
    async with polled(polling):
        await asyncio.sleep(0.8)
        during = polling.health()
    await close_bot(odd)
    await runner.cleanup()

    assert asked <= 3
    assert during.state == "down"


async def test_stopping_takes_at_most_two_seconds(telegram: TelegramStandIn, bot: Bot) -> None:
    loop = asyncio.get_running_loop()
    polling = Polling(bot, echo())
    task = asyncio.create_task(polling.run())
    await telegram.ask("one")
    await telegram.say("slow")
    await asyncio.sleep(0.1)
    began = loop.time()

    await polling.stop()
    await task

    assert loop.time() - began < 2


async def test_a_foreign_webhook_is_named_and_left_alone(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.set_webhook("http://127.0.0.1:9/stolen")

    with pytest.raises(NotAllowed, match=r"A webhook at 127\.0\.0\.1 receives this bot's updates"):
        await prepare_polling(bot)

    assert (await bot.get_webhook_info()).url == "http://127.0.0.1:9/stolen"


async def test_our_own_webhook_makes_way_for_polling(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.set_webhook(f"http://127.0.0.1:9{WEBHOOK_PATH}")

    await prepare_polling(bot)

    assert (await bot.get_webhook_info()).url == ""


async def test_the_menu_shows_everything_to_owners_and_looks_to_others(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    people = People(frozenset({OWNER.id, 77}), frozenset(), OWNER.id)

    unreached = await register_menu(bot, people, menu)

    full = await bot.get_my_commands(scope=BotCommandScopeChat(chat_id=OWNER.id))
    others = await bot.get_my_commands()
    assert [command.command for command in full] == [name for name, _ in menu(True)]
    assert "panic" not in [command.command for command in others]
    assert unreached in ([], [77])


# webhook


class Well:
    def health(self) -> dict[str, ComponentHealth]:
        return {}


@pytest.fixture
async def hooked(telegram: TelegramStandIn, bot: Bot) -> AsyncIterator[tuple[Webhook, WebServer]]:
    clock = TestClock()
    hook = Webhook(bot, echo(), "http://127.0.0.1:1", SECRET)
    server = WebServer(
        WebSettings("127.0.0.1", 0), FakeDesk(clock.now()), Well(), clock, (hook.path, hook.handle)
    )
    await server.start()
    hook = Webhook(bot, echo(), server.url, SECRET)
    await server.stop()
    server = WebServer(
        WebSettings("127.0.0.1", server.port), FakeDesk(clock.now()), Well(), clock, (hook.path, hook.handle)
    )
    await server.start()
    yield hook, server
    await hook.stop()
    await server.stop()


async def test_updates_arrive_by_webhook(
    telegram: TelegramStandIn, hooked: tuple[Webhook, WebServer]
) -> None:
    await hooked[0].start()

    answer = await telegram.ask("one")

    assert answer.body == "heard one"
    assert hooked[0].health().state == "ok"


@pytest.mark.parametrize("secret", ["", "wrong", "schlüssel"])
async def test_a_caller_without_the_secret_is_turned_away(
    telegram: TelegramStandIn, hooked: tuple[Webhook, WebServer], secret: str
) -> None:
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret.isascii() else {}
    message = {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}, "text": "forged"}

    async with aiohttp.ClientSession() as session:
        url = hooked[1].url + WEBHOOK_PATH
        async with session.post(url, json={"update_id": 1, "message": message}, headers=headers) as answer:
            status = answer.status

    assert status == 401
    assert telegram.messages == []


async def test_nonsense_with_the_secret_is_swallowed_once(hooked: tuple[Webhook, WebServer]) -> None:
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}

    async with aiohttp.ClientSession() as session:
        url = hooked[1].url + WEBHOOK_PATH
        async with session.post(url, data=b"{not json", headers=headers) as answer:
            status = answer.status

    assert status == 200


async def test_a_webhook_that_cannot_be_registered_is_one_sentence(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    await telegram.outage()
    hook = Webhook(bot, echo(), "https://bot.example.org/hook", None)

    with pytest.raises(Unknown, match="Telegram does not answer as it should"):
        await hook.start()

    assert hook.path == "/hook"
    assert hook.health().state == "down"


async def test_our_webhook_set_meanwhile_makes_way(telegram: TelegramStandIn, bot: Bot) -> None:
    async with polled(Polling(bot, echo(), backoff_s=(0.05,))):
        await telegram.ask("one")
        await bot.set_webhook(f"http://127.0.0.1:9{WEBHOOK_PATH}")

        answer = await telegram.ask("two", within_s=10)

    assert answer.body == "heard two"


async def test_a_foreign_webhook_set_meanwhile_raises_the_alarm(telegram: TelegramStandIn, bot: Bot) -> None:
    alarms: list[str] = []

    async def alarm(text: str) -> None:
        alarms.append(text)

    async with polled(Polling(bot, echo(), alarm, backoff_s=(0.05,))):
        await telegram.ask("one")
        await bot.set_webhook("http://127.0.0.1:9/stolen")
        while not alarms:
            await asyncio.sleep(0.02)

    assert "receives this bot's updates" in alarms[0]
