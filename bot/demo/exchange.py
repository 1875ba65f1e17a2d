"""The demo's exchange over HTTP: Binance's USD-M futures API in front of a market, on loopback.

Laws:
- What it answers comes from the market, the account and the switches in `faults`, which are all off at first.
- Public paths are `exchange_answers.ENDPOINTS`, those of the account `exchange_table.ACCOUNT_ENDPOINTS`. The
  account is served only where a key is configured; without one its paths are refused as the venue refuses an
  unknown key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from aiohttp import web

from bot.demo.exchange_account import DEPOSIT, Account
from bot.demo.exchange_answers import ENDPOINTS, WEIGHT_LIMIT, Endpoint
from bot.demo.exchange_asked import Asked
from bot.demo.exchange_faults import Failure, Faults, Planned, WeightMeter
from bot.demo.exchange_hands import Hands
from bot.demo.exchange_question import Question, Refused
from bot.demo.exchange_replies import failed, refusal
from bot.demo.exchange_serving import Served
from bot.demo.exchange_signed import USUAL_WINDOW_MS, Credentials, checked_key, checked_params
from bot.demo.exchange_stream import Streams
from bot.demo.exchange_table import ACCOUNT_ENDPOINTS
from bot.demo.market import Market

SIGNED_PREFIXES: Final = ("/fapi/", "/sapi/", "/papi/", "/api/v3/")
# fmt: off
SIGNED_PATHS: Final = frozenset({
    "order", "order/test", "batchOrders", "allOpenOrders", "openOrder", "openOrders", "allOrders",
    "algoOrder", "openAlgoOrders", "algoOpenOrders", "allAlgoOrders", "account", "balance", "positionRisk",
    "leverage", "marginType", "positionMargin", "positionSide/dual", "multiAssetsMargin", "leverageBracket",
    "symbolConfig", "accountConfig", "userTrades", "income", "commissionRate", "forceOrders", "listenKey",
    "adlQuantile", "countdownCancelAll", "capital/config/getall", "margin/allPairs",
    "account/apiRestrictions",
})
# fmt: on
STREAM_PREFIXES: Final = ("/private/ws", "/market/ws", "/public/ws", "/ws")
LISTEN_KEY: Final = "/fapi/v1/listenKey"


class ExchangeStandIn(Served):
    """Serves one market, and one account to whoever holds `credentials`; without them it has no account.

    `url` is known after `start`; `faults`, `hands` and `meter` may be used at any time. `requests` counts
    public paths by themselves, and those of the account as "POST /path".
    """

    name: ClassVar[str] = "the demo exchange"
    refusal: ClassVar[type[Exception]] = Refused

    def __init__(
        self,
        market: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_s: float = 0.0,
        weight_limit: int = WEIGHT_LIMIT,
        credentials: Credentials | None = None,
        deposit: Decimal = DEPOSIT,
    ) -> None:
        faults = Faults(latency_s=latency_s)
        account = Account(market, deposit, faults=faults)
        super().__init__(market, account, faults, credentials, host, port)
        self.meter = WeightMeter(weight_limit)
        self.hands = Hands(account, faults)
        self.streams = Streams(faults, lambda: self._question({}))
        account.told = self.streams.tell

    @property
    def ws_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    async def _hang_up(self) -> None:
        await self.streams.drop()

    def freeze(self) -> None:
        """From now on every price and candle is as old as this call, until `faults.thaw()`."""
        self.faults.freeze(self.market.now_ms())

    def nudge(self, symbol: str, fraction: float, seconds: float) -> None:
        """Move last, mark, index and book by `fraction`, evenly over `seconds` of the market's clock."""
        self.market.nudge(symbol, fraction, seconds)

    # ------------------------------------------------------------ answering

    def _is_protective(self, body: str) -> bool:
        return "reduceOnly=true" in body or "closePosition=true" in body

    async def _answered(self, request: web.Request, body: str) -> web.StreamResponse:
        path = request.path
        if path.startswith(STREAM_PREFIXES):
            return await self.streams.serve(request)
        public = ENDPOINTS.get(path) if request.method == "GET" else None
        if public is not None:
            return self._weighed(path, public.weight(request.query), lambda: self._public(public, request))
        asked = (request.method, path)
        signed = ACCOUNT_ENDPOINTS.get(asked)
        if self._credentials is None or (signed is None and path != LISTEN_KEY):
            return self._without_answer(request)
        weight = 1 if signed is None else signed.weight
        if signed is not None and "symbol" not in request.query:
            weight = signed.weight_without_symbol or weight
        return self._weighed(" ".join(asked), weight, lambda: self._private(request, body))

    def _weighed(self, name: str, weight: int, answer: Callable[[], str]) -> web.Response:
        self._counted(name)
        weighed = self.meter.weigh(weight)
        used = {"X-MBX-USED-WEIGHT-1M": str(weighed.used)}
        if weighed.status != 200:
            return self._too_many(weighed.status, weighed.wait_s, used)
        try:
            text = answer()
        except Refused as refused:
            return refusal(refused.code, refused.message, refused.status, used)
        return web.Response(text=text, content_type="application/json", headers=used)

    def _question(self, params: Mapping[str, str]) -> Question:
        now = self.market.now_ms()
        frozen = self.faults.frozen_at_ms
        skewed = now + self.faults.clock_skew_ms
        at = now if frozen is None else frozen
        return Question(self.market, self.faults, at, skewed, params, self.meter.limit)

    def _public(self, endpoint: Endpoint, request: web.Request) -> str:
        return endpoint.answer(self._question(request.query))

    def _private(self, request: web.Request, body: str) -> str:
        """Raises `Refused`."""
        return json.dumps(self._admitted(request, body)(), separators=(",", ":"))

    def _admitted(self, request: web.Request, body: str) -> Callable[[], Any]:
        """What the request asks for, ready to be done; raises `Refused` for who asks, or when."""
        credentials = self._credentials
        assert credentials is not None
        checked_key(credentials, request.headers)
        if request.path == LISTEN_KEY:
            return lambda: self._listen_key(request.method)
        endpoint = ACCOUNT_ENDPOINTS[request.method, request.path]
        skewed = self.market.now_ms() + self.faults.clock_skew_ms
        params = checked_params(credentials, request.rel_url.raw_query_string, body, skewed)
        if endpoint.is_trade and not self.account.permissions["enableFutures"]:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)

        def done() -> Any:
            now = self.market.now_ms()
            limit = self.meter.limit
            return endpoint.answer(Asked(self.market, self.faults, now, now, params, limit, self.account))

        return done

    def _listen_key(self, method: str) -> dict[str, str]:
        if method == "DELETE":
            self.streams.close_key()
            return {}
        return {"listenKey": self.streams.renew_key() if method == "PUT" else self.streams.listen_key()}

    def _without_answer(self, request: web.Request) -> web.Response:
        """A path that needs a key we do not have, or none of ours."""
        path = request.path
        if path.startswith(SIGNED_PREFIXES) and path.split("/", 3)[-1] in SIGNED_PATHS:
            return refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return refusal(-5000, f"Path {path}, Method {request.method} is invalid", 404)

    def _too_many(self, status: int, wait_s: int, headers: Mapping[str, str]) -> web.Response:
        message = f"Too many requests; current limit is {self.meter.limit} requests per minute."
        if status == 418:
            until = self.market.now_ms() + wait_s * 1_000
            message = f"Way too many requests; IP banned until {until}."
        return refusal(-1003, message, status, {**headers, "Retry-After": str(wait_s)})

    # ------------------------------------------------------------ failing

    def _may_be_done(self, request: web.Request) -> bool:
        return self._credentials is not None and (request.method, request.path) in ACCOUNT_ENDPOINTS

    def _window_ms(self, request: web.Request, body: str) -> int:
        params = dict(parse_qsl(f"{request.query_string}&{body}"))
        return int(params.get("recvWindow", USUAL_WINDOW_MS))

    def _failed(self, planned: Planned) -> web.Response:
        match planned.failure:
            case Failure.THROTTLED:
                return self._too_many(429, planned.retry_after_s, {})
            case Failure.BANNED:
                return self._too_many(418, planned.retry_after_s, {})
            case _:
                return failed(planned)
