"""A position along a path of prices, bar by bar or price by price, under the rules of `core.trading.exits`.

Laws:
- Inside a bar the price goes open, adverse extreme, favourable extreme, close, through everything between
  (`path_of` and `passage` of `core.sim.history`): what is passed fills at its trigger. Where a bar holds both
  stop and target the stop is what happened, and the bar is counted as ambiguous.
- From one bar to the next, and from one live price to the next, the price jumps: what lies between fills at
  the price after the jump, better than the target or worse than the stop.
- The stop moves right after the price that moved it, never to where the price already is or has passed.
- A price that is no price (NaN, infinite, not above 0) fills nothing and moves nothing; time goes on.
- Numba compiles everything here unchanged (`core.trading.exits_compiled`), and with the same bits.
"""

from __future__ import annotations

from math import inf, isfinite

from core.trading.exits import (
    MOVED_BY_NOTHING,
    TICK_SLACK,
    ExitRules,
    is_armed,
    next_stop,
    on_tick,
    price_at_r,
    risk_of,
    stop_is_passed,
    target_is_passed,
    time_is_up,
    trailing_distance,
)
from core.trading.exits_bet import (
    LEFT_BY_GUARD,
    LEFT_BY_TARGET,
    LEFT_BY_TIME,
    LIQUIDATED,
    Bet,
    Lots,
    Prices,
    Walk,
    arrive,
    begin,
    leave,
    net_at,
    next_rung,
)

QUIET_MARGIN = 1e-12
"""Fraction of a price, above every rounding error of a few operations with it."""


def walk_tick(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    price: float,
    seconds: float,
    liquidation: float = 0.0,
) -> Walk:
    """One live price, `seconds` after the one before.

    `targets`: prices, nearest first; `target_lots`: what leaves at each (see `ladder`); lots in no target
    ride on the stop. `liquidation` 0: there is none.
    """
    if walk.lots_left == 0:
        return walk
    if not _is_price(price):
        return _later(rules, bet, walk, seconds, 0, False)
    walk = _jump(rules, bet, walk, targets, target_lots, price, liquidation)
    return _later(rules, bet, walk, seconds, 0, True)


def walk_leg(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    to: float,
    seconds: float,
    liquidation: float = 0.0,
) -> Walk:
    """From the last price to another through everything between, `seconds` after it. Else as `walk_tick`."""
    if walk.lots_left == 0:
        return walk
    if not _is_price(to):
        return _later(rules, bet, walk, seconds, 0, False)
    walk = _go(rules, bet, walk, targets, target_lots, to, liquidation)
    return _later(rules, bet, walk, seconds, 0, True)


def walk_bar(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    open_: float,
    high: float,
    low: float,
    close: float,
    seconds: float,
    liquidation: float = 0.0,
) -> Walk:
    """One closed bar, whose close is `seconds` after the close before or the entry. Else as `walk_tick`."""
    if walk.lots_left == 0:
        return walk
    if not (_is_price(open_) and _is_price(high) and _is_price(low) and _is_price(close)):
        return _later(rules, bet, walk, seconds, 0, False)
    adverse, favourable = (low, high) if bet.sign > 0 else (high, low)
    walk = _jump(rules, bet, walk, targets, target_lots, open_, liquidation)
    was_held = walk.lots_left > 0
    walk = _go(rules, bet, walk, targets, target_lots, adverse, liquidation)
    ambiguous, place = 0, next_rung(target_lots, walk.targets_filled)
    if was_held and walk.lots_left == 0 and place < len(targets):
        ambiguous = 1 if target_is_passed(favourable, float(targets[place]), bet.sign) else 0
    walk = _go(rules, bet, walk, targets, target_lots, favourable, liquidation)
    walk = _go(rules, bet, walk, targets, target_lots, close, liquidation)
    return _later(rules, bet, walk, seconds, ambiguous, True)


