"""One served model's answers as columns, and what could be learned of it before each day.

Laws:
- On a day only outcomes count that were known before it: no figure of the past knows its own future.
- The base rate that a model is measured against was learned in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from core.advice.calibration import (
    Floats,
    Ints,
    bin_of,
    calibrated,
    curve_of,
    shrunk_base,
    walk_chance,
)
from core.adviser_record import BINS, End, Judgement
from core.market import Side

Moment = tuple[str, datetime]
"""(symbol, close of the bar)."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Judged answers for a side that stated a probability, oldest bar first; all columns equally long."""

    stated: Floats
    met: Floats
    """1.0: the target came before the stop."""
    chance: Floats
    """Of a driftless walk between its barriers."""
    sign: Floats
    """+1 for a long."""
    bars: Floats
    """Its horizon."""
    day: Ints
    """UTC day of the answer, ordinal."""
    known: Ints
    """UTC day of the outcome, ordinal."""
    moments: tuple[Moment, ...]

    def __len__(self) -> int:
        return len(self.stated)


@dataclass(frozen=True, slots=True)
class Learned:
    """What each answer was worth with what was known before its day."""

    base: Floats
    calibrated: Floats


def is_scored(judgement: Judgement) -> bool:
    """It took a side, stated a probability, and the market has answered."""
    is_known = judgement.end not in (None, End.UNKNOWN)
    return is_known and judgement.p is not None and bool(judgement.stop_atr and judgement.target_atr)


def sides_of(judgements: Sequence[Judgement]) -> Sides:
    """Those of them that are scored."""
    scored = sorted((one for one in judgements if is_scored(one)), key=lambda one: (one.bar, one.symbol))
    table = np.array([_row(one) for one in scored], dtype=np.float64).reshape(-1, 8)
    return Sides(
        stated=table[:, 0],
        met=table[:, 1],
        chance=walk_chance(table[:, 2], table[:, 3]),
        sign=table[:, 4],
        bars=table[:, 5],
        day=table[:, 6].astype(np.int64),
        known=table[:, 7].astype(np.int64),
        moments=tuple((one.symbol, one.bar) for one in scored),
    )


def _row(one: Judgement) -> tuple[float, ...]:
    assert one.p is not None
    ended = one.ended_at or one.bar
    return (
        one.p,
        float(one.end is End.TARGET),
        one.stop_atr or 0.0,
        one.target_atr or 0.0,
        1.0 if one.side is Side.LONG else -1.0,
        one.horizon_bars or 0,
        day_of(one.bar),
        day_of(ended),
    )


def day_of(moment: datetime) -> int:
    return moment.astimezone(UTC).toordinal()


def base_and_curve(sides: Sides) -> tuple[float, Floats]:
    """With everything that is known now."""
    return _learned_from(sides, np.ones(len(sides), dtype=np.bool_))


def learned(sides: Sides) -> Learned:
    """Day by day."""
    base, taken = np.empty(len(sides)), np.empty(len(sides))
    for day in np.unique(sides.day).tolist():
        today = sides.day == day
        its_base, curve = _learned_from(sides, sides.known < day, sides.chance[today])
        base[today], taken[today] = its_base, calibrated(sides.stated[today], curve)
    return Learned(base, taken)


def _learned_from(
    sides: Sides, known: np.ndarray[tuple[int], np.dtype[np.bool_]], asked: Floats | None = None
) -> tuple[float, Floats]:
    """`asked`: chances of what is judged now, which the prior rests on before anything is known."""
    chances = sides.chance[known] if known.any() or asked is None else asked
    chance = float(chances.mean()) if len(chances) else 0.5
    base = shrunk_base(float(sides.met[known].sum()), float(known.sum()), chance)
    bins = bin_of(sides.stated[known])
    met = np.bincount(bins, weights=sides.met[known], minlength=BINS).astype(np.float64)
    count = np.bincount(bins, minlength=BINS).astype(np.float64)
    return base, curve_of(met, count, base)
