"""Red flags: what forbids a side before anybody is asked.

Laws:
- A flag whose feature is n/a strikes both sides with the value "n/a": unknown is a refusal.
- One exception. A market at the edge of its known range has no level on that side and therefore no middle:
  the `middle` flag is n/a only where neither level is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from core.market import Regime, Side
from core.opinion import Features, Flag, Flags

FLAG_FRAME = "1h"
UNKNOWN = "n/a"


@dataclass(frozen=True, slots=True)
class FlagLimits:
    """Thresholds of SPEC 4 and a switch for each flag. Impossible ones raise `ValueError`."""

    rsi_low: float = 20.0
    rsi_high: float = 80.0
    min_volume_ratio: float = 0.5
    """Last 1h volume ÷ mean of the 20 before it."""
    middle_share: float = 0.30
    """Part of the way from support to resistance, centred, where no idea is worth its risk."""
    min_frames_leaning: int = 2
    max_funding_per_8h: float = 0.001
    """Fraction of notional that the side may have to pay."""
    allow_volatile: bool = False
    is_rsi_on: bool = True
    is_volume_on: bool = True
    is_middle_on: bool = True
    is_divergence_on: bool = True
    is_volatile_on: bool = True
    is_timeframes_on: bool = True
    is_funding_on: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.rsi_low < self.rsi_high <= 100:
            raise ValueError(f"RSI limits {self.rsi_low:g} and {self.rsi_high:g} must ascend within 0 to 100")
        if not 0 <= self.min_volume_ratio < float("inf"):
            raise ValueError(f"volume ratio {self.min_volume_ratio:g} must be 0 or more")
        if not 0 <= self.middle_share <= 1:
            raise ValueError(f"middle share {self.middle_share:g} must be a fraction from 0 to 1")
        if not 0 <= self.min_frames_leaning <= 3:
            raise ValueError(f"{self.min_frames_leaning} leaning timeframes must be 0 to 3")
        if not 0 <= self.max_funding_per_8h <= 1:
            raise ValueError(f"funding limit {self.max_funding_per_8h:g} must be a fraction from 0 to 1")


def red_flags(features: Features, limits: FlagLimits) -> Flags:
    """Every flag that strikes, in the order of SPEC 4."""
    checks = (
        (limits.is_rsi_on, _rsi),
        (limits.is_volume_on, _volume),
        (limits.is_middle_on, _middle),
        (limits.is_divergence_on, _divergence),
        (limits.is_volatile_on, _volatile),
        (limits.is_timeframes_on, _timeframes),
        (limits.is_funding_on, _funding),
    )
    return Flags(tuple(flag for is_on, check in checks if is_on for flag in check(features, limits)))


def _rsi(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    threshold = f"{limits.rsi_low:g} to {limits.rsi_high:g}"
    value = features.frames[FLAG_FRAME].rsi
    if value is None:
        yield Flag("rsi", UNKNOWN, threshold, None)
    elif not limits.rsi_low <= value <= limits.rsi_high:
        yield Flag("rsi", f"{value:.1f}", threshold, None)


def _volume(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    threshold = f"at least {limits.min_volume_ratio:g}x the mean of 20"
    value = features.frames[FLAG_FRAME].volume_ratio
    if value is None:
        yield Flag("volume", UNKNOWN, threshold, None)
    elif not value >= limits.min_volume_ratio:
        yield Flag("volume", f"{value:.2f}x", threshold, None)


def _middle(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    low, high = 0.5 - limits.middle_share / 2, 0.5 + limits.middle_share / 2
    threshold = f"outside {low:.0%} to {high:.0%} of the way"
    support, resistance = features.support, features.resistance
    if support is None and resistance is None:
        yield Flag("middle", UNKNOWN, threshold, None)
    elif support is not None and resistance is not None:
        way = (features.close - support) / (resistance - support)
        if not (way < low or way > high):
            value = f"{way:.1%} of the way from {support:.6g} to {resistance:.6g}"
            yield Flag("middle", value, threshold, None)


def _divergence(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    frame = features.frames[FLAG_FRAME]
    if frame.macd is None or f"{FLAG_FRAME}.divergence" in features.missing:
        yield Flag("divergence", UNKNOWN, "none", None)
    elif frame.divergence is not None:
        kind = "bullish" if frame.divergence is Side.LONG else "bearish"
        yield Flag("divergence", kind, "none", None)


def _volatile(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    if "regime" in features.missing:
        yield Flag("volatile", UNKNOWN, "a known regime", None)
    elif features.regime is Regime.VOLATILE and not limits.allow_volatile:
        frame = features.frames[FLAG_FRAME]
        pace = f"1h ATR {frame.atr / frame.close:.2%} of price" if frame.atr else "regime"
        yield Flag("volatile", pace, "trending or ranging", None)


def _timeframes(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    """A timeframe whose lean is n/a leans nowhere, so it counts for neither side."""
    for side in Side:
        leaning = sum(frame.lean.side is side for frame in features.frames.values())
        if leaning < limits.min_frames_leaning:
            text = f"{leaning} of {len(features.frames)} lean {side}"
            yield Flag("timeframes", text, f"at least {limits.min_frames_leaning}", side)


def _funding(features: Features, limits: FlagLimits) -> Iterator[Flag]:
    threshold = f"at most {limits.max_funding_per_8h:.3%} per 8 h to pay"
    rate = features.funding_per_8h
    if rate is None or not isfinite(rate):
        yield Flag("funding", UNKNOWN, threshold, None)
    elif abs(rate) > limits.max_funding_per_8h:
        payer = Side.LONG if rate > 0 else Side.SHORT
        yield Flag("funding", f"{rate:+.3%}", threshold, payer)
