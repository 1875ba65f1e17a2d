"""From a signal to a plan: its prices, its size, its checks.

Laws:
- The same rules as `core.risk` has, asked in its order; the first one that objects is counted.
- A plan is drawn at the price that the book asks for.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import ceil, inf, isnan, nan

from core.backtest.engine_account import budget_left, lost_share, margin_left, risks, side_left, sizing_equity
from core.backtest.engine_fills import mark_of, taking
from core.backtest.engine_words import (
    BLOCKED_UNTIL,
    COOLING,
    IS_HALTED,
    IS_HELD,
    IS_PROBING,
    IS_ROLLING,
    LEFT_BARS,
    LOT_SIZE,
    LOW_SCORE,
    MIN_QUANTITY,
    NO_SIZE,
    NO_SLOT,
    NO_STOP,
    NO_TARGET,
    NOT_WORTH_IT,
    PEAK,
    PLAN_ATR,
    PLAN_BETA,
    PLAN_FUNDING,
    PLAN_LAST_R,
    PLAN_LEVERAGE,
    PLAN_LOSS,
    PLAN_LOTS,
    PLAN_PRICE,
    PLAN_RISK,
    PLAN_SCORE,
    PLAN_SHARE,
    PLAN_STOP,
    PLAN_TARGET,
    SAYS_ATR,
    SAYS_BETA,
    SAYS_CONFIDENCE,
    SAYS_FUNDING,
    SAYS_LAST_R,
    SAYS_LEVERAGE,
    SAYS_RISK,
    SAYS_SCORE,
    SAYS_SHARE,
    SAYS_STOP,
    SAYS_TARGET,
    TAKER,
    TICK_SIZE,
    TOO_DEEP,
    TRIPPED,
    UNSURE,
    Book,
    Floats,
    Offer,
    Terms,
    Way,
)
from core.backtest.sizing import fitted, loss_per_coin, profit_per_coin, staked
from core.trading.exits import on_tick, price_at_r
from core.trading.exits_bet import Prices, ladder

SLACK = 1e-9
"""Fraction by which a distance may miss its bound: the tick moves it."""
MONEY_SLACK = 1e-12
"""The same of money and of ratios, whose floats carry rounding errors only."""
GOOD_REWARD, FAIR_REWARD = 2.0, 1.5
GOOD_TERM, FAIR_TERM = 10.0, 5.0
"""The score's term of reward to risk, as `core.advice.score`."""


def named(offer: Offer, what: int, said: int, usual: float) -> float:
    """What the signal at that bar names, place in `SAID`, or the usual."""
    row = int(offer.said_at[what])
    if row >= 0 and not isnan(offer.said[row, said]):
        return float(offer.said[row, said])
    return usual


