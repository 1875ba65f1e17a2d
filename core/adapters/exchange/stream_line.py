"""One websocket that is kept alive: dialled, watched, and dialled again when it breaks or falls silent.

Laws:
- ccxt.pro carries the frames. Its caches, its listen key and its order bookkeeping are not used.
- Nothing raises into the owner; a broken line is dialled again until it is stopped.
- No reason that is shown or logged holds an address: the private one contains the listen key.
- Seconds are those of the event loop: a network is as slow as it is, whatever clock the bot runs on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any, Protocol

from core.adapters.exchange.client import error_base
from core.errors import PerpilotError

_BREAKS = (PerpilotError, OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError)
"""What a connection, and ccxt in the middle of one that breaks, raises; a deadline is an `OSError` too."""

logger = logging.getLogger("perpilot.exchange")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    tick_s: float = 1.0
    """Between two looks of the watchdog."""
    dial_s: float = 10.0
    close_s: float = 1.0
    first_pause_s: float = 0.5
    """Before the second attempt; doubles."""
    most_pause_s: float = 30.0
    settled_s: float = 30.0
    """A connection that lived as long starts again with the first pause."""
    ping_s: float = 5.0
    """Between two pings; two without an answer end the connection."""
    account_s: float = 30.0
    """Without event and pong. Without events alone the account's stream is healthy: nothing happened."""
    owed_s: float = 5.0
    """Until the event of an order that the venue took must have come."""
    mark_s: float = 20.0
    touch_s: float = 60.0
    """A quiet book sends nothing."""
    renew_s: float = 600.0
    """Between two renewals of the listen key, which lives 3600 s."""
    renew_again_s: float = 60.0
    """After a renewal that wasn't answered."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """For /health. `age_s` since anything was heard, None for never; `is_silent`: don't count on it."""

    name: str
    is_silent: bool
    is_wanted: bool
    age_s: float | None
    detail: str
    dials: int


class Feed(Protocol):
    """What one line carries."""

    @property
    def name(self) -> str: ...

    @property
    def is_wanted(self) -> bool: ...

    async def address(self) -> str:
        """May ask the venue; raises `core.errors`."""
        ...

    def connected(self) -> None: ...

    def lost(self) -> None: ...

    def to_send(self) -> list[dict[str, Any]]:
        """What must be said now: asked on every tick and after every `Line.nudge`."""
        ...

    def heard(self, frame: Any) -> None: ...

    def fault(self, silence_s: float) -> str:
        """Why the connection must be replaced, `silence_s` since anything was heard; empty when it's well."""
        ...

    async def tend(self) -> str:
        """Runs beside the connection; returns why it must be replaced."""
        ...


class Line:
    def __init__(self, pro: Any, feed: Feed, patience: Patience) -> None:
        self._pro, self.feed, self._patience = pro, feed, patience
        self._client: Any = None
        self._nudged = asyncio.Event()
        self._cut = ""
        self._is_up = self._is_stopped = False
        self._heard_at: float | None = None
        self._detail = "not connected yet"
        self._dials = 0

    @property
    def is_up(self) -> bool:
        return self._is_up

    def carries(self, client: Any) -> bool:
        return client is self._client

    def nudge(self) -> None:
        """The feed has something to say, or is no longer wanted, or wanted again."""
        self._nudged.set()

    def cut(self, reason: str) -> None:
        """Replaces the connection, if there is one."""
        if self._client is not None:
            self._cut = reason
            self._nudged.set()

    def frame(self, frame: Any) -> None:
        self._heard_at = _now()
        self.feed.heard(frame)

    def state(self) -> StreamState:
        wanted = self.feed.is_wanted
        age = None if self._heard_at is None else _now() - self._heard_at
        fault = self.feed.fault(age or 0.0) if self._is_up else self._detail
        return StreamState(
            self.feed.name,
            wanted and bool(fault),
            wanted,
            age,
            fault if wanted else "not needed",
            self._dials,
        )

    def stop(self) -> None:
        """`run` ends: to be called before it is cancelled, because a dial may swallow the cancelling
        (`asyncio.wait_for` does when the connection stands in the same moment)."""
        self._is_stopped = True
        self._nudged.set()

    async def run(self) -> None:
        """Until stopped and cancelled."""
        pause_s = self._patience.first_pause_s
        while not self._is_stopped:
            if not self.feed.is_wanted:
                await self._nudged.wait()
                self._nudged.clear()
                continue
            started = _now()
            try:
                reason = await self._live()
            except (*_BREAKS, error_base()) as error:
                reason = str(error) if isinstance(error, PerpilotError) else _kind(error)
            finally:
                was_up, self._is_up = self._is_up, False
                await self._hang_up()
            if was_up and not self._is_stopped:
                self.feed.lost()
            if self._is_stopped or not self.feed.is_wanted:
                continue
            self._detail = reason
            logger.warning("exchange_stream_lost stream=%s reason=%r", self.feed.name, reason)
            if was_up and _now() - started >= self._patience.settled_s:
                pause_s = self._patience.first_pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._patience.most_pause_s)

    async def _live(self) -> str:
        """One connection from dialling to its end; returns why it ended."""
        self._cut = ""
        async with asyncio.timeout(self._patience.dial_s):
            broken = await self._dial()
        broken.add_done_callback(lambda _: self._nudged.set())
        tending = asyncio.create_task(self.feed.tend(), name=f"{self.feed.name} stream's upkeep")
        tending.add_done_callback(lambda _: self._nudged.set())
        try:
            self._is_up, self._heard_at = True, _now()
            self.feed.connected()
            return await self._watched(broken, tending)
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)

    async def _dial(self) -> Any:
        """A future that fails when the connection does. Raises what dialling raises."""
        address = await self.feed.address()
        self._dials += 1
        self._client = client = self._pro.client(address)
        broken = client.future("until it breaks")
        broken.add_done_callback(_seen)
        await client.open(self._pro.session)  # not `watch`: that one dials in a task nobody could end
        if broken.done():
            raise ConnectionError("the exchange could not be reached")
        return broken

    async def _watched(self, broken: Any, tending: asyncio.Task[str]) -> str:
        last_pong: Any = None
        while not self._is_stopped:
            for message in self.feed.to_send():
                await self._client.send(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience.tick_s):
                    await self._nudged.wait()
            self._nudged.clear()
            if self._client.lastPong != last_pong:
                last_pong, self._heard_at = self._client.lastPong, _now()
            if not self.feed.is_wanted:
                return "not needed"
            if broken.done():
                return "the connection broke"
            if tending.done():
                return tending.result()
            if reason := self._cut or self.feed.fault(_now() - (self._heard_at or 0.0)):
                return reason
        return "stopped"

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if self._pro.clients.get(client.url) is client:
            del self._pro.clients[client.url]
        with contextlib.suppress(*_BREAKS):
            async with asyncio.timeout(self._patience.close_s):
                await client.close()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _seen(future: Any) -> None:
    if not future.cancelled():
        future.exception()
