"""What the demo exchange sells: a market, either made from a seed or replayed from files.

Laws:
- Everything is a function of (symbol, instant) and of the moves made by hand; two questions about one instant
  have one answer, and what closed stays closed.
- The market asks its own clock only for "now"; whoever needs another instant passes it.
- The same seed and the same hour of start give the same market; nothing is laid over the generated prices.
"""

from __future__ import annotations

import sys
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, Protocol

import numpy as np

from bot.demo.instruments import LISTED, Instrument
from bot.demo.market_book import Book, book_around
from bot.demo.market_generator import PathGenerator
from bot.demo.market_history import GeneratedSeries, Older
from bot.demo.market_moves import Moves
from bot.demo.market_regimes import Regime, Scenario
from bot.demo.market_scenario import DEFAULT_SCENARIO, DEFAULT_SEED
from bot.demo.market_series import (
    DAY_MS,
    HOUR_MS,
    Bars,
    Floats,
    Ints,
    Series,
    Tape,
    bars_of,
)

Kind = Literal["last", "mark", "index"]
Clock = Callable[[], int]

FUNDING_MS: Final = 8 * HOUR_MS
_INTEREST_RATE: Final = 1e-4  # the part of funding that is paid while the premium is small, per 8 hours
_FUNDING_CAP: Final = 0.02
_MARK_DECIMALS: Final = 2  # mark and index prices are finer than the tick by this many decimals
_MARK_SHARE: Final = (
    0.15  # of the premium by which the mark price lies nearer to the index than the last price
)


@dataclass(frozen=True, slots=True)
class Funding:
    """`rate` is the present estimate for `next_ms`, a fraction of notional; positive: longs pay."""

    rate: float
    next_ms: int
    interval_hours: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """A funding rate that was settled."""

    at_ms: int
    rate: float


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The 24 hours up to an instant; prices in USDT, `volume` in coin, `turnover` in USDT."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal
    turnover: Decimal


