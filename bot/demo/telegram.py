"""A stand-in for Telegram: a Bot API server for the bot, a web chat for its owner, a script for tests.

Bots talk to `url` with any Bot API client; a person opens `page_url`; a test uses the methods below.
The two have ports of their own, so the page stays up while the Bot API is out of reach.

Laws
- Nothing leaves the machine: loopback only, no outbound call but to a loopback webhook.
- What a person writes or taps during an outage waits and arrives afterwards, as with the real one.
- Message ids, update ids and query ids are never used twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.demo.telegram_arguments import MAX_TEXT
from bot.demo.telegram_desk import Desk
from bot.demo.telegram_errors import ApiError, Json, too_many_requests
from bot.demo.telegram_faults import Faults
from bot.demo.telegram_html import with_automatic
from bot.demo.telegram_page import Control, Page
from bot.demo.telegram_server import BotApi, Listener
from bot.demo.telegram_state import CALLBACK_EXPIRES_S, CallbackQuery, Message, Person, World
from bot.demo.telegram_updates import Updates

__all__ = ["CallbackAnswer", "Control", "Message", "Person", "TelegramStandIn"]

OUTAGE_S = 20.0
PAGE_ANSWER_S = 12.0
DESCRIBED = 6
DRAFTS_KEPT = 200

Matches = Callable[[Message], bool]


@dataclass(frozen=True)
class CallbackAnswer:
    """What the bot answered to a tap; `text` is empty where it only stopped the spinner."""

    text: str
    show_alert: bool
    url: str


class TelegramStandIn:
    def __init__(
        self,
        token: str,
        owner: Person,
        *,
        others: Sequence[Person] = (),
        bot_name: str = "Perpilot",
        bot_username: str = "perpilot_bot",
        controls: Sequence[Control] = (),
        is_strict: bool = False,
        callback_expires_s: float = CALLBACK_EXPIRES_S,
        webhook_retry_s: float = 1.0,
    ) -> None:
        """`token` is `<bot id>:<secret>`; `is_strict` switches Telegram's flood limits on."""
        bot = Person(int(token.partition(":")[0]), bot_name, bot_username, is_bot=True)
        self.owner = owner
        self.world = World(bot, owner, tuple(others))
        self.updates = Updates(webhook_retry_s)
        self.faults = Faults(time.monotonic, is_strict)
        self._desk = Desk(self.world, self.updates, self.faults, time.monotonic, callback_expires_s)
        self._api = BotApi(self._desk, token)
        self._page = Page(self.world, self, [*controls, *self._own_controls()])
        self._listeners: tuple[Listener, Listener] | None = None
        self._restorer: asyncio.TimerHandle | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.updates.perform = self._api.perform_from_webhook
        self.drafts: deque[Json] = deque(maxlen=DRAFTS_KEPT)
        """What the bot previewed, oldest first: chat_id, draft_id, text, entities, can_stop."""
        self.world.listeners.append(self._note)

    def _note(self, event: Json) -> None:
        if event["type"] == "draft":
            self.drafts.append(event["draft"] | {"chat_id": event["chat_id"]})
        self._news.set()

    # life

    async def start(self, host: str = "127.0.0.1", port: int = 0, api_port: int = 0) -> None:
        """`port` is the page's; 0 takes a free one. OSError where a port is taken."""
        api, page = Listener(self._api.app, host), Listener(self._page.app, host)
        self._listeners = (api, page)
        await api.open(api_port)
        try:
            await page.open(port)
        except OSError:
            await api.close()
            raise

    async def stop(self) -> None:
        self._cancel_restore()
        if self._restoring is not None:
            await asyncio.gather(self._restoring, return_exceptions=True)
        self._page.close()
        await self.updates.close()
        if self._listeners is not None:
            api, page = self._listeners
            self._listeners = None
            await api.cut()
            await api.close()
            await page.close()

    async def __aenter__(self) -> TelegramStandIn:
        if self._listeners is None:
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The base of the Bot API, for `TelegramAPIServer.from_base`."""
        return self._open()[0].url

    @property
    def page_url(self) -> str:
        return self._open()[1].url + "/"

    def _open(self) -> tuple[Listener, Listener]:
        if self._listeners is None:
            raise RuntimeError("the stand-in is not started")
        return self._listeners

    # what the bot did

    @property
    def messages(self) -> list[Message]:
        """What the bot has sent to anybody and not deleted, oldest first, edits applied."""
        return [m for m in self.world.messages if m.sender is self.world.bot and not m.is_deleted]

    @property
    def mark(self) -> int:
        """A moment, for `wait_for(..., after=mark)`."""
        return self.world.changes

    @property
    def calls(self) -> list[str]:
        """Names of the methods the bot called, oldest first."""
        return self._api.calls

    async def wait_for(self, wanted: Matches | str, within_s: float = 5.0, *, after: int = 0) -> Message:
        """The oldest message of the bot that was sent or edited after `after` and fits.

        `wanted` is a predicate or a part of the text; TimeoutError shows the newest messages.
        """
        fits = wanted if callable(wanted) else _contains(wanted)
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            self._news.clear()
            for message in self.messages:
                if message.changed > after and fits(message):
                    return message
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"no such message within {within_s} s; newest: {self._describe()}")
            try:
                await asyncio.wait_for(self._news.wait(), min(left, 0.5))
            except TimeoutError:
                continue

    async def wait_for_draft(self, part: str, within_s: float = 5.0) -> Json:
        """The newest preview, once one of them has held this text."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not any(part in draft["text"] for draft in self.drafts):
            self._news.clear()
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"no draft with {part!r} within {within_s} s: {list(self.drafts)[-3:]}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 0.5))
        return self.drafts[-1]

    def _describe(self) -> str:
        return " | ".join(f"#{m.message_id} {m.body[:120]!r} {m.buttons}" for m in self.messages[-DESCRIBED:])

    # what people do

    async def say(
        self,
        text: str | None,
        user: Person | None = None,
        chat_type: Literal["private", "group", "supergroup"] = "private",
        *,
        chat_id: int | None = None,
        reply_to: int | None = None,
        edits: Message | None = None,
        **fields: Any,
    ) -> Message:
        """Sends a message to the bot, or with `edits` changes one that was sent before.

        `fields` are added to the Bot API message as they are: `forward_origin`, `voice`, `sticker`, ...
        """
        person = user or self.owner
        if edits is not None:
            return self._edit(edits, text)
        if chat_type == "private":
            chat = self.world.open_private_chat(person)
        else:
            chat = self.world.open_group(chat_type, chat_id, person)
        entities = with_automatic(text, []) if text is not None else []
        self.world.person(person)
        message = self.world.new_message(
            chat, person, text=text, entities=entities, reply_to=reply_to, extra=fields
        )
        self.updates.put("message", self.world.message_json(message))
        return message

    def _edit(self, message: Message, text: str | None) -> Message:
        message.remember()
        message.text, message.edit_date = text, int(time.time())
        message.entities = with_automatic(text or "", [])
        self.world.touch(message, "edit")
        self.updates.put("edited_message", self.world.message_json(message))
        return message

    async def ask(self, text: str, within_s: float = 5.0, user: Person | None = None) -> Message:
        """Says it and waits for the bot's next new message in that private chat."""
        said = await self.say(text, user)
        return await self.wait_for(
            lambda m: m.chat["id"] == said.chat["id"] and m.message_id > said.message_id, within_s
        )

    async def tap(
        self, message: Message, wanted: str, user: Person | None = None, within_s: float = 5.0
    ) -> CallbackAnswer | None:
        """Taps a button by its text or data; None where the bot didn't answer within `within_s`."""
        button = message.button(wanted)
        if "callback_data" not in button:
            raise ValueError(f"button {button['text']!r} sends nothing to the bot")
        return await self.tap_data(message, button["callback_data"], user, within_s)

    async def tap_data(
        self, message: Message, data: str, user: Person | None = None, within_s: float = 5.0
    ) -> CallbackAnswer | None:
        """A tap with any data, also of a button that is gone or never was."""
        query = self._new_query(message, data, user or self.owner)
        deadline = time.monotonic() + within_s
        while query.answer is None and (left := deadline - time.monotonic()) > 0:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), min(left, 0.5))
            except TimeoutError:
                continue
        return CallbackAnswer(**query.answer) if query.answer is not None else None

    def _new_query(self, message: Message, data: str, user: Person) -> CallbackQuery:
        query = self.world.new_callback(message, self.world.person(user), data, time.monotonic())
        payload: Json = {
            "id": query.query_id,
            "from": user.as_json(),
            "message": self.world.message_json(message),
            "chat_instance": str(abs(message.chat["id"]) * 7919),
            "data": data,
        }
        self.updates.put("callback_query", payload)
        return query

    async def react(self, message: Message, emoji: str, user: Person | None = None) -> None:
        """Reaches a bot only if it asked for `message_reaction` updates."""
        new = [{"type": "emoji", "emoji": emoji}] if emoji else []
        payload: Json = {"chat": message.chat, "message_id": message.message_id, "date": int(time.time())}
        payload |= {"user": (user or self.owner).as_json(), "old_reaction": [], "new_reaction": new}
        self.updates.put("message_reaction", payload)

    async def deliver(self, kind: str, payload: Json) -> int | None:
        """Any other kind of update, as it is; None where the bot doesn't want the kind."""
        return self.updates.put(kind, payload)

    def redeliver_last_update(self) -> int:
        """Sends the newest update once more with its old id, confirmed or not."""
        return self.updates.again()

    # bad days

    async def outage(
        self, seconds: float | None = None, kind: Literal["closed", "bad_gateway"] = "closed"
    ) -> None:
        """The Bot API is out of reach for a while, or with None until `restore`.

        "closed" refuses connections and breaks the open ones; "bad_gateway" answers 502.
        """
        await self.restore()
        self.updates.is_cut = True
        if kind == "bad_gateway":
            self.faults.gateway_fails = True
        else:
            await self._open()[0].cut()
        self.world.tell({"type": "connection"})
        if seconds is not None:
            self._restorer = asyncio.get_running_loop().call_later(seconds, self._restore_soon)

    async def restore(self) -> None:
        self._cancel_restore()
        if not self.updates.is_cut:
            return
        if not self.faults.gateway_fails:
            await self._open()[0].open()
        self.faults.gateway_fails = False
        self.updates.is_cut = False
        self.world.tell({"type": "connection"})

    def _restore_soon(self) -> None:
        self._restorer = None
        self._restoring = asyncio.get_running_loop().create_task(self.restore())

    def _cancel_restore(self) -> None:
        if self._restorer is not None:
            self._restorer.cancel()
            self._restorer = None

    def block(self, user: Person | None = None) -> None:
        """The person blocks the bot: sending to them answers 403 until `unblock`."""
        self.world.blocked_by.add((user or self.owner).id)
        self._tell_membership(user or self.owner, "member", "kicked")

    def unblock(self, user: Person | None = None) -> None:
        self.world.blocked_by.discard((user or self.owner).id)
        self._tell_membership(user or self.owner, "kicked", "member")

    def _tell_membership(self, person: Person, old: str, new: str) -> None:
        bot = self.world.bot.as_json()
        members = [
            {"status": status, "user": bot} | ({"until_date": 0} if status == "kicked" else {})
            for status in (old, new)
        ]
        payload: Json = {"chat": self.world.open_private_chat(person), "from": person.as_json()}
        payload |= {"date": int(time.time()), "old_chat_member": members[0], "new_chat_member": members[1]}
        self.updates.put("my_chat_member", payload)

    def rate_limit(self, retry_after: int, times: int = 1, method: str = "") -> None:
        """The next `times` calls (of `method`, or of any but polling and answers) get 429."""
        self.faults.plan_refusal(too_many_requests(retry_after), method, times)

    def refuse(self, method: str, code: int, description: str, times: int = 1) -> None:
        """The next calls of `method` get this error, e.g. 500 "Internal Server Error"."""
        self.faults.plan_refusal(ApiError(code, description), method, times)

    def lose_next_answer(self, method: str, times: int = 1) -> None:
        """The call takes effect, and the connection breaks before the bot hears of it."""
        self.faults.plan_lost_answer(method, times)

    # the page

    def connection(self) -> str:
        if self.updates.is_cut:
            return "outage"
        return "online" if self.updates.has_listener else "waiting"

    async def say_from_page(self, text: str, reply_to: int | None) -> None:
        """A client cuts what is too long for one message into several."""
        for start in range(0, len(text), MAX_TEXT):
            await self.say(text[start : start + MAX_TEXT], reply_to=reply_to)

    async def tap_from_page(self, message_id: int, data: str) -> Json | None:
        message = self.world.find(self.owner.id, message_id)
        if message is None:
            return {"text": "This message is gone.", "show_alert": False, "url": ""}
        answer = await self.tap_data(message, data, within_s=PAGE_ANSWER_S)
        return None if answer is None else vars(answer)

    async def stop_draft(self, draft_id: int, user: Person | None = None) -> None:
        chat = self.world.open_private_chat(user or self.owner)
        self.updates.put("stopped_message_generation", {"chat": chat, "draft_id": draft_id})

    def _own_controls(self) -> list[Control]:
        async def cut() -> str:
            await self.outage(OUTAGE_S)
            return f"The bot can't reach Telegram for {OUTAGE_S:.0f} seconds."

        async def limit() -> str:
            self.rate_limit(5)
            return "The bot's next message is refused once: too many requests, retry after 5 s."

        async def repeat() -> str:
            try:
                self.redeliver_last_update()
            except LookupError:
                return "There was no update yet."
            return "Your last message or tap was delivered a second time."

        labels = [("Telegram outage 20 s", cut), ("Flood limit 5 s", limit), ("Repeat last update", repeat)]
        return [Control(label, run, "Telegram") for label, run in labels]


def _contains(part: str) -> Matches:
    return lambda message: part in message.body
