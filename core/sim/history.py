"""Recorded candles as a live market under a virtual clock. Nothing later than the clock is ever shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.errors import BadMarketFacts, UnknownSymbol
from core.market import TIMEFRAMES, Background, Candles, Instrument, Quote, from_ms, to_ms
from core.money import exact, nearest_to
from core.ports import Clock


@dataclass(frozen=True, slots=True)
class Funding:
    """Settlements, oldest first: times in ms UTC and rates as fractions."""

    at_ms: NDArray[np.int64]
    rate: NDArray[np.float64]


class HistoryMarket:
    """A `Market` over closed bars of one base timeframe; larger ones are aggregated from it."""

    def __init__(
        self,
        bars: Mapping[str, NDArray[np.float64]],
        base_timeframe: str,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        funding: Mapping[str, Funding] | None = None,
        half_spread: Decimal = Decimal("0.00005"),
    ) -> None:
        """`bars`: symbol → `(n, 6) float64`, contiguous, oldest first, as `Candles.rows`."""
        self._bars = bars
        self._base = base_timeframe
        self._instruments = instruments
        self._clock = clock
        self._funding = funding or {}
        self._half_spread = half_spread
        self._prices: dict[str, float] = {}
        self._frames: dict[tuple[str, str], NDArray[np.float64]] = {}

    def set_price(self, symbol: str, price: float) -> Quote:
        """The live price from now on; returns the quote it makes."""
        self._prices[symbol] = price
        return self._quote(symbol)

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        rows = self._frame(symbol, timeframe)
        last_open = to_ms(min(until, self._clock.now())) - TIMEFRAMES[timeframe]
        end = int(np.searchsorted(rows[:, 0], last_open, side="right"))
        if end == 0:
            raise BadMarketFacts(f"{symbol} {timeframe}: no closed bar before {until}")
        return Candles(symbol, timeframe, rows[max(0, end - limit) : end])

    async def quote(self, symbol: str) -> Quote:
        return self._quote(symbol)

    async def background(self, symbol: str) -> Background:
        funding = self._funding.get(symbol)
        now_ms = to_ms(self._clock.now())
        rate, next_at = None, None
        if funding is not None:
            index = int(np.searchsorted(funding.at_ms, now_ms, side="right"))
            rate = float(funding.rate[index - 1]) if index else None
            next_at = from_ms(int(funding.at_ms[index])) if index < len(funding.at_ms) else None
        return Background(symbol, rate, 8.0, next_at, None, None, self._clock.now())

    async def instrument(self, symbol: str) -> Instrument:
        try:
            return self._instruments[symbol]
        except KeyError as error:
            raise UnknownSymbol(f"{symbol} is not in this history") from error

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return tuple(sorted(self._bars))[:count]

    def settlements(
        self, symbol: str, after: datetime, until: datetime
    ) -> Iterator[tuple[datetime, Decimal]]:
        """Funding settled in (after, until]."""
        funding = self._funding.get(symbol)
        if funding is None:
            return
        first = int(np.searchsorted(funding.at_ms, to_ms(after), side="right"))
        last = int(np.searchsorted(funding.at_ms, to_ms(until), side="right"))
        for index in range(first, last):
            yield from_ms(int(funding.at_ms[index])), exact(float(funding.rate[index]))

    def _quote(self, symbol: str) -> Quote:
        price = self._prices.get(symbol)
        if price is None:
            raise BadMarketFacts(f"{symbol}: no price yet")
        tick = self._instruments[symbol].tick
        mark = nearest_to(exact(price), tick)
        half = max(nearest_to(mark * self._half_spread, tick), tick)
        return Quote(symbol, mark - half, mark + half, mark, mark, self._clock.now())

    def _frame(self, symbol: str, timeframe: str) -> NDArray[np.float64]:
        if (symbol, timeframe) not in self._frames:
            if symbol not in self._bars:
                raise UnknownSymbol(f"{symbol} is not in this history")
            self._frames[symbol, timeframe] = aggregate(self._bars[symbol], TIMEFRAMES[timeframe])
        return self._frames[symbol, timeframe]


def aggregate(rows: NDArray[np.float64], length_ms: int) -> NDArray[np.float64]:
    """Whole bars of `length_ms` from contiguous smaller ones; parts at either end are dropped."""
    step = int(rows[1, 0] - rows[0, 0])
    if length_ms == step:
        return rows
    if length_ms % step:
        raise BadMarketFacts(f"bars of {step} ms cannot be joined to {length_ms} ms")
    per = length_ms // step
    first = int(np.argmax(rows[:, 0] % length_ms == 0))
    count = (len(rows) - first) // per
    groups = rows[first : first + count * per].reshape(count, per, 6)
    return np.column_stack(
        [
            groups[:, 0, 0],
            groups[:, 0, 1],
            groups[:, :, 2].max(axis=1),
            groups[:, :, 3].min(axis=1),
            groups[:, -1, 4],
            groups[:, :, 5].sum(axis=1),
        ]
    )


def path_of(row: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Four prices inside one bar: a rising bar visits its low first, a falling one its high."""
    open_, high, low, close = (float(value) for value in row[1:5])
    return (open_, low, high, close) if close >= open_ else (open_, high, low, close)
