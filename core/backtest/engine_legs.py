"""One bar from its open to its close, by the rule book.

Laws:
- The price goes to the adverse extreme, to the favourable one and to the close, a third of the bar each.
- A bar that holds both the stop and a target is walked through its finer bars where there are any; which of
  both came first is then known, or the bar is counted as ambiguous.
- With mark prices, guard and liquidation follow them: what they take leaves at the bar's adverse extreme, the
  worst that was traded while the mark price stood there.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import nan

from core.backtest.engine_fills import booked, net_if_left, worth
from core.backtest.engine_quiet import set_band
from core.backtest.engine_rows import bet_of, end_row, follow_walk, keep, leave_now, see, walk_of
from core.backtest.engine_words import (
    AMBIGUOUS,
    AT_ADVERSE,
    AT_FAVOURABLE,
    CLOSING,
    ENTRY_BAR,
    FILLED,
    GUARDED,
    HELD_S,
    LATE_BAR,
    LEFT,
    LIQUIDATION,
    NEXT_BAR,
    RESOLVED,
    RUNGS,
    SIGN,
    STOP,
    Floats,
    Way,
)
from core.trading.exits import stop_is_passed, target_is_passed, time_is_up
from core.trading.exits_bet import LEFT_BY_GUARD, LEFT_BY_TIME, LIQUIDATED, Lots, Prices, Walk, next_rung
from core.trading.exits_walk import walk_leg, walk_tick


def through(
    way: Way, s: int, row: Floats, targets: Prices, target_lots: Lots, bar: int, is_careful: bool
) -> bool:
    """From the open to the close by the rule book; True where nothing is left."""
    bars, rungs, sign = way.bars, int(row[RUNGS]), int(row[SIGN])
    targets, target_lots = targets[:rungs], target_lots[:rungs]
    opened_ms = float(bars[bar, 0])
    ended_ms = _taken_by_mark(way, s, row, bar)
    if not ended_ms > 0.0:
        has_finer = len(way.fine_at) > 0 and way.fine_at[bar] < way.fine_at[bar + 1]
        if has_finer and _is_contested(row, targets, target_lots, bars[bar], sign):
            ended_ms = _through_finer(way, s, row, targets, target_lots, bar)
        else:
            ended_ms = _legs(way, s, row, targets, target_lots, bars, bar, opened_ms, way.bar_ms, is_careful)
    row[NEXT_BAR] = bar + 1
    if ended_ms > 0.0:
        end_row(row, bar, ended_ms, opened_ms + way.bar_ms - CLOSING)
        return True
    set_band(way.rules, row, bet_of(row), walk_of(row), targets, target_lots, len(way.mark) > 0)
    return False


def _legs(
    way: Way,
    s: int,
    row: Floats,
    targets: Prices,
    target_lots: Lots,
    bars: Floats,
    bar: int,
    opened_ms: float,
    length_ms: float,
    is_careful: bool,
) -> float:
    """Adverse, favourable, close of that row of `bars`; when nothing was left, 0 where something is."""
    sign, bet = int(row[SIGN]), bet_of(row)
    entered_ms = float(way.bars[int(row[ENTRY_BAR]), 0])
    liquidation = 0.0 if len(way.mark) > 0 else float(row[LIQUIDATION])
    adverse, favourable = (3, 2) if sign > 0 else (2, 3)
    walk = walk_of(row)
    for leg in range(3):
        to = float(bars[bar, 4 if leg == 2 else favourable if leg == 1 else adverse])
        at_ms, before = opened_ms + length_ms * (leg + 1) / 3.0, walk
        seconds = (at_ms - entered_ms) / 1000.0 - walk.held_s
        walk = walk_leg(way.rules, bet, walk, targets, target_lots, to, seconds, liquidation)
        if walk.lots_left < before.lots_left:
            follow_walk(way.fill, way.venue_rules[s], row, before, walk, targets, target_lots, nan)
        keep(row, walk)
        if walk.lots_left == 0 or leave_if_late(way, s, row, to):
            for after in range(leg, 2):
                row[AT_ADVERSE + after] = booked(row)
            if leg == 0 and walk.lots_left == 0:
                far = float(bars[bar, favourable])
                row[AMBIGUOUS] += 1.0 if _is_doubtful(walk, targets, target_lots, far, sign) else 0.0
            return at_ms
        see(row, to, sign)
        if leg < 2 and is_careful:
            row[AT_ADVERSE + leg] = worth(way.fill, row, to)
    return 0.0


def leave_if_late(way: Way, s: int, row: Floats, price: float) -> bool:
    """The time stop, asked at every price of the bars in which it may come."""
    if row[NEXT_BAR] < row[LATE_BAR] or not row[LEFT] > 0.0:
        return False
    if not time_is_up(way.timed, float(row[HELD_S]) / 3600.0, net_if_left(way.fill, row, price)):
        return False
    leave_now(way.fill, way.venue_rules[s], row, price, LEFT_BY_TIME)
    return True


def _is_doubtful(walk: Walk, targets: Prices, target_lots: Lots, far: float, sign: int) -> bool:
    """It left where the bar holds the next target too."""
    place = next_rung(target_lots, walk.targets_filled)
    if place >= len(targets):
        return False
    return target_is_passed(far, float(targets[place]), sign)


def _is_contested(row: Floats, targets: Prices, target_lots: Lots, bar: Floats, sign: int) -> bool:
    """Both the stop and the next target lie in the bar."""
    place = next_rung(target_lots, int(row[FILLED]))
    adverse, favourable = (float(bar[3]), float(bar[2])) if sign > 0 else (float(bar[2]), float(bar[3]))
    if place >= len(targets) or not stop_is_passed(adverse, float(row[STOP]), sign):
        return False
    return target_is_passed(favourable, float(targets[place]), sign)


def _through_finer(way: Way, s: int, row: Floats, targets: Prices, target_lots: Lots, bar: int) -> float:
    """The same through the finer bars; the bar is ambiguous only where one of these is."""
    fine, first, end = way.fine, int(way.fine_at[bar]), int(way.fine_at[bar + 1])
    length_ms, doubts = way.bar_ms / (end - first), float(row[AMBIGUOUS])
    ended_ms = 0.0
    for piece in range(first, end):
        opened_ms, price = float(fine[piece, 0]), float(fine[piece, 1])
        if piece > first:
            bet, before = bet_of(row), walk_of(row)
            seconds = (opened_ms - float(way.bars[int(row[ENTRY_BAR]), 0])) / 1000.0 - before.held_s
            liquidation = 0.0 if len(way.mark) > 0 else float(row[LIQUIDATION])
            walk = walk_tick(way.rules, bet, before, targets, target_lots, price, seconds, liquidation)
            follow_walk(way.fill, way.venue_rules[s], row, before, walk, targets, target_lots, price)
            leave_if_late(way, s, row, price)
            ended_ms = opened_ms if not row[LEFT] > 0.0 else 0.0
        if not ended_ms > 0.0:
            ended_ms = _legs(way, s, row, targets, target_lots, fine, piece, opened_ms, length_ms, True)
        if ended_ms > 0.0:
            break
    if row[AMBIGUOUS] > doubts:
        row[AMBIGUOUS] = doubts + 1.0
    else:
        row[RESOLVED] += 1.0
    return ended_ms


def _taken_by_mark(way: Way, s: int, row: Floats, bar: int) -> float:
    """What guard and liquidation take, which look at the mark price alone; when, or 0."""
    sign = int(row[SIGN])
    if not (len(way.mark) > 0 and row[LIQUIDATION] > 0.0):
        return 0.0
    extreme = float(way.bars[bar, 3 if sign > 0 else 2])
    worst = float(way.mark[bar, 2 if sign > 0 else 1])
    is_met = stop_is_passed(worst, float(row[GUARDED]), sign)
    if not is_met or stop_is_passed(extreme, float(row[STOP]), sign):
        return 0.0
    code = LEFT_BY_GUARD if way.rules.nearest_liquidation > 0.0 else LIQUIDATED
    leave_now(way.fill, way.venue_rules[s], row, extreme, code)
    row[AT_ADVERSE] = row[AT_FAVOURABLE] = booked(row)
    return float(way.bars[bar, 0]) + way.bar_ms / 3.0
