"""Updates on their way to the bot, by long polling or by webhook.

Laws
- An update stays until a later `offset` confirms it (polling) or its POST is answered 2xx (webhook).
- Updates go out in order; one poll at a time, and a second poller ends the first with 409.
- Webhooks reach loopback addresses only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp

from bot.demo.telegram_errors import (
    ApiError,
    Json,
    bad_request,
    other_poller,
    webhook_is_active,
    webhook_was_set,
)

MAX_PENDING = 1_000
MAX_POLL_S = 50
BETWEEN_POLLS_S = 5.0
"""A bot that handles what it fetched polls again within this; later it counts as gone."""
WEBHOOK_TIMEOUT_S = 10.0
WEBHOOK_MAX_DELAY_S = 60.0
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})

Reply = Callable[[str, Json], Awaitable[None]]
"""Performs a method that the bot put into the answer to a webhook."""


class Updates:
    def __init__(self, webhook_retry_s: float = 1.0) -> None:
        self.webhook: Json = {}
        self.is_cut = False  # an outage: nothing leaves
        self.last: Json | None = None
        self._next_id = int(time.time()) % 500_000_000
        self._pending: deque[Json] = deque(maxlen=MAX_PENDING)
        self._again: deque[Json] = deque(maxlen=MAX_PENDING)
        self._allowed: list[str] = []
        self._poller: asyncio.Future[ApiError | None] | None = None
        self._polled_at = 0.0
        self._wake = asyncio.Event()
        self._retry_s = webhook_retry_s
        self._sender: asyncio.Task[None] | None = None
        self.perform: Reply | None = None

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def has_listener(self) -> bool:
        """Whether a bot polls (or did a moment ago) or has set a webhook."""
        polls = self._poller is not None or time.monotonic() - self._polled_at < BETWEEN_POLLS_S
        return bool(self.webhook) or polls

    def put(self, kind: str, payload: Json) -> int | None:
        """The update's id; None where the bot doesn't want this kind."""
        if kind not in self._allowed if self._allowed else kind in NOT_BY_DEFAULT:
            return None
        self._next_id += 1
        update = {"update_id": self._next_id, kind: payload}
        self._pending.append(update)
        self.last = update
        self._announce()
        return self._next_id

    def again(self) -> int:
        """The newest update comes once more, confirmed or not, as after a crash of either side."""
        if self.last is None:
            raise LookupError("no update was sent yet")
        self._again.append(self.last)
        self._announce()
        return int(self.last["update_id"])

    def allow(self, kinds: object) -> None:
        if isinstance(kinds, list):
            self._allowed = [str(kind) for kind in kinds]

    # polling

    async def poll(self, offset: int, limit: int, wait_s: float) -> list[Json]:
        if self.webhook:
            raise webhook_is_active()
        self._end_poll(other_poller())
        self._confirm(offset)
        deadline = time.monotonic() + min(wait_s, MAX_POLL_S)
        while not (batch := self._batch(limit)):
            left = deadline - time.monotonic()
            if left <= 0 or not await self._news(left):
                break
        return batch

    async def _news(self, wait_s: float) -> bool:
        """False after `wait_s` seconds without any; raises what ends this poll early."""
        mine = self._poller = asyncio.get_running_loop().create_future()
        try:
            error = await asyncio.wait_for(mine, wait_s)
        except TimeoutError:
            return False
        finally:
            self._polled_at = time.monotonic()
            if self._poller is mine:
                self._poller = None
        if error is not None:
            raise error
        return True

    def _batch(self, limit: int) -> list[Json]:
        again = list(self._again)[:limit]
        self._again.clear()
        known = {update["update_id"] for update in again}
        fresh = [update for update in self._pending if update["update_id"] not in known]
        return (again + fresh)[:limit]

    def _confirm(self, offset: int) -> None:
        if offset > 0:
            while self._pending and self._pending[0]["update_id"] < offset:
                self._pending.popleft()
        elif offset < 0:
            while len(self._pending) > -offset:
                self._pending.popleft()

    def _end_poll(self, error: ApiError | None) -> None:
        """Wakes the waiting poll, with an error or to look at the queue."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(error)

    def _announce(self) -> None:
        self._end_poll(None)
        self._wake.set()

    # webhook

    def set_webhook(self, url: str, secret: str, max_connections: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if parts.hostname not in LOOPBACK_NAMES:
            raise bad_request("bad webhook: Failed to resolve host: Name or service not known")
        self._end_poll(webhook_was_set())
        self.webhook = {"url": url, "secret": secret, "max_connections": max_connections}
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_to_webhook())

    def drop_webhook(self) -> None:
        self.webhook = {}
        self._wake.set()

    def drop_pending(self) -> None:
        self._pending.clear()
        self._again.clear()

    def webhook_json(self) -> Json:
        body: Json = {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": self.pending,
        }
        for key in ("max_connections", "last_error_date", "last_error_message"):
            if key in self.webhook:
                body[key] = self.webhook[key]
        if self._allowed:
            body["allowed_updates"] = self._allowed
        return body

    async def _send_to_webhook(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT_S)) as session:
            delay = self._retry_s
            while self.webhook:
                self._wake.clear()
                queue = self._again or self._pending
                if not queue or self.is_cut:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), 1.0)
                    continue
                update = queue[0]
                if await self._post(session, update):
                    if queue and queue[0] is update:
                        queue.popleft()
                    delay = self._retry_s
                else:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, WEBHOOK_MAX_DELAY_S)

    async def _post(self, session: aiohttp.ClientSession, update: Json) -> bool:
        headers = {"Content-Type": "application/json"}
        if secret := self.webhook.get("secret"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        try:
            body = json.dumps(update)
            async with session.post(self.webhook["url"], data=body, headers=headers) as answer:
                if 200 <= answer.status < 300:
                    await self._perform_answer(answer)
                    return True
                reason = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = "Connection timed out" if isinstance(error, TimeoutError) else "Connection refused"
        if self.webhook:
            self.webhook |= {"last_error_date": int(time.time()), "last_error_message": reason}
        return False

    async def _perform_answer(self, answer: aiohttp.ClientResponse) -> None:
        fields = await _fields(answer)
        method = str(fields.pop("method", ""))
        if method and self.perform is not None:
            await self.perform(method, fields)

    async def close(self) -> None:
        self.webhook = {}
        self._wake.set()
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)


async def _fields(answer: aiohttp.ClientResponse) -> Json:
    """The method call in a webhook's answer: JSON or multipart without files; anything else is none."""
    if answer.content_type == "application/json":
        with contextlib.suppress(ValueError):
            body = await answer.json()
            return body if isinstance(body, dict) else {}
        return {}
    fields: Json = {}
    if answer.content_type == "multipart/form-data":
        reader = aiohttp.MultipartReader.from_response(answer)
        while (part := await reader.next()) is not None:
            if isinstance(part, aiohttp.BodyPartReader) and part.name and not part.filename:
                fields[part.name] = await part.text()
    return fields
