"""The wire itself: statuses, codes, headers and weights."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure, Faults, WeightMeter
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from tests.demo.hand_clock import NOON_MS, HandClock


@pytest.fixture
async def exchange() -> AsyncIterator[ExchangeStandIn]:
    market = SeededMarket(HandClock(NOON_MS + 61_000), 3, instruments=LISTED[:4], scenario={}, history_days=2)
    made = ExchangeStandIn(market, weight_limit=100)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http(exchange: ExchangeStandIn) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(exchange.url) as session:
        yield session


async def test_the_limit_that_is_told_is_the_one_that_is_counted(http: aiohttp.ClientSession) -> None:
    async with http.get("/fapi/v1/exchangeInfo") as answer:
        told = (await answer.json())["rateLimits"][0]

    assert (told["rateLimitType"], told["limit"]) == ("REQUEST_WEIGHT", 100)


async def refusal(http: aiohttp.ClientSession, path: str, method: str = "GET") -> tuple[int, int]:
    """(HTTP status, code in the answer)."""
    async with http.request(method, path) as answer:
        return answer.status, (await answer.json())["code"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/fapi/v1/klines?interval=1h", -1102),
        ("/fapi/v1/klines?symbol=&interval=1h", -1102),
        ("/fapi/v1/klines?symbol=BTCUSDT", -1102),
        ("/fapi/v1/klines?symbol=btcusdt&interval=1h", -1121),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=0", -1130),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1501", -1130),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=many", -1102),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=99999999999999999999", -1102),
        ("/fapi/v1/indexPriceKlines?symbol=BTCUSDT&interval=1h", -1102),
        ("/fapi/v1/depth?symbol=BTCUSDT&limit=7", -4021),
        ("/fapi/v1/ticker/24hr?symbol=NOPE", -1121),
        ("/fapi/v1/openInterest", -1102),
        ("/futures/data/openInterestHist?symbol=BTCUSDT&period=1m", -1120),
    ],
)
async def test_a_wrong_question_gets_the_venues_code(
    http: aiohttp.ClientSession, path: str, code: int
) -> None:
    assert await refusal(http, path) == (400, code)


@pytest.mark.parametrize(
    ("path", "method"), [("/fapi/v1/nothing", "GET"), ("/", "GET"), ("/fapi/v1/ping", "PUT")]
)
async def test_an_unknown_path_is_not_found(http: aiohttp.ClientSession, path: str, method: str) -> None:
    assert await refusal(http, path, method) == (404, -5000)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/fapi/v1/order", "POST"),
        ("/fapi/v1/order", "GET"),
        ("/fapi/v1/algoOrder", "DELETE"),
        ("/fapi/v3/account", "GET"),
        ("/fapi/v3/positionRisk", "GET"),
        ("/fapi/v1/leverageBracket", "GET"),
        ("/fapi/v1/positionSide/dual", "POST"),
        ("/sapi/v1/capital/config/getall", "GET"),
    ],
)
async def test_whatever_needs_a_key_is_refused_for_want_of_one(
    http: aiohttp.ClientSession, path: str, method: str
) -> None:
    assert await refusal(http, path, method) == (401, -2015)


async def test_a_start_beyond_now_has_no_candles(http: aiohttp.ClientSession) -> None:
    path = f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime={NOON_MS + 600_000}"
    async with http.get(path) as answer:
        assert (answer.status, await answer.json()) == (200, [])


async def test_an_end_in_the_future_is_now(http: aiohttp.ClientSession) -> None:
    answers = []
    for end in ("", f"&endTime={NOON_MS + 90_000_000}"):
        async with http.get(f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=3{end}") as answer:
            answers.append(await answer.json())

    assert len(answers[0]) == 3 and answers[0] == answers[1]


async def test_a_kline_has_twelve_columns_of_the_venues_types(http: aiohttp.ClientSession) -> None:
    async with http.get("/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=2") as answer:
        closed, running = await answer.json()

    kinds = [int, str, str, str, str, str, int, str, int, str, str, str]
    assert [type(each) for each in closed] == kinds
    assert closed[6] == closed[0] + 59_999 and running[0] == closed[0] + 60_000
    assert float(closed[7]) == pytest.approx(float(closed[5]) * float(closed[4]), rel=0.02)
    assert 0 < float(closed[9]) < float(closed[5])


async def test_every_answer_carries_the_weight_used_in_this_minute(
    http: aiohttp.ClientSession, exchange: ExchangeStandIn
) -> None:
    exchange.meter = WeightMeter(100, lambda: 0.0)
    used = []
    for path in (
        "ping",
        "klines?symbol=BTCUSDT&interval=1h&limit=500",
        "premiumIndex",
        "premiumIndex?symbol=NOPE",
    ):
        async with http.get(f"/fapi/v1/{path}") as answer:
            used.append(int(answer.headers["X-MBX-USED-WEIGHT-1M"]))

    assert used == [1, 6, 16, 17]


async def test_over_the_limit_it_answers_429_with_a_time_to_wait(
    http: aiohttp.ClientSession, exchange: ExchangeStandIn
) -> None:
    exchange.meter.limit = 0

    async with http.get("/fapi/v1/ping") as answer:
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert (await answer.json())["code"] == -1003


def test_whoever_goes_on_after_429_is_banned_and_let_in_again_later() -> None:
    now = [1_000.0]
    meter = WeightMeter(20, lambda: now[0])
    statuses = [meter.weigh(10).status for _ in range(2 + WeightMeter.PATIENCE + 1)]
    banned = meter.weigh(1)
    now[0] += WeightMeter.BAN_S + 1

    assert statuses == [200, 200, *[429] * WeightMeter.PATIENCE, 418]
    assert (banned.status, banned.wait_s) == (418, WeightMeter.BAN_S)
    assert meter.weigh(1).status == 200


def test_the_weight_starts_anew_each_minute() -> None:
    now = [59.0]
    meter = WeightMeter(20, lambda: now[0])
    before = meter.weigh(15).used
    now[0] = 60.0

    assert (before, meter.weigh(3).used) == (15, 3)


def test_failures_are_due_for_their_path_and_their_number_only() -> None:
    faults = Faults()
    faults.fail_next(2, Failure.THROTTLED, path="/fapi/v1/klines", retry_after_s=7)

    taken = [faults.take(path) for path in ("/fapi/v1/time", *["/fapi/v1/klines"] * 3)]

    due = [each and (each.failure, each.retry_after_s) for each in taken]
    assert due == [None, (Failure.THROTTLED, 7), (Failure.THROTTLED, 7), None]


async def test_a_page_of_html_comes_with_status_200(
    http: aiohttp.ClientSession, exchange: ExchangeStandIn
) -> None:
    exchange.faults.fail_next(1, Failure.HTML)

    async with http.get("/fapi/v1/premiumIndex") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


async def test_healing_turns_every_fault_off(http: aiohttp.ClientSession, exchange: ExchangeStandIn) -> None:
    exchange.faults.latency_s = 5.0
    exchange.faults.fail_next(9, Failure.UNAVAILABLE)
    exchange.faults.spoil("BTCUSDT", "0")
    exchange.faults.lose_candle("BTCUSDT", "1m", NOON_MS)
    exchange.freeze()
    exchange.faults.heal()

    async with http.get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=2") as answer:
        rows: list[Any] = await answer.json()
    assert [row[0] for row in rows] == [NOON_MS, NOON_MS + 60_000]
    assert float(rows[-1][4]) > 0


async def test_latency_delays_each_answer(http: aiohttp.ClientSession, exchange: ExchangeStandIn) -> None:
    exchange.faults.latency_s = 0.05
    began = time.monotonic()

    async with http.get("/fapi/v1/ping") as answer:
        await answer.read()

    assert time.monotonic() - began >= 0.05


async def test_it_has_no_address_until_it_is_started_and_leaves_its_port_when_stopped() -> None:
    market = SeededMarket(HandClock(), 3, instruments=LISTED[:1], scenario={}, history_days=1)
    exchange = ExchangeStandIn(market)
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = exchange.url
    await exchange.start()
    port = int(exchange.url.rsplit(":", 1)[1])
    await exchange.stop()

    again = ExchangeStandIn(market, port=port)
    await again.start()
    assert again.url.endswith(f":{port}")
    await again.stop()
