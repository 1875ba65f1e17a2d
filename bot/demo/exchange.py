"""The demo's exchange over HTTP: Binance's USD-M futures API in front of a market, on loopback.

Laws:
- What it answers comes from the market and from the switches in `faults`, which are all off at first.
- Public paths are `exchange_answers.ENDPOINTS`. Paths that need a key are refused as the venue refuses an
  unknown key; nothing here pretends to hold an account.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from aiohttp import web

from bot.demo.exchange_answers import ENDPOINTS, WEIGHT_LIMIT
from bot.demo.exchange_faults import Failure, Faults, WeightMeter
from bot.demo.exchange_question import Question, Refused
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
_PAGE: Final = "<!DOCTYPE html><html><body><h1>We'll be back soon</h1></body></html>"


def _refusal(code: int, message: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    text = json.dumps({"code": code, "msg": message}, separators=(",", ":"))
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


class ExchangeStandIn:
    """Serves one market. `url` is known after `start`; `faults` and `meter` may be turned at any time."""

    def __init__(
        self,
        market: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_s: float = 0.0,
        weight_limit: int = WEIGHT_LIMIT,
    ) -> None:
        self.market = market
        self.faults = Faults(latency_s=latency_s)
        self.meter = WeightMeter(weight_limit)
        self.requests: dict[str, int] = {}  # how often each known path was asked
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        if not self._url:
            raise RuntimeError("the demo exchange has no address before it is started")
        return self._url

    async def start(self) -> None:
        """Raises OSError if the port is taken."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner, self._url = None, ""

    def freeze(self) -> None:
        """From now on every price and candle is as old as this call, until `faults.thaw()`."""
        self.faults.freeze(self.market.now_ms())

    def nudge(self, symbol: str, fraction: float, seconds: float) -> None:
        """Move last, mark, index and book by `fraction`, evenly over `seconds` of the market's clock."""
        self.market.nudge(symbol, fraction, seconds)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """A gap: the next trade is at `price`."""
        self.market.set_price(symbol, price)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.faults.latency_s > 0:
            await asyncio.sleep(self.faults.latency_s)
        path = request.path
        failure = self.faults.take(path)
        if failure is not None:
            return self._failed(request, *failure)
        endpoint = ENDPOINTS.get(path)
        if endpoint is None or request.method != "GET":
            return self._without_answer(request)
        self.requests[path] = self.requests.get(path, 0) + 1
        weighed = self.meter.weigh(endpoint.weight(request.query))
        used = {"X-MBX-USED-WEIGHT-1M": str(weighed.used)}
        if weighed.status != 200:
            return self._too_many(weighed.status, weighed.wait_s, used)
        try:
            text = endpoint.answer(self._question(request.query))
        except Refused as refused:
            return _refusal(refused.code, refused.message, refused.status, used)
        return web.Response(text=text, content_type="application/json", headers=used)

    def _question(self, params: Mapping[str, str]) -> Question:
        now = self.market.now_ms()
        frozen = self.faults.frozen_at_ms
        return Question(self.market, self.faults, now if frozen is None else frozen, now, params)

    def _without_answer(self, request: web.Request) -> web.Response:
        """A path that needs a key, or none of ours. The account's face will be asked here first."""
        path = request.path
        if path.startswith(SIGNED_PREFIXES) and path.split("/", 3)[-1] in SIGNED_PATHS:
            return _refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return _refusal(-5000, f"Path {path}, Method {request.method} is invalid", 404)

    def _too_many(self, status: int, wait_s: int, headers: Mapping[str, str]) -> web.Response:
        message = f"Too many requests; current limit is {self.meter.limit} requests per minute."
        if status == 418:
            until = self.market.now_ms() + wait_s * 1_000
            message = f"Way too many requests; IP banned until {until}."
        return _refusal(-1003, message, status, {**headers, "Retry-After": str(wait_s)})

    def _failed(self, request: web.Request, failure: Failure, retry_after_s: int) -> web.Response:
        match failure:
            case Failure.UNAVAILABLE:
                message = "Internal error; unable to process your request. Please try again."
                return _refusal(-1001, message, 503)
            case Failure.THROTTLED:
                return self._too_many(429, retry_after_s, {})
            case Failure.BANNED:
                return self._too_many(418, retry_after_s, {})
            case Failure.HTML:
                return web.Response(text=_PAGE, content_type="text/html")
            case Failure.RESET:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
