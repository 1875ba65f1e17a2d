"""What the engine's loops speak: flat arrays of many symbols, a position as one row of numbers, why it ended.

Laws:
- Everything is a plain number or an array of them, so that the loops can be compiled as they stand.
- Bars of all symbols lie one behind the other; `first[s]` and `last[s]` bound those of symbol `s`, and every
  bar index inside the loops counts from the very first bar of all.
- What belongs to the close of a bar happens `CLOSING` before the next one opens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.trading.exits import ExitRules
from core.trading.exits_bet import LIQUIDATED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sides = NDArray[np.int8]

CLOSING = 0.5
"""Milliseconds."""
LEFT_BY_SIGNAL = LIQUIDATED + 1
"""The strategy turned; beside the `LEFT_…` of the rule book."""
LEFT_BY_END = LIQUIDATED + 2
"""The bars ended while something was held."""
LEFT_BY_BREAKER = LIQUIDATED + 3
"""A tripped breaker flattens."""
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
    "breaker",
)
"""By exit code."""

REFUSALS = (
    "slots",
    "cooldown",
    "breaker",
    "drawdown",
    "confidence",
    "stop",
    "size",
    "left_bars",
    "reward_risk",
    "score",
    "budget",
    "same_direction",
    "margin",
    "target",
)
ENTERS = 1
"""Size of a signal that enters; a larger one only closes what is held against it."""
NO_SLOT, COOLING, TRIPPED, TOO_DEEP, UNSURE, NO_STOP, NO_SIZE = range(7)
LEFT_BARS, NOT_WORTH_IT, LOW_SCORE, NO_BUDGET, ONE_SIDED, NO_MARGIN, NO_TARGET = range(7, 14)
"""Why a signal was not followed, places in the counts of refusals."""

# A position, one row of float64: the bet, the walk, and what the account must know of it.
SIGN, ENTRY, FIRST_STOP, ATR, COST, TICK, LOTS, LOT = range(8)
STOP, MOVED_BY, ARMED, PRICE, BEST, WORST, FILLED, LEFT = range(8, 16)
GAIN, EXIT_PRICE, EXIT_CODE, AMBIGUOUS, HELD_S = range(16, 21)
LIQUIDATION, MARGIN, LEVERAGE, FUNDING, ENTRY_BAR, NEXT_BAR, LATE_BAR = range(21, 28)
FUNDING_NEXT, FUNDING_END, WANTS_OUT, LOW, HIGH, EXIT_BAR, EXIT_MS = range(28, 35)
BETA, RUNGS, IS_HELD, GUARDED = range(35, 39)
PAID_GAIN, FEES, END_MS, RESOLVED = range(39, 43)
"""Σ lots × (paid - entry) × sign of what left; USDT; when the account takes note of the end; ambiguous bars
that finer ones told apart."""
SEEN_BEST, SEEN_WORST, TOP, DIP, AT_ADVERSE, AT_FAVOURABLE = range(43, 49)
"""Since the account looked last: the extremes, and what the position was worth at most and at least; and in
its last bar at the adverse and at the favourable extreme."""
WIDTH = 49

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
    ("resolved", np.int32),
)
"""Bars count from the symbol's first; exit price is the mean of all exits as they were paid; mae and mfe are
fractions of the entry price, never below 0; `funding` is what was received (negative: paid); USDT else."""
TRADE = np.dtype([(name, kind) for name, kind in TRADE_COLUMNS])

# The account, one row of float64.
WALLET, PEAK, DAY_OPENING, DAY_LOST_MS, LOSSES, STREAK_MS = range(6)
BLOCKED_UNTIL, IS_HALTED, IS_ROLLING, IS_PROBING, PROBED_MS = range(6, 11)
CURVE_COUNT, DAY_AGO = range(11, 13)
"""What was written of the curve so far, and the place of its point of a day ago."""
ACCOUNT_WIDTH = 13


SAID = (
    "stop",
    "target",
    "confidence",
    "atr",
    "leverage",
    "share",
    "beta",
    "funding",
    "risk",
    "score",
    "last_r",
)
"""What is said of an entry beside its side; see `core.backtest.engine.Signals`."""
SAYS_STOP, SAYS_TARGET, SAYS_CONFIDENCE, SAYS_ATR, SAYS_LEVERAGE, SAYS_SHARE = range(6)
SAYS_BETA, SAYS_FUNDING, SAYS_RISK, SAYS_SCORE, SAYS_LAST_R = range(6, 11)


class Tape(NamedTuple):
    """What happened, and what the strategy said of it. Optional arrays are empty where there are none."""

    bars: Floats
    """(n, 6): open time ms, open, high, low, close, volume; of one timeframe."""
    mark: Floats
    """(n, 4) open, high, low, close of the mark price during each bar, or (0, 4)."""
    fine: Floats
    """(m, 5): open time ms, open, high, low, close of finer bars, or (0, 5)."""
    fine_at: Ints
    """(n + 1,): where the finer bars of each bar begin, or (0,)."""
    side: Sides
    """(n,) at each bar's close, acted on at the next open: 0 nothing, ±1 long or short, which also closes
    the other side, ±2 only closes it."""
    said: Floats
    """(k, n) what is said at the bar of the signal; NaN: the usual."""
    said_at: Ints
    """(11,) the row of each of `SAID` in it; -1: nobody names any."""
    first: Ints
    last: Ints
    """(symbols,) exclusive."""
    funding: Floats
    """(k, 3): the bar that a settlement falls into, ascending inside a symbol; the last bar at whose open one
    could enter and still pay it; what a long pays for one coin, USDT."""
    funding_first: Ints
    """(symbols + 1,)"""


TICK_SIZE, LOT_SIZE, MIN_QUANTITY, MAX_QUANTITY, MIN_NOTIONAL, TAKER, TARGET_FEE, IS_MAKER = range(8)
"""Columns of `Venues.rules`; fees are fractions of the notional. IS_MAKER: what leaves at a target was
resting there: it pays `TARGET_FEE` and no spread."""


class Venues(NamedTuple):
    """The instruments' rules, one row for each symbol."""

    rules: Floats
    """(symbols, 8)"""
    tiers: Floats
    """(symbols, t, 4): cap, most leverage, maintenance rate, deduction; the last one repeated as filling."""


