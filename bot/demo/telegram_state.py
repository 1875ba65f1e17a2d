"""What the stand-in remembers: people, chats, messages, files and the bot's settings.

Laws
- Everything is in memory and bounded; the oldest goes first.
- `World.changes` counts every visible change. A message knows the count at which it last changed, so a
  test can wait for what happened after a moment without looking at clocks.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.demo.telegram_errors import Json, bad_request, blocked

MAX_MESSAGES = 2_000
MAX_FILES = 200
MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_STORED_BYTES = 128 * 1024 * 1024
MAX_CALLBACKS = 500
MAX_HISTORY = 100
CALLBACK_EXPIRES_S = 30.0
"""Telegram gives a bot well under a minute to answer a tap; then the query is too old."""

GROUP_ID = -4_000_000_001
SUPERGROUP_ID = -1_002_000_000_001


@dataclass(frozen=True)
class Person:
    id: int
    first_name: str
    username: str | None = None
    is_bot: bool = False
    language_code: str | None = "en"

    def as_json(self) -> Json:
        body: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            body["username"] = self.username
        if self.language_code and not self.is_bot:
            body["language_code"] = self.language_code
        return body


@dataclass(eq=False)
class StoredFile:
    """`width` and `height` in pixels; 0 for what isn't a picture. `content` is emptied when it makes room."""

    file_id: str
    unique_id: str
    name: str
    mime: str
    content: bytes = field(repr=False)
    width: int = 0
    height: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self.size = len(self.content)

    @property
    def path(self) -> str:
        folder = "photos" if self.width else "documents"
        return f"{folder}/{self.unique_id}_{self.name}"

    def as_json(self) -> Json:
        return {"file_id": self.file_id, "file_unique_id": self.unique_id, "file_size": self.size}


@dataclass(frozen=True)
class Revision:
    """An earlier content of a message."""

    body: str
    buttons: tuple[str, ...]
    photo: StoredFile | None


@dataclass
class Message:
    """One message of a chat; `body` is its text or its caption."""

    message_id: int
    chat: Json
    sender: Person
    date: int
    text: str | None = None
    caption: str | None = None
    entities: list[Json] = field(default_factory=list)
    photo: StoredFile | None = None
    document: StoredFile | None = None
    keyboard: list[list[Json]] = field(default_factory=list)
    reply_to: int | None = None
    edit_date: int | None = None
    is_deleted: bool = False
    is_silent: bool = False
    reactions: list[str] = field(default_factory=list)
    extra: Json = field(default_factory=dict)
    history: list[Revision] = field(default_factory=list)
    changed: int = 0

    @property
    def body(self) -> str:
        return self.text if self.text is not None else self.caption or ""

    @property
    def buttons(self) -> list[str]:
        return [button["text"] for row in self.keyboard for button in row]

    def button(self, wanted: str) -> Json:
        """By its text, its callback data, or a part of its text; KeyError names what is there."""
        flat = [button for row in self.keyboard for button in row]
        for button in flat:
            if wanted in (button["text"], button.get("callback_data")):
                return button
        for button in flat:
            if wanted.lower() in button["text"].lower():
                return button
        raise KeyError(f"no button {wanted!r} under message {self.message_id}, only {self.buttons}")

    def remember(self) -> None:
        self.history.append(Revision(self.body, tuple(self.buttons), self.photo))
        del self.history[:-MAX_HISTORY]

    def as_json(self, replied: Message | None = None) -> Json:
        body: Json = {
            "message_id": self.message_id,
            "from": self.sender.as_json(),
            "chat": self.chat,
            "date": self.date,
            **self.extra,
        }
        if self.edit_date:
            body["edit_date"] = self.edit_date
        if replied is not None:
            body["reply_to_message"] = replied.as_json()
        self._add_content(body)
        if self.keyboard:
            body["reply_markup"] = {"inline_keyboard": self.keyboard}
        return body

    def _add_content(self, body: Json) -> None:
        if self.photo:
            size = {"width": self.photo.width, "height": self.photo.height}
            body["photo"] = [{**self.photo.as_json(), **size}]
        if self.document:
            named = {"file_name": self.document.name, "mime_type": self.document.mime}
            body["document"] = {**self.document.as_json(), **named}
        if self.text is not None:
            body["text"] = self.text
        elif self.caption:
            body["caption"] = self.caption
        if self.entities:
            body["entities" if self.text is not None else "caption_entities"] = self.entities


