"""A tiny Binance over real sockets that does what a test tells it, and a clock that only a test moves."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from core.market import TIMEFRAMES, to_ms

NOW = datetime(2026, 5, 4, 12, 7, 30, tzinfo=UTC)
LISTING_START_MS = to_ms(datetime(2024, 1, 1, tzinfo=UTC))
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeClock:
    """`sleep` returns at once and moves the time."""

    moment: datetime = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def pass_time(self, **how_long: float) -> None:
        self.moment += timedelta(**how_long)


def bar(open_ms: int, timeframe: str) -> list[Any]:
    """The same bar for the same time, whoever asks."""
    step = open_ms // TIMEFRAMES[timeframe]
    first, last = 100 + 5 * math.sin(step), 100 + 5 * math.sin(step + 1)
    return [
        open_ms, f"{first:.4f}", f"{max(first, last) + 1:.4f}", f"{min(first, last) - 1:.4f}", f"{last:.4f}",
        f"{10 + step % 7}", open_ms + TIMEFRAMES[timeframe] - 1, "1000.0", 12, "5", "500", "0",
    ]  # fmt: skip


def listed(name: str, **changes: Any) -> dict[str, Any]:
    """One symbol of `exchangeInfo` as the venue writes it."""
    return {
        "symbol": name, "contractType": "PERPETUAL", "deliveryDate": 4133404802000, "status": "TRADING",
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000", "quoteAsset": "USDT",
        "marginAsset": "USDT", "baseAsset": name.removesuffix("USDT"),
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "809484", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.01", "maxQty": "120", "stepSize": "0.01"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
        **changes,
    }  # fmt: skip


class FakeVenue:
    """`books`, `marks`, `lasts`, `days` and `bars` may be changed; `next_answers` come before any answer."""

    def __init__(
        self, clock: FakeClock, names: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    ):
        self.clock = clock
        self.names = names
        self.symbols = [listed(name) for name in names]
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.next_answers: list[tuple[str, Answer]] = []
        self.latency_s = 0.0
        self.used_weight = "7"
        self.ahead_s = 0.0
        self.rewritten: dict[tuple[str, str, int], list[Any]] = {}
        self.missing: set[tuple[str, str, int]] = set()
        self.books = {name: {"bidPrice": "99.9", "askPrice": "100.1"} for name in names}
        self.marks = dict.fromkeys(names, "100.0")
        self.lasts = dict.fromkeys(names, "100.0")
        self.mark_age_s = 1.0
        self.url = ""

    def counts(self) -> Counter[str]:
        return Counter(path for path, _query in self.asked)

    def limits(self) -> list[int]:
        """How many candles each question asked for."""
        return [int(query["limit"]) for path, query in self.asked if path == "v1/klines"]

    def fail(self, path: str, *answers: Answer) -> None:
        """The next questions to `path` get these answers, one each."""
        self.next_answers += [(path, answer) for answer in answers]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/fapi/")
        self.asked.append((path, dict(request.query)))
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        for planned in self.next_answers:
            if planned[0] == path:
                self.next_answers.remove(planned)
                return await planned[1](request)
        return reply(self.answer(path, dict(request.query)), used=self.used_weight)

    def now_ms(self) -> int:
        return to_ms(self.clock.now()) + round(self.ahead_s * 1000)

    def answer(self, path: str, query: dict[str, str]) -> Any:
        match path:
            case "v1/time":
                return {"serverTime": self.now_ms()}
            case "v1/exchangeInfo":
                return {"rateLimits": [], "symbols": self.symbols}
            case "v1/klines":
                return self.klines(query)
            case "v1/openInterest":
                return {"symbol": query["symbol"], "openInterest": "250.5", "time": self.now_ms()}
            case "v1/fundingInfo":
                return [{"symbol": "ETHUSDT", "fundingIntervalHours": 4}]
        rows = [self.row(path, name) for name in self.names]
        return (
            next((row for row in rows if row["symbol"] == query["symbol"]), {}) if "symbol" in query else rows
        )

    def row(self, path: str, name: str) -> dict[str, Any]:
        match path:
            case "v1/ticker/bookTicker":
                return {"symbol": name, **self.books[name], "time": self.now_ms()}
            case "v1/premiumIndex":
                return {
                    "symbol": name, "markPrice": self.marks[name], "lastFundingRate": "0.00010000",
                    "nextFundingTime": to_ms(datetime(2026, 5, 4, 16, tzinfo=UTC)),
                    "time": self.now_ms() - round(self.mark_age_s * 1000),
                }  # fmt: skip
            case "v2/ticker/price":
                return {"symbol": name, "price": self.lasts[name], "time": self.now_ms()}
            case "v1/ticker/24hr":
                return {"symbol": name, "quoteVolume": f"{1000 * (1 + self.names.index(name))}.5"}
        raise AssertionError(f"the fake has no {path}")

    def klines(self, query: dict[str, str]) -> list[list[Any]]:
        name, timeframe, count = query["symbol"], query["interval"], int(query["limit"])
        length = TIMEFRAMES[timeframe]
        newest = min(self.now_ms(), int(query.get("endTime", self.now_ms()))) // length * length
        opens = [
            at for at in range(newest - (count - 1) * length, newest + 1, length) if at >= LISTING_START_MS
        ]
        return [
            self.rewritten.get((name, timeframe, at), bar(at, timeframe))
            for at in opens
            if (name, timeframe, at) not in self.missing
        ]


def reply(body: Any, status: int = 200, used: str = "7", **headers: str) -> web.Response:
    named = {
        "X-MBX-USED-WEIGHT-1M": used,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return web.Response(text=json.dumps(body), status=status, content_type="application/json", headers=named)


def refusing(status: int, code: int, words: str, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return reply({"code": code, "msg": words}, status, **headers)

    return answer


def page(status: int = 200, text: str = "<html><body>maintenance</body></html>") -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return answer


def saying(body: Any) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return reply(body)

    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(20)
    return web.Response()
