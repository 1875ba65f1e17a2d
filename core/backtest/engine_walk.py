"""One position along the bars: over the quiet ones, through the others.

Laws:
- Not one exit rule is written here; the rule book is asked at every bar that is not quiet.
- A position can be walked in pieces: where one ends changes no bit of what comes of it.
- At an open the settlement of that moment is paid first, then what the open jumped over leaves, then the
  strategy's exit is filled.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from core.backtest.engine_fills import booked, net_if_left, worth
from core.backtest.engine_legs import leave_if_late, through
from core.backtest.engine_quiet import bar_from, held_s, skip_quiet
from core.backtest.engine_rows import bet_of, end_row, follow_walk, leave_now, note, see, walk_of
from core.backtest.engine_words import (
    AT_ADVERSE,
    AT_FAVOURABLE,
    CLOSING,
    FUNDING,
    FUNDING_END,
    FUNDING_NEXT,
    HIGH,
    LATE_BAR,
    LEFT,
    LEFT_BY_END,
    LEFT_BY_SIGNAL,
    LIQUIDATION,
    LOT,
    LOW,
    NEXT_BAR,
    PRICE,
    RUNGS,
    SIGN,
    WANTS_OUT,
    Fill,
    Floats,
    Way,
)
from core.trading.exits import must_wait_for_profit, stop_is_passed
from core.trading.exits_bet import LIQUIDATED, Lots, Prices
from core.trading.exits_walk import walk_tick

FAR_AWAY = 2**62
"""No bar."""


def advance(
    way: Way, s: int, row: Floats, targets: Prices, target_lots: Lots, at_ms: float, is_careful: bool
) -> bool:
    """Up to that moment: bars that open before it whole, and of the one that opens then the open.

    True where the position has ended. `is_careful`: no bar is skipped as quiet.
    """
    bar_ms, last = way.bar_ms, int(way.last[s])
    bars, side, mark, turns = way.bars, way.side, way.mark, way.turns
    until = bar_from(bars, int(row[NEXT_BAR]), last, at_ms, bar_ms)
    if is_careful:
        row[AT_ADVERSE] = row[AT_FAVOURABLE] = worth(way.fill, row, float(row[PRICE]))
    while int(row[NEXT_BAR]) < until:
        if not is_careful:
            pay_funding(way.fill, way.funding, row, int(row[NEXT_BAR]))
            due = min(until, due_bar(way.funding, row))
            if skip_quiet(bars, side, mark, row, due, bar_ms, turns) >= due:
                continue
        bar = int(row[NEXT_BAR])
        if at_open(way, s, row, targets, target_lots, bar):
            return True
        if through(way, s, row, targets, target_lots, bar, is_careful):
            return True
    if until < last:
        opens_now = float(bars[until, 0]) == at_ms
        return opens_now and at_open(way, s, row, targets, target_lots, until)
    ends_ms = float(bars[last - 1, 0]) + bar_ms
    if at_ms < ends_ms - CLOSING:
        return False
    leave_now(way.fill, way.venue_rules[s], row, float(bars[last - 1, 4]), LEFT_BY_END)
    end_row(row, last - 1, ends_ms, ends_ms - CLOSING)
    return True


def at_open(way: Way, s: int, row: Floats, targets: Prices, target_lots: Lots, bar: int) -> bool:
    """Pays what is due at that bar; what the open passes leaves, and what the strategy closes. True where
    nothing is left; a second time changes nothing."""
    pay_funding(way.fill, way.funding, row, bar)
    price, opened_ms = float(way.bars[bar, 1]), float(way.bars[bar, 0])
    see(row, price, int(row[SIGN]))
    is_quiet = row[LOW] < price < row[HIGH] and bar < int(row[LATE_BAR])
    if not is_quiet or len(way.mark) > 0:
        _jump(way, s, row, targets, target_lots, bar, price)
        if not row[LEFT] > 0.0:
            row[AT_ADVERSE] = row[AT_FAVOURABLE] = booked(row)
            end_row(row, bar, opened_ms, opened_ms)
            return True
    if not _is_turned(way, row, bar, price):
        return False
    leave_now(way.fill, way.venue_rules[s], row, price, LEFT_BY_SIGNAL)
    row[AT_ADVERSE] = row[AT_FAVOURABLE] = booked(row)
    end_row(row, bar, opened_ms, opened_ms)
    return True


def _jump(way: Way, s: int, row: Floats, targets: Prices, target_lots: Lots, bar: int, price: float) -> None:
    rungs, has_mark = int(row[RUNGS]), len(way.mark) > 0
    bet, before = bet_of(row), walk_of(row)
    if has_mark and _is_gone(row, float(way.mark[bar, 0])):
        leave_now(way.fill, way.venue_rules[s], row, price, LIQUIDATED)
        return
    seconds = held_s(way.bars, row, bar, 0.0) - before.held_s
    liquidation = 0.0 if has_mark else float(row[LIQUIDATION])
    walk = walk_tick(
        way.rules, bet, before, targets[:rungs], target_lots[:rungs], price, seconds, liquidation
    )
    follow_walk(way.fill, way.venue_rules[s], row, before, walk, targets[:rungs], target_lots[:rungs], price)
    leave_if_late(way, s, row, price)


def _is_gone(row: Floats, mark: float) -> bool:
    return row[LIQUIDATION] > 0.0 and stop_is_passed(mark, float(row[LIQUIDATION]), int(row[SIGN]))


def _is_turned(way: Way, row: Floats, bar: int, price: float) -> bool:
    """The strategy wants out, and leaving is worth it."""
    sign, said = int(row[SIGN]), int(way.side[bar - 1]) if bar > 0 else 0
    if way.turns and said * sign < 0:
        row[WANTS_OUT] = 1.0
    elif said * sign > 0:
        row[WANTS_OUT] = 0.0
    if not row[WANTS_OUT] > 0.0:
        return False
    return not must_wait_for_profit(way.rules, net_if_left(way.fill, row, price))


def due_bar(funding: Floats, row: Floats) -> int:
    """The bar at whose open the next settlement is paid; far away where none is."""
    due, end = int(row[FUNDING_NEXT]), int(row[FUNDING_END])
    return int(funding[due, 0]) if due < end else FAR_AWAY


def pay_funding(fill: Fill, funding: Floats, row: Floats, bar: int) -> None:
    """Every settlement up to that bar's, for what is held now; what it was worth before is noted."""
    due, end = int(row[FUNDING_NEXT]), int(row[FUNDING_END])
    if due < end and funding[due, 0] <= bar:
        note(fill, row)
    while due < end and funding[due, 0] <= bar:
        row[FUNDING] -= row[SIGN] * row[LEFT] * row[LOT] * funding[due, 2]
        due += 1
    row[FUNDING_NEXT] = due
