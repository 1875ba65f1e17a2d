"""What the engine's loops speak: flat arrays of many symbols, a position as one row of numbers, why it ended.

Laws:
- Everything is a plain number or an array of them, so that the loops can be compiled as they stand.
- Bars of all symbols lie one behind the other; `first[s]` and `last[s]` bound those of symbol `s`, and every
  bar index inside the loops counts from the very first bar of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.trading.exits_bet import LIQUIDATED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sides = NDArray[np.int8]

LEFT_BY_SIGNAL = LIQUIDATED + 1
"""The strategy turned; beside the `LEFT_…` of the rule book."""
LEFT_BY_END = LIQUIDATED + 2
"""The bars ended while something was held."""
REASONS = (
    "open",
    "stop",
    "break_even",
    "trailing",
    "target",
    "time",
    "guard",
    "liquidation",
    "signal",
    "end",
)
"""By exit code."""

REFUSALS = ("slots", "cooldown", "breaker", "drawdown", "confidence", "stop", "size")
ENTERS = 1
"""Size of a signal that enters; a larger one only closes what is held against it."""
NO_SLOT, COOLING, TRIPPED, TOO_DEEP, UNSURE, NO_STOP, NO_SIZE = range(7)
"""Why a signal was not followed, places in the counts of refusals."""

# A position, one row of float64: the bet, the walk, and what the account must know of it.
SIGN, ENTRY, FIRST_STOP, ATR, COST, TICK, LOTS, LOT = range(8)
STOP, MOVED_BY, ARMED, PRICE, BEST, WORST, FILLED, LEFT = range(8, 16)
GAIN, EXIT_PRICE, EXIT_CODE, AMBIGUOUS, HELD_S = range(16, 21)
LIQUIDATION, MARGIN, LEVERAGE, FUNDING, ENTRY_BAR, NEXT_BAR, LATE_BAR = range(21, 28)
FUNDING_NEXT, FUNDING_END, WANTS_OUT, LOW, HIGH, EXIT_BAR, EXIT_MS = range(28, 35)
RISK, RUNGS, IS_HELD, GUARDED = range(35, 39)
WIDTH = 39

# A closed trade, one row of float64.
TRADE_COLUMNS = (
    ("symbol", np.int32),
    ("side", np.int8),
    ("entry_bar", np.int64),
    ("exit_bar", np.int64),
    ("entry_price", np.float64),
    ("exit_price", np.float64),
    ("lots", np.int64),
    ("leverage", np.int32),
    ("margin", np.float64),
    ("fees", np.float64),
    ("funding", np.float64),
    ("net", np.float64),
    ("r", np.float64),
    ("mae", np.float64),
    ("mfe", np.float64),
    ("reason", np.int8),
    ("ambiguous", np.int32),
    ("exit_ms", np.int64),
)
"""Bars count from the symbol's first; exit price is the mean of all exits, slippage included; mae and mfe are
fractions of the entry price, never below 0; `funding` is what was received (negative: paid); USDT else."""
TRADE = np.dtype([(name, kind) for name, kind in TRADE_COLUMNS])

# The account, one row of float64.
WALLET, PEAK, DAY_OPENING, LOSSES, BLOCKED_UNTIL, IS_PROBING, IS_HALTED = range(7)
ACCOUNT_WIDTH = 7


class Tape(NamedTuple):
    """What happened, and what the strategy said of it. Optional arrays are empty where there are none."""

    bars: Floats
    """(n, 6): open time ms, open, high, low, close, volume; of one timeframe."""
    mark: Floats
    """(n, 4) open, high, low, close of the mark price during each bar, or (0, 4)."""
    side: Sides
    """(n,) at each bar's close, acted on at the next open: 0 nothing, ±1 long or short, which also closes
    the other side, ±2 only closes it."""
    stop: Floats
    """(n,) distance of the stop, fraction of the entry price; NaN: the usual one."""
    target: Floats
    """(n,) the same of one target for everything; NaN: the usual one."""
    confidence: Floats
    """(n,) 0..1."""
    first: Ints
    last: Ints
    """(symbols,) exclusive."""
    funding: Floats
    """(k, 3): the bar that a settlement falls into, ascending inside a symbol; the last bar at whose open one
    could enter and still pay it; what a long pays for one coin, USDT."""
    funding_first: Ints
    """(symbols + 1,)"""


TICK_SIZE, LOT_SIZE, MIN_QUANTITY, MAX_QUANTITY, MIN_NOTIONAL, TAKER, TARGET_FEE = range(7)
"""Columns of `Venues.rules`; fees are fractions of the notional, the last one of what leaves at a target."""


class Venues(NamedTuple):
    """The instruments' rules, one row for each symbol."""

    rules: Floats
    """(symbols, 7)"""
    tiers: Floats
    """(symbols, t, 4): cap, most leverage, maintenance rate, deduction; the last one repeated as filling."""


class Terms(NamedTuple):
    """Every number of the account's rules; see `core.risk.limits.Limits`. Fractions are fractions."""

    bar_ms: float
    capital: float
    stake: float
    """Margin of each trade, USDT; 0: sized by risk."""
    leverage: int
    is_shared: bool
    """Symbols share one account and its limits; else each signal has all the money it asks for."""
    turns: bool
    """A signal of the other side closes what is held."""
    stop: float
    target: float
    """Where a signal names none; 0: the ladder."""
    slippage: float
    max_open: int
    cooldown_ms: float
    min_confidence: float
    full_confidence: float
    band_size: float
    min_stop: float
    max_stop: float
    risk: float
    position_size: float
    max_leverage: int
    min_liquidation_distance: float
    liquidation_per_stop: float
    same_direction_share: float
    daily_loss: float
    max_losses: int
    losing_cooldown_ms: float
    max_drawdown: float
    yellow: float
    orange: float
    yellow_size: float
    probe_size: float
