"""Telegram's side of the line: the bot object, its introduction, polling or webhook, the command menu.

Laws:
- The token never reaches a log or an error: only names of errors do.
- Polling never dies of what comes in: an outage is waited out, an update that cannot be read is skipped.
- A conflict (409) means that somebody else holds the token; it is told, not waited out in silence.
- Stopping takes at most two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, BotCommandScopeChat, BotCommandScopeDefault, Update
from aiogram.utils.token import TokenValidationError
from aiohttp import web
from pydantic import ValidationError

from bot.gate import People
from bot.owner_line import INTRUDER, OwnerLine
from core.errors import NotAllowed, Unknown
from core.ports import ComponentHealth

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 20.0
POLL_S = 25
"""Long polling: Telegram answers at once when there is something."""
WANTED = ["message", "callback_query", "stopped_message_generation"]
"""Everything else is never sent to us, and the gate would drop it."""
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
MAX_AT_ONCE = 32
"""Updates handled at the same time; the rest wait at Telegram."""
STALE_S = 90.0
"""Without a successful poll for this long, the chat is out of reach."""
STOP_S = 1.5
MAX_BODY = 1_000_000
WEBHOOK_PATH = "/telegram/webhook"

SECOND_POLLER = (
    "Another program polls Telegram with this bot's token: a second Perpilot, or somebody who has the token. "
    "Stop it, or replace the token with /revoke at @BotFather."
)

Alarm = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Me:
    id: int
    username: str


def build_bot(token: str, api_url: str | None = None, timeout_s: float = REQUEST_TIMEOUT_S) -> Bot:
    """`api_url` names a Bot API server of one's own; None is Telegram's."""
    session = AiohttpSession(timeout=timeout_s)
    if api_url:
        session.api = TelegramAPIServer.from_base(api_url.rstrip("/"))
    try:
        return Bot(token, session=session, default=DefaultBotProperties(link_preview_is_disabled=True))
    except TokenValidationError:
        raise NotAllowed("TELEGRAM_BOT_TOKEN has not the form of a token; copy it from @BotFather.") from None


async def introduce(bot: Bot) -> Me:
    """Asks Telegram who the token belongs to; `NotAllowed` for nobody, `Unknown` without an answer."""
    try:
        me = await bot.me()
    except (TelegramUnauthorizedError, TelegramNotFound):
        raise NotAllowed(
            "Telegram does not know TELEGRAM_BOT_TOKEN; take the present one from @BotFather."
        ) from None
    except (TelegramAPIError, ClientDecodeError) as error:
        host = urlsplit(bot.session.api.base).hostname
        raise Unknown(f"Telegram at {host} does not answer ({type(error).__name__}).") from None
    return Me(me.id, me.username or me.first_name)


async def register_menu(
    bot: Bot, people: People, menu: Callable[[bool], Sequence[tuple[str, str]]]
) -> list[int]:
    """Owners see every command, others what they may look at; ids that Telegram can't reach yet."""
    await bot.set_my_commands(_commands(menu(False)), scope=BotCommandScopeDefault())
    unreached = []
    for chat_id in sorted(people.owners | {people.chat_id}):
        try:
            await bot.set_my_commands(_commands(menu(True)), scope=BotCommandScopeChat(chat_id=chat_id))
        except TelegramAPIError as error:
            log.info("menu not registered: chat=%d error=%s", chat_id, type(error).__name__)
            unreached.append(chat_id)
    return unreached


def _commands(menu: Sequence[tuple[str, str]]) -> list[BotCommand]:
    return [BotCommand(command=name, description=words) for name, words in menu]


class Feeding:
    """Updates handled as tasks, bounded and tracked."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def feed(self, update: Update) -> None:
        """Returns as soon as there is room; updates start in the order they came."""
        await self._room.acquire()
        task = asyncio.create_task(self._dispatcher.feed_update(self._bot, update))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, within_s: float) -> None:
        """Waits for what runs, then cancels it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("update failed: error=%s", type(error).__name__, exc_info=error)


