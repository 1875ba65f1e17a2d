"""Words that grow while one watches: message drafts where Telegram takes them, an edited message elsewhere.

Laws:
- A draft is a preview of half a minute: it is sent again before it fades, and the end is a real message.
- A server that does not know drafts is asked once; from then on a message is edited instead.
- A preview that can't be shown holds nothing up: what it previews goes on.
- Stop ends the work, and everything that the work had started, before anything more is said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiogram import Router
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNotFound, TelegramRetryAfter
from aiogram.types import Message, MessageGenerationStopped

from bot.cards import Card, pages, sentence
from core.errors import PerpilotError
from handlers.answers import EDIT_EVERY_S, Keys, Place, Progress, chat_of, say

log = logging.getLogger(__name__)

T = TypeVar("T")

REFRESH_EVERY_S = 20.0
"""Telegram shows a draft for about 30 s."""
DRAFT_TIMEOUT_S = 5
"""A preview that takes longer is worth nothing."""

Stops = asyncio.Event


@dataclass(slots=True)
class Drafts:
    """Which previews can be stopped now, and whether Telegram takes any. One per chat program."""

    is_taken: bool = True
    _running: dict[tuple[int, int], Stops] = field(default_factory=dict)
    """By chat and draft; bounded by the work that may run at once."""

    @contextmanager
    def opened(self, chat_id: int, draft_id: int) -> Iterator[Stops]:
        """An event that is set when the person stops this draft."""
        stops = self._running[chat_id, draft_id] = Stops()
        try:
            yield stops
        finally:
            if self._running.get((chat_id, draft_id)) is stops:  # edited messages share one name a chat
                del self._running[chat_id, draft_id]

    def stop(self, chat_id: int, draft_id: int) -> bool:
        """False where nothing of that name runs any more."""
        stops = self._running.get((chat_id, draft_id))
        if stops is not None:
            stops.set()
        return stops is not None


@dataclass(frozen=True, slots=True)
class Spot:
    """Where growing words go; `draft_id` None: a message is edited there."""

    place: Place
    draft_id: int | None = None


def spot_of(message: Message) -> Spot:
    """Telegram takes drafts in private chats only."""
    is_private = message.chat.type == "private"
    return Spot(chat_of(message), message.message_id if is_private else None)


class Live:
    """One growing answer: `show` says what is known, `follow` does the work meanwhile, `finish` ends it."""

    def __init__(self, spot: Spot, drafts: Drafts, stops: Stops, opening: Card) -> None:
        self._spot = spot
        self._drafts = drafts
        self._stops = stops
        self._latest = opening
        self._sent = ""
        self._sent_at = -REFRESH_EVERY_S
        self._quiet_until = 0.0
        self._message: Progress | None = None

    async def show(self, shown: Card) -> None:
        """Seen within a second; never waits for Telegram."""
        self._latest = shown

    async def follow(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the work returns; None where the person stopped it, once it is over. Raises what it raises."""
        doing = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stops.wait())
        try:
            while not (doing.done() or stopped.done()):
                await self._tell()
                await asyncio.wait(
                    {doing, stopped}, timeout=EDIT_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                )
            return doing.result() if doing.done() else None
        finally:
            await _ended(doing, stopped)

    async def finish(self, shown: Card, keys: Keys = None) -> None:
        if self._message is not None:
            await self._message.finish(shown, keys)
        else:
            await say(self._spot.place, shown, keys)

    async def _tell(self) -> None:
        if self._message is not None:
            await self._message.show(self._latest)
        elif self._spot.draft_id is None or not self._drafts.is_taken:
            self._message = Progress(await say(self._spot.place, self._latest))
        else:
            await self._preview(self._spot.draft_id)

    async def _preview(self, draft_id: int) -> None:
        now, text = asyncio.get_running_loop().time(), pages(self._latest)[0]
        if now < self._quiet_until or (text == self._sent and now < self._sent_at + REFRESH_EVERY_S):
            return
        self._sent, self._sent_at = text, now
        place = self._spot.place
        try:
            await place.bot.send_message_draft(
                place.chat_id,
                draft_id,
                text=text,
                parse_mode="HTML",
                can_stop=True,
                request_timeout=DRAFT_TIMEOUT_S,
            )
        except (TelegramBadRequest, TelegramNotFound) as refusal:
            log.info("no drafts here, messages are edited instead: %s", refusal.message)
            self._drafts.is_taken = False
            await self._tell()
        except TelegramRetryAfter as limit:
            self._quiet_until = now + limit.retry_after
        except TelegramAPIError as error:
            log.info("draft not shown: error=%s", type(error).__name__)


async def in_draft(
    spot: Spot, drafts: Drafts, opening: Card, steps: Callable[[Live], Awaitable[None]]
) -> None:
    """Long work with one growing answer, and at its end what it could not know or do."""
    place, draft_id = spot.place, spot.draft_id or 0
    with drafts.opened(place.chat_id, draft_id) as stops:
        live = Live(spot, drafts, stops, opening)
        try:
            await steps(live)
        except PerpilotError as error:
            await live.finish(sentence(f"❌ {error}"))


def drafts_router() -> Router:
    router = Router(name="drafts")

    @router.stopped_message_generation()
    async def stopped(event: MessageGenerationStopped, drafts: Drafts) -> None:
        is_known = drafts.stop(event.chat.id, event.draft_id)
        log.info("draft stopped by the person: known=%s", is_known)

    return router


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancels what still runs and waits until it is over."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