class Market(Protocol):
    """What the exchange's face needs. Instants are milliseconds since the epoch on the market's own clock."""

    @property
    def instruments(self) -> Mapping[str, Instrument]: ...

    def now_ms(self) -> int: ...

    def symbols(self) -> tuple[str, ...]: ...

    def decimals(self, symbol: str, kind: Kind = "last") -> tuple[int, int]:
        """Decimal places of one tick and one lot in `candles`."""
        ...

    def candles(
        self, symbol: str, interval_ms: int, start_ms: int, end_ms: int, at_ms: int, kind: Kind = "last"
    ) -> Bars:
        """Bars opening in [start_ms, end_ms] as seen at `at_ms`, the last unfinished if `at_ms` is in it."""
        ...

    def first_ms(self, symbol: str) -> int:
        """Where the history begins that a look at the newest bars reaches; `candles` may go further back."""
        ...

    def price(self, symbol: str, at_ms: int) -> Decimal: ...

    def mark_price(self, symbol: str, at_ms: int) -> Decimal: ...

    def index_price(self, symbol: str, at_ms: int) -> Decimal: ...

    def book(self, symbol: str, at_ms: int, levels: int) -> Book: ...

    def day(self, symbol: str, at_ms: int) -> DayFigures: ...

    def funding(self, symbol: str, at_ms: int) -> Funding: ...

    def settlements(self, symbol: str, start_ms: int, end_ms: int) -> list[Settlement]: ...

    def open_interest(self, symbol: str, at_ms: int) -> Decimal:
        """In coin."""
        ...

    def nudge(self, symbol: str, fraction: float, seconds: float) -> None:
        """Move the price by `fraction` of itself, evenly over `seconds` from now; it stays moved."""
        ...

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Jump to `price`, rounded to the tick, now; from there the market goes on."""
        ...

    def notice(self, at_ms: int) -> str | None:
        """A sentence for people when something about the market ended, else None."""
        ...


class ScaledClock:
    """Milliseconds that start at `origin_ms` and run `speed` times as fast as `real_ms`.

    Two clocks made with the same origin and speed agree, also in two processes of one machine.
    """

    def __init__(self, origin_ms: int, speed: float, real_ms: Clock | None = None) -> None:
        if not 0 < speed <= 10_000:
            raise ValueError(f"a clock can run from above 0 to 10000 times as fast, not {speed}")
        self._origin_ms, self._speed = origin_ms, speed
        self._real_ms = real_ms or (lambda: time.time_ns() // 1_000_000)

    def __call__(self) -> int:
        return self._origin_ms + int((self._real_ms() - self._origin_ms) * self._speed)


def scaled(ticks: int, decimals: int) -> Decimal:
    """A whole number of ticks or lots as the amount it stands for."""
    return Decimal(int(ticks)).scaleb(-decimals)


class DerivedSeries:
    """The mark or index price: the last price times `ratio(bar start)`, constant within one bar."""

    def __init__(self, last: Series, ratio: Callable[[Ints], Floats]) -> None:
        self._last, self._ratio = last, ratio
        self.interval_ms, self.first_ms, self.end_ms = last.interval_ms, last.first_ms, last.end_ms

    def bars(self, first: int, last: int) -> Bars:
        bars = self._last.bars(first, last)
        if not len(bars):
            return bars
        ratio = self._ratio(bars.start_ms) * 10.0**_MARK_DECIMALS
        opened, high, low, closed = (
            np.rint(column * ratio).astype(np.int64)
            for column in (bars.open, bars.high, bars.low, bars.close)
        )
        return bars_of(bars.start_ms, (opened, high, low, closed), np.zeros_like(bars.volume))

    def path(self, position: int) -> Ints:
        start = np.array([self.first_ms + position * self.interval_ms])
        ratio = float(self._ratio(start)[0]) * 10**_MARK_DECIMALS
        path: Ints = np.rint(self._last.path(position) * ratio).astype(np.int64)
        return path


class PathMarket(ABC):
    """A market over series of bars; what differs is where the bars, the premium and the funding come from."""

    def __init__(self, now_ms: Clock, instruments: Mapping[str, Instrument]) -> None:
        self._clock = now_ms
        self._instruments = dict(instruments)
        self._moves = {symbol: Moves() for symbol in instruments}
        self._tapes: dict[tuple[str, Kind], Tape] = {}
        self._volume_decimals = {symbol: each.lot_decimals for symbol, each in instruments.items()}

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._instruments

    @abstractmethod
    def premium(self, symbol: str, at_ms: Ints) -> Floats:
        """Last price over index, minus 1."""

    @abstractmethod
    def funding(self, symbol: str, at_ms: int) -> Funding: ...

    @abstractmethod
    def settlements(self, symbol: str, start_ms: int, end_ms: int) -> list[Settlement]: ...

    @abstractmethod
    def open_interest(self, symbol: str, at_ms: int) -> Decimal: ...

    def notice(self, at_ms: int) -> str | None:
        return None

    def now_ms(self) -> int:
        return self._clock()

    def symbols(self) -> tuple[str, ...]:
        return tuple(self._instruments)

    def decimals(self, symbol: str, kind: Kind = "last") -> tuple[int, int]:
        finer = 0 if kind == "last" else _MARK_DECIMALS
        return self._instruments[symbol].price_decimals + finer, self._volume_decimals[symbol]

    def first_ms(self, symbol: str) -> int:
        return self._tapes[symbol, "last"].series.first_ms

    def candles(
        self, symbol: str, interval_ms: int, start_ms: int, end_ms: int, at_ms: int, kind: Kind = "last"
    ) -> Bars:
        return self._tapes[symbol, kind].candles(interval_ms, start_ms, end_ms, at_ms)

    def price(self, symbol: str, at_ms: int) -> Decimal:
        return self._priced(symbol, at_ms, "last")

    def mark_price(self, symbol: str, at_ms: int) -> Decimal:
        return self._priced(symbol, at_ms, "mark")

    def index_price(self, symbol: str, at_ms: int) -> Decimal:
        return self._priced(symbol, at_ms, "index")

    def book(self, symbol: str, at_ms: int, levels: int) -> Book:
        return book_around(self._tapes[symbol, "last"].price(at_ms), self._instruments[symbol], at_ms, levels)

    def day(self, symbol: str, at_ms: int) -> DayFigures:
        tape = self._tapes[symbol, "last"]
        interval = tape.series.interval_ms
        bars = tape.candles(interval, min(at_ms, tape.series.end_ms) - DAY_MS, at_ms, at_ms)
        tick, lot = self.decimals(symbol)
        prices = (bars.open[0], bars.high.max(), bars.low.min(), bars.close[-1])
        opened, high, low, last = (scaled(each, tick) for each in prices)
        turnover = Decimal(f"{float(bars.turnover.sum()) * 10.0 ** -(tick + lot):.2f}")
        volume = scaled(bars.volume.sum(), lot)
        return DayFigures(int(bars.start_ms[0]), opened, high, low, last, volume, turnover)

    def nudge(self, symbol: str, fraction: float, seconds: float) -> None:
        self._moves[symbol].slide(fraction, self.now_ms(), seconds)

    def set_price(self, symbol: str, price: Decimal) -> None:
        now = self.now_ms()
        wanted = round(price.scaleb(self._instruments[symbol].price_decimals))
        if wanted < 1:
            raise ValueError(f"{symbol} cannot be set to {price}: below one tick")
        self._moves[symbol].jump(wanted / self._tapes[symbol, "last"].unmoved(now) - 1.0, now)

    def _add(self, symbol: str, last: Series, mark: Series | None = None) -> None:
        """Register a symbol's series; without one of its own the mark follows last price and premium."""
        moves = self._moves[symbol]

        def mark_ratio(at_ms: Ints) -> Floats:
            return 1.0 - _MARK_SHARE * self.premium(symbol, at_ms)

        def index_ratio(at_ms: Ints) -> Floats:
            return 1.0 - self.premium(symbol, at_ms)

        self._tapes[symbol, "last"] = Tape(last, moves)
        self._tapes[symbol, "mark"] = Tape(mark or DerivedSeries(last, mark_ratio), moves)
        self._tapes[symbol, "index"] = Tape(DerivedSeries(last, index_ratio), moves)

    def _priced(self, symbol: str, at_ms: int, kind: Kind) -> Decimal:
        return scaled(self._tapes[symbol, kind].price(at_ms), self.decimals(symbol, kind)[0])


