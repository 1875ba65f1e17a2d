"""The rule book of an open position, asked alike by live, paper, simulation and backtest.

Laws:
- Pure scalar functions over float64 prices, in a form that numba compiles unchanged. No rounding but to the
  tick, and that away from the market; money and the ledger are somebody else's.
- `sign` is +1 for a long, -1 for a short. NaN means: there is none.
- A stop only ever tightens here. Loosening is a person's decision and happens elsewhere.
- What is no number never moves a stop, and never becomes one: a first stop that cannot be had is NaN.
- R is the loss at the first stop, costs included: a price at `r` R nets `r` times that.
"""

from __future__ import annotations

from decimal import Decimal
from math import floor, isfinite, isnan, nan
from typing import NamedTuple, TypeVar

Price = TypeVar("Price", float, Decimal)

TICK_SLACK = 1e-6
"""Fraction of a tick by which a float may miss the multiple it stands for."""
FLOAT_STEP = 2.0**-50
"""Fraction by which the quotient of two rounded floats may be off, and some."""
MOST_TICKS = 2.0**47
"""From here on a float tells ticks no longer apart for certain."""
SLACK = 1e-9
"""Fraction of a distance by which a float may miss it."""
MOST_DIGITS = 20
"""Of a price, before or behind the point."""
MOST_CROWDS = 4
"""So often the first stop is moved out of one crowd into the next before it stays where it was."""

MOVED_BY_NOTHING, MOVED_TO_BREAK_EVEN, MOVED_BY_TRAILING = 0, 1, 2
"""Why `next_stop` names the stop it names."""


class ExitRules(NamedTuple):
    """Every number of the rule book. Distances are fractions of the price unless named otherwise."""

    scalp_stop: float = 0.05
    """Least distance of the first stop for a trade of less than `swing_horizon_h`."""
    swing_stop: float = 0.07
    swing_stop_most: float = 0.08
    """Distance of the first stop for a longer one; structure may still need more."""
    swing_horizon_h: float = 24.0
    stop_atr: float = 2.0
    """Distance in 1h ATR where no adviser named one."""
    swing_margin_atr: float = 0.25
    """The stop rests at least this far beyond the swing."""
    round_margin_atr: float = 0.10
    """And at least this far from round numbers and known levels, where everybody's stop is."""
    cost_multiple: float = 3.0
    """The stop is at least this many round-trip costs away."""
    break_even_after: int = 1
    """Filled targets after which the stop goes to break-even, costs included; 0: never."""
    trail_atr: float = 2.5
    """Trailing distance in ATR of the plan; 0: not by ATR."""
    trail_fraction: float = 0.0
    """Trailing distance as a fraction of the best price, where `trail_atr` is 0 or the ATR is unknown;
    0: not at all."""
    arm_r: float = 1.0
    """The trailing stop arms once the best price would have netted this many R."""
    step_r: float = 0.1
    """It moves by at least this many R at a time: a venue's order limits are not for noise."""
    time_stop_h: float = 72.0
    """A trade is over after this; 0: never."""
    min_profit_usd: float = 2.50
    """A discretionary exit of a winning trade waits for this net profit."""
    nearest_liquidation: float = 0.05
    """Closer than this fraction of the mark price, the position is closed at once."""


# ---------------------------------------------------------------- prices


def risk_of(entry: float, stop: float, cost: float) -> float:
    """R per coin, price units: the distance to the first stop and the costs of the round trip."""
    return abs(entry - stop) + cost * entry


def price_at_r(entry: float, stop: float, sign: int, cost: float, r: float) -> float:
    """The price at which leaving nets `r` R: entry + sign·(r·(|entry - stop| + cost·entry) + cost·entry).

    `cost` is that of a round trip, fraction of the price. 0 R is break-even, -1 R is the stop.
    """
    return entry + sign * (r * risk_of(entry, stop, cost) + cost * entry)


def on_tick(price: float, tick: float, sign: int) -> float:
    """The tick at `price`, or the next one on the losing side of it: down for a long, up for a short.

    `price` itself where there is no tick to be on: not finite, no tick above 0, or one too fine for a float.
    """
    ticks = price / tick if isfinite(tick) and tick > 0.0 else nan
    if not abs(ticks) < MOST_TICKS:
        return price
    slack = TICK_SLACK + abs(ticks) * FLOAT_STEP
    whole = floor(ticks + slack) if sign > 0 else -floor(-ticks + slack)
    return whole * tick


def stop_is_passed(mark: Price, stop: Price, sign: int) -> bool:
    """The mark price is at the stop or beyond it."""
    return (mark - stop) * sign <= 0


def target_is_passed(mark: Price, target: Price, sign: int) -> bool:
    """The mark price is at the target or beyond it."""
    return (mark - target) * sign >= 0


def liquidation_is_near(mark: Price, liquidation: Price, sign: int, nearest: Price) -> bool:
    """The liquidation price is closer than `nearest`, a fraction of the mark price.

    A liquidation price of 0 is how venues say that there is none.
    """
    return liquidation > 0 and (mark - liquidation) * sign < nearest * mark


def share_of_way(mark: Price, entry: Price, end: Price) -> Price:
    """How far the price has gone from `entry` towards `end`, another price: 0 at entry, 1 at the end."""
    return (mark - entry) / (end - entry)


# ---------------------------------------------------------------- the first stop


