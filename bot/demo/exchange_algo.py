"""Conditional orders, which the venue keeps at its algo service: taken, queried, cancelled.

Laws:
- Neither margin nor position is looked at before the trigger; a reduce-only order outlives its position and
  is rejected when it fires.
- What triggers becomes another order (`actualOrderId`) and is no longer among the open ones.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.demo.exchange_asked import Asked
from bot.demo.exchange_orders import DONE, WEEK_MS, check_position_side, refusal_of, side_of
from bot.demo.exchange_question import Refused
from bot.demo.exchange_records import AlgoRecord, Row, algo_row
from core.money import ZERO
from core.sim.matching import Scene, refusal
from core.trade import OrderKind, OrderRequest

TYPES: Final = {
    "STOP_MARKET": OrderKind.STOP_MARKET,
    "STOP": OrderKind.STOP_MARKET,
    "TAKE_PROFIT_MARKET": OrderKind.TAKE_PROFIT_MARKET,
    "TAKE_PROFIT": OrderKind.TAKE_PROFIT_MARKET,
}
"""Trailing stops are not offered here."""
WORKING: Final = ("CONTRACT_PRICE", "MARK_PRICE")
MOST_OPEN: Final = 10
NOT_BEFORE_THE_TRIGGER: Final = ("-2019", "-2022", "-2027")


def new_algo(asked: Asked) -> Row:
    algo = _drafted(asked)
    account = asked.account
    if any(each.client_id == algo.client_id for each in account.open_algos()):
        raise Refused(-4116, "ClientOrderId is duplicated.")
    account.advance_symbol(algo.symbol)
    scene = account.scene(algo.symbol, asked.now_ms)
    request = _request(asked, algo, scene)
    _check(asked, algo, request, scene)
    if len(account.open_algos(algo.symbol)) >= MOST_OPEN:
        raise Refused(-4045, "Reach max stop order limit.")
    plain = algo.type.endswith("_MARKET") and algo.working_type == "MARK_PRICE" and not algo.close_position
    account.take_algo(algo, request if plain else None, scene, asked.now_ms)
    return algo_row(algo)


def _drafted(asked: Asked) -> AlgoRecord:
    if asked.text("algoType") != "CONDITIONAL":
        raise Refused(-4500, "Invalid algo type.")
    symbol, side, kind = asked.symbol(), side_of(asked), asked.text("type")
    if kind not in TYPES:
        raise Refused(-1116, "Invalid orderType.")
    check_position_side(asked)
    working = asked.params.get("workingType", "CONTRACT_PRICE")
    if working not in WORKING:
        raise Refused(-4117, "Invalid working type.")
    closes, is_limit = asked.flag("closePosition"), not kind.endswith("_MARKET")
    if closes and ("quantity" in asked.params or "reduceOnly" in asked.params):
        name = "quantity" if "quantity" in asked.params else "reduceonly"
        raise Refused(-1106, f"Parameter '{name}' sent when not required.")
    number = asked.account.new_id()
    return AlgoRecord(
        algo_id=number,
        client_id=asked.client_id("clientAlgoId") or f"venue{number}",
        symbol=symbol,
        side=side,
        type=kind,
        quantity=ZERO if closes else asked.needed("quantity"),
        trigger=asked.needed("triggerPrice"),
        created_ms=asked.now_ms,
        updated_ms=asked.now_ms,
        price=asked.needed("price") if is_limit else ZERO,
        working_type=working,
        reduce_only=asked.flag("reduceOnly"),
        close_position=closes,
    )


def _request(asked: Asked, algo: AlgoRecord, scene: Scene) -> OrderRequest:
    quantity = scene.rules.min_quantity if algo.close_position else algo.quantity
    return asked.account.request(algo, TYPES[algo.type], quantity)


def _check(asked: Asked, algo: AlgoRecord, request: OrderRequest, scene: Scene) -> None:
    state = asked.account.state
    if algo.working_type == "CONTRACT_PRICE":
        state = replace(state, marks={**state.marks, algo.symbol: scene.quote.last})
    found = refusal(state, request, scene)
    if found is not None and found.code not in NOT_BEFORE_THE_TRIGGER:
        raise refusal_of(found.code, scene.rules)
    if algo.price and algo.price % scene.rules.tick != Decimal(0):
        raise refusal_of("-4014", scene.rules)
    if not algo.close_position:
        return
    held = state.holdings.get(algo.symbol)
    if held is None or (held.side.sign > 0) != (algo.side == "SELL"):
        raise Refused(-4509, "Time in Force (TIF) GTE can only be used with open positions.")
    stops = algo.type.startswith("STOP")
    for other in asked.account.open_algos(algo.symbol):
        if other.close_position and other.side == algo.side and other.type.startswith("STOP") == stops:
            text = (
                "An open stop or take profit order with GTE and closePosition in the direction is existing."
            )
            raise Refused(-4130, text)


def _found(asked: Asked, code: int, text: str) -> AlgoRecord:
    number, client_id = asked.whole("algoId", 0), asked.params.get("clientAlgoId", "")
    if not number and not client_id:
        raise Refused(-1102, "Either 'clientAlgoId' or 'algoId' must be sent.")
    rows = [
        each
        for each in asked.account.algos.values()
        if (each.algo_id == number if number else each.client_id == client_id) and asked.is_visible(each)
    ]
    if not rows:
        raise Refused(code, text)
    return next((each for each in rows if each.is_open), rows[-1])


def algo(asked: Asked) -> Row:
    asked.account.advance()
    return algo_row(_found(asked, -2013, "Order does not exist."))


def cancel_algo(asked: Asked) -> Row:
    asked.account.advance()
    found = _found(asked, -2011, "Unknown order sent.")
    if not found.is_open:
        raise Refused(-2011, "Unknown order sent.")
    asked.account.end_algo(found, "CANCELED")
    return {"algoId": found.algo_id, "clientAlgoId": found.client_id, "code": "200", "msg": "success"}


def cancel_all_algos(asked: Asked) -> Row:
    asked.account.advance()
    for each in asked.account.open_algos(asked.symbol()):
        asked.account.end_algo(each, "CANCELED")
    return DONE


def open_algos(asked: Asked) -> list[Row]:
    asked.account.advance()
    symbol = asked.symbol() if asked.params.get("symbol") else ""
    return [algo_row(each) for each in asked.account.open_algos(symbol) if asked.is_visible(each)]


def all_algos(asked: Asked) -> list[Row]:
    asked.account.advance()
    symbol, limit = asked.symbol(), asked.limit(500, 1_000)
    start, end = asked.times(WEEK_MS, WEEK_MS)
    first = asked.whole("algoId", 0)
    rows = [
        algo_row(each)
        for each in asked.account.algos.values()
        if each.symbol == symbol
        and (each.algo_id >= first if first else start <= each.created_ms <= end)
        and asked.is_visible(each)
    ]
    return rows[:limit] if first or "startTime" in asked.params else rows[-limit:]
