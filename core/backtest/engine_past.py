"""Histories made ready once for any number of runs: flat arrays, marks beside their bars, settlements placed.

Laws:
- Bars are not touched, and copied only to lie one behind the other or where they can't be written.
- A bar without a mark price has its traded one; mark bars longer than the bars can't be placed and are not
  used, which is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.analysis.indicators import atr
from core.backtest.engine_words import SAID, Floats, Ints, Tape, Venues
from core.backtest.history import BadHistory, History
from core.market import TIMEFRAMES, Instrument, coin

HOUR_MS = 3_600_000
PROMPT_MS = 60_000
"""A settlement this shortly after a bar's open is one at the open: venues stamp them a little late."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One symbol."""

    symbol: str
    bars: Floats
    mark: Floats
    funding: Floats
    """As in `Tape`; bars count from the symbol's first."""
    instrument: Instrument
    remarks: tuple[str, ...]
    """What its history leaves open; without its name."""
    fine: Floats
    fine_at: Ints
    """As in `Tape`; finer bars count from the symbol's first."""
    rates: Floats
    """(k, 2) funding as it was settled: ms, fraction of the notional."""


@dataclass(frozen=True)
class Past:
    """All symbols of a run, of one timeframe."""

    bar_ms: int
    parts: tuple[Ready, ...]
    target_is_maker: bool
    notes: tuple[str, ...] = ()
    """Sentences about where it comes from, for a report."""

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What the histories leave open, the same of several symbols said once; then the notes."""
        said: dict[str, list[str]] = {}
        for part in self.parts:
            for words in part.remarks:
                said.setdefault(words, []).append(coin(part.symbol))
        return (*(f"{', '.join(names)}: {words}" for words, names in said.items()), *self.notes)

    @cached_property
    def joined(self) -> Tape:
        """One tape of all, nothing said yet; of marks as many as bars or, where nobody has any, none."""
        parts, counts = self.parts, [len(part.bars) for part in self.parts]
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        due = np.concatenate(([0], np.cumsum([len(part.funding) for part in parts]))).astype(np.int64)
        placed = list(zip(starts, parts, strict=False))
        has_mark = any(len(part.mark) for part in parts)
        return Tape(
            bars=parts[0].bars if len(parts) == 1 else np.concatenate([part.bars for part in parts]),
            mark=np.concatenate([_marks(part) for part in parts]) if has_mark else np.zeros((0, 4)),
            fine=np.concatenate([part.fine for part in parts]),
            fine_at=_fine_at(parts),
            side=np.zeros(0, dtype=np.int8),
            said=np.zeros((0, 0)),
            said_at=np.full(len(SAID), -1),
            first=starts[:-1],
            last=starts[1:],
            funding=np.concatenate([part.funding + np.array([start, start, 0.0]) for start, part in placed]),
            funding_first=due,
        )

    @property
    def has_hourly(self) -> bool:
        """Bars of an hour can be made of its own."""
        return HOUR_MS % self.bar_ms == 0

    @cached_property
    def hourly_atr(self) -> Floats:
        """(n,) the 1h ATR known at each bar's close, price units; NaN where there is none."""
        if not self.has_hourly:
            return np.full(sum(len(part.bars) for part in self.parts), np.nan)
        return np.concatenate([hourly_atr(part.bars, self.bar_ms) for part in self.parts])

    @cached_property
    def venues(self) -> Venues:
        return venues_of([part.instrument for part in self.parts], target_is_maker=self.target_is_maker)

    @cached_property
    def alone(self) -> tuple[Past, ...]:
        """Each symbol as a past of its own."""
        return tuple(Past(self.bar_ms, (part,), self.target_is_maker) for part in self.parts)


