"""Binance's account rows that the stand-in never shows: odd, old, foreign and broken ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.adapters.exchange.binance import TAKER_FEE
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import Calls
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.venue import CcxtVenue
from core.errors import NotAllowed, Unknown
from core.market import Side, from_ms
from core.trade import OrderKind, OrderRequest, OrderSide, OrderStatus
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.fake_venue import FakeClock
from tests.adapters.exchange.scripted_venue import Asked, ScriptedVenue
from tests.adapters.exchange.venue_stage import live

D = Decimal
BTC = "BTC/USDT:USDT"
T = 1_777_896_000_000
POSITIONS, TRADES, INCOME = "GET /fapi/v3/positionRisk", "GET /fapi/v1/userTrades", "GET /fapi/v1/income"
ORDER, ALGO, ALL_ALGOS = "GET /fapi/v1/order", "GET /fapi/v1/algoOrder", "GET /fapi/v1/allAlgoOrders"


def order_row(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": 71, "clientOrderId": "ppentry1", "symbol": "BTCUSDT", "status": "FILLED", "side": "BUY",
        "type": "MARKET", "origQty": "0.010", "executedQty": "0.010", "avgPrice": "95000.10", "price": "0",
        "stopPrice": "0", "reduceOnly": False, "closePosition": False, "time": T, "updateTime": T, **changes,
    }  # fmt: skip


def algo_row(**changes: Any) -> dict[str, Any]:
    return {
        "algoId": 900, "clientAlgoId": "ppstop1", "algoType": "CONDITIONAL", "orderType": "STOP_MARKET",
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.010", "algoStatus": "NEW", "price": "0",
        "triggerPrice": "90000.10", "reduceOnly": True, "closePosition": False, "actualOrderId": "",
        "createTime": T, "updateTime": T, **changes,
    }  # fmt: skip


def position_row(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "0.010", "entryPrice": "95000.123456789",
        "markPrice": "95100.50000000", "unRealizedProfit": "1.00376543", "liquidationPrice": "86000.1",
        "isolatedWallet": "95.2", "notional": "951.005", "positionInitialMargin": "95.1005",
        "updateTime": T, **changes,
    }  # fmt: skip


def trade(number: int, order_id: int = 71, **changes: Any) -> dict[str, Any]:
    return {
        "id": number, "orderId": order_id, "symbol": "BTCUSDT", "side": "BUY", "price": "95000.10",
        "qty": "0.001", "commission": "0.04750005", "commissionAsset": "USDT", "time": T, **changes,
    }  # fmt: skip


@pytest.fixture
def server() -> ScriptedVenue:
    found = ScriptedVenue()
    found.on(ALL_ALGOS, [])
    found.on(ORDER, order_row())
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(from_ms(T + 10_000))


@pytest.fixture
async def venue(server: ScriptedVenue, clock: FakeClock) -> AsyncIterator[CcxtVenue]:
    async with serving(server.serve) as url, live("binanceusdm", url, clock) as (opened, _client, _budget):
        yield opened


async def test_prices_keep_every_digit_and_leverage_comes_from_the_margin(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, [position_row()])

    (position,) = await venue.positions()

    assert position.entry == D("95000.123456789")
    assert (position.leverage, position.margin) == (10, D("95.2"))


async def test_leverage_that_the_margin_does_not_tell_is_asked_for(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, [position_row(positionInitialMargin="93.3")])
    server.on("GET /fapi/v1/symbolConfig", [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 7}])

    (position,) = await venue.positions()

    assert position.leverage == 7


async def test_what_is_no_usdt_perpetual_is_left_out(venue: CcxtVenue, server: ScriptedVenue) -> None:
    others = [position_row(symbol=name) for name in ("BTCUSDC", "BTCUSDT_261225", "ETHBTC")]
    server.on(POSITIONS, [*others, position_row(symbol="ETHUSDT", positionAmt="0"), position_row()])

    assert [position.symbol for position in await venue.positions()] == [BTC]


async def test_both_sides_of_a_hedged_symbol_are_shown(venue: CcxtVenue, server: ScriptedVenue) -> None:
    short = position_row(
        positionSide="SHORT", positionAmt="-0.020", notional="-951.005", liquidationPrice="0"
    )
    server.on(POSITIONS, [position_row(positionSide="LONG"), short])

    long, other = await venue.positions()

    assert (long.side, other.side) == (Side.LONG, Side.SHORT)
    assert other.quantity == D("0.020")
    assert other.liquidation_distance() > 1


@pytest.mark.parametrize(
    "answer",
    [
        "<html>", {}, {"rows": []}, None, [None], [{}], [[]], "", [position_row(positionAmt="")],
        [position_row(positionAmt="NaN")], [position_row(markPrice="")], [position_row(entryPrice=None)],
    ],
)  # fmt: skip
async def test_an_unknown_shape_of_positions_is_unknown_and_never_flat(
    venue: CcxtVenue, server: ScriptedVenue, answer: Any
) -> None:
    server.on(POSITIONS, answer)

    with pytest.raises(Unknown):
        await venue.positions()


@pytest.mark.parametrize("answer", ["<html>", {}, {"assets": []}, {"assets": [{"asset": "BNB"}]}, []])
async def test_an_account_without_usdt_is_unknown_and_never_empty(
    venue: CcxtVenue, server: ScriptedVenue, answer: Any
) -> None:
    server.on("GET /fapi/v3/account", answer)

    with pytest.raises(Unknown):
        await venue.balance()


async def test_only_usdt_counts_in_the_balance(venue: CcxtVenue, server: ScriptedVenue) -> None:
    rows = [
        {"asset": name, "walletBalance": wallet, "unrealizedProfit": "-0.00000001", "availableBalance": "9.5"}
        for name, wallet in (("BNB", "3"), ("USDT", "1000.12345678"), ("USDC", "500"))
    ]
    server.on("GET /fapi/v3/account", {"assets": rows, "totalWalletBalance": "9999"})

    balance = await venue.balance()

    assert (balance.wallet, balance.equity) == (D("1000.12345678"), D("1000.12345677"))


async def test_a_fee_in_bnb_is_worth_what_bnb_cost_that_minute(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(TRADES, [trade(1, commission="0.0001", commissionAsset="BNB"), trade(2)])
    server.on("GET /fapi/v1/klines", [[T, "600", "601", "599", "600.5", "1", T + 59_999]])

    fills = await venue.fills(BTC, from_ms(T - 1000))

    assert [fill.fee for fill in fills] == [D("0.06005"), D("0.04750005")]
    assert server.to("GET /fapi/v1/klines")[0].query["symbol"] == "BNBUSDT"


async def test_a_fee_whose_coin_has_no_price_is_estimated_and_logged(
    venue: CcxtVenue, server: ScriptedVenue, caplog: pytest.LogCaptureFixture
) -> None:
    server.on(TRADES, [trade(1, commission="0.0001", commissionAsset="XYZ")])

    (fill,) = await venue.fills(BTC, from_ms(T - 1000))

    assert fill.fee == D("0.001") * D("95000.10") * TAKER_FEE
    assert "exchange_fee_estimated" in caplog.text


async def test_more_trades_than_one_page_are_all_read_once(venue: CcxtVenue, server: ScriptedVenue) -> None:
    def answer(asked: Asked) -> list[dict[str, Any]]:
        first = int(asked.query.get("fromId", 1))
        return [trade(number) for number in range(first, min(first + 1000, 2501))]

    server.on(TRADES, answer)

    fills = await venue.fills(BTC, from_ms(T - 1000))

    assert len(fills) == 2500 == len({fill.id for fill in fills})
    assert [asked.query.get("fromId") for asked in server.to(TRADES)] == [None, "1001", "2001"]


async def test_weeks_are_read_week_by_week(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(TRADES, [trade(1)])
    since = from_ms(T) - timedelta(days=20)

    fills = await venue.fills(BTC, since)

    spans = [int(a.query["endTime"]) - int(a.query["startTime"]) for a in server.to(TRADES)]
    assert len(spans) == 3
    assert max(spans) <= 7 * 86_400_000
    assert [fill.id for fill in fills] == ["1"]


async def test_a_fill_of_an_order_that_is_not_shown_yet_is_unknown(
    venue: CcxtVenue, server: ScriptedVenue, clock: FakeClock
) -> None:
    server.on(TRADES, [trade(1)])
    server.on(ORDER, lambda asked: {"code": -2013, "msg": "Order does not exist."})

    with pytest.raises(Unknown, match="doesn't show yet"):
        await venue.fills(BTC, from_ms(T - 1000))
    clock.pass_time(minutes=10)
    (fill,) = await venue.fills(BTC, from_ms(T - 1000))

    assert fill.client_id == "@71"


async def test_a_child_that_showed_before_its_parent_gets_its_parent_s_name(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(TRADES, [trade(1, side="SELL")])
    server.on(ORDER, order_row(clientOrderId="some-other-id"))
    server.on(ALL_ALGOS, [algo_row()], [algo_row(algoStatus="FINISHED", actualOrderId="71")])

    (early,) = await venue.fills(BTC, from_ms(T - 1000))
    (late,) = await venue.fills(BTC, from_ms(T - 1000))

    assert (early.client_id, late.client_id) == ("some-other-id", "ppstop1")


@pytest.mark.parametrize("status", ["TRIGGERING", "TRIGGERED"])
async def test_a_stop_on_its_way_is_open(venue: CcxtVenue, server: ScriptedVenue, status: str) -> None:
    server.on(ALGO, algo_row(algoStatus=status, updateTime=T + 5000))

    order = await venue.order(BTC, "ppstop1")

    assert order is not None and (order.status, order.filled) == (OrderStatus.OPEN, D(0))


async def test_a_stop_that_ended_without_a_trace_is_unknown(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, algo_row(algoStatus="FINISHED", actualOrderId="88", updateTime=T + 5000))
    server.on(ORDER, lambda asked: {"code": -2013, "msg": "Order does not exist."})

    with pytest.raises(Unknown, match="triggered"):
        await venue.order(BTC, "ppstop1")


@pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED"])
@pytest.mark.parametrize("child", ["88", "", "0"])
async def test_a_stop_that_triggered_long_ago_without_a_trace_is_over_and_hides_nothing(
    venue: CcxtVenue, server: ScriptedVenue, status: str, child: str
) -> None:
    server.on(ALGO, algo_row(algoStatus=status, actualOrderId=child))
    server.on(ORDER, lambda asked: {"code": -2013, "msg": "Order does not exist."})

    order = await venue.order(BTC, "ppstop1")

    assert order is not None and (order.status, order.filled) == (OrderStatus.CANCELLED, D(0))
    assert order.reject_reason == "triggered, and no order of it is shown"


async def test_a_finished_stop_that_is_still_listed_hides_no_other(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on("GET /fapi/v1/openOrders", [])
    finished = algo_row(clientAlgoId="ppold", algoId=1, algoStatus="FINISHED", actualOrderId="88")
    server.on("GET /fapi/v1/openAlgoOrders", [finished, algo_row()])

    assert [order.client_id for order in await venue.open_orders(BTC)] == ["ppstop1"]


@pytest.mark.parametrize("code", [-2011, -2013])
async def test_either_word_for_an_unknown_id_means_that_there_is_no_such_order(
    venue: CcxtVenue, server: ScriptedVenue, code: int
) -> None:
    for where in (ALGO, ORDER):
        server.on(where, lambda asked: {"code": code, "msg": "Unknown order sent."})

    assert await venue.order(BTC, "ppstop1") is None


@pytest.mark.parametrize("status", ["NEW_INSURANCE", "NEW_ADL"])
async def test_the_venue_s_own_orders_of_a_liquidation_hide_no_fills(
    venue: CcxtVenue, server: ScriptedVenue, status: str
) -> None:
    server.on(TRADES, [trade(1, side="SELL")])
    server.on(ORDER, order_row(clientOrderId="autoclose-1", status=status, type="LIQUIDATION"))

    (fill,) = await venue.fills(BTC, from_ms(T - 1000))

    assert fill.is_liquidation


async def test_a_leverage_between_two_whole_numbers_hides_no_position(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, [position_row(), position_row(symbol="ETHUSDT", leverage="12.5")])

    assert [position.leverage for position in await venue.positions()] == [10, 13]


async def test_looks_at_several_trades_at_once_ask_for_the_positions_once(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, [position_row()])

    together = await asyncio.gather(*(venue.positions() for _ in range(5)))
    asked_together = len(server.to(POSITIONS))
    await venue.positions()

    assert len(together) == 5 and asked_together == 1
    assert len(server.to(POSITIONS)) == 2  # an answer is never given to whoever asks after it left


async def test_a_shared_question_that_fails_fails_for_all_and_is_asked_anew(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    server.on(POSITIONS, {"code": -2015, "msg": "Invalid API-key"})

    failed = await asyncio.gather(*(venue.positions() for _ in range(3)), return_exceptions=True)
    server.on(POSITIONS, [position_row()])

    assert [type(each) for each in failed] == [NotAllowed] * 3
    assert len(await venue.positions()) == 1


async def test_a_stop_that_filled_in_part_tells_both(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on(ALGO, algo_row(algoStatus="TRIGGERED", actualOrderId="88"))
    server.on(ORDER, order_row(orderId=88, status="PARTIALLY_FILLED", executedQty="0.004", side="SELL"))

    order = await venue.order(BTC, "ppstop1")

    assert order is not None
    assert (order.client_id, order.status, order.filled) == ("ppstop1", OrderStatus.OPEN, D("0.004"))
    assert order.trigger == D("90000.10")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("REJECTED", OrderStatus.REJECTED),
        ("EXPIRED", OrderStatus.CANCELLED),
        ("CANCELED", OrderStatus.CANCELLED),
    ],
)
async def test_a_stop_that_ended_says_how(
    venue: CcxtVenue, server: ScriptedVenue, told: str, status: OrderStatus
) -> None:
    server.on(ALGO, algo_row(algoStatus=told))

    order = await venue.order(BTC, "ppstop1")

    assert order is not None and order.status is status
    assert bool(order.reject_reason) == (told != "CANCELED")


async def test_a_stop_that_leaves_by_a_limit_is_no_stop(venue: CcxtVenue, server: ScriptedVenue) -> None:
    server.on("GET /fapi/v1/openOrders", [])
    server.on("GET /fapi/v1/openAlgoOrders", [algo_row(orderType="STOP", price="89900")])

    (order,) = await venue.open_orders(BTC)

    assert order.kind is OrderKind.LIMIT


@pytest.mark.parametrize("changes", [{"algoStatus": "NOVEL"}, {"orderType": "NOVEL"}, {"clientAlgoId": ""}])
async def test_an_order_in_words_nobody_knows_is_unknown(
    venue: CcxtVenue, server: ScriptedVenue, changes: dict[str, Any]
) -> None:
    server.on("GET /fapi/v1/openOrders", [])
    server.on("GET /fapi/v1/openAlgoOrders", [algo_row(**changes)])

    with pytest.raises(Unknown):
        await venue.open_orders(BTC)


async def test_income_is_imported_once_by_kind_and_id(venue: CcxtVenue, server: ScriptedVenue) -> None:
    def row(kind: str, number: int, amount: str, asset: str = "USDT") -> dict[str, Any]:
        return {
            "incomeType": kind,
            "tranId": number,
            "income": amount,
            "asset": asset,
            "time": T,
            "symbol": "",
        }

    server.on(
        INCOME,
        [
            row("TRANSFER", 1, "100"), row("TRANSFER", 1, "100"), row("COMMISSION", 1, "-1"),
            row("COIN_SWAP_DEPOSIT", 1, "20"), row("TRANSFER", 2, "-30.5"), row("TRANSFER", 3, "7", "BNB"),
        ],
    )  # fmt: skip

    transfers = await venue.transfers(from_ms(T - 1000))

    assert sorted(transfer.amount for transfer in transfers) == [D("-30.5"), D(20), D(100)]
    assert len({transfer.id for transfer in transfers}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "x-with-dashes"}, {"client_id": "p" * 33}, {"client_id": ""}, {"quantity": D(0)},
        {"quantity": D("NaN")}, {"kind": OrderKind.STOP_MARKET}, {"kind": OrderKind.LIMIT},
        {"trigger": D(1)}, {"price": D(1)}, {"reduce_only": True, "attached_stop": D(1)},
    ],
)  # fmt: skip
async def test_a_request_that_no_code_of_ours_may_make_is_not_sent(
    venue: CcxtVenue, server: ScriptedVenue, changes: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {
        "client_id": "ppentry1", "symbol": BTC, "side": OrderSide.BUY, "kind": OrderKind.MARKET,
        "quantity": D("0.010"), "reduce_only": False,
    }  # fmt: skip

    with pytest.raises(ValueError, match=r"\w"):
        await venue.submit(OrderRequest(**{**fields, **changes}))
    assert server.asked == []


async def test_a_stop_with_the_entry_is_refused_where_the_venue_has_none(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    entry = OrderRequest(
        "ppentry1", BTC, OrderSide.BUY, OrderKind.MARKET, D("0.010"), False, None, None, D(9)
    )

    outcome = await venue.submit(entry)

    assert outcome.code == "attached"
    assert server.asked == []


async def test_numbers_are_sent_as_they_are_written_and_never_in_powers_of_ten(
    venue: CcxtVenue, server: ScriptedVenue
) -> None:
    tiny = OrderRequest("pplimit1", BTC, OrderSide.BUY, OrderKind.LIMIT, D("1E+2"), False, D("0.00000010"))

    await venue.submit(tiny)

    (asked,) = server.to("POST /fapi/v1/order")
    assert "quantity=100&" in asked.body
    assert "price=0.00000010&" in asked.body
    assert "newClientOrderId=pplimit1&" in asked.body
    assert "recvWindow=5000" in asked.body


async def test_the_testnet_is_signed_for() -> None:
    client = await open_client(Access("binanceusdm", testnet=True, api_key="k", secret="s"))
    try:
        budget, clock = WeightBudget(FakeClock()), FakeClock()
        CcxtVenue(client, Calls(client, budget, clock), budget, clock)

        request = client.sign("order", ["fapiPrivate"], "POST", {"symbol": "BTCUSDT"})
    finally:
        await close_client(client)

    assert request["url"].startswith("https://testnet.binancefuture.com/fapi/")
    assert "signature=" in request["body"]


async def test_a_venue_without_a_dialect_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(NotAllowed, match=r"kraken has no order dialect here.*binanceusdm, bybit, okx"):
        async with live("kraken", "http://127.0.0.1:9", FakeClock()):
            raise AssertionError("it was opened")
