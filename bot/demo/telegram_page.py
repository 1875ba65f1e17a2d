"""The chat page and what it talks to: a snapshot, a stream of events, and the owner's actions.

Laws
- The page shows the owner's private chat, nothing else.
- A page that connects or reconnects first receives a whole snapshot; events follow in order. A page that
  reads too slowly is disconnected and starts again from a snapshot.
- Actions are same-origin JSON requests to a loopback name; anything else is refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bot.demo.telegram_errors import Json
from bot.demo.telegram_server import loopback_only
from bot.demo.telegram_state import CallbackQuery, Message, StoredFile, World

STATIC = Path(__file__).parent / "static"
MAX_SHOWN = 300
MAX_BACKLOG = 500
MAX_TEXT_CHARS = 20_000
CONTROL_TIMEOUT_S = 15.0
PRESENCE_EVERY_S = 2.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Control:
    """A button of the side panel; what `run` returns is shown for a moment."""

    label: str
    run: Callable[[], Awaitable[str | None]]
    group: str = "Market"


class Owner(Protocol):
    """What the page can do in the owner's name."""

    async def say_from_page(self, text: str, reply_to: int | None) -> None: ...
    async def tap_from_page(self, message_id: int, data: str) -> Json | None: ...
    async def stop_draft(self, draft_id: int) -> None: ...
    def connection(self) -> str:
        """ "online", "waiting" (no bot listens) or "outage"."""