def past_of(
    histories: Sequence[History],
    instruments: Sequence[Instrument],
    *,
    target_is_maker: bool = False,
    notes: Sequence[str] = (),
    finer: Sequence[History | None] | None = None,
) -> Past:
    """`finer`: shorter bars of the same symbols, None where there are none.

    Raises `BadHistory` where there are no bars, or of more than one timeframe, or where finer bars are of
    another symbol or can't be laid into the others.
    """
    frames = {history.timeframe for history in histories}
    if len(frames) != 1 or any(len(history.bars) == 0 for history in histories):
        raise BadHistory(f"a run needs bars of one timeframe, not of {sorted(frames) or 'none'}")
    bar_ms = TIMEFRAMES[frames.pop()]
    given = finer if finer is not None else [None] * len(histories)
    parts = tuple(_ready(*each, bar_ms) for each in zip(histories, instruments, given, strict=True))
    return Past(bar_ms, parts, target_is_maker, tuple(notes))


def venues_of(instruments: Sequence[Instrument], *, target_is_maker: bool) -> Venues:
    most = max(len(one.tiers) for one in instruments)
    rules = [
        [
            one.tick,
            one.lot,
            one.min_quantity,
            one.max_quantity,
            one.min_notional,
            one.taker_fee,
            one.maker_fee if target_is_maker else one.taker_fee,
            1 if target_is_maker else 0,
        ]
        for one in instruments
    ]
    return Venues(np.array(rules, dtype=np.float64), np.array([_tiers(one, most) for one in instruments]))


def _tiers(instrument: Instrument, count: int) -> list[list[float]]:
    rows = [
        [
            float(one.cap),
            float(one.max_leverage),
            float(one.maintenance_rate),
            float(one.maintenance_deduction),
        ]
        for one in instrument.tiers
    ]
    return rows + [rows[-1]] * (count - len(rows))


def _ready(history: History, instrument: Instrument, finer: History | None, bar_ms: int) -> Ready:
    bars = np.require(history.bars, np.float64, ["C", "W"])
    mark, remarks = np.zeros((0, 4)), history.remarks
    if history.mark is not None and len(history.mark):
        if TIMEFRAMES[history.mark_timeframe or history.timeframe] > bar_ms:
            text = f"mark prices of {history.mark_timeframe} are too coarse for liquidations"
            remarks = (*remarks, f"{text}, the traded price stands in for them")
        else:
            mark = marks_beside(bars, history.mark, bar_ms)
    rates = history.funding if history.funding is not None else np.zeros((0, 2))
    prices = mark[:, 0] if len(mark) else bars[:, 1]
    due = settlements(bars[:, 0], prices, rates, bar_ms)
    fine, fine_at = _laid(history, bars, finer, bar_ms)
    return Ready(history.symbol, bars, mark, due, instrument, remarks, fine, fine_at, rates)


