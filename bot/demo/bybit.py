"""A second face of the demo's exchange: Bybit v5, linear USDT perpetuals in a unified account, on loopback.

Laws:
- Market, account and fault switches are those of the first face; only paths, words and codes are Bybit's.
- A refusal comes with status 200 and a `retCode`; other statuses mean that a gateway answered.
- Paths of the account are served only where a key is configured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from bot.demo import bybit_account as account_of
from bot.demo import bybit_orders as orders
from bot.demo import bybit_public as public
from bot.demo.bybit_question import USUAL_WINDOW_MS, Row, Told, Wanted, check_signed
from bot.demo.bybit_unified import Unified
from bot.demo.exchange_account import DEPOSIT
from bot.demo.exchange_faults import Failure, Faults, Planned, WeightMeter
from bot.demo.exchange_hands import Hands
from bot.demo.exchange_replies import PAGE
from bot.demo.exchange_signed import Credentials
from bot.demo.market import Market

Answer = Callable[[Wanted], Row]

PUBLIC: Final[Mapping[str, Answer]] = {
    "/v5/market/time": public.server_time,
    "/v5/market/instruments-info": public.instruments,
    "/v5/market/tickers": public.tickers,
    "/v5/market/kline": public.candles,
    "/v5/market/orderbook": public.order_book,
    "/v5/market/funding/history": public.funding_history,
    "/v5/market/risk-limit": public.risk_limit,
    "/v5/market/open-interest": public.open_interest,
}
PRIVATE: Final[Mapping[tuple[str, str], Answer]] = {
    ("GET", "/v5/user/query-api"): account_of.key_facts,
    ("GET", "/v5/account/info"): account_of.account_info,
    ("GET", "/v5/account/wallet-balance"): account_of.wallet,
    ("GET", "/v5/account/transaction-log"): account_of.transactions,
    ("POST", "/v5/account/set-margin-mode"): account_of.set_margin_mode,
    ("GET", "/v5/position/list"): account_of.positions,
    ("POST", "/v5/position/set-leverage"): account_of.set_leverage,
    ("POST", "/v5/position/switch-mode"): account_of.switch_mode,
    ("POST", "/v5/position/switch-isolated"): account_of.switch_isolated,
    ("GET", "/v5/execution/list"): account_of.executions,
    ("POST", "/v5/order/create"): orders.create,
    ("POST", "/v5/order/cancel"): orders.cancel,
    ("GET", "/v5/order/realtime"): orders.realtime,
    ("GET", "/v5/order/history"): orders.history,
}
TRADING: Final = ("/v5/order/create", "/v5/order/cancel", "/v5/position/set-leverage")
REQUESTS_A_MINUTE: Final = 7_200  # 600 in five seconds
TICK_S: Final = 0.25  # real seconds between two looks at the prices
SILENCE_S: Final = 60.0  # how long a swallowed answer stays away
_SERVER_ERROR: Final = (10016, "Server error.")
_TIMED_OUT: Final = (10000, "Server Timeout")
SAID: Final = {
    Failure.UNKNOWN: _SERVER_ERROR,
    Failure.UNKNOWN_DONE: _SERVER_ERROR,
    Failure.TIMED_OUT: _TIMED_OUT,
    Failure.TIMED_OUT_DONE: _TIMED_OUT,
    Failure.OVERLOADED: (10429, "System level frequency protection"),
    Failure.THROTTLED: (10006, "Too many visits. Exceeded the API Rate Limit."),
}
"""Failures that come as an ordinary answer. A ban is a 403, unavailability a 503, both without JSON."""


class BybitStandIn:
    """`url` is known after `start`; `faults`, `hands`, `unified` and `meter` may be used at any time."""

    def __init__(
        self,
        market: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
        deposit: Decimal = DEPOSIT,
    ) -> None:
        self.market = market
        self.faults = Faults()
        self.meter = WeightMeter(REQUESTS_A_MINUTE)
        self.requests: dict[str, int] = {}  # how often each "POST /path" was answered
        self.unified = Unified(market, deposit, self.faults)
        self.account = self.unified.account
        self.hands = Hands(self.account, self.faults)
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
            raise RuntimeError("the demo's Bybit has no address before it is started")
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
            self._ticking = asyncio.create_task(self._tick(), name="the demo Bybit's prices")

    async def stop(self) -> None:
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._url, self._ticking = None, "", None

    def set_price(self, symbol: str, price: Decimal) -> None:
        """A gap: the next trade is at `price`."""
        self.market.set_price(symbol, price)

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
        is_protective = '"reduceOnly":true' in body.replace(" ", "")
        planned = self.faults.take(request.path, request.method, is_protective=is_protective)
        if planned is not None:
            return await self._failed(request, body, planned)
        self.requests[f"{request.method} {request.path}"] = (
            self.requests.get(f"{request.method} {request.path}", 0) + 1
        )
        weighed = self.meter.weigh(1)
        if weighed.status != 200:
            return self._banned() if weighed.status == 418 else self._said(*SAID[Failure.THROTTLED])
        if not _is_served(request):
            return web.Response(text="404 page not found", status=404)
        try:
            return self._said(0, "OK", self._admitted(request, body)())
        except Told as told:
            return self._said(told.code, told.words)

    def _admitted(self, request: web.Request, body: str) -> Callable[[], Row]:
        """What the request asks for, ready to be done; raises `Told` for who asks, or when."""
        path, is_get = request.path, request.method == "GET"
        answer = PUBLIC.get(path) if is_get else None
        if answer is not None:
            asked = self._wanted(dict(request.query))
            return lambda: answer(asked)
        private = PRIVATE[request.method, path]
        if self._credentials is None:
            raise Told(10003, "API key is invalid.")
        signed = request.rel_url.raw_query_string if is_get else body
        skewed = self.market.now_ms() + self.faults.clock_skew_ms
        check_signed(self._credentials, request.headers, signed, skewed)
        if path in TRADING and not self._may_trade():
            raise Told(10005, "Permission denied, please check your API key permissions.")
        params = dict(parse_qsl(signed, keep_blank_values=True)) if is_get else _fields(body)
        return lambda: private(self._wanted(params))

    def _may_trade(self) -> bool:
        key = self.unified.key
        return str(key["readOnly"]) == "0" and "Order" in key["permissions"]["ContractTrade"]

    def _wanted(self, params: Mapping[str, str]) -> Wanted:
        now, frozen = self.market.now_ms(), self.faults.frozen_at_ms
        return Wanted(self.unified, self.market, self.faults, now if frozen is None else frozen, now, params)

    def _said(self, code: int, words: str, result: Row | None = None) -> web.Response:
        at = self.market.now_ms() + self.faults.clock_skew_ms
        envelope = {"retCode": code, "retMsg": words, "result": result or {}, "retExtInfo": {}, "time": at}
        return web.Response(text=json.dumps(envelope, separators=(",", ":")), content_type="application/json")

    # ------------------------------------------------------------ failing

    def _banned(self) -> web.Response:
        return web.Response(text="403, access too frequent", status=403, content_type="text/html")

    def _carry_out(self, request: web.Request, body: str, late_s: float) -> None:
        """Does what is asked, now or later, and tells nobody; a refusal stays unheard too."""
        if not _is_served(request):
            return
        with contextlib.suppress(Told):
            done = self._admitted(request, body)
            if late_s <= 0:
                done()
            elif late_s * 1_000 <= int(request.headers.get("X-BAPI-RECV-WINDOW", USUAL_WINDOW_MS)):
                self._later(late_s, done)

    def _later(self, seconds: float, done: Callable[[], Any]) -> None:
        def run() -> None:
            self._late.discard(handle)
            with contextlib.suppress(Told):
                done()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._late.add(handle)

    async def _failed(self, request: web.Request, body: str, planned: Planned) -> web.Response:
        failure = planned.failure
        if failure.is_carried_out:
            self._carry_out(request, body, planned.late_s)
        match failure:
            case Failure.RESET | Failure.LOST | Failure.SWALLOWED:
                if failure is Failure.SWALLOWED:
                    await asyncio.sleep(SILENCE_S)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case Failure.REFUSED:
                return self._said(planned.code, planned.message)
            case Failure.BANNED:
                return self._banned()
            case Failure.HTML:
                return web.Response(text=PAGE, content_type="text/html")
            case _ if failure in SAID:
                return self._said(*SAID[failure])
            case _:
                return web.Response(text=PAGE, status=503, content_type="text/html")


def _is_served(request: web.Request) -> bool:
    is_public = request.method == "GET" and request.path in PUBLIC
    return is_public or (request.method, request.path) in PRIVATE


def _fields(body: str) -> dict[str, str]:
    """A JSON body's fields as text; raises `Told`."""
    try:
        found = json.loads(body or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Told(10001, "Request parameter error.")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in found.items()
        if value is not None
    }
