"""Many symbols in time order: entries, exits and the account they share.

Laws:
- The loop goes from event to event (a signal's next open, an exit, a moment when the account is measured);
  no bar is visited twice but for those between two exits of neighbours.
- At one moment exits come first, then the measuring, then entries in the order of the symbols.
- What an entry sees of the others is what they were at that moment: a walk that ran past it is taken back.
- Breakers are measured at every exit, every entry and every midnight (UTC), not inside bars. One that only a
  person reopens ends the entries.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np

from core.backtest.engine_walk import advance, bar_from, guard_level, open_row, set_band, settle, worth
from core.backtest.engine_words import (
    ACCOUNT_WIDTH,
    BLOCKED_UNTIL,
    COOLING,
    DAY_OPENING,
    ENTERS,
    ENTRY,
    ENTRY_BAR,
    EXIT_BAR,
    EXIT_CODE,
    EXIT_MS,
    GUARDED,
    IS_HALTED,
    IS_HELD,
    IS_PROBING,
    LEFT,
    LEFT_BY_SIGNAL,
    LEVERAGE,
    LIQUIDATION,
    LOSSES,
    LOT_SIZE,
    LOTS,
    MARGIN,
    NEXT_BAR,
    NO_SIZE,
    NO_SLOT,
    NO_STOP,
    PEAK,
    REFUSALS,
    RISK,
    RUNGS,
    SIGN,
    TAKER,
    TARGET_FEE,
    TICK_SIZE,
    TOO_DEEP,
    TRIPPED,
    UNSURE,
    WALLET,
    WIDTH,
    Floats,
    Ints,
    Sides,
    Tape,
    Terms,
    Venues,
)
from core.backtest.sizing import fitted, liquidation_price, loss_per_coin, smallest, staked
from core.trading.exits import ExitRules, on_tick, price_at_r
from core.trading.exits_bet import Bet, Lots, Prices, begin, ladder

DAY_MS = 86_400_000.0
SLACK = 1e-9
"""Fraction by which a distance may miss its bound: the tick moves it."""


def trade_all(
    rules: ExitRules,
    terms: Terms,
    tape: Tape,
    venues: Venues,
    rung_r: Floats,
    rung_share: Floats,
    step_ms: float,
    out: Floats,
    measured: Floats,
) -> tuple[int, int, Ints]:
    """(trades in `out`, rows in `measured`, signals refused by reason).

    `out`: (≥ signals, 18); `measured`: (m, 2) ms and equity every `step_ms` (0: never).
    """
    count, rows_measured, symbols = 0, 0, len(tape.first)
    rows = np.zeros((symbols, WIDTH))
    before = np.zeros((symbols, WIDTH))
    targets = np.zeros((symbols, max(len(rung_r), 1)))
    target_lots = np.zeros((symbols, max(len(rung_r), 1)), dtype=np.int64)
    account, refused = new_account(terms), np.zeros(len(REFUSALS), dtype=np.int64)
    free_ms, signal = np.full(symbols, -inf), np.empty(symbols, dtype=np.int64)
    bars, side, last = tape.bars, tape.side, tape.last
    for s in range(symbols):
        signal[s] = next_signal(side, int(last[s]), int(tape.first[s]))
    measure_ms, end_ms = bounds(tape, terms, step_ms)
    while True:
        at_ms, entering = earliest(bars, rows, signal)
        if measure_ms <= at_ms:
            at_ms, entering = measure_ms, -1
        ended_ms = advance_all(
            rules, bars, side, tape.mark, tape.funding, last, rows, before, targets, target_lots,
            terms.bar_ms, terms.turns, at_ms,
        )  # fmt: skip
        if ended_ms < inf:
            count = book_all(terms, tape, venues, rows, target_lots, account, free_ms, signal, out, count)
            if terms.is_shared:
                measure(terms, bars, last, venues.rules, rows, account, ended_ms)
            continue
        if at_ms == inf:
            break
        equity = float(account[WALLET])
        if terms.is_shared:
            equity = measure(terms, bars, last, venues.rules, rows, account, at_ms)
        if entering >= 0:
            s, said = entering, int(signal[entering])
            bar, due = said + 1, int(tape.funding_first[s])
            why = enter(
                rules, terms, bars, int(side[said]), named(tape.confidence, said, 1.0),
                named(tape.stop, said, terms.stop), named(tape.target, said, terms.target),
                len(tape.mark) > 0, tape.funding, due, int(tape.funding_first[s + 1]),
                venues.rules, venues.tiers[s], s, bar,
                int(last[s]), rows, targets[s], target_lots[s], rung_r, rung_share, account, equity,
                float(free_ms[s]),
            )  # fmt: skip
            if why >= 0:
                refused[why] += 1
                signal[s] = next_signal(side, int(last[s]), bar)
            continue
        if rows_measured < len(measured):
            measured[rows_measured, 0], measured[rows_measured, 1] = at_ms, equity
            rows_measured += 1
        measure_ms = measure_ms + step_ms if measure_ms + step_ms <= end_ms else inf
    return count, rows_measured, refused


def new_account(terms: Terms) -> Floats:
    account = np.zeros(ACCOUNT_WIDTH)
    account[WALLET] = account[PEAK] = account[DAY_OPENING] = terms.capital
    account[BLOCKED_UNTIL] = -inf
    return account


def bounds(tape: Tape, terms: Terms, step_ms: float) -> tuple[float, float]:
    """(the first moment to measure at, the last close); both endless where nothing is measured."""
    if not step_ms > 0.0:
        return inf, inf
    start, end = inf, -inf
    for s in range(len(tape.first)):
        if tape.last[s] > tape.first[s]:
            start = min(start, float(tape.bars[tape.first[s], 0]))
            end = max(end, float(tape.bars[tape.last[s] - 1, 0]) + terms.bar_ms)
    return (-(-start // step_ms) * step_ms if start < inf else inf), end


def next_signal(side: Sides, last: int, bar: int) -> int:
    """The first bar from `bar` on that says to enter and has one after it before `last`; -1: none."""
    while bar < last - 1 and side[bar] != ENTERS and side[bar] != -ENTERS:
        bar += 1
    return bar if bar < last - 1 else -1


def earliest(bars: Floats, rows: Floats, signal: Ints) -> tuple[float, int]:
    """(when, symbol) of the next entry that may be; (inf, -1): none."""
    at_ms, found = inf, -1
    for s in range(len(signal)):
        if signal[s] >= 0 and not rows[s, IS_HELD] > 0.0:
            opens = float(bars[signal[s] + 1, 0])
            if opens < at_ms:
                at_ms, found = opens, s
    return at_ms, found


def advance_all(
    rules: ExitRules,
    bars: Floats,
    side: Sides,
    mark: Floats,
    funding: Floats,
    last: Ints,
    rows: Floats,
    before: Floats,
    targets: Prices,
    target_lots: Lots,
    bar_ms: float,
    turns: bool,
    at_ms: float,
) -> float:
    """When the first of them ended, if before or at `at_ms`, all the others walked no further; else inf."""
    ended_ms, held = inf, 0
    for s in range(len(rows)):
        held += 1 if rows[s, IS_HELD] > 0.0 else 0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            if held > 1:
                copy_row(before, rows, s)
            if advance(
                rules, bars, side, mark, funding, rows[s], targets[s], target_lots[s], int(last[s]), bar_ms,
                turns, at_ms,
            ):  # fmt: skip
                ended_ms = min(ended_ms, float(rows[s, EXIT_MS]))
    if held < 2 or ended_ms == inf:
        return ended_ms
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0 and not (rows[s, EXIT_BAR] >= 0.0 and rows[s, EXIT_MS] == ended_ms):
            copy_row(rows, before, s)
            advance(
                rules, bars, side, mark, funding, rows[s], targets[s], target_lots[s], int(last[s]), bar_ms,
                turns, ended_ms,
            )  # fmt: skip
    return ended_ms


def copy_row(to: Floats, of: Floats, s: int) -> None:
    for column in range(WIDTH):
        to[s, column] = of[s, column]


def book_all(
    terms: Terms,
    tape: Tape,
    venues: Venues,
    rows: Floats,
    target_lots: Lots,
    account: Floats,
    free_ms: Floats,
    signal: Ints,
    out: Floats,
    count: int,
) -> int:
    """Every position that has ended: the trade, the account and the symbol after it. Trades in `out` then."""
    for s in range(len(rows)):
        row = rows[s]
        if not (row[IS_HELD] > 0.0 and row[EXIT_BAR] >= 0.0):
            continue
        taker, target_fee = float(venues.rules[s, TAKER]), float(venues.rules[s, TARGET_FEE])
        net = settle(
            row, target_lots[s], s, int(tape.first[s]), terms.slippage, taker, target_fee, out[count]
        )
        count += 1
        row[IS_HELD] = 0.0
        account[WALLET] += net
        account[LOSSES] = account[LOSSES] + 1.0 if net < 0.0 else 0.0
        if net > 0.0:
            account[IS_PROBING] = 0.0
        free_ms[s] = row[EXIT_MS] + terms.cooldown_ms
        said = int(row[EXIT_BAR]) - 1 if row[EXIT_CODE] == LEFT_BY_SIGNAL else int(row[EXIT_BAR])
        signal[s] = next_signal(tape.side, int(tape.last[s]), said)
    return count


def measure(
    terms: Terms, bars: Floats, last: Ints, fees: Floats, rows: Floats, account: Floats, at_ms: float
) -> float:
    """Equity now, with what is open at the price of now; moves peak and day, and trips the breakers.

    `fees`: as `Venues.rules`.
    """
    equity = float(account[WALLET])
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            price = price_now(bars, int(last[s]), rows[s], at_ms)
            equity += worth(rows[s], price, float(fees[s, TAKER]), float(fees[s, TARGET_FEE]))
    if at_ms % DAY_MS == 0.0:
        account[DAY_OPENING] = equity
    account[PEAK] = max(float(account[PEAK]), equity)
    if account[DAY_OPENING] - equity >= terms.daily_loss * account[DAY_OPENING]:
        midnight = (at_ms // DAY_MS + 1.0) * DAY_MS
        account[BLOCKED_UNTIL] = max(float(account[BLOCKED_UNTIL]), midnight)
        account[IS_PROBING] = 1.0
    if account[LOSSES] >= terms.max_losses:
        reopens = at_ms + terms.losing_cooldown_ms
        account[BLOCKED_UNTIL] = max(float(account[BLOCKED_UNTIL]), reopens)
        account[IS_PROBING], account[LOSSES] = 1.0, 0.0
    if account[PEAK] - equity >= terms.max_drawdown * account[PEAK]:
        account[IS_HALTED] = 1.0
    return equity


def price_now(bars: Floats, last: int, row: Floats, at_ms: float) -> float:
    """The open of the bar that begins now, else the last close."""
    bar = int(row[NEXT_BAR])
    if bar < last and bars[bar, 0] == at_ms:
        return float(bars[bar, 1])
    return float(bars[max(bar - 1, int(row[ENTRY_BAR])), 4])


# ---------------------------------------------------------------- entering


def enter(
    rules: ExitRules,
    terms: Terms,
    bars: Floats,
    sign: int,
    confidence: float,
    stop_fraction: float,
    target_fraction: float,
    has_mark: bool,
    funding: Floats,
    due: int,
    end: int,
    venue_rules: Floats,
    tiers: Floats,
    s: int,
    bar: int,
    last: int,
    rows: Floats,
    targets: Prices,
    target_lots: Lots,
    rung_r: Floats,
    rung_share: Floats,
    account: Floats,
    equity: float,
    free_ms: float,
) -> int:
    """Enters at the open of `bar`; why not, place in `REFUSALS`, or -1.

    `due` and `end` bound the symbol's settlements, `last` its bars.
    """
    opened_ms, price = float(bars[bar, 0]), float(bars[bar, 1])
    why = closed_to(terms, rows, account, equity, free_ms, opened_ms, confidence)
    if why >= 0:
        return why
    row, rule = rows[s], venue_rules[s]
    lot, taker, tick = float(rule[LOT_SIZE]), float(rule[TAKER]), float(rule[TICK_SIZE])
    stop = stop_price(terms, stop_fraction, tick, sign, price)
    if isnan(stop):
        return NO_STOP
    lots, leverage = size(terms, venue_rules, tiers, s, rows, sign, price, stop, account, equity, confidence)
    if lots == 0:
        return NO_SIZE
    cost = 2.0 * (taker + terms.slippage)
    paid = price * (1.0 + sign * terms.slippage)
    bet = Bet(sign, paid, stop, nan, cost, tick, lots, lot)
    hours = rules.time_stop_h
    late_ms = opened_ms + hours * 3_600_000.0 - terms.bar_ms if hours > 0.0 else inf
    late_bar = bar_from(bars, bar, last, late_ms - 1.0, terms.bar_ms)
    open_row(row, bet, bar, late_bar, funding, due, end)
    margin = lots * lot * paid / leverage
    row[LEVERAGE], row[MARGIN] = leverage, margin
    row[LIQUIDATION] = liquidation_price(tiers, sign, lots * lot, paid, margin)
    row[RISK] = lots * lot * loss_per_coin(terms, taker, sign, price, stop)
    row[GUARDED] = guard_level(rules, sign, float(row[LIQUIDATION]))
    least = 1 if target_fraction > 0.0 else smallest(rule, price)
    rungs = rungs_of(bet, price, target_fraction, least, rung_r, rung_share, targets, target_lots)
    row[RUNGS] = rungs
    set_band(rules, row, bet, begin(bet), targets[:rungs], target_lots[:rungs], has_mark)
    return -1


def named(array: Floats, said: int, usual: float) -> float:
    """What the signal names, or the usual."""
    if len(array) > 0 and not isnan(array[said]):
        return float(array[said])
    return usual


def closed_to(
    terms: Terms,
    rows: Floats,
    account: Floats,
    equity: float,
    free_ms: float,
    at_ms: float,
    confidence: float,
) -> int:
    """Why nothing may be entered now, whatever it is; -1: it may."""
    if not confidence >= terms.min_confidence:
        return UNSURE
    if at_ms < free_ms:
        return COOLING
    if not terms.is_shared:
        return -1
    held = 0
    for s in range(len(rows)):
        held += 1 if rows[s, IS_HELD] > 0.0 else 0
    if held >= terms.max_open:
        return NO_SLOT
    if account[IS_HALTED] > 0.0 or at_ms < account[BLOCKED_UNTIL]:
        return TRIPPED
    return TOO_DEEP if account[PEAK] - equity >= terms.orange * account[PEAK] else -1


def stop_price(terms: Terms, fraction: float, tick: float, sign: int, price: float) -> float:
    """On the tick away from the price; NaN where the distance is none that the rules allow."""
    if not terms.min_stop * (1.0 - SLACK) <= fraction <= terms.max_stop * (1.0 + SLACK):
        return nan
    stop = on_tick(price * (1.0 - sign * fraction), tick, sign)
    return stop if stop > 0.0 and (price - stop) * sign > 0.0 else nan


def rungs_of(
    bet: Bet,
    price: float,
    fraction: float,
    least: int,
    rung_r: Floats,
    rung_share: Floats,
    targets: Prices,
    target_lots: Lots,
) -> int:
    """Fills in the targets, nearest first, each on the tick nearer to the entry; how many.

    `fraction`: distance of one for everything, 0 for the ladder; `least`: lots of the smallest order.
    """
    if fraction > 0.0:
        targets[0] = on_tick(price * (1.0 + bet.sign * fraction), bet.tick, bet.sign)
        target_lots[0] = bet.lots
        return 1
    lots = ladder(bet.lots, rung_share, least)
    for place in range(len(rung_r)):
        at_r = price_at_r(price, bet.first_stop, bet.sign, bet.cost, float(rung_r[place]))
        targets[place] = on_tick(at_r, bet.tick, bet.sign)
        target_lots[place] = lots[place]
    return len(rung_r)


def size(
    terms: Terms,
    venue_rules: Floats,
    tiers: Floats,
    s: int,
    rows: Floats,
    sign: int,
    price: float,
    stop: float,
    account: Floats,
    equity: float,
    confidence: float,
) -> tuple[int, int]:
    """(lots, leverage); 0 lots: none that money and rules allow."""
    available, rule = inf, venue_rules[s]
    if terms.is_shared:
        available = margin_left(venue_rules, rows, account)
    if terms.stake > 0.0:
        lots = staked(terms, rule, tiers, price)
        needed = lots * rule[LOT_SIZE] * price * (1.0 / terms.leverage + rule[TAKER])
        return (lots if needed <= available else 0), terms.leverage
    share = terms.band_size if confidence < terms.full_confidence else 1.0
    if terms.is_shared and account[PEAK] - equity >= terms.yellow * account[PEAK]:
        share = min(share, terms.yellow_size)
    if account[IS_PROBING] > 0.0:
        share = min(share, terms.probe_size)
    most = max(equity, 0.0) * terms.risk * share
    if terms.is_shared:
        most = min(most, loss_room(terms, rows, sign, account, equity))
    return fitted(terms, rule, tiers, sign, price, stop, most, equity, available)


def margin_left(fees: Floats, rows: Floats, account: Floats) -> float:
    """USDT that are in the wallet and bound by nothing; open gains are none of it."""
    left = float(account[WALLET])
    for s in range(len(rows)):
        row = rows[s]
        if row[IS_HELD] > 0.0:
            left -= float(row[MARGIN] * row[LEFT] / row[LOTS])
            left += worth(row, float(row[ENTRY]), float(fees[s, TAKER]), float(fees[s, TARGET_FEE]))
    return left


def loss_room(terms: Terms, rows: Floats, sign: int, account: Floats, equity: float) -> float:
    """USDT that one more trade may lose: what the day, the drawdown and its side leave."""
    taken, on_side = 0.0, 0.0
    for s in range(len(rows)):
        if rows[s, IS_HELD] > 0.0:
            taken += float(rows[s, RISK])
            on_side += float(rows[s, RISK]) if rows[s, SIGN] == sign else 0.0
    day, peak = float(account[DAY_OPENING]), float(account[PEAK])
    room = min(terms.daily_loss * day - (day - equity), terms.max_drawdown * peak - (peak - equity)) - taken
    if on_side > 0.0:
        share = max(1.0, terms.same_direction_share * terms.max_open)
        room = min(room, share * terms.risk * equity - on_side)
    return room
