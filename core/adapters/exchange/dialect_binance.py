"""Binance USDⓈ-M: ordinary orders at `order`, conditional ones at `algoOrder`, each blind to the other.

Surprising facts of the venue:
- A conditional order that triggers becomes another order with an id of its own (`actualOrderId`). Trades name
  orders by the venue's id only. So ids are translated here, and a stop that fired shows as filled.
- `positionRisk` of version 3 does not name the leverage.
- Both kinds of order are found by the client id only for some days after they ended without a trade.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.adapters.exchange import rows_binance as rows
from core.adapters.exchange.binance import symbol_of, venue_id
from core.adapters.exchange.calls import BadShape, Urgency, expect_dict, expect_list
from core.adapters.exchange.dialects import (
    CHILD_NEVER_SHOWN,
    CHILD_SHOWN_WITHIN,
    Modes,
    Raw,
    Remembered,
    SymbolModes,
    is_yes,
    number,
    text,
    whole,
)
from core.adapters.exchange.history_binance import BinanceHistory, dicts
from core.adapters.exchange.wire import Line, Sending
from core.errors import Unknown
from core.ports import Outcome
from core.trade import Balance, Fill, FundingPayment, Order, OrderRequest, OrderStatus, Position, Transfer


class BinanceDialect:
    attaches_stops = False
    lists_all_for_one = False

    def __init__(self, line: Line) -> None:
        self._line = line
        self._api = line.client
        self._names: Remembered[str, str] = Remembered()
        """Venue id of an ordinary order → client id, that of its parent where it has one."""
        self._conditional: Remembered[str, bool] = Remembered()
        """Client id → whether the algo endpoint has it."""
        self._history = BinanceHistory(line, self._names, self._regular)
        line.server_ms = self.server_ms
        self._api.options["disableFuturesSandboxWarning"] = True  # ccxt would refuse to sign for the testnet

    async def server_ms(self, urgency: Urgency) -> int:
        return await self._line.read(
            "time", 1, urgency, self._api.fapiPublicGetTime, lambda raw: int(raw["serverTime"])
        )

    # ------------------------------------------------------------ requests

    async def placing(self, request: OrderRequest) -> Sending:
        question: dict[str, Any] = {
            "symbol": venue_id(request.symbol),
            "side": request.side.value.upper(),
            "type": request.kind.value.upper(),
            "quantity": f"{request.quantity:f}",
        }
        if request.reduce_only:
            question["reduceOnly"] = "true"
        if request.price is not None:
            question |= {"price": f"{request.price:f}", "timeInForce": "GTC"}
        if request.kind.is_conditional:
            assert request.trigger is not None
            question |= {
                "algoType": "CONDITIONAL",
                "triggerPrice": f"{request.trigger:f}",
                "workingType": "MARK_PRICE",
                "clientAlgoId": request.client_id,
            }
            ask, endpoint = self._api.fapiPrivatePostAlgoOrder, "algoOrder"
        else:
            question |= {"newClientOrderId": request.client_id, "newOrderRespType": "RESULT"}
            ask, endpoint = self._api.fapiPrivatePostOrder, "order"
        self._conditional.keep(request.client_id, request.kind.is_conditional)
        return Sending(endpoint, 1, lambda: ask(question), request.client_id, request.reduce_only)

    async def cancelling(self, symbol: str, client_id: str, urgency: Urgency) -> tuple[Sending, ...]:
        regular = {"symbol": venue_id(symbol), "origClientOrderId": client_id}
        algo = {"symbol": venue_id(symbol), "clientAlgoId": client_id}
        ways = (
            Sending("order", 1, lambda: self._api.fapiPrivateDeleteOrder(regular), client_id, True),
            Sending("algoOrder", 1, lambda: self._api.fapiPrivateDeleteAlgoOrder(algo), client_id, True),
        )
        return ways[::-1] if self._conditional.get(client_id, True) else ways

    def learn(self, request: OrderRequest, outcome: Outcome, body: Any) -> Order | None:
        try:
            if request.kind.is_conditional:
                return rows.algo_order(body, None)
            self._names.keep(text(body, "orderId"), request.client_id)
            return rows.regular_order(body)
        except (LookupError, TypeError, ValueError, ArithmeticError):
            return None  # the receipt is what counts; the next look reads the order

    def isolating(self, symbol: str, leverage: int) -> Sending | None:
        question = {"symbol": venue_id(symbol), "marginType": "ISOLATED"}
        return self._setting("marginType", self._api.fapiPrivatePostMarginType, question)

    def leveraging(self, symbol: str, leverage: int) -> Sending:
        question = {"symbol": venue_id(symbol), "leverage": leverage}
        return self._setting("leverage", self._api.fapiPrivatePostLeverage, question)

    def one_way(self) -> tuple[Sending, ...]:
        api = self._api
        return (
            self._setting(
                "multiAssetsMargin", api.fapiPrivatePostMultiAssetsMargin, {"multiAssetsMargin": "false"}
            ),
            self._setting("positionSide", api.fapiPrivatePostPositionSideDual, {"dualSidePosition": "false"}),
        )

    def _setting(self, endpoint: str, ask: Any, question: Raw) -> Sending:
        return Sending(endpoint, 1, lambda: ask(dict(question)), "", False)

    # ------------------------------------------------------------ orders

    async def order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None:
        """Both endpoints are asked before it is said that there is no such order."""
        ways = [self._algo_order, self._regular_order]
        if not self._conditional.get(client_id, True):
            ways.reverse()
        for way in ways:
            found = await way(symbol, client_id, urgency)
            if found is not None:
                self._conditional.keep(client_id, way == self._algo_order)
                return found
        return None

    async def open_orders(self, symbol: str | None, urgency: Urgency) -> tuple[Order, ...]:
        question = {} if symbol is None else {"symbol": venue_id(symbol)}
        weight = 40 if symbol is None else 1
        regular, algos = await asyncio.gather(
            self._line.read(
                "openOrders",
                weight,
                urgency,
                lambda: self._api.fapiPrivateGetOpenOrders(question),
                self._regulars,
            ),
            self._line.read(
                "openAlgoOrders",
                weight,
                urgency,
                lambda: self._api.fapiPrivateGetOpenAlgoOrders(question),
                _algos,
            ),
        )
        for found, is_conditional in ((regular, False), (algos, True)):
            for order in found:
                self._conditional.keep(order.client_id, is_conditional)
        shown = {order.client_id: order for order in (*algos, *regular)}  # a child is newer than its parent
        return tuple(shown.values())

    def _regulars(self, raw: Any) -> list[Order]:
        found = []
        for row in expect_list(raw):
            order = rows.regular_order(row, self._names.get(str(expect_dict(row).get("orderId"))))
            if order is not None:
                found.append(order)
        return found

    async def _regular_order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None:
        order = await self._regular({"origClientOrderId": client_id}, symbol, urgency)
        if order is not None:
            self._names.keep(order.venue_id, order.client_id)
        return order

    async def _regular(self, by: Raw, symbol: str, urgency: Urgency, name: str | None = None) -> Order | None:
        question = {"symbol": venue_id(symbol), **by}
        return await self._line.find(
            "order", 1, urgency, lambda: self._api.fapiPrivateGetOrder(question),
            lambda raw: rows.regular_order(raw, name),
        )  # fmt: skip

    async def _algo_order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None:
        question = {"symbol": venue_id(symbol), "clientAlgoId": client_id}
        row = await self._line.find(
            "algoOrder", 1, urgency, lambda: self._api.fapiPrivateGetAlgoOrder(question), _one_algo
        )
        if row is None:
            return None
        child, child_name = None, rows.child_id(row)
        if child_name:
            self._names.keep(child_name, client_id)
            child = await self._regular({"orderId": child_name}, symbol, urgency, client_id)
        order = rows.algo_order(row, child)
        if order is None or child is not None or row.get("algoStatus") not in rows.TRIGGERED:
            return order
        if self._line.time.now() - order.updated_at >= CHILD_SHOWN_WITHIN:
            return replace(order, status=OrderStatus.CANCELLED, reject_reason=CHILD_NEVER_SHOWN)
        if row.get("algoStatus") == "FINISHED":
            raise Unknown(f"{symbol}: {client_id} triggered, and what became of it isn't shown yet")
        return order

    # ------------------------------------------------------------ the account

    async def positions(self, urgency: Urgency) -> tuple[Position, ...]:
        held = await self._line.read(
            "positionRisk", 5, urgency, self._api.fapiPrivateV3GetPositionRisk, _position_rows
        )
        return tuple([found for row in held if (found := await self._position(row, urgency)) is not None])

    async def _position(self, row: Raw, urgency: Urgency) -> Position | None:
        symbol = symbol_of(str(row["symbol"]))
        if symbol is None or number(row, "positionAmt") == 0:
            return None
        leverage = rows.told_leverage(row)
        if leverage is None:
            leverage = (await self.symbol_modes(symbol, urgency)).leverage
        return rows.position(row, leverage)

    async def balance(self, urgency: Urgency) -> Balance:
        return await self._line.read(
            "account", 5, urgency, self._api.fapiPrivateV3GetAccount,
            lambda raw: rows.balance(raw, self._line.time.now()),
        )  # fmt: skip

    async def modes(self, urgency: Urgency) -> Modes:
        def read(raw: Any) -> Modes:
            told = expect_dict(raw)
            return Modes(
                is_hedge=_flag(told, "dualSidePosition"),
                is_multi_asset=_flag(told, "multiAssetsMargin"),
                is_portfolio=None,  # a portfolio account has other addresses: these refuse it
                is_isolated=None,
                can_trade=_flag(told, "canTrade"),
            )

        return await self._line.read("accountConfig", 5, urgency, self._api.fapiPrivateGetAccountConfig, read)

    async def symbol_modes(self, symbol: str, urgency: Urgency) -> SymbolModes:
        question = {"symbol": venue_id(symbol)}

        def read(raw: Any) -> SymbolModes:
            found = [row for row in expect_list(raw) if expect_dict(row).get("symbol") == question["symbol"]]
            if len(found) != 1:
                raise BadShape(f"{symbol}: no margin mode and leverage")
            return SymbolModes(
                is_isolated=text(found[0], "marginType").upper() == "ISOLATED",
                leverage=whole(number(found[0], "leverage")),
            )

        return await self._line.read(
            f"symbolConfig {symbol}", 5, urgency, lambda: self._api.fapiPrivateGetSymbolConfig(question), read
        )

    async def key_facts(self, urgency: Urgency) -> Raw:
        return await self._line.read(
            "apiRestrictions", 1, urgency, self._api.sapiGetAccountApiRestrictions, expect_dict
        )

    # ------------------------------------------------------------ what happened

    async def funding(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[FundingPayment, ...]:
        return await self._history.funding(symbol, since, urgency)

    async def transfers(self, since: datetime, urgency: Urgency) -> tuple[Transfer, ...]:
        return await self._history.transfers(since, urgency)

    async def fills(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[Fill, ...]:
        return await self._history.fills(symbol, since, urgency)


def _flag(row: Raw, key: str) -> bool:
    if not isinstance(row.get(key), bool):
        raise BadShape(f"{key} is neither true nor false")
    return is_yes(row[key])


def _position_rows(raw: Any) -> list[Raw]:
    """Every row must be readable: a list with a hole is no list."""
    found = dicts(raw)
    for row in found:
        number(row, "positionAmt")
        text(row, "symbol")
    return found


def _algos(raw: Any) -> list[Order]:
    """Those that still wait: one that is over may stay listed for a moment."""
    waiting = [row for row in expect_list(raw) if expect_dict(row).get("algoStatus") != "FINISHED"]
    return [order for row in waiting if (order := rows.algo_order(row, None)) is not None]


def _one_algo(raw: Any) -> Raw:
    row = expect_dict(raw)
    text(row, "algoId")
    text(row, "clientAlgoId")
    return row
