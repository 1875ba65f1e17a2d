"""What was entered, how far it came, and the few things that happen to it on the way: the walk's words.

Laws:
- Plain numbers only, sizes in whole lots: Σ of what left and what is left is always what was entered.
- No leverage and no funding here; both change what the account has, not where the position ends.
- As in `core.trading.exits`: what numba compiles is exactly what runs without it.
"""

from __future__ import annotations

from math import floor, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.trading.exits import (
    MOVED_BY_NOTHING,
    TICK_SLACK,
    ExitRules,
    is_armed,
    next_stop,
    risk_of,
    stop_is_passed,
)

OPEN = 0
LEFT_BY_STOP, LEFT_BY_BREAK_EVEN, LEFT_BY_TRAILING = 1, 2, 3
"""At the stop, wherever it was then: these are `MOVED_…` plus one."""
LEFT_BY_TARGET, LEFT_BY_TIME = 4, 5
LEFT_BY_GUARD = 6
"""The liquidation price was nearer than the rules allow."""
LIQUIDATED = 7

Prices = NDArray[np.float64]
Lots = NDArray[np.int64]


class Bet(NamedTuple):
    """What was entered; it never changes."""

    sign: int
    """+1 long, -1 short."""
    entry: float
    """Average price of the entry."""
    first_stop: float
    atr: float
    """Of the plan, price units; NaN where unknown."""
    cost: float
    """Of a round trip, fraction of the entry price."""
    tick: float
    lots: int
    """Size in whole steps of the quantity."""
    lot: float
    """One step, base coin."""


class Walk(NamedTuple):
    """How far it came. Only plain and finite numbers, so that JSON gives the same walk back."""

    stop: float
    moved_by: int
    """Which rule put the stop there, `MOVED_…`."""
    armed: bool
    """The trailing stop is; it stays so."""
    price: float
    """The last one seen; that of the exit once it is over."""
    best: float
    worst: float
    """Extremes while something was held."""
    targets_filled: int
    """One of no lots counts with the next that has some."""
    lots_left: int
    gain: float
    """Σ lots × (exit - entry) × sign of what was left, before costs; price units × lots."""
    exit_price: float
    """Of the last exit, partial ones too; 0: none yet."""
    exit_code: int
    """What took the last lot, `LEFT_…`; 0 while something is held."""
    ambiguous: int
    """Bars that held both the stop and a target."""
    held_s: float
    """Since the entry, up to the last bar's close or price."""


def begin(bet: Bet) -> Walk:
    """Just entered. Raises `ValueError` where the bet is none that could be entered."""
    if not (isfinite(bet.entry) and isfinite(bet.first_stop) and min(bet.entry, bet.first_stop) > 0.0):
        raise ValueError("entry and stop must be finite and above 0")
    if not (bet.entry - bet.first_stop) * bet.sign > 0.0:
        raise ValueError("the first stop must be on the losing side of the entry")
    if not (bet.lots > 0 and bet.lot > 0.0 and bet.cost >= 0.0):
        raise ValueError("lots and lot must be above 0, the cost not below")
    return Walk(
        stop=bet.first_stop,
        moved_by=MOVED_BY_NOTHING,
        armed=False,
        price=bet.entry,
        best=bet.entry,
        worst=bet.entry,
        targets_filled=0,
        lots_left=bet.lots,
        gain=0.0,
        exit_price=0.0,
        exit_code=OPEN,
        ambiguous=0,
        held_s=0.0,
    )


def ladder(lots: int, shares: Prices, least: int) -> Lots:
    """Lots of each target, nearest first, of shares that sum to 1; 0 for one that has joined another.

    Shares are rounded down. A slice under `least` lots joins the next one; the last takes the rest, and where
    even that is under `least`, the one before it takes both.
    """
    slices = np.zeros(len(shares), dtype=np.int64)
    given, joining, before = 0, 0.0, -1
    for place in range(len(shares) - 1):
        own = lots * float(shares[place]) + joining
        whole = min(floor(own + TICK_SLACK), lots - given)
        is_enough = whole >= max(least, 1)
        joining = 0.0 if is_enough else own
        if is_enough:
            slices[place] = whole
            given, before = given + whole, place
    rest = lots - given
    if len(shares) > 0:
        slices[before if before >= 0 and rest < least else len(shares) - 1] += rest
    return slices


def next_rung(target_lots: Lots, after: int) -> int:
    """Place of the first target from `after` on that has lots; the number of all where none has."""
    for place in range(after, len(target_lots)):
        if target_lots[place] > 0:
            return place
    return len(target_lots)


def net_at(bet: Bet, walk: Walk, price: float) -> float:
    """USDT that the whole trade makes if what is left leaves at `price`; costs included, funding not."""
    open_part = walk.lots_left * (price - bet.entry) * bet.sign
    return (walk.gain + open_part - bet.cost * bet.entry * bet.lots) * bet.lot


def r_multiple(bet: Bet, walk: Walk) -> float:
    """Net result ÷ R; what is still open counts at the last price."""
    return net_at(bet, walk, walk.price) / (risk_of(bet.entry, bet.first_stop, bet.cost) * bet.lots * bet.lot)


def leave(walk: Walk, bet: Bet, lots: int, price: float, code: int, targets_filled: int) -> Walk:
    """`lots` left at `price`."""
    rest = walk.lots_left - lots
    return Walk(
        stop=walk.stop,
        moved_by=walk.moved_by,
        armed=walk.armed,
        price=price,
        best=_further(walk.best, price, bet.sign),
        worst=_further(walk.worst, price, -bet.sign),
        targets_filled=targets_filled,
        lots_left=rest,
        gain=walk.gain + lots * (price - bet.entry) * bet.sign,
        exit_price=price,
        exit_code=code if rest == 0 else OPEN,
        ambiguous=walk.ambiguous,
        held_s=walk.held_s,
    )


def arrive(rules: ExitRules, bet: Bet, walk: Walk, price: float) -> Walk:
    """At a price that nothing was left at, or where something still is held; the stop follows."""
    best = _further(walk.best, price, bet.sign)
    armed = walk.armed or is_armed(rules, bet.sign, bet.entry, bet.first_stop, best, bet.cost)
    stop, moved_by = next_stop(
        rules,
        bet.sign,
        bet.entry,
        bet.first_stop,
        walk.stop,
        best,
        bet.atr,
        bet.cost,
        walk.targets_filled,
        armed,
        bet.tick,
    )
    if moved_by == MOVED_BY_NOTHING or stop_is_passed(price, stop, bet.sign):
        stop, moved_by = walk.stop, walk.moved_by
    return Walk(
        stop=stop,
        moved_by=moved_by,
        armed=armed,
        price=price,
        best=best,
        worst=_further(walk.worst, price, -bet.sign),
        targets_filled=walk.targets_filled,
        lots_left=walk.lots_left,
        gain=walk.gain,
        exit_price=walk.exit_price,
        exit_code=walk.exit_code,
        ambiguous=walk.ambiguous,
        held_s=walk.held_s,
    )


def _further(far: float, price: float, sign: int) -> float:
    """The one of two prices that is further in the direction of `sign`."""
    return price if (price - far) * sign > 0.0 else far