def follow(
    rules: ExitRules,
    bet: Bet,
    targets: Prices,
    target_lots: Lots,
    bars: Prices,
    bar_s: float,
    liquidation: float = 0.0,
) -> Walk:
    """To its end or that of `bars`, entered at the first bar's open.

    `bars`: (n, ≥5) float64, oldest first: open time in ms, open, high, low, close; `bar_s`: length of one.
    """
    walk = begin(bet)
    for row in range(len(bars)):
        seconds = bar_s if row == 0 else (float(bars[row, 0]) - float(bars[row - 1, 0])) / 1000.0
        walk = walk_bar(
            rules,
            bet,
            walk,
            targets,
            target_lots,
            float(bars[row, 1]),
            float(bars[row, 2]),
            float(bars[row, 3]),
            float(bars[row, 4]),
            seconds,
            liquidation,
        )
        if walk.lots_left == 0:
            break
    return walk


# ---------------------------------------------------------------- bars that change nothing


def quiet_band(
    rules: ExitRules, bet: Bet, walk: Walk, targets: Prices, target_lots: Lots, liquidation: float = 0.0
) -> tuple[float, float]:
    """(low, high): a bar wholly between them fills nothing and moves no stop, as long as time is not up.

    `walk_bar` would change only price, extremes and held time. Exclusive and cautious: a bar that touches an
    end may be as quiet. (inf, -inf) where no bar can be told to be.
    """
    if walk.lots_left == 0 or _moves_now(rules, bet, walk):
        return inf, -inf
    losing = walk.stop
    if liquidation > 0.0:
        losing = _first_met(losing, liquidation, bet.sign)
        losing = _first_met(losing, _guarded(rules, bet.sign, liquidation), bet.sign)
    winning = _first_move(rules, bet, walk)
    place = next_rung(target_lots, walk.targets_filled)
    if place < len(targets):
        winning = _first_met(winning, float(targets[place]), -bet.sign)
    return (losing, winning) if bet.sign > 0 else (winning, losing)


def _first_met(one: float, other: float, sign: int) -> float:
    """Of two prices the one that a price moving against `sign` meets first."""
    return other if (other - one) * sign > 0.0 else one


def _moves_now(rules: ExitRules, bet: Bet, walk: Walk) -> bool:
    """The next price arms the trailing stop or moves the stop, without being further than the best one."""
    if not walk.armed and is_armed(rules, bet.sign, bet.entry, bet.first_stop, walk.best, bet.cost):
        return True
    _, moved_by = next_stop(
        rules,
        bet.sign,
        bet.entry,
        bet.first_stop,
        walk.stop,
        walk.best,
        bet.atr,
        bet.cost,
        walk.targets_filled,
        walk.armed,
        bet.tick,
    )
    return moved_by != MOVED_BY_NOTHING


def _first_move(rules: ExitRules, bet: Bet, walk: Walk) -> float:
    """The best price up to which neither arms nor moves anything; endless where nothing would."""
    first = inf * bet.sign
    if 0 < rules.break_even_after <= walk.targets_filled:
        even = on_tick(price_at_r(bet.entry, bet.first_stop, bet.sign, bet.cost, 0.0), bet.tick, bet.sign)
        if (even - walk.stop) * bet.sign > 0.0:
            first = _first_met(first, even, -bet.sign)
    if not walk.armed:
        arms = price_at_r(bet.entry, bet.first_stop, bet.sign, bet.cost, rules.arm_r)
        return _first_met(first, arms, -bet.sign)
    if trailing_distance(rules, walk.best, bet.atr) > 0.0:
        return _first_met(first, _trails_from(rules, bet, walk), -bet.sign)
    return first


def _trails_from(rules: ExitRules, bet: Bet, walk: Walk) -> float:
    """The best price up to which the trailing stop stays, less what rounding may hide."""
    step = rules.step_r * risk_of(bet.entry, bet.first_stop, bet.cost)
    step = max(step, 0.0) * (1.0 - 2.0 * TICK_SLACK)
    kept = walk.stop + bet.sign * step
    if rules.trail_atr > 0 and bet.atr > 0:
        kept += bet.sign * rules.trail_atr * bet.atr
    elif rules.trail_fraction * bet.sign < 1.0:
        kept /= 1.0 - bet.sign * rules.trail_fraction
    else:
        return walk.best
    return kept - bet.sign * (2.0 * TICK_SLACK * abs(bet.tick) + QUIET_MARGIN * abs(kept))


