"""The least that compiled code can do for the comparison: one plain pass over arrays that are ready.

What it does: a candle at a time, entries at the next open, stop before target, the opposite cross, fees of
both ways, margin, liquidation and funding, and it writes each trade down.

What it leaves out: ticks and whole lots, ladders, break-even, trailing, time stops, slippage, mark prices,
tiers, several symbols in one account and every limit on it, extremes and R of a trade, ambiguous bars,
refusals counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sides = NDArray[np.int8]

COLUMNS = 7
"""Of a trade: side, entry bar, exit bar, entry, exit, net without funding, funding."""


def bare_pass(
    opens: Floats,
    highs: Floats,
    lows: Floats,
    closes: Floats,
    side: Sides,
    due: Floats,
    terms: tuple[float, float, float, float, float, float],
    out: Floats,
) -> int:
    """Trades written into `out`, (signals, 7).

    `side`: at each close, ±1 enters, ±2 only closes the other side. `due`: what a long pays for one coin at
    each open. `terms`: stop, target, fee, stake, leverage, maintenance rate.
    """
    stop_share, target_share, fee, stake, leverage, maintenance = terms
    count, sign, entered, last = 0, 0, 0, len(opens) - 1
    entry, quantity, stop, target, liquidation, margin, funding = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(1, len(opens)):
        said, price, is_liquidated = side[i - 1], 0.0, False
        if sign != 0:
            funding -= sign * quantity * due[i]
            if said * sign < 0:
                price = opens[i]
                net = quantity * ((price - entry) * sign - fee * (price + entry))
                _write(out, count, sign, entered, i, entry, price, net, funding)
                count, sign = count + 1, 0
        if sign == 0 and abs(said) == 1:
            sign, entry, entered, funding = said, opens[i], i, 0.0
            margin, quantity = stake, stake * leverage / entry
            stop, target = entry * (1.0 - stop_share * sign), entry * (1.0 + target_share * sign)
            liquidation = (margin - sign * quantity * entry) / (quantity * (maintenance - sign))
        if sign == 0:
            continue
        price = 0.0
        if sign > 0:
            if lows[i] <= max(stop, liquidation):
                is_liquidated = liquidation > stop
                price = min(opens[i], max(stop, liquidation))
            elif highs[i] >= target:
                price = max(opens[i], target)
        elif highs[i] >= min(stop, liquidation):
            is_liquidated = liquidation < stop
            price = max(opens[i], min(stop, liquidation))
        elif lows[i] <= target:
            price = min(opens[i], target)
        if price == 0.0 and i == last:
            price = closes[i]
        if price > 0.0:
            net = quantity * ((price - entry) * sign - fee * (price + entry))
            if is_liquidated:
                net = -margin - quantity * fee * entry
            _write(out, count, sign, entered, i, entry, price, net, funding)
            count, sign = count + 1, 0
    return count


def _write(
    out: Any,
    count: int,
    sign: int,
    entered: int,
    left: int,
    entry: float,
    price: float,
    net: float,
    funding: float,
) -> None:
    out[count, 0], out[count, 1], out[count, 2] = sign, entered, left
    out[count, 3], out[count, 4], out[count, 5], out[count, 6] = entry, price, net, funding
