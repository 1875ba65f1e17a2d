"""OKX by the shape of its requests and documented answers; its contracts are a hundredth of a BTC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from core.adapters.exchange.venue import CcxtVenue
from core.errors import NotAllowed, Unknown
from core.market import Side, from_ms
from core.ports import Result
from core.trade import OrderKind, OrderRequest, OrderSide, OrderStatus
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.fake_venue import FakeClock
from tests.adapters.exchange.scripted_venue import Asked, ScriptedVenue
from tests.adapters.exchange.venue_stage import live

D = Decimal
BTC = "BTC/USDT:USDT"
PLACE, PLACE_ALGO = "POST /api/v5/trade/order", "POST /api/v5/trade/order-algo"
ORDER, ALGO = "GET /api/v5/trade/order", "GET /api/v5/trade/order-algo"
PENDING, PENDING_ALGO = "GET /api/v5/trade/orders-pending", "GET /api/v5/trade/orders-algo-pending"
POSITIONS, FILLS = "GET /api/v5/account/positions", "GET /api/v5/trade/fills"
CONFIG, LEVERAGE = "GET /api/v5/account/config", "GET /api/v5/account/leverage-info"
T = 1_777_896_000_000
GONE = {"code": "51603", "msg": "Order does not exist", "data": []}


def ok(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


def no(code: str, words: str) -> dict[str, Any]:
    return {
        "code": "1",
        "msg": "All operations failed",
        "data": [{"sCode": code, "sMsg": words, "ordId": ""}],
    }


def order_row(**changes: Any) -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "ordId": "71", "clOrdId": "ppentry1", "px": "",
        "sz": "1.5", "ordType": "market", "side": "buy", "posSide": "net", "accFillSz": "1.5",
        "avgPx": "95000.1", "state": "filled", "reduceOnly": "false", "algoClOrdId": "", "algoId": "",
        "cTime": str(T), "uTime": str(T + 7), **changes,
    }  # fmt: skip


def algo_row(**changes: Any) -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "algoId": "900", "algoClOrdId": "ppstop1", "sz": "1.5",
        "ordType": "conditional", "side": "sell", "slTriggerPx": "90000.1", "slTriggerPxType": "mark",
        "slOrdPx": "-1", "tpTriggerPx": "", "tpOrdPx": "", "reduceOnly": "true", "state": "live",
        "ordId": "", "ordIdList": [], "cTime": str(T), "uTime": str(T), **changes,
    }  # fmt: skip


def position_row(**changes: Any) -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "mgnMode": "isolated", "posSide": "net", "pos": "-1.5",
        "avgPx": "95000.123", "markPx": "95100", "upl": "-1.49815", "lever": "5", "liqPx": "113000.2",
        "margin": "285.01", "imr": "", "cTime": str(T), "uTime": str(T), **changes,
    }  # fmt: skip


def fill_row(**changes: Any) -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "tradeId": "t-1", "ordId": "71", "clOrdId": "ppentry1",
        "billId": "b-1", "subType": "3", "fillPx": "95000.1", "fillSz": "1.5", "side": "buy",
        "feeCcy": "USDT", "fee": "-0.71250075", "fillTime": str(T), "ts": str(T), **changes,
    }  # fmt: skip


@pytest.fixture
def server() -> ScriptedVenue:
    found = ScriptedVenue()
    swap = {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ctType": "linear", "settleCcy": "USDT",
        "ctVal": "0.01", "ctMult": "1",
    }  # fmt: skip
    inverse = {**swap, "instId": "BTC-USD-SWAP", "ctType": "inverse", "settleCcy": "BTC", "ctVal": "100"}
    found.on("GET /api/v5/public/instruments", ok(swap, inverse))
    found.on(PLACE, lambda asked: ok({"ordId": "71", "clOrdId": asked.body["clOrdId"], "sCode": "0"}))
    found.on(
        PLACE_ALGO,
        lambda asked: ok({"algoId": "900", "algoClOrdId": asked.body["algoClOrdId"], "sCode": "0"}),
    )
    found.on(CONFIG, ok({"acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade", "ip": "1.2.3.4"}))
    return found


@pytest.fixture
async def venue(server: ScriptedVenue) -> AsyncIterator[CcxtVenue]:
    clock = FakeClock(from_ms(T + 1000))
    async with serving(server.serve) as url, live("okx", url, clock) as (opened, _client, _budget):
        yield opened


def request(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_id": "ppentry1", "symbol": BTC, "side": OrderSide.BUY, "kind": OrderKind.MARKET,
        "quantity": D("0.015"), "reduce_only": False,
    }  # fmt: skip
    return OrderRequest(**{**fields, **changes})


async def test_an_entry_is_counted_in_contracts_and_brings_its_stop(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    outcome = await venue.submit(request(attached_stop=D("90000.1")))

    (asked,) = server.to(PLACE)
    assert outcome.result is Result.DONE
    assert asked.body == {
        "instId": "BTC-USDT-SWAP", "tdMode": "isolated", "side": "buy", "sz": "1.5", "clOrdId": "ppentry1",
        "ordType": "market",
        "attachAlgoOrds": [
            {"attachAlgoClOrdId": "ppentry1s", "slTriggerPx": "90000.1", "slTriggerPxType": "mark",
             "slOrdPx": "-1"},
        ],
    }  # fmt: skip
    assert int(asked.headers["expTime"]) == T + 1000 + 5000


async def test_a_stop_goes_to_the_algo_service_on_the_mark_price(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    stop = request(
        client_id="ppstop1", side=OrderSide.SELL, kind=OrderKind.STOP_MARKET, reduce_only=True,
        trigger=D("90000.1"),
    )  # fmt: skip

    outcome = await venue.submit(stop)

    assert outcome.result is Result.DONE
    assert server.to(PLACE_ALGO)[0].body == {
        "instId": "BTC-USDT-SWAP", "tdMode": "isolated", "side": "sell", "sz": "1.5", "clOrdId": "ppstop1",
        "reduceOnly": True, "ordType": "conditional", "algoClOrdId": "ppstop1", "slTriggerPx": "90000.1",
        "slTriggerPxType": "mark", "slOrdPx": "-1",
    }  # fmt: skip


async def test_a_target_is_the_other_leg(venue: CcxtVenue, server: ScriptedVenue) -> None:
    target = request(
        side=OrderSide.SELL, kind=OrderKind.TAKE_PROFIT_MARKET, reduce_only=True, trigger=D(99000)
    )

    await venue.submit(target)

    body = server.to(PLACE_ALGO)[0].body
    assert (body["tpTriggerPx"], body["tpTriggerPxType"], body["tpOrdPx"]) == ("99000", "mark", "-1")


async def test_the_row_s_own_code_decides(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(PLACE, no("51008", "Insufficient margin"), no("51016", "Duplicated"), no("50004", "timeout"))

    outcomes = [await venue.submit(request()) for _ in range(3)]

    assert [(each.result, each.code) for each in outcomes] == [
        (Result.REFUSED, "51008"), (Result.UNKNOWN, "51016"), (Result.UNKNOWN, "50004"),
    ]  # fmt: skip
    assert len(server.to(PLACE)) == 3


async def test_without_contract_sizes_nothing_is_sent(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on("GET /api/v5/public/instruments", "<html>")

    outcome = await venue.submit(request())

    assert (outcome.result, outcome.code) == (Result.REFUSED, "rules")
    assert server.to(PLACE) == []


async def test_a_symbol_without_a_swap_is_refused_before_it_is_sent(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    outcome = await venue.submit(request(symbol="FOO/USDT:USDT"))

    assert outcome.result is Result.REFUSED
    assert server.to(PLACE) == []


async def test_quantities_come_back_in_base_coin(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, GONE)
    server.on(ORDER, ok(order_row()))

    order = await venue.order(BTC, "ppentry1")

    assert order is not None
    assert (order.quantity, order.filled, order.average) == (D("0.015"), D("0.015"), D("95000.1"))
    assert order.status is OrderStatus.FILLED


async def test_an_order_that_neither_service_knows_is_none(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, GONE)
    server.on(ORDER, GONE)

    assert await venue.order(BTC, "ppentry1") is None


async def test_a_failed_question_is_never_an_absent_order(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, GONE)
    server.on(ORDER, {"code": "50026", "msg": "System error", "data": []})

    with pytest.raises(Unknown):
        await venue.order(BTC, "ppentry1")


async def test_a_stop_that_fired_is_filled_as_the_order_it_became(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(ALGO, ok(algo_row(state="effective", ordIdList=["88"])))
    child = order_row(ordId="88", clOrdId="", algoClOrdId="ppstop1", side="sell", avgPx="89950.5")
    server.on(ORDER, ok(child))
    server.on(FILLS, ok(fill_row(tradeId="t-2", ordId="88", clOrdId="", side="sell", subType="5")))

    order = await venue.order(BTC, "ppstop1")
    fills = await venue.fills(BTC, from_ms(T - 1000))

    assert order is not None and order.status is OrderStatus.FILLED
    assert (order.client_id, order.kind, order.filled) == ("ppstop1", OrderKind.STOP_MARKET, D("0.015"))
    assert [fill.client_id for fill in fills] == ["ppstop1"]


async def test_fills_of_a_stop_find_their_parent_after_a_restart(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(ORDER, ok(order_row(ordId="88", clOrdId="", algoClOrdId="ppstop1", side="sell")))
    rows = (
        fill_row(tradeId="t-2", ordId="88", clOrdId="", side="sell", subType="5"),
        fill_row(tradeId="t-3", billId="b-0", ordId="88", clOrdId="", side="sell", subType="104"),
    )
    server.on(FILLS, ok(*rows))

    fills = await venue.fills(BTC, from_ms(T - 1000))

    assert [(fill.client_id, fill.is_liquidation) for fill in fills] == [
        ("ppstop1", False),
        ("ppstop1", True),
    ]
    assert (fills[0].fee, fills[0].quantity) == (D("0.71250075"), D("0.015"))
    assert len(server.to(ORDER)) == 1


async def test_a_triggered_stop_whose_order_is_not_shown_is_unknown(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(ALGO, ok(algo_row(state="effective", ordIdList=["88"], uTime=str(T))))
    server.on(ORDER, GONE)

    with pytest.raises(Unknown, match="triggered"):
        await venue.order(BTC, "ppstop1")


async def test_a_stop_that_triggered_long_ago_without_a_trace_is_over_and_hides_nothing(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(ALGO, ok(algo_row(state="effective", ordIdList=["88"], uTime=str(T - 20_000))))
    server.on(ORDER, GONE)

    order = await venue.order(BTC, "ppstop1")

    assert order is not None and (order.status, order.filled) == (OrderStatus.CANCELLED, D(0))


async def test_open_orders_are_of_both_services(venue: CcxtVenue, server: ScriptedVenue) -> None:
    limit = order_row(
        ordId="72", clOrdId="pplimit1", px="94000", ordType="limit", state="live", accFillSz="0"
    )
    server.on(PENDING, ok(limit))
    server.on(PENDING_ALGO, lambda asked: ok(algo_row()) if "conditional" in asked.query["ordType"] else ok())

    orders = await venue.open_orders()

    assert {order.client_id: order.kind for order in orders} == {
        "ppstop1": OrderKind.STOP_MARKET, "pplimit1": OrderKind.LIMIT,
    }  # fmt: skip
    assert {asked.query["ordType"] for asked in server.to(PENDING_ALGO)} == {"conditional,oco", "trigger"}


async def test_looks_at_several_trades_at_once_share_the_lists_of_open_orders(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(PENDING, ok(order_row(ordId="72", clOrdId="pplimit1", state="live", accFillSz="0")))
    server.on(PENDING_ALGO, lambda asked: ok(algo_row()) if "conditional" in asked.query["ordType"] else ok())

    ours, others = await asyncio.gather(venue.open_orders(BTC), venue.open_orders("ETH/USDT:USDT"))

    assert {order.client_id for order in ours} == {"ppstop1", "pplimit1"} and others == ()
    assert (len(server.to(PENDING)), len(server.to(PENDING_ALGO))) == (1, 2)


async def test_a_stop_is_cancelled_by_the_venue_s_id(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, ok(algo_row()))
    server.on("POST /api/v5/trade/cancel-algos", ok({"algoId": "900", "sCode": "0", "sMsg": ""}))

    outcome = await venue.cancel(BTC, "ppstop1")

    assert outcome.result is Result.DONE
    assert server.to("POST /api/v5/trade/cancel-algos")[0].body == [
        {"instId": "BTC-USDT-SWAP", "algoId": "900"}
    ]


async def test_a_cancellation_without_a_look_is_not_sent(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, "<html>")

    outcome = await venue.cancel(BTC, "ppstop1")

    assert outcome.result is Result.UNKNOWN
    assert not [asked for asked in server.asked if asked.method == "POST"]


async def test_an_ordinary_order_is_cancelled_by_ours(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, GONE)
    server.on("POST /api/v5/trade/cancel-order", no("51400", "does not exist"))

    outcome = await venue.cancel(BTC, "pplimit1")

    assert (outcome.result, outcome.code) == (Result.REFUSED, "51400")
    assert server.to("POST /api/v5/trade/cancel-order")[0].body == {
        "instId": "BTC-USDT-SWAP", "clOrdId": "pplimit1",
    }  # fmt: skip


async def test_positions_of_both_modes_are_read(venue: CcxtVenue, server: ScriptedVenue) -> None:
    hedged = position_row(posSide="long", pos="2", liqPx="")
    server.on(
        POSITIONS, ok(position_row(), hedged, position_row(pos="0"), position_row(instId="BTC-USD-SWAP"))
    )

    short, long = await venue.positions()

    assert (short.side, short.quantity, short.leverage, short.margin) == (
        Side.SHORT,
        D("0.015"),
        5,
        D("285.01"),
    )
    assert (long.side, long.quantity, long.liquidation) == (Side.LONG, D("0.02"), D(0))


@pytest.mark.parametrize(
    "broken", [{"avgPx": ""}, {"lever": "x"}, {"instId": "NEW-USDT-SWAP"}, {"markPx": "0x"}]
)
async def test_a_position_that_cannot_be_read_is_never_flat(
    venue: CcxtVenue, server: ScriptedVenue, broken: dict[str, Any]
) -> None:
    server.on(POSITIONS, ok(position_row(**broken)))

    with pytest.raises(Unknown):
        await venue.positions()


async def test_equity_is_the_venue_s_own(venue: CcxtVenue, server: ScriptedVenue) -> None:
    detail = {"ccy": "USDT", "eq": "1000.25", "cashBal": "700", "upl": "-4.75", "availEq": "690.5"}
    server.on("GET /api/v5/account/balance", ok({"details": [detail]}))

    balance = await venue.balance()

    assert balance.equity == D("1000.25")
    assert balance.available == D("690.5")


async def test_funding_and_transfers_are_bills(venue: CcxtVenue, server: ScriptedVenue) -> None:
    def answer(asked: Asked) -> dict[str, Any]:
        if asked.query["type"] == "8":
            mine = {
                "billId": "1",
                "instId": "BTC-USDT-SWAP",
                "balChg": "0",
                "posBalChg": "-0.5",
                "ts": str(T),
            }
            return ok(mine, {**mine, "billId": "2", "instId": "ETH-USDT-SWAP"})
        return ok({"billId": "3", "ccy": "USDT", "balChg": "-25", "ts": str(T)})

    server.on("GET /api/v5/account/bills", answer)

    funding = await venue.funding(BTC, from_ms(T - 1000))
    transfers = await venue.transfers(from_ms(T - 1000))

    assert [payment.amount for payment in funding] == [D("-0.5")]
    assert [transfer.amount for transfer in transfers] == [D(-25)]


async def test_leverage_is_set_for_isolated_margin_and_read_back(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    def lever(value: str) -> dict[str, Any]:
        return ok({"instId": "BTC-USDT-SWAP", "mgnMode": "isolated", "posSide": "net", "lever": value})

    server.on(LEVERAGE, lever("3"), lever("5"))
    server.on(POSITIONS, ok())
    server.on("POST /api/v5/account/set-leverage", ok({"lever": "5"}))

    assert await venue.prepare(BTC, 5) == 5
    assert server.to("POST /api/v5/account/set-leverage")[0].body == {
        "instId": "BTC-USDT-SWAP", "lever": "5", "mgnMode": "isolated",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"acctLv": "4", "posMode": "net_mode"}, "portfolio"),
        ({"acctLv": "1", "posMode": "net_mode"}, "spot only"),
        ({"acctLv": "2", "posMode": "net_mode", "ctIsoMode": "autonomy"}, "auto transfers"),
        ({"acctLv": "2", "posMode": "long_short_mode"}, "hedge mode"),
    ],
)
async def test_an_account_that_forbids_isolated_one_way_trading_is_named(
    venue: CcxtVenue, server: ScriptedVenue, config: dict[str, str], words: str
) -> None:
    server.on(CONFIG, ok(config))

    with pytest.raises(NotAllowed, match=words):
        await venue.prepare(BTC, 5)
