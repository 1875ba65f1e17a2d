"""A trade that has ended: as one row of numbers, in the account, and the symbol after it.

Laws:
- Its net result is what the account has changed by: gains and fees as they were paid, and funding.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from core.backtest.engine_fills import booked
from core.backtest.engine_words import (
    AMBIGUOUS,
    BEST,
    COST,
    ENTERS,
    ENTRY,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CODE,
    EXIT_MS,
    FEES,
    FIRST_STOP,
    FUNDING,
    IS_HELD,
    IS_PROBING,
    LEVERAGE,
    LOSSES,
    LOT,
    LOTS,
    MARGIN,
    PAID_GAIN,
    PROBED_MS,
    RESOLVED,
    SIGN,
    STREAK_MS,
    WALLET,
    WORST,
    Book,
    Floats,
    Ints,
    Sides,
    Terms,
    Way,
)
from core.trading.exits import risk_of


def book_all(way: Way, terms: Terms, book: Book, first: Ints, out: Floats, count: int) -> int:
    """Every position that has ended, in that order: the trade, the account and the symbol after it. Trades in
    `out` then."""
    rows = book.rows
    while True:
        found = -1
        for s in range(len(rows)):
            is_over = rows[s, IS_HELD] > 0.0 and rows[s, EXIT_BAR] >= 0.0
            if is_over and (found < 0 or rows[s, EXIT_MS] < rows[found, EXIT_MS]):
                found = s
        if found < 0:
            return count
        row, account = rows[found], book.account
        book_one(way.bars, row, account, write_trade(row, found, int(first[found]), out[count]))
        book.free_ms[found] = row[EXIT_MS] + terms.cooldown_ms
        book.signal[found] = next_signal(way.side, int(way.last[found]), heard_from(way.bars, row))
        count += 1


def book_one(bars: Floats, row: Floats, account: Floats, net: float) -> None:
    row[IS_HELD] = 0.0
    account[WALLET] += net
    if not net < 0.0:
        account[LOSSES] = 0.0
    elif row[EXIT_MS] > account[STREAK_MS]:
        account[LOSSES] += 1.0
    if net > 0.0 and float(bars[int(row[ENTRY_BAR]), 0]) >= account[PROBED_MS]:
        account[IS_PROBING] = 0.0


def heard_from(bars: Floats, row: Floats) -> int:
    """The first bar whose signal may enter again: one that left at an open may be followed at once."""
    bar = int(row[EXIT_BAR])
    return max(bar - 1 if row[EXIT_MS] == bars[bar, 0] else bar, int(row[ENTRY_BAR]))


def write_trade(row: Floats, s: int, first: int, out: Floats) -> float:
    """Writes the closed trade of symbol `s`, whose bars begin at `first`; its net result, USDT."""
    sign, entry, lots, lot = float(row[SIGN]), float(row[ENTRY]), float(row[LOTS]), float(row[LOT])
    net = booked(row)
    out[0], out[1], out[2], out[3] = s, sign, row[ENTRY_BAR] - first, row[EXIT_BAR] - first
    out[4], out[5], out[6], out[7] = entry, entry + sign * row[PAID_GAIN] / lots, lots, row[LEVERAGE]
    out[8], out[9], out[10], out[11] = row[MARGIN], row[FEES], row[FUNDING], net
    out[12] = net / (risk_of(entry, float(row[FIRST_STOP]), float(row[COST])) * lots * lot)
    out[13] = max((entry - float(row[WORST])) * sign / entry, 0.0)
    out[14] = max((float(row[BEST]) - entry) * sign / entry, 0.0)
    out[15], out[16], out[17], out[18] = row[EXIT_CODE], row[AMBIGUOUS], row[EXIT_MS], row[RESOLVED]
    return net


def next_signal(side: Sides, last: int, bar: int) -> int:
    """The first bar from `bar` on that says to enter and has one after it before `last`; -1: none."""
    while bar < last - 1 and side[bar] != ENTERS and side[bar] != -ENTERS:
        bar += 1
    return bar if bar < last - 1 else -1
