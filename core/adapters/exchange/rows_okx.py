"""OKX v5's account rows in our words: pure. Sizes are contracts there and base coin here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from core.adapters.exchange.calls import BadShape, expect_dict, expect_list
from core.adapters.exchange.dialects import (
    BY_VENUE_ID,
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
from core.market import Side, canonical_symbol
from core.money import ZERO
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderStatus,
    Position,
    Transfer,
)

SWAP: Final = "-USDT-SWAP"

STATES: Final = {
    "live": OrderStatus.OPEN,
    "partially_filled": OrderStatus.OPEN,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
ALGO_STATES: Final = {
    "live": OrderStatus.OPEN,
    "pause": OrderStatus.OPEN,
    "partially_effective": OrderStatus.OPEN,
    "effective": OrderStatus.OPEN,
    "canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
    "partially_failed": OrderStatus.REJECTED,
}
"""What an `effective` one came to is told by the order that it became."""

LIQUIDATIONS: Final = frozenset({"100", "101", "102", "103", "104", "105", "106", "107", "110", "111"})
"""`subType` of a fill that is a liquidation, in whole or in part; 125 to 128 are ADL."""

Sizes = Mapping[str, Decimal]


def listed(raw: Any) -> list[Raw]:
    return [expect_dict(row) for row in expect_list(expect_dict(raw).get("data"))]


def one(raw: Any) -> dict[str, Any]:
    found = listed(raw)
    if len(found) != 1:
        raise BadShape(f"{len(found)} rows, one was expected")
    return dict(found[0])


def contract_sizes(raw: Any) -> Sizes:
    sizes = {}
    for row in listed(raw):
        if row.get("ctType") == "linear" and row.get("settleCcy") == "USDT":
            sizes[text(row, "instId")] = number(row, "ctVal") * (maybe(row, "ctMult") or Decimal(1))
    if not sizes:
        raise BadShape("no linear USDT swap")
    return sizes


def symbol_of(name: str) -> str | None:
    """None for anything but a linear USDT swap."""
    if not name.endswith(SWAP):
        return None
    try:
        return canonical_symbol(name.removesuffix(SWAP) + "USDT")
    except ValueError:
        return None


def name_of(row: Raw) -> str:
    """The client id of an order: that of the conditional order it came from, its own, or the venue's."""
    return str(row.get("algoClOrdId") or row.get("clOrdId") or "") or BY_VENUE_ID + text(row, "ordId")


def order(row: Raw, sizes: Sizes, names: Mapping[str, str]) -> Order | None:
    """`names` holds what was learnt of orders that came from conditional ones."""
    symbol, size = _traded(row, sizes)
    if symbol is None:
        return None
    kind = OrderKind.LIMIT if maybe(row, "px") is not None else OrderKind.MARKET
    return Order(
        client_id=names.get(text(row, "ordId"), name_of(row)),
        venue_id=text(row, "ordId"),
        symbol=symbol,
        side=side_of(row["side"]),
        kind=kind,
        quantity=number(row, "sz") * size,
        filled=(maybe(row, "accFillSz") or ZERO) * size,
        average=maybe(row, "avgPx"),
        price=maybe(row, "px"),
        trigger=None,
        reduce_only=is_yes(row.get("reduceOnly")),
        status=_state(STATES, row),
        created_at=moment(row, "cTime"),
        updated_at=moment(row, "uTime", "cTime"),
        reject_reason=str(row.get("cancelSourceReason") or ""),
    )


def algo_order(row: Raw, child: Raw | None, sizes: Sizes) -> Order | None:
    """`child` is the order that its trigger sent, once there is one."""
    symbol, size = _traded(row, sizes)
    if symbol is None:
        return None
    sent = order(child, sizes, {}) if child is not None else None
    asked = maybe(row, "sz")
    return Order(
        client_id=str(row.get("algoClOrdId") or "") or BY_VENUE_ID + text(row, "algoId"),
        venue_id=text(row, "algoId"),
        symbol=symbol,
        side=side_of(row["side"]),
        kind=_algo_kind(row),
        quantity=asked * size if asked is not None else (sent.quantity if sent else ZERO),
        filled=sent.filled if sent else ZERO,
        average=sent.average if sent else None,
        price=None,
        trigger=maybe(row, "slTriggerPx") or maybe(row, "tpTriggerPx") or maybe(row, "triggerPx"),
        reduce_only=is_yes(row.get("reduceOnly")) or maybe(row, "closeFraction") is not None,
        status=sent.status if sent else _state(ALGO_STATES, row),
        created_at=moment(row, "cTime"),
        updated_at=sent.updated_at if sent else moment(row, "uTime", "cTime"),
        reject_reason=f"code {row['failCode']}" if row.get("failCode") not in (None, "", "0") else "",
    )


