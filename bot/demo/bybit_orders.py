"""Orders at the demo's Bybit: taken down, listed, cancelled.

Laws:
- An answer to `create` names ids and nothing else: what became of the order is only seen by asking.
- Post-only and fill-or-kill orders that cannot be are taken down too, and cancelled a moment later.
- An `orderLinkId` is used once and never again.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from bot.demo import exchange_algo, exchange_orders
from bot.demo.bybit_question import WEEK_MS, Row, Told, Wanted
from bot.demo.bybit_rows import FALLS, OPEN, RISES, TRIGGERS, order_rows
from bot.demo.bybit_unified import STOP_LOSS, TAKE_PROFIT, Attached
from bot.demo.exchange_question import Refused
from bot.demo.exchange_records import AlgoRecord, OrderRecord

LINK: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
SIDES: Final = {"Buy": "BUY", "Sell": "SELL"}
LIVES: Final = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTX"}
WORKING: Final = {theirs: ours for ours, theirs in TRIGGERS.items()}
DIRECTIONS: Final = {"1": RISES, "2": FALLS}
CANCELLED_LATER: Final = {-5022: "EC_PostOnlyWillTakeLiquidity", -5021: "EC_NoEnoughQtyToFill"}
# fmt: off
CODES: Final = {
    -1111: (10001, "Qty invalid"),
    -2019: (110007, "ab not enough for new order"),
    -2022: (110017, "current position is zero, cannot fix reduce-only order qty"),
    -2025: (110020, "the number of active orders greater than 500"),
    -2027: (110016, "Requested quantity of contracts exceeds risk limit"),
    -4001: (10001, "Price invalid"),
    -4003: (10001, "Qty invalid"),
    -4004: (10001, "The number of contracts below minimum limit allowed"),
    -4005: (10001, "The number of contracts exceeds maximum limit allowed: too large"),
    -4014: (10001, "Price invalid"),
    -4016: (110003, "Order price exceeds the allowable range."),
    -4024: (110003, "Order price exceeds the allowable range."),
    -4045: (110009, "The number of stop orders exceeds the maximum allowable limit"),
    -4061: (10001, "position idx not match position mode"),
    -4140: (110042, "Pre-delivery status can only reduce positions"),
    -4164: (110094, "Order does not meet minimum order value"),
}
"""What the matching engine's own codes are called here."""
# fmt: on


def create(wanted: Wanted) -> Row:
    wanted.linear()
    unified = wanted.unified
    account = unified.account
    link, side, direction = _link(wanted), wanted.one_of("side", SIDES), 0
    if wanted.has("triggerPrice"):
        direction = wanted.one_of("triggerDirection", DIRECTIONS)
    name = link or f"venue{account.new_id()}"
    words = _words(wanted, name, side, direction)
    if wanted.params.get("positionIdx", "0") != "0" or account.is_hedged:
        raise Told(10001, "position idx not match position mode")
    prices = _attached(wanted, side, direction)
    if link:
        unified.links.add(link)
    if unified.later_rejections:
        return _taken_in_vain(wanted, words, "REJECTED", unified.later_rejections.pop(0))
    unified.attach(name, prices)
    take = exchange_algo.new_algo if direction else exchange_orders.new_order
    try:
        row = take(wanted.engine(words))
    except Refused as refused:
        unified.detach(name)
        if refused.code in CANCELLED_LATER:
            return _taken_in_vain(wanted, words, "EXPIRED", CANCELLED_LATER[refused.code])
        unified.links.discard(link)
        raise _told(refused, direction) from refused
    return {"orderId": str(row["algoId" if direction else "orderId"]), "orderLinkId": link}


def _link(wanted: Wanted) -> str:
    """As sent; empty where none was."""
    link = wanted.params.get("orderLinkId", "")
    if link and not LINK.fullmatch(link):
        raise Told(10001, "params error: OrderLinkId invalid")
    if link in wanted.unified.links:
        raise Told(110072, "OrderLinkedID is duplicate")
    return link


