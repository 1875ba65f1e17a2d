"""The market as the breakers need it: BTC and the symbols that are held, cheap and never in anybody's way.

A read that fails leaves its gauge unknown and counts as a failure of the exchange; it stops nobody. The
age of a price goes on growing meanwhile, and that is what trips.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from core.analysis.indicators import atr
from core.errors import BadMarketFacts, PerpilotError, UnknownSymbol
from core.market import Quote, bar_open, coin
from core.money import exact
from core.ports import Clock, Market
from core.risk.breakers import UNKNOWN, Gauge, quiet
from core.trading.failures import Failures

log = logging.getLogger("perpilot.watch")

REFERENCE = "BTC/USDT:USDT"
"""What it does, everything does."""
FRAME = "15m"
BARS = 60
"""Enough for Wilder's ATR 14 to settle."""
READ_EVERY = timedelta(seconds=20)


@dataclass(slots=True)
class Watched:
    """What is known of one symbol."""

    since: datetime
    """From here on its price is needed."""
    read_at: datetime | None = None
    quote: Quote | None = None
    bar: datetime | None = None
    """Open of the bar in which the slow facts were read."""
    close: float | None = None
    atr: float | None = None
    funding_bar: datetime | None = None
    funding: float | None = None
    is_absent: bool = False
    """Not traded here, or without any price yet."""


@dataclass(frozen=True, slots=True)
class MarketGauges:
    price_age: Gauge = UNKNOWN
    price_move: Gauge = UNKNOWN
    funding: Gauge = UNKNOWN


@dataclass(slots=True)
class MarketWatch:
    market: Market
    clock: Clock
    failures: Failures
    _rows: dict[str, Watched] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, held: Iterable[str]) -> MarketGauges:
        """Raises nothing that the market port raises."""
        symbols = sorted(set(held))
        async with self._reading:
            now = self.clock.now()
            watched = dict.fromkeys([*symbols, REFERENCE])
            self._rows = {each: self._rows.get(each) or Watched(now) for each in watched}
            due = [(name, row) for name, row in self._rows.items() if _is_due(row, now)]
            await asyncio.gather(*(self._read(name, row, name in symbols) for name, row in due))
        return self._gauges(symbols, self.clock.now())

    async def _read(self, symbol: str, row: Watched, is_held: bool) -> None:
        row.read_at = now = self.clock.now()
        try:
            await self.market.instrument(symbol)
            row.quote = await self.market.quote(symbol)
            row.is_absent = False
        except (UnknownSymbol, BadMarketFacts):
            row.is_absent = row.quote is None and not is_held
        except PerpilotError as error:
            self._failed(symbol, error)
        if not row.is_absent:
            await self._read_bars(symbol, row, now)
            await self._read_funding(symbol, row, now)

    async def _read_bars(self, symbol: str, row: Watched, now: datetime) -> None:
        """Once per bar; again while the newest bar is not out yet."""
        bar = bar_open(now, FRAME)
        if row.bar == bar:
            return
        try:
            candles = await self.market.candles(symbol, FRAME, now, BARS)
        except PerpilotError as error:
            self._failed(symbol, error)
            return
        reach = atr(candles.high, candles.low, candles.close)
        last = float(reach[-1]) if len(reach) else float("nan")
        row.close, row.atr = float(candles.close[-1]), last if np.isfinite(last) and last > 0 else None
        row.bar = bar if candles.closed_at >= bar else None

    async def _read_funding(self, symbol: str, row: Watched, now: datetime) -> None:
        bar = bar_open(now, FRAME)
        if row.funding_bar == bar:
            return
        try:
            row.funding = (await self.market.background(symbol)).funding_per_8h()
            row.funding_bar = bar
        except PerpilotError as error:
            row.funding = None
            self._failed(symbol, error)

    def _failed(self, symbol: str, error: PerpilotError) -> None:
        self.failures.note(error)
        log.warning("not seen: symbol=%s error=%s", symbol, str(error))

    def _gauges(self, held: Sequence[str], now: datetime) -> MarketGauges:
        rows = {name: row for name, row in self._rows.items() if not row.is_absent}
        needed = {name: rows[name] for name in held if name in rows} or rows
        if not rows:
            return MarketGauges(*(quiet("nothing to watch"),) * 3)
        return MarketGauges(
            _worst(needed, lambda row: _age(row, now)), _worst(rows, _move), _worst(rows, _funding)
        )


def _is_due(row: Watched, now: datetime) -> bool:
    return row.read_at is None or abs(now - row.read_at) >= READ_EVERY


def _worst(rows: dict[str, Watched], measure: Callable[[Watched], Decimal | None]) -> Gauge:
    """The largest of those that are known."""
    known = [(value, name) for name, row in rows.items() if (value := measure(row)) is not None]
    if not known:
        return UNKNOWN
    value, name = max(known)
    return Gauge(value, coin(name))


def _age(row: Watched, now: datetime) -> Decimal:
    """Seconds since its newest price; since it was needed first while there was none."""
    newest = row.quote.at if row.quote is not None else row.since
    return max(Decimal(str((now - newest).total_seconds())), Decimal(0))


def _move(row: Watched) -> Decimal | None:
    if row.quote is None or row.close is None or row.atr is None:
        return None
    move = abs(float(row.quote.mark) - row.close) / row.atr
    return exact(move) if np.isfinite(move) else None


def _funding(row: Watched) -> Decimal | None:
    return None if row.funding is None or not np.isfinite(row.funding) else exact(abs(row.funding))