@dataclass
class CallbackQuery:
    """A tap waiting for its answer; `answer` is None until the bot answers."""

    query_id: str
    message: Message
    user: Person
    data: str
    asked_at: float
    answer: Json | None = None


Listener = Callable[[Json], None]


class World:
    def __init__(self, bot: Person, owner: Person, others: tuple[Person, ...] = ()) -> None:
        self.bot = bot
        self.owner = owner
        self.people: dict[int, Person] = {person.id: person for person in (owner, *others)}
        self.chats: dict[int, Json] = {}
        self.members: dict[int, set[int]] = {}
        self.blocked_by: set[int] = set()
        self.messages: deque[Message] = deque(maxlen=MAX_MESSAGES)
        self.pinned: dict[int, list[int]] = {}
        self.files: OrderedDict[str, StoredFile] = OrderedDict()
        self.callbacks: OrderedDict[str, CallbackQuery] = OrderedDict()
        self.commands: OrderedDict[str, list[Json]] = OrderedDict()
        self.menu_button: Json = {"type": "commands"}
        self.profile: dict[str, str] = {}
        self.changes = 0
        self.listeners: list[Listener] = []
        self._message_ids = 0
        self.open_private_chat(owner)

    # chats

    def person(self, person: Person) -> Person:
        return self.people.setdefault(person.id, person)

    def open_private_chat(self, person: Person) -> Json:
        self.person(person)
        named = {"first_name": person.first_name}
        if person.username:
            named["username"] = person.username
        return self.chats.setdefault(person.id, {"id": person.id, "type": "private", **named})

    def open_group(self, kind: str, chat_id: int | None, member: Person) -> Json:
        chat_id = chat_id or (GROUP_ID if kind == "group" else SUPERGROUP_ID)
        chat = self.chats.setdefault(chat_id, {"id": chat_id, "type": kind, "title": "Traders"})
        self.members.setdefault(chat_id, set()).add(self.person(member).id)
        return chat

    def chat(self, chat_id: str) -> Json:
        """By the `chat_id` of a request; refuses what the bot can't write to."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        chat = self.chats.get(_as_int(chat_id))
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def writable_chat(self, chat_id: str) -> Json:
        chat = self.chat(chat_id)
        if chat["id"] in self.blocked_by:
            raise blocked()
        return chat

    # messages

    def next_message_id(self) -> int:
        self._message_ids += 1
        return self._message_ids

    def add(self, message: Message) -> Message:
        self.messages.append(message)
        self.touch(message, "message")
        return message

    def new_message(self, chat: Json, sender: Person, **content: Any) -> Message:
        now = int(time.time())
        return self.add(Message(self.next_message_id(), chat, sender, now, **content))

    def find(self, chat_id: int, message_id: int | None) -> Message | None:
        for message in reversed(self.messages):
            if message.message_id == message_id and message.chat["id"] == chat_id:
                return None if message.is_deleted else message
        return None

    def touch(self, message: Message, event: str) -> None:
        self.changes += 1
        message.changed = self.changes
        self.tell({"type": event, "message": message})

    def tell(self, event: Json) -> None:
        for listener in list(self.listeners):
            listener(event)

    def message_json(self, message: Message) -> Json:
        replied = self.find(message.chat["id"], message.reply_to) if message.reply_to else None
        return message.as_json(replied)

    # files

    def store(self, name: str, mime: str, content: bytes, size: tuple[int, int] = (0, 0)) -> StoredFile:
        unique = secrets.token_hex(8)
        kept = StoredFile(f"AgAC{secrets.token_urlsafe(24)}", unique, name, mime, content, *size)
        self.files[kept.file_id] = kept
        total = sum(file.size for file in self.files.values())
        while len(self.files) > MAX_FILES or (total > MAX_STORED_BYTES and len(self.files) > 1):
            _, dropped = self.files.popitem(last=False)
            total -= dropped.size
            dropped.content = b""
        return kept

    # taps

    def new_callback(self, message: Message, user: Person, data: str, now: float) -> CallbackQuery:
        query = CallbackQuery(str(secrets.randbits(62)), message, user, data, now)
        self.callbacks[query.query_id] = query
        while len(self.callbacks) > MAX_CALLBACKS:
            self.callbacks.popitem(last=False)
        return query

    def commands_for(self, person_id: int) -> list[Json]:
        """The menu this person sees in the private chat: the narrowest scope wins."""
        scopes = (f"chat:{person_id}", "all_private_chats", "default")
        for scope in scopes:
            for language in ("en", ""):
                if found := self.commands.get(f"{scope}|{language}"):
                    return found
        return []


def _as_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
