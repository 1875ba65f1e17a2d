"""Many symbols in time order: entries, exits and the account they share.

Laws:
- The loop goes from event to event (a signal's next open, an exit, a midnight, a moment when the account is
  measured); bars between them are visited once, but for those between two exits of neighbours and those near
  a limit of the account.
- At one moment what belongs to the closes comes first, then funding and what the opens pass, then what the
  strategies close, then entries: the best score first, then in the order of the symbols.
- What an entry sees of the others is what they were at that moment: a walk that ran past it is taken back.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import floor, inf

import numpy as np

from core.backtest.engine_account import CURVE_KEPT, DAY_MS
from core.backtest.engine_entry import enter_all
from core.backtest.engine_walk import advance
from core.backtest.engine_watch import look_back, needs_care, note_equity, obey
from core.backtest.engine_words import (
    ACCOUNT_WIDTH,
    BLOCKED_UNTIL,
    CLOSING,
    DAY_OPENING,
    END_MS,
    EXIT_BAR,
    IS_HELD,
    NEXT_BAR,
    PEAK,
    PLAN_WIDTH,
    PROBED_MS,
    REFUSALS,
    STREAK_MS,
    WALLET,
    WIDTH,
    Book,
    Floats,
    Ints,
    Offer,
    Terms,
    Way,
)
from core.backtest.engine_write import book_all, next_signal


def trade_all(
    way: Way, offer: Offer, terms: Terms, first: Ints, step_ms: float, out: Floats, measured: Floats
) -> tuple[int, int, Ints]:
    """(trades in `out`, rows in `measured`, signals refused by reason).

    `first`: each symbol's first bar; `out`: (≥ signals, 19); `measured`: (m, 2) ms and equity every `step_ms`
    (0: never).
    """
    book, count, rows_measured = new_book(way, offer, terms, first), 0, 0
    rows = book.rows
    measure_ms, day_ms, end_ms = bounds(way, terms, first, step_ms)
    careful_ms, now_ms = -inf, -inf
    while True:
        if any_ended(rows):
            count = book_all(way, terms, book, first, out, count)
            note_equity(way, terms, book, now_ms)
            continue
        entry_ms = earliest(way.bars, rows, book.signal)
        at_ms = min(entry_ms, measure_ms, day_ms)
        is_careful = now_ms < careful_ms
        piece_ms = min(at_ms, next_close(way, rows)) if is_careful else at_ms
        seen_ms = min(advance_all(way, book, piece_ms, is_careful), piece_ms)
        if terms.is_shared and not is_careful and needs_care(way, terms, book, seen_ms):
            take_back(rows, book.before)
            careful_ms = seen_ms
            continue
        now_ms = seen_ms
        if terms.is_shared and now_ms < inf:
            obey(way, book, look_back(way, terms, book, now_ms, is_careful), now_ms)
        if any_ended(rows):
            continue
        if now_ms == inf:
            break
        equity = note_equity(way, terms, book, now_ms)
        if now_ms < at_ms:
            continue
        if at_ms == entry_ms:
            enter_all(way, offer, terms, book, equity, at_ms)
            continue
        if at_ms == measure_ms:
            if rows_measured < len(measured):
                measured[rows_measured, 0], measured[rows_measured, 1] = at_ms + CLOSING, equity
                rows_measured += 1
            measure_ms = measure_ms + step_ms if measure_ms + step_ms <= end_ms else inf
        if at_ms == day_ms:
            book.account[DAY_OPENING] = equity
            day_ms = day_ms + DAY_MS if day_ms + DAY_MS <= end_ms else inf
    return count, rows_measured, book.refused


def new_book(way: Way, offer: Offer, terms: Terms, first: Ints) -> Book:
    symbols, rungs = len(first), max(len(offer.rung_r), 1)
    account, signal = np.zeros(ACCOUNT_WIDTH), np.empty(symbols, dtype=np.int64)
    account[WALLET] = account[PEAK] = account[DAY_OPENING] = terms.capital
    account[BLOCKED_UNTIL] = account[PROBED_MS] = account[STREAK_MS] = -inf
    for s in range(symbols):
        signal[s] = next_signal(way.side, int(way.last[s]), int(first[s]))
    return Book(
        np.zeros((symbols, WIDTH)),
        np.zeros((symbols, WIDTH)),
        np.zeros((symbols, rungs)),
        np.zeros((symbols, rungs), dtype=np.int64),
        account,
        np.zeros((CURVE_KEPT, 2)),
        np.full(symbols, -inf),
        signal,
        np.zeros((symbols, PLAN_WIDTH)),
        np.zeros(len(REFUSALS), dtype=np.int64),
    )


def bounds(way: Way, terms: Terms, first: Ints, step_ms: float) -> tuple[float, float, float]:
    """(the first moment to measure at, the first midnight, the last close); the first two are endless where
    nothing is measured, or no account shared."""
    start, end = inf, -inf
    for s in range(len(first)):
        if way.last[s] > first[s]:
            start = min(start, float(way.bars[first[s], 0]))
            end = max(end, float(way.bars[way.last[s] - 1, 0]) + way.bar_ms)
    measure_ms = after(start, step_ms) if step_ms > 0.0 else inf
    day_ms = after(start, DAY_MS) if terms.is_shared else inf
    return measure_ms if measure_ms <= end else inf, day_ms if day_ms <= end else inf, end


def after(start: float, step_ms: float) -> float:
    """Right before the first multiple of the step from then on."""
    return -floor(-start / step_ms) * step_ms - CLOSING if start < inf else inf


def earliest(bars: Floats, rows: Floats, signal: Ints) -> float:
    """When the next entry may be; endless: never."""
    at_ms = inf
    for s in range(len(signal)):
        if signal[s] >= 0 and not rows[s, IS_HELD] > 0.0:
            at_ms = min(at_ms, float(bars[signal[s] + 1, 0]))
    return at_ms


def any_ended(rows: Floats) -> bool:
    found = False
    for s in range(len(rows)):
        found |= rows[s, IS_HELD] > 0.0 and rows[s, EXIT_BAR] >= 0.0
    return found


def next_close(way: Way, rows: Floats) -> float:
    """When the first bar that some position has not gone through yet closes."""
    at_ms = inf
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0 and rows[s, NEXT_BAR] < way.last[s]:
            at_ms = min(at_ms, float(way.bars[int(rows[s, NEXT_BAR]), 0]))
    return at_ms + way.bar_ms - CLOSING


def advance_all(way: Way, book: Book, at_ms: float, is_careful: bool) -> float:
    """When the first of them ended, if before or at `at_ms`, all the others walked no further; else inf."""
    rows, ended_ms, held = book.rows, inf, 0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            held += 1
            copy_row(book.before, rows, s)
            if advance(way, s, rows[s], book.targets[s], book.target_lots[s], at_ms, is_careful):
                ended_ms = min(ended_ms, float(rows[s, END_MS]))
    if held < 2 or ended_ms == inf:
        return ended_ms
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0 and not (rows[s, EXIT_BAR] >= 0.0 and rows[s, END_MS] == ended_ms):
            copy_row(rows, book.before, s)
            advance(way, s, rows[s], book.targets[s], book.target_lots[s], ended_ms, is_careful)
    return ended_ms


def copy_row(to: Floats, of: Floats, s: int) -> None:
    for column in range(WIDTH):
        to[s, column] = of[s, column]


def take_back(rows: Floats, before: Floats) -> None:
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            copy_row(rows, before, s)
