"""Orders of the matching engine: taken, queried, changed, cancelled."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from bot.demo.exchange_asked import Asked, malformed
from bot.demo.exchange_question import Refused
from bot.demo.exchange_records import OrderRecord, Row, order_row
from core.market import Instrument
from core.money import ZERO, floor_to
from core.sim.matching import Scene
from core.trade import OrderKind, OrderRequest

CONDITIONAL: Final = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
LIVES: Final = ("GTC", "IOC", "FOK", "GTX")
MOST_OPEN: Final = 200
WEEK_MS: Final = 7 * 86_400_000
FARTHEST: Final = Decimal("0.05")  # of the mark price: the PERCENT_PRICE filter
DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
MESSAGES: Final = {
    -1102: "Mandatory parameter was not sent, was empty/null, or malformed.",
    -1111: "Precision is over the maximum defined for this asset.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -4001: "Price less than 0.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4014: "Price not increased by tick size.",
    -4140: "Invalid symbol status for opening position.",
}


def refusal_of(code: str, rules: Instrument) -> Refused:
    if code == "-4164":
        least = f"Order's notional must be no smaller than {rules.min_notional:f}"
        return Refused(-4164, f"{least} (unless you choose reduce only).")
    return Refused(int(code), MESSAGES.get(int(code), "NEW_ORDER_REJECTED"))


def side_of(asked: Asked) -> str:
    side = asked.text("side")
    if side not in ("BUY", "SELL"):
        raise Refused(-1117, "Invalid side.")
    return side


def check_position_side(asked: Asked) -> None:
    """One-way orders are for BOTH; hedge mode can be switched on here, but nothing trades in it."""
    if asked.account.is_hedged or asked.params.get("positionSide", "BOTH") != "BOTH":
        raise Refused(-4061, "Order's position side does not match user's setting.")


def new_order(asked: Asked) -> Row:
    order = _drafted(asked)
    account = asked.account
    if any(each.client_id == order.client_id for each in account.open_orders()):
        raise Refused(-4116, "ClientOrderId is duplicated.")
    account.advance_symbol(order.symbol)
    scene = account.scene(order.symbol, asked.now_ms)
    kind = OrderKind.LIMIT if order.type == "LIMIT" else OrderKind.MARKET
    request = account.request(order, kind, order.quantity)
    code = account.refused(request, scene)
    if code:
        raise refusal_of(code, scene.rules)
    _check_book(order, scene)
    if len(account.open_orders(order.symbol)) >= MOST_OPEN:
        raise Refused(-2025, "Reach max open order limit.")
    accepted = order_row(order)
    request = _with_a_part_held_back(asked, order, request, scene.rules.lot)
    account.take(order, request, scene, asked.now_ms)
    if order.rests and order.time_in_force in ("IOC", "FOK"):
        account.end_order(order, "EXPIRED")
    return order_row(order) if asked.params.get("newOrderRespType") == "RESULT" else accepted


def _drafted(asked: Asked) -> OrderRecord:
    symbol, side, kind = asked.symbol(), side_of(asked), asked.text("type")
    if kind in CONDITIONAL:
        text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise Refused(-4120, text)
    if kind not in ("MARKET", "LIMIT"):
        raise Refused(-1116, "Invalid orderType.")
    check_position_side(asked)
    life = asked.params.get("timeInForce", "GTC")
    if life not in LIVES or (kind == "MARKET" and "timeInForce" in asked.params):
        raise Refused(-1115, "Invalid timeInForce.")
    if kind == "LIMIT" and "timeInForce" not in asked.params:
        raise malformed("timeInForce")
    if kind == "MARKET" and "price" in asked.params:
        raise Refused(-1106, "Parameter 'price' sent when not required.")
    number = asked.account.new_id()
    return OrderRecord(
        order_id=number,
        client_id=asked.client_id("newClientOrderId") or f"venue{number}",
        symbol=symbol,
        side=side,
        type=kind,
        quantity=asked.needed("quantity"),
        created_ms=asked.now_ms,
        updated_ms=asked.now_ms,
        price=asked.needed("price") if kind == "LIMIT" else ZERO,
        time_in_force=life,
        reduce_only=asked.flag("reduceOnly"),
    )


def _check_book(order: OrderRecord, scene: Scene) -> None:
    """A limit price against the present book and mark price."""
    if order.type != "LIMIT":
        return
    is_buy, mark = order.side == "BUY", scene.quote.mark
    if is_buy and order.price > mark * (1 + FARTHEST):
        raise Refused(
            -4016, f"Limit price can't be higher than {floor_to(mark * (1 + FARTHEST), scene.rules.tick)}."
        )
    if not is_buy and order.price < mark * (1 - FARTHEST):
        raise Refused(
            -4024, f"Limit price can't be lower than {floor_to(mark * (1 - FARTHEST), scene.rules.tick)}."
        )
    crosses = order.price >= scene.quote.ask if is_buy else order.price <= scene.quote.bid
    if crosses and order.time_in_force == "GTX":
        text = "Due to the order could not be executed as maker, the Post Only order will be rejected."
        raise Refused(-5022, text)
    if not crosses and order.time_in_force == "FOK":
        text = "Due to the order could not be filled immediately, the FOK order has been rejected."
        raise Refused(-5021, text)


def _with_a_part_held_back(
    asked: Asked, order: OrderRecord, request: OrderRequest, lot: Decimal
) -> OrderRequest:
    share = asked.faults.partial_share()
    part = floor_to(order.quantity * share, lot) if share is not None else order.quantity
    if not ZERO < part < order.quantity:
        return request
    order.held_back = order.quantity - part
    return replace(request, quantity=part)


def _found(asked: Asked, code: int, text: str) -> OrderRecord:
    symbol = asked.symbol()
    number, client_id = asked.whole("orderId", 0), asked.params.get("origClientOrderId", "")
    if not number and not client_id:
        raise Refused(-1102, "Either 'origClientOrderId' or 'orderId' must be sent.")
    rows = [
        each
        for each in asked.account.orders.values()
        if each.symbol == symbol
        and (each.order_id == number if number else each.client_id == client_id)
        and asked.is_visible(each)
    ]
    if not rows:
        raise Refused(code, text)
    return next((each for each in rows if each.is_open), rows[-1])  # an id may have been used before


def order(asked: Asked) -> Row:
    asked.account.advance()
    return order_row(_found(asked, -2013, "Order does not exist."))


def open_order(asked: Asked) -> Row:
    asked.account.advance()
    found = _found(asked, -2013, "Order does not exist.")
    if not found.is_open:
        raise Refused(-2013, "Order does not exist.")
    return order_row(found)


def cancel_order(asked: Asked) -> Row:
    asked.account.advance()
    found = _found(asked, -2011, "Unknown order sent.")
    if not found.is_open:
        raise Refused(-2011, "Unknown order sent.")
    asked.account.end_order(found, "CANCELED")
    return order_row(found)


def cancel_all(asked: Asked) -> Row:
    asked.account.advance()
    for each in asked.account.open_orders(asked.symbol()):
        asked.account.end_order(each, "CANCELED")
    return DONE


def edit_order(asked: Asked) -> Row:
    """A limit order's price and quantity."""
    asked.account.advance()
    found = _found(asked, -2013, "Order does not exist.")
    rules = asked.account.rules(found.symbol)
    price, quantity = asked.needed("price"), asked.needed("quantity")
    if not found.is_open or not found.key or found.type != "LIMIT":
        raise Refused(-2013, "Order does not exist.")
    if floor_to(price, rules.tick) != price:
        raise refusal_of("-4014", rules)
    if floor_to(quantity, rules.lot) != quantity:
        raise refusal_of("-1111", rules)
    if quantity <= found.filled:
        raise refusal_of("-4003", rules)
    if (price, quantity) == (found.price, found.quantity):
        raise Refused(-5027, "No need to modify the order.")
    asked.account.replace_order(found, price, quantity)
    asked.account.advance()
    return order_row(found)


