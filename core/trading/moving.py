"""Where a stop belongs now, and what leaving would make: the rule book asked about one look.

Laws:
- By itself a stop only tightens. Only a person loosens one, and never to where the rule book would not
  leave it.
- The peak and the armed state are in the journal before anything is concluded from them.
- Floats come back as money on the tick: `exits.on_tick` has rounded away from the market, here only float
  error is shed.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import nan

from core.market import Side
from core.money import ZERO, ceil_to, cents_down, exact, floor_to, nearest_to, without_zeros
from core.trade import Position, StopBy, Trade, Want
from core.trading.exits import (
    MOVED_BY_NOTHING,
    MOVED_BY_TRAILING,
    ExitRules,
    is_armed,
    liquidation_is_near,
    next_stop,
    stop_is_passed,
    time_is_up,
    trailing_distance,
)
from core.trading.laddering import targets_filled
from core.trading.steps import MoveStop, Scene

WHY = {
    StopBy.PLAN: "the plan",
    StopBy.BREAK_EVEN: "break-even after a target, costs included",
    StopBy.TRAILING: "trailing the best price",
    StopBy.OWNER: "asked for",
    StopBy.ADVISER: "the advisers' exit opinion",
    StopBy.BREAKER: "a circuit breaker tightens",
}
"""`StopBy` in words for people."""


# ---------------------------------------------------------------- what is remembered


def with_extremes(trade: Trade, mark: Decimal) -> Trade:
    """The extremes of the mark price, this one included."""
    sign = trade.side.sign
    best, worst = trade.best_mark, trade.worst_mark
    if best is None or (mark - best) * sign > 0:
        best = mark
    if worst is None or (mark - worst) * sign < 0:
        worst = mark
    return replace(trade, best_mark=best, worst_mark=worst)


def with_sight(trade: Trade, position: Position, exits: ExitRules) -> Trade:
    """What one look adds for good: extremes, and the trailing stop once it is armed."""
    seen = with_extremes(trade, position.mark)
    if seen.is_trailing or seen.best_mark is None:
        return seen
    best, atr = float(seen.best_mark), _atr(trade)
    if not trailing_distance(exits, best, atr) > 0:  # NaN: nothing trails
        return seen
    entry, first = float(position.entry), float(trade.planned_stop)
    armed = is_armed(exits, trade.side.sign, entry, first, best, float(trade.cost))
    return replace(seen, is_trailing=armed)


def with_stop(trade: Trade, stop: Decimal, by: StopBy) -> Trade:
    """R stays measured by the plan's stop, also in rows that never named it."""
    return replace(trade, stop=stop, stop_by=by, first_stop=trade.planned_stop)


# ---------------------------------------------------------------- the rule book's stop


def ruled_stop(scene: Scene) -> MoveStop | None:
    """Where the rule book moves the stop now; None: it stays. Not while a part is being closed."""
    trade, position = scene.trade, scene.seen.position
    if position is None or trade.close_share is not None:
        return None
    sign, mark, tick = trade.side.sign, scene.seen.mark, scene.rules.tick
    best = trade.best_mark if trade.best_mark is not None else mark
    if (mark - best) * sign > 0:
        best = mark
    wanted, why = next_stop(
        scene.rules.exits,
        sign,
        float(position.entry),
        float(trade.planned_stop),
        float(trade.stop),
        float(best),
        _atr(trade),
        float(trade.cost or 2 * scene.rules.exit_cost),  # rows of older versions do not name their costs
        targets_filled(scene),
        trade.is_trailing,
        float(tick),
    )
    stop = nearest_to(exact(wanted), tick)
    if why == MOVED_BY_NOTHING or (stop - trade.stop) * sign <= 0:
        return None  # a tick that grew since the entry moves nothing either
    return MoveStop(stop, StopBy.TRAILING if why == MOVED_BY_TRAILING else StopBy.BREAK_EVEN)


def _atr(trade: Trade) -> float:
    return float(trade.atr) if trade.atr is not None else nan


# ---------------------------------------------------------------- somebody's wish