def initial_stop(
    rules: ExitRules,
    sign: int,
    price: float,
    atr: float,
    named_atr: float,
    swing: float,
    level: float,
    horizon_h: float,
    cost: float,
    least: float,
    most: float,
) -> float:
    """The price of the first stop, not yet on the tick; NaN where structure or costs need more than `most`.

    `named_atr`: distance in ATR that advisers named; `swing`: the swing point behind the price; `level`: the
    level behind it; `horizon_h`: hours it is expected to take; each NaN where unknown (then: the rule's ATR
    multiple, none, none, a scalp). `least` and `most` bound the distance, fractions of the price. NaN also
    where price, ATR, cost or a bound is none.
    """
    if not (isfinite(price) and price > 0.0 and atr > 0.0):
        return nan
    by_atr = (named_atr if named_atr > 0.0 else rules.stop_atr) * atr / price
    by_swing = 0.0
    if not isnan(swing) and (price - swing) * sign > 0.0:
        by_swing = (price - swing) * sign / price + rules.swing_margin_atr * atr / price
    by_cost = rules.cost_multiple * cost
    if not (by_atr <= most and by_swing <= most and by_cost <= most and least <= most):
        return nan
    fraction = max(_by_horizon(rules, by_atr, horizon_h), by_swing, by_cost, least)
    stop = price * (1.0 - sign * min(fraction, most))
    if not (isfinite(stop) and stop > 0.0):
        return nan
    return _clear_of_crowds(stop, level, rules.round_margin_atr * atr, sign, price, most)


def _by_horizon(rules: ExitRules, by_atr: float, horizon_h: float) -> float:
    if isnan(horizon_h) or horizon_h < rules.swing_horizon_h:
        return max(rules.scalp_stop, by_atr)
    return min(max(rules.swing_stop, by_atr), rules.swing_stop_most)


def round_number(price: float) -> float:
    """The nearest number of two leading digits: 64,230 → 64,000; 0.5172 → 0.52. NaN where there is none."""
    if not (isfinite(price) and price > 0.0):
        return nan
    unit, scale = 1.0, 1.0
    for _ in range(
        MOST_DIGITS
    ):  # by powers of ten, each exact: no logarithm that libraries round differently
        if price >= 100.0 * unit:
            unit *= 10.0
        elif price * scale < 10.0:
            scale *= 10.0
    leading = price / unit * scale
    return round(leading) * unit / scale if 9.0 < leading < 101.0 else nan


def _clear_of_crowds(stop: float, level: float, margin: float, sign: int, price: float, most: float) -> float:
    """Further away, beyond the round number and the level where others' stops rest.

    Unmoved where no place within the greatest distance is clear of both.
    """
    clear = stop
    for _ in range(MOST_CROWDS):
        crowd = round_number(clear)
        if not _is_crowded(clear, crowd, margin):
            crowd = level
        if not _is_crowded(clear, crowd, margin):
            return clear
        clear = crowd - sign * margin
        if not (isfinite(clear) and clear > 0.0 and (price - clear) * sign <= most * price):
            return stop
    return stop


def _is_crowded(stop: float, crowd: float, margin: float) -> bool:
    """False where there is no crowd (NaN)."""
    return abs(stop - crowd) < margin * (1.0 - SLACK)


# ---------------------------------------------------------------- moving it


def is_armed(rules: ExitRules, sign: int, entry: float, first_stop: float, best: float, cost: float) -> bool:
    """The best price would have netted `arm_r` R."""
    return (best - price_at_r(entry, first_stop, sign, cost, rules.arm_r)) * sign >= 0


def trailing_distance(rules: ExitRules, best: float, atr: float) -> float:
    """Price units; NaN where nothing trails."""
    if rules.trail_atr > 0 and atr > 0:
        return rules.trail_atr * atr
    return rules.trail_fraction * best if rules.trail_fraction > 0 else nan


def next_stop(
    rules: ExitRules,
    sign: int,
    entry: float,
    first_stop: float,
    stop: float,
    best: float,
    atr: float,
    cost: float,
    targets_filled: int,
    armed: bool,
    tick: float,
) -> tuple[float, int]:
    """(the stop from now on, why). Never looser than `stop`; on the tick; `atr` NaN where unknown."""
    wanted, why = stop, MOVED_BY_NOTHING
    if 0 < rules.break_even_after <= targets_filled:
        even = on_tick(price_at_r(entry, first_stop, sign, cost, 0.0), tick, sign)
        if _is_behind(even, best, sign) and (even - wanted) * sign > TICK_SLACK * abs(tick):
            wanted, why = even, MOVED_TO_BREAK_EVEN
    distance = trailing_distance(rules, best, atr)
    if armed and distance > 0.0:
        trailed = on_tick(best - sign * distance, tick, sign)
        step = rules.step_r * risk_of(entry, first_stop, cost)
        step = tick if tick > step else step
        gained = (trailed - wanted) * sign
        if _is_behind(trailed, best, sign) and gained > 0.0 and gained > step * (1.0 - TICK_SLACK):
            wanted, why = trailed, MOVED_BY_TRAILING
    return wanted, why


def _is_behind(stop: float, best: float, sign: int) -> bool:
    """A price that a stop can have: above 0, on the losing side of the best price."""
    return isfinite(best) and isfinite(stop) and stop > 0.0 and (best - stop) * sign > 0.0


# ---------------------------------------------------------------- leaving


def must_wait_for_profit(rules: ExitRules, net: float) -> bool:
    """A discretionary exit (time, adviser) of a winning trade waits until it is worth it; a loss never waits.

    `net`: USDT that leaving now would make of the whole trade, costs included. NaN does not wait either.
    """
    return 0.0 < net < rules.min_profit_usd


def time_is_up(rules: ExitRules, held_h: float, net: float) -> bool:
    """The trade has had its time, and leaving is worth it."""
    return 0 < rules.time_stop_h <= held_h and not must_wait_for_profit(rules, net)
