"""Binance USDⓈ-M's account rows in our words: pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from core.adapters.exchange.binance import symbol_of
from core.adapters.exchange.calls import BadShape, expect_dict, expect_list
from core.adapters.exchange.dialects import (
    Raw,
    is_yes,
    liquidation_or_never,
    maybe,
    moment,
    number,
    shown_leverage,
    side_of,
    text,
)
from core.market import Side
from core.money import ZERO, exact
from core.trade import Balance, Fill, FundingPayment, Order, OrderKind, OrderStatus, Position, Transfer

KINDS: Final = {
    "MARKET": OrderKind.MARKET,
    "LIQUIDATION": OrderKind.MARKET,
    "LIMIT": OrderKind.LIMIT,
    "STOP": OrderKind.LIMIT,
    "TAKE_PROFIT": OrderKind.LIMIT,
    "STOP_MARKET": OrderKind.STOP_MARKET,
    "TRAILING_STOP_MARKET": OrderKind.STOP_MARKET,
    "TAKE_PROFIT_MARKET": OrderKind.TAKE_PROFIT_MARKET,
}
"""A stop that leaves by a limit order is a limit order here: it protects nothing in a gap."""

STATUSES: Final = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.CANCELLED,
    "EXPIRED_IN_MATCH": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "NEW_INSURANCE": OrderStatus.OPEN,  # the venue's own, of a liquidation and of a deleveraging
    "NEW_ADL": OrderStatus.OPEN,
}
ALGO_STATUSES: Final = {
    "NEW": OrderStatus.OPEN,
    "TRIGGERING": OrderStatus.OPEN,
    "TRIGGERED": OrderStatus.OPEN,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "FINISHED": OrderStatus.CANCELLED,
}
"""What triggered is told by the order that it became; FINISHED without one is over."""
TRIGGERED: Final = ("TRIGGERED", "FINISHED")

LIQUIDATION_ID: Final = "autoclose-"
"""Begins the client id of a liquidation; `adl_autoclose` is the venue reducing a winner."""

FLOWS: Final = frozenset(
    {
        "TRANSFER", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "STRATEGY_UMFUTURES_TRANSFER",
        "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW", "AUTO_EXCHANGE", "WELCOME_BONUS", "BFUSD_REWARD",
    }
)  # fmt: skip
"""Income that is neither profit nor a cost of trading (the venue's own spelling)."""


def regular_order(row: Any, name: str | None = None) -> Order | None:
    """`name` replaces the client id: that of the conditional order whose child this is.

    None for what is no USDT perpetual.
    """
    order = expect_dict(row)
    symbol = symbol_of(text(order, "symbol"))
    if symbol is None:
        return None
    status = text(order, "status")
    return Order(
        client_id=name or text(order, "clientOrderId"),
        venue_id=text(order, "orderId"),
        symbol=symbol,
        side=side_of(order["side"]),
        kind=_kind(order, "type"),
        quantity=number(order, "origQty"),
        filled=number(order, "executedQty"),
        average=maybe(order, "avgPrice"),
        price=maybe(order, "price"),
        trigger=maybe(order, "stopPrice"),
        reduce_only=is_yes(order.get("reduceOnly")) or is_yes(order.get("closePosition")),
        status=_status(STATUSES, status),
        created_at=moment(order, "time", "updateTime"),
        updated_at=moment(order, "updateTime", "time"),
        reject_reason=status.lower() if status.startswith(("EXPIRED", "REJECTED")) else "",
    )


def algo_order(row: Any, child: Order | None) -> Order | None:
    """A conditional order and what became of it: `child` is the order its trigger sent, once there is one."""
    order = expect_dict(row)
    symbol = symbol_of(text(order, "symbol"))
    if symbol is None:
        return None
    told = text(order, "algoStatus")
    status = child.status if child is not None else _status(ALGO_STATUSES, told)
    reason = str(order.get("failReason") or order.get("rejectReason") or "")
    if not reason and told in ("REJECTED", "EXPIRED"):
        reason = f"{told.lower()} by the exchange"
    return Order(
        client_id=text(order, "clientAlgoId"),
        venue_id=text(order, "algoId"),
        symbol=symbol,
        side=side_of(order["side"]),
        kind=_kind(order, "orderType"),
        quantity=exact(order.get("quantity") or 0) or (child.quantity if child else ZERO),
        filled=child.filled if child else ZERO,
        average=child.average if child else None,
        price=maybe(order, "price"),
        trigger=maybe(order, "triggerPrice"),
        reduce_only=is_yes(order.get("reduceOnly")) or is_yes(order.get("closePosition")),
        status=status,
        created_at=moment(order, "createTime", "updateTime"),
        updated_at=child.updated_at if child else moment(order, "updateTime", "createTime"),
        reject_reason=reason or (child.reject_reason if child else ""),
    )


def child_id(row: Any) -> str:
    """The venue id of the order that a conditional one became; empty before its trigger."""
    found = str(expect_dict(row).get("actualOrderId") or "")
    return "" if found == "0" else found


def position(row: Any, leverage: int | None) -> Position | None:
    """`leverage` where it was asked for. None for a flat row and for what is no USDT perpetual."""
    held = expect_dict(row)
    amount, symbol = number(held, "positionAmt"), symbol_of(text(held, "symbol"))
    if symbol is None or amount == 0:
        return None
    side, mark = (Side.LONG if amount > 0 else Side.SHORT), number(held, "markPrice")
    found = leverage if leverage is not None else told_leverage(held)
    if found is None:
        raise BadShape(f"{symbol}: the leverage can't be told")
    margin = maybe(held, "isolatedWallet") or maybe(held, "positionInitialMargin") or ZERO
    return Position(
        symbol=symbol,
        side=side,
        quantity=abs(amount),
        entry=number(held, "entryPrice"),
        mark=mark,
        unrealised=number(held, "unRealizedProfit"),
        leverage=found,
        margin=margin,
        liquidation=liquidation_or_never(maybe(held, "liquidationPrice"), side, mark),
        opened_at=moment(held, "updateTime"),
    )


def told_leverage(held: Raw) -> int | None:
    """The row names it, or notional ÷ initial margin gives it where that is near to a whole number."""
    named = maybe(held, "leverage")
    if named is not None:
        return shown_leverage(named)
    margin, notional = maybe(held, "positionInitialMargin"), maybe(held, "notional")
    if margin is None or notional is None:
        return None
    ratio = abs(notional) / margin
    found = ratio.to_integral_value(ROUND_HALF_EVEN)
    return int(found) if found >= 1 and abs(ratio - found) < found / 1000 else None


def balance(raw: Any, at: datetime) -> Balance:
    assets = expect_list(expect_dict(raw).get("assets"))
    row = next((each for each in assets if expect_dict(each).get("asset") == "USDT"), None)
    if row is None:
        raise BadShape("an account without USDT")
    return Balance(
        wallet=number(row, "walletBalance"),
        unrealised=number(row, "unrealizedProfit"),
        available=number(row, "availableBalance"),
        at=at,
    )


def fill(row: Raw, symbol: str, client_id: str, fee: Decimal) -> Fill:
    return Fill(
        id=text(row, "id"),
        client_id=client_id,
        symbol=symbol,
        side=side_of(row["side"]),
        quantity=number(row, "qty"),
        price=number(row, "price"),
        fee=fee,
        at=moment(row, "time"),
        is_liquidation=client_id.startswith(LIQUIDATION_ID),
    )


def funding_payment(row: Raw, symbol: str) -> FundingPayment:
    return FundingPayment(_income_id(row), symbol, _usdt(row), moment(row, "time"))


def transfer(row: Raw) -> Transfer | None:
    """None for income of another kind, and for coins that don't count in the balance."""
    if row.get("incomeType") not in FLOWS or row.get("asset") != "USDT":
        return None
    return Transfer(_income_id(row), number(row, "income"), moment(row, "time"))


def _income_id(row: Raw) -> str:
    """A transaction's id is unique only within its kind; a swap has one id for both of its legs."""
    return f"{text(row, 'incomeType')}-{text(row, 'tranId')}-{row.get('asset')}"


def _usdt(row: Raw) -> Decimal:
    if row.get("asset") != "USDT":
        raise BadShape(f"funding in {str(row.get('asset'))[:10]!r}")
    return number(row, "income")


def _kind(row: Raw, key: str) -> OrderKind:
    found = KINDS.get(text(row, key))
    if found is None:
        raise BadShape(f"an order of the kind {str(row[key])[:30]!r}")
    return found


def _status(table: Mapping[str, OrderStatus], name: str) -> OrderStatus:
    found = table.get(name)
    if found is None:
        raise BadShape(f"an order with the status {name[:30]!r}")
    return found