def asked_stop(scene: Scene, price: Decimal, by: StopBy, *, may_loosen: bool) -> MoveStop | str:
    """The stop that was asked for, on the tick away from the market; or why it cannot be."""
    trade, mark, tick = scene.trade, scene.seen.mark, scene.rules.tick
    if trade.want is Want.CLOSED:
        return "it is being closed"
    if trade.close_share is not None:
        return "a part of it is being closed; ask again in a moment"
    if not scene.held:
        return "its position is not shown on the venue"
    if not price.is_finite() or price <= 0:
        return f"stop {price} is no price"
    stop = floor_to(price, tick) if trade.side is Side.LONG else ceil_to(price, tick)
    if stop == trade.stop or stop <= 0:
        return f"the stop is at {trade.stop} already" if stop > 0 else f"stop {price} is under one tick"
    if stop_is_passed(mark, stop, trade.side.sign):
        side = "below" if trade.side is Side.LONG else "above"
        prices = f"stop {without_zeros(stop)} must be {side} the mark price {without_zeros(mark)}"
        return f"{prices} for a {trade.side}"
    beyond = _beyond_liquidation(scene, stop)
    if beyond or (stop - trade.stop) * trade.side.sign > 0:
        return beyond or MoveStop(stop, by)
    return _loosened(scene, stop, by, may_loosen=may_loosen)


def _beyond_liquidation(scene: Scene, stop: Decimal) -> str:
    position = scene.seen.position
    if position is None or position.liquidation <= 0:
        return ""
    if (stop - position.liquidation) * scene.trade.side.sign > 0:
        return ""
    return f"stop {stop} is at or beyond the liquidation price {position.liquidation}"


def _loosened(scene: Scene, stop: Decimal, by: StopBy, *, may_loosen: bool) -> MoveStop | str:
    trade, position, exits = scene.trade, scene.seen.position, scene.rules.exits
    if not may_loosen:
        return f"stop {stop} is looser than the present {trade.stop}"
    nearest = exact(exits.nearest_liquidation)
    if position is not None and liquidation_is_near(stop, position.liquidation, trade.side.sign, nearest):
        return (
            f"stop {stop} would never be reached: nearer than {nearest:.0%} to the liquidation price "
            f"{position.liquidation} the position is closed"
        )
    back = ruled_stop(replace(scene, trade=replace(trade, stop=stop)))
    if back is not None:
        return f"the rule book would move it back to {back.stop} at once ({WHY[back.by]})"
    return MoveStop(stop, by)


# ---------------------------------------------------------------- what leaving would make


def net_if_left(scene: Scene, price: Decimal) -> Decimal:
    """USDT that the whole trade makes if the rest leaves at `price`: fills so far with their fees, the open
    part, and the expected costs of the exit. Funding is not in it.

    Where the fills do not add up to the position, only the open part is counted.
    """
    trade, position, held = scene.trade, scene.seen.position, scene.held
    sign = trade.side.sign
    costs = held * price * scene.rules.exit_cost
    bought, sold = scene.moved(trade.entry_side), scene.moved(trade.exit_side)
    if bought - sold != held:
        entry = position.entry if position is not None else price
        return (price - entry) * held * sign - costs - held * entry * scene.rules.exit_cost
    spent = sum((f.quantity * f.price for f in scene.seen.fills if f.side is trade.entry_side), ZERO)
    got = sum((f.quantity * f.price for f in scene.seen.fills if f.side is trade.exit_side), ZERO)
    fees = sum((fill.fee for fill in scene.seen.fills), ZERO)
    return (got - spent + held * price) * sign - fees - costs


def is_over_time(scene: Scene) -> bool:
    """The time stop: held for long enough, and leaving is worth it."""
    held_h = (scene.now - scene.trade.created_at).total_seconds() / 3600
    return time_is_up(scene.rules.exits, held_h, float(net_if_left(scene, scene.seen.mark)))


def move_in_words(scene: Scene, move: MoveStop) -> str:
    """Old → new, why, and what the whole trade then makes at the stop."""
    net = net_if_left(scene, move.stop)
    cents = cents_down(net)  # a gain is never told larger, a loss never smaller: as on the cards
    result = f"makes about +{cents}" if cents >= 0 else f"loses about {-cents}"
    old, new = without_zeros(scene.trade.stop), without_zeros(move.stop)
    return f"stop {old} → {new}: {WHY[move.by]}; hit there, the trade {result} USDT in all"
