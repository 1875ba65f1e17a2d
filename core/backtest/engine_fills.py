"""What leaving and entering pays: the book's other side and slippage on the tick, fees, the margin's end.

Laws:
- As `core.sim.matching` and `core.sim.book` have it, in float64; without a spread prices are taken as they
  are, and only slippage comes on top.
- No closing price is worse than the one at which the isolated margin is gone, and no closing fee is more than
  what is left of it.
- What is liquidated loses its margin, whatever was left of it.
- Numba compiles everything here unchanged.
"""

from __future__ import annotations

from math import floor, isnan

from core.backtest.engine_words import (
    COST,
    ENTRY,
    EXIT_CODE,
    EXIT_PRICE,
    FEES,
    FUNDING,
    GUARDED,
    IS_MAKER,
    LEFT,
    LOT,
    LOTS,
    MARGIN,
    PAID_GAIN,
    SIGN,
    TAKER,
    TARGET_FEE,
    TICK,
    Fill,
    Floats,
)
from core.trading.exits import TICK_SLACK, on_tick, target_is_passed
from core.trading.exits_bet import LEFT_BY_GUARD, LIQUIDATED, Lots, Prices, Walk

TIE = 1e-9
"""Of a tick: so far from the middle between two ticks a float may be and still stand for it."""


def nearest_tick(price: float, tick: float) -> float:
    """Ties go to the even multiple, as `core.money.nearest_to`."""
    ticks = price / tick
    whole = floor(ticks)
    over = ticks - whole - 0.5
    if abs(over) <= TIE * max(ticks, 1.0):
        return (whole if whole % 2 == 0 else whole + 1) * tick
    return (whole if over < 0.0 else whole + 1) * tick


def mark_of(fill: Fill, price: float, tick: float) -> float:
    return nearest_tick(price, tick) if fill.half_spread > 0.0 else price


def taking(fill: Fill, price: float, tick: float, sign: int) -> float:
    """The book's side that an order of `sign` (+1 buys) takes."""
    if not fill.half_spread > 0.0:
        return price
    mark = nearest_tick(price, tick)
    return mark + sign * max(nearest_tick(mark * fill.half_spread, tick), tick)


def paid_at(fill: Fill, price: float, tick: float, sign: int) -> float:
    """The price of a market order of `sign` (+1 buys) while the market is at `price`."""
    slipped = taking(fill, price, tick, sign) * (1.0 + sign * fill.slippage)
    if not fill.half_spread > 0.0:
        return slipped
    found = on_tick(slipped, tick, -sign)
    return found if sign > 0 else max(found, tick)


def worth(fill: Fill, row: Floats, price: float) -> float:
    """USDT that it has added to the account so far, what is open at `price`; that exit is not paid yet."""
    left = row[LEFT] * (mark_of(fill, price, float(row[TICK])) - row[ENTRY]) * row[SIGN]
    return float((row[PAID_GAIN] + left) * row[LOT] - row[FEES] + row[FUNDING])


def booked(row: Floats) -> float:
    """USDT that it has added to the wallet so far: what is open is none of it."""
    return float(row[PAID_GAIN] * row[LOT] - row[FEES] + row[FUNDING])


def net_if_left(fill: Fill, row: Floats, price: float) -> float:
    """USDT that the whole trade makes if what is left leaves at `price`: as it was paid so far, and the
    expected costs of that exit; funding not in it. As `core.trading.moving`."""
    mark, quantity = mark_of(fill, price, float(row[TICK])), row[LEFT] * row[LOT]
    open_part = quantity * ((mark - row[ENTRY]) * row[SIGN] - mark * row[COST] / 2.0)
    return float(row[PAID_GAIN] * row[LOT] + open_part - row[FEES])


def margin_bound(row: Floats) -> float:
    return float(row[MARGIN] * row[LEFT] / row[LOTS])


def bankruptcy(fill: Fill, row: Floats) -> float:
    """The price at which the isolated margin is gone, on the tick towards the entry."""
    sign = int(row[SIGN])
    price = float(row[ENTRY] - sign * row[MARGIN] / (row[LOTS] * row[LOT]))
    return on_tick(price, float(row[TICK]), -sign) if fill.half_spread > 0.0 else price


def close_lots(fill: Fill, rule: Floats, row: Floats, lots: float, price: float, is_target: bool) -> None:
    """Books `lots` that leave by the market at `price`, or were resting there."""
    sign, entry, quantity = int(row[SIGN]), float(row[ENTRY]), lots * float(row[LOT])
    margin = float(row[MARGIN]) * lots / float(row[LOTS])
    rests = is_target and rule[IS_MAKER] > 0.0
    paid = price if rests else paid_at(fill, price, float(row[TICK]), -sign)
    worst = bankruptcy(fill, row)
    if (paid - worst) * sign < 0.0:
        paid = worst
    fee = quantity * paid * float(rule[TARGET_FEE] if rests else rule[TAKER])
    row[PAID_GAIN] += lots * (paid - entry) * sign
    row[FEES] += min(fee, max(margin + (paid - entry) * sign * quantity, 0.0))


def close_out(
    fill: Fill,
    rule: Floats,
    row: Floats,
    before: Walk,
    after: Walk,
    targets: Prices,
    target_lots: Lots,
    jumped_to: float,
) -> None:
    """Books everything that left between two moments of a walk; before the row is the later one.

    `jumped_to`: what lies up to this price was jumped over, and left there.
    """
    left, sign = before.lots_left, int(row[SIGN])
    for place in range(before.targets_filled, min(after.targets_filled, len(targets))):
        lots = min(int(target_lots[place]), left)
        if lots > 0:
            price = float(targets[place])
            if target_is_passed(jumped_to, price, sign):
                price = jumped_to
            close_lots(fill, rule, row, float(lots), price, True)
            left -= lots
    if after.lots_left == 0 and left > 0:
        price = after.exit_price
        if after.exit_code == LEFT_BY_GUARD and isnan(jumped_to):
            price = guarded_at(fill, row)
        leave_all(fill, rule, row, float(left), price, after.exit_code)


def guarded_at(fill: Fill, row: Floats) -> float:
    """The first tick at which the liquidation price is nearer than the rules allow."""
    level, tick, sign = float(row[GUARDED]), float(row[TICK]), int(row[SIGN])
    if not fill.half_spread > 0.0:
        return level
    found = on_tick(level, tick, sign)
    return found if (level - found) * sign > TICK_SLACK * tick else found - sign * tick


def leave_all(fill: Fill, rule: Floats, row: Floats, lots: float, price: float, code: int) -> None:
    """Books the last `lots`, which leave at once."""
    if code == LIQUIDATED:
        gain = lots * (bankruptcy(fill, row) - float(row[ENTRY])) * float(row[SIGN])
        row[PAID_GAIN] += gain
        row[FEES] += float(row[MARGIN]) * lots / float(row[LOTS]) + gain * float(row[LOT])
    else:
        close_lots(fill, rule, row, lots, price, False)
    row[EXIT_PRICE], row[EXIT_CODE] = price, code
