"""OKX v5, linear USDT swaps with isolated margin.

Surprising facts of the venue:
- Sizes are contracts (one BTC contract is 0.01 BTC): they are converted here, both ways, exactly.
- Conditional orders live at `order-algo` under an id of their own kind. When one triggers, the order that it
  becomes names its parent.
- The outer code of an answer is 0 or 1; what happened to an order stands in its row (`sCode`).
- A request is refused after `expTime`; ccxt doesn't send it, so it is put into the headers here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from core.adapters.exchange import rows_okx as rows
from core.adapters.exchange.calls import GUARDING, BadShape, Urgency
from core.adapters.exchange.dialects import (
    BY_VENUE_ID,
    CHILD_NEVER_SHOWN,
    CHILD_SHOWN_WITHIN,
    Modes,
    Raw,
    Remembered,
    SymbolModes,
    number,
    paged,
    text,
    whole,
)
from core.adapters.exchange.wire import RECEIVE_WINDOW_MS, Line, Sending
from core.errors import NotAllowed, Unknown
from core.market import coin, to_ms
from core.ports import Outcome
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Position,
    Transfer,
)

COST: Final = 2
"""In the units of the market's budget for this venue."""
PAGE: Final = 100
RECENT: Final = timedelta(days=3)
"""As long back as the quick list of fills goes."""
WEEK: Final = timedelta(days=7)
"""As long back as the quick list of bills goes."""
_UNFIT: Final = {"1": "its account mode trades spot only"}
"""Levels of the account (`acctLv`) at which no swap can be traded."""
RULES_LIFE_S: Final = 3600.0
ATTACHED: Final = "s"
"""Added to an entry's id, it names the stop that came with it."""
ALGO_KINDS: Final = ("conditional,oco", "trigger")
"""What one question can ask for. Trailing and split orders of the owner's are not listed."""