class Polling:
    """Long polling as a supervised task: `run` until `stop`."""

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher,
        alarm: Alarm | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        line: OwnerLine | None = None,
    ) -> None:
        """`line` hears of every answer and of every conflict."""
        self._bot = bot
        self._line = line or OwnerLine()
        self._backoff_s = backoff_s
        self._feeding = Feeding(bot, dispatcher)
        self._alarm = alarm
        self._offset: int | None = None
        self._failures = 0
        self._polled_at: float | None = None
        self._problem = ""
        self._asking: asyncio.Task[list[Update]] | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            updates = await self._ask()
            for update in updates:
                await self._feeding.feed(update)
                self._offset = max(self._offset or 0, update.update_id + 1)

    async def stop(self) -> None:
        self._stopping.set()
        if self._asking is not None:
            self._asking.cancel()
        await self._feeding.finish(STOP_S)

    def age_s(self) -> float | None:
        """Seconds since Telegram last answered; None before the first answer."""
        return None if self._polled_at is None else asyncio.get_running_loop().time() - self._polled_at

    def health(self) -> ComponentHealth:
        age = self.age_s()
        if self._line.is_shared:
            return ComponentHealth("degraded", INTRUDER, age)
        if age is None or age > STALE_S or self._failures:
            return ComponentHealth("down" if age is None or age > STALE_S else "degraded", self._problem, age)
        return ComponentHealth("ok", "polling", age)

    async def _ask(self) -> list[Update]:
        """The next updates; empty after a failure, which it has waited out."""
        self._asking = asyncio.create_task(self._get_updates())
        try:
            await asyncio.wait({self._asking})
        finally:
            self._asking.cancel()
        task, self._asking = self._asking, None
        if task.cancelled():
            return []
        error = task.exception()
        if error is None:
            self._heard()
            return task.result()
        if isinstance(error, ClientDecodeError) and (found := self._readable(error)) is not None:
            return found
        if not isinstance(error, TelegramAPIError | ClientDecodeError):
            raise error
        await self._failed(error)
        return []

    async def _get_updates(self) -> list[Update]:
        return await self._bot.get_updates(
            offset=self._offset,
            timeout=POLL_S,
            allowed_updates=WANTED,
            request_timeout=int(POLL_S + REQUEST_TIMEOUT_S),
        )

    def _heard(self) -> None:
        if self._failures:
            log.info("telegram answers again: failures=%d", self._failures)
        self._failures = 0
        self._problem = ""
        self._polled_at = asyncio.get_running_loop().time()
        self._line.answered()

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._problem = type(error).__name__
        if self._failures == 1:
            log.warning("telegram out of reach: error=%s", self._problem)
        if isinstance(error, TelegramConflictError):
            await self._conflict(error)
        elif isinstance(error, TelegramUnauthorizedError):
            self._line.refused("Telegram does not know the token any more")
        wait = self._backoff_s[min(self._failures, len(self._backoff_s)) - 1]
        if isinstance(error, TelegramRetryAfter):
            wait = float(error.retry_after)
        await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _conflict(self, error: TelegramConflictError) -> None:
        is_news, text = self._line.conflict(), SECOND_POLLER
        if "webhook" in error.message.lower():
            try:
                await prepare_polling(self._bot)
            except NotAllowed as foreign:
                text = str(foreign)
            except Unknown:
                log.warning("whose webhook it is is unknown")
        if is_news:
            log.error("telegram conflict: another program uses the token")
            if self._alarm is not None:
                await self._alarm(text)

    def _readable(self, error: ClientDecodeError) -> list[Update] | None:
        """The updates of a batch that can be read, the others passed over once; None for no batch at all."""
        batch = error.data.get("result") if isinstance(error.data, dict) else None
        if not isinstance(batch, list) or not batch:
            return None
        found: list[Update] = []
        for raw in batch:
            try:
                found.append(Update.model_validate(raw, context={"bot": self._bot}))
            except ValidationError:
                number = raw.get("update_id") if isinstance(raw, dict) else None
                if not isinstance(number, int):
                    return None
                self._offset = max(self._offset or 0, number + 1)
                log.warning("unreadable update skipped: update=%d", number)
        return found


async def prepare_polling(bot: Bot) -> None:
    """Polling and a webhook exclude each other: ours is removed, anybody else's is named."""
    hook = await _asked(bot.get_webhook_info())
    if not hook.url:
        return
    address = urlsplit(hook.url)
    if address.path != WEBHOOK_PATH:
        raise NotAllowed(
            f"A webhook at {address.hostname} receives this bot's updates. If it isn't yours, the token "
            "leaked: use /revoke at @BotFather; if it is, remove it with deleteWebhook."
        )
    await _asked(bot.delete_webhook(drop_pending_updates=False))
    log.info("own webhook removed: host=%s", address.hostname)


class Webhook:
    """Telegram calls us: mounts on the HTTP server, proves itself by its secret."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher, url: str, secret: str | None) -> None:
        """`url` without a path gets `WEBHOOK_PATH`."""
        parts = urlsplit(url)
        self.path = parts.path if parts.path not in ("", "/") else WEBHOOK_PATH
        self._url = f"{parts.scheme}://{parts.netloc}{self.path}"
        self._secret = secret or secrets.token_urlsafe(32)
        self._bot = bot
        self._feeding = Feeding(bot, dispatcher)
        self._called_at: float | None = None
        self._problem = "not registered yet"

    async def start(self) -> None:
        hook = self._bot.set_webhook(self._url, secret_token=self._secret, allowed_updates=WANTED)
        await _asked(hook)
        self._problem = ""

    async def is_ours(self) -> bool:
        """Whether Telegram still calls us. Raises `Unknown` without an answer."""
        hook = await _asked(self._bot.get_webhook_info())
        return bool(self._problem) or hook.url == self._url

    async def stop(self) -> None:
        """The registration stays: what comes meanwhile waits at Telegram."""
        await self._feeding.finish(STOP_S)

    def health(self) -> ComponentHealth:
        age = None if self._called_at is None else asyncio.get_running_loop().time() - self._called_at
        return ComponentHealth("down" if self._problem else "ok", self._problem or "webhook", age)

    async def handle(self, request: web.Request) -> web.Response:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not secrets.compare_digest(given.encode(), self._secret.encode()):
            return web.json_response({"error": "not Telegram"}, status=401)
        if request.content_length is None or request.content_length > MAX_BODY:
            return web.json_response({"error": "too large"}, status=413)
        self._called_at = asyncio.get_running_loop().time()
        try:
            update = Update.model_validate_json(await request.read(), context={"bot": self._bot})
        except ValidationError:
            log.warning("unreadable update skipped: by=webhook")
            return web.json_response({})  # anything else would have Telegram send it for ever
        await self._feeding.feed(update)
        return web.json_response({})


async def _asked(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (TelegramAPIError, ClientDecodeError) as error:
        raise Unknown(f"Telegram does not answer as it should ({type(error).__name__}).") from None


async def close_bot(bot: Bot) -> None:
    """Over plain HTTP without the quarter second that aiogram leaves TLS to say goodbye."""
    session = bot.session
    if isinstance(session, AiohttpSession) and session.api.base.startswith("http://"):
        await (await session.create_session()).close()
    else:
        await session.close()
