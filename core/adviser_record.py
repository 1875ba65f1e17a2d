"""Words of the advisers' record: what each of them said, and what the market then did.

Laws:
- One answer per account, adviser, served model, symbol and 15-minute bar counts once, however often it was
  asked for or reused, and whatever became of it: held, struck, vetoed, in the shadow or alone.
- An answer is judged by closed bars after it, or not at all; what can't be known is `End.UNKNOWN`.
- Weights and calibration enter the second gate and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from core.market import Side
from core.opinion import Purpose, Role, Silence, Stance
from core.statistics import Interval

BINS = 10
"""Of stated probability, each a tenth wide."""


class End(StrEnum):
    """What a side's barriers met first."""

    TARGET = "target"
    STOP = "stop"
    BOTH = "both"
    """Both inside one bar: counted against the side, and counted as ambiguous."""
    TIME = "time"
    """Neither within the horizon: the target was not met."""
    UNKNOWN = "unknown"
    """The bars that would tell can't be had: in no rate."""


UNASKED = frozenset({Silence.NOT_NEEDED, Silence.BARRED, Silence.BUDGET, Silence.RESTING})
"""Silences that tell nothing of the model: it was not asked."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One adviser's answer about one bar of one symbol, or that it failed to give one."""

    id: str
    account: str
    adviser: str
    model: str
    """The id that the provider returned; empty for a failure that named none."""
    symbol: str
    bar: datetime
    """Close of the 15-minute bar that was judged; barriers count from there."""
    at: datetime
    purpose: Purpose
    role: Role
    stance: Stance | None
    """None: it failed."""
    confidence: float
    p: float | None
    """Stated probability that the target is met before the stop."""
    close: float
    atr: float | None
    """Of 1h, price units; None: nothing can be judged by it."""
    stop_atr: float | None
    target_atr: float | None
    horizon_bars: int | None
    """15-minute bars."""
    place: int | None
    """Where the question named this stance among the three, from 0."""
    version: str
    """Of the question."""
    cost_usd: Decimal
    latency_s: float
    is_cached: bool
    call_id: str
    decision_id: str
    failure: Silence | None = None
    long_end: End | None = None
    short_end: End | None = None
    """A side has one of them, a hold both; None: not known yet, or not its side."""
    ended_at: datetime | None = None
    """When its last barrier was met; for `UNKNOWN` when it was given up."""

    @property
    def side(self) -> Side | None:
        return None if self.stance is None else self.stance.side

    @property
    def end(self) -> End | None:
        """Of its own side; None for a hold, a failure, and while it is open."""
        if self.side is None:
            return None
        return self.long_end if self.side is Side.LONG else self.short_end


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of one judgement."""

    id: str
    long_end: End | None
    short_end: End | None
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """Never shown without what it stands on. `interval` holds the true one in 80 % of cases."""

    value: float
    n: int
    interval: Interval | None = None
    """None: too few days to tell."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers that stated about the same probability."""

    stated: float
    """Mean of what they stated."""
    met: Rate
    """How often the target was met before the stop."""
    calibrated: float
    """What such a statement is taken for."""


@dataclass(frozen=True, slots=True)
class AdviserFigures:
    """The record of one served model under one adviser's name. None: nothing to measure it by."""

    adviser: str
    model: str
    role: Role
    """As of its newest answer."""
    is_current: bool
    """The model that this adviser answered with last; a former one decides nothing."""
    first_at: datetime
    last_at: datetime
    opinions: int
    sides: int
    """Judged answers for a side that stated a probability: what calibration and weights rest on."""
    days: int
    """UTC days on which those were given."""
    waiting: int
    """Not judged yet."""
    unknown: int
    ambiguous: int
    """Both barriers inside one bar."""
    met: Rate | None
    """Of judged sides: the target came before the stop."""
    holds: Rate | None
    """Of judged holds: neither side's target came first."""
    brier: float | None
    """Mean squared miss of the stated probability; 0 is perfect."""
    base_brier: float | None
    """The same of always stating `met`."""
    skill: Rate | None
    """1 - brier ÷ base_brier, of what it stated."""
    calibrated_skill: Rate | None
    """The same once each answer is calibrated on what was known before its day, against a base rate that
    was learned in the same way. This, not its tone, is what it adds."""
    bins: tuple[ReliabilityBin, ...]
    first_named: Rate | None
    """How much more often than by chance it takes the stance that the question names first; 0 is steady."""
    fabricated: Rate | None
    failed: Rate | None
    """Of all times it was asked: no usable answer, made-up figures included."""
    latency_s: float | None
    cost_usd: Decimal
    cost_per_100: Decimal | None


@dataclass(frozen=True, slots=True)
class Voice:
    """What one served model's record lets its stated probability stand for."""

    adviser: str
    model: str
    sides: int
    base: float
    """How often its targets are met, drawn towards chance while it has said little."""
    curve: tuple[float, ...]
    """Calibrated probability at the middle of each tenth; never falls."""
    weight: float
    """Before the cap; those of all current models add up to 1."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the record supports for the second gate."""

    is_enough: bool = False
    """False: the plain rule holds alone."""
    voices: tuple[Voice, ...] = ()
    missing: tuple[str, ...] = ()
    """What would make it enough, in words."""
    as_of: datetime | None = None

    def voice(self, adviser: str, model: str) -> Voice | None:
        found = (one for one in self.voices if (one.adviser, one.model) == (adviser, model))
        return next(found, None)


NO_STANDING = Standing()
"""Nothing yet: the plain rule holds alone."""


class OpinionJournal(Protocol):
    """What is written of judgements after `DeskJournal.record_decisions` has recorded them."""

    async def open_judgements(
        self, account: str, limit: int, skipping: Collection[str] = ()
    ) -> tuple[Judgement, ...]:
        """Not resolved yet, oldest bar first, without those of the symbols to skip."""
        ...

    async def resolve_judgements(self, account: str, resolutions: Sequence[Resolution]) -> int:
        """Each once; how many were open until now."""
        ...

    async def judgements(
        self, account: str, since: datetime, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Judgement, ...]:
        """Newest bar first, of bars after `since`; `before` is the (bar, id) of the last one read."""
        ...
