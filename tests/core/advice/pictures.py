"""Made-up pictures of a market: features and candles with round figures."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core.advice.brief import TradeTerms
from core.market import TIMEFRAMES, Candles, Regime, Side, to_ms
from core.opinion import Features, FrameFeatures, Opinion, Stance

SYMBOL = "SOL/USDT:USDT"
CLOSED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TERMS = TradeTerms(round_trip_cost=0.002, min_stop=0.05, max_stop=0.10)


def frame(timeframe: str, sign: int = 1, **changes: Any) -> FrameFeatures:
    """A tidy trend: up for `sign` 1, down for -1, mirrored around 100."""

    def price(away: float) -> float:
        return 100.0 + away * sign

    made = FrameFeatures(
        timeframe=timeframe,
        close=100.0,
        rsi=50.0 + 10.0 * sign,
        macd=0.8 * sign,
        macd_signal=0.5 * sign,
        macd_histogram=0.3 * sign,
        bollinger_low=price(-3.0 * sign),
        bollinger_mid=price(-1.0),
        bollinger_high=price(3.0 * sign),
        ema_fast=price(-1.0),
        ema_slow=price(-2.0),
        sma_long=price(-5.0),
        atr=1.0,
        adx=31.0,
        obv_slope=0.4 * sign,
        volume_ratio=1.4,
        divergence=None,
        swing_low=97.0,
        swing_high=103.0,
        lean=Stance.LONG if sign > 0 else Stance.SHORT,
    )
    return replace(made, **changes)


def features(sign: int = 1, regime: Regime = Regime.TRENDING, **changes: Any) -> Features:
    """Everything points one way: near the level behind, room to the level ahead."""
    made = Features(
        symbol=SYMBOL,
        bar_closed_at=CLOSED_AT,
        frames={timeframe: frame(timeframe, sign) for timeframe in ("15m", "1h", "4h")},
        regime=regime,
        support=98.0 if sign > 0 else 88.0,
        resistance=112.0 if sign > 0 else 102.0,
        funding_per_8h=0.0001,
        quote_volume_24h=1.234e9,
        open_interest=3.9e8,
    )
    return replace(made, **changes)


def with_frame(made: Features, timeframe: str, **changes: Any) -> Features:
    frames = dict(made.frames)
    frames[timeframe] = replace(frames[timeframe], **changes)
    return replace(made, frames=frames)


def candles(bars: int = 60) -> dict[str, Candles]:
    """A slow wave that ends at 100, in each timeframe."""
    return {
        timeframe: Candles(SYMBOL, timeframe, _rows(timeframe, bars)) for timeframe in ("15m", "1h", "4h")
    }


def _rows(timeframe: str, bars: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    step = timedelta(milliseconds=TIMEFRAMES[timeframe])
    rows = []
    for index in range(bars):
        age = bars - 1 - index
        close = 100.0 - 3.0 * math.sin(age / 9)
        opened_at = to_ms(CLOSED_AT - step * (age + 1))
        rows.append([opened_at, close - 0.1, close + 0.4, close - 0.5, close, 1000.0 + 50.0 * (index % 7)])
    return np.array(rows, dtype=np.float64)


def opinion(adviser: str, stance: str, confidence: float = 0.8) -> Opinion:
    is_side = stance != "hold"
    return Opinion(
        adviser=adviser,
        stance=Stance(stance),
        confidence=confidence,
        p_target_first=0.5 if is_side else None,
        stop_atr=5.0 if is_side else None,
        target_atr=10.0 if is_side else None,
        horizon_bars=96 if is_side else None,
        reasons=("because",),
        evidence=("1h.adx14=31.0",),
        invalidation="a close below the swing" if is_side else "",
        model="model-1",
        call_id="call-1",
    )


def opposite(side: Side) -> Stance:
    return Stance(side.opposite.value)
