"""One position along the bars: entered, walked over the quiet ones, settled.

Laws:
- Not one exit rule is written here; the rule book is asked at every bar that is not quiet.
- A position can be walked in pieces: where one ends changes no bit of what comes of it.
- At an open the settlement of that moment is paid first, then the strategy's exit is filled.
- With mark prices, guard and liquidation follow them: what they take leaves at the bar's adverse extreme, the
  worst that was traded while the mark price stood there.
- What is liquidated loses its margin, whatever was left of it.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf

from core.backtest.engine_words import (
    AMBIGUOUS,
    ARMED,
    ATR,
    BEST,
    COST,
    ENTRY,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CODE,
    EXIT_MS,
    EXIT_PRICE,
    FILLED,
    FIRST_STOP,
    FUNDING,
    FUNDING_END,
    FUNDING_NEXT,
    GAIN,
    GUARDED,
    HELD_S,
    HIGH,
    IS_HELD,
    LATE_BAR,
    LEFT,
    LEFT_BY_END,
    LEFT_BY_SIGNAL,
    LEVERAGE,
    LIQUIDATION,
    LOT,
    LOTS,
    LOW,
    MARGIN,
    MOVED_BY,
    NEXT_BAR,
    PRICE,
    RUNGS,
    SIGN,
    STOP,
    TICK,
    WANTS_OUT,
    WORST,
    Floats,
    Sides,
)
from core.trading.exits import ExitRules, must_wait_for_profit, risk_of, stop_is_passed
from core.trading.exits_bet import (
    LEFT_BY_GUARD,
    LEFT_BY_TARGET,
    LIQUIDATED,
    Bet,
    Lots,
    Prices,
    Walk,
    begin,
    leave,
    net_at,
)
from core.trading.exits_walk import quiet_band, walk_bar


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


def open_row(row: Floats, bet: Bet, bar: int, late_bar: int, funding: Floats, due: int, end: int) -> None:
    """Held from the open of `bar` on; `late_bar`: the first one whose end may be the time stop's.

    The symbol's settlements are those from `due` to before `end`.
    """
    row[SIGN], row[ENTRY], row[FIRST_STOP], row[ATR] = bet.sign, bet.entry, bet.first_stop, bet.atr
    row[COST], row[TICK], row[LOTS], row[LOT] = bet.cost, bet.tick, bet.lots, bet.lot
    row[FUNDING], row[WANTS_OUT], row[IS_HELD], row[EXIT_BAR] = 0.0, 0.0, 1.0, -1.0
    row[ENTRY_BAR], row[NEXT_BAR], row[LATE_BAR] = bar, bar, late_bar
    keep(row, begin(bet))
    row[LOW], row[HIGH] = inf, -inf
    due = max(int(row[FUNDING_NEXT]), due)
    while due < end and funding[due, 1] < bar:
        due += 1
    row[FUNDING_NEXT], row[FUNDING_END] = due, end


def bar_from(bars: Floats, bar: int, last: int, at_ms: float, bar_ms: float) -> int:
    """The first bar from `bar` on that opens at `at_ms` or later; `last` where none does."""
    if bar >= last or at_ms > float(bars[last - 1, 0]):
        return last
    guess = bar + int((at_ms - float(bars[bar, 0])) // bar_ms)
    if bar <= guess < last and float(bars[guess, 0]) == at_ms:
        return guess
    low, high = bar, last
    while low < high:
        middle = (low + high) // 2
        if float(bars[middle, 0]) < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


def advance(
    rules: ExitRules,
    bars: Floats,
    side: Sides,
    mark: Floats,
    funding: Floats,
    row: Floats,
    targets: Prices,
    target_lots: Lots,
    last: int,
    bar_ms: float,
    turns: bool,
    at_ms: float,
) -> bool:
    """Up to that moment: bars that open before it whole, and of the one that opens then the open.

    True where the position has ended. `last`: the symbol's, exclusive.
    """
    until = bar_from(bars, int(row[NEXT_BAR]), last, at_ms, bar_ms)
    rungs = int(row[RUNGS])
    while _quiet_to(bars, side, mark, row, until, bar_ms, turns) < until:
        bar = int(row[NEXT_BAR])
        if _left_at_open(rules, bars, side, mark, funding, row, bar, turns):
            return True
        if _through(rules, bars, mark, row, targets[:rungs], target_lots[:rungs], bar, bar_ms):
            row[EXIT_BAR], row[EXIT_MS] = bar, float(bars[bar, 0]) + bar_ms
            return True
    pay_funding(funding, row, until - 1)
    if until < last:
        opens_now = float(bars[until, 0]) == at_ms
        return opens_now and _left_at_open(rules, bars, side, mark, funding, row, until, turns)
    if at_ms < float(bars[last - 1, 0]) + bar_ms:
        return False
    bet, walk = bet_of(row), walk_of(row)
    keep(row, leave(walk, bet, walk.lots_left, float(bars[last - 1, 4]), LEFT_BY_END, walk.targets_filled))
    row[EXIT_BAR], row[EXIT_MS] = last - 1, float(bars[last - 1, 0]) + bar_ms
    return True


def _quiet_to(
    bars: Floats, side: Sides, mark: Floats, row: Floats, until: int, bar_ms: float, turns: bool
) -> int:
    """Skips the quiet bars before `until`: all they change is the price, its extremes and the time held."""
    bar, sign = int(row[NEXT_BAR]), int(row[SIGN])
    first, end = bar, min(until, int(row[LATE_BAR]))
    if row[WANTS_OUT] > 0.0 or row[LOW] > row[HIGH]:
        return first
    against = -sign if turns else 0
    lowest, highest = float(row[WORST]), float(row[BEST])
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
        row[BEST], row[WORST] = (highest, lowest) if sign > 0 else (lowest, highest)
        row[PRICE], row[HELD_S] = bars[bar - 1, 4], _held_s(bars, row, bar - 1, bar_ms)
        row[NEXT_BAR] = bar
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


def _through(
    rules: ExitRules,
    bars: Floats,
    mark: Floats,
    row: Floats,
    targets: Prices,
    target_lots: Lots,
    bar: int,
    bar_ms: float,
) -> bool:
    """One bar by the rule book, and the band of the next ones; True where nothing is left."""
    bet, before = bet_of(row), walk_of(row)
    seconds = _held_s(bars, row, bar, bar_ms) - before.held_s
    walk = before
    if len(mark) > 0:
        walk = _taken_by_mark(rules, bars, mark, row, bet, walk, bar)
    if walk.lots_left > 0:
        walk = walk_bar(
            rules,
            bet,
            walk,
            targets,
            target_lots,
            float(bars[bar, 1]),
            float(bars[bar, 2]),
            float(bars[bar, 3]),
            float(bars[bar, 4]),
            seconds,
            0.0 if len(mark) > 0 else float(row[LIQUIDATION]),
        )
    keep(row, walk)
    row[NEXT_BAR] = bar + 1
    if walk.lots_left == 0:
        return True
    set_band(rules, row, bet, walk, targets, target_lots, len(mark) > 0)
    return False


def set_band(
    rules: ExitRules, row: Floats, bet: Bet, walk: Walk, targets: Prices, target_lots: Lots, has_mark: bool
) -> None:
    """Between which prices the next bars are quiet; where there are marks, the guard is theirs."""
    liquidation = 0.0 if has_mark else float(row[LIQUIDATION])
    row[LOW], row[HIGH] = quiet_band(rules, bet, walk, targets, target_lots, liquidation)


def _taken_by_mark(
    rules: ExitRules, bars: Floats, mark: Floats, row: Floats, bet: Bet, walk: Walk, bar: int
) -> Walk:
    """The walk after guard and liquidation, which look at the mark price alone."""
    liquidation = float(row[LIQUIDATION])
    if not liquidation > 0.0:
        return walk
    if stop_is_passed(float(mark[bar, 0]), liquidation, bet.sign):
        return leave(walk, bet, walk.lots_left, float(bars[bar, 1]), LIQUIDATED, walk.targets_filled)
    extreme = float(bars[bar, 3 if bet.sign > 0 else 2])
    worst = float(mark[bar, 2 if bet.sign > 0 else 1])
    is_met = stop_is_passed(worst, float(row[GUARDED]), bet.sign)
    if not is_met or stop_is_passed(extreme, walk.stop, bet.sign):
        return walk
    code = LEFT_BY_GUARD if rules.nearest_liquidation > 0.0 else LIQUIDATED
    return leave(walk, bet, walk.lots_left, extreme, code, walk.targets_filled)


def _left_at_open(
    rules: ExitRules,
    bars: Floats,
    side: Sides,
    mark: Floats,
    funding: Floats,
    row: Floats,
    bar: int,
    turns: bool,
) -> bool:
    """Pays what is due at that bar; the strategy's exit, unless the venue was faster."""
    pay_funding(funding, row, bar)
    sign, said = int(row[SIGN]), int(side[bar - 1])
    if turns and said * sign < 0:
        row[WANTS_OUT] = 1.0
    elif said * sign > 0:
        row[WANTS_OUT] = 0.0
    if not row[WANTS_OUT] > 0.0:
        return False
    price, liquidation = float(bars[bar, 1]), float(row[LIQUIDATION])
    marked = float(mark[bar, 0]) if len(mark) > 0 else price
    if liquidation > 0.0 and stop_is_passed(marked, liquidation, sign):
        return False
    bet, walk = bet_of(row), walk_of(row)
    if must_wait_for_profit(rules, net_at(bet, walk, price)):
        return False
    keep(row, leave(walk, bet, walk.lots_left, price, LEFT_BY_SIGNAL, walk.targets_filled))
    row[EXIT_BAR], row[EXIT_MS] = bar, bars[bar, 0]
    return True