class OkxDialect:
    attaches_stops = True
    lists_all_for_one = True

    def __init__(self, line: Line) -> None:
        self._line = line
        self._api = line.client
        self._sizes: tuple[float, Mapping[str, Decimal]] | None = None
        self._names: Remembered[str, str] = Remembered()
        """Venue id of an order → its client id, or that of the conditional order it came from."""
        line.server_ms = self.server_ms
        _expiring(self._api)

    async def server_ms(self, urgency: Urgency) -> int:
        return await self._line.read(
            "time", COST, urgency, self._api.publicGetPublicTime, lambda raw: int(rows.one(raw)["ts"])
        )

    # ------------------------------------------------------------ requests

    async def placing(self, request: OrderRequest) -> Sending:
        sizes = await self._contracts(GUARDING)
        if _venue_id(request.symbol) not in sizes:
            raise NotAllowed(f"okx lists no linear swap {request.symbol}")
        question: dict[str, Any] = {
            "instId": _venue_id(request.symbol),
            "tdMode": "isolated",
            "side": request.side.value,
            "sz": f"{request.quantity / sizes[_venue_id(request.symbol)]:f}",
            "clOrdId": request.client_id,
        }
        if request.reduce_only:
            question["reduceOnly"] = True
        if request.kind.is_conditional:
            return self._conditional(question, request)
        question["ordType"] = "limit" if request.kind is OrderKind.LIMIT else "market"
        if request.price is not None:
            question["px"] = f"{request.price:f}"
        if request.attached_stop is not None:
            attached = {
                "attachAlgoClOrdId": (request.client_id + ATTACHED)[-32:],
                "slTriggerPx": f"{request.attached_stop:f}",
                "slTriggerPxType": "mark",
                "slOrdPx": "-1",
            }
            question["attachAlgoOrds"] = [attached]
        ask = self._api.privatePostTradeOrder
        return Sending("trade/order", COST, lambda: ask(question), request.client_id, request.reduce_only)

    def _conditional(self, question: dict[str, Any], request: OrderRequest) -> Sending:
        """The id is given twice: without `clOrdId` ccxt would add a random one of its own."""
        leg = "sl" if request.kind is OrderKind.STOP_MARKET else "tp"
        question |= {
            "ordType": "conditional",
            "algoClOrdId": request.client_id,
            f"{leg}TriggerPx": f"{request.trigger:f}",
            f"{leg}TriggerPxType": "mark",
            f"{leg}OrdPx": "-1",
        }
        ask = self._api.privatePostTradeOrderAlgo
        return Sending(
            "trade/order-algo", COST, lambda: ask(question), request.client_id, request.reduce_only
        )

    async def cancelling(self, symbol: str, client_id: str, urgency: Urgency) -> tuple[Sending, ...]:
        """A conditional order is cancelled by the venue's id, which is looked up first."""
        api, name = self._api, _venue_id(symbol)
        algo = await self._algo_row(client_id, urgency)
        if algo is not None:
            algo_id = text(algo, "algoId")
            rows_to_cancel = [{"instId": name, "algoId": algo_id}]
            ask = api.privatePostTradeCancelAlgos
            return (Sending("cancel-algos", COST, lambda: ask(rows_to_cancel), algo_id, True),)
        key, wanted = _by(client_id, "clOrdId", "ordId")
        question = {"instId": name, key: wanted}
        return (
            Sending("cancel-order", COST, lambda: api.privatePostTradeCancelOrder(question), wanted, True),
        )

    def learn(self, request: OrderRequest, outcome: Outcome, body: Any) -> Order | None:
        return None

    def isolating(self, symbol: str, leverage: int) -> Sending | None:
        return None  # every order says it itself

    def leveraging(self, symbol: str, leverage: int) -> Sending:
        question = {"instId": _venue_id(symbol), "lever": str(leverage), "mgnMode": "isolated"}
        ask = self._api.privatePostAccountSetLeverage
        return Sending("set-leverage", COST, lambda: ask(question), "", False)

    def one_way(self) -> tuple[Sending, ...]:
        question = {"posMode": "net_mode"}
        ask = self._api.privatePostAccountSetPositionMode
        return (Sending("set-position-mode", COST, lambda: ask(question), "", False),)

    # ------------------------------------------------------------ orders

    async def order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None:
        sizes = await self._contracts(urgency)
        algo = await self._algo_row(client_id, urgency)
        if algo is None:
            row = await self._order_row(symbol, *_by(client_id, "clOrdId", "ordId"), urgency)
            return None if row is None else rows.order(row, sizes, self._names)
        child, name = None, rows.child_id(algo)
        if name:
            self._names.keep(name, text(algo, "algoClOrdId"))
            child = await self._order_row(symbol, "ordId", name, urgency)
        found = rows.algo_order(algo, child, sizes)
        if found is None or child is not None or algo.get("state") != "effective":
            return found
        if self._line.time.now() - found.updated_at < CHILD_SHOWN_WITHIN:
            raise Unknown(f"{symbol}: {client_id} triggered, and what became of it isn't shown yet")
        return replace(found, status=OrderStatus.CANCELLED, reject_reason=CHILD_NEVER_SHOWN)

    async def _order_row(self, symbol: str, key: str, name: str, urgency: Urgency) -> Raw | None:
        question = {"instId": _venue_id(symbol), key: name}
        return await self._line.find(
            "trade/order", COST, urgency, lambda: self._api.privateGetTradeOrder(dict(question)), rows.one
        )

    async def _algo_row(self, client_id: str, urgency: Urgency) -> Raw | None:
        key, name = _by(client_id, "algoClOrdId", "algoId")
        found = await self._line.find(
            "trade/order-algo",
            COST,
            urgency,
            lambda: self._api.privateGetTradeOrderAlgo({key: name}),
            rows.listed,
        )
        return next((row for row in found or [] if str(row.get(key)) == name), None)

    async def open_orders(self, symbol: str | None, urgency: Urgency) -> tuple[Order, ...]:
        sizes = await self._contracts(urgency)
        which = {"instType": "SWAP"} | ({} if symbol is None else {"instId": _venue_id(symbol)})
        regular, *algos = await asyncio.gather(
            self._all("orders-pending", which, "ordId", urgency, self._api.privateGetTradeOrdersPending),
            *(
                self._all(
                    "orders-algo-pending",
                    {**which, "ordType": kind},
                    "algoId",
                    urgency,
                    self._api.privateGetTradeOrdersAlgoPending,
                )
                for kind in ALGO_KINDS
            ),
        )
        found = [rows.algo_order(row, None, sizes) for part in algos for row in part]
        found += [rows.order(row, sizes, self._names) for row in regular]
        return tuple({order.client_id: order for order in found if order is not None}.values())

    # ------------------------------------------------------------ the account

    async def positions(self, urgency: Urgency) -> tuple[Position, ...]:
        sizes = await self._contracts(urgency)
        question = {"instType": "SWAP"}
        return await self._line.read(
            "account/positions", COST, urgency, lambda: self._api.privateGetAccountPositions(question),
            lambda raw: rows.positions(raw, sizes),
        )  # fmt: skip

    async def balance(self, urgency: Urgency) -> Balance:
        question = {"ccy": "USDT"}
        return await self._line.read(
            "account/balance", COST, urgency, lambda: self._api.privateGetAccountBalance(question),
            lambda raw: rows.balance(raw, self._line.time.now()),
        )  # fmt: skip

    async def modes(self, urgency: Urgency) -> Modes:
        def read(raw: Any) -> Modes:
            told = rows.one(raw)
            level = text(told, "acctLv")
            words = _UNFIT.get(level, "")
            if told.get("ctIsoMode") == "autonomy":
                words = "its isolated margin is moved by hand: set it to auto transfers"
            return Modes(
                is_hedge=text(told, "posMode") != "net_mode",
                is_multi_asset=None,
                is_portfolio=level == "4",
                is_isolated=None,
                can_trade=not words,
                words=words,
            )

        return await self._line.read("account/config", COST, urgency, self._api.privateGetAccountConfig, read)

    async def symbol_modes(self, symbol: str, urgency: Urgency) -> SymbolModes:
        question = {"instId": _venue_id(symbol), "mgnMode": "isolated"}

        def read(raw: Any) -> SymbolModes:
            found = [row for row in rows.listed(raw) if row.get("mgnMode") == "isolated"]
            levers = {number(row, "lever") for row in found}
            if len(levers) != 1:
                raise BadShape(f"{symbol}: {len(levers)} leverages, one was expected")
            return SymbolModes(True, whole(levers.pop()))

        return await self._line.read(
            f"leverage-info {symbol}",
            COST,
            urgency,
            lambda: self._api.privateGetAccountLeverageInfo(question),
            read,
        )

    async def key_facts(self, urgency: Urgency) -> Raw:
        return await self._line.read(
            "account/config", COST, urgency, self._api.privateGetAccountConfig, rows.one
        )

    # ------------------------------------------------------------ what happened

    async def fills(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[Fill, ...]:
        sizes = await self._contracts(urgency)
        is_recent = self._line.time.now() - since < RECENT
        ask = self._api.privateGetTradeFills if is_recent else self._api.privateGetTradeFillsHistory
        question = {"instType": "SWAP", "instId": _venue_id(symbol), "begin": to_ms(since)}
        found = await self._all("trade/fills", question, "billId", urgency, ask)
        names = [await self._name(symbol, row, urgency) for row in found]
        return tuple(rows.fill(row, symbol, name, sizes) for row, name in zip(found, names, strict=True))

    async def _name(self, symbol: str, row: Raw, urgency: Urgency) -> str:
        """A fill of a stop has no client id of ours: its order names the conditional one it came from."""
        if row.get("clOrdId"):
            return str(row["clOrdId"])
        name = text(row, "ordId")
        if name not in self._names:
            order = await self._order_row(symbol, "ordId", name, urgency)
            if order is None:
                return BY_VENUE_ID + name
            self._names.keep(name, rows.name_of(order))
        return self._names[name]

    async def funding(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[FundingPayment, ...]:
        found = await self._bills({"type": "8", "instType": "SWAP"}, since, urgency)
        wanted = _venue_id(symbol)
        return tuple(rows.funding_payment(row, symbol) for row in found if row.get("instId") == wanted)

    async def transfers(self, since: datetime, urgency: Urgency) -> tuple[Transfer, ...]:
        found = await self._bills({"type": "1"}, since, urgency)
        return tuple(rows.transfer(row) for row in found if row.get("ccy") == "USDT")

    async def _bills(self, which: Raw, since: datetime, urgency: Urgency) -> list[Raw]:
        is_recent = self._line.time.now() - since < WEEK
        api = self._api
        ask = api.privateGetAccountBills if is_recent else api.privateGetAccountBillsArchive
        question = {"ccy": "USDT", "begin": to_ms(since), **which}
        return await self._all("account/bills", question, "billId", urgency, ask)

    # ------------------------------------------------------------ inside

    async def _contracts(self, urgency: Urgency) -> Mapping[str, Decimal]:
        """Base coin in one contract by the venue's id, of linear USDT swaps; read again every hour."""
        now = self._line.clock.monotonic()
        if self._sizes is None or now - self._sizes[0] > RULES_LIFE_S:
            question = {"instType": "SWAP"}
            try:
                found = await self._line.read(
                    "public/instruments",
                    COST,
                    urgency,
                    lambda: self._api.publicGetPublicInstruments(question),
                    rows.contract_sizes,
                )
            except Unknown:
                if self._sizes is None:
                    raise
                found = self._sizes[1]  # a contract's size does not change while it is listed
            self._sizes = now, found
        return self._sizes[1]

    async def _all(self, endpoint: str, question: Raw, key: str, urgency: Urgency, ask: Any) -> list[Raw]:
        """Every row, newest page first; pages follow each other by the id under `key`."""

        async def page(cursor: str) -> tuple[list[Raw], str]:
            asked = {**question, "limit": PAGE} | ({"after": cursor} if cursor else {})
            found = await self._line.read(endpoint, COST, urgency, lambda: ask(asked), rows.listed)
            return found, text(found[-1], key) if len(found) >= PAGE else ""

        return await paged(page)


def _expiring(client: Any) -> None:
    """Puts the end of the receive window into the headers of every order request, outside the signature."""
    sign = client.sign

    def signed(path: str, *more: Any, **named: Any) -> Any:
        request = sign(path, *more, **named)
        if request.get("method") == "POST" and path.startswith("trade/"):
            request["headers"]["expTime"] = str(client.nonce() + RECEIVE_WINDOW_MS)
        return request

    client.sign = signed


def _venue_id(symbol: str) -> str:
    return f"{coin(symbol)}-USDT-SWAP"


def _by(client_id: str, client_key: str, venue_key: str) -> tuple[str, str]:
    if client_id.startswith(BY_VENUE_ID):
        return venue_key, client_id.removeprefix(BY_VENUE_ID)
    return client_key, client_id