def open_orders(asked: Asked) -> list[Row]:
    asked.account.advance()
    symbol = asked.symbol() if asked.params.get("symbol") else ""
    return [order_row(each) for each in asked.account.open_orders(symbol) if asked.is_visible(each)]


def all_orders(asked: Asked) -> list[Row]:
    asked.account.advance()
    symbol, limit = asked.symbol(), asked.limit(500, 1_000)
    start, end = asked.times(WEEK_MS, WEEK_MS)
    first = asked.whole("orderId", 0)
    rows = [
        order_row(each)
        for each in asked.account.orders.values()
        if each.symbol == symbol
        and (each.order_id >= first if first else start <= each.created_ms <= end)
        and asked.is_visible(each)
    ]
    return rows[:limit] if first or "startTime" in asked.params else rows[-limit:]


def forced_orders(asked: Asked) -> list[Row]:
    """Liquidations and automatic deleveraging, newest last."""
    asked.account.advance()
    symbol = asked.symbol() if asked.params.get("symbol") else ""
    kind = asked.params.get("autoCloseType", "")
    prefixes = {"LIQUIDATION": ("autoclose-",), "ADL": ("adl_",)}.get(kind, ("autoclose-", "adl_"))
    start, end = asked.times(WEEK_MS, WEEK_MS)
    rows: list[Any] = [
        order_row(each)
        for each in asked.account.orders.values()
        if each.client_id.startswith(prefixes)
        and symbol in ("", each.symbol)
        and start <= each.created_ms <= end
    ]
    return rows[-asked.limit(50, 100) :]
