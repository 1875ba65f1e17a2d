"""What the chat asks of a backtest and is told of it.

Fractions are fractions and money is USDT; None: too little to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.statistics import Interval

STRATEGIES = ("trend", "mean_reversion", "breakout", "random", "ema_cross")
"""Shipped ones by name. Files are the console's: a chat that can name one could run any program on the
machine."""
USUAL_STRATEGY, USUAL_DAYS, TIMEFRAME = "trend", 90, "1h"
LEAST_DAYS, MOST_DAYS = 7, 730


@dataclass(frozen=True, slots=True)
class BacktestWish:
    symbol: str
    days: int
    strategy: str
    """Empty: the usual one."""
    run: str
    """Names this run, to stop it."""


@dataclass(frozen=True, slots=True)
class BacktestStep:
    """What a backtest does now: `done` of `of`, or 0 of 0 where nothing is counted."""

    words: str
    done: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """Trades of one side or of one kind of exit."""

    name: str
    trades: int
    wins: int
    net: float


@dataclass(frozen=True, slots=True)
class Played:
    """One run."""

    capital: float
    final: float
    return_share: float
    trades: int
    wins: int
    losses: int
    win_rate: float | None
    win_rate_interval: Interval | None
    """80 %, as the next."""
    expectancy_r: float | None
    expectancy_interval: Interval | None
    profit_factor: float | None
    sharpe: float | None
    days: int
    """That the Sharpe ratio and the worst day stand on."""
    max_drawdown: float
    worst_day: float | None
    """Return of one UTC day; 0 where none lost."""
    fees: float
    funding: float
    """Positive: earned."""
    exposure: float
    risk_taken: float | None
    ambiguous: int
    liquidations: int
    refused: tuple[tuple[str, int], ...]
    """(why, how often) signals were not followed while nothing was held."""
    sides: tuple[Slice, ...]
    exits: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Playground:
    """Over what was played."""

    strategy: str
    """With its parameters."""
    symbols: tuple[str, ...]
    timeframe: str
    start: datetime
    end: datetime
    bars: int
    remarks: tuple[str, ...]
    """What is missing or guessed."""


@dataclass(frozen=True, slots=True)
class RandomRuns:
    """The strategy's own entries at random times."""

    runs: int
    low: float
    middle: float
    high: float
    """Returns: 90 % of the runs lie between the outer two."""
    p: float
    percentile: float


@dataclass(frozen=True, slots=True)
class BacktestView:
    over: Playground
    played: Played
    hold_return: float
    hold_drawdown: float
    random: RandomRuns | None
    """None without a trade."""
    headline: str
    """The verdict in a sentence."""
    because: tuple[str, ...]
    cautions: tuple[str, ...]
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """New minus old, the return of the whole period, the same days dealt again for both."""

    share: float
    interval: Interval
    """95 %."""
    days: int
    is_plain: bool
    """The interval excludes nothing at all, over enough days."""


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """A setting's old and new value over the same candles."""

    name: str
    old_value: str
    new_value: str
    over: Playground
    old: Played
    new: Played
    is_same: bool
    """Every trade alike."""
    difference: Difference | None
    """None where there are too few days."""
    picture: bytes | None = None
