"""Saying and editing in a chat: pages, refusals of Telegram answered, progress that edits itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramRetryAfter
from aiogram.types import BufferedInputFile, CallbackQuery, InlineKeyboardMarkup, Message

from bot.cards import Card, caption, pages, plain, sentence
from bot.cards_numbers import people
from bot.keyboards import Choice, in_rows, keyboard, press
from core.desk import Buttons, Tap
from core.errors import PerpilotError

T = TypeVar("T")

EDIT_EVERY_S = 1.0
"""Telegram slows bots that edit faster."""
MAX_WAIT_S = 30
"""Longest flood wait that an answer sits out."""
QUESTION_LIFETIME_S = 120.0
"""How long “are you sure?” can be answered."""

Keys = InlineKeyboardMarkup | None
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to speak, and the bot's own message there that can be edited (None: none)."""

    bot: Bot
    chat_id: int
    message_id: int | None = None
    is_picture: bool = False


def chat_of(message: Message) -> Place:
    assert message.bot is not None  # every update carries its bot
    return Place(message.bot, message.chat.id)


def card_of(query: CallbackQuery) -> Place:
    """The message under whose button was tapped; the gate lets no other query through."""
    assert query.bot is not None
    assert query.message is not None
    is_picture = isinstance(query.message, Message) and bool(query.message.photo)
    return Place(query.bot, query.message.chat.id, query.message.message_id, is_picture)


def who(event: Message | CallbackQuery) -> str:
    """`by` of every change."""
    return f"telegram:{user_id(event)}"


def user_id(event: Message | CallbackQuery) -> int:
    assert event.from_user is not None  # the gate lets no nameless message through
    return event.from_user.id


async def say(place: Place, shown: Card, keys: Keys = None) -> Place:
    """One or more messages, the keyboard under the last; that last one can be edited."""
    texts = pages(shown)
    for text in texts[:-1]:
        await _send(place, text, None)
    message = await _send(place, texts[-1], keys)
    return Place(place.bot, place.chat_id, message.message_id)


async def edit(place: Place, shown: Card, keys: Keys = None) -> Place:
    """Changes that message; a new one where it is gone or too short for the words."""
    texts = [caption(shown)] if place.is_picture else pages(shown)
    if place.message_id is None or len(texts) > 1:
        return await say(place, shown, keys)
    try:
        await _patiently(lambda: _edit(place, texts[0], keys))
    except TelegramBadRequest as refusal:
        if "not modified" in refusal.message:
            return place
        return await say(Place(place.bot, place.chat_id), shown, keys)
    return place


async def say_picture(place: Place, png: bytes, shown: Card, keys: Keys = None) -> Place:
    """A photo with its caption."""
    file = BufferedInputFile(png, "chart.png")
    words = caption(shown)
    message = await _patiently(
        lambda: place.bot.send_photo(place.chat_id, file, caption=words, parse_mode="HTML", reply_markup=keys)
    )
    return Place(place.bot, place.chat_id, message.message_id, is_picture=True)


async def say_document(place: Place, name: str, content: bytes) -> None:
    file = BufferedInputFile(content, name)
    await _patiently(lambda: place.bot.send_document(place.chat_id, file))


def failure(place: Place) -> Callable[[str], Coroutine[Any, Any, None]]:
    """Says in one sentence that background work failed."""

    async def failed(text: str) -> None:
        await say(place, sentence(f"❌ {text}"))

    return failed


def told(tap: Tap) -> Card:
    """What a tap or a command did."""
    mark = "✅" if tap.is_done else "⛔"
    return sentence(f"{mark} {people(tap.text)}", *map(people, tap.reasons))


async def offered(
    buttons: Buttons,
    choices: Sequence[Choice],
    user: int,
    lifetime_s: float = QUESTION_LIFETIME_S,
    width: int = 3,
) -> Keys:
    """Single-use buttons for this person; one used uses up all."""
    tokens = await buttons.offer([(one.action, one.args) for one in choices], user, lifetime_s)
    made = [press(choice, token) for choice, token in zip(choices, tokens, strict=True)]
    return keyboard(*in_rows(made, width))


class Progress:
    """A message that edits itself, at most once a second and only when it says something new."""

    def __init__(self, place: Place, keys: Keys = None) -> None:
        """`keys` stand under it until it is finished."""
        self._place = place
        self._keys = keys
        self._shown = ""
        self._edited_at = -EDIT_EVERY_S

    async def show(self, shown: Card) -> None:
        """Skipped when the last change is too fresh: the next one will say more."""
        if self._wait() <= 0 and shown.html != self._shown:
            await self._change(shown, self._keys)

    async def finish(self, shown: Card, keys: Keys = None) -> None:
        await asyncio.sleep(max(self._wait(), 0))
        await self._change(shown, keys)

    def _wait(self) -> float:
        return self._edited_at + EDIT_EVERY_S - asyncio.get_running_loop().time()

    async def _change(self, shown: Card, keys: Keys) -> None:
        if shown.html == self._shown and keys is None and self._keys is None:
            return
        self._shown = shown.html
        self._edited_at = asyncio.get_running_loop().time()
        self._place = await edit(self._place, shown, keys)


async def in_view(place: Place, opening: Card, steps: Callable[[Progress], Awaitable[None]]) -> None:
    """Long work with one message: what it does, and in the same place what it could not know or do."""
    progress = Progress(await say(place, opening))
    try:
        await steps(progress)
    except PerpilotError as error:
        await progress.finish(sentence(f"❌ {error}"))


async def _send(place: Place, text: str, keys: Keys) -> Message:
    try:
        return await _patiently(
            lambda: place.bot.send_message(place.chat_id, text, parse_mode="HTML", reply_markup=keys)
        )
    except TelegramBadRequest as refusal:
        if "parse" not in refusal.message:
            raise
        return await place.bot.send_message(place.chat_id, plain(text), parse_mode=None, reply_markup=keys)


async def _edit(place: Place, text: str, keys: Keys) -> object:
    if place.is_picture:
        return await place.bot.edit_message_caption(
            chat_id=place.chat_id,
            message_id=place.message_id,
            caption=text,
            parse_mode="HTML",
            reply_markup=keys,
        )
    return await place.bot.edit_message_text(
        text, chat_id=place.chat_id, message_id=place.message_id, parse_mode="HTML", reply_markup=keys
    )


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Sits out one flood wait."""
    try:
        return await call()
    except TelegramRetryAfter as limit:
        if limit.retry_after > MAX_WAIT_S:
            raise
        await asyncio.sleep(limit.retry_after)
        return await call()