# An entry that was drawn, one row of float64.
PLAN_WHY, PLAN_PRICE, PLAN_STOP, PLAN_ATR, PLAN_LOTS, PLAN_LEVERAGE, PLAN_LOSS = range(7)
PLAN_SHARE, PLAN_RISK, PLAN_BETA, PLAN_SCORE, PLAN_TARGET, PLAN_LAST_R, PLAN_FUNDING = range(7, 14)
PLAN_WIDTH = 14
NO_PLAN = -2.0
"""In the place of why not: nothing was drawn, or it was entered; -1: it may be entered."""


class Fill(NamedTuple):
    """What a market order meets; fractions of the price."""

    half_spread: float
    """0: prices are taken as they are, and put on no tick."""
    slippage: float


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
    """Expected, each way."""
    max_open: int
    cooldown_ms: float
    min_confidence: float
    full_confidence: float
    band_size: float
    min_stop: float
    max_stop: float
    risk: float
    side_risk: float
    """One trade's, in the cap of what one side may lose."""
    position_size: float
    max_leverage: int
    min_liquidation_distance: float
    liquidation_per_stop: float
    same_direction_share: float
    daily_loss: float
    rolling_loss: float
    max_losses: int
    losing_cooldown_ms: float
    max_drawdown: float
    yellow: float
    orange: float
    yellow_size: float
    probe_size: float
    min_reward_risk: float
    min_profit: float
    min_profit_r: float
    min_score: float
    max_drift_atr: float
    cap: float
    """USDT that trading may count on; infinite without a cap."""
    policies: tuple[int, int, int, int]
    """Of the daily, the rolling, the streak's and the drawdown breaker: 0 hold, 1 tighten, 2 flatten."""


class Way(NamedTuple):
    """What a position meets from its entry to its end. Only this, because every call copies it."""

    rules: ExitRules
    """Without a time stop: what leaving would make is known here better than to the rule book's walk."""
    timed: ExitRules
    """With it."""
    fill: Fill
    bar_ms: float
    turns: bool
    bars: Floats
    side: Sides
    mark: Floats
    fine: Floats
    fine_at: Ints
    last: Ints
    funding: Floats
    venue_rules: Floats


class Offer(NamedTuple):
    """What an entry is made from, beside that."""

    said: Floats
    said_at: Ints
    funding_first: Ints
    tiers: Floats
    rung_r: Floats
    rung_share: Floats


class Book(NamedTuple):
    """What a run changes; one row or place for each symbol where nothing else is said."""

    rows: Floats
    """(symbols, WIDTH) positions."""
    before: Floats
    """The same before the last walk."""
    targets: Floats
    """(symbols, rungs), like their lots."""
    target_lots: Ints
    account: Floats
    """(ACCOUNT_WIDTH,)"""
    curve: Floats
    """(looks, 2) ms and equity, written round and round."""
    free_ms: Floats
    """When its cooldown is over."""
    signal: Ints
    """The bar of its next signal; -1: none."""
    plans: Floats
    """(symbols, PLAN_WIDTH)"""
    refused: Ints
    """(reasons,)"""
