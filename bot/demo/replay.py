"""A market that replays candle files as if they were happening now.

Laws:
- A bar of the files is read back exactly; what lies inside a bar (and candles shorter than the files') is an
  invented but fixed path through its open, extremes and close.
- All symbols run on one shift between file time and now, a multiple of 8 hours, so that bars stay aligned and
  funding stays at its hours. The chosen start is reached within 8 hours of the file's time.
- When the shortest file ends, prices stand still and `notice` says so.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from bot.demo.instruments import Instrument, instrument_for
from bot.demo.market import FUNDING_MS, Clock, Funding, PathMarket, ScaledClock, Settlement, scaled
from bot.demo.market_series import (
    DAY_MS,
    HOUR_MS,
    SECOND_MS,
    Bars,
    Floats,
    Ints,
    PathMemory,
    bars_of,
    path_inside,
    resampled,
)
from bot.demo.replay_files import (
    FUNDING_COLUMNS,
    INTEREST_COLUMNS,
    BadCandleFile,
    CandleFile,
    beside,
    candle_files,
    candles_in,
    decimals_of,
    marks_in,
    moment,
    series_in,
)

WARM_UP_DAYS: Final = 60  # of candles before the start: 300 bars of four hours and some days
KEPT_DAYS: Final = 100  # of candles before the start are kept in memory
_SHIFT_MS: Final = FUNDING_MS
_USUAL_RATE: Final = 1e-4  # per 8 hours, where no funding file says otherwise
_INTEREST_DAYS: Final = 0.35  # open interest as days of volume, where no file says otherwise


@dataclass(frozen=True, slots=True)
class Window:
    """File times in milliseconds: what is kept, where the replay starts, and where the shortest file ends."""

    begin_ms: int
    start_ms: int
    end_ms: int


class FileSeries:
    """One symbol's bars; `shift_ms` is added to file time."""

    def __init__(self, bars: Bars, interval_ms: int, shift_ms: int, seed: int) -> None:
        self.interval_ms = interval_ms
        self.first_ms = int(bars.start_ms[0]) + shift_ms
        self.end_ms = int(bars.start_ms[-1]) + shift_ms + interval_ms
        self._bars = replace(bars, start_ms=bars.start_ms + shift_ms)
        self._numbers = bars.start_ms // interval_ms  # seeds that do not depend on the shift
        self._seed = seed
        self._memory = PathMemory()

    def bars(self, first: int, last: int) -> Bars:
        return self._bars.part(slice(first, last))

    def path(self, position: int) -> Ints:
        known = self._memory.get(position)
        if known is not None:
            return known
        bars = self._bars
        opened, high = int(bars.open[position]), int(bars.high[position])
        low, closed = int(bars.low[position]), int(bars.close[position])
        seconds, seed = self.interval_ms // SECOND_MS, (self._seed, int(self._numbers[position]))
        return self._memory.keep(position, path_inside((opened, high, low, closed), seconds, seed))


class MarkSeries:
    """Hourly mark bars whose path follows the last price inside each hour."""

    interval_ms = HOUR_MS

    def __init__(self, last: FileSeries, bars: Bars) -> None:
        self.first_ms, self.end_ms = last.first_ms, last.end_ms
        self._last, self._bars = last, bars
        self._memory = PathMemory()

    def bars(self, first: int, last: int) -> Bars:
        return self._bars.part(slice(first, last))

    def path(self, position: int) -> Ints:
        known = self._memory.get(position)
        if known is not None:
            return known
        each = HOUR_MS // self._last.interval_ms
        last = np.concatenate([self._last.path(position * each + k) for k in range(each)])
        return self._memory.keep(position, _following(last, self._bars, position))


def _following(last: Ints, marks: Bars, position: int) -> Ints:
    """The last price bent so that its open, extremes and close become those of the mark bar."""
    opened, high = int(marks.open[position]), int(marks.high[position])
    low, closed = int(marks.low[position]), int(marks.close[position])
    known = {int(last[0]): opened, int(last[-1]): closed, int(last.min()): low, int(last.max()): high}
    prices = sorted(known)
    path = np.rint(np.interp(last, prices, [known[each] for each in prices])).astype(np.int64).clip(low, high)
    bottom = min(max(int(np.argmin(last)), 1), len(last) - 2)
    top = min(max(int(np.argmax(last)), 1), len(last) - 2)
    if top == bottom:
        top = bottom + 1 if bottom + 2 < len(last) else bottom - 1
    path[0], path[bottom], path[top], path[-1] = opened, low, high, closed
    return path


