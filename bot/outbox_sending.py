"""One letter to the owner's chat: at most about one a second, HTML with a plain fallback, edits that hold."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InlineKeyboardMarkup, Message, ReplyParameters

from bot.cards import Card, caption, pages, plain

T = TypeVar("T")

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Telegram's limit for one chat, sustained."""
BURST = 3
"""Messages that may leave at once after a quiet while."""


@dataclass(frozen=True, slots=True)
class Letter:
    shown: Card
    keys: InlineKeyboardMarkup | None = None
    picture: bytes | None = None
    reply_to: int | None = None
    edits: int | None = None
    """A message that this replaces; a new one is sent where that can't be."""
    is_silent: bool = False


class Sender:
    def __init__(self, bot: Bot, chat_id: int, every_s: float = EVERY_S, burst: int = BURST) -> None:
        self._bot = bot
        self._chat_id = chat_id
        self._every_s = every_s
        self._room = float(burst)
        self._burst = float(burst)
        self._filled_at: float | None = None

    async def send(self, letter: Letter) -> int | None:
        """The id of the (last) message. Raises aiogram's errors."""
        if letter.edits is not None and await self._edited(letter, letter.edits):
            return letter.edits
        if letter.picture is not None:
            message_id = await self._photo(letter, letter.picture)
            if message_id is not None:
                return message_id
        return await self._text(letter)

    async def _text(self, letter: Letter) -> int:
        texts = pages(letter.shown)
        message_id = 0
        for at, text in enumerate(texts):
            keys = letter.keys if at == len(texts) - 1 else None
            message_id = (await self._message(text, keys, letter)).message_id
        return message_id

    async def _message(self, text: str, keys: InlineKeyboardMarkup | None, letter: Letter) -> Message:
        async def say(words: str, mode: str | None) -> Message:
            return await self._bot.send_message(
                self._chat_id,
                words,
                parse_mode=mode,
                reply_markup=keys,
                reply_parameters=_reply(letter),
                disable_notification=letter.is_silent,
            )

        return await self._formatted(say, text)

    async def _photo(self, letter: Letter, picture: bytes) -> int | None:
        """None when Telegram does not take the picture: the words go alone."""

        async def show(words: str, mode: str | None) -> Message:
            return await self._bot.send_photo(
                self._chat_id,
                BufferedInputFile(picture, "chart.png"),
                caption=words,
                parse_mode=mode,
                reply_markup=letter.keys,
                reply_parameters=_reply(letter),
                disable_notification=letter.is_silent,
            )

        try:
            return (await self._formatted(show, caption(letter.shown))).message_id
        except TelegramBadRequest as refusal:
            log.warning("photo refused: error=%s", refusal.message)
            return None

    async def _edited(self, letter: Letter, message_id: int) -> bool:
        """False when the message is gone, or can't be edited any more."""

        async def change(words: str, mode: str | None) -> bool:
            await self._bot.edit_message_text(
                words,
                chat_id=self._chat_id,
                message_id=message_id,
                parse_mode=mode,
                reply_markup=letter.keys,
            )
            return True

        texts = pages(letter.shown)
        try:
            return await self._formatted(change, texts[0])
        except TelegramBadRequest as refusal:
            if "not modified" in refusal.message:
                return True
            if "no text in the message" not in refusal.message:
                log.info("card not edited: error=%s", refusal.message)
                return False
        return await self._edited_caption(letter, message_id)

    async def _edited_caption(self, letter: Letter, message_id: int) -> bool:
        async def change(words: str, mode: str | None) -> bool:
            await self._bot.edit_message_caption(
                chat_id=self._chat_id,
                message_id=message_id,
                caption=words,
                parse_mode=mode,
                reply_markup=letter.keys,
            )
            return True

        try:
            return await self._formatted(change, caption(letter.shown))
        except TelegramBadRequest as refusal:
            return "not modified" in refusal.message

    async def _formatted(self, call: Callable[[str, str | None], Awaitable[T]], text: str) -> T:
        """With HTML; as plain words where Telegram can't parse it: an alert is never lost to a tag."""
        await self._wait_for_room()
        try:
            return await call(text, "HTML")
        except TelegramBadRequest as refusal:
            if "parse" not in refusal.message:
                raise
            log.error("html refused: error=%s", refusal.message)
            return await call(plain(text), None)

    async def _wait_for_room(self) -> None:
        loop = asyncio.get_running_loop()
        if self._filled_at is None:
            self._filled_at = loop.time()
        while True:
            now = loop.time()
            self._room = min(self._burst, self._room + (now - self._filled_at) / self._every_s)
            self._filled_at = now
            if self._room >= 1:
                self._room -= 1
                return
            await asyncio.sleep((1 - self._room) * self._every_s)


def _reply(letter: Letter) -> ReplyParameters | None:
    if letter.reply_to is None:
        return None
    return ReplyParameters(message_id=letter.reply_to, allow_sending_without_reply=True)