def pay_funding(funding: Floats, row: Floats, bar: int) -> None:
    """Every settlement up to that bar's, for what is held now."""
    due, end = int(row[FUNDING_NEXT]), int(row[FUNDING_END])
    while due < end and funding[due, 0] <= bar:
        row[FUNDING] -= row[SIGN] * row[LEFT] * row[LOT] * funding[due, 2]
        due += 1
    row[FUNDING_NEXT] = due


def _held_s(bars: Floats, row: Floats, bar: int, bar_ms: float) -> float:
    """From the entry to the close of `bar`, seconds."""
    return (float(bars[bar, 0]) + bar_ms - float(bars[int(row[ENTRY_BAR]), 0])) / 1000.0


# ---------------------------------------------------------------- money


def lots_at_targets(row: Floats, target_lots: Lots) -> float:
    """Lots that left at targets so far."""
    lots = 0.0
    for place in range(int(row[FILLED])):
        lots += target_lots[place]
    return min(lots, float(row[LOTS]))


def worth(row: Floats, price: float, taker: float, target_fee: float) -> float:
    """USDT that it has added to the account so far, what is open at `price`; that exit is not paid yet."""
    sign, lots, left = row[SIGN], row[LOTS], row[LEFT]
    gone = (row[GAIN] * sign + (lots - left) * row[ENTRY]) * row[LOT]
    fees = lots * row[LOT] * row[ENTRY] * taker + gone * target_fee
    return float((row[GAIN] + left * (price - row[ENTRY]) * sign) * row[LOT] - fees + row[FUNDING])


