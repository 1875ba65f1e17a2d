"""Candles for the tests of this room: drawn by hand, walked at random, or recorded.

Recorded ones are read from the directory that PERPILOT_DATA names; tests that need them skip without it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Background, Candles, canonical_symbol, from_ms

Floats = NDArray[np.float64]

SYMBOL = "BTC/USDT:USDT"
NOON_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC: a moment at which bars of every timeframe close."""
SCAN_BARS = 500


def candles(timeframe: str, rows: Floats, ends_ms: int = NOON_MS) -> Candles:
    """`rows` is `(n, 5)`: open, high, low, close, volume; the last bar closes at `ends_ms`."""
    length = TIMEFRAMES[timeframe]
    times = ends_ms - length * np.arange(len(rows), 0, -1, dtype=np.float64)
    return Candles(SYMBOL, timeframe, np.column_stack([times, np.asarray(rows, dtype=np.float64)]))


def bars_through(closes: list[float] | Floats, reach: float = 0.5, volume: float = 100.0) -> Floats:
    """Bars that open at the close before and reach `reach` beyond their body."""
    close = np.asarray(closes, dtype=np.float64)
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + reach, np.minimum(opened, close) - reach
    return np.column_stack([opened, high, low, close, np.full(len(close), volume)])


def walk(seed: int, bars: int = SCAN_BARS, drift: float = 0.0, step: float = 0.005) -> Floats:
    """A random walk of prices around 100 with volumes around 1,000."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(drift, step, bars)))
    rows = bars_through(close, reach=0.0)
    wick = rng.uniform(0, step, (bars, 2)) * close[:, None]
    rows[:, 1] += wick[:, 0]
    rows[:, 2] -= wick[:, 1]
    rows[:, 4] = rng.lognormal(np.log(1000), 0.5, bars)
    return rows


def walked_frames(seed: int = 1, bars: int = SCAN_BARS, drift: float = 0.0) -> dict[str, Candles]:
    """Three independent walks that end at the same moment."""
    return {tf: candles(tf, walk(seed + i, bars, drift)) for i, tf in enumerate(SCAN_TIMEFRAMES)}


def background(funding_rate: float | None = 0.0001) -> Background:
    return Background(
        symbol=SYMBOL,
        funding_rate=funding_rate,
        funding_interval_h=8.0,
        next_funding_at=None,
        quote_volume_24h=1e9,
        open_interest=5e8,
        at=from_ms(NOON_MS),
    )


@cache
def recorded(name: str) -> Floats:
    """`(n, 6)` rows of a candle file, e.g. `BTCUSDT-1h`; skips the test where there are none."""
    root = os.environ.get("PERPILOT_DATA")
    if not root:
        pytest.skip("recorded candles: set PERPILOT_DATA to the directory that holds candles/")
    return pd.read_csv(Path(root) / "candles" / f"{name}.csv.gz").to_numpy(dtype=np.float64)


@cache
def recorded_4h(coin: str) -> Floats:
    """Whole 4h bars of the recorded hours."""
    hours = recorded(f"{coin}USDT-1h")
    hours = hours[int(np.argmax(hours[:, 0] % TIMEFRAMES["4h"] == 0)) :]
    four = hours[: len(hours) // 4 * 4].reshape(-1, 4, 6)
    return np.column_stack(
        [
            four[:, 0, 0],
            four[:, 0, 1],
            four[:, :, 2].max(axis=1),
            four[:, :, 3].min(axis=1),
            four[:, 3, 4],
            four[:, :, 5].sum(axis=1),
        ]
    )


def recorded_frames(coin: str, at: int, bars: int = SCAN_BARS) -> dict[str, Candles]:
    """What a scan sees at the close of the `at`-th 15m bar."""
    symbol = canonical_symbol(coin)
    now = recorded(f"{coin}USDT-15m")[at, 0] + TIMEFRAMES["15m"]
    series = {"15m": recorded(f"{coin}USDT-15m"), "1h": recorded(f"{coin}USDT-1h"), "4h": recorded_4h(coin)}
    frames = {}
    for timeframe, rows in series.items():
        end = int(np.searchsorted(rows[:, 0], now - TIMEFRAMES[timeframe], side="right"))
        frames[timeframe] = Candles(symbol, timeframe, rows[max(0, end - bars) : end])
    return frames
