"""Bars on which nothing happens to a position: skipped in one go.

Laws:
- The rule book says between which prices nothing happens; not one rule is written here.
- All that quiet bars change is the price, its extremes and the time held.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf

from core.backtest.engine_words import (
    BEST,
    ENTRY_BAR,
    GUARDED,
    HELD_S,
    HIGH,
    LATE_BAR,
    LIQUIDATION,
    LOW,
    NEXT_BAR,
    PRICE,
    SEEN_BEST,
    SEEN_WORST,
    SIGN,
    WANTS_OUT,
    WORST,
    Floats,
    Sides,
)
from core.trading.exits import ExitRules, stop_is_passed
from core.trading.exits_bet import Bet, Lots, Prices, Walk
from core.trading.exits_walk import quiet_band


def skip_quiet(
    bars: Floats, side: Sides, mark: Floats, row: Floats, until: int, bar_ms: float, turns: bool
) -> int:
    """Skips the quiet bars before `until`; the first one that is not, or `until`."""
    bar, sign = int(row[NEXT_BAR]), int(row[SIGN])
    first, end = bar, min(until, int(row[LATE_BAR]))
    if row[WANTS_OUT] > 0.0 or row[LOW] > row[HIGH]:
        return first
    against = -sign if turns else 0
    lowest, highest = float(row[SEEN_WORST]), float(row[SEEN_BEST])
    if sign < 0:
        lowest, highest = highest, lowest
    low, high, guarded = float(row[LOW]), float(row[HIGH]), float(row[GUARDED])
    if len(mark) > 0:
        bar, lowest, highest = quiet_marked(
            bars, side, mark, bar, end, low, high, against, sign, guarded, lowest, highest
        )
    else:
        bar, lowest, highest = quiet_until(bars, side, bar, end, low, high, against, lowest, highest)
    if bar > first:
        best, worst = (highest, lowest) if sign > 0 else (lowest, highest)
        row[PRICE], row[HELD_S] = bars[bar - 1, 4], held_s(bars, row, bar - 1, bar_ms)
        row[NEXT_BAR] = bar
        row[SEEN_BEST], row[SEEN_WORST] = best, worst
        row[BEST] = best if (best - row[BEST]) * sign > 0.0 else row[BEST]
        row[WORST] = worst if (worst - row[WORST]) * sign < 0.0 else row[WORST]
    return bar


def quiet_until(
    bars: Floats,
    side: Sides,
    bar: int,
    end: int,
    low: float,
    high: float,
    against: int,
    lowest: float,
    highest: float,
) -> tuple[int, float, float]:
    """The first bar before `end` that is not quiet, and the extremes until then.

    `against`: the sign of what the strategy says to close this side; 0: it never does.
    """
    while bar < end:
        down, up = float(bars[bar, 3]), float(bars[bar, 2])
        if not (down > low and up < high) or side[bar - 1] * against > 0:
            break
        lowest = down if down < lowest else lowest
        highest = up if up > highest else highest
        bar += 1
    return bar, lowest, highest


def quiet_marked(
    bars: Floats,
    side: Sides,
    mark: Floats,
    bar: int,
    end: int,
    low: float,
    high: float,
    against: int,
    sign: int,
    guarded: float,
    lowest: float,
    highest: float,
) -> tuple[int, float, float]:
    """The same, and the mark price stays on the right side of `guarded`."""
    adverse = 2 if sign > 0 else 1
    while bar < end:
        down, up = float(bars[bar, 3]), float(bars[bar, 2])
        if not (down > low and up < high) or side[bar - 1] * against > 0:
            break
        if guarded > 0.0 and stop_is_passed(float(mark[bar, adverse]), guarded, sign):
            break
        lowest = down if down < lowest else lowest
        highest = up if up > highest else highest
        bar += 1
    return bar, lowest, highest


def guard_level(rules: ExitRules, sign: int, liquidation: float) -> float:
    """The price at which guard or liquidation takes the position; 0: none."""
    if not liquidation > 0.0:
        return 0.0
    share = 1.0 - sign * rules.nearest_liquidation
    return liquidation / share if share > 0.0 else inf


def set_band(
    rules: ExitRules, row: Floats, bet: Bet, walk: Walk, targets: Prices, target_lots: Lots, has_mark: bool
) -> None:
    """Between which prices the next bars are quiet; where there are marks, the guard is theirs."""
    liquidation = 0.0 if has_mark else float(row[LIQUIDATION])
    row[LOW], row[HIGH] = quiet_band(rules, bet, walk, targets, target_lots, liquidation)


def held_s(bars: Floats, row: Floats, bar: int, after_ms: float) -> float:
    """From the entry to `after_ms` into `bar`, seconds."""
    return (float(bars[bar, 0]) + after_ms - float(bars[int(row[ENTRY_BAR]), 0])) / 1000.0


def bar_from(bars: Floats, bar: int, last: int, at_ms: float, bar_ms: float) -> int:
    """The first bar from `bar` on that opens at `at_ms` or later; `last` where none does."""
    if bar >= last or at_ms > float(bars[last - 1, 0]):
        return last
    guess = bar + int(-((float(bars[bar, 0]) - at_ms) // bar_ms))
    if (
        bar <= guess < last
        and float(bars[guess, 0]) >= at_ms
        and (guess == bar or float(bars[guess - 1, 0]) < at_ms)
    ):
        return guess
    low, high = bar, last
    while low < high:
        middle = (low + high) // 2
        if float(bars[middle, 0]) < at_ms:
            low = middle + 1
        else:
            high = middle
    return low
