"""Bybit v5, linear USDT perpetuals in a unified account.

Surprising facts of the venue:
- A receipt only says that the order was taken down; it may still be rejected.
- Conditional orders sit among the ordinary ones and keep their id when they trigger.
- A stop that came attached to an entry has no client id; here it goes by the venue's own (`@…`).
- An order that is over leaves `realtime` for `history` after a while: both are asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from core.adapters.exchange import rows_bybit as rows
from core.adapters.exchange.calls import BadShape, Urgency
from core.adapters.exchange.dialects import (
    BY_VENUE_ID,
    Modes,
    Raw,
    SymbolModes,
    in_windows,
    number,
    paged,
    text,
    whole,
)
from core.adapters.exchange.wire import Line, Sending
from core.market import coin, to_ms
from core.ports import Outcome
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    Position,
    Transfer,
)

T = TypeVar("T")

WINDOW: Final = timedelta(days=7)
FALLS, RISES = 2, 1
"""Directions in which the price must cross a trigger."""


class BybitDialect:
    attaches_stops = True
    lists_all_for_one = False

    def __init__(self, line: Line) -> None:
        self._line = line
        self._api = line.client
        line.server_ms = self.server_ms

    async def server_ms(self, urgency: Urgency) -> int:
        return await self._line.read(
            "time", 1, urgency, self._api.publicGetV5MarketTime, lambda raw: int(raw["time"])
        )

    # ------------------------------------------------------------ requests

    async def placing(self, request: OrderRequest) -> Sending:
        question: dict[str, Any] = {
            "category": "linear",
            "symbol": _venue_id(request.symbol),
            "side": request.side.value.capitalize(),
            "orderType": "Limit" if request.kind is OrderKind.LIMIT else "Market",
            "qty": f"{request.quantity:f}",
            "positionIdx": 0,
            "orderLinkId": request.client_id,
            "reduceOnly": request.reduce_only,
        }
        if request.price is not None:
            question |= {"price": f"{request.price:f}", "timeInForce": "GTC"}
        if request.trigger is not None:
            question |= {
                "triggerPrice": f"{request.trigger:f}",
                "triggerBy": "MarkPrice",
                "triggerDirection": _direction(request.kind, request.side),
            }
        if request.attached_stop is not None:
            question |= {
                "stopLoss": f"{request.attached_stop:f}",
                "slTriggerBy": "MarkPrice",
                "slOrderType": "Market",
                "tpslMode": "Full",
            }
        ask = self._api.privatePostV5OrderCreate
        return Sending("order/create", 1, lambda: ask(question), request.client_id, request.reduce_only)

    async def cancelling(self, symbol: str, client_id: str, urgency: Urgency) -> tuple[Sending, ...]:
        key, name = _by(client_id)
        question = {"category": "linear", "symbol": _venue_id(symbol), key: name}
        return (Sending("order/cancel", 1, lambda: self._api.privatePostV5OrderCancel(question), name, True),)

    def learn(self, request: OrderRequest, outcome: Outcome, body: Any) -> Order | None:
        return None

    def isolating(self, symbol: str, leverage: int) -> Sending | None:
        return None  # the margin mode belongs to the account

    def leveraging(self, symbol: str, leverage: int) -> Sending:
        question = {
            "category": "linear",
            "symbol": _venue_id(symbol),
            "buyLeverage": str(leverage),
            "sellLeverage": str(leverage),
        }
        ask = self._api.privatePostV5PositionSetLeverage
        return Sending("position/set-leverage", 1, lambda: ask(question), "", False)

    def one_way(self) -> tuple[Sending, ...]:
        isolated = {"setMarginMode": "ISOLATED_MARGIN"}
        one_way = {"category": "linear", "coin": "USDT", "mode": 0}
        return (
            Sending(
                "set-margin-mode", 1, lambda: self._api.privatePostV5AccountSetMarginMode(isolated), "", False
            ),
            Sending("switch-mode", 1, lambda: self._api.privatePostV5PositionSwitchMode(one_way), "", False),
        )

    # ------------------------------------------------------------ orders

    async def order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None:
        key, name = _by(client_id)
        question = {"category": "linear", "symbol": _venue_id(symbol), key: name}
        for endpoint, ask in (
            ("order/realtime", self._api.privateGetV5OrderRealtime),
            ("order/history", self._api.privateGetV5OrderHistory),
        ):
            listed = await self._line.find(endpoint, 1, urgency, partial(ask, question), rows.listed)
            found = [row for row in listed or [] if str(row.get(key)) == name]
            if found:
                return rows.order(found[0])
        return None

    async def open_orders(self, symbol: str | None, urgency: Urgency) -> tuple[Order, ...]:
        which = {"settleCoin": "USDT"} if symbol is None else {"symbol": _venue_id(symbol)}
        question = {"category": "linear", "openOnly": 0, "limit": 50, **which}
        found = await self._all("order/realtime", question, urgency, self._api.privateGetV5OrderRealtime)
        orders = (rows.order(row) for row in found)
        return tuple(order for order in orders if order is not None)

    # ------------------------------------------------------------ the account

    async def positions(self, urgency: Urgency) -> tuple[Position, ...]:
        question = {"category": "linear", "settleCoin": "USDT", "limit": 200}
        found = await self._all("position/list", question, urgency, self._api.privateGetV5PositionList)
        held = (rows.position(row) for row in found)
        return tuple(position for position in held if position is not None)

    async def balance(self, urgency: Urgency) -> Balance:
        question = {"accountType": "UNIFIED", "coin": "USDT"}
        return await self._line.read(
            "wallet-balance", 1, urgency, lambda: self._api.privateGetV5AccountWalletBalance(question),
            lambda raw: rows.balance(raw, self._line.time.now()),
        )  # fmt: skip

    async def modes(self, urgency: Urgency) -> Modes:
        def read(raw: Any) -> Modes:
            told = text(rows.result(raw), "marginMode")
            return Modes(
                is_hedge=None,  # told by symbol: see `symbol_modes`
                is_multi_asset=None,
                is_portfolio=told == "PORTFOLIO_MARGIN",
                is_isolated=told == "ISOLATED_MARGIN",
            )

        found = await self._line.read("account/info", 1, urgency, self._api.privateGetV5AccountInfo, read)
        return Modes(await self._is_hedge(urgency), None, found.is_portfolio, found.is_isolated)

    async def _is_hedge(self, urgency: Urgency) -> bool:
        """BTCUSDT stands for the account: the mode is switched for all USDT perpetuals at once."""
        return await self._position_rows("BTC/USDT:USDT", urgency, rows.is_hedge)

    async def symbol_modes(self, symbol: str, urgency: Urgency) -> SymbolModes:
        is_isolated = (await self.modes(urgency)).is_isolated is True

        def read(raw: Any) -> SymbolModes:
            found = [row for row in rows.listed(raw) if row.get("symbol") == _venue_id(symbol)]
            if len(found) != 1:
                raise BadShape(f"{symbol}: {len(found)} rows of leverage, one was expected")
            return SymbolModes(is_isolated, whole(number(found[0], "leverage")))

        return await self._position_rows(symbol, urgency, read)

    async def _position_rows(self, symbol: str, urgency: Urgency, check: Callable[[Any], T]) -> T:
        question = {"category": "linear", "symbol": _venue_id(symbol)}
        return await self._line.read(
            f"position/list {symbol}", 1, urgency, lambda: self._api.privateGetV5PositionList(question), check
        )

    async def key_facts(self, urgency: Urgency) -> Raw:
        return await self._line.read("query-api", 1, urgency, self._api.privateGetV5UserQueryApi, rows.result)

    # ------------------------------------------------------------ what happened

    async def fills(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[Fill, ...]:
        found = await self._executions(symbol, since, urgency, {})
        return tuple(rows.fill(row, symbol) for row in found if row.get("execType") in rows.TRADES)

    async def funding(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[FundingPayment, ...]:
        found = await self._executions(symbol, since, urgency, {"execType": "Funding"})
        return tuple(rows.funding_payment(row, symbol) for row in found if row.get("execType") == "Funding")

    async def _executions(self, symbol: str, since: datetime, urgency: Urgency, more: Raw) -> list[Raw]:
        question = {"category": "linear", "symbol": _venue_id(symbol), "limit": 100, **more}
        return await self._since(
            "execution/list", question, since, urgency, self._api.privateGetV5ExecutionList, "execId"
        )

    async def transfers(self, since: datetime, urgency: Urgency) -> tuple[Transfer, ...]:
        found: list[Raw] = []
        for kind in rows.FLOWS:
            question = {"accountType": "UNIFIED", "currency": "USDT", "type": kind, "limit": 50}
            found += await self._since(
                "transaction-log", question, since, urgency, self._api.privateGetV5AccountTransactionLog, "id"
            )
        return tuple(rows.transfer(row) for row in found)

    # ------------------------------------------------------------ lists

    async def _since(
        self, endpoint: str, question: Raw, since: datetime, urgency: Urgency, ask: Any, key: str
    ) -> list[Raw]:
        async def window(start: datetime, end: datetime) -> list[Raw]:
            asked = {**question, "startTime": to_ms(start), "endTime": to_ms(end)}
            return await self._all(endpoint, asked, urgency, ask)

        until = self._line.time.now() + timedelta(seconds=60)
        found = await in_windows(since, until, WINDOW, window)
        return list({text(row, key): row for row in found}.values())

    async def _all(
        self, endpoint: str, question: Raw, urgency: Urgency, ask: Callable[[Any], Awaitable[Any]]
    ) -> list[Raw]:
        async def page(cursor: str) -> tuple[list[Raw], str]:
            asked = {**question, "cursor": cursor} if cursor else dict(question)
            return await self._line.read(endpoint, 1, urgency, lambda: ask(asked), _page)

        return await paged(page)


def _page(raw: Any) -> tuple[list[Raw], str]:
    found = rows.listed(raw)
    return found, str(rows.result(raw).get("nextPageCursor") or "") if found else ""


def _venue_id(symbol: str) -> str:
    return f"{coin(symbol)}USDT"


def _by(client_id: str) -> tuple[str, str]:
    """Under which key an order is asked for, and its id there."""
    if client_id.startswith(BY_VENUE_ID):
        return "orderId", client_id.removeprefix(BY_VENUE_ID)
    return "orderLinkId", client_id


def _direction(kind: OrderKind, side: OrderSide) -> int:
    """A stop that sells waits for a fall, one that buys for a rise; a target the other way round."""
    is_falling = (kind is OrderKind.STOP_MARKET) == (side is OrderSide.SELL)
    return FALLS if is_falling else RISES
