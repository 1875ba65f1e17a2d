"""A second face of the demo's exchange: Bybit v5, linear USDT perpetuals in a unified account, on loopback.

Laws:
- Market, account and fault switches are those of the first face; only paths, words and codes are Bybit's.
- A refusal comes with status 200 and a `retCode`; other statuses mean that a gateway answered.
- Paths of the account are served only where a key is configured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import ClassVar, Final
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
from bot.demo.exchange_serving import Served
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


class BybitStandIn(Served):
    """`url` is known after `start`; `faults`, `hands`, `unified` and `meter` may be used at any time.

    `requests` counts each "POST /path".
    """

    name: ClassVar[str] = "the demo's Bybit"
    refusal: ClassVar[type[Exception]] = Told

    def __init__(
        self,
        market: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
        deposit: Decimal = DEPOSIT,
    ) -> None:
        faults = Faults()
        self.unified = Unified(market, deposit, faults)
        super().__init__(market, self.unified.account, faults, credentials, host, port)
        self.meter = WeightMeter(REQUESTS_A_MINUTE)
        self.hands = Hands(self.account, faults)

    async def _hang_up(self) -> None:
        """It has no streams."""

    # ------------------------------------------------------------ answering

    def _is_protective(self, body: str) -> bool:
        return '"reduceOnly":true' in body.replace(" ", "")

    async def _answered(self, request: web.Request, body: str) -> web.StreamResponse:
        self._counted(f"{request.method} {request.path}")
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

    def _may_be_done(self, request: web.Request) -> bool:
        return _is_served(request)

    def _window_ms(self, request: web.Request, body: str) -> int:
        return int(request.headers.get("X-BAPI-RECV-WINDOW", USUAL_WINDOW_MS))

    def _failed(self, planned: Planned) -> web.Response:
        failure = planned.failure
        match failure:
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
