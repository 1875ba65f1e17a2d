"""The account on the way: looked at as live's guard does, and what its breakers want of what is held.

Laws:
- Where the equity on the way may have tripped a breaker, or have had a new peak while several are held, the
  way is gone again bar by bar, and the account is looked at at each bar's extremes and close: at the adverse
  ones of all together, then at the favourable ones.
- A breaker that trips inside a bar moves stops, or ends what is held, at that bar's close.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf

from core.backtest.engine_account import equity_now, look, may_trip, price_now
from core.backtest.engine_fills import mark_of
from core.backtest.engine_rows import leave_now, note
from core.backtest.engine_words import (
    AT_ADVERSE,
    AT_FAVOURABLE,
    CLOSING,
    DIP,
    END_MS,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_MS,
    HIGH,
    IS_HELD,
    LEFT_BY_BREAKER,
    LOW,
    MOVED_BY,
    NEXT_BAR,
    PEAK,
    SIGN,
    STOP,
    TICK,
    TOP,
    WALLET,
    Book,
    Fill,
    Floats,
    Terms,
    Way,
)
from core.trading.exits import on_tick, stop_is_passed

TIGHTEN, FLATTEN = 1, 2
"""Policies of a breaker; 0 holds."""


def needs_care(way: Way, terms: Terms, book: Book, at_ms: float) -> bool:
    """Whether the bounds of the equity since the last look leave open what the account would have seen."""
    rows, wallet = book.rows, float(book.account[WALLET])
    top, dip, held = wallet, wallet, 0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            note(way.fill, rows[s])
            top, dip, held = top + float(rows[s, TOP]), dip + float(rows[s, DIP]), held + 1
    if held == 0:
        return False
    if held > 1 and top > book.account[PEAK]:
        return True
    return may_trip(terms, book.account, book.curve, top, dip, at_ms)


def look_back(way: Way, terms: Terms, book: Book, at_ms: float, is_careful: bool) -> int:
    """Looks at the account on the way since the last look; the policy of what has tripped."""
    rows, account, held = book.rows, book.account, 0
    top = adverse = favourable = float(account[WALLET])
    for s in range(len(rows)):
        row = rows[s]
        if row[IS_HELD] > 0.0:
            note(way.fill, row)
            held += 1
            top += float(row[TOP])
            adverse, favourable = adverse + float(row[AT_ADVERSE]), favourable + float(row[AT_FAVOURABLE])
            row[TOP], row[DIP] = -inf, inf
    if held == 0:
        return 0
    policy = 0
    if is_careful and at_ms % 1.0 > 0.0:
        third_ms = way.bar_ms / 3.0
        policy = look(terms, account, book.curve, adverse, at_ms + CLOSING - 2.0 * third_ms)
        policy = max(policy, look(terms, account, book.curve, favourable, at_ms + CLOSING - third_ms))
    elif held == 1:
        account[PEAK] = max(float(account[PEAK]), top)
    return policy


def note_equity(way: Way, terms: Terms, book: Book, at_ms: float) -> float:
    """Equity now; where the account is shared, what follows from it."""
    if not terms.is_shared:
        return float(book.account[WALLET])
    equity = equity_now(way, book.rows, book.account, at_ms)
    obey(way, book, look(terms, book.account, book.curve, equity, at_ms), at_ms)
    return equity


def obey(way: Way, book: Book, policy: int, at_ms: float) -> None:
    """What a tripped breaker wants of what is still held: nothing, stops half-way to the price, or an end."""
    if policy == 0:
        return
    for s in range(len(book.rows)):
        row = book.rows[s]
        if row[IS_HELD] > 0.0 and not row[EXIT_BAR] >= 0.0:
            price = price_now(way.bars, int(way.last[s]), row, at_ms)
            if policy == FLATTEN:
                leave_now(way.fill, way.venue_rules[s], row, price, LEFT_BY_BREAKER)
                row[EXIT_BAR] = max(row[NEXT_BAR] - 1.0, row[ENTRY_BAR])
                row[EXIT_MS] = row[END_MS] = at_ms
            else:
                tighten(way.fill, row, price)


def tighten(fill: Fill, row: Floats, price: float) -> None:
    sign, tick = int(row[SIGN]), float(row[TICK])
    mark = mark_of(fill, price, tick)
    wanted = on_tick(float(row[STOP]) + (mark - float(row[STOP])) / 2.0, tick, sign)
    if (wanted - row[STOP]) * sign > 0.0 and not stop_is_passed(mark, wanted, sign):
        row[STOP], row[MOVED_BY] = wanted, 0.0
        row[LOW], row[HIGH] = inf, -inf
