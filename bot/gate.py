"""The one gate in front of every update of every kind.

Laws:
- Deny by default: only messages, taps and the stop of a draft pass, only from people named in the settings,
  only in the owner's chat or in private. An empty list of owners means nobody.
- Owners act, viewers look, strangers get one refusal each and then silence.
- Edited, forwarded, automatic and anonymous messages are not commands.
- An update is handled once, however often it is delivered. Where that cannot be known, looking is allowed
  and changing is not.
- Every tap is answered exactly once. What a handler throws is answered here, in one sentence.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiogram import BaseMiddleware
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery, Chat, Message, TelegramObject, Update

from bot.callbacks import changes_something
from bot.cards import MESSAGE_LIMIT, pages, sentence
from core.errors import PerpilotError
from core.journal import OutboxJournal
from core.ports import Clock

log = logging.getLogger(__name__)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]

SPINNER_S = 3.0
"""A tap is answered by then; its result follows in the chat."""
LOOK_WAIT_S = 0.005
"""How long a look waits for the journal to remember its update; a repeated look harms nobody."""
MAX_REMEMBERED = 10_000
"""Strangers, and updates of this run: bounded, the oldest are forgotten."""
TOAST_LIMIT = 190
"""Telegram shows 200 characters over the chat."""
SHORT_TOAST = 60

REFUSAL = "This is a private bot. It answers only to its owner."
LOOK_ONLY = "You may look here, not touch."
EXPIRED = "This button has expired."
NOT_HERE = "Not in this chat."
UNKNOWN_NEWNESS = "The journal does not answer, so nothing was done; try again in a moment."
WENT_WRONG = "Something went wrong on my side; it is in the log. /status shows what holds."
WORKING = "Working on it …"


class Role(StrEnum):
    OWNER = "owner"
    VIEWER = "viewer"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class People:
    owners: frozenset[int]
    viewers: frozenset[int]
    chat_id: int
    """The owner's private chat, or the group the bot was put into."""

    def role(self, user_id: int) -> Role:
        if user_id in self.owners:
            return Role.OWNER
        return Role.VIEWER if user_id in self.viewers else Role.STRANGER

    def is_their_chat(self, chat: Chat, user_id: int) -> bool:
        """The configured chat, or this person's own private one."""
        return chat.id == self.chat_id or (chat.type == "private" and chat.id == user_id)


@dataclass(slots=True)
class GateFigures:
    strangers: int = 0
    """Updates refused."""
    repeated: int = 0
    errors: int = 0


@dataclass(slots=True)
class Remembered:
    """A bounded set."""

    seen: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def is_new(self, number: int) -> bool:
        if number in self.seen:
            return False
        self.seen[number] = None
        if len(self.seen) > MAX_REMEMBERED:
            self.seen.popitem(last=False)
        return True


