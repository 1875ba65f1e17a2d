"""Candles → features → red flags. No clock, no randomness, no I/O."""

from __future__ import annotations

from core.analysis.features import describe
from core.analysis.flags import FlagLimits, red_flags

__all__ = ["FlagLimits", "describe", "red_flags"]
