"""Indicators over closed bars.

Laws:
- Every function takes float64 arrays, oldest first, and returns an array of the same length whose warm-up is
  NaN; value `i` uses bars `0..i` only.
- Input is validated before it comes here (`core.analysis.features`).
- pandas and `ta` are imported on first use: they take a third of a second of every start.
- `ta` computes what it computes rightly and cheaply: EMA and MACD. The others are our own and tested equal to
  `ta` where it is right: it calls a flat market RSI 100, walks ATR and ADX row by row (answering 0 while they
  warm up), counts an unchanged close as buying volume, and takes five times as long for RSI and Bollinger.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

RSI_BARS = 14
ATR_BARS = 14
ADX_BARS = 14
BOLLINGER_BARS = 20
BOLLINGER_DEVIATIONS = 2
EMA_FAST_BARS = 20
EMA_SLOW_BARS = 50
SMA_LONG_BARS = 200
VOLUME_BARS = 20


def ema(values: Floats, bars: int) -> Floats:
    """Seeded with the first value; NaN for the first `bars - 1`."""
    import pandas as pd
    from ta.trend import ema_indicator

    return _array(ema_indicator(pd.Series(values), bars))


def rsi(close: Floats, bars: int = RSI_BARS) -> Floats:
    """Wilder's; NaN where the price has not moved at all so far, since 0/0 is no strength."""
    change = np.diff(close, prepend=close[:1])
    up = _smoothed_from_zero(np.maximum(change, 0.0), bars)
    down = _smoothed_from_zero(np.maximum(-change, 0.0), bars)
    total = up + down
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = np.where(total > 0, 100.0 * up / total, np.nan)
    strength[:bars] = np.nan
    return strength


def macd(close: Floats) -> tuple[Floats, Floats, Floats]:
    """Line, signal and histogram; 12/26/9, price units."""
    import pandas as pd
    from ta.trend import MACD

    indicator = MACD(pd.Series(close))
    line, signal = _array(indicator.macd()), _array(indicator.macd_signal())
    return line, signal, line - signal


def bollinger(close: Floats) -> tuple[Floats, Floats, Floats]:
    """Low, mid and high band, with the population's deviation."""
    mid, deviation = np.full(len(close), np.nan), np.full(len(close), np.nan)
    if len(close) >= BOLLINGER_BARS:
        windows = sliding_window_view(close, BOLLINGER_BARS)
        mid[BOLLINGER_BARS - 1 :] = windows.mean(axis=1)
        deviation[BOLLINGER_BARS - 1 :] = windows.std(axis=1)
    reach = BOLLINGER_DEVIATIONS * deviation
    return mid - reach, mid, mid + reach


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """The first bar has no close before it: its range is high - low."""
    before = np.concatenate((close[:1], close[:-1]))
    reach = np.maximum(high, before) - np.minimum(low, before)
    reach[:1] = high[:1] - low[:1]
    return reach


def atr(high: Floats, low: Floats, close: Floats, bars: int = ATR_BARS) -> Floats:
    """Wilder's average true range, price units."""
    return wilder(true_range(high, low, close), bars)


def adx(high: Floats, low: Floats, close: Floats, bars: int = ADX_BARS) -> Floats:
    """Wilder's, 0..100. NaN for the first `2 × bars - 1`; 0 where nothing moves in any direction."""
    rise, fall = np.diff(high), -np.diff(low)
    plus = wilder(np.where((rise > fall) & (rise > 0), rise, 0.0), bars)
    minus = wilder(np.where((fall > rise) & (fall > 0), fall, 0.0), bars)
    total = plus + minus
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = np.where(total > 0, 100.0 * np.abs(plus - minus) / total, 0.0)
    out = np.full(len(close), np.nan)
    warm = bars - 1
    out[1 + warm :] = wilder(dx[warm:], bars)
    return out


def obv(close: Floats, volume: Floats) -> Floats:
    """On-balance volume from 0: a rising close adds its volume, a falling one takes it away, else neither."""
    signs = np.sign(np.diff(close, prepend=close[:1]))
    return np.cumsum(signs * volume)


def obv_slope(close: Floats, volume: Floats, bars: int = VOLUME_BARS) -> float | None:
    """Change of OBV over the last `bars` ÷ their volume, -1..1. None without history or without volume."""
    traded = float(volume[-bars:].sum())
    if len(close) <= bars or traded <= 0:
        return None
    balance = obv(close[-bars - 1 :], volume[-bars - 1 :])
    return float(balance[-1] - balance[0]) / traded


def volume_ratio(volume: Floats, bars: int = VOLUME_BARS) -> float | None:
    """Last bar's volume ÷ mean of the `bars` before it. None without history or where they traded nothing."""
    if len(volume) <= bars:
        return None
    usual = float(volume[-bars - 1 : -1].mean())
    return float(volume[-1]) / usual if usual > 0 else None


def wilder(values: Floats, bars: int) -> Floats:
    """Wilder's smoothing: the mean of the first `bars`, then 1/bars of each new value; NaN before."""
    out = np.full(len(values), np.nan)
    if len(values) < bars:
        return out
    seed = float(values[:bars].mean())
    rest = values[bars:].tolist()
    out[bars - 1 :] = list(accumulate(rest, lambda mean, new: mean + (new - mean) / bars, initial=seed))
    return out


def _smoothed_from_zero(values: Floats, bars: int) -> Floats:
    """Wilder's weights without a seed; right only inside a ratio of two, where the missing weight cancels."""
    import pandas as pd

    return _array(pd.Series(values).ewm(alpha=1 / bars, adjust=False).mean())


def _array(series: pd.Series) -> Floats:
    return series.to_numpy(dtype=np.float64)
