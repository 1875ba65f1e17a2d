"""How Bybit writes the account's orders, executions and ledger.

Surprising facts of the venue:
- A conditional order keeps its id when it triggers: here the engine's child is told as its parent.
- Cancelled before its trigger, a conditional order is "Deactivated".
- Funding stands among the executions, as a fee.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.demo.bybit_question import Row
from bot.demo.bybit_unified import Unified
from bot.demo.exchange_records import (
    ADL_CLIENT_ID,
    LIQUIDATION_PREFIX,
    AlgoRecord,
    IncomeRecord,
    OrderRecord,
    TradeRecord,
    money,
    plain,
)
from core.money import ZERO

STATUSES: Final = {
    "NEW": "New",
    "PARTIALLY_FILLED": "PartiallyFilled",
    "FILLED": "Filled",
    "CANCELED": "Cancelled",
    "EXPIRED": "Cancelled",
    "REJECTED": "Rejected",
}
WAITING: Final = {
    "NEW": "Untriggered",
    "CANCELED": "Deactivated",
    "EXPIRED": "Deactivated",
    "REJECTED": "Rejected",
    "TRIGGERED": "Triggered",
    "FINISHED": "Cancelled",
}
OPEN: Final = ("New", "PartiallyFilled", "Untriggered", "Triggered")
SIDES: Final = {"BUY": "Buy", "SELL": "Sell"}
LIVES: Final = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "GTX": "PostOnly"}
TRIGGERS: Final = {"MARK_PRICE": "MarkPrice", "CONTRACT_PRICE": "LastPrice"}
FALLS, RISES = 2, 1


def order_rows(unified: Unified) -> list[Row]:
    """Every order that is remembered, newest first."""
    account = unified.account
    rows = [_row(unified, each) for each in account.orders.values() if each.parent is None]
    rows += [_conditional(unified, each) for each in account.algos.values()]
    return sorted(rows, key=lambda row: (int(row["createdTime"]), int(row["orderId"])), reverse=True)


def _row(unified: Unified, order: OrderRecord) -> Row:
    is_market = order.type == "MARKET"
    return {
        "orderId": str(order.order_id),
        "orderLinkId": unified.link(order.client_id),
        "symbol": order.symbol,
        "side": SIDES[order.side],
        "positionIdx": 0,
        "orderType": "Market" if is_market else "Limit",
        "price": plain(order.price),
        "qty": plain(order.quantity),
        "timeInForce": "IOC" if is_market else LIVES[order.time_in_force],
        "orderStatus": STATUSES[order.status],
        "rejectReason": unified.reasons.get(order.order_id, _reason(order.status)),
        "createType": _made_by(order),
        "stopOrderType": "",
        "triggerPrice": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        **_filled(order),
        "leavesQty": plain(order.quantity - order.filled if order.is_open else ZERO),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }


def _filled(order: OrderRecord | None) -> Row:
    if order is None:
        return {"avgPrice": "", "cumExecQty": "0", "cumExecValue": "0"}
    average = plain(order.average) if order.filled else ""
    return {
        "avgPrice": average,
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.notional),
    }


def _reason(status: str) -> str:
    return {"CANCELED": "EC_PerCancelRequest", "EXPIRED": "EC_NoImmediateQtyToFill"}.get(status, "EC_NoError")


def _made_by(order: OrderRecord) -> str:
    if order.client_id.startswith(LIQUIDATION_PREFIX):
        return "CreateByLiq"
    return "CreateByAdl_PassThrough" if order.client_id == ADL_CLIENT_ID else "CreateByUser"


def _conditional(unified: Unified, algo: AlgoRecord) -> Row:
    child, special = algo.child, unified.specials.get(algo.algo_id, "")
    held = unified.account.held_quantity(algo.symbol) if algo.is_open else ZERO
    quantity = child.quantity if child is not None else algo.quantity or held
    status = WAITING[algo.status]
    if child is not None:
        status = "Triggered" if child.status == "NEW" else STATUSES[child.status]
    reason = _reason(algo.status if child is None else child.status)
    return {
        "orderId": str(algo.algo_id),
        "orderLinkId": unified.link(algo.client_id),
        "symbol": algo.symbol,
        "side": SIDES[algo.side],
        "positionIdx": 0,
        "orderType": "Market" if algo.type.endswith("_MARKET") else "Limit",
        "price": plain(algo.price),
        "qty": plain(quantity),
        "timeInForce": "IOC" if algo.type.endswith("_MARKET") else "GTC",
        "orderStatus": status,
        "rejectReason": "EC_Others" if status == "Rejected" else reason,
        "createType": "CreateByStopLoss" if special == "StopLoss" else "CreateByUser",
        "stopOrderType": special or "Stop",
        "tpslMode": "Full" if special else "",
        "triggerPrice": plain(algo.trigger),
        "triggerDirection": direction(algo.type, algo.side),
        "triggerBy": TRIGGERS[algo.working_type],
        "reduceOnly": algo.reduce_only or algo.close_position,
        "closeOnTrigger": algo.close_position,
        **_filled(child),
        "leavesQty": plain(quantity if algo.is_open else ZERO),
        "createdTime": str(algo.created_ms),
        "updatedTime": str(algo.triggered_ms or algo.created_ms),
    }


def direction(kind: str, side: str) -> int:
    """In which the price must cross the trigger."""
    return FALLS if kind.startswith("STOP") == (side == "SELL") else RISES


# ---------------------------------------------------------------- executions


def execution_rows(unified: Unified) -> list[Row]:
    """Trades and funding, newest first."""
    account = unified.account
    rows = [_execution(unified, each) for each in account.trades]
    rows += [_funding(unified, each) for each in account.ledger.rows if each.kind == "FUNDING_FEE"]
    return sorted(rows, key=lambda row: (int(row["execTime"]), int(row["execId"])), reverse=True)


def _execution(unified: Unified, trade: TradeRecord) -> Row:
    order = unified.account.orders[trade.order_id]
    parent = order.parent
    made_by = _made_by(order)
    kinds = {"CreateByLiq": "BustTrade", "CreateByAdl_PassThrough": "AdlTrade"}
    return {
        "symbol": trade.symbol,
        "orderId": str(order.order_id if parent is None else parent.algo_id),
        "orderLinkId": unified.link(order.client_id if parent is None else parent.client_id),
        "side": SIDES[trade.side],
        "orderPrice": plain(order.price),
        "orderQty": plain(order.quantity),
        "orderType": "Market" if order.type == "MARKET" else "Limit",
        "stopOrderType": "" if parent is None else unified.specials.get(parent.algo_id, "Stop"),
        "createType": made_by,
        "execId": str(trade.trade_id),
        "execType": kinds.get(made_by, "Trade"),
        "execPrice": plain(trade.price),
        "execQty": plain(trade.quantity),
        "execValue": plain(trade.price * trade.quantity),
        "execFee": money(trade.fee),
        "feeCurrency": "",
        "execPnl": money(trade.realised),
        "execTime": str(trade.at_ms),
        "isMaker": trade.is_maker,
    }


def _funding(unified: Unified, income: IncomeRecord) -> Row:
    held = _held_at(unified, income.symbol, income.at_ms)
    mark = unified.account.market.mark_price(income.symbol, income.at_ms)
    return {
        "symbol": income.symbol,
        "orderId": str(income.tran_id),
        "orderLinkId": "",
        "side": "Buy" if held > 0 else "Sell",
        "orderPrice": "0",
        "orderQty": "0",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "execId": str(income.tran_id),
        "execType": "Funding",
        "execPrice": plain(mark),
        "execQty": plain(abs(held)),
        "execValue": plain(abs(held) * mark),
        "execFee": money(-income.amount),
        "feeCurrency": "",
        "execTime": str(income.at_ms),
        "isMaker": False,
    }


def _held_at(unified: Unified, symbol: str, at_ms: int) -> Decimal:
    """Signed: what the trades before an instant add up to."""
    found = (each for each in unified.account.trades if each.symbol == symbol and each.at_ms <= at_ms)
    return sum((each.quantity if each.side == "BUY" else -each.quantity for each in found), ZERO)


# ---------------------------------------------------------------- the ledger


def ledger_rows(unified: Unified) -> list[Row]:
    """Every change of the wallet, newest first: `change` = cashFlow + funding - fee."""
    rows: dict[str, Row] = {}
    for income in unified.account.ledger.rows:
        key = f"trade {income.trade_id}" if income.trade_id else str(income.tran_id)
        row = rows.setdefault(key, _blank(income))
        column, sign = _COLUMNS[income.kind]
        row[column] += income.amount * sign
        row["change"] += income.amount
    written = [_written(row) for row in rows.values()]
    return sorted(written, key=lambda row: (int(row["transactionTime"]), int(row["id"])), reverse=True)


_COLUMNS: Final = {
    "TRANSFER": ("cashFlow", 1),
    "REALIZED_PNL": ("cashFlow", 1),
    "COMMISSION": ("fee", -1),
    "FUNDING_FEE": ("funding", 1),
}


def _blank(income: IncomeRecord) -> Row:
    kind = {"FUNDING_FEE": "SETTLEMENT", "TRANSFER": "TRANSFER_IN" if income.amount > 0 else "TRANSFER_OUT"}
    return {
        "id": str(income.tran_id),
        "symbol": income.symbol,
        "category": "linear" if income.symbol else "",
        "type": kind.get(income.kind, "TRADE"),
        "currency": "USDT",
        "tradeId": income.trade_id,
        "transactionTime": str(income.at_ms),
        "cashFlow": ZERO,
        "fee": ZERO,
        "funding": ZERO,
        "change": ZERO,
    }


def _written(row: Row) -> Row:
    return row | {name: money(row[name]) for name in ("cashFlow", "fee", "funding", "change")}
