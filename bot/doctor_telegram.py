"""The doctor's look at Telegram: the token, the chat, and on demand a message whose button is tapped."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

from bot import aiogram_fast

aiogram_fast.load()

from aiogram import Bot  # noqa: E402 - aiogram must have been loaded the fast way before these
from aiogram.exceptions import TelegramAPIError  # noqa: E402
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup  # noqa: E402

from bot.settings import Settings  # noqa: E402
from bot.telegram import build_bot, close_bot, introduce  # noqa: E402
from core.desk import DoctorLine  # noqa: E402
from core.errors import PerpilotError  # noqa: E402

MEND = "take the present token from @BotFather; check TELEGRAM_CHAT_ID, TELEGRAM_API_URL and the network"
TAP_WAIT_S = 60
"""How long the doctor waits for the owner's tap."""


async def lines(settings: Settings, notify: bool) -> AsyncIterator[DoctorLine]:
    """One line for the token, with `notify` another one for the message and its tap."""
    assert settings.telegram_bot_token is not None and settings.telegram_chat_id is not None
    bot = build_bot(settings.telegram_bot_token, settings.telegram_api_url)
    try:
        me = await introduce(bot)
        yield DoctorLine(True, True, "telegram", f"@{me.username} answers")
        if notify:
            yield await _tapped(bot, settings.telegram_chat_id)
    except PerpilotError as error:
        yield DoctorLine(False, True, "telegram", str(error), MEND)
    finally:
        await close_bot(bot)


async def _tapped(bot: Bot, chat_id: int) -> DoctorLine:
    """Sends a test message and waits for its button. Polls itself, so no bot may run on this token."""
    mark = f"doctor:{secrets.token_urlsafe(9)}"
    button = InlineKeyboardButton(text="I see it", callback_data=mark)
    try:
        await bot.send_message(
            chat_id,
            f"Perpilot's doctor is testing this chat. Tap the button within {TAP_WAIT_S} s.",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
        )
        async with asyncio.timeout(TAP_WAIT_S):
            await _wait_for(bot, mark)
    except TimeoutError:
        return DoctorLine(False, True, "notice", "sent, but the tap did not come back", "tap it next time")
    except TelegramAPIError as error:
        text = f"the test message failed: {type(error).__name__}"
        return DoctorLine(False, True, "notice", text, "open the chat and press START; stop a running bot")
    return DoctorLine(True, True, "notice", "sent, and the tap came back")


async def _wait_for(bot: Bot, mark: str) -> None:
    """Looks at taps without confirming anything that is meant for the bot."""
    while True:
        for update in await bot.get_updates(timeout=5, allowed_updates=["message", "callback_query"]):
            query = update.callback_query
            if query is not None and query.data == mark:
                await bot.answer_callback_query(query.id, text="Thank you.")
                return
        await asyncio.sleep(0.2)
