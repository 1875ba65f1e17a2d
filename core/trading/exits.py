"""The rule book of an open position: pure scalar questions, asked alike by live, paper and simulation.

Prices are float64 or Decimal alike; `sign` is +1 for a long, -1 for a short.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

Price = TypeVar("Price", float, Decimal)


def stop_is_passed(mark: Price, stop: Price, sign: int) -> bool:
    """The mark price is at the stop or beyond it."""
    return (mark - stop) * sign <= 0


def target_is_passed(mark: Price, target: Price, sign: int) -> bool:
    """The mark price is at the target or beyond it."""
    return (mark - target) * sign >= 0


def liquidation_is_near(mark: Price, liquidation: Price, sign: int, nearest: Price) -> bool:
    """The liquidation price is closer than `nearest`, a fraction of the mark price.

    A liquidation price of 0 is how venues say that there is none.
    """
    return liquidation > 0 and (mark - liquidation) * sign < nearest * mark


def share_of_way(mark: Price, entry: Price, end: Price) -> Price:
    """How far the price has gone from `entry` towards `end`: 0 at entry, 1 at the end."""
    return (mark - entry) / (end - entry)
