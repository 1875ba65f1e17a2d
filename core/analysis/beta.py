"""Beta: how far a coin moves, on average, when BTC moves by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.market import TIMEFRAMES, Candles

BTC = "BTC/USDT:USDT"
FRAME = "1h"
BARS = 200
"""Bars that count, the newest ones: about eight days."""
LEAST_BARS = 50
"""Common bars below which a slope says nothing."""


def beta_to_btc(coin: Candles, btc: Candles) -> float | None:
    """Ordinary least squares slope of the coin's log returns on BTC's, over bars that both have.

    None where too few bars are common, nothing moved, or a price is no price. BTC's own is 1.
    """
    if coin.symbol == btc.symbol:
        return 1.0
    _, ours, theirs = np.intersect1d(coin.rows[:, 0], btc.rows[:, 0], return_indices=True)
    ours, theirs = ours[-BARS:], theirs[-BARS:]
    if len(ours) < LEAST_BARS:
        return None
    opened, closes, leads = coin.rows[ours, 0], coin.close[ours], btc.close[theirs]
    if not (_are_prices(closes) and _are_prices(leads)):
        return None
    is_next = np.diff(opened) == TIMEFRAMES[coin.timeframe]  # over a gap the move is not one bar's
    return _slope(np.diff(np.log(leads))[is_next], np.diff(np.log(closes))[is_next])


def _are_prices(values: NDArray[np.float64]) -> bool:
    return bool(np.all(np.isfinite(values)) and np.all(values > 0))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    if len(x) < LEAST_BARS - 1:
        return None
    off = x - x.mean()
    variance = float(off @ off)
    if not variance > 0:
        return None
    slope = float(off @ (y - y.mean())) / variance
    return slope if np.isfinite(slope) else None