def settle(
    row: Floats,
    target_lots: Lots,
    s: int,
    first: int,
    slippage: float,
    taker: float,
    target_fee: float,
    out: Floats,
) -> float:
    """Writes the closed trade of symbol `s` into `out`; its net result, USDT."""
    sign, entry, lots, lot = float(row[SIGN]), float(row[ENTRY]), float(row[LOTS]), float(row[LOT])
    code, price = int(row[EXIT_CODE]), float(row[EXIT_PRICE])
    last = 0.0 if code == LEFT_BY_TARGET else lots - lots_at_targets(row, target_lots)
    exits = float(row[GAIN]) * sign + lots * entry
    at_targets, gain = exits - last * price, float(row[GAIN])
    paid = price * (1.0 - sign * slippage)
    fees = lots * entry * taker + at_targets * target_fee
    if code == LIQUIDATED:
        gain -= last * (price - entry) * sign + float(row[MARGIN]) * last / lots / lot
    else:
        gain -= last * (price - paid) * sign
        fees += last * paid * taker
    net = (gain - fees) * lot + float(row[FUNDING])
    out[0], out[1], out[2], out[3] = s, sign, row[ENTRY_BAR] - first, row[EXIT_BAR] - first
    out[4], out[5], out[6], out[7] = entry, entry + sign * gain / lots, lots, row[LEVERAGE]
    out[8], out[9], out[10], out[11] = row[MARGIN], fees * lot, row[FUNDING], net
    out[12] = net / (risk_of(entry, float(row[FIRST_STOP]), float(row[COST])) * lots * lot)
    out[13] = max((entry - float(row[WORST])) * sign / entry, 0.0)
    out[14] = max((float(row[BEST]) - entry) * sign / entry, 0.0)
    out[15], out[16], out[17] = code, row[AMBIGUOUS], row[EXIT_MS]
    return net
