"""Position arithmetic: profit, costs, liquidation. Profit never depends on leverage.

Liquidation of one isolated one-way position follows Binance's published formula
("How to Calculate Liquidation Price of USDⓈ-M Futures Contracts"), with no other positions:
`(margin + deduction - sign·quantity·entry) / (quantity·(rate - sign))`.

The bracket is that of the notional at the liquidation price itself, not at the entry: a short grows into
higher brackets, a long shrinks into lower ones. Maintenance margin is continuous and its rate only rises with
the notional, so it is the largest of all brackets' lines, and the margin meets it at the nearest of their
prices. The entry's bracket alone would place liquidation too far away, on both sides.
"""

from __future__ import annotations

from decimal import Decimal

from core.market import Instrument, Side
from core.money import ZERO


def profit(side: Side, quantity: Decimal, entry: Decimal, exit_price: Decimal) -> Decimal:
    """USDT before costs."""
    return (exit_price - entry) * quantity * side.sign


def slipped(price: Decimal, side: Side, slippage: Decimal, *, is_opening: bool) -> Decimal:
    """What a market order of `side` really pays: always the worse way."""
    worse = side.sign if is_opening else -side.sign
    return price * (1 + slippage * worse)


def round_trip_result(
    side: Side, quantity: Decimal, entry: Decimal, exit_price: Decimal, fee: Decimal, slippage: Decimal
) -> Decimal:
    """Net USDT of entering at `entry` and leaving at `exit_price`, taker fees and slippage both ways."""
    paid = slipped(entry, side, slippage, is_opening=True)
    got = slipped(exit_price, side, slippage, is_opening=False)
    return profit(side, quantity, paid, got) - (paid + got) * quantity * fee


def liquidation_price(
    side: Side, quantity: Decimal, entry: Decimal, margin: Decimal, instrument: Instrument
) -> Decimal:
    """Mark price at which the venue takes the position; 0 when a long can't be liquidated."""
    sign = side.sign
    prices = (
        (margin + tier.maintenance_deduction - sign * quantity * entry)
        / (quantity * (tier.maintenance_rate - sign))
        for tier in instrument.tiers
    )
    return max(*prices, ZERO) if side is Side.LONG else min(prices)


def distance(price: Decimal, other: Decimal) -> Decimal:
    """|price - other| ÷ price."""
    return abs(price - other) / price


def room(side: Side, price: Decimal, far: Decimal) -> Decimal:
    """Fraction of `price` that it may move the losing way before `far`; negative when it is passed."""
    return (price - far) * side.sign / price
