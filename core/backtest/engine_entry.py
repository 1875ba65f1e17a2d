"""From plans to positions: the best first, each checked once more after the ones before it.

Laws:
- A plan is entered at what an order pays where it was drawn.
- Of several plans of one moment each is drawn from the account as it was before the first of them, and
  checked again after every entry; then it is refused rather than cut, as live does.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import floor, inf

from core.backtest.engine_account import budget_left, margin_left, risks, side_left, sizing_equity
from core.backtest.engine_fills import mark_of, paid_at
from core.backtest.engine_plan import closed_to, draw, gain_per_coin, is_worth_it, rungs_of, share_of
from core.backtest.engine_quiet import bar_from, guard_level, set_band
from core.backtest.engine_rows import open_row
from core.backtest.engine_watch import note_equity
from core.backtest.engine_words import (
    BETA,
    GUARDED,
    IS_HELD,
    LEVERAGE,
    LIQUIDATION,
    LOT_SIZE,
    MARGIN,
    NO_BUDGET,
    NO_MARGIN,
    NO_PLAN,
    NO_SIZE,
    NOT_WORTH_IT,
    ONE_SIDED,
    PLAN_ATR,
    PLAN_BETA,
    PLAN_LEVERAGE,
    PLAN_LOSS,
    PLAN_LOTS,
    PLAN_PRICE,
    PLAN_SCORE,
    PLAN_SHARE,
    PLAN_STOP,
    PLAN_WHY,
    RUNGS,
    TAKER,
    TICK_SIZE,
    Book,
    Floats,
    Offer,
    Terms,
    Way,
)
from core.backtest.engine_write import next_signal
from core.backtest.sizing import liquidation_price, smallest
from core.risk import refitting
from core.trading.exits_bet import Bet, begin

MONEY_SLACK = 1e-12
MOST_CUT = float(refitting.MOST_CUT)


def enter_all(way: Way, offer: Offer, terms: Terms, book: Book, equity: float, at_ms: float) -> None:
    """Every signal whose bar opens now: drawn all from the account as it is, entered the best first."""
    plans, signal, rows, entered = book.plans, book.signal, book.rows, 0
    for s in range(len(signal)):
        plans[s, PLAN_WHY] = NO_PLAN
        said = int(signal[s])
        if said >= 0 and not rows[s, IS_HELD] > 0.0 and way.bars[said + 1, 0] == at_ms:
            plans[s, PLAN_WHY] = draw(way, offer, terms, book, s, equity)
    while True:
        s = best_of(plans)
        if s < 0:
            break
        why = -1
        if entered > 0 and terms.is_shared:
            equity = note_equity(way, terms, book, at_ms)
            why = cut_to_equity(way, offer, terms, book, s, equity)
            if why < 0:
                why = still_allowed(way, terms, book, s, equity, at_ms)
        if why < 0:
            why = enter(way, offer, terms, book, s)
            if why == NO_MARGIN:
                book.free_ms[s] = at_ms + terms.cooldown_ms
            entered += 1 if why < 0 else 0
        plans[s, PLAN_WHY] = why if why >= 0 else NO_PLAN
    for s in range(len(signal)):
        if plans[s, PLAN_WHY] >= 0.0:
            book.refused[int(plans[s, PLAN_WHY])] += 1
            signal[s] = next_signal(way.side, int(way.last[s]), int(signal[s]) + 1)


def best_of(plans: Floats) -> int:
    """The plan of the best score that is neither refused nor entered; the first one of equals; -1: none."""
    found = -1
    for s in range(len(plans)):
        if plans[s, PLAN_WHY] == -1.0 and (found < 0 or plans[s, PLAN_SCORE] > plans[found, PLAN_SCORE]):
            found = s
    return found


def cut_to_equity(way: Way, offer: Offer, terms: Terms, book: Book, s: int, equity: float) -> int:
    """The plan made smaller where equity has fallen a breath since it was drawn, see `core.risk.refitting`;
    as `draw`."""
    rule, plan, account = way.venue_rules[s], book.plans[s], book.account
    money, lot, price = sizing_equity(terms, account, equity), float(rule[LOT_SIZE]), float(plan[PLAN_PRICE])
    loss, lots = float(plan[PLAN_LOSS]), float(plan[PLAN_LOTS])
    if terms.stake > 0.0:
        return -1
    share = money * terms.risk * float(plan[PLAN_SHARE]) / loss
    share = min(share, money * terms.position_size / (lots * lot * price / float(plan[PLAN_LEVERAGE])))
    if not (1.0 - MOST_CUT) * (1.0 - MONEY_SLACK) <= share < 1.0 - MONEY_SLACK:
        return -1
    plan[PLAN_LOTS] = floor(lots * share * (1.0 + MONEY_SLACK))
    mark = mark_of(way.fill, float(way.bars[int(book.signal[s]) + 1, 1]), float(rule[TICK_SIZE]))
    if plan[PLAN_LOTS] < smallest(rule, min(price, mark)):
        return NO_SIZE
    plan[PLAN_LOSS] = loss * plan[PLAN_LOTS] / lots
    sign, taker = int(way.side[int(book.signal[s])]), float(rule[TAKER])
    rungs = rungs_of(offer, terms, book, s, rule, sign)
    gain = float(plan[PLAN_LOTS]) * lot * gain_per_coin(offer, terms, book, s, taker, sign, rungs)
    return -1 if is_worth_it(terms, gain, float(plan[PLAN_LOSS]), loss) else NOT_WORTH_IT


def still_allowed(way: Way, terms: Terms, book: Book, s: int, equity: float, at_ms: float) -> int:
    """The checks of the account once more, after other entries of this moment; as `draw`."""
    rule, plan, rows, account = way.venue_rules[s], book.plans[s], book.rows, book.account
    sign = int(way.side[int(book.signal[s])])
    why = closed_to(terms, rows, account, equity, -inf, at_ms, inf)
    if why >= 0:
        return why
    money, loss = sizing_equity(terms, account, equity), float(plan[PLAN_LOSS]) * (1.0 - MONEY_SLACK)
    taken, on_side = risks(way, rows, sign, at_ms)
    share = min(float(plan[PLAN_SHARE]), share_of(terms, account, equity, inf, 1.0))
    if terms.stake == 0.0 and loss > money * terms.risk * share:
        return NO_BUDGET
    notional = float(plan[PLAN_LOTS] * rule[LOT_SIZE] * plan[PLAN_PRICE])
    margin = notional / float(plan[PLAN_LEVERAGE]) * (1.0 - MONEY_SLACK)
    if terms.stake == 0.0 and margin > money * terms.position_size:
        return NO_MARGIN
    if margin + notional * rule[TAKER] > margin_left(terms.cap, rows, account):
        return NO_MARGIN
    if terms.stake > 0.0:
        return -1
    if loss > budget_left(terms, account, equity, taken):
        return NO_BUDGET
    return ONE_SIDED if loss > side_left(terms, money, on_side, float(plan[PLAN_BETA])) else -1


def enter(way: Way, offer: Offer, terms: Terms, book: Book, s: int) -> int:
    """Fills the symbol's plan at the open after its signal; as `draw`."""
    rule, plan, row, account = way.venue_rules[s], book.plans[s], book.rows[s], book.account
    bar, lots, last = int(book.signal[s]) + 1, int(plan[PLAN_LOTS]), int(way.last[s])
    sign = int(way.side[bar - 1])
    opened_ms, open_ = float(way.bars[bar, 0]), float(way.bars[bar, 1])
    lot, taker, tick = float(rule[LOT_SIZE]), float(rule[TAKER]), float(rule[TICK_SIZE])
    paid, leverage = paid_at(way.fill, open_, tick, sign), float(plan[PLAN_LEVERAGE])
    margin = lots * lot * paid / leverage
    if terms.is_shared:
        needed = (margin + lots * lot * paid * taker) * (1.0 - MONEY_SLACK)
        if needed > margin_left(inf, book.rows, account):
            return NO_MARGIN
    cost = 2.0 * (taker + terms.slippage)
    bet = Bet(sign, paid, float(plan[PLAN_STOP]), float(plan[PLAN_ATR]), cost, tick, lots, lot)
    hours = way.timed.time_stop_h
    late_ms = opened_ms + hours * 3_600_000.0 - terms.bar_ms if hours > 0.0 else inf
    late_bar = bar_from(way.bars, bar, last, late_ms - 1.0, terms.bar_ms)
    due = int(offer.funding_first[s])
    open_row(rule, row, bet, open_, bar, late_bar, way.funding, due, int(offer.funding_first[s + 1]))
    row[LEVERAGE], row[MARGIN], row[BETA] = leverage, margin, plan[PLAN_BETA]
    row[LIQUIDATION] = liquidation_price(offer.tiers[s], sign, lots * lot, paid, margin)
    row[GUARDED] = guard_level(way.rules, sign, float(row[LIQUIDATION]))
    rungs = rungs_of(offer, terms, book, s, rule, sign)
    row[RUNGS] = rungs
    has_mark = len(way.mark) > 0
    targets, target_lots = book.targets[s, :rungs], book.target_lots[s, :rungs]
    set_band(way.rules, row, bet, begin(bet), targets, target_lots, has_mark)
    return -1
