"""Which market it is, by the 1h bars.

Volatile is asked first, because a trend that moves at twice its usual pace is traded as volatility. The
thresholds were set on four years of hourly BTC, ETH and SOL perpetuals, where they call about 7 % of the
hours volatile, 36 % trending and the rest ranging.
"""

from __future__ import annotations

import numpy as np

from core.analysis.indicators import Floats
from core.market import Regime

VOLATILE_ATR = 1.75
"""ATR as a fraction of price ÷ its own median."""
VOLATILE_WIDTH = 4.0
"""Bollinger width as a fraction of price ÷ its own median; widths swing further than ATR does."""
TRENDING_ADX = 25.0
"""Wilder's customary bound."""
TRENDING_SLOPE = 0.5
"""Change of the slow EMA over `SLOPE_BARS`, in ATR."""
SLOPE_BARS = 10
MIN_HISTORY_BARS = 100
"""Fewer values than this have no usual pace to compare with."""


def regime_of(close: Floats, atr: Floats, adx: Floats, ema_slow: Floats, width: Floats) -> Regime | None:
    """`width` is the Bollinger width in price units. None where the history is too short to know."""
    pace = _against_usual(atr / close)
    spread = _against_usual(width / close)
    if pace is None or spread is None:
        return None
    strength, slope = _slope_in_atr(adx, ema_slow, atr)
    if not np.isfinite([strength, slope]).all():
        return None
    if pace >= VOLATILE_ATR or spread >= VOLATILE_WIDTH:
        return Regime.VOLATILE
    if strength >= TRENDING_ADX and abs(slope) >= TRENDING_SLOPE:
        return Regime.TRENDING
    return Regime.RANGING


def _against_usual(values: Floats) -> float | None:
    """Last value ÷ median of the history that it ends."""
    known = values[np.isfinite(values)]
    if len(known) < MIN_HISTORY_BARS or not np.isfinite(values[-1]):
        return None
    usual = float(np.median(known))
    return float(values[-1]) / usual if usual > 0 else None


def _slope_in_atr(adx: Floats, ema_slow: Floats, atr: Floats) -> tuple[float, float]:
    if not atr[-1] > 0:
        return float(adx[-1]), float("nan")
    return float(adx[-1]), float((ema_slow[-1] - ema_slow[-1 - SLOPE_BARS]) / atr[-1])
