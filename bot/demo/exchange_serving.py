"""What both faces of the demo's exchange do alike: an address, the prices' ticking, failing on order.

Laws:
- A face says how it reads a request and in which words it answers or fails; when it does so is decided here.
- What is carried out without an answer is admitted when it arrives and done when it is due.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Final

from aiohttp import web

from bot.demo.exchange_account import Account
from bot.demo.exchange_faults import Failure, Faults, Planned
from bot.demo.exchange_signed import Credentials
from bot.demo.market import Market

TICK_S: Final = 0.25  # real seconds between two looks at the prices
SILENCE_S: Final = 60.0  # how long a swallowed answer stays away


class Served(ABC):
    """`url` is known after `start`; `faults` may be used at any time."""

    name: ClassVar[str]
    """As it is called in errors and task names."""
    refusal: ClassVar[type[Exception]]
    """What `_admitted`, and what it returns, raise for a request that the venue refuses."""

    def __init__(
        self,
        market: Market,
        account: Account,
        faults: Faults,
        credentials: Credentials | None,
        host: str,
        port: int,
    ) -> None:
        self.market = market
        self.account = account
        self.faults = faults
        self.requests: dict[str, int] = {}
        """How often each request was answered, by the name that the face gives it."""
        self._credentials = credentials
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._url = ""
        self._ticking: asyncio.Task[None] | None = None
        self._late: set[asyncio.TimerHandle] = set()

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        if not self._url:
            raise RuntimeError(f"{self.name} has no address before it is started")
        return self._url

    async def start(self) -> None:
        """Raises OSError if the port is taken."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"
        if self._credentials is not None:
            self._ticking = asyncio.create_task(self._tick(), name=f"{self.name}'s prices")

    async def stop(self) -> None:
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        await self._hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._url, self._ticking = None, "", None

    def set_price(self, symbol: str, price: Decimal) -> None:
        """A gap: the next trade is at `price`."""
        self.market.set_price(symbol, price)

    # ------------------------------------------------------------ what a face adds

    @abstractmethod
    async def _hang_up(self) -> None:
        """Ends what would outlive the last answer."""

    @abstractmethod
    def _is_protective(self, body: str) -> bool:
        """It sends an order that can only make a position smaller."""

    @abstractmethod
    async def _answered(self, request: web.Request, body: str) -> web.StreamResponse:
        """The answer of a venue that works."""

    @abstractmethod
    def _may_be_done(self, request: web.Request) -> bool:
        """It has a path behind which something can be carried out."""

    @abstractmethod
    def _admitted(self, request: web.Request, body: str) -> Callable[[], Any]:
        """What the request asks for, ready to be done; raises `refusal` for who asks, or when."""

    @abstractmethod
    def _window_ms(self, request: web.Request, body: str) -> int:
        """How late the request may still be carried out."""

    @abstractmethod
    def _failed(self, planned: Planned) -> web.Response:
        """A failure in the venue's words, of the kinds that come with an answer."""

    # ------------------------------------------------------------ answering

    async def _tick(self) -> None:
        while True:
            self.account.advance()
            await asyncio.sleep(TICK_S)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._ticking is not None and self._ticking.done():
            self._ticking.result()  # a demo exchange that lost its prices answers nothing
        body = await request.text()  # first of all: who gives up on a slow answer takes its body along
        delay_s = self.faults.delay_s(request.path, request.method)
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        is_protective = self._is_protective(body)
        planned = self.faults.take(request.path, request.method, is_protective=is_protective)
        if planned is None:
            return await self._answered(request, body)
        if planned.failure.is_carried_out:
            self._carry_out(request, body, planned.late_s)
        if planned.failure in (Failure.RESET, Failure.LOST, Failure.SWALLOWED):
            return await self._cut(request, planned.failure)
        return self._failed(planned)

    def _counted(self, name: str) -> None:
        self.requests[name] = self.requests.get(name, 0) + 1

    # ------------------------------------------------------------ failing

    async def _cut(self, request: web.Request, failure: Failure) -> web.Response:
        """The connection ends without an answer."""
        if failure is Failure.SWALLOWED:
            await asyncio.sleep(SILENCE_S)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _carry_out(self, request: web.Request, body: str, late_s: float) -> None:
        """Does what is asked, now or later, and tells nobody; a refusal stays unheard too."""
        if not self._may_be_done(request):
            return
        with contextlib.suppress(self.refusal):
            done = self._admitted(request, body)
            if late_s <= 0:
                done()
            elif late_s * 1_000 <= self._window_ms(request, body):
                self._later(late_s, done)

    def _later(self, seconds: float, done: Callable[[], Any]) -> None:
        def run() -> None:
            self._late.discard(handle)
            with contextlib.suppress(self.refusal):
                done()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._late.add(handle)