HISTORY_DAYS: Final = 55  # 330 closed bars of four hours
FUTURE_DAYS: Final = 1_000  # after which the market stands still, so that memory has a bound


class SeededMarket(PathMarket):
    """A market from a seed. Its history ends at the whole hour before the clock's time at construction."""

    def __init__(
        self,
        now_ms: Clock,
        seed: int = DEFAULT_SEED,
        *,
        instruments: tuple[Instrument, ...] = LISTED,
        scenario: Scenario = DEFAULT_SCENARIO,
        history_days: int = HISTORY_DAYS,
    ) -> None:
        super().__init__(now_ms, {each.symbol: each for each in instruments})
        self.opened_ms = now_ms() // HOUR_MS * HOUR_MS
        self.history_days = history_days
        origin = self.opened_ms - history_days * DAY_MS
        self._generator = PathGenerator(instruments, seed, origin, history_days, scenario)
        self._rows = {each.symbol: row for row, each in enumerate(instruments)}
        self._end_ms = self.opened_ms + FUTURE_DAYS * DAY_MS
        older = Older(self._generator, instruments, seed)
        self._older_ms = older.first_ms
        for symbol, row in self._rows.items():
            key = (seed, zlib.crc32(symbol.encode()))
            self._add(symbol, GeneratedSeries(self._generator, older, row, self._end_ms, key))

    def first_ms(self, symbol: str) -> int:
        return self._generator.origin_ms

    def regime(self, symbol: str, at_ms: int) -> Regime:
        """The state the generator has the symbol in: for tuning and tests, never shown to the bot."""
        hour = (at_ms - self._generator.origin_ms) / HOUR_MS
        return self._generator.plans[self._rows[symbol]].at(hour).regime

    def premium(self, symbol: str, at_ms: Ints) -> Floats:
        return self._generator.premium(self._rows[symbol], at_ms)

    def funding(self, symbol: str, at_ms: int) -> Funding:
        settled = at_ms // FUNDING_MS * FUNDING_MS
        return Funding(self._rate(symbol, settled, at_ms), settled + FUNDING_MS, 8)

    def settlements(self, symbol: str, start_ms: int, end_ms: int) -> list[Settlement]:
        first = max(start_ms, self._older_ms + FUNDING_MS)
        moments = range(-(-first // FUNDING_MS) * FUNDING_MS, end_ms + 1, FUNDING_MS)
        return [Settlement(at, self._rate(symbol, at - FUNDING_MS, at)) for at in moments]

    def open_interest(self, symbol: str, at_ms: int) -> Decimal:
        each = self._instruments[symbol]
        relative = float(self._generator.open_interest(self._rows[symbol], np.array([at_ms]))[0])
        return scaled(round(each.open_interest_usdt / each.price * relative / each.lot), each.lot_decimals)

    def notice(self, at_ms: int) -> str | None:
        return (
            f"The demo market ended after {FUTURE_DAYS} days; prices stand still."
            if at_ms >= self._end_ms
            else None
        )

    def _rate(self, symbol: str, start_ms: int, end_ms: int) -> float:
        """The mean premium of the interval with the interest part, as the venue's formula clamps it."""
        moments = np.arange(start_ms, max(end_ms, start_ms + 1), HOUR_MS, dtype=np.int64)
        premium = float(self.premium(symbol, moments).mean())
        rate = premium + min(max(_INTEREST_RATE - premium, -0.0005), 0.0005)
        return round(min(max(rate, -_FUNDING_CAP), _FUNDING_CAP), 8)


def regime_table(seed: int = DEFAULT_SEED, scenario: Scenario = DEFAULT_SCENARIO) -> str:
    """One line per symbol: the state it is in when a market of this seed opens."""
    market = SeededMarket(lambda: 10_000 * DAY_MS, seed, scenario=scenario)
    return "\n".join(
        f"{symbol:10}{market.regime(symbol, market.opened_ms).value}" for symbol in market.symbols()
    )


if __name__ == "__main__":
    sys.stdout.write(regime_table(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SEED) + "\n")
