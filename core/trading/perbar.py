"""A market whose slow facts stand still inside one 15-minute bar, so that equal bars ask equal questions."""

from __future__ import annotations

from datetime import datetime

from core.market import Background, Candles, Instrument, Quote, bar_open
from core.ports import Clock, Market

FRAME = "15m"
MAX_SYMBOLS = 2_000
"""More than any venue lists."""


class PerBarMarket:
    """Implements `Market`; `background` is read once per symbol and bar, everything else goes through."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market = market
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Background]] = {}

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        return await self._market.candles(symbol, timeframe, until, limit)

    async def quote(self, symbol: str) -> Quote:
        return await self._market.quote(symbol)

    async def background(self, symbol: str) -> Background:
        bar = bar_open(self._clock.now(), FRAME)
        kept = self._kept.get(symbol)
        if kept is not None and kept[0] == bar:
            return kept[1]
        background = await self._market.background(symbol)
        if len(self._kept) >= MAX_SYMBOLS:
            self._kept.clear()
        self._kept[symbol] = (bar, background)
        return background

    async def instrument(self, symbol: str) -> Instrument:
        return await self._market.instrument(symbol)

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return await self._market.symbols_by_volume(count)