def _words(wanted: Wanted, name: str, side: str, direction: int) -> dict[str, str]:
    """The order in the words of the matching engine's own face."""
    is_limit = wanted.one_of("orderType", {"Limit": True, "Market": False})
    words = {"symbol": wanted.symbol(), "side": side, "quantity": f"{wanted.amount('qty'):f}"}
    if wanted.flag("reduceOnly") or wanted.flag("closeOnTrigger"):
        words["reduceOnly"] = "true"
    if is_limit:
        words["price"] = f"{wanted.amount('price'):f}"
    if not direction:
        words |= {"type": "LIMIT" if is_limit else "MARKET", "newClientOrderId": name}
        if is_limit:
            life = wanted.params.get("timeInForce", "GTC")
            words["timeInForce"] = LIVES.get(life, life)
        return words
    kind = "STOP" if (direction == FALLS) == (side == "SELL") else "TAKE_PROFIT"
    working = WORKING.get(wanted.params.get("triggerBy", "LastPrice"))
    if working is None:
        raise Told(10001, "params error: triggerBy invalid")
    return words | {
        "algoType": "CONDITIONAL",
        "type": kind if is_limit else f"{kind}_MARKET",
        "triggerPrice": f"{wanted.amount('triggerPrice'):f}",
        "workingType": working,
        "clientAlgoId": name,
    }


def _attached(wanted: Wanted, side: str, direction: int) -> tuple[Attached, ...]:
    """Only the whole position's (tpslMode Full). Each must lie on its side of where the entry will be."""
    found = []
    for special, key, by in (
        (STOP_LOSS, "stopLoss", "slTriggerBy"),
        (TAKE_PROFIT, "takeProfit", "tpTriggerBy"),
    ):
        if not wanted.has(key) or Decimal(wanted.params[key]) == 0:
            continue
        if direction or wanted.flag("reduceOnly"):
            raise Told(110057, "Conditional order or limit order contains TP/SL related params")
        if wanted.params.get("tpslMode", "Full") != "Full":
            raise Told(10001, "params error: only tpslMode Full is offered here")
        working = WORKING.get(wanted.params.get(by, "LastPrice"))
        if working is None:
            raise Told(10001, f"params error: {by} invalid")
        price, symbol = wanted.amount(key), wanted.symbol()
        if price % wanted.unified.account.rules(symbol).tick != 0:
            raise Told(10001, f"params error: {key} invalid")
        base = wanted.amount("price") if wanted.has("price") else wanted.market.price(symbol, wanted.now_ms)
        must_be_lower = (special == STOP_LOSS) == (side == "BUY")
        if price == base or (price < base) != must_be_lower:
            word = "lower" if must_be_lower else "higher"
            raise Told(10001, f"{special}:{price} set for position should be {word} than base_price:{base}")
        found.append(Attached(special, price, working))
    return tuple(found)


def _told(refused: Refused, direction: int) -> Told:
    if refused.code == -2021:
        code, word = (110093, "Falling") if direction == FALLS else (110092, "Rising")
        return Told(code, f"expect {word}, but trigger_price is on the other side of current")
    code, words = CODES.get(refused.code, (10001, f"params error: {refused.message}"))
    return Told(code, words)


def _taken_in_vain(wanted: Wanted, words: dict[str, str], status: str, reason: str) -> Row:
    """Acknowledged, and over a moment later without a fill."""
    account, name = wanted.unified.account, words.get("newClientOrderId") or words["clientAlgoId"]
    record = OrderRecord(
        order_id=account.new_id(),
        client_id=name,
        symbol=words["symbol"],
        side=words["side"],
        type="LIMIT" if "price" in words else "MARKET",
        quantity=Decimal(words["quantity"]),
        created_ms=wanted.now_ms,
        updated_ms=wanted.now_ms,
        price=Decimal(words.get("price", "0")),
        time_in_force=words.get("timeInForce", "GTC"),
        reduce_only="reduceOnly" in words,
        status=status,
    )
    account.orders[record.order_id] = record
    wanted.unified.reasons[record.order_id] = reason
    return {"orderId": str(record.order_id), "orderLinkId": wanted.unified.link(name)}


