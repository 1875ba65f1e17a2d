"""What both sides of a comparison are given, what they tell of their trades, and what is not the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.analysis.flags import FlagLimits
from core.backtest.engine import Setup, Signals
from core.backtest.features import Features
from core.backtest.strategies import Strategy, signals_of
from core.market import TIMEFRAMES, Instrument, from_ms, to_ms
from core.risk.limits import Limits
from core.sim.history import Funding, aggregate
from core.sim.runner import SPILL
from tests.core.sim.stage import NO_FLAGS

FRAME = "15m"
BAR_MS = TIMEFRAMES[FRAME]
SPILL_MS = SPILL // timedelta(milliseconds=1)
CENT = 1e-6
"""USDT, far below one cent: floats against decimals."""


@dataclass(frozen=True)
class World:
    """Bars of 15 minutes with a past before `first`; trading begins at the open of the bar at `first`."""

    bars: Mapping[str, NDArray[np.float64]]
    instruments: Mapping[str, Instrument]
    strategy: Strategy
    first: datetime
    last: datetime
    setup: Setup
    funding: Mapping[str, Funding] = field(default_factory=dict)
    flags: FlagLimits = NO_FLAGS
    slippage: Decimal = Decimal("0.0002")
    """The venue's."""
    timeframe: str = FRAME
    """Of the strategy; the bars are walked by 15 minutes all the same."""

    @property
    def limits(self) -> Limits:
        return self.setup.limits


@dataclass(frozen=True, slots=True)
class Row:
    """A trade as either side tells it; prices are means over all fills."""

    symbol: str
    side: int
    entered_ms: int
    left_ms: tuple[int, int]
    """Between which moments it ended, both included."""
    quantity: float
    leverage: int
    entry: float
    exit: float
    fees: float
    funding: float
    net: float
    reason: str

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.entered_ms


@dataclass(frozen=True)
class Played:
    """`open`: symbol → (entered ms, side) of what was still held at the end."""

    rows: tuple[Row, ...]
    open: Mapping[str, tuple[int, int]]
    said: tuple[str, ...] = ()
    """Of the simulation: what was not entered, and why."""


def said_of(world: World, symbol: str) -> Signals:
    """At the bars of 15 minutes that end with a bar of the strategy's."""
    rows = world.bars[symbol]
    larger = aggregate(rows, TIMEFRAMES[world.timeframe])
    said = signals_of(world.strategy, symbol, Features(larger, is_plain=True))
    if world.timeframe == FRAME:
        return said
    side = np.zeros(len(rows), dtype=np.int8)
    ends = larger[:, 0] + TIMEFRAMES[world.timeframe] - BAR_MS
    side[np.searchsorted(rows[:, 0], ends)] = said.side
    return Signals(side)


def in_time(world: World, symbol: str) -> Signals:
    """Nothing is said before trading begins."""
    said, times = said_of(world, symbol), world.bars[symbol][:, 0]
    side = np.where(times + BAR_MS >= to_ms(world.first), said.side, 0)
    return replace(said, side=side.astype(np.int8))


# ---------------------------------------------------------------- side by side


def differences(one: Played, other: Played) -> list[str]:
    """What is not the same, in the order of the entries; empty: everything is."""
    first = {row.key: row for row in one.rows}
    second = {row.key: row for row in other.rows}
    found = []
    for key in sorted({*first, *second}, key=lambda each: (each[1], each[0])):
        name = f"{key[0].split('/')[0]} {from_ms(key[1]):%m-%d %H:%M}"
        if key not in first or key not in second:
            row = first.get(key) or second[key]
            found.append(f"{name}: only {'one' if key in first else 'other'} traded: {_words(row)}")
            continue
        found += [f"{name}: {text}" for text in _unlike(first[key], second[key])]
    if not found and one.open != other.open:
        found.append(f"held at the end: {dict(one.open)} | {dict(other.open)}")
    return found


def _unlike(one: Row, other: Row) -> list[str]:
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in ("side", "leverage", "reason")]
    texts = [f"{name} {this} | {that}" for name, this, that in pairs if this != that]
    numbers = ("quantity", "entry", "exit", "fees", "funding", "net")
    pairs = [(name, getattr(one, name), getattr(other, name)) for name in numbers]
    texts += [f"{name} {this:.8g} | {that:.8g}" for name, this, that in pairs if abs(this - that) > CENT]
    if one.left_ms[0] > other.left_ms[1] or other.left_ms[0] > one.left_ms[1]:
        texts.append(f"left {from_ms(one.left_ms[0]):%m-%d %H:%M} | {from_ms(other.left_ms[0]):%m-%d %H:%M}")
    return [", ".join(texts)] if texts else []


def _words(row: Row) -> str:
    size = f"side {row.side} quantity {row.quantity:g}"
    return f"{size} at {row.entry:g} → {row.exit:g} {row.reason} {row.net:.4f}"