@dataclass(eq=False)
class _Watcher:
    queue: asyncio.Queue[Json | None] = field(default_factory=lambda: asyncio.Queue(MAX_BACKLOG))

    def put(self, event: Json) -> None:
        if self.queue.full():
            self.end()
        else:
            self.queue.put_nowait(event)

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Page:
    def __init__(self, world: World, owner: Owner, controls: list[Control]) -> None:
        self._world = world
        self._owner = owner
        self._controls = controls
        self._watchers: set[_Watcher] = set()
        world.listeners.append(self._on_event)
        self.app = web.Application(middlewares=[loopback_only, same_origin, secure_headers])
        self.app.router.add_get("/", self._index)
        self.app.router.add_static("/static", STATIC)
        self.app.router.add_get("/chat/state", self._state)
        self.app.router.add_get("/chat/events", self._events)
        self.app.router.add_get("/chat/file/{unique_id}/{name}", self._file)
        self.app.router.add_post("/chat/send", self._send)
        self.app.router.add_post("/chat/tap", self._tap)
        self.app.router.add_post("/chat/stop", self._stop)
        self.app.router.add_post("/control/{index}", self._control)

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.end()

    # reading

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._snapshot())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await stream.prepare(request)
        watcher = _Watcher()
        watcher.put({"type": "snapshot", **self._snapshot()})
        self._watchers.add(watcher)
        try:
            await self._pump(stream, watcher)
        except ConnectionResetError:
            pass  # the page went away
        finally:
            self._watchers.discard(watcher)
        return stream

    async def _pump(self, stream: web.StreamResponse, watcher: _Watcher) -> None:
        presence = self._owner.connection()
        while True:
            try:
                event = await asyncio.wait_for(watcher.queue.get(), PRESENCE_EVERY_S)
            except TimeoutError:
                event = {"type": "alive"}
            if event is None:
                return
            if event["type"] != "connection":
                await stream.write(_frame(event))
            if presence != self._owner.connection():
                presence = self._owner.connection()
                await stream.write(_frame({"type": "connection", "state": presence}))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["unique_id"]
        file = next((file for file in self._world.files.values() if file.unique_id == wanted), None)
        if file is None:
            raise web.HTTPNotFound(text="This file is gone.")
        headers = {"Cache-Control": "private, max-age=3600"}
        if not file.width:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        mime = file.mime if file.width else "application/octet-stream"
        return web.Response(body=file.content, content_type=mime, headers=headers)

    # acting

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        text = str(body.get("text", "")).strip()
        if not text or len(text) > MAX_TEXT_CHARS:
            raise web.HTTPBadRequest(text=f"A message has 1 to {MAX_TEXT_CHARS} characters.")
        reply_to = body.get("reply_to")
        await self._owner.say_from_page(text, int(reply_to) if reply_to else None)
        return web.json_response({"ok": True})

    async def _tap(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        answer = await self._owner.tap_from_page(int(body["message_id"]), str(body["data"]))
        return web.json_response({"answer": answer})

    async def _stop(self, request: web.Request) -> web.StreamResponse:
        await self._owner.stop_draft(int((await _body(request))["draft_id"]))
        return web.json_response({"ok": True})

    async def _control(self, request: web.Request) -> web.StreamResponse:
        index = int(request.match_info["index"]) if request.match_info["index"].isdigit() else -1
        if not 0 <= index < len(self._controls):
            raise web.HTTPNotFound(text="There is no such control.")
        try:
            note = await asyncio.wait_for(self._controls[index].run(), CONTROL_TIMEOUT_S)
        except TimeoutError:
            raise web.HTTPGatewayTimeout(text="The control did not answer in time.") from None
        return web.json_response({"note": note or ""})

    # shapes

    def _snapshot(self) -> Json:
        owner_id = self._world.owner.id
        mine = [m for m in self._world.messages if m.chat["id"] == owner_id and not m.is_deleted]
        return {
            "bot": self._world.bot.as_json(),
            "description": self._world.profile.get("description|", ""),
            "owner": self._world.owner.as_json(),
            "messages": [self._message(message) for message in mine[-MAX_SHOWN:]],
            "connection": self._owner.connection(),
            "controls": [
                {"id": index, "label": control.label, "group": control.group}
                for index, control in enumerate(self._controls)
            ],
            **self._pinned(),
            **self._menu(),
        }

    def _pinned(self) -> Json:
        return {"pinned": list(self._world.pinned.get(self._world.owner.id, []))}

    def _menu(self) -> Json:
        return {
            "commands": self._world.commands_for(self._world.owner.id),
            "menu_button": self._world.menu_button,
        }

    def _message(self, message: Message) -> Json:
        body = self._world.message_json(message)
        body["is_mine"] = message.sender.id == self._world.owner.id
        body["reactions"] = message.reactions
        for kind, file in (("photo_file", message.photo), ("document_file", message.document)):
            if file is not None:
                body[kind] = _file_link(file)
        return body

    def _on_event(self, event: Json) -> None:
        shown = self._shown(event)
        if shown is not None:
            for watcher in self._watchers:
                watcher.put(shown)

    def _shown(self, event: Json) -> Json | None:
        """The event as the page reads it; None for other chats."""
        message = event.get("message")
        if isinstance(message, Message):
            if message.chat["id"] != self._world.owner.id:
                return None
            if event["type"] == "delete":
                return {"type": "delete", "message_id": message.message_id}
            return {"type": event["type"], "message": self._message(message)}
        if event["type"] == "answer":
            query: CallbackQuery = event["query"]
            if query.user.id != self._world.owner.id:
                return None
            return {"type": "answer", "message_id": query.message.message_id, "data": query.data}
        if event.get("chat_id") not in (None, self._world.owner.id):
            return None
        extra = {"pinned": self._pinned, "commands": self._menu}.get(event["type"])
        return event | (extra() if extra else {})


def _frame(event: Json) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def _file_link(file: StoredFile) -> Json:
    return {
        "url": f"/chat/file/{file.unique_id}/{quote(file.name, safe='')}",
        "name": file.name,
        "size": file.size,
        "width": file.width,
        "height": file.height,
    }


async def _body(request: web.Request) -> Json:
    try:
        body = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="The body must be JSON.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return body


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        origin = request.headers.get(hdrs.ORIGIN)
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get(hdrs.HOST):
            raise web.HTTPForbidden(text="Requests from other pages are refused.")
        if site != "same-origin" or request.content_type != "application/json":
            raise web.HTTPForbidden(text="Requests from other pages are refused.")
    return await handler(request)


@web.middleware
async def secure_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if not response.prepared:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-cache")
    return response
