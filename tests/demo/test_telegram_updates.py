"""Updates by polling and webhook, and the bad days between the bot and Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramConflictError, TelegramNetworkError, TelegramServerError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from bot.demo.telegram import TelegramStandIn
from tests.demo.telegram_bots import OWNER, TOKEN, hang_up, make_bot, polling


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramStandIn]:
    async with TelegramStandIn(TOKEN, OWNER, webhook_retry_s=0.05) as running:
        yield running


@pytest.fixture
async def bot(telegram: TelegramStandIn) -> AsyncIterator[Bot]:
    made = make_bot(telegram)
    yield made
    await hang_up(made)


def echo() -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> None:
        await message.answer(f"heard {message.text}")

    return dispatcher


async def test_an_update_comes_again_until_an_offset_confirms_it(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.say("one")
    await telegram.say("two")
    first = await bot.get_updates(limit=1)
    again = await bot.get_updates()
    rest = await bot.get_updates(offset=first[0].update_id + 1)

    assert [u.update_id for u in again] == [first[0].update_id, first[0].update_id + 1]
    assert [u.message.text for u in rest if u.message] == ["two"]
    assert await bot.get_updates(offset=rest[0].update_id + 1) == []


async def test_a_long_poll_wakes_for_a_message(telegram: TelegramStandIn, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=4))
    while "getUpdates" not in telegram.calls:
        await asyncio.sleep(0.01)
    await telegram.say("hello")

    updates = await asyncio.wait_for(waiting, 2)
    assert [u.message.text for u in updates if u.message] == ["hello"]


async def test_a_second_poller_ends_the_first_with_a_conflict(telegram: TelegramStandIn, bot: Bot) -> None:
    other = make_bot(telegram)
    first = asyncio.create_task(bot.get_updates(timeout=4))
    while not telegram.updates.has_listener:
        await asyncio.sleep(0.01)
    await other.get_updates(timeout=0)

    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
        await first
    await hang_up(other)


async def test_only_allowed_kinds_are_kept(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.get_updates(allowed_updates=["message_reaction"])
    said = await telegram.say("not wanted")
    await telegram.react(said, "👍")

    assert [u.event_type for u in await bot.get_updates()] == ["message_reaction"]


async def test_a_confirmed_update_can_come_again_with_its_old_id(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.say("/approve")
    [update] = await bot.get_updates()
    assert await bot.get_updates(offset=update.update_id + 1) == []
    telegram.redeliver_last_update()
    again = await bot.get_updates(offset=update.update_id + 1)

    assert [u.update_id for u in again] == [update.update_id]
    assert await bot.get_updates(offset=update.update_id + 1) == []


async def test_an_outage_refuses_connections_and_what_was_said_arrives_afterwards(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    await bot.send_message(OWNER.id, "before")
    poll = asyncio.create_task(bot.get_updates(timeout=4))
    while not telegram.updates.has_listener:
        await asyncio.sleep(0.01)
    await telegram.outage()

    with pytest.raises(TelegramNetworkError):
        await poll
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(OWNER.id, "during")
    await telegram.say("are you there?")
    await telegram.restore()
    [update] = await bot.get_updates()
    assert update.message is not None
    assert update.message.text == "are you there?"
    assert [m.body for m in telegram.messages] == ["before"]


async def test_an_outage_ends_by_itself_and_the_dispatcher_comes_back(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    async with polling(bot, echo()):
        await telegram.ask("one")
        await telegram.outage(0.2)
        await telegram.say("two")
        reply = await telegram.wait_for("heard two", 10)

    assert reply.body == "heard two"


async def test_one_outage_can_follow_another_of_the_other_kind(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.outage()
    await telegram.outage(kind="bad_gateway")
    with pytest.raises(TelegramServerError):
        await bot.get_me()
    await telegram.outage()
    with pytest.raises(TelegramNetworkError):
        await bot.get_me()
    await telegram.restore()

    assert (await bot.get_me()).is_bot


async def test_a_failing_gateway_answers_502(telegram: TelegramStandIn, bot: Bot) -> None:
    await telegram.outage(kind="bad_gateway")

    with pytest.raises(TelegramServerError, match="Bad Gateway"):
        await bot.get_me()
    await telegram.restore()
    assert (await bot.get_me()).id == 4242


async def test_a_lost_answer_leaves_the_message_sent(telegram: TelegramStandIn, bot: Bot) -> None:
    telegram.lose_next_answer("sendMessage")

    with pytest.raises(TelegramNetworkError):
        await bot.send_message(OWNER.id, "once")
    assert [m.body for m in telegram.messages] == ["once"]
    await bot.send_message(OWNER.id, "twice")
    assert [m.body for m in telegram.messages] == ["once", "twice"]


async def test_a_planned_refusal_hits_its_method_only(telegram: TelegramStandIn, bot: Bot) -> None:
    telegram.refuse("sendMessage", 500, "Internal Server Error")
    await bot.get_me()

    with pytest.raises(TelegramServerError):
        await bot.send_message(OWNER.id, "x")
    await bot.send_message(OWNER.id, "x")


async def test_a_tap_of_an_old_button_still_reaches_the_bot(telegram: TelegramStandIn, bot: Bot) -> None:
    row = [InlineKeyboardButton(text="Approve", callback_data="a:1")]
    await bot.send_message(OWNER.id, "x", reply_markup=InlineKeyboardMarkup(inline_keyboard=[row]))
    card = telegram.messages[-1]
    await bot.edit_message_text("expired", chat_id=OWNER.id, message_id=card.message_id)

    with pytest.raises(KeyError):
        await telegram.tap(card, "Approve")
    assert await telegram.tap_data(card, "a:1", within_s=0.01) is None
    [update] = await bot.get_updates()
    assert update.callback_query is not None
    assert update.callback_query.data == "a:1"


async def test_waiting_in_vain_says_what_came_instead(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.send_message(OWNER.id, "something else")

    with pytest.raises(TimeoutError, match="something else"):
        await telegram.wait_for("the expected", 0.01)


async def test_waiting_after_a_mark_ignores_what_was_there(telegram: TelegramStandIn, bot: Bot) -> None:
    await bot.send_message(OWNER.id, "tick")
    mark = telegram.mark

    with pytest.raises(TimeoutError):
        await telegram.wait_for("tick", 0.01, after=mark)
    second = await bot.send_message(OWNER.id, "tick")
    assert (await telegram.wait_for("tick", after=mark)).message_id == second.message_id


class Webhook:
    """The bot's HTTP server; `refusals` counts down answers of 500."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher, secret: str) -> None:
        self.refusals = 0
        self.seen_secrets: list[str] = []
        handler = SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token=secret)
        app = web.Application(middlewares=[self._watch])
        app.router.add_post("/hook", handler.handle)
        self.runner = web.AppRunner(app, access_log=None)

    @web.middleware
    async def _watch(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.seen_secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""))
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=500)
        return await handler(request)  # type: ignore[operator,no-any-return]

    async def start(self) -> str:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/hook"


async def test_a_webhook_is_served_in_order_with_its_secret_and_retried(
    telegram: TelegramStandIn, bot: Bot
) -> None:
    hook = Webhook(bot, echo(), "s3cret")
    hook.refusals = 2
    await bot.set_webhook(await hook.start(), secret_token="s3cret")
    await telegram.say("one")
    await telegram.say("two")
    await telegram.wait_for("heard two")

    assert [m.body for m in telegram.messages] == ["heard one", "heard two"]
    assert hook.seen_secrets == ["s3cret"] * 4
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, info.last_error_message) == (
        0,
        "Wrong response from the webhook: 500 Internal Server Error",
    )
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []
    await hook.runner.cleanup()


async def test_a_method_in_the_answer_to_a_webhook_is_performed(telegram: TelegramStandIn, bot: Bot) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> object:
        return message.answer("<b>by answer</b>")

    hook = Webhook(bot, dispatcher, "s3cret")
    await bot.set_webhook(await hook.start(), secret_token="s3cret")
    await telegram.say("hi")
    sent = await telegram.wait_for("by answer")

    assert sent.entities[0]["type"] == "bold"
    await bot.delete_webhook()
    await hook.runner.cleanup()
