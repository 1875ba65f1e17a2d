"""What the demo exchange remembers of an account's orders, trades and income, and how the venue writes them.

Instants are milliseconds since the epoch on the market's clock, quantities base coin, money USDT. Amounts of
the ledger have eight decimals, as the venue's have.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from core.money import ZERO, nearest_to

Row = dict[str, Any]

SMALLEST: Final = Decimal("1e-8")
OPEN_STATES: Final = ("NEW", "PARTIALLY_FILLED")
LIQUIDATION_PREFIX: Final = "autoclose-"
ADL_CLIENT_ID: Final = "adl_autoclose"


@dataclass(slots=True)
class OrderRecord:
    """An order of the matching engine; a triggered conditional order's child is one too."""

    order_id: int
    client_id: str
    symbol: str
    side: str
    type: str
    quantity: Decimal
    created_ms: int
    updated_ms: int
    price: Decimal = ZERO
    trigger: Decimal = ZERO
    original_type: str = ""
    time_in_force: str = "GTC"
    working_type: str = "CONTRACT_PRICE"
    reduce_only: bool = False
    close_position: bool = False
    status: str = "NEW"
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    """Σ quantity × price of what was filled."""
    key: str = ""
    """Name of its open part at the matching engine; empty when none rests there."""
    held_back: Decimal = ZERO
    """Quantity that a fault keeps from being matched."""
    rests: bool = False
    """It waited in the book, so it is filled as a maker."""
    parent: AlgoRecord | None = None
    """The conditional order that it came from."""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATES

    @property
    def average(self) -> Decimal:
        return nearest_to(self.notional / self.filled, SMALLEST) if self.filled else ZERO


@dataclass(slots=True)
class AlgoRecord:
    """A conditional order of the algo service."""

    algo_id: int
    client_id: str
    symbol: str
    side: str
    type: str
    quantity: Decimal
    """0 with `close_position`."""
    trigger: Decimal
    created_ms: int
    updated_ms: int
    price: Decimal = ZERO
    time_in_force: str = "GTC"
    working_type: str = "CONTRACT_PRICE"
    reduce_only: bool = False
    close_position: bool = False
    status: str = "NEW"
    key: str = ""
    """Its name at the matching engine; empty when it is watched by the account itself."""
    triggered_ms: int = 0
    child: OrderRecord | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status == "NEW"


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """One execution; `fee` is paid, `realised` is profit before it."""

    trade_id: int
    order_id: int
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    realised: Decimal
    is_maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class IncomeRecord:
    """One row of the ledger; all rows together are the wallet."""

    tran_id: int
    kind: str
    amount: Decimal
    at_ms: int
    symbol: str = ""
    trade_id: str = ""
    note: str = ""


def plain(value: Decimal) -> str:
    """Without an exponent."""
    return f"{value + ZERO:f}"


def money(value: Decimal) -> str:
    """To the ledger's eight decimals."""
    return f"{nearest_to(value, SMALLEST):.8f}"


def order_row(order: OrderRecord) -> Row:
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": plain(order.price),
        "avgPrice": plain(order.average),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQty": plain(order.filled),
        "cumQuote": plain(order.notional),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": "BOTH",
        "stopPrice": plain(order.trigger),
        "workingType": order.working_type,
        "priceProtect": False,
        "origType": order.original_type or order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def algo_row(algo: AlgoRecord) -> Row:
    child = algo.child
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": "BOTH",
        "timeInForce": algo.time_in_force,
        "quantity": plain(algo.quantity),
        "algoStatus": algo.status,
        "triggerPrice": plain(algo.trigger),
        "price": plain(algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": algo.working_type,
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": False,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": 0,
        "actualOrderId": str(child.order_id) if child is not None else "",
        "actualPrice": plain(child.average) if child is not None else "0",
        "actualQty": plain(child.filled) if child is not None else "0",
    }


def trade_row(trade: TradeRecord) -> Row:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "side": trade.side,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "realizedPnl": money(trade.realised),
        "quoteQty": plain(trade.quantity * trade.price),
        "commission": money(trade.fee),
        "commissionAsset": "USDT",
        "time": trade.at_ms,
        "positionSide": "BOTH",
        "buyer": trade.side == "BUY",
        "maker": trade.is_maker,
    }


def income_row(income: IncomeRecord) -> Row:
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": money(income.amount),
        "asset": "USDT",
        "time": income.at_ms,
        "info": income.note or income.kind,
        "tranId": income.tran_id,
        "tradeId": income.trade_id,
    }
