"""MACD against price at the last two confirmed swings.

Bullish: the later swing low is lower in price and higher in MACD, with MACD below zero at both. Bearish is
its mirror. It counts only while it is news: the later swing is recent, the two are one move apart, and no
close since has gone beyond the later one.
"""

from __future__ import annotations

from core.analysis.indicators import Floats
from core.analysis.levels import Indices, Swings
from core.market import Side

RECENT_BARS = 10
"""Oldest age of the later swing, counted from the last closed bar; its confirmation takes some of these."""
MIN_APART_BARS = 5
MAX_APART_BARS = 60


def divergence_of(low: Floats, high: Floats, close: Floats, line: Floats, swings: Swings) -> Side | None:
    """`line` is the MACD line. Where both kinds hold, the one with the later swing."""
    bullish = _diverging(low, close, line, swings.lows)
    bearish = _diverging(-high, -close, -line, swings.highs)
    if bullish is None and bearish is None:
        return None
    return Side.LONG if (bullish or 0) > (bearish or 0) else Side.SHORT


def _diverging(extreme: Floats, close: Floats, line: Floats, swings: Indices) -> int | None:
    """Index of the later swing low of a bullish divergence; highs come in negated."""
    if len(swings) < 2:
        return None
    earlier, later = int(swings[-2]), int(swings[-1])
    is_news = len(close) - 1 - later <= RECENT_BARS and MIN_APART_BARS <= later - earlier <= MAX_APART_BARS
    is_opposed = extreme[later] < extreme[earlier] and line[earlier] < line[later] < 0
    is_standing = bool((close[later + 1 :] >= extreme[later]).all())
    return later if is_news and is_opposed and is_standing else None
