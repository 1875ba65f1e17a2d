"""Refuses candles that indicators would turn into nonsense. Nothing is repaired here: bad facts raise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.errors import BadMarketFacts
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Candles, bar_open

COLUMNS = 6


def validate_frames(symbol: str, candles: Mapping[str, Candles]) -> None:
    """Every scan timeframe is present, sound, of this symbol, and as new as the 15m bars allow."""
    for timeframe in SCAN_TIMEFRAMES:
        if timeframe not in candles:
            raise BadMarketFacts(f"{symbol} has no {timeframe} candles")
        bars = candles[timeframe]
        if bars.symbol != symbol or bars.timeframe != timeframe:
            raise BadMarketFacts(f"{symbol} {timeframe} was given {bars.symbol} {bars.timeframe}")
        validate(bars)
    newest = candles[SCAN_TIMEFRAMES[0]].closed_at
    for timeframe in SCAN_TIMEFRAMES[1:]:
        due, got = bar_open(newest, timeframe), candles[timeframe].closed_at
        if due != got:
            raise BadMarketFacts(
                f"{symbol} {timeframe} ends at {got:%d %b %H:%M}, expected {due:%d %b %H:%M}"
            )


def validate(bars: Candles) -> None:
    """Raises `BadMarketFacts` unless the rows are what `Candles` promises."""
    rows, name = bars.rows, f"{bars.symbol} {bars.timeframe}"
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != COLUMNS:
        raise BadMarketFacts(f"{name} candles are {rows.dtype}{rows.shape}, need float64 (n, {COLUMNS})")
    if not len(rows):
        raise BadMarketFacts(f"{name} has no closed candle")
    if not np.isfinite(rows).all():
        raise BadMarketFacts(f"{name} candles hold a number that is not finite")
    if not ((rows[:, 1:5] > 0).all() and (rows[:, 5] >= 0).all()):
        raise BadMarketFacts(f"{name} candles hold a price that is not positive or a negative volume")
    if not _is_shaped(bars):
        raise BadMarketFacts(f"{name} candles hold a bar whose high or low is inside its body")
    steps = np.diff(rows[:, 0])
    if not (steps == TIMEFRAMES[bars.timeframe]).all():
        raise BadMarketFacts(f"{name} candles are gapped or out of order: {_first_break(bars, steps)}")


def _is_shaped(bars: Candles) -> bool:
    body_top, body_bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    return bool((bars.high >= body_top).all() and (bars.low <= body_bottom).all())


def _first_break(bars: Candles, steps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    length = TIMEFRAMES[bars.timeframe]
    at = int(np.flatnonzero(steps != length)[0])
    return f"{steps[at] / length:g} bars from row {at} to row {at + 1}"
