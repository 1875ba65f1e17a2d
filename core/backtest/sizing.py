"""`core.risk.sizing` in float64 and whole lots, for loops that can't wait for decimals.

Laws:
- The same rules in the same order as `fitted` there; a quotient that misses a whole lot by less than a float
  can tell is that lot.
- `rule` and `tiers` are an instrument's rows of `Venues`.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import ceil, floor, inf, isfinite

from core.backtest.engine_words import (
    LOT_SIZE,
    MAX_QUANTITY,
    MIN_NOTIONAL,
    MIN_QUANTITY,
    TAKER,
    Floats,
    Terms,
)

SLACK = 1e-12
"""Fraction by which a float may miss the decimal that it stands for."""
MOST_LOTS = 2.0**52
"""A float tells single lots apart up to here."""
CAP, MOST_LEVERAGE, RATE, DEDUCTION = 0, 1, 2, 3


def loss_per_coin(
    terms: Terms, taker: float, sign: int, entry: float, stop: float, funding: float = 0.0
) -> float:
    """USDT from `entry` to `stop`: fees and slippage of both ways, and `funding` of the notional."""
    return entry * funding - profit_per_coin(terms, taker, sign, entry, stop)


def profit_per_coin(terms: Terms, taker: float, sign: int, entry: float, left_at: float) -> float:
    """USDT from `entry` to `left_at`, fees and slippage of both ways paid."""
    paid = entry * (1.0 + terms.slippage * sign)
    got = left_at * (1.0 - terms.slippage * sign)
    return (got - paid) * sign - (paid + got) * taker


def liquidation_price(tiers: Floats, sign: int, quantity: float, entry: float, margin: float) -> float:
    """Of the mark, as `core.risk.margin`; 0 when a long can't be liquidated."""
    nearest = 0.0 if sign > 0 else inf
    for row in range(len(tiers)):
        top = margin + float(tiers[row, DEDUCTION]) - sign * quantity * entry
        price = top / (quantity * (float(tiers[row, RATE]) - sign))
        nearest = max(nearest, price) if sign > 0 else min(nearest, price)
    return nearest


def staked(terms: Terms, rule: Floats, tiers: Floats, entry: float) -> int:
    """Lots of a trade whose margin is the fixed stake; 0 where the venue takes no such order."""
    lot = float(rule[LOT_SIZE])
    most = min(float(rule[MAX_QUANTITY]), float(tiers[-1, CAP]) / entry)
    lots = _whole(min(terms.stake * terms.leverage / entry, most) / lot)
    return lots if lots >= smallest(rule, entry) else 0


def fitted(
    terms: Terms,
    rule: Floats,
    tiers: Floats,
    sign: int,
    asked: tuple[float, float, float],
    most_loss: float,
    equity: float,
    available: float,
    wanted: int,
    funding: float = 0.0,
) -> tuple[int, int]:
    """(lots, leverage); no lots where no size is within the rules.

    `asked`: entry, stop, and the price at which the venue may measure the notional; `most_loss`: the
    strictest cap, USDT; `wanted`: leverage.
    """
    lot, entry, stop = float(rule[LOT_SIZE]), asked[0], asked[1]
    per_coin = loss_per_coin(terms, float(rule[TAKER]), sign, entry, stop, funding)
    by_loss = _whole(most_loss / per_coin / lot) if per_coin > 0.0 and most_loss > 0.0 else 0
    by_venue = min(float(rule[MAX_QUANTITY]), float(tiers[-1, CAP]) / entry) / lot
    ceiling = max(equity * terms.position_size, 0.0)
    wanted = max(min(wanted, terms.max_leverage), 1)
    lots, leverage = 0, wanted
    while True:
        by_margin = _by_margin(rule, entry, leverage, ceiling, available) / lot
        lots = _whole(min(float(by_loss), by_margin, by_venue))
        if leverage == 1 or _carries(terms, rule, tiers, sign, lots, entry, stop, leverage):
            break
        leverage -= 1
    least = smallest(rule, asked[2])
    if lots < least <= by_loss and least <= by_venue * (1.0 + SLACK):
        for tried in range(wanted, 0, -1):
            enough = _by_margin(rule, entry, tried, ceiling, available) / lot
            if least <= enough * (1.0 + SLACK) and _carries(
                terms, rule, tiers, sign, least, entry, stop, tried
            ):
                return least, tried
    return (lots if lots >= least else 0), leverage


def smallest(rule: Floats, price: float) -> int:
    """Lots of the smallest order that the venue takes at this price."""
    lot = float(rule[LOT_SIZE])
    by_notional = ceil(float(rule[MIN_NOTIONAL]) / price / lot * (1.0 - SLACK))
    return max(by_notional, ceil(float(rule[MIN_QUANTITY]) / lot * (1.0 - SLACK)), 1)


def _by_margin(rule: Floats, entry: float, leverage: int, ceiling: float, available: float) -> float:
    """The most coins whose margin and entry fee are there."""
    taken = entry / leverage + entry * float(rule[TAKER])
    return min(ceiling * leverage / entry, max(available, 0.0) / taken)


def _carries(
    terms: Terms, rule: Floats, tiers: Floats, sign: int, lots: int, entry: float, stop: float, leverage: int
) -> bool:
    """The venue allows the leverage at this size, and liquidation stays far enough away."""
    quantity = max(lots, 1) * float(rule[LOT_SIZE])
    notional = quantity * entry
    place = 0
    while place < len(tiers) - 1 and notional > float(tiers[place, CAP]) * (1.0 + SLACK):
        place += 1
    if leverage > float(tiers[place, MOST_LEVERAGE]):
        return False
    liquidation = liquidation_price(tiers, sign, quantity, entry, notional / leverage)
    needed = terms.liquidation_per_stop * abs(entry - stop) / entry
    needed = max(terms.min_liquidation_distance, needed)
    return (entry - liquidation) * sign / entry >= needed * (1.0 - SLACK)


def _whole(lots: float) -> int:
    """Rounded down; what is no number of lots is none."""
    if not (isfinite(lots) and 0.0 < lots < MOST_LOTS):
        return 0
    return floor(lots * (1.0 + SLACK))
