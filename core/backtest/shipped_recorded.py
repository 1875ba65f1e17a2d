"""`recorded`: what advisers said in the past, from a journal, as signals at their bars.

Laws:
- An opinion is acted on no earlier than it was known: at the close of the bar that contains it, or, where it
  was given exactly at a close, at that one.
- Of several inside one bar the last counts, also if it holds.
- What falls between bars or outside of them is left out, never moved to another bar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.adviser_record import Judgement
from core.backtest.strategies import BadStrategy, Signals, Strategy
from core.backtest.strategies import Features as Arrays
from core.codec import from_plain
from core.journal import DecisionRecord
from core.market import to_ms
from core.opinion import Features, Purpose, Verdict, behind

EXIT_GATE = "exit"
"""Of decisions about an open trade."""
ATR_FRAME = "1h"


@dataclass(frozen=True, slots=True)
class Said:
    """One opinion. Stop and target are fractions of the price; None: the usual ones."""

    symbol: str
    at_ms: int
    """Close of the bar it judged, ms UTC."""
    side: int
    """+1 long, -1 short, 0 hold."""
    confidence: float = 1.0
    stop: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        if self.side not in (-1, 0, 1):
            raise BadStrategy(f"recorded: side {self.side} of {self.symbol} must be -1, 0 or 1")
        if not 0.0 <= self.confidence <= 1.0:
            raise BadStrategy(f"recorded: confidence {self.confidence} of {self.symbol} must be in 0..1")
        for name, value in (("stop", self.stop), ("target", self.target)):
            if value is not None and not value > 0.0:
                raise BadStrategy(f"recorded: {name} {value} of {self.symbol} must be above 0")


def said_of(judgement: Judgement) -> Said | None:
    """An adviser's journalled answer; None where it failed, or was not asked about an entry.

    It is dated at the close that it judged: the seconds that the answer took are in no bar.
    """
    if judgement.stance is None or judgement.purpose is not Purpose.ENTRY:
        return None
    range_fraction = judgement.atr / judgement.close if judgement.atr and judgement.close > 0.0 else 0.0
    return Said(
        judgement.symbol,
        to_ms(judgement.bar),
        0 if judgement.side is None else judgement.side.sign,
        judgement.confidence,
        (judgement.stop_atr or 0.0) * range_fraction or None,
        (judgement.target_atr or 0.0) * range_fraction or None,
    )


def said_of_verdict(decision: DecisionRecord) -> Said | None:
    """What a scan's decision came to, with the mean distances of those who agreed; None where nobody was
    asked."""
    plain = (decision.facts.get("verdict"), decision.facts.get("features"))
    if decision.gate == EXIT_GATE or None in plain:
        return None
    try:
        verdict, features = from_plain(Verdict, plain[0]), from_plain(Features, plain[1])
    except ValueError as error:
        raise BadStrategy(f"recorded: decision {decision.id} can't be read: {error}") from error
    frame = features.frames.get(ATR_FRAME)
    unit = frame.atr / features.close if frame is not None and frame.atr and features.close > 0.0 else 0.0
    side = verdict.stance.side
    agreeing = behind(verdict, side) if side is not None else ()
    return Said(
        decision.symbol,
        to_ms(features.bar_closed_at),
        0 if side is None else side.sign,
        verdict.confidence,
        _mean([one.stop_atr for one in agreeing]) * unit or None,
        _mean([one.target_atr for one in agreeing]) * unit or None,
    )


def _mean(values: Sequence[float | None]) -> float:
    """0 where there is none."""
    known = [value for value in values if value]
    return sum(known) / len(known) if known else 0.0


class Recorded(Strategy):
    """`rows` in any order; `bar_ms` is the length of the bars it will be asked about."""

    rows: tuple[Said, ...] = ()
    bar_ms: int = 900_000

    def entries(self, features: Arrays) -> Signals:
        count = len(features)
        side, confidence = np.zeros(count, dtype=np.int8), np.ones(count)
        stop, target = np.full(count, np.nan), np.full(count, np.nan)
        rows = sorted(self.rows, key=lambda row: row.at_ms)
        for bar, row in zip(self.places(features, rows), rows, strict=True):
            if bar >= 0:
                side[bar], confidence[bar] = row.side, row.confidence
                stop[bar] = np.nan if row.stop is None else row.stop
                target[bar] = np.nan if row.target is None else row.target
        return Signals(side, stop, target, confidence)

    def places(self, features: Arrays, rows: Iterable[Said]) -> list[int]:
        """The bar of each; -1: none contains it."""
        if not len(features):
            return [-1 for _ in rows]
        at = np.array([row.at_ms for row in rows], dtype=np.float64)
        bar = np.searchsorted(features.time_ms, at, side="left") - 1
        inside = (bar >= 0) & (at <= features.time_ms[np.maximum(bar, 0)] + self.bar_ms)
        return [int(place) for place in np.where(inside, bar, -1)]

    def of(self, symbol: str) -> Recorded:
        return Recorded(tuple(row for row in self.rows if row.symbol == symbol), self.bar_ms)

    @property
    def words(self) -> str:
        counts: dict[str, int] = defaultdict(int)
        for row in self.rows:
            counts[row.symbol] += 1
        return f"recorded({len(self.rows)} opinions of {len(counts)} symbols)"
