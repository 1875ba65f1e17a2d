"""A position as one row of numbers: written, read, and what the account must remember of it.

Laws:
- The rule book's bet and walk go in and come out with the same bits.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf

from core.backtest.engine_fills import close_out, leave_all, worth
from core.backtest.engine_words import (
    AMBIGUOUS,
    ARMED,
    ATR,
    BEST,
    COST,
    DIP,
    END_MS,
    ENTRY,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CODE,
    EXIT_MS,
    EXIT_PRICE,
    FEES,
    FILLED,
    FIRST_STOP,
    FUNDING,
    FUNDING_END,
    FUNDING_NEXT,
    GAIN,
    HELD_S,
    HIGH,
    IS_HELD,
    LATE_BAR,
    LEFT,
    LOT,
    LOTS,
    LOW,
    MOVED_BY,
    NEXT_BAR,
    PAID_GAIN,
    PRICE,
    RESOLVED,
    SEEN_BEST,
    SEEN_WORST,
    SIGN,
    STOP,
    TAKER,
    TICK,
    TOP,
    WANTS_OUT,
    WORST,
    Fill,
    Floats,
)
from core.trading.exits_bet import Bet, Lots, Prices, Walk, begin, leave


def bet_of(row: Floats) -> Bet:
    return Bet(
        int(row[SIGN]),
        float(row[ENTRY]),
        float(row[FIRST_STOP]),
        float(row[ATR]),
        float(row[COST]),
        float(row[TICK]),
        int(row[LOTS]),
        float(row[LOT]),
    )


def walk_of(row: Floats) -> Walk:
    return Walk(
        float(row[STOP]),
        int(row[MOVED_BY]),
        row[ARMED] > 0.0,
        float(row[PRICE]),
        float(row[BEST]),
        float(row[WORST]),
        int(row[FILLED]),
        int(row[LEFT]),
        float(row[GAIN]),
        float(row[EXIT_PRICE]),
        int(row[EXIT_CODE]),
        int(row[AMBIGUOUS]),
        float(row[HELD_S]),
    )


def keep(row: Floats, walk: Walk) -> None:
    row[STOP], row[MOVED_BY], row[ARMED] = walk.stop, walk.moved_by, 1.0 if walk.armed else 0.0
    row[PRICE], row[BEST], row[WORST] = walk.price, walk.best, walk.worst
    row[FILLED], row[LEFT], row[GAIN] = walk.targets_filled, walk.lots_left, walk.gain
    row[EXIT_PRICE], row[EXIT_CODE] = walk.exit_price, walk.exit_code
    row[AMBIGUOUS], row[HELD_S] = walk.ambiguous, walk.held_s


def open_row(
    rule: Floats,
    row: Floats,
    bet: Bet,
    price: float,
    bar: int,
    late_bar: int,
    funding: Floats,
    due: int,
    end: int,
) -> None:
    """Held from the open of `bar` on, the market at `price`; `late_bar`: the first one in which the time stop
    may come.

    The symbol's settlements are those from `due` to before `end`.
    """
    row[SIGN], row[ENTRY], row[FIRST_STOP], row[ATR] = bet.sign, bet.entry, bet.first_stop, bet.atr
    row[COST], row[TICK], row[LOTS], row[LOT] = bet.cost, bet.tick, bet.lots, bet.lot
    row[FUNDING], row[WANTS_OUT], row[IS_HELD], row[EXIT_BAR] = 0.0, 0.0, 1.0, -1.0
    row[ENTRY_BAR], row[NEXT_BAR], row[LATE_BAR] = bar, bar, late_bar
    row[PAID_GAIN], row[FEES] = 0.0, bet.lots * bet.lot * bet.entry * float(rule[TAKER])
    row[RESOLVED], row[TOP], row[DIP] = 0.0, -inf, inf
    keep(row, begin(bet))
    row[SEEN_BEST] = row[SEEN_WORST] = price
    row[LOW], row[HIGH] = inf, -inf
    due = max(int(row[FUNDING_NEXT]), due)
    while due < end and funding[due, 1] < bar:
        due += 1
    row[FUNDING_NEXT], row[FUNDING_END] = due, end


def note(fill: Fill, row: Floats) -> None:
    """What the extremes since the last note made of it, while what is left was left."""
    best, worst = worth(fill, row, float(row[SEEN_BEST])), worth(fill, row, float(row[SEEN_WORST]))
    row[TOP], row[DIP] = max(float(row[TOP]), best), min(float(row[DIP]), worst)
    row[SEEN_BEST] = row[SEEN_WORST] = row[PRICE]


def see(row: Floats, price: float, sign: int) -> None:
    if (price - row[SEEN_BEST]) * sign > 0.0:
        row[SEEN_BEST] = price
    if (price - row[SEEN_WORST]) * sign < 0.0:
        row[SEEN_WORST] = price


def end_row(row: Floats, bar: int, exit_ms: float, end_ms: float) -> None:
    row[EXIT_BAR], row[EXIT_MS], row[END_MS] = bar, exit_ms, end_ms


def leave_now(fill: Fill, rule: Floats, row: Floats, price: float, code: int) -> None:
    """Everything that is left leaves by the market at `price`."""
    note(fill, row)
    bet, walk = bet_of(row), walk_of(row)
    leave_all(fill, rule, row, float(walk.lots_left), price, code)
    keep(row, leave(walk, bet, walk.lots_left, price, code, walk.targets_filled))


def follow_walk(
    fill: Fill,
    rule: Floats,
    row: Floats,
    before: Walk,
    after: Walk,
    targets: Prices,
    target_lots: Lots,
    jumped_to: float,
) -> None:
    """Keeps what became of the walk, and books what left on the way."""
    if after.lots_left < before.lots_left:
        row[PRICE] = before.price
        note(fill, row)
        close_out(fill, rule, row, before, after, targets, target_lots, jumped_to)
    keep(row, after)
