"""What the exchange says unasked, as hints: something changed, look now. REST stays the truth.

Laws:
- Nothing is decided, booked or remembered from an event. Late, repeated and reordered events cost a look.
- Looks go on without streams; a silent stream says so in `health` and is dialled again with growing pauses.
- Own connections, the shared request budget. Nothing raises into the owner; `close` leaves nothing behind.
- Built for Binance USD-M. For any other exchange `has_streams` is false, and looking is all there is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import Calls
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.stream_feeds import AccountFeed, Hint, PriceFeed
from core.adapters.exchange.stream_line import Line, Patience, StreamState
from core.adapters.exchange.stream_words import PricePart, StreamPrice, What
from core.errors import NotAllowed
from core.market import from_ms
from core.ports import Clock, ComponentHealth

OnPrice = Callable[[StreamPrice], None]


def has_streams(exchange_id: str) -> bool:
    return exchange_id == "binanceusdm"


class Streams:
    """`hint(symbol or None for the account, what)` and `on_price` are called on the event loop and must be
    quick; what they raise goes to the loop's exception handler and reaches no stream."""

    def __init__(
        self,
        access: Access,
        budget: WeightBudget,
        clock: Clock,
        hint: Hint,
        on_price: OnPrice,
        patience: Patience = Patience(),  # noqa: B008 - immutable
    ) -> None:
        self._access, self._budget, self._clock = access, budget, clock
        self._hint, self._on_price, self._patience = hint, on_price, patience
        self._held: frozenset[str] = frozenset()
        self._pro: Any = None
        self._account: AccountFeed | None = None
        self._prices: tuple[PriceFeed, ...] = ()
        self._lines: tuple[Line, ...] = ()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._frames: deque[tuple[Any, Any]] = deque()
        self._marks: dict[str, PricePart] = {}
        self._touches: dict[str, PricePart] = {}

    async def open(self) -> None:
        """Returns before anything is connected. Raises `NotAllowed` where there are no streams
        (`has_streams`) or no sandbox, and `RuntimeError` when it is open already."""
        if self._pro is not None:
            raise RuntimeError("the streams are open already")
        if not has_streams(self._access.exchange_id):
            raise NotAllowed(f"{self._access.exchange_id} has no streams here: it is only looked at")
        pro = self._pro = await open_client(self._access, streams=True)
        pro.handle_message = self._on_frame
        dial_s = max(1, int(self._patience.dial_s))
        pro.streaming |= {"keepAlive": int(self._patience.ping_s * 1000), "connectionTimeout": dial_s * 1000}
        self._account = AccountFeed(pro, Calls(pro, self._budget, self._clock), self._tell, self._patience)
        self._prices = (
            PriceFeed(
                "mark",
                lambda: pro.get_ws_url("linear", "market") + "/0",
                "markPrice@1s",
                self._patience.mark_s,
                self._on_mark,
                self._marks.clear,
            ),
            PriceFeed(
                "touch",
                lambda: pro.get_ws_url("linear", "public") + "/1",
                "bookTicker",
                self._patience.touch_s,
                self._on_touch,
                self._touches.clear,
            ),
        )
        self._lines = tuple(Line(pro, feed, self._patience) for feed in (self._account, *self._prices))
        self.hold(self._held)
        self._tasks = tuple(
            asyncio.create_task(line.run(), name=f"the {line.feed.name} stream") for line in self._lines
        )

    async def close(self) -> None:
        """No task and no socket stays. May be called twice, or without `open`."""
        tasks, self._tasks = self._tasks, ()
        for line in self._lines:
            line.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pro, self._pro = self._pro, None
        if pro is not None:
            await close_client(pro)

    def hold(self, symbols: Iterable[str]) -> None:
        """The prices of these are streamed from now on, and of no others; may be called before `open`."""
        self._held = frozenset(symbols)
        for board in (self._marks, self._touches):
            for symbol in board.keys() - self._held:
                del board[symbol]
        for feed in self._prices:
            feed.hold(self._held)
        for line in self._lines:
            line.nudge()

    # ------------------------------------------------------------ is anything missing

    @property
    def events(self) -> int:
        """Account events heard so far: read it before an order is sent, for `expect`."""
        return self._account.events if self._account else 0

    def expect(self, events_before: int) -> None:
        """The venue took an order that was sent after `events_before` was read: an event must follow, or the
        account's stream is deaf and is replaced."""
        if self._account is not None and self._account.events == events_before:
            self._account.owe()

    def states(self) -> tuple[StreamState, ...]:
        return tuple(line.state() for line in self._lines)

    def is_silent(self, name: str) -> bool:
        """Of `account`, `mark` or `touch`; true for a stream that isn't open."""
        return next((each.is_silent for each in self.states() if each.name == name), True)

    def health(self) -> ComponentHealth:
        states = self.states()
        silent = [each for each in states if each.is_silent]
        more = {each.name: None if each.age_s is None else round(each.age_s, 1) for each in states}
        if not states:
            return ComponentHealth("unused", "streams are not open")
        detail = "; ".join(f"{each.name}: {each.detail}" for each in silent)
        age = states[0].age_s
        return ComponentHealth("degraded" if silent else "ok", detail, age, more)

    # ------------------------------------------------------------ what comes in

    def _on_frame(self, client: Any, frame: Any) -> None:
        """Only keeps it: an error here would end the reading of the socket. The callback carries no frame,
        which the loop would print with its error."""
        self._frames.append((client, frame))
        asyncio.get_running_loop().call_soon(self._read_frame)

    def _read_frame(self) -> None:
        client, frame = self._frames.popleft()
        for line in self._lines:
            if line.carries(client):
                line.frame(frame)
                return

    def _on_mark(self, part: PricePart) -> None:
        self._marks[part.symbol] = part
        self._price(part.symbol)

    def _on_touch(self, part: PricePart) -> None:
        self._touches[part.symbol] = part
        self._price(part.symbol)

    def _price(self, symbol: str) -> None:
        marked, touch = self._marks.get(symbol), self._touches.get(symbol)
        if marked is None or marked.mark is None:
            return
        bid, ask = (touch.bid, touch.ask) if touch else (None, None)
        price = StreamPrice(symbol, marked.mark, bid, ask, from_ms(marked.serial[0]))
        asyncio.get_running_loop().call_soon(self._on_price, price)

    def _tell(self, symbol: str | None, what: What) -> None:
        asyncio.get_running_loop().call_soon(self._hint, symbol, what)