def _laid(history: History, bars: Floats, finer: History | None, bar_ms: int) -> tuple[Floats, Ints]:
    if finer is None:
        return np.zeros((0, 5)), np.zeros(0, dtype=np.int64)
    length_ms = TIMEFRAMES[finer.timeframe]
    if finer.symbol != history.symbol:
        raise BadHistory(f"finer bars of {finer.symbol} do not belong to {history.symbol}")
    if bar_ms % length_ms or length_ms == bar_ms:
        raise BadHistory(f"bars of {finer.timeframe} can't be laid into those of {history.timeframe}")
    return finer_beside(bars, finer.bars, bar_ms, bar_ms // length_ms)


def finer_beside(bars: Floats, finer: Floats, bar_ms: int, per: int) -> tuple[Floats, Ints]:
    """(finer bars, (n + 1,) where those of each bar begin): of a bar all `per` of them, or none.

    A bar whose finer ones don't make it, open, extremes and close, has none: they are another market's.
    """
    start = np.searchsorted(finer[:, 0], bars[:, 0])
    end = np.searchsorted(finer[:, 0], bars[:, 0] + bar_ms)
    whole = np.flatnonzero(end - start == per)
    places = (start[whole, None] + np.arange(per)).ravel()
    pieces = finer[places].reshape(len(whole), per, finer.shape[1])
    made = np.column_stack(
        [pieces[:, 0, 1], pieces[:, :, 2].max(axis=1), pieces[:, :, 3].min(axis=1), pieces[:, -1, 4]]
    )
    fits = (made == bars[whole, 1:5]).all(axis=1)
    counts = np.zeros(len(bars), dtype=np.int64)
    counts[whole[fits]] = per
    kept = np.ascontiguousarray(pieces[fits].reshape(-1, finer.shape[1])[:, :5])
    return kept, np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _fine_at(parts: Sequence[Ready]) -> Ints:
    """Of all symbols one behind the other; (0,) where nobody has any."""
    if not any(len(part.fine) for part in parts):
        return np.zeros(0, dtype=np.int64)
    counts = [
        np.diff(part.fine_at) if len(part.fine_at) else np.zeros(len(part.bars), np.int64) for part in parts
    ]
    return np.concatenate(([0], np.cumsum(np.concatenate(counts)))).astype(np.int64)


def hourly_atr(bars: Floats, bar_ms: int) -> Floats:
    """(n,) the ATR of the last hour that was closed at each bar's close, price units; NaN: none yet."""
    hour = np.floor(bars[:, 0] / HOUR_MS)
    begin = np.flatnonzero(np.diff(hour, prepend=-1.0))
    if len(begin) and bars[0, 0] % HOUR_MS:
        begin = begin[1:]  # the first one is not whole
    if not len(begin):
        return np.full(len(bars), np.nan)
    ends = np.append(begin[1:], len(bars)) - 1
    high = np.maximum.reduceat(bars[:, 2], begin)
    low = np.minimum.reduceat(bars[:, 3], begin)
    known = atr(high, low, np.ascontiguousarray(bars[ends, 4]))
    closed = (hour[begin] + 1.0) * HOUR_MS
    place = np.searchsorted(closed, bars[:, 0] + bar_ms, side="right") - 1
    found: Floats = np.where(place >= 0, known[np.maximum(place, 0)], np.nan)
    return found


def _marks(part: Ready) -> Floats:
    return part.mark if len(part.mark) else np.ascontiguousarray(part.bars[:, 1:5])


def marks_beside(bars: Floats, mark: Floats, bar_ms: int) -> Floats:
    """(n, 4) open, high, low, close of the mark price during each bar; the bar's own where it has none."""
    beside = np.ascontiguousarray(bars[:, 1:5])
    start = np.searchsorted(mark[:, 0], bars[:, 0])
    end = np.searchsorted(mark[:, 0], bars[:, 0] + bar_ms)
    known = np.flatnonzero(end > start)
    if len(known) == 0:
        return beside
    pieces, until = start[known], end[known]
    mark = mark[: until[-1]]
    beside[known, 0] = mark[pieces, 1]
    beside[known, 1] = np.maximum.reduceat(mark[:, 2], pieces)
    beside[known, 2] = np.minimum.reduceat(mark[:, 3], pieces)
    beside[known, 3] = mark[until - 1, 4]
    return beside


def settlements(opens: Floats, prices: Floats, rates: Floats, bar_ms: int) -> Floats:
    """(k, 3), see `Tape`: each in the bar that contains it; one inside a gap is paid at the next bar's open.

    What is held as that bar opens pays, at the price of its open, and what enters there only where the
    settlement comes later than the open. Those before the first bar and after the last are left out.
    """
    at, rate = rates[:, 0], rates[:, 1]
    bar = np.searchsorted(opens, at, side="right") - 1
    inside = (bar >= 0) & (at < opens[-1] + bar_ms)
    at, rate, bar = at[inside], rate[inside], bar[inside]
    is_in_gap = at >= opens[bar] + bar_ms
    is_prompt = at - opens[bar] < PROMPT_MS
    entry = np.where(is_prompt & ~is_in_gap, bar - 1, bar)
    bar = np.where(is_in_gap, bar + 1, bar)
    return np.column_stack([bar, entry, rate * prices[bar]])
