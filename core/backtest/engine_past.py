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

from core.backtest.engine_words import Floats, Sides, Tape, Venues
from core.backtest.history import BadHistory, History
from core.market import TIMEFRAMES, Instrument

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


@dataclass(frozen=True)
class Past:
    """All symbols of a run, of one timeframe."""

    bar_ms: int
    parts: tuple[Ready, ...]
    target_is_maker: bool

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
            side=np.zeros(0, dtype=np.int8),
            stop=np.zeros(0),
            target=np.zeros(0),
            confidence=np.zeros(0),
            first=starts[:-1],
            last=starts[1:],
            funding=np.concatenate([part.funding + np.array([start, start, 0.0]) for start, part in placed]),
            funding_first=due,
        )

    @cached_property
    def venues(self) -> Venues:
        return venues_of([part.instrument for part in self.parts], target_is_maker=self.target_is_maker)

    @cached_property
    def alone(self) -> tuple[Past, ...]:
        """Each symbol as a past of its own."""
        return tuple(Past(self.bar_ms, (part,), self.target_is_maker) for part in self.parts)


def past_of(
    histories: Sequence[History], instruments: Sequence[Instrument], *, target_is_maker: bool = False
) -> Past:
    """Raises `BadHistory` where there are no bars, or of more than one timeframe."""
    frames = {history.timeframe for history in histories}
    if len(frames) != 1 or any(len(history.bars) == 0 for history in histories):
        raise BadHistory(f"a run needs bars of one timeframe, not of {sorted(frames) or 'none'}")
    bar_ms = TIMEFRAMES[frames.pop()]
    pairs = zip(histories, instruments, strict=True)
    return Past(bar_ms, tuple(_ready(history, one, bar_ms) for history, one in pairs), target_is_maker)


def with_signals(tape: Tape, side: Sides, stop: Floats, target: Floats, confidence: Floats) -> Tape:
    return tape._replace(side=side, stop=stop, target=target, confidence=confidence)


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


def _ready(history: History, instrument: Instrument, bar_ms: int) -> Ready:
    bars = np.require(history.bars, np.float64, ["C", "W"])
    mark, remarks = np.zeros((0, 4)), tuple[str, ...]()
    if history.mark is not None and len(history.mark):
        if TIMEFRAMES[history.mark_timeframe or history.timeframe] > bar_ms:
            text = (
                f"{history.symbol}: mark prices of {history.mark_timeframe} are too coarse for liquidations"
            )
            remarks = (f"{text}, the traded price stands in for them",)
        else:
            mark = marks_beside(bars, history.mark, bar_ms)
    rates = history.funding if history.funding is not None else np.zeros((0, 2))
    prices = mark[:, 0] if len(mark) else bars[:, 1]
    return Ready(
        history.symbol, bars, mark, settlements(bars[:, 0], prices, rates, bar_ms), instrument, remarks
    )


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
