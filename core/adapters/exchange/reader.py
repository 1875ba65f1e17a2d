"""What a venue's dialect must answer, in our words. ccxt's dictionaries stay on its side of this port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from core.adapters.exchange.calls import Urgency
from core.adapters.exchange.checks import Rows
from core.market import Background, Instrument, Quote
from core.money import exact
from core.ports import Clock, ClockReading


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """`limit` units of weight in any `window_s`, as the venue counts or stricter."""

    limit: int
    window_s: float
    reserve_fraction: float = 0.25
    max_wait_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Interest:
    """Open interest, in whichever unit the venue tells it."""

    coins: float | None = None
    usdt: float | None = None


class VenueTime:
    """The venue's clock as far as we know it: ours plus the measured offset."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s: float | None = None
        self._measured: tuple[float, float] | None = None
        """Monotonic seconds and those of the wall clock at the newest measurement."""

    @property
    def offset_s(self) -> float | None:
        """Venue minus ours; None before the first measurement."""
        return self._offset_s

    @offset_s.setter
    def offset_s(self, offset_s: float) -> None:
        self._offset_s = offset_s
        self._measured = self._clock.monotonic(), self._clock.now().timestamp()

    def reading(self) -> ClockReading | None:
        """None before the first measurement."""
        if self._offset_s is None or self._measured is None:
            return None
        age_s = self._clock.monotonic() - self._measured[0]
        stepped_s = self._clock.now().timestamp() - self._measured[1] - age_s
        return ClockReading(self._offset_s, age_s, stepped_s)

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.offset_s or 0.0)


class QuoteBoard(Protocol):
    def covers(self, symbol: str) -> bool: ...

    def quote(self, symbol: str) -> Quote:
        """Raises `BadMarketFacts`."""
        ...


class BackgroundBoard(Protocol):
    def covers(self, symbol: str) -> bool: ...

    def background(self, symbol: str, interest: Interest | None) -> Background: ...


class Reader(Protocol):
    @property
    def joint_from(self) -> int:
        """From this many symbols on, `quotes` and `backgrounds` answer about every symbol of the venue."""
        ...

    async def server_ms(self, urgency: Urgency) -> int: ...

    async def instruments(self, urgency: Urgency) -> Mapping[str, Instrument]:
        """Every linear USDT perpetual by symbol, delisted ones as inactive."""
        ...

    async def refined(self, instrument: Instrument, urgency: Urgency) -> Instrument:
        """With what the venue tells only about one symbol at a time."""
        ...

    async def candles(
        self, symbol: str, timeframe: str, count: int, before_ms: int | None, urgency: Urgency
    ) -> Rows:
        """The newest `count` bars, oldest first, unchecked and with the unfinished one; with `before_ms`,
        those that opened before it."""
        ...

    async def quotes(self, symbols: frozenset[str], urgency: Urgency) -> QuoteBoard: ...

    async def backgrounds(self, symbols: frozenset[str], urgency: Urgency) -> BackgroundBoard: ...

    async def open_interest(self, symbol: str, urgency: Urgency) -> Interest: ...

    async def volumes(self, urgency: Urgency) -> Mapping[str, float]:
        """24 h quote volume in USDT by symbol."""
        ...


def number_or_none(value: Any) -> float | None:
    """None for what the venue left out; `ValueError` for what is there but is no finite number."""
    if value is None or value == "":
        return None
    return float(exact(value))
