"""Pages of a venue's public past, through ccxt: candles, mark prices and funding.

Laws:
- Public reads only; no key is ever handed in.
- Every page is paid for from the request budget, tried again in bounds, and checked before it counts.
- Only what is closed by the venue's own clock is past.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import numpy as np

from core.adapters.exchange.binance import BINANCE_RULE
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import OPENING, BadShape, Calls, Urgency, expect_dict, expect_list
from core.adapters.exchange.checks import rows_from
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.reader import VenueTime
from core.adapters.exchange.unified import OTHER_RULE, RULES
from core.adapters.history.tables import Kind, settled_at
from core.backtest.history import Floats, bars_fault, funding_fault
from core.errors import UnknownSymbol
from core.market import TIMEFRAMES, from_ms, to_ms
from core.ports import Clock

T = TypeVar("T")

PAGE: Final = 1_000
"""Rows asked for at once; venues that give fewer are asked more often."""
DOWNLOADING: Final = Urgency("downloading", deadline_s=120.0, attempt_s=20.0, urgent=False)
LONGEST_WAIT_S: Final = 90.0
"""For room in the budget: a whole window of it."""
_WEIGHTS: Final = {"binanceusdm": 5, "okx": 2}


class Pages:
    """`open` before use, `close` after. Raises `Unknown`, `Throttled`, `NotAllowed` or `UnknownSymbol`."""

    def __init__(self, access: Access, clock: Clock, budget: WeightBudget | None = None) -> None:
        """`budget` None: one of its own, for nobody else asks this venue from here."""
        rule = (
            BINANCE_RULE if access.exchange_id == "binanceusdm" else RULES.get(access.exchange_id, OTHER_RULE)
        )
        self.exchange_id = access.exchange_id
        self._access = access
        self._clock = clock
        self._time = VenueTime(clock)
        self._budget = budget or WeightBudget(
            clock,
            limit=rule.limit,
            window_s=rule.window_s,
            reserve_fraction=rule.reserve_fraction,
            max_wait_s=LONGEST_WAIT_S,
        )
        self._weight = _WEIGHTS.get(access.exchange_id, 1)
        self._client: Any = None
        self._calls: Calls | None = None

    async def open(self) -> None:
        """May be called again after it failed."""
        if self._client is None:
            self._client = await open_client(self._access)
            self._calls = Calls(self._client, self._budget, self._clock)
        server_ms = await self._read("time", 1, self._client.fetch_time, int)
        self._time.offset_s = (server_ms - to_ms(self._clock.now())) / 1000
        await self._read("markets", 1, self._client.load_markets, expect_dict, OPENING)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    def now_ms(self) -> int:
        """By the venue's clock."""
        return to_ms(self._time.now())

    def offers(self, kind: Kind) -> bool:
        has = self._client.has
        wanted = {
            Kind.CANDLES: "fetchOHLCV",
            Kind.MARK: "fetchMarkOHLCV",
            Kind.FUNDING: "fetchFundingRateHistory",
        }
        return bool(has.get(wanted[kind]))

    def require(self, symbol: str) -> None:
        """Raises `UnknownSymbol` for what the venue doesn't list as a linear USDT perpetual."""
        market = self._client.markets.get(symbol)
        if market is None or not (market.get("swap") and market.get("linear")):
            raise UnknownSymbol(f"{self.exchange_id} lists no perpetual {symbol[:40]}")

    async def page(self, symbol: str, kind: Kind, timeframe: str, since_ms: int) -> Floats:
        """Closed rows from `since_ms` on, oldest first; possibly none, possibly with holes."""
        what = f"{kind.value} of {symbol} from {from_ms(since_ms):%Y-%m-%d %H:%M}"
        if kind is Kind.FUNDING:
            rows = await self._read(what, self._weight, lambda: self._funding(symbol, since_ms), _settlements)
            return rows[(rows[:, 0] >= since_ms) & (rows[:, 0] <= self.now_ms())]
        length = TIMEFRAMES[timeframe]
        params = {"price": "mark"} if kind is Kind.MARK else {}
        columns = 5 if kind is Kind.MARK else 6
        rows = await self._read(
            what,
            self._weight,
            lambda: self._client.fetch_ohlcv(symbol, timeframe, since_ms, PAGE, params),
            lambda raw: _bars(raw, length, columns),
        )
        return rows[(rows[:, 0] >= since_ms) & (rows[:, 0] + length <= self.now_ms())]

    def _funding(self, symbol: str, since_ms: int) -> Awaitable[Any]:
        answer: Awaitable[Any] = self._client.fetch_funding_rate_history(symbol, since_ms, PAGE)
        return answer

    async def _read(
        self,
        what: str,
        weight: int,
        ask: Callable[[], Awaitable[Any]],
        check: Callable[[Any], T],
        urgency: Urgency = DOWNLOADING,
    ) -> T:
        assert self._calls is not None, "opened before it is asked"
        return await self._calls.read(what, weight, urgency, ask, check)


def _bars(raw: Any, length_ms: int, columns: int) -> Floats:
    if raw and columns == 5:
        raw = [[*bar[:5], 0.0] for bar in expect_list(raw)]  # a mark price has no volume
    rows = rows_from(raw)[:, :columns]
    fault = bars_fault(rows, length_ms) if len(rows) else None
    if fault is not None:
        raise BadShape(f"the answer's {fault}")
    return rows


def _settlements(raw: Any) -> Floats:
    pairs = [(each["timestamp"], each["fundingRate"]) for each in expect_list(raw)]
    rows = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    rows[:, 0] = settled_at(rows[:, 0])
    fault = funding_fault(rows) if len(rows) else None
    if fault is not None:
        raise BadShape(f"the answer's {fault}")
    return rows
