"""The demo exchange's websockets: the user data stream and the market streams.

Laws:
- The user data stream belongs to a listen key: it lives an hour after the key was last asked for, and ends
  with `listenKeyExpired` and silence, the connection staying open.
- Market streams are sent on beats of real time; they show the market of the clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from bot.demo.exchange_faults import Faults
from bot.demo.exchange_question import Question, Refused
from bot.demo.exchange_records import Row
from bot.demo.exchange_stream_rows import stream_row

BEAT_S: Final = 0.5
KEY_LIFE_MS: Final = 3_600_000
MOST_WAITING: Final = 10_000  # events for one slow reader; more are dropped, as a venue drops the connection
MOST_STREAMS: Final = 200  # of one connection
PING_S: Final = 180.0
CLOSING_S: Final = 0.5  # how long a client may take to agree that a connection ends


@dataclass(eq=False, slots=True)
class _Socket:
    socket: web.WebSocketResponse
    listen_key: str
    waiting: asyncio.Queue[Row] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    streams: dict[str, float] = field(default_factory=dict)
    """Name → the beat it is due at."""

    def put(self, row: Row) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.waiting.put_nowait(row)


class Streams:
    """`question` shows the market now. Listen keys count on the market's clock."""

    def __init__(self, faults: Faults, question: Callable[[], Question]) -> None:
        self._faults = faults
        self._question = question
        self._sockets: set[_Socket] = set()
        self._key = ""
        self._key_number = 0
        self._key_until_ms = 0
        self._kept_back: Row | None = None

    @property
    def listeners(self) -> int:
        """Connections that hear the account's events."""
        return sum(bool(each.listen_key) and each.listen_key == self._key for each in self._sockets)

    # ------------------------------------------------------------ listen keys

    def listen_key(self) -> str:
        """The account's one key, made or kept alive."""
        now = self._question().now_ms
        if not self._key or now >= self._key_until_ms:
            self._key_number += 1
            self._key = f"{self._key_number:04d}demoListenKey{now}"
        self._key_until_ms = now + KEY_LIFE_MS
        return self._key

    def renew_key(self) -> str:
        """Raises `Refused` where there is none."""
        if not self._key or self._question().now_ms >= self._key_until_ms:
            raise Refused(-1125, "This listenKey does not exist.")
        return self.listen_key()

    def close_key(self) -> None:
        self._key = ""

    def expire_key(self) -> None:
        """As after an hour without a renewal."""
        at = self._question().now_ms
        self.tell({"e": "listenKeyExpired", "E": at, "listenKey": self._key})
        self._key = ""

    # ------------------------------------------------------------ the account's events

    def tell(self, event: Row) -> None:
        """To whoever listens with the present key."""
        if self._key and self._question().now_ms >= self._key_until_ms and event["e"] != "listenKeyExpired":
            self.expire_key()
        for row in self._in_order(event):
            for each in self._sockets:
                if each.listen_key and each.listen_key == self._key and not self._faults.are_streams_silent:
                    each.put(row)

    def _in_order(self, event: Row) -> list[Row]:
        events = [event, event] if self._faults.repeats_events else [event]
        if not self._faults.reorders_events:
            late, self._kept_back = self._kept_back, None
            return events if late is None else [late, *events]
        if self._kept_back is None:
            self._kept_back = event
            return []
        late, self._kept_back = self._kept_back, None
        return [*events, late]

    async def drop(self) -> None:
        """Cuts every connection."""
        await asyncio.gather(*(each.socket.close() for each in list(self._sockets)))

    # ------------------------------------------------------------ connections

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`/private/ws?listenKey=…`, `/market/ws/…`, `/public/ws/…` and `/ws/…`."""
        socket = web.WebSocketResponse(timeout=CLOSING_S, heartbeat=PING_S)
        await socket.prepare(request)
        key = request.query.get("listenKey", "") if request.path.startswith("/private") else ""
        client = _Socket(socket, key)
        self._sockets.add(client)
        tasks = [asyncio.create_task(self._write(client)), asyncio.create_task(self._beat(client))]
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    client.put(self._answered(client, message.data))
        finally:
            self._sockets.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def _write(self, client: _Socket) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                row = await client.waiting.get()
                await client.socket.send_str(json.dumps(row, separators=(",", ":")))

    async def _beat(self, client: _Socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            due = [name for name, at in client.streams.items() if at <= now]
            for name in due:
                row, every_s = stream_row(self._question(), name)
                client.streams[name] = now + every_s
                if not self._faults.are_streams_silent:
                    client.put(row)
            await asyncio.sleep(BEAT_S)

    def _answered(self, client: _Socket, text: str) -> Row:
        try:
            asked: Any = json.loads(text)
            number, method, names = asked["id"], asked["method"], asked.get("params", [])
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": {"code": 2, "msg": "Invalid request"}, "id": None}
        if method == "SUBSCRIBE":
            return self._subscribed(client, number, names)
        if method == "UNSUBSCRIBE":
            for name in names:
                client.streams.pop(name, None)
            return {"result": None, "id": number}
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(client.streams), "id": number}
        return {"error": {"code": 2, "msg": f"Invalid request: unknown method {method}"}, "id": number}

    def _subscribed(self, client: _Socket, number: object, names: list[str]) -> Row:
        try:
            for name in names:
                stream_row(self._question(), name)
        except Refused as refused:
            return {"error": {"code": 2, "msg": f"Invalid request: {refused.message}"}, "id": number}
        if len(client.streams) + len(names) > MOST_STREAMS:
            return {"error": {"code": 2, "msg": "Invalid request: too many streams"}, "id": number}
        client.streams |= dict.fromkeys(names, 0.0)
        return {"result": None, "id": number}