class Gate(BaseMiddleware):
    """Outer middleware of `update`; `viewer_may` tells whether a text is a look."""

    def __init__(
        self, people: People, journal: OutboxJournal, clock: Clock, viewer_may: Callable[[str], bool]
    ) -> None:
        self._people = people
        self._journal = journal
        self._clock = clock
        self._viewer_may = viewer_may
        self._updates = Remembered()
        self._refused = Remembered()
        self._remembering: set[asyncio.Task[bool]] = set()
        self.figures = GateFigures()

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        if not isinstance(event, Update):
            return None
        try:
            if event.message is not None:
                await self._message(handler, event, event.message, data)
            elif event.callback_query is not None:
                await self._tap(handler, event, event.callback_query, data)
            elif event.stopped_message_generation is not None:
                await self._stop(handler, event, event.stopped_message_generation.chat, data)
        except TelegramAPIError as error:
            log.warning("answer not delivered: update=%d error=%s", event.update_id, type(error).__name__)
        except Exception:
            self.figures.errors += 1
            log.exception("gate failed: update=%d", event.update_id)
        return None

    # messages

    async def _message(
        self, handler: Handler, update: Update, message: Message, data: dict[str, Any]
    ) -> None:
        user = message.from_user
        if user is None or _is_no_command(message):
            return
        role = self._people.role(user.id)
        if role is Role.STRANGER:
            await self._refuse(message, user.id)
            return
        if not self._people.is_their_chat(message.chat, user.id):
            return
        text = message.text or message.caption or ""
        is_look = self._viewer_may(text)
        try:
            if not await self._is_new(update.update_id, is_look):
                return
        except PerpilotError as error:
            log.warning("update not remembered: update=%d error=%s", update.update_id, error)
            await _reply(message, UNKNOWN_NEWNESS)
            return
        if len(text) > MESSAGE_LIMIT:
            problem = f"That has {len(text):,} characters; a command has at most {MESSAGE_LIMIT:,}."
            await _reply(message, problem)
        elif role is Role.VIEWER and not is_look:
            await _reply(message, LOOK_ONLY)
        else:
            await self._handle(handler, update, message, data | {"may_act": role is Role.OWNER})

    async def _handle(self, handler: Handler, update: Update, message: Message, data: dict[str, Any]) -> None:
        try:
            await handler(update, data)
        except TelegramAPIError:
            raise
        except Exception as error:
            await _reply(message, self._sentence(error, update.update_id))

    async def _refuse(self, message: Message, user_id: int) -> None:
        """Once per person, in private or for a command in the owner's group; else silence."""
        self.figures.strangers += 1
        is_here = message.chat.type == "private" or message.chat.id == self._people.chat_id
        is_asked = message.chat.type == "private" or (message.text or "").startswith("/")
        if is_here and is_asked and self._refused.is_new(user_id):
            log.warning("stranger refused: user=%d chat=%d", user_id, message.chat.id)
            await _reply(message, REFUSAL)

    # taps

    async def _tap(
        self, handler: Handler, update: Update, query: CallbackQuery, data: dict[str, Any]
    ) -> None:
        if not self._updates.is_new(update.update_id):
            self.figures.repeated += 1
            return
        refusal = await self._tap_refusal(update, query)
        if refusal:
            await query.answer(refusal, show_alert=True)
            return
        is_owner = self._people.role(query.from_user.id) is Role.OWNER
        task = asyncio.ensure_future(handler(update, data | {"may_act": is_owner}))
        done, _ = await asyncio.wait({task}, timeout=SPINNER_S)
        if not done:
            await _answer(query, WORKING)
            await asyncio.wait({task})
        await self._tap_ended(update, query, task, is_answered=not done)

    async def _tap_refusal(self, update: Update, query: CallbackQuery) -> str:
        """Why this tap does nothing; empty when it may go on."""
        role = self._people.role(query.from_user.id)
        if role is Role.STRANGER:
            self.figures.strangers += 1
            return REFUSAL
        if query.message is None or query.data is None:
            return EXPIRED
        if not self._people.is_their_chat(query.message.chat, query.from_user.id):
            return NOT_HERE
        is_change = changes_something(query.data)
        if role is Role.VIEWER and is_change:
            return LOOK_ONLY
        try:
            return "" if await self._is_new_in_journal(update.update_id, not is_change) else EXPIRED
        except PerpilotError:
            return UNKNOWN_NEWNESS

    async def _tap_ended(
        self, update: Update, query: CallbackQuery, task: asyncio.Future[Any], is_answered: bool
    ) -> None:
        error = task.exception()
        if isinstance(error, TelegramAPIError):
            log.warning("tap not shown: update=%d error=%s", update.update_id, type(error).__name__)
            text, is_alert = "", False
        elif error is not None:
            text, is_alert = self._sentence(error, update.update_id), True
        else:
            result = task.result()
            text = EXPIRED if result is UNHANDLED else str(result or "")
            is_alert = len(text) > SHORT_TOAST
        if not is_answered:
            await _answer(query, text, is_alert)
        elif error is not None and text and isinstance(query.message, Message):
            await _reply(query.message, text)

    # stops

    async def _stop(self, handler: Handler, update: Update, chat: Chat, data: dict[str, Any]) -> None:
        """It names no person, but a private chat is its person's. It ends a look: repeated, harmless."""
        if chat.type == "private" and self._people.role(chat.id) is not Role.STRANGER:
            await handler(update, data)
        else:
            self.figures.strangers += 1

    # newness

    async def _is_new(self, update_id: int, is_look: bool) -> bool:
        """False also where it is unknown and the update would change something: told to the person."""
        if not self._updates.is_new(update_id):
            self.figures.repeated += 1
            return False
        is_new = await self._is_new_in_journal(update_id, is_look)
        self.figures.repeated += not is_new
        return is_new

    async def _is_new_in_journal(self, update_id: int, is_look: bool) -> bool:
        """A look does not wait long: seeing something twice is harmless."""
        task = asyncio.ensure_future(self._journal.is_new_update(update_id, self._clock.now()))
        if not is_look:
            return await task
        self._remembering.add(task)
        task.add_done_callback(self._remembered)
        done, _ = await asyncio.wait({task}, timeout=LOOK_WAIT_S)
        return task.result() if done and task.exception() is None else True

    def _remembered(self, task: asyncio.Task[bool]) -> None:
        self._remembering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("update not remembered: error=%s", type(error).__name__)

    # words

    def _sentence(self, error: BaseException, update_id: int) -> str:
        if isinstance(error, PerpilotError):
            log.info("refused: update=%d error=%s", update_id, error)
            return str(error)
        self.figures.errors += 1
        log.error("handler failed: update=%d", update_id, exc_info=error)
        return WENT_WRONG


def _is_no_command(message: Message) -> bool:
    """Written by a bot, a channel or an anonymous admin, sent through a bot, forwarded or automatic."""
    return bool(
        message.sender_chat
        or message.via_bot
        or message.forward_origin
        or message.is_automatic_forward
        or message.chat.type == "channel"
        or (message.from_user and message.from_user.is_bot)
    )


async def _reply(message: Message, text: str) -> None:
    await message.answer(pages(sentence(text))[0], parse_mode="HTML")


async def _answer(query: CallbackQuery, text: str, is_alert: bool = False) -> None:
    """A tap that is too old for Telegram has lost its answer; what it did stands."""
    shown = text if len(text) <= TOAST_LIMIT else text[: TOAST_LIMIT - 1] + "…"
    try:
        await query.answer(shown, show_alert=is_alert)
    except TelegramAPIError as error:
        log.warning("tap not answered: error=%s", type(error).__name__)