# ---------------------------------------------------------------- inside


def _is_price(price: float) -> bool:
    return isfinite(price) and price > 0.0


def _guarded(rules: ExitRules, sign: int, liquidation: float) -> float:
    """The price beyond which `liquidation_is_near`; infinite for a long whose every price is."""
    share = 1.0 - sign * rules.nearest_liquidation
    return liquidation / share if share > 0.0 else inf


def _jump(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    to: float,
    liquidation: float,
) -> Walk:
    """To a price, through none between."""
    if liquidation > 0.0:
        if stop_is_passed(to, liquidation, bet.sign):
            return leave(walk, bet, walk.lots_left, to, LIQUIDATED, walk.targets_filled)
        guarded = _guarded(rules, bet.sign, liquidation)
        if (guarded - walk.stop) * bet.sign > 0.0 and stop_is_passed(to, guarded, bet.sign):
            return leave(walk, bet, walk.lots_left, to, LEFT_BY_GUARD, walk.targets_filled)
    if stop_is_passed(to, walk.stop, bet.sign):
        return leave(walk, bet, walk.lots_left, to, walk.moved_by + 1, walk.targets_filled)
    return _onward(rules, bet, walk, targets, target_lots, to, True)


def _go(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    to: float,
    liquidation: float,
) -> Walk:
    """To a price, through everything between."""
    if walk.lots_left == 0:
        return walk
    end, code = walk.stop, walk.moved_by + 1
    if liquidation > 0.0:
        guarded = _guarded(rules, bet.sign, liquidation)
        if (guarded - end) * bet.sign > 0.0:
            end, code = guarded, LEFT_BY_GUARD if rules.nearest_liquidation > 0.0 else LIQUIDATED
    if stop_is_passed(to, end, bet.sign):
        return leave(walk, bet, walk.lots_left, end, code, walk.targets_filled)
    return _onward(rules, bet, walk, targets, target_lots, to, False)


def _onward(
    rules: ExitRules,
    bet: Bet,
    walk: Walk,
    targets: Prices,
    target_lots: Lots,
    to: float,
    is_jump: bool,
) -> Walk:
    """Fills the targets up to `to`, and moves the stop after each and at the end."""
    place = next_rung(target_lots, walk.targets_filled)
    while place < len(targets) and target_is_passed(to, float(targets[place]), bet.sign):
        lots = min(int(target_lots[place]), walk.lots_left)
        walk = leave(walk, bet, lots, to if is_jump else float(targets[place]), LEFT_BY_TARGET, place + 1)
        if walk.lots_left == 0:
            return walk
        walk = arrive(rules, bet, walk, walk.price)
        place = next_rung(target_lots, place + 1)
    return arrive(rules, bet, walk, to)


def _later(rules: ExitRules, bet: Bet, walk: Walk, seconds: float, ambiguous: int, has_price: bool) -> Walk:
    """Time went on; where it is up, the rest leaves at the last price."""
    held_s = walk.held_s + (seconds if isfinite(seconds) and seconds > 0.0 else 0.0)
    walk = Walk(
        stop=walk.stop,
        moved_by=walk.moved_by,
        armed=walk.armed,
        price=walk.price,
        best=walk.best,
        worst=walk.worst,
        targets_filled=walk.targets_filled,
        lots_left=walk.lots_left,
        gain=walk.gain,
        exit_price=walk.exit_price,
        exit_code=walk.exit_code,
        ambiguous=walk.ambiguous + ambiguous,
        held_s=held_s,
    )
    is_open = has_price and walk.lots_left > 0
    if is_open and time_is_up(rules, held_s / 3600.0, net_at(bet, walk, walk.price)):
        walk = leave(walk, bet, walk.lots_left, walk.price, LEFT_BY_TIME, walk.targets_filled)
    return walk
