"""Recorded candles as a live market under a virtual clock. Nothing later than the clock is ever shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.errors import BadMarketFacts, UnknownSymbol
from core.market import TIMEFRAMES, Background, Candles, Instrument, Quote, Side, from_ms, to_ms
from core.money import exact, nearest_to
from core.ports import Clock

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Path = tuple[float, float, float, float]
"""Four prices inside one bar, in their order."""


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
        """`bars`: symbol → `(n, 6) float64`, oldest first, as `Candles.rows`.

        Raises `BadMarketFacts` where bars are missing or out of order.
        """
        for symbol, rows in bars.items():
            _require_gapless(symbol, rows, TIMEFRAMES[base_timeframe])
        self._bars = bars
        self._instruments = instruments
        self._clock = clock
        self._funding = {symbol: _to_the_minute(rows) for symbol, rows in (funding or {}).items()}
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
        """The rate is the last one settled. When the next one comes is known ahead; its rate is not."""
        funding = self._funding.get(symbol)
        rate, hours, next_at = None, None, None
        if funding is not None:
            index = int(np.searchsorted(funding.at_ms, to_ms(self._clock.now()), side="right"))
            rate = float(funding.rate[index - 1]) if index else None
            next_at = from_ms(int(funding.at_ms[index])) if index < len(funding.at_ms) else None
            hours = _interval_h(funding, index)
        return Background(symbol, rate, hours, next_at, None, None, self._clock.now())

    async def instrument(self, symbol: str) -> Instrument:
        return self.known_instrument(symbol)

    def known_instrument(self, symbol: str) -> Instrument:
        """Raises `UnknownSymbol`."""
        try:
            return self._instruments[symbol]
        except KeyError as error:
            raise UnknownSymbol(f"{symbol} is not in this history") from error

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return tuple(sorted(self._bars))[:count]

    def settlements(
        self, symbol: str, after: datetime, until: datetime
    ) -> Iterator[tuple[datetime, Decimal]]:
        """Funding settled in (after, until], nothing later than the clock."""
        funding = self._funding.get(symbol)
        if funding is None:
            return
        latest = min(until, self._clock.now())
        first = int(np.searchsorted(funding.at_ms, to_ms(after), side="right"))
        last = int(np.searchsorted(funding.at_ms, to_ms(latest), side="right"))
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
    step = int(rows[1, 0] - rows[0, 0]) if len(rows) > 1 else length_ms
    if length_ms == step:
        return rows
    if length_ms % step:
        raise BadMarketFacts(f"bars of {step} ms cannot be joined to {length_ms} ms")
    per = length_ms // step
    starts = np.flatnonzero(rows[:, 0] % length_ms == 0)
    first = int(starts[0]) if len(starts) else len(rows)
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


def path_of(row: NDArray[np.float64], held: Side | None = None) -> Path:
    """Open, one extreme, the other, close.

    For the side of a held position its adverse extreme comes first: where the bar holds both stop and
    target, the stop is what happened. Otherwise a rising bar visits its low first, a falling one its high.
    """
    open_, high, low, close = (float(value) for value in row[1:5])
    low_first = held is Side.LONG if held is not None else close >= open_
    return (open_, low, high, close) if low_first else (open_, high, low, close)


def passage(start: float, end: float, triggers: Iterable[Decimal]) -> list[float]:
    """The prices on the way from `start` to `end` at which an order triggers, then `end`.

    A candle tells only its extremes, but the price went through everything between them: an order that is
    passed is filled at its trigger, neither worse (a stop) nor better (a target).
    """
    low, high = min(start, end), max(start, end)
    passed = {float(trigger) for trigger in triggers if low < trigger < high}
    return [*sorted(passed, reverse=end < start), end]


def _to_the_minute(funding: Funding) -> Funding:
    """Venues settle at the full hour and stamp it some milliseconds later."""
    return Funding(funding.at_ms - funding.at_ms % MINUTE_MS, funding.rate)


def _interval_h(funding: Funding, index: int) -> float | None:
    """Hours from the settlement before now to the next; where the record ends, from the last two."""
    last = min(index, len(funding.at_ms) - 1)
    if last < 1:
        return None
    return float(funding.at_ms[last] - funding.at_ms[last - 1]) / HOUR_MS


def _require_gapless(symbol: str, rows: NDArray[np.float64], step_ms: int) -> None:
    steps = np.diff(rows[:, 0])
    wrong = np.flatnonzero(steps != step_ms)
    if len(wrong):
        at = from_ms(int(rows[wrong[0], 0]))
        raise BadMarketFacts(f"{symbol}: the bar after {at} is missing or out of order")
