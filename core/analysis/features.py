"""Candles → `Features`. Pure: the same bars give the same features, whatever comes after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from core.analysis.divergence import divergence_of
from core.analysis.indicators import (
    EMA_FAST_BARS,
    EMA_SLOW_BARS,
    SMA_LONG_BARS,
    Floats,
    adx,
    atr,
    bollinger,
    ema,
    macd,
    obv_slope,
    rsi,
    volume_ratio,
)
from core.analysis.levels import CLUSTER_ATR, LEVEL_WING_BARS, Level, Swings, cluster, find_swings, nearest
from core.analysis.regime import regime_of
from core.analysis.validation import validate_frames
from core.market import SCAN_TIMEFRAMES, Background, Candles, Regime
from core.opinion import Features, FrameFeatures, Stance

LEVEL_FRAMES = ("1h", "4h")
MIN_TOUCHES = 2
"""A level met once is a swing; met twice it is a level."""
CURVES_KEPT = 96
"""Three timeframes of 32 symbols; about 50 kB each."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What one timeframe's indicators look like over all its bars; each `(n,)`, NaN while warming up."""

    bars: Candles
    rsi: Floats
    macd: Floats
    macd_signal: Floats
    macd_histogram: Floats
    bollinger_low: Floats
    bollinger_mid: Floats
    bollinger_high: Floats
    ema_fast: Floats
    ema_slow: Floats
    atr: Floats
    adx: Floats
    swings: Swings


def describe(symbol: str, candles: Mapping[str, Candles], background: Background | None) -> Features:
    """`candles` holds 15m, 1h and 4h; a few hundred bars each, less is n/a here and there.

    Raises `BadMarketFacts` for candles that are not sound, or not of one moment. A regime that can't be known
    is given as volatile and named in `missing`.
    """
    validate_frames(symbol, candles)
    curves = {timeframe: _curves_of(candles[timeframe]) for timeframe in SCAN_TIMEFRAMES}
    frames = {timeframe: _frame(curve) for timeframe, curve in curves.items()}
    support, resistance = _levels_around(curves, frames["15m"].close)
    regime = _regime(curves["1h"])
    whole: dict[str, float | None] = {
        "support": support.price if support else None,
        "resistance": resistance.price if resistance else None,
        "funding_per_8h": _finite(background.funding_per_8h() if background else None),
        "quote_volume_24h": _finite(background.quote_volume_24h if background else None),
        "open_interest": _finite(background.open_interest if background else None),
    }
    unknown = [name for name, value in whole.items() if value is None]
    return Features(
        symbol=symbol,
        bar_closed_at=candles["15m"].closed_at,
        frames=frames,
        regime=regime or Regime.VOLATILE,
        missing=(*_missing(frames), *([] if regime else ["regime"]), *unknown),
        **whole,
    )


def _curves_of(bars: Candles) -> Curves:
    """The same bars have the same curves: most scans bring a new 15m bar only."""
    return _remembered(bars.symbol, bars.timeframe, bars.rows.shape[0], bars.rows.tobytes())


@lru_cache(maxsize=CURVES_KEPT)
def _remembered(symbol: str, timeframe: str, count: int, content: bytes) -> Curves:
    """By content, not by time: two markets that differ in a digit are two entries."""
    rows = np.frombuffer(content, dtype=np.float64).reshape(count, -1)
    return _curves(Candles(symbol, timeframe, rows))


def _curves(bars: Candles) -> Curves:
    high, low, close = bars.high, bars.low, bars.close
    line, signal, histogram = macd(close)
    band_low, band_mid, band_high = bollinger(close)
    return Curves(
        bars=bars,
        rsi=rsi(close),
        macd=line,
        macd_signal=signal,
        macd_histogram=histogram,
        bollinger_low=band_low,
        bollinger_mid=band_mid,
        bollinger_high=band_high,
        ema_fast=ema(close, EMA_FAST_BARS),
        ema_slow=ema(close, EMA_SLOW_BARS),
        atr=atr(high, low, close),
        adx=adx(high, low, close),
        swings=find_swings(high, low),
    )


def _frame(curve: Curves) -> FrameFeatures:
    bars, swings = curve.bars, curve.swings
    close = bars.close
    return FrameFeatures(
        timeframe=bars.timeframe,
        close=float(close[-1]),
        rsi=_last(curve.rsi),
        macd=_last(curve.macd),
        macd_signal=_last(curve.macd_signal),
        macd_histogram=_last(curve.macd_histogram),
        bollinger_low=_last(curve.bollinger_low),
        bollinger_mid=_last(curve.bollinger_mid),
        bollinger_high=_last(curve.bollinger_high),
        ema_fast=_last(curve.ema_fast),
        ema_slow=_last(curve.ema_slow),
        sma_long=float(close[-SMA_LONG_BARS:].mean()) if len(close) >= SMA_LONG_BARS else None,
        atr=_last(curve.atr),
        adx=_last(curve.adx),
        obv_slope=obv_slope(close, bars.volume),
        volume_ratio=volume_ratio(bars.volume),
        divergence=divergence_of(bars.low, bars.high, close, curve.macd, swings),
        swing_low=float(bars.low[swings.lows[-1]]) if len(swings.lows) else None,
        swing_high=float(bars.high[swings.highs[-1]]) if len(swings.highs) else None,
        lean=_lean(curve),
    )


def _lean(curve: Curves) -> Stance:
    """The side that EMA stack, sign of MACD and close against the Bollinger mid all point to; else hold."""
    pulls = (
        curve.ema_fast[-1] - curve.ema_slow[-1],
        curve.macd[-1],
        curve.bars.close[-1] - curve.bollinger_mid[-1],
    )
    if all(pull > 0 for pull in pulls):
        return Stance.LONG
    return Stance.SHORT if all(pull < 0 for pull in pulls) else Stance.HOLD


def _regime(hourly: Curves) -> Regime | None:
    width = hourly.bollinger_high - hourly.bollinger_low
    return regime_of(hourly.bars.close, hourly.atr, hourly.adx, hourly.ema_slow, width)


def _levels_around(curves: Mapping[str, Curves], close: float) -> tuple[Level | None, Level | None]:
    unit = _last(curves["1h"].atr)
    if unit is None:
        return None, None
    prices: list[float] = []
    for timeframe in LEVEL_FRAMES:
        bars = curves[timeframe].bars
        swings = find_swings(bars.high, bars.low, LEVEL_WING_BARS)
        prices += [*bars.high[swings.highs].tolist(), *bars.low[swings.lows].tolist()]
    return nearest(cluster(prices, CLUSTER_ATR * unit), close, MIN_TOUCHES)


def _missing(frames: Mapping[str, FrameFeatures]) -> list[str]:
    """`divergence` is n/a only where the MACD it reads is: None is its ordinary answer."""
    names = [field.name for field in fields(FrameFeatures)]
    missing = []
    for timeframe, frame in frames.items():
        unknown = [name for name in names if name != "divergence" and getattr(frame, name) is None]
        if frame.macd is None:
            unknown.append("divergence")
        missing += [f"{timeframe}.{name}" for name in unknown]
    return missing


def _last(values: Floats) -> float | None:
    return _finite(float(values[-1]))


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
