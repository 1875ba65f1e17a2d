"""Each refusal of the venue, with its code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest

from tests.demo.exchange_stage import SOL, D, Stage, on_stage, signed

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
MARKET = {"symbol": "SOLUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
LIMIT = {**MARKET, "type": "LIMIT", "timeInForce": "GTC", "price": "80"}
STOP = {
    "symbol": "SOLUSDT",
    "side": "SELL",
    "type": "STOP_MARKET",
    "algoType": "CONDITIONAL",
    "quantity": "1",
    "triggerPrice": "50",
    "workingType": "MARK_PRICE",
}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as made:
        yield made


async def code(
    stage: Stage, method: str, path: str, params: dict[str, Any] | None = None, **more: Any
) -> tuple[int, int]:
    status, answer = await signed(stage, method, path, params, **more)
    return status, int(answer["code"]) if isinstance(answer, dict) and "code" in answer else 0


async def test_a_missing_key_and_a_wrong_key_and_a_wrong_secret_are_told_apart(stage: Stage) -> None:
    path = "/fapi/v3/account"

    assert await code(stage, "GET", path, without=("key",)) == (401, -2014)
    assert await code(stage, "GET", path, key="other") == (401, -2015)
    assert await code(stage, "GET", path, secret="other") == (400, -1022)
    assert await code(stage, "GET", path, without=("signature",)) == (400, -1102)
    assert (await signed(stage, "GET", path))[0] == 200


async def test_a_changed_parameter_breaks_the_signature(stage: Stage) -> None:
    stage.client.sign = _with_more(stage.client.sign)

    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        await stage.client.fapiPrivateGetOpenOrders({"symbol": "SOLUSDT"})


def _with_more(sign: Any) -> Any:
    def changed(*args: Any, **more: Any) -> Any:
        made = sign(*args, **more)
        return {**made, "url": made["url"].replace("SOLUSDT", "BTCUSDT")}

    return changed


@pytest.mark.parametrize(("off_ms", "wanted"), [(-5_001, -1021), (1_000, -1021), (-4_999, 0), (999, 0)])
async def test_a_request_holds_inside_its_window_only(stage: Stage, off_ms: int, wanted: int) -> None:
    stamp = stage.clock.ms + off_ms

    assert (await code(stage, "GET", "/fapi/v3/account", {"recvWindow": 5_000}, stamp_ms=stamp))[1] == wanted


async def test_a_skewed_clock_of_the_venue_refuses_what_a_good_clock_sends(stage: Stage) -> None:
    stage.exchange.faults.clock_skew_ms = 11_000
    told = await stage.client.fetch_time()

    assert told == stage.clock.ms + 11_000
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await stage.client.fetch_balance()


async def test_a_key_without_futures_reads_and_does_not_trade(stage: Stage) -> None:
    stage.exchange.account.permissions["enableFutures"] = False

    assert await code(stage, "GET", "/fapi/v3/account") == (200, 0)
    assert await code(stage, "POST", ORDER, MARKET) == (401, -2015)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"side": "UP"}, -1117),
        ({"type": "ICEBERG"}, -1116),
        ({"type": "STOP_MARKET", "stopPrice": "50"}, -4120),
        ({"type": "TAKE_PROFIT_MARKET", "stopPrice": "500"}, -4120),
        ({"type": "TRAILING_STOP_MARKET", "callbackRate": "1"}, -4120),
        ({"quantity": "much"}, -1102),
        ({"quantity": "NaN"}, -1102),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -4003),
        ({"quantity": "1.001"}, -1111),
        ({"quantity": "1000001"}, -4005),
        ({"quantity": "0.01"}, -4164),
        ({"quantity": "100000"}, -2027),
        ({"quantity": "5000"}, -2019),
        ({"reduceOnly": "true"}, -2022),
        ({"price": "80"}, -1106),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "no spaces"}, -4015),
        ({"positionSide": "LONG"}, -4061),
    ],
)
async def test_a_wrong_market_order_is_refused_and_leaves_nothing(
    stage: Stage, change: dict[str, str], wanted: int
) -> None:
    assert await code(stage, "POST", ORDER, MARKET | change) == (400, wanted)
    assert stage.exchange.account.orders == {} and not stage.exchange.account.state.holdings


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"price": "80.001"}, -4014),
        ({"price": "-80"}, -4001),
        ({"price": "180"}, -4016),
        ({"side": "SELL", "price": "10"}, -4024),
        ({"price": "88", "timeInForce": "GTX"}, -5022),
        ({"price": "80", "timeInForce": "FOK"}, -5021),
        ({"timeInForce": "LATER"}, -1115),
    ],
)
async def test_a_wrong_limit_order_is_refused(stage: Stage, change: dict[str, str], wanted: int) -> None:
    assert await code(stage, "POST", ORDER, LIMIT | change) == (400, wanted)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"triggerPrice": "150"}, -2021),
        ({"triggerPrice": "50.001"}, -4014),
        ({"quantity": "0"}, -4003),
        ({"quantity": "1.001"}, -1111),
        ({"quantity": "0.01"}, -4164),
        ({"algoType": "VP"}, -4500),
        ({"workingType": "WISH"}, -4117),
        ({"type": "MARKET"}, -1116),
        ({"closePosition": "true"}, -1106),
        ({"positionSide": "SHORT"}, -4061),
    ],
)
async def test_a_wrong_stop_is_refused(stage: Stage, change: dict[str, str], wanted: int) -> None:
    assert await code(stage, "POST", ALGO, STOP | change) == (400, wanted)
    assert stage.exchange.account.algos == {}


async def test_a_target_that_the_mark_has_passed_would_trigger_at_once(stage: Stage) -> None:
    target = STOP | {"type": "TAKE_PROFIT_MARKET"}

    assert await code(stage, "POST", ALGO, target) == (400, -2021)


async def test_neither_margin_nor_position_is_asked_for_before_the_trigger(stage: Stage) -> None:
    assert await code(stage, "POST", ALGO, STOP | {"reduceOnly": "true"}) == (200, 0)
    assert await code(stage, "POST", ALGO, STOP | {"quantity": "9000"}) == (200, 0)


async def test_an_id_can_be_used_again_only_when_its_order_is_done(stage: Stage) -> None:
    named = {"newClientOrderId": "pp1"}
    assert await code(stage, "POST", ORDER, LIMIT | named) == (200, 0)
    assert await code(stage, "POST", ORDER, MARKET | named) == (400, -4116)
    assert await code(stage, "DELETE", ORDER, {"symbol": "SOLUSDT", "origClientOrderId": "pp1"}) == (200, 0)
    assert await code(stage, "POST", ORDER, MARKET | named) == (200, 0)
    assert await code(stage, "POST", ORDER, MARKET | named) == (200, 0)


async def test_a_stops_id_too(stage: Stage) -> None:
    named = STOP | {"clientAlgoId": "pp1"}
    assert await code(stage, "POST", ALGO, named) == (200, 0)
    assert await code(stage, "POST", ALGO, named) == (400, -4116)
    status, answer = await signed(stage, "DELETE", ALGO, {"clientAlgoId": "pp1"})
    assert (status, answer["code"]) == (200, "200")
    assert await code(stage, "POST", ALGO, named) == (200, 0)


@pytest.mark.parametrize("path", [ORDER, ALGO])
async def test_what_the_venue_does_not_know_is_not_found(stage: Stage, path: str) -> None:
    asked = {"symbol": "SOLUSDT", "orderId": 1, "algoId": 1}

    assert await code(stage, "GET", path, asked) == (400, -2013)
    assert await code(stage, "DELETE", path, asked) == (400, -2011)
    assert await code(stage, "GET", path, {"symbol": "SOLUSDT"}) == (400, -1102)


async def test_what_is_done_cannot_be_cancelled(stage: Stage) -> None:
    order = await stage.bought()

    assert await code(stage, "DELETE", ORDER, {"symbol": "SOLUSDT", "orderId": order["id"]}) == (400, -2011)


async def test_there_is_room_for_ten_stops_of_a_symbol(stage: Stage) -> None:
    answers = [await code(stage, "POST", ALGO, STOP) for _ in range(11)]

    assert answers == [(200, 0)] * 10 + [(400, -4045)]


async def test_margin_type_says_what_keeps_it_from_changing(stage: Stage) -> None:
    path, asked = "/fapi/v1/marginType", {"symbol": "SOLUSDT", "marginType": "ISOLATED"}
    assert (await signed(stage, "POST", path, asked))[1]["code"] == 200
    assert await code(stage, "POST", path, asked) == (400, -4046)
    await signed(stage, "POST", ORDER, LIMIT)
    back = asked | {"marginType": "CROSSED"}
    assert await code(stage, "POST", path, back) == (400, -4047)
    await stage.client.cancel_all_orders(SOL)
    await signed(stage, "POST", ORDER, MARKET)
    assert await code(stage, "POST", path, back) == (400, -4048)


async def test_multi_assets_and_isolated_margin_exclude_each_other(stage: Stage) -> None:
    assets, margin = "/fapi/v1/multiAssetsMargin", "/fapi/v1/marginType"
    await signed(stage, "POST", assets, {"multiAssetsMargin": "true"})
    isolated = {"symbol": "SOLUSDT", "marginType": "ISOLATED"}

    assert (await signed(stage, "GET", assets))[1] == {"multiAssetsMargin": True}
    assert await code(stage, "POST", assets, {"multiAssetsMargin": "true"}) == (400, -4171)
    assert await code(stage, "POST", margin, isolated) == (400, -4168)
    await signed(stage, "POST", assets, {"multiAssetsMargin": "false"})
    await signed(stage, "POST", margin, isolated)
    assert await code(stage, "POST", assets, {"multiAssetsMargin": "true"}) == (400, -4167)


async def test_position_mode_says_what_keeps_it_from_changing(stage: Stage) -> None:
    path = "/fapi/v1/positionSide/dual"
    assert await code(stage, "POST", path, {"dualSidePosition": "false"}) == (400, -4059)
    await signed(stage, "POST", ORDER, LIMIT)
    assert await code(stage, "POST", path, {"dualSidePosition": "true"}) == (400, -4067)
    await stage.client.cancel_all_orders(SOL)
    await signed(stage, "POST", ORDER, MARKET)
    assert await code(stage, "POST", path, {"dualSidePosition": "true"}) == (400, -4068)


async def test_in_hedge_mode_a_one_way_order_does_not_match(stage: Stage) -> None:
    await stage.client.set_position_mode(True)

    assert await code(stage, "POST", ORDER, MARKET) == (400, -4061)
    assert await code(stage, "POST", ALGO, STOP) == (400, -4061)


@pytest.mark.parametrize(("leverage", "wanted"), [(0, -4028), (101, -4028), (4, -4161), (20, 0)])
async def test_leverage_has_its_bounds(stage: Stage, leverage: int, wanted: int) -> None:
    await stage.bought(leverage=5)

    asked = {"symbol": "SOLUSDT", "leverage": leverage}
    assert (await code(stage, "POST", "/fapi/v1/leverage", asked))[1] == wanted


async def test_a_delisted_symbol_can_only_be_left(stage: Stage) -> None:
    await stage.bought(1)
    stage.exchange.hands.delist("SOLUSDT")

    assert await code(stage, "POST", ORDER, MARKET) == (400, -4140)
    assert await code(stage, "POST", ORDER, MARKET | {"side": "SELL", "reduceOnly": "true"}) == (200, 0)
    assert (await stage.client.load_markets(True))[SOL]["active"] is False


async def test_money_that_is_not_there_is_not_paid_out(stage: Stage) -> None:
    with pytest.raises(ValueError, match="more than"):
        stage.exchange.account.transfer(D(-20_000))
