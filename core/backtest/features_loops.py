"""The indicators of `core.analysis.indicators` as loops for the compiler; what each means is said there.

Laws:
- Equal to those but for the last digits; value `i` uses bars `0..i` only.
- Numba compiles everything here unchanged. Without it the others are faster and are used instead.
"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

from core.backtest.engine_words import Floats


def ema_loop(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), nan)
    if len(values) == 0:
        return out
    share, mean = 2.0 / (bars + 1.0), values[0]
    for i in range(len(values)):
        mean = mean + share * (values[i] - mean)
        if i >= bars - 1:
            out[i] = mean
    return out


def rsi_loop(close: Floats, bars: int) -> Floats:
    out, up, down, share = np.full(len(close), nan), 0.0, 0.0, 1.0 / bars
    for i in range(1, len(close)):
        change = close[i] - close[i - 1]
        up += share * ((change if change > 0.0 else 0.0) - up)
        down += share * ((-change if change < 0.0 else 0.0) - down)
        if i >= bars and up + down > 0.0:
            out[i] = 100.0 * up / (up + down)
    return out


def wilder_loop(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), nan)
    if len(values) < bars:
        return out
    mean = 0.0
    for i in range(bars):
        mean += values[i] / bars
    out[bars - 1] = mean
    for i in range(bars, len(values)):
        mean += (values[i] - mean) / bars
        out[i] = mean
    return out


def atr_loop(high: Floats, low: Floats, close: Floats, bars: int) -> Floats:
    reach = np.empty(len(close))
    for i in range(len(close)):
        before = close[i - 1] if i > 0 else low[0]
        top, bottom = high[i], low[i]
        if i > 0:
            top, bottom = max(top, before), min(bottom, before)
        reach[i] = top - bottom
    return wilder_loop(reach, bars)


def adx_loop(high: Floats, low: Floats, close: Floats, bars: int) -> Floats:
    count = len(close)
    out = np.full(count, nan)
    if count < 2 * bars:
        return out
    plus, minus, mean = 0.0, 0.0, 0.0
    for i in range(1, count):
        rise, fall = high[i] - high[i - 1], low[i - 1] - low[i]
        up = rise if rise > fall and rise > 0.0 else 0.0
        down = fall if fall > rise and fall > 0.0 else 0.0
        if i <= bars:
            plus += up / bars
            minus += down / bars
        else:
            plus += (up - plus) / bars
            minus += (down - minus) / bars
        if i < bars:
            continue
        total = plus + minus
        index = 100.0 * abs(plus - minus) / total if total > 0.0 else 0.0
        mean += index / bars if i < 2 * bars else (index - mean) / bars
        if i >= 2 * bars - 1:
            out[i] = mean
    return out


def bands_loop(close: Floats, bars: int, deviations: float) -> tuple[Floats, Floats, Floats]:
    low, mid, high = np.full(len(close), nan), np.full(len(close), nan), np.full(len(close), nan)
    for i in range(bars - 1, len(close)):
        mean = 0.0
        for k in range(i - bars + 1, i + 1):
            mean += close[k]
        mean /= bars
        square = 0.0
        for k in range(i - bars + 1, i + 1):
            square += (close[k] - mean) ** 2
        reach = deviations * sqrt(square / bars)
        low[i], mid[i], high[i] = mean - reach, mean, mean + reach
    return low, mid, high


def highest_loop(values: Floats, bars: int) -> Floats:
    """Of the last `bars`, the newest included; NaN for the first `bars - 1`."""
    out = np.full(len(values), nan)
    for i in range(bars - 1, len(values)):
        top = values[i]
        for k in range(i - bars + 1, i):
            top = values[k] if values[k] > top else top
        out[i] = top
    return out


def obv_loop(close: Floats, volume: Floats) -> Floats:
    out, total = np.zeros(len(close)), 0.0
    for i in range(1, len(close)):
        if close[i] > close[i - 1]:
            total += volume[i]
        elif close[i] < close[i - 1]:
            total -= volume[i]
        out[i] = total
    return out
