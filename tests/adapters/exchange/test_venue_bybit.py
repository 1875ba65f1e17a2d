"""Bybit by the shape of its requests and documented answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from core.adapters.exchange.accounts import look_at_account, mend
from core.adapters.exchange.venue import CcxtVenue
from core.errors import NotAllowed, Throttled, Unknown
from core.market import Side, from_ms
from core.ports import Result
from core.trade import OrderKind, OrderRequest, OrderSide, OrderStatus
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.fake_venue import FakeClock
from tests.adapters.exchange.scripted_venue import Asked, ScriptedVenue
from tests.adapters.exchange.venue_stage import KEY, live

D = Decimal
BTC = "BTC/USDT:USDT"
CREATE, REALTIME, HISTORY = "POST /v5/order/create", "GET /v5/order/realtime", "GET /v5/order/history"
POSITIONS, SET_LEVERAGE = "GET /v5/position/list", "POST /v5/position/set-leverage"
T = 1_777_896_000_000


def said(code: int = 0, words: str = "OK", **result: Any) -> dict[str, Any]:
    return {"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": T}


def rows(*found: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return said(list=list(found), nextPageCursor=cursor, category="linear")


def receipt(asked: Asked) -> dict[str, Any]:
    return said(orderId="o-1", orderLinkId=asked.body.get("orderLinkId", ""))


def order_row(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": "o-1", "orderLinkId": "ppstop1", "symbol": "BTCUSDT", "price": "0", "qty": "0.010",
        "side": "Sell", "positionIdx": 0, "orderStatus": "Untriggered", "rejectReason": "EC_NoError",
        "avgPrice": "", "cumExecQty": "0.000", "orderType": "Market", "stopOrderType": "Stop",
        "triggerPrice": "90000.00", "triggerDirection": 2, "triggerBy": "MarkPrice", "reduceOnly": True,
        "closeOnTrigger": False, "createdTime": str(T), "updatedTime": str(T + 5), **changes,
    }  # fmt: skip


def position_row(**changes: Any) -> dict[str, Any]:
    return {
        "positionIdx": 0, "symbol": "BTCUSDT", "side": "Buy", "size": "0.010", "avgPrice": "95000.123456789",
        "leverage": "10", "markPrice": "95100.5", "liqPrice": "86000.1", "positionBalance": "95.2",
        "positionIM": "95.1", "unrealisedPnl": "1.00376543211", "createdTime": str(T - 999),
        "updatedTime": str(T), **changes,
    }  # fmt: skip


def execution(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderLinkId": "ppstop1", "orderId": "o-1", "execId": "e-1", "side": "Sell",
        "execPrice": "89990.5", "execQty": "0.010", "execFee": "0.49494775", "execType": "Trade",
        "feeCurrency": "", "execTime": str(T), **changes,
    }  # fmt: skip


@pytest.fixture
def server() -> ScriptedVenue:
    found = ScriptedVenue()
    found.on(CREATE, receipt)
    found.on("POST /v5/order/cancel", receipt)
    found.on("GET /v5/account/info", said(marginMode="ISOLATED_MARGIN", unifiedMarginStatus=5))
    return found


@pytest.fixture
async def venue(server: ScriptedVenue) -> AsyncIterator[CcxtVenue]:
    clock = FakeClock(from_ms(T + 1000))
    async with serving(server.serve) as url, live("bybit", url, clock) as (opened, _client, _budget):
        yield opened


def request(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_id": "ppentry1", "symbol": BTC, "side": OrderSide.BUY, "kind": OrderKind.MARKET,
        "quantity": D("0.010"), "reduce_only": False,
    }  # fmt: skip
    return OrderRequest(**{**fields, **changes})


async def test_an_entry_carries_its_stop_on_the_mark_price(venue: CcxtVenue, server: ScriptedVenue) -> None:
    outcome = await venue.submit(request(attached_stop=D("90000.10")))

    (asked,) = server.to(CREATE)
    assert outcome.result is Result.DONE
    assert asked.body == {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.010",
        "positionIdx": 0, "orderLinkId": "ppentry1", "reduceOnly": False, "stopLoss": "90000.10",
        "slTriggerBy": "MarkPrice", "slOrderType": "Market", "tpslMode": "Full",
    }  # fmt: skip
    assert asked.headers["X-BAPI-RECV-WINDOW"] == "5000"


@pytest.mark.parametrize(
    ("kind", "side", "direction"),
    [
        (OrderKind.STOP_MARKET, OrderSide.SELL, 2),
        (OrderKind.STOP_MARKET, OrderSide.BUY, 1),
        (OrderKind.TAKE_PROFIT_MARKET, OrderSide.SELL, 1),
        (OrderKind.TAKE_PROFIT_MARKET, OrderSide.BUY, 2),
    ],
)
async def test_a_trigger_waits_in_the_right_direction(
    venue: CcxtVenue, server: ScriptedVenue, kind: OrderKind, side: OrderSide, direction: int
) -> None:
    await venue.submit(request(kind=kind, side=side, reduce_only=True, trigger=D("90000.10")))

    body = server.to(CREATE)[0].body
    assert body["triggerDirection"] == direction
    assert (body["triggerPrice"], body["triggerBy"]) == ("90000.10", "MarkPrice")
    assert body["reduceOnly"] is True
    server.on(REALTIME, rows(order_row(side=side.value.capitalize(), triggerDirection=direction)))
    (seen,) = await venue.open_orders(BTC)
    assert seen.kind is kind


async def test_a_leverage_between_two_whole_numbers_hides_no_position(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, rows(position_row(), position_row(symbol="ETHUSDT", leverage="12.5")))

    assert [position.leverage for position in await venue.positions()] == [10, 13]


@pytest.mark.parametrize(("rate", "fee"), [("0.0005", "0.44995250"), ("", "0.494947750")])
async def test_a_fee_in_another_coin_counts_as_its_share_of_the_value_and_hides_no_fill(
    venue: CcxtVenue, server: ScriptedVenue, rate: str, fee: str
) -> None:
    paid = execution(feeCurrency="MNT", execFee="0.61", feeRate=rate)
    server.on("GET /v5/execution/list", rows(paid))

    (fill,) = await venue.fills(BTC, from_ms(T - 1000))

    assert fill.fee == D(fee)


async def test_asked_too_often_an_order_waits_a_moment_and_not_a_minute(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(CREATE, said(10006, "Too many visits. Exceeded the API Rate Limit."))

    outcome = await venue.submit(request())

    assert (outcome.result, outcome.code) == (Result.THROTTLED, "10006")
    assert venue.silent_until == from_ms(T + 3000)  # the clock stands at T + 1 s
    assert (await venue.submit(request(client_id="ppentry2"))).code == "budget"
    assert len(server.to(CREATE)) == 1


async def test_asked_too_often_a_read_waits_a_moment_and_not_a_minute(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, said(10006, "Too many visits. Exceeded the API Rate Limit."))

    with pytest.raises(Throttled):
        await venue.positions()

    assert venue.silent_until == from_ms(T + 3000)


async def test_a_refused_signature_does_not_repeat_the_key(venue: CcxtVenue, server: ScriptedVenue) -> None:
    words = f"error sign! please check. origin_string[1777896000000{KEY}5000category=linear]"
    server.on(CREATE, said(10004, words))
    server.on(POSITIONS, said(10004, words))

    outcome = await venue.submit(request())
    with pytest.raises(NotAllowed) as refused:
        await venue.positions()

    assert outcome.detail.startswith("error sign!") and "error sign!" in str(refused.value)
    assert KEY not in outcome.detail + str(refused.value)


async def test_a_limit_order_has_its_price_and_stays(venue: CcxtVenue, server: ScriptedVenue) -> None:
    await venue.submit(request(kind=OrderKind.LIMIT, price=D("94000.00")))

    body = server.to(CREATE)[0].body
    assert (body["orderType"], body["price"], body["timeInForce"]) == ("Limit", "94000.00", "GTC")


async def test_a_refusal_and_a_duplicate_are_told_apart(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(CREATE, said(110007, "ab not enough for new order"), said(110072, "OrderLinkedID is duplicate"))

    refused = await venue.submit(request())
    duplicate = await venue.submit(request())

    assert (refused.result, refused.code) == (Result.REFUSED, "110007")
    assert (duplicate.result, duplicate.code) == (Result.UNKNOWN, "110072")
    assert len(server.to(CREATE)) == 2


async def test_a_page_of_html_is_unknown(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(CREATE, "<html>maintenance</html>")

    assert (await venue.submit(request())).result is Result.UNKNOWN


async def test_an_order_that_is_over_is_found_in_the_history(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(REALTIME, rows())
    server.on(HISTORY, rows(order_row(orderStatus="Filled", cumExecQty="0.010", avgPrice="89990.5")))

    order = await venue.order(BTC, "ppstop1")

    assert order is not None and order.status is OrderStatus.FILLED
    assert (order.filled, order.average, order.kind) == (D("0.010"), D("89990.5"), OrderKind.STOP_MARKET)
    assert server.to(HISTORY)[0].query["orderLinkId"] == "ppstop1"


async def test_only_both_lists_together_say_that_there_is_no_order(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(REALTIME, rows())
    server.on(HISTORY, rows())

    assert await venue.order(BTC, "ppstop1") is None
    server.on(HISTORY, "<html>")
    with pytest.raises(Unknown):
        await venue.order(BTC, "ppstop1")


async def test_a_rejected_order_says_why(venue: CcxtVenue, server: ScriptedVenue) -> None:
    rejected = order_row(orderStatus="Rejected", rejectReason="EC_NoEnoughQtyToFill")
    server.on(REALTIME, rows(rejected))

    order = await venue.order(BTC, "ppstop1")

    assert order is not None
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, "EC_NoEnoughQtyToFill")


async def test_an_attached_stop_goes_by_the_venue_s_id_and_can_be_cancelled(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    attached = order_row(orderLinkId="", orderId="o-77", stopOrderType="StopLoss", closeOnTrigger=True)
    server.on(REALTIME, rows(attached))
    server.on("POST /v5/order/cancel", said(orderId="o-77", orderLinkId=""))

    (seen,) = await venue.open_orders(BTC)
    outcome = await venue.cancel(BTC, seen.client_id)

    assert (seen.client_id, seen.kind, seen.reduce_only) == ("@o-77", OrderKind.STOP_MARKET, True)
    assert outcome.result is Result.DONE
    assert server.to("POST /v5/order/cancel")[0].body["orderId"] == "o-77"


async def test_pages_of_open_orders_are_followed_to_the_end(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(
        REALTIME,
        rows(order_row(), cursor="next"),
        rows(order_row(orderLinkId="ppstop2", orderId="o-2")),
    )

    orders = await venue.open_orders()

    assert [order.client_id for order in orders] == ["ppstop1", "ppstop2"]
    assert [asked.query.get("cursor") for asked in server.to(REALTIME)] == [None, "next"]
    assert server.to(REALTIME)[0].query["settleCoin"] == "USDT"


async def test_positions_are_read_digit_for_digit(venue: CcxtVenue, server: ScriptedVenue) -> None:
    flat = position_row(symbol="ETHUSDT", side="", size="0", liqPrice="", avgPrice="0")
    server.on(POSITIONS, rows(position_row(), flat, position_row(symbol="SOLUSDT", side="Sell", liqPrice="")))

    long, short = await venue.positions()

    assert (long.entry, long.unrealised) == (D("95000.123456789"), D("1.00376543211"))
    assert (long.leverage, long.margin, long.liquidation) == (10, D("95.2"), D("86000.1"))
    assert short.side is Side.SHORT
    assert short.liquidation > short.mark * 100  # none named: as good as never
    assert short.liquidation_distance() > 1


@pytest.mark.parametrize(
    "broken", [{"size": ""}, {"size": "NaN"}, {"markPrice": None}, {"leverage": "0"}, {"avgPrice": "abc"}]
)
async def test_one_row_that_cannot_be_read_spoils_the_list(
    venue: CcxtVenue, server: ScriptedVenue, broken: dict[str, Any]
) -> None:
    server.on(POSITIONS, rows(position_row(), position_row(symbol="ETHUSDT", **broken)))

    with pytest.raises(Unknown):
        await venue.positions()


async def test_what_positions_and_orders_bind_is_not_available(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    coin = {
        "coin": "USDT", "walletBalance": "1000.5", "unrealisedPnl": "-3.25", "totalPositionIM": "95.2",
        "totalOrderIM": "10", "locked": "0", "availableToWithdraw": "",
    }  # fmt: skip
    server.on("GET /v5/account/wallet-balance", said(list=[{"accountType": "UNIFIED", "coin": [coin]}]))

    balance = await venue.balance()

    assert (balance.wallet, balance.unrealised, balance.available) == (D("1000.5"), D("-3.25"), D("895.3"))


async def test_fills_tell_fee_owner_and_liquidation(venue: CcxtVenue, server: ScriptedVenue) -> None:
    bust = execution(execId="e-2", orderLinkId="", orderId="o-9", execType="BustTrade")
    funding = execution(execId="e-3", execType="Funding", execFee="-0.10232512")
    server.on("GET /v5/execution/list", rows(execution(), bust, funding))

    fills = await venue.fills(BTC, from_ms(T - 60_000))

    assert [(fill.client_id, fill.is_liquidation) for fill in fills] == [("ppstop1", False), ("@o-9", True)]
    assert fills[0].fee == D("0.49494775")
    asked = server.to("GET /v5/execution/list")[0].query
    assert int(asked["startTime"]) == T - 60_000


async def test_funding_that_was_received_is_positive(venue: CcxtVenue, server: ScriptedVenue) -> None:
    received = execution(execId="e-3", execType="Funding", execFee="-0.10232512")
    server.on("GET /v5/execution/list", rows(received))

    (payment,) = await venue.funding(BTC, from_ms(T - 60_000))

    assert payment.amount == D("0.10232512")
    assert server.to("GET /v5/execution/list")[0].query["execType"] == "Funding"


async def test_transfers_come_in_and_go_out(venue: CcxtVenue, server: ScriptedVenue) -> None:
    def answer(asked: Asked) -> dict[str, Any]:
        kind = asked.query["type"]
        change = "100" if kind == "TRANSFER_IN" else "-40.5"
        return rows({"id": f"t-{kind}", "type": kind, "change": change, "transactionTime": str(T)})

    server.on("GET /v5/account/transaction-log", answer)

    transfers = await venue.transfers(from_ms(T - 60_000))

    assert sorted(transfer.amount for transfer in transfers) == [D("-40.5"), D(100)]


async def test_leverage_is_set_and_read_back(venue: CcxtVenue, server: ScriptedVenue) -> None:
    flat = position_row(size="0", side="", leverage="10")
    server.on(POSITIONS, rows(flat), rows(flat), rows(flat), rows({**flat, "leverage": "7"}))
    server.on(SET_LEVERAGE, said(110043, "Set leverage not modified"))

    assert await venue.prepare(BTC, 7) == 7
    assert server.to(SET_LEVERAGE)[0].body == {
        "category": "linear", "symbol": "BTCUSDT", "buyLeverage": "7", "sellLeverage": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "words"), [("REGULAR_MARGIN", "cross margin"), ("PORTFOLIO_MARGIN", "portfolio")]
)
async def test_an_account_wide_mode_is_named_and_not_changed(
    venue: CcxtVenue, server: ScriptedVenue, mode: str, words: str
) -> None:
    server.on("GET /v5/account/info", said(marginMode=mode))
    server.on(POSITIONS, rows(position_row(size="0", side="")))

    with pytest.raises(NotAllowed, match=words):
        await venue.prepare(BTC, 5)
    assert not [asked for asked in server.asked if asked.method == "POST"]


async def test_hedge_mode_is_named(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(POSITIONS, rows(position_row(positionIdx=1, size="0"), position_row(positionIdx=2, size="0")))

    with pytest.raises(NotAllowed, match="hedge mode"):
        await venue.prepare(BTC, 5)


async def test_modes_are_mended_only_while_flat_and_read_back(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on("GET /v5/account/info", said(marginMode="REGULAR_MARGIN"))
    server.on(POSITIONS, rows(position_row()))
    server.on(REALTIME, rows())

    with pytest.raises(NotAllowed, match="close BTC/USDT:USDT first"):
        await mend(venue)
    assert not [asked for asked in server.asked if asked.method == "POST"]

    server.on(POSITIONS, rows(position_row(size="0", side="")))
    server.on("POST /v5/account/set-margin-mode", said())
    server.on("POST /v5/position/switch-mode", said(110025, "Position mode is not modified"))
    regular, isolated = said(marginMode="REGULAR_MARGIN"), said(marginMode="ISOLATED_MARGIN")
    server.on("GET /v5/account/info", regular, isolated)
    report = await mend(venue)

    assert report.obstacles == ()
    assert server.to("POST /v5/account/set-margin-mode")[0].body == {"setMarginMode": "ISOLATED_MARGIN"}


async def test_a_mode_that_stays_as_it_was_is_not_believed(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on("GET /v5/account/info", said(marginMode="REGULAR_MARGIN"))
    server.on(POSITIONS, rows(position_row(size="0", side="")))
    server.on(REALTIME, rows())
    server.on("POST /v5/account/set-margin-mode", said())
    server.on("POST /v5/position/switch-mode", said())

    with pytest.raises(NotAllowed, match="cross margin"):
        await mend(venue)


async def test_what_doctor_names_is_in_the_report(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on("GET /v5/account/info", said(marginMode="REGULAR_MARGIN"))
    server.on(POSITIONS, rows(position_row(size="0", side="")))

    report = await look_at_account(venue)

    assert "account-wide isolated margin: off" in report.lines
    assert report.can_be_mended
    assert len(report.obstacles) == 1


async def test_the_clock_is_read_in_milliseconds(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on("GET /v5/market/time", {"retCode": 0, "retMsg": "OK", "result": {}, "time": T + 3000})

    assert await venue.measure_clock() == pytest.approx(2.0)