def draw(way: Way, offer: Offer, terms: Terms, book: Book, s: int, equity: float) -> int:
    """The symbol's plan for an entry at the open after its signal; why not, place in `REFUSALS`, or -1."""
    said, plan, rule, account = int(book.signal[s]), book.plans[s], way.venue_rules[s], book.account
    sign, opened_ms = int(way.side[said]), float(way.bars[said + 1, 0])
    confidence = named(offer, SAYS_CONFIDENCE, said, 1.0)
    why = closed_to(terms, book.rows, account, equity, float(book.free_ms[s]), opened_ms, confidence)
    if why >= 0:
        return why
    tick, open_ = float(rule[TICK_SIZE]), float(way.bars[said + 1, 1])
    price, atr = taking(way.fill, open_, tick, sign), named(offer, SAYS_ATR, said, nan)
    mark = mark_of(way.fill, open_, tick)
    away = max(abs(price - way.bars[said, 4]), abs(mark - way.bars[said, 4]))
    if away > terms.max_drift_atr * atr * (1.0 + SLACK):
        return LEFT_BARS
    stop = stop_price(terms, named(offer, SAYS_STOP, said, terms.stop), tick, sign, price)
    if isnan(stop):
        return NO_STOP
    plan[PLAN_PRICE], plan[PLAN_STOP], plan[PLAN_ATR] = price, stop, atr
    plan[PLAN_TARGET] = named(offer, SAYS_TARGET, said, terms.target)
    plan[PLAN_LAST_R] = named(offer, SAYS_LAST_R, said, nan)
    plan[PLAN_BETA] = min(max(named(offer, SAYS_BETA, said, 1.0), 0.0), 1.0)
    plan[PLAN_SHARE] = share_of(terms, account, equity, confidence, named(offer, SAYS_SHARE, said, 1.0))
    plan[PLAN_RISK] = min(named(offer, SAYS_RISK, said, terms.risk), terms.risk)
    plan[PLAN_FUNDING] = funding = named(offer, SAYS_FUNDING, said, 0.0)
    wanted = int(named(offer, SAYS_LEVERAGE, said, float(terms.leverage)))
    lots, leverage = size(way, offer.tiers[s], terms, book, s, sign, mark, equity, opened_ms, wanted)
    if lots == 0:
        return NO_SIZE
    plan[PLAN_LOTS], plan[PLAN_LEVERAGE] = lots, leverage
    coins = lots * float(rule[LOT_SIZE])
    plan[PLAN_LOSS] = coins * loss_per_coin(terms, float(rule[TAKER]), sign, price, stop, funding)
    rungs = rungs_of(offer, terms, book, s, rule, sign)
    if not lowest(book.targets[s], rungs) > 0.0:
        return NO_TARGET
    gain = coins * gain_per_coin(offer, terms, book, s, float(rule[TAKER]), sign, rungs)
    return worth_it(terms, plan, gain, named(offer, SAYS_SCORE, said, nan))


def worth_it(terms: Terms, plan: Floats, gain: float, score: float) -> int:
    loss = float(plan[PLAN_LOSS])
    if not is_worth_it(terms, gain, loss, loss):
        return NOT_WORTH_IT
    term = GOOD_TERM if gain >= GOOD_REWARD * loss * (1.0 - MONEY_SLACK) else 0.0
    term = max(term, FAIR_TERM if gain >= FAIR_REWARD * loss * (1.0 - MONEY_SLACK) else 0.0)
    plan[PLAN_SCORE] = 0.0 if isnan(score) else score + term
    return LOW_SCORE if not isnan(score) and not score + term >= terms.min_score - SLACK else -1


def is_worth_it(terms: Terms, gain: float, loss: float, full_loss: float) -> bool:
    """Reward to risk, and the gain beside what the plan would lose as it was drawn, USDT."""
    needed = min(terms.min_profit, terms.min_profit_r * full_loss)
    is_fair = loss > 0.0 and gain / loss >= terms.min_reward_risk * (1.0 - MONEY_SLACK)
    return is_fair and gain >= needed * (1.0 - MONEY_SLACK)


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
    if account[IS_HALTED] > 0.0 or account[IS_ROLLING] > 0.0 or at_ms < account[BLOCKED_UNTIL]:
        return TRIPPED
    return TOO_DEEP if lost_share(float(account[PEAK]), equity, terms.cap) >= terms.orange else -1


def stop_price(terms: Terms, fraction: float, tick: float, sign: int, price: float) -> float:
    """On the tick away from the price; NaN where the distance is none that the rules allow.

    Where the tick would bring it beyond the greatest distance it is on the tick towards the price.
    """
    if not terms.min_stop * (1.0 - SLACK) <= fraction <= terms.max_stop * (1.0 + SLACK):
        return nan
    stop = on_tick(price * (1.0 - sign * fraction), tick, sign)
    if (price - stop) * sign > terms.max_stop * price * (1.0 + MONEY_SLACK):
        stop = on_tick(price * (1.0 - sign * terms.max_stop), tick, -sign)
    return stop if stop > 0.0 and (price - stop) * sign > 0.0 else nan


