"""The venue's rules where nobody recorded them: careful guesses from the bars, and said to be guesses."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import floor, log10

from core.backtest.history import BadHistory, History
from core.market import Instrument, Tier, coin

GUESSED = "tick, lot, minimums, fees (taker 0.05 %, maker 0.02 %) and leverage tiers are guessed with care"
"""What `assumed_instrument` makes up, in words."""
TAKER_FEE, MAKER_FEE = Decimal("0.0005"), Decimal("0.0002")
"""Fractions of the notional: Binance's for USDT perpetuals without a discount."""
MIN_NOTIONAL = Decimal(5)
LOT_USDT = 1.0
"""A lot is worth at most about this at the last close: a power of ten."""
MOST_DECIMALS = 10
LARGEST_ORDER = Decimal(10) ** 9
NEWEST = 1_000
"""Closes that the tick is read from."""


def assumed_instrument(history: History, tiers: Sequence[Tier]) -> Instrument:
    """Tick from the digits of the prices, lot from the last close; `tiers` as of a cautious venue.

    Raises `BadHistory` without bars.
    """
    if not len(history.bars):
        raise BadHistory(f"{history.symbol}: there are no bars")
    lot = Decimal(1).scaleb(floor(log10(LOT_USDT / float(history.bars[-1, 4]))))
    return Instrument(
        symbol=history.symbol,
        base=coin(history.symbol),
        tick=_tick(history),
        lot=lot,
        min_quantity=lot,
        max_quantity=LARGEST_ORDER,
        min_notional=MIN_NOTIONAL,
        taker_fee=TAKER_FEE,
        maker_fee=MAKER_FEE,
        tiers=tuple(tiers),
        tiers_assumed=True,
    )


def _tick(history: History) -> Decimal:
    """The finest digit that any of the newest closes shows."""
    shown = (Decimal(repr(close)).normalize().as_tuple().exponent for close in _closes(history))
    digits = max(-int(exponent) for exponent in shown)
    return Decimal(1).scaleb(-min(max(digits, 0), MOST_DECIMALS))


def _closes(history: History) -> list[float]:
    newest: list[float] = history.bars[-NEWEST:, 4].tolist()
    return newest
