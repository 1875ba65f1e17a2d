"""What happened on a Binance USDⓈ-M account: trades, funding, money that came and went.

Trades name their order by the venue's id only, and the order that a conditional one became has an id of its
own. So every trade's order is looked up once, among the conditional ones first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from core.adapters.exchange import rows_binance as rows
from core.adapters.exchange.binance import TAKER_FEE, venue_id
from core.adapters.exchange.calls import Urgency, expect_dict, expect_list
from core.adapters.exchange.dialects import (
    BY_VENUE_ID,
    PAGES,
    Raw,
    Remembered,
    in_windows,
    moment,
    number,
    text,
)
from core.adapters.exchange.wire import Line
from core.errors import PerpilotError, Unknown
from core.market import to_ms
from core.money import exact
from core.trade import Fill, FundingPayment, Order, Transfer

logger = logging.getLogger("perpilot.exchange")

WINDOW: Final = timedelta(days=7, seconds=-1)
"""These lists take at most, and one of them less than, seven days between start and end."""
PAGE: Final = 1000
SETTLED_S: Final = 120.0
"""Younger translations are not kept: the venue may show a child before it names its parent."""
AT_ONCE: Final = 20

FindOrder = Callable[[Raw, str, Urgency], Awaitable[Order | None]]


class BinanceHistory:
    """`names` is shared with whoever sees ordinary orders; `order` finds one by the venue's id."""

    def __init__(self, line: Line, names: Remembered[str, str], order: FindOrder) -> None:
        self._line = line
        self._api = line.client
        self._names = names
        self._order = order
        self._fees: Remembered[tuple[str, int], Decimal] = Remembered()
        """Price in USDT of a coin that fees are paid in, by minute."""

    async def funding(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[FundingPayment, ...]:
        question = {"symbol": venue_id(symbol), "incomeType": "FUNDING_FEE"}
        found = await self._income(question, since, urgency)
        return tuple(rows.funding_payment(row, symbol) for row in found)

    async def transfers(self, since: datetime, urgency: Urgency) -> tuple[Transfer, ...]:
        """All kinds in one list: each kind would cost as much as all of them."""
        found = (rows.transfer(row) for row in await self._income({}, since, urgency))
        return tuple(row for row in found if row is not None)

    async def _income(self, question: Raw, since: datetime, urgency: Urgency) -> list[Raw]:
        async def window(start: datetime, end: datetime) -> list[Raw]:
            found: list[Raw] = []
            for page in range(1, PAGES + 1):
                asked = {**question, **_between(start, end), "limit": PAGE, "page": page}
                part = await self._line.read(
                    "income", 30, urgency, partial(self._api.fapiPrivateGetIncome, asked), dicts
                )
                found += part
                if len(part) < PAGE:
                    return found
            raise Unknown(f"more than {PAGES * PAGE} rows of income since {start:%Y-%m-%d}")

        found = await in_windows(since, self._until(), WINDOW, window)
        return list(
            {
                (row.get("incomeType"), row.get("tranId"), row.get("asset"), row.get("symbol")): row
                for row in found
            }.values()
        )

    async def fills(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[Fill, ...]:
        async def window(start: datetime, end: datetime) -> list[Raw]:
            return await self._trades(symbol, start, end, urgency)

        found = {text(row, "id"): row for row in await in_windows(since, self._until(), WINDOW, window)}
        names = await self._named(symbol, found.values(), since, urgency)
        fees = [await self._fee(row, urgency) for row in found.values()]
        return tuple(
            rows.fill(row, symbol, names[text(row, "orderId")], fee)
            for row, fee in zip(found.values(), fees, strict=True)
        )

    async def _trades(self, symbol: str, start: datetime, end: datetime, urgency: Urgency) -> list[Raw]:
        found: list[Raw] = []
        asked: dict[str, Any] = {"symbol": venue_id(symbol), **_between(start, end), "limit": PAGE}
        for _ in range(PAGES):
            page = await self._line.read(
                "userTrades",
                5,
                urgency,
                partial(self._api.fapiPrivateGetUserTrades, asked),
                dicts,
            )
            found += [row for row in page if moment(row, "time") <= end]
            if len(page) < PAGE:
                return found
            newest = max(int(text(row, "id")) for row in page)
            asked = {"symbol": venue_id(symbol), "fromId": newest + 1, "limit": PAGE}
        raise Unknown(f"{symbol}: more than {PAGES * PAGE} trades since {start:%Y-%m-%d}")

    async def _named(
        self, symbol: str, trades: Iterable[Raw], since: datetime, urgency: Urgency
    ) -> dict[str, str]:
        """Client id by the venue's id of every order that these trades name."""
        newest = {text(row, "orderId"): moment(row, "time") for row in trades}
        names = {name: self._names[name] for name in newest if name in self._names}
        missing = [name for name in newest if name not in names]
        if missing:
            names |= await self._parents(symbol, since, urgency)
        missing = [name for name in missing if name not in names]
        for at in range(0, len(missing), AT_ONCE):
            part = missing[at : at + AT_ONCE]
            found = await asyncio.gather(*(self._order({"orderId": name}, symbol, urgency) for name in part))
            for name, order in zip(part, found, strict=True):
                names[name] = self._name_of(name, order, newest[name])
        return names

    async def _parents(self, symbol: str, since: datetime, urgency: Urgency) -> dict[str, str]:
        """Client id of the conditional order by the venue's id of what it became."""

        async def window(start: datetime, end: datetime) -> list[Raw]:
            asked = {"symbol": venue_id(symbol), **_between(start, end), "limit": PAGE}
            found = await self._line.read(
                "allAlgoOrders", 5, urgency, lambda: self._api.fapiPrivateGetAllAlgoOrders(asked), dicts
            )
            if len(found) >= PAGE:
                raise Unknown(f"{symbol}: {PAGE} conditional orders within a week")
            return found

        parents = {}
        for row in await in_windows(since, self._until(), WINDOW, window):
            child = rows.child_id(row)
            if child:
                parents[child] = text(row, "clientAlgoId")
                self._names.keep(child, parents[child])
        return parents

    def _name_of(self, name: str, order: Order | None, traded_at: datetime) -> str:
        age_s = (self._line.time.now() - traded_at).total_seconds()
        if order is not None:
            if age_s > SETTLED_S:
                self._names.keep(name, order.client_id)
            return order.client_id
        if age_s <= SETTLED_S:
            raise Unknown(f"a trade of order {name}, which the exchange doesn't show yet")
        return BY_VENUE_ID + name

    async def _fee(self, row: Raw, urgency: Urgency) -> Decimal:
        """USDT. A fee in another coin is worth what the coin cost in that minute; where that can't be read,
        the regular taker's fee stands in, which is more than any fee paid in BNB."""
        fee, asset = number(row, "commission"), str(row.get("commissionAsset"))
        if asset == "USDT" or fee == 0:
            return fee
        minute = to_ms(moment(row, "time")) // 60_000 * 60_000
        if (asset, minute) not in self._fees:
            asked = {"symbol": f"{asset}USDT", "interval": "1m", "startTime": minute, "limit": 1}
            try:
                price = await self._line.read(
                    f"klines {asset}",
                    1,
                    urgency,
                    lambda: self._api.fapiPublicGetKlines(asked),
                    lambda raw: exact(raw[0][4]),
                )
                self._fees.keep((asset, minute), price)
            except PerpilotError as error:
                logger.warning(
                    "exchange_fee_estimated trade=%s asset=%s reason=%r", row.get("id"), asset, str(error)
                )
                return number(row, "qty") * number(row, "price") * TAKER_FEE
        return fee * self._fees[asset, minute]

    def _until(self) -> datetime:
        """A little ahead: what happened a moment ago by the venue's clock is within."""
        return self._line.time.now() + timedelta(seconds=60)


def _between(start: datetime, end: datetime) -> dict[str, int]:
    return {"startTime": to_ms(start), "endTime": to_ms(end)}


def dicts(raw: Any) -> list[Raw]:
    return [expect_dict(row) for row in expect_list(raw)]