def share_of(terms: Terms, account: Floats, equity: float, confidence: float, judged: float) -> float:
    """What the strictest ceiling leaves of the size."""
    share = min(terms.band_size if confidence < terms.full_confidence else 1.0, judged)
    if terms.is_shared and lost_share(float(account[PEAK]), equity, terms.cap) >= terms.yellow:
        share = min(share, terms.yellow_size)
    return min(share, terms.probe_size) if account[IS_PROBING] > 0.0 else share


def size(
    way: Way,
    tiers: Floats,
    terms: Terms,
    book: Book,
    s: int,
    sign: int,
    mark: float,
    equity: float,
    at_ms: float,
    wanted: int,
) -> tuple[int, int]:
    """(lots, leverage); 0 lots: none that money and rules allow."""
    rule, plan, rows, account = way.venue_rules[s], book.plans[s], book.rows, book.account
    price, available = float(plan[PLAN_PRICE]), inf
    if terms.is_shared:
        available = margin_left(terms.cap, rows, account)
    if terms.stake > 0.0:
        lots = staked(terms, rule, tiers, price)
        needed = lots * rule[LOT_SIZE] * price * (1.0 / terms.leverage + rule[TAKER])
        return (lots if needed <= available else 0), terms.leverage
    money = sizing_equity(terms, account, equity)
    most = money * plan[PLAN_RISK] * plan[PLAN_SHARE]
    if terms.is_shared:
        taken, on_side = risks(way, rows, sign, at_ms)
        most = min(most, budget_left(terms, account, equity, taken))
        most = min(most, side_left(terms, money, on_side, float(plan[PLAN_BETA])))
    asked = (price, float(plan[PLAN_STOP]), min(price, mark))
    return fitted(
        terms, rule, tiers, sign, asked, float(most), money, available, wanted, float(plan[PLAN_FUNDING])
    )


def rungs_of(offer: Offer, terms: Terms, book: Book, s: int, rule: Floats, sign: int) -> int:
    """Fills in the symbol's targets, nearest first, each on the tick nearer to the entry; how many."""
    plan, targets, target_lots, count = book.plans[s], book.targets[s], book.target_lots[s], len(offer.rung_r)
    price, lots = float(plan[PLAN_PRICE]), int(plan[PLAN_LOTS])
    tick, lot = float(rule[TICK_SIZE]), float(rule[LOT_SIZE])
    if plan[PLAN_TARGET] > 0.0:
        targets[0] = on_tick(price * (1.0 + sign * plan[PLAN_TARGET]), tick, sign)
        target_lots[0] = lots
        return 1
    cost = 2.0 * (float(rule[TAKER]) + terms.slippage)
    least = max(ceil(float(rule[MIN_QUANTITY]) / lot * (1.0 - MONEY_SLACK)), 1)
    slices = ladder(lots, offer.rung_share, least)
    for place in range(count):
        r = float(offer.rung_r[place])
        if place == count - 1 and not isnan(plan[PLAN_LAST_R]):
            r = float(plan[PLAN_LAST_R])
        targets[place] = on_tick(price_at_r(price, float(plan[PLAN_STOP]), sign, cost, r), tick, sign)
        target_lots[place] = slices[place]
    return count


def lowest(targets: Prices, rungs: int) -> float:
    found = inf
    for place in range(rungs):
        found = min(found, float(targets[place]))
    return found


def gain_per_coin(
    offer: Offer, terms: Terms, book: Book, s: int, taker: float, sign: int, rungs: int
) -> float:
    """USDT at the targets, each by its share and those that have joined it; fees, slippage, funding paid."""
    plan, targets, target_lots = book.plans[s], book.targets[s], book.target_lots[s]
    price, whole = float(plan[PLAN_PRICE]), plan[PLAN_TARGET] > 0.0
    gain, share, last = -price * float(plan[PLAN_FUNDING]), 0.0, 0
    for place in range(rungs):
        share += 1.0 if whole else float(offer.rung_share[place])
        if target_lots[place] > 0:
            gain += share * profit_per_coin(terms, taker, sign, price, float(targets[place]))
            share, last = 0.0, place
    return gain + share * profit_per_coin(terms, taker, sign, price, float(targets[last]))
