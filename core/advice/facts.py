"""Figures of a picture as the question shows them: each with its name and its text.

Laws:
- A figure's text here is the only form in which it is shown, so a cited figure can be compared with it.
- What is missing or not finite is "n/a", never zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.market import Side
from core.opinion import Features, FrameFeatures

NOT_AVAILABLE = "n/a"
FUNDING_STEP_BPS = 0.5
"""Until it is settled a rate is an estimate that moves inside the bar; finer steps would make every scan's
question another one."""


def shown_figures(features: Features) -> dict[str, str]:
    """Everything that an answer can cite of the market: name, as in `1h.rsi14`, to text."""
    by_frame = {f"{frame}.{name}": text for name, row in frame_table(features) for frame, text in row.items()}
    return {**by_frame, **dict(context(features)), **dict(levels(features))}


def frame_table(features: Features) -> Iterator[tuple[str, dict[str, str]]]:
    """Each figure's name and its text by timeframe."""
    rows = {frame: dict(_frame_figures(figures)) for frame, figures in features.frames.items()}
    first = next(iter(rows.values()), {})
    for name in first:
        yield name, {frame: row[name] for frame, row in rows.items()}


def context(features: Features) -> Iterator[tuple[str, str]]:
    yield "funding_bps_8h", number(_stepped(_scaled(features.funding_per_8h, 1e4), FUNDING_STEP_BPS), 1)
    yield "volume_24h_usdt", _magnitude(features.quote_volume_24h)
    yield "open_interest_usdt", _magnitude(features.open_interest)


def levels(features: Features) -> Iterator[tuple[str, str]]:
    atr = hourly_atr(features)
    for name, price in (("support", features.support), ("resistance", features.resistance)):
        away = _minus(price, features.close)
        yield f"{name}_bps", number(_scaled(_ratio(away, features.close), 1e4), 0)
        yield f"{name}_atr", number(_ratio(away, atr), 2)
    yield "place_between", number(_between(features), 2)


def _frame_figures(frame: FrameFeatures) -> Iterator[tuple[str, str]]:
    def away(price: float | None) -> str:
        return number(_ratio(_minus(price, frame.close), frame.atr), 2)

    yield "lean", frame.lean.value
    yield "rsi14", number(frame.rsi, 1)
    yield "macd_atr", number(_ratio(frame.macd, frame.atr), 2)
    yield "macd_signal_atr", number(_ratio(frame.macd_signal, frame.atr), 2)
    yield "macd_hist_atr", number(_ratio(frame.macd_histogram, frame.atr), 3)
    yield "adx14", number(frame.adx, 1)
    yield "atr14_bps", number(_scaled(_ratio(frame.atr, frame.close), 1e4), 1)
    yield "bollinger_place", number(_place(frame), 2)
    yield "bollinger_width_bps", number(_scaled(_ratio(_band(frame), frame.close), 1e4), 0)
    yield "ema20_atr", away(frame.ema_fast)
    yield "ema50_atr", away(frame.ema_slow)
    yield "sma200_atr", away(frame.sma_long)
    yield "volume_ratio", number(frame.volume_ratio, 2)
    yield "obv_slope", number(frame.obv_slope, 2)
    yield "divergence", _DIVERGENCE[frame.divergence]
    yield "swing_low_atr", away(frame.swing_low)
    yield "swing_high_atr", away(frame.swing_high)


_DIVERGENCE = {None: "none", Side.LONG: "bullish", Side.SHORT: "bearish"}


def hourly_atr(features: Features) -> float | None:
    """1h ATR in price units: the unit of every stated distance."""
    frame = features.frames.get("1h")
    return frame.atr if frame is not None and frame.atr else None


def _between(features: Features) -> float | None:
    if features.support is None or features.resistance is None:
        return None
    return _ratio(features.close - features.support, features.resistance - features.support)


def _place(frame: FrameFeatures) -> float | None:
    return _ratio(_minus(frame.close, frame.bollinger_low), _band(frame))


def _band(frame: FrameFeatures) -> float | None:
    return _minus(frame.bollinger_high, frame.bollinger_low)


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or not denominator else numerator / denominator


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def number(value: float | None, digits: int) -> str:
    """Fixed digits, never "-0"; n/a for None and for what is not finite."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}"


def _stepped(value: float | None, step: float) -> float | None:
    return value if value is None or not math.isfinite(value) else round(value / step) * step


def _magnitude(value: float | None) -> str:
    """Rolling sums move inside a bar, so only their size is told: rounded down to 1 or 3 times 10^n."""
    if value is None or not math.isfinite(value) or value <= 0:
        return NOT_AVAILABLE
    power = 10.0 ** math.floor(math.log10(value))
    step = 3 if value >= 3 * power else 1
    return f"over {step * power / 1e6:g}M"