def cancel(wanted: Wanted) -> Row:
    wanted.linear()
    account = wanted.unified.account
    account.advance()
    found = next((row for row in _named(wanted) if row["orderStatus"] in OPEN), None)
    if found is None:
        raise Told(110001, "order not exists or too late to cancel")
    number = int(found["orderId"])
    record: OrderRecord | AlgoRecord = (
        account.algos[number] if number in account.algos else account.orders[number]
    )
    if isinstance(record, AlgoRecord) and record.child is not None:
        record = record.child
    if isinstance(record, AlgoRecord):
        account.end_algo(record, "CANCELED")
    else:
        account.end_order(record, "CANCELED")
    return {"orderId": found["orderId"], "orderLinkId": found["orderLinkId"]}


def _named(wanted: Wanted) -> list[Row]:
    """Rows with the id asked for; the venue's own goes before the client's."""
    symbol = wanted.symbol() if wanted.has("symbol") else ""
    key = next((key for key in ("orderId", "orderLinkId") if wanted.has(key)), None)
    if key is None:
        raise Told(10001, "params error: orderId or orderLinkId is required")
    return [
        row
        for row in order_rows(wanted.unified)
        if row[key] == wanted.text(key) and symbol in ("", row["symbol"])
    ]


def realtime(wanted: Wanted) -> Row:
    """Open orders; asked for by id or with openOnly 1, those that are over too, as long as they are kept."""
    wanted.linear()
    wanted.unified.account.advance()
    is_named = wanted.has("orderId") or wanted.has("orderLinkId")
    if not is_named and not wanted.has("symbol") and not wanted.has("settleCoin"):
        raise Told(10001, "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
    rows = _named(wanted) if is_named else _of_symbol(wanted)
    shows_closed = (is_named or wanted.whole("openOnly", 0)) and not wanted.unified.has_forgotten_closed
    rows = [row for row in rows if shows_closed or row["orderStatus"] in OPEN]
    return page(wanted, _visible(wanted, rows), (20, 50), "orderId")


def history(wanted: Wanted) -> Row:
    """Orders that are over, of the last seven days unless another time is asked for."""
    wanted.linear()
    wanted.unified.account.advance()
    is_named = wanted.has("orderId") or wanted.has("orderLinkId")
    start, end = wanted.times(WEEK_MS)
    rows = [
        row
        for row in (_named(wanted) if is_named else _of_symbol(wanted))
        if row["orderStatus"] not in OPEN and start <= int(row["createdTime"]) <= end
    ]
    return page(wanted, _visible(wanted, rows), (20, 50), "orderId")


def _of_symbol(wanted: Wanted) -> list[Row]:
    symbol, which = wanted.symbol() if wanted.has("symbol") else "", wanted.params.get("orderFilter", "")
    conditional = {"": (True, False), "StopOrder": (True,), "Order": (False,)}.get(which)
    if conditional is None:
        raise Told(10001, "params error: orderFilter invalid")
    return [
        row
        for row in order_rows(wanted.unified)
        if symbol in ("", row["symbol"]) and bool(row["stopOrderType"]) in conditional
    ]


def _visible(wanted: Wanted, rows: list[Row]) -> list[Row]:
    """Queries may lag behind what was taken."""
    return [row for row in rows if int(row["createdTime"]) + wanted.faults.query_lag_ms <= wanted.now_ms]


def page(wanted: Wanted, rows: list[Row], limits: tuple[int, int], key: str) -> Row:
    """`limits` are the usual and the largest. The last page has a cursor too; behind it comes an empty one.

    A cursor is text for an address already: it holds escaped colons.
    """
    after = wanted.params.get("cursor", "").split(":")[-1]
    if after:
        names = [row[key] for row in rows]
        rows = rows[names.index(after) + 1 :] if after in names else []
    rows = rows[: wanted.limit(*limits)]
    cursor = quote(f"page:{rows[-1][key]}", safe="") if rows else ""
    return {"category": "linear", "list": rows, "nextPageCursor": cursor}
