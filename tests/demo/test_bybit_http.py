"""The demo's Bybit by hand-made requests: who is let in, how it answers, and what it refuses."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from bot.demo.bybit import BybitStandIn
from bot.demo.exchange_faults import Failure
from core.market import to_ms
from tests.adapters.exchange.venue_stage import KEY, SECRET
from tests.demo.bybit_stage import CANCEL, CREATE, BybitStage, on_bybit

ORDER = {"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "qty": "10"}


@pytest.fixture
async def stage() -> AsyncIterator[BybitStage]:
    async with on_bybit() as opened:
        yield opened


async def asked(
    stage: BybitStage, method: str, path: str, fields: dict[str, Any] | None = None, *, key: str = KEY,
    secret: str = SECRET, late_ms: int = 0,
) -> tuple[int, Any]:  # fmt: skip
    """(status, answer) of a request signed by hand."""
    signed = json.dumps(fields or {}) if method == "POST" else urlencode(fields or {})
    stamp = str(to_ms(stage.clock.now()) - late_ms)
    meant = hmac.new(secret.encode(), f"{stamp}{key}5000{signed}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "X-BAPI-API-KEY": key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": meant, "X-BAPI-RECV-WINDOW": "5000",
        "Content-Type": "application/json",
    }  # fmt: skip
    where = path if method == "POST" else f"{path}?{signed}"
    url = URL(stage.exchange.url + where, encoded=True)  # as it was signed
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, headers=headers, data=signed if method == "POST" else None) as answer,
    ):
        if answer.content_type != "application/json":
            return answer.status, await answer.text()
        return answer.status, await answer.json()


async def test_an_order_is_acknowledged_with_its_ids_and_nothing_else(stage: BybitStage) -> None:
    status, body = await asked(stage, "POST", CREATE, {**ORDER, "orderLinkId": "mine1"})

    assert status == 200
    assert set(body) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    assert (body["retCode"], body["retMsg"], body["time"]) == (0, "OK", to_ms(stage.clock.now()))
    assert set(body["result"]) == {"orderId", "orderLinkId"}
    assert body["result"]["orderLinkId"] == "mine1"


@pytest.mark.parametrize(
    ("how", "code"),
    [({"key": "another"}, 10003), ({"secret": "another"}, 10004), ({"late_ms": 6_000}, 10002),
     ({"late_ms": -1_000}, 10002)],
)  # fmt: skip
async def test_who_is_not_known_or_not_in_time_is_refused(
    stage: BybitStage, how: dict[str, Any], code: int
) -> None:
    status, body = await asked(stage, "POST", CREATE, ORDER, **how)

    assert (status, body["retCode"]) == (200, code)
    assert stage.exchange.account.orders == {}


async def test_a_key_that_only_reads_cannot_trade(stage: BybitStage) -> None:
    stage.exchange.unified.key["readOnly"] = 1

    _status, refused = await asked(stage, "POST", CREATE, ORDER)
    _status, read = await asked(stage, "GET", "/v5/user/query-api")

    assert (refused["retCode"], read["retCode"]) == (10005, 0)


async def test_without_a_key_there_is_a_market_and_no_account(stage: BybitStage) -> None:
    exchange = BybitStandIn(stage.exchange.market)
    await exchange.start()
    try:
        stage.exchange, served = exchange, stage.exchange
        _status, market = await asked(stage, "GET", "/v5/market/time")
        _status, account = await asked(stage, "GET", "/v5/account/info")
    finally:
        stage.exchange = served
        await exchange.stop()

    assert (market["retCode"], account["retCode"]) == (0, 10003)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"category": "inverse"}, 10001),
        ({"symbol": "NOSUCHUSDT"}, 10001),
        ({"qty": "0"}, 10001),
        ({"qty": "1.234"}, 10001),
        ({"qty": "NaN"}, 10001),
        ({"side": "BUY"}, 10001),
        ({"positionIdx": 1}, 10001),
        ({"orderLinkId": "not an id"}, 10001),
        ({"triggerPrice": "50"}, 10001),  # without its direction
        ({"orderType": "Limit"}, 10001),  # without its price
        ({"orderType": "Limit", "price": "1", "qty": "1"}, 110094),
        ({"reduceOnly": True, "stopLoss": "50"}, 110057),
        ({"stopLoss": "50.001"}, 10001),
    ],
)
async def test_a_wrong_order_is_refused_with_its_code(
    stage: BybitStage, changes: dict[str, Any], code: int
) -> None:
    _status, body = await asked(stage, "POST", CREATE, {**ORDER, **changes})

    assert body["retCode"] == code
    assert stage.exchange.account.orders == {} and stage.exchange.account.algos == {}


@pytest.mark.parametrize(
    ("life", "share", "reason"),
    [("PostOnly", "1.01", "EC_PostOnlyWillTakeLiquidity"), ("FOK", "0.99", "EC_NoEnoughQtyToFill")],
)
async def test_post_only_and_fill_or_kill_are_taken_down_and_cancelled_later(
    stage: BybitStage, life: str, share: str, reason: str
) -> None:
    limit = {**ORDER, "orderType": "Limit", "price": str(stage.near(share)), "timeInForce": life}

    _status, taken = await asked(stage, "POST", CREATE, {**limit, "orderLinkId": "mine1"})
    named = {"category": "linear", "symbol": "SOLUSDT", "orderLinkId": "mine1"}
    _status, seen = await asked(stage, "GET", "/v5/order/realtime", named)

    (row,) = seen["result"]["list"]
    assert taken["retCode"] == 0
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", reason)


async def test_conditional_orders_are_told_apart_by_the_filter(stage: BybitStage) -> None:
    limit = {**ORDER, "orderType": "Limit", "price": str(stage.near("0.99"))}
    conditional = {**ORDER, "triggerPrice": str(stage.near("1.05")), "triggerDirection": 1}
    await asked(stage, "POST", CREATE, {**limit, "orderLinkId": "plain"})
    await asked(stage, "POST", CREATE, {**conditional, "orderLinkId": "conditional"})

    async def listed(**more: str) -> list[str]:
        fields = {"category": "linear", "symbol": "SOLUSDT", **more}
        _status, body = await asked(stage, "GET", "/v5/order/realtime", fields)
        return [row["orderLinkId"] for row in body["result"]["list"]]

    assert sorted(await listed()) == ["conditional", "plain"]
    assert await listed(orderFilter="Order") == ["plain"]
    assert await listed(orderFilter="StopOrder") == ["conditional"]


async def test_a_conditional_order_cancelled_before_its_trigger_is_deactivated(stage: BybitStage) -> None:
    conditional = {**ORDER, "triggerPrice": str(stage.near("1.05")), "triggerDirection": 1}
    await asked(stage, "POST", CREATE, {**conditional, "orderLinkId": "mine1"})
    named = {"category": "linear", "symbol": "SOLUSDT", "orderLinkId": "mine1"}

    _status, cancelled = await asked(stage, "POST", CANCEL, named)
    _status, again = await asked(stage, "POST", CANCEL, named)
    _status, seen = await asked(stage, "GET", "/v5/order/history", named)

    assert (cancelled["retCode"], again["retCode"]) == (0, 110001)
    assert [row["orderStatus"] for row in seen["result"]["list"]] == ["Deactivated"]


async def test_the_last_page_has_a_cursor_and_an_empty_one_follows(stage: BybitStage) -> None:
    for number in range(3):
        await asked(stage, "POST", CREATE, {**ORDER, "orderLinkId": f"mine{number}"})
    fields = {"category": "linear", "symbol": "SOLUSDT", "limit": 2}

    pages, cursor = [], ""
    while not pages or cursor:
        more = {"cursor": cursor} if cursor else {}
        _status, body = await asked(stage, "GET", "/v5/execution/list", {**fields, **more})
        pages.append([row["orderLinkId"] for row in body["result"]["list"]])
        cursor = body["result"]["nextPageCursor"].replace("%3A", ":")

    assert pages == [["mine2", "mine1"], ["mine0"], []]


@pytest.mark.parametrize("path", ["/v5/execution/list", "/v5/account/transaction-log", "/v5/order/history"])
async def test_more_than_seven_days_are_refused(stage: BybitStage, path: str) -> None:
    now = to_ms(stage.clock.now())
    times = {"startTime": now - 8 * 86_400_000, "endTime": now}

    _status, body = await asked(stage, "GET", path, {"category": "linear", **times})

    assert body["retCode"] == 10001


async def test_modes_change_only_while_nothing_is_held(stage: BybitStage) -> None:
    await asked(stage, "POST", CREATE, ORDER)
    mode = {"category": "linear", "coin": "USDT", "mode": 3}

    _status, switched = await asked(stage, "POST", "/v5/position/switch-mode", mode)
    _status, same = await asked(stage, "POST", "/v5/position/switch-mode", {**mode, "mode": 0})
    cross = {"setMarginMode": "REGULAR_MARGIN"}
    _status, margin = await asked(stage, "POST", "/v5/account/set-margin-mode", cross)
    _status, isolated = await asked(stage, "POST", "/v5/position/switch-isolated", mode)

    codes = [each["retCode"] for each in (switched, same, margin, isolated)]
    assert codes == [110024, 110025, 3400045, 100028]


async def test_a_ban_and_an_unavailable_gateway_answer_without_json(stage: BybitStage) -> None:
    stage.exchange.faults.fail_next(1, Failure.BANNED, path="/v5/market")
    stage.exchange.faults.fail_next(1, Failure.UNAVAILABLE, path="/v5/market")

    banned = await asked(stage, "GET", "/v5/market/time")
    unavailable = await asked(stage, "GET", "/v5/market/time")
    unknown = await asked(stage, "GET", "/v5/no/such/path")

    assert banned == (403, "403, access too frequent")
    assert (unavailable[0], unknown[0]) == (503, 404)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("instruments-info", {}),
        ("instruments-info", {"status": "PreLaunch"}),
        ("tickers", {"symbol": "SOLUSDT"}),
        ("kline", {"symbol": "SOLUSDT", "interval": "60", "limit": 3}),
        ("orderbook", {"symbol": "SOLUSDT", "limit": 3}),
        ("funding/history", {"symbol": "SOLUSDT", "limit": 3}),
        ("open-interest", {"symbol": "SOLUSDT", "intervalTime": "1h", "limit": 3}),
        ("risk-limit", {"symbol": "SOLUSDT"}),
    ],
)
async def test_public_lists_are_newest_first_and_as_long_as_asked(
    stage: BybitStage, path: str, more: dict[str, Any]
) -> None:
    _status, body = await asked(stage, "GET", f"/v5/market/{path}", {"category": "linear", **more})

    result = body["result"]
    rows = result["list"] if path != "orderbook" else result["b"]
    lengths = {"kline": 3, "orderbook": 3, "funding/history": 3, "open-interest": 3, "tickers": 1}
    assert body["retCode"] == 0
    assert len(rows) == lengths.get(path, {"PreLaunch": 0}.get(str(more.get("status")), len(rows)))
    stamps = [row[0] if path == "kline" else row.get("timestamp", "") for row in rows if path != "orderbook"]
    assert stamps == sorted(stamps, reverse=True)
