"""The last router: what nobody else understood."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import Message

from bot.cards import sentence
from handlers.answers import chat_of, say

MAX_QUOTED = 40


def unknown_router() -> Router:
    router = Router(name="unknown")

    @router.message(F.chat.type == "private", F.text.startswith("/"))
    async def command(message: Message) -> None:
        word = (message.text or "").split()[0][:MAX_QUOTED]
        await say(chat_of(message), sentence(f"I don't know {word}; /help lists every command."))

    @router.message(F.chat.type == "private")
    async def words(message: Message) -> None:
        await say(chat_of(message), sentence("I understand commands only; /help lists them."))

    return router