class ReplayMarket(PathMarket):
    """`now_ms` is real time; the market's own clock starts there and runs `speed` times as fast.

    Raises `BadCandleFile` for a folder or a start that cannot be replayed. `start_from` is aware; None starts
    a third into what all symbols share.
    """

    def __init__(
        self, directory: Path, *, now_ms: Clock, speed: float = 1.0, start_from: datetime | None = None
    ) -> None:
        clock = now_ms if speed == 1.0 else ScaledClock(now_ms(), speed, now_ms)
        window, files = _chosen(candle_files(directory), start_from)
        self.window = window
        self.shift_ms = -(-(clock() - window.start_ms) // _SHIFT_MS) * _SHIFT_MS
        tables = {each.symbol: _inside(candles_in(each), window) for each in files}
        super().__init__(clock, {symbol: _instrument(symbol, table) for symbol, table in tables.items()})
        self._end_ms = window.end_ms + self.shift_ms
        self._funding = {symbol: self._shifted(directory, "funding", symbol) for symbol in tables}
        self._interest = {symbol: self._shifted(directory, "oi", symbol) for symbol in tables}
        self._usual_volume: dict[str, float] = {}
        for file in files:
            self._load(directory, file, tables[file.symbol])

    def premium(self, symbol: str, at_ms: Ints) -> Floats:
        return np.clip(self._estimates(symbol, at_ms) - _USUAL_RATE, -0.005, 0.005)

    def funding(self, symbol: str, at_ms: int) -> Funding:
        """The estimate runs from the last settled rate to the next one, as a mean over the interval would."""
        stamps = self._stamps(symbol)
        place = int(np.searchsorted(stamps, at_ms, side="right"))
        rate = round(float(self._estimates(symbol, np.array([at_ms]))[0]), 8)
        if 0 < place < len(stamps) and stamps[place] - stamps[place - 1] <= FUNDING_MS:
            hours = int(stamps[place] - stamps[place - 1]) // HOUR_MS
            return Funding(rate, int(stamps[place]), hours)
        return Funding(rate, at_ms // FUNDING_MS * FUNDING_MS + FUNDING_MS, 8)

    def settlements(self, symbol: str, start_ms: int, end_ms: int) -> list[Settlement]:
        first = max(start_ms, self.first_ms(symbol))
        table = self._funding[symbol]
        if table is None:
            moments = range(-(-first // FUNDING_MS) * FUNDING_MS, end_ms + 1, FUNDING_MS)
            return [Settlement(at, _USUAL_RATE) for at in moments]
        rows = table[(table[:, 0] >= first) & (table[:, 0] <= end_ms)]
        return [Settlement(int(stamp), float(rate)) for stamp, rate in rows]

    def open_interest(self, symbol: str, at_ms: int) -> Decimal:
        places = self._instruments[symbol].lot_decimals
        table = self._interest[symbol]
        if table is not None and table[0, 0] <= at_ms <= table[-1, 0]:
            return scaled(round(float(np.interp(at_ms, table[:, 0], table[:, 1])) * 10**places), places)
        usual = self._usual_volume[symbol]
        lively = (float(self.day(symbol, at_ms).volume) / usual) ** 0.25 if usual > 0 else 1.0
        return scaled(round(_INTEREST_DAYS * usual * lively * 10**places), places)

    def file_time_ms(self, at_ms: int) -> int:
        """The instant of the files that is replayed at `at_ms`."""
        return min(at_ms, self._end_ms) - self.shift_ms

    def notice(self, at_ms: int) -> str | None:
        if at_ms < self._end_ms:
            return None
        return f"The replayed candles ended at {moment(self.window.end_ms)} UTC; prices stand still."

    def _load(self, directory: Path, file: CandleFile, table: Floats) -> None:
        symbol = file.symbol
        self._volume_decimals[symbol] = max(decimals_of(table[:, 5]), self._instruments[symbol].lot_decimals)
        tick, lot = self.decimals(symbol)
        series = FileSeries(
            _ticks(table, tick, lot), file.interval_ms, self.shift_ms, zlib.crc32(symbol.encode())
        )
        days = (self.window.start_ms - self.window.begin_ms) / DAY_MS
        before = table[:, 0] < self.window.start_ms
        self._usual_volume[symbol] = float(table[before, 5].sum()) / days
        self._add(symbol, series, self._marks(directory, symbol, series))

    def _marks(self, directory: Path, symbol: str, last: FileSeries) -> MarkSeries | None:
        """Hours that the mark file lacks take the last price."""
        path = beside(directory, "mark", f"{symbol}-1h.csv.gz")
        if path is None:
            return None
        tick = self.decimals(symbol, "mark")[0]
        finer = 10 ** (tick - self.decimals(symbol)[0])
        hours = resampled(last.bars(0, (last.end_ms - last.first_ms) // last.interval_ms), HOUR_MS)
        prices = [column * finer for column in (hours.open, hours.high, hours.low, hours.close)]
        rows = marks_in(path)
        stamps = rows[:, 0].astype(np.int64) + self.shift_ms
        known = np.isin(stamps, hours.start_ms)
        places = np.searchsorted(hours.start_ms, stamps[known])
        for column, prices_of in enumerate(prices, 1):
            prices_of[places] = np.rint(rows[known, column] * 10.0**tick).astype(np.int64)
        opened, high, low, closed = prices
        return MarkSeries(last, bars_of(hours.start_ms, (opened, high, low, closed), np.zeros_like(opened)))

    def _shifted(self, directory: Path, kind: str, symbol: str) -> Floats | None:
        """(n, 2): time on the market's clock and value; None without a file or a row in the window."""
        name, columns = {
            "funding": (f"{symbol}-funding.csv.gz", FUNDING_COLUMNS),
            "oi": (f"{symbol}-oi-4h.csv.gz", INTEREST_COLUMNS),
        }[kind]
        path = beside(directory, kind, name)
        if path is None:
            return None
        rows = _inside(series_in(path, columns), self.window)[:, :2].copy()
        rows[:, 0] += self.shift_ms
        return rows if len(rows) else None

    def _stamps(self, symbol: str) -> Floats:
        table = self._funding[symbol]
        return table[:, 0] if table is not None else np.empty(0)

    def _estimates(self, symbol: str, at_ms: Ints) -> Floats:
        table = self._funding[symbol]
        if table is None:
            return np.full(len(at_ms), _USUAL_RATE)
        estimates: Floats = np.interp(at_ms, table[:, 0], table[:, 1])
        return estimates


def _chosen(files: list[CandleFile], start_from: datetime | None) -> tuple[Window, list[CandleFile]]:
    """Per symbol the finest file that covers the warm-up and a day from the start on."""
    longest: dict[str, CandleFile] = {}
    for file in files:
        held = longest.get(file.symbol)
        if held is None or file.end_ms - file.first_ms > held.end_ms - held.first_ms:
            longest[file.symbol] = file
    first = max(file.first_ms for file in longest.values())
    last = min(file.end_ms for file in longest.values())
    start = _start(first, last, longest, start_from)
    warm = start - WARM_UP_DAYS * DAY_MS
    chosen = []
    for symbol, widest in longest.items():
        fit = [
            file
            for file in files
            if file.symbol == symbol and file.first_ms <= warm and file.end_ms >= start + DAY_MS
        ]
        chosen.append(min(fit, key=lambda file: (file.interval_ms, -file.end_ms), default=widest))
    begin = max(start - KEPT_DAYS * DAY_MS, *(file.first_ms for file in chosen))
    end = min(file.end_ms for file in chosen) // HOUR_MS * HOUR_MS
    return Window(-(-begin // HOUR_MS) * HOUR_MS, start, end), chosen


def _start(first: int, last: int, longest: Mapping[str, CandleFile], wanted: datetime | None) -> int:
    earliest, latest = first + WARM_UP_DAYS * DAY_MS, last - DAY_MS
    if latest <= earliest:
        shortest = min(longest.values(), key=lambda file: file.end_ms - file.first_ms)
        held = f"{shortest.path.name} holds {moment(shortest.first_ms)} to {moment(shortest.end_ms)} UTC"
        raise BadCandleFile(
            f"a replay needs {WARM_UP_DAYS} days of candles before its start and one after, "
            f"of all symbols at once; {held}"
        )
    start = max(earliest, first + (last - first) // 3) if wanted is None else round(wanted.timestamp() * 1000)
    if not earliest <= start <= latest:
        raise BadCandleFile(
            f"a replay of these files can start from {moment(earliest)} to {moment(latest)} UTC, "
            f"not at {moment(start)}"
        )
    return start


def _inside(rows: Floats, window: Window) -> Floats:
    kept: Floats = rows[(rows[:, 0] >= window.begin_ms) & (rows[:, 0] < window.end_ms)]
    return kept


def _instrument(symbol: str, table: Floats) -> Instrument:
    """The listed rules, with a tick as fine as the file's prices."""
    days = max(1.0, (table[-1, 0] - table[0, 0]) / DAY_MS)
    turnover = float((table[:, 4] * table[:, 5]).sum()) / days
    known = instrument_for(symbol, float(table[-1, 4]), turnover)
    places = max(known.price_decimals, decimals_of(table[:, 1:5]))
    return replace(known, price_decimals=places, day_volume_usdt=max(turnover, 1.0))


def _ticks(table: Floats, tick: int, lot: int) -> Bars:
    opened, high, low, closed = (np.rint(table[:, k] * 10.0**tick).astype(np.int64) for k in range(1, 5))
    volume = np.rint(table[:, 5] * 10.0**lot).astype(np.int64)
    return bars_of(table[:, 0].astype(np.int64), (opened, high, low, closed), volume)