def child_id(row: Raw) -> str:
    """The venue id of the order that a conditional one became; empty before its trigger."""
    several = row.get("ordIdList")
    if isinstance(several, list) and several:
        return str(several[0])
    return str(row.get("ordId") or "")


def positions(raw: Any, sizes: Sizes) -> tuple[Position, ...]:
    found = (_position(row, sizes) for row in listed(raw))
    return tuple(row for row in found if row is not None)


def _position(row: Raw, sizes: Sizes) -> Position | None:
    """In one-way mode the sign tells the side, in hedge mode `posSide` does."""
    contracts = maybe(row, "pos") if text(row, "instId").endswith(SWAP) else None
    symbol, size = _traded(row, sizes) if contracts is not None else (None, ZERO)
    if symbol is None or contracts is None:
        return None
    told = str(row.get("posSide") or "net")
    is_long = contracts > 0 if told == "net" else told == "long"
    side, mark = (Side.LONG if is_long else Side.SHORT), number(row, "markPx")
    return Position(
        symbol=symbol,
        side=side,
        quantity=abs(contracts) * size,
        entry=number(row, "avgPx"),
        mark=mark,
        unrealised=number(row, "upl"),
        leverage=shown_leverage(number(row, "lever")),
        margin=maybe(row, "margin") or maybe(row, "imr") or ZERO,
        liquidation=liquidation_or_never(maybe(row, "liqPx"), side, mark),
        opened_at=moment(row, "cTime"),
    )


def balance(raw: Any, at: datetime) -> Balance:
    """Equity less what is unrealised is the wallet: `cashBal` leaves isolated margin out."""
    details = expect_list(one(raw).get("details"))
    row = next((each for each in details if expect_dict(each).get("ccy") == "USDT"), None)
    if row is None:
        raise BadShape("an account without USDT")
    unrealised = maybe(row, "upl") or ZERO
    available = maybe(row, "availEq") or maybe(row, "availBal") or ZERO
    return Balance(wallet=number(row, "eq") - unrealised, unrealised=unrealised, available=available, at=at)


def fill(row: Raw, symbol: str, client_id: str, sizes: Sizes) -> Fill:
    if row.get("feeCcy") != "USDT":
        raise BadShape(f"a fee in {str(row.get('feeCcy'))[:10]!r}")
    return Fill(
        id=text(row, "tradeId"),
        client_id=client_id,
        symbol=symbol,
        side=side_of(row["side"]),
        quantity=number(row, "fillSz") * sizes[text(row, "instId")],
        price=number(row, "fillPx"),
        fee=-number(row, "fee"),  # what was paid is negative there
        at=moment(row, "fillTime", "ts"),
        is_liquidation=str(row.get("subType") or "") in LIQUIDATIONS,
    )


def funding_payment(row: Raw, symbol: str) -> FundingPayment:
    """It moves the balance, or the isolated position's margin."""
    amount = maybe(row, "balChg") or maybe(row, "posBalChg") or maybe(row, "pnl") or ZERO
    return FundingPayment(text(row, "billId"), symbol, amount, moment(row, "ts"))


def transfer(row: Raw) -> Transfer:
    return Transfer(text(row, "billId"), number(row, "balChg"), moment(row, "ts"))


def _traded(row: Raw, sizes: Sizes) -> tuple[str | None, Decimal]:
    name = text(row, "instId")
    symbol = symbol_of(name)
    if symbol is None:
        return None, ZERO
    if name not in sizes:
        raise BadShape(f"{name[:30]}: the size of its contract isn't known")
    return symbol, sizes[name]


def _algo_kind(row: Raw) -> OrderKind:
    """A stop that leaves by a limit order protects nothing in a gap, so it is a limit order here."""
    if maybe(row, "slTriggerPx") is not None:
        return OrderKind.STOP_MARKET if str(row.get("slOrdPx")) == "-1" else OrderKind.LIMIT
    if maybe(row, "tpTriggerPx") is not None:
        return OrderKind.TAKE_PROFIT_MARKET if str(row.get("tpOrdPx")) == "-1" else OrderKind.LIMIT
    return OrderKind.LIMIT


def _state(table: Mapping[str, OrderStatus], row: Raw) -> OrderStatus:
    found = table.get(text(row, "state"))
    if found is None:
        raise BadShape(f"an order in the state {str(row['state'])[:30]!r}")
    return found
