"""Bybit v5's account rows in our words: pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from core.adapters.exchange.binance import symbol_of
from core.adapters.exchange.calls import BadShape, expect_dict, expect_list
from core.adapters.exchange.dialects import (
    Raw,
    is_yes,
    liquidation_or_never,
    maybe,
    moment,
    named,
    number,
    shown_leverage,
    side_of,
    text,
)
from core.market import Side
from core.money import ZERO
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderSide,
    OrderStatus,
    Position,
    Transfer,
)

STATUSES: Final = {
    "New": OrderStatus.OPEN,
    "PartiallyFilled": OrderStatus.OPEN,
    "Untriggered": OrderStatus.OPEN,
    "Triggered": OrderStatus.OPEN,
    "Created": OrderStatus.OPEN,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
TRADES: Final = frozenset({"Trade", "AdlTrade", "BustTrade", "Settle", "Delivery", "BlockTrade"})
"""Executions that change the position."""

TAKER_FEE: Final = Decimal("0.00055")
"""The regular user's."""

FLOWS: Final = ("TRANSFER_IN", "TRANSFER_OUT")

STOPS: Final = ("StopLoss", "PartialStopLoss", "TrailingStop")
TARGETS: Final = ("TakeProfit", "PartialTakeProfit")


def result(raw: Any) -> dict[str, Any]:
    return expect_dict(expect_dict(raw).get("result"))


def listed(raw: Any) -> list[Raw]:
    return [expect_dict(row) for row in expect_list(result(raw).get("list"))]


def is_hedge(raw: Any) -> bool:
    """One row with index 0 is one-way; rows with 1 and 2 are hedge."""
    found = {int(row["positionIdx"]) for row in listed(raw)}
    if not found:
        raise BadShape("no row tells the position mode")
    return found != {0}


def order(row: Raw) -> Order | None:
    symbol = symbol_of(text(row, "symbol"))
    if symbol is None:
        return None
    status = STATUSES.get(text(row, "orderStatus"))
    if status is None:
        raise BadShape(f"an order with the status {str(row['orderStatus'])[:30]!r}")
    reason = str(row.get("rejectReason") or "")
    return Order(
        client_id=named(row, "orderLinkId", "orderId"),
        venue_id=text(row, "orderId"),
        symbol=symbol,
        side=side_of(row["side"]),
        kind=_kind(row),
        quantity=number(row, "qty"),
        filled=maybe(row, "cumExecQty") or ZERO,
        average=maybe(row, "avgPrice"),
        price=maybe(row, "price") if row.get("orderType") == "Limit" else None,
        trigger=maybe(row, "triggerPrice"),
        reduce_only=is_yes(row.get("reduceOnly")) or is_yes(row.get("closeOnTrigger")),
        status=status,
        created_at=moment(row, "createdTime"),
        updated_at=moment(row, "updatedTime", "createdTime"),
        reject_reason="" if reason in ("EC_NoError", "EC_PerCancelRequest") else reason,
    )


def _kind(row: Raw) -> OrderKind:
    """A trigger's direction tells a stop from a target; a triggered limit order protects nothing."""
    if row.get("orderType") == "Limit":
        return OrderKind.LIMIT
    special = str(row.get("stopOrderType") or "")
    if special in STOPS:
        return OrderKind.STOP_MARKET
    if special in TARGETS:
        return OrderKind.TAKE_PROFIT_MARKET
    if maybe(row, "triggerPrice") is None:
        return OrderKind.MARKET
    falls = str(row.get("triggerDirection")) == "2"
    sells = side_of(row["side"]) is OrderSide.SELL
    return OrderKind.STOP_MARKET if falls == sells else OrderKind.TAKE_PROFIT_MARKET


def position(row: Raw) -> Position | None:
    quantity, symbol = number(row, "size"), symbol_of(text(row, "symbol"))
    if symbol is None or quantity == 0:
        return None
    side = Side.LONG if side_of(row["side"]) is OrderSide.BUY else Side.SHORT
    mark = number(row, "markPrice")
    return Position(
        symbol=symbol,
        side=side,
        quantity=quantity,
        entry=number(row, "avgPrice"),
        mark=mark,
        unrealised=number(row, "unrealisedPnl"),
        leverage=shown_leverage(number(row, "leverage")),
        margin=maybe(row, "positionBalance") or maybe(row, "positionIM") or ZERO,
        liquidation=liquidation_or_never(maybe(row, "liqPrice"), side, mark),
        opened_at=moment(row, "updatedTime", "createdTime"),
    )


def balance(raw: Any, at: datetime) -> Balance:
    """What is free is not told under isolated margin: the wallet less what orders and positions bind."""
    accounts = listed(raw)
    coins = expect_list(accounts[0].get("coin")) if accounts else []
    row = next((each for each in coins if expect_dict(each).get("coin") == "USDT"), None)
    if row is None:
        raise BadShape("an account without USDT")
    wallet = number(row, "walletBalance")
    bound = sum((maybe(row, key) or ZERO for key in ("totalPositionIM", "totalOrderIM", "locked")), ZERO)
    return Balance(
        wallet=wallet,
        unrealised=number(row, "unrealisedPnl"),
        available=max(wallet - bound, ZERO),
        at=at,
    )


def fill(row: Raw, symbol: str) -> Fill:
    return Fill(
        id=text(row, "execId"),
        client_id=named(row, "orderLinkId", "orderId"),
        symbol=symbol,
        side=side_of(row["side"]),
        quantity=number(row, "execQty"),
        price=number(row, "execPrice"),
        fee=_fee(row),
        at=moment(row, "execTime"),
        is_liquidation=row.get("execType") == "BustTrade",
    )


def _fee(row: Raw) -> Decimal:
    """USDT. Paid in another coin, it is what the rate makes of the value: never less than the discounted fee,
    and better than fills that can never be read."""
    if row.get("feeCurrency") in (None, "", "USDT"):
        return number(row, "execFee")
    return number(row, "execQty") * number(row, "execPrice") * (maybe(row, "feeRate") or TAKER_FEE)


def funding_payment(row: Raw, symbol: str) -> FundingPayment:
    """Funding stands there as a fee: what was paid is positive."""
    return FundingPayment(text(row, "execId"), symbol, -number(row, "execFee"), moment(row, "execTime"))


def transfer(row: Raw) -> Transfer:
    return Transfer(text(row, "id"), number(row, "change"), moment(row, "transactionTime"))
