"""Words for what news, crowds and mood gauges say of a coin: enums only, never outside text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NewsEvent(StrEnum):
    NONE = "none"
    HACKED = "hack"
    DELISTING = "delisting"
    OUTAGE = "outage"
    LEGAL = "legal"
    REGULATION = "regulation"
    MACRO = "macro"
    LISTING = "listing"
    UPGRADE = "upgrade"
    ADOPTION = "adoption"
    OTHER = "other"


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    MIXED = "mixed"
    NONE = "none"


class FearGreed(StrEnum):
    EXTREME_FEAR = "extreme_fear"
    FEAR = "fear"
    NEUTRAL = "neutral"
    GREED = "greed"
    EXTREME_GREED = "extreme_greed"


class Chatter(StrEnum):
    """How often a coin is named, against its own usual."""

    QUIET = "quiet"
    USUAL = "usual"
    SPIKE = "spike"


@dataclass(frozen=True, slots=True)
class Mood:
    """What is known of one coin at one bar. None: not known; nothing here can raise a size."""

    event: NewsEvent | None = None
    """The gravest of the last hours; NONE: feeds were read and held nothing."""
    direction: Direction | None = None
    severity: int | None = None
    """0 to 3."""
    fear_greed: FearGreed | None = None
    chatter: Chatter | None = None
    chatter_direction: Direction | None = None
    items: tuple[str, ...] = ()
    """SHA-256 of each text it rests on, for the journal."""
    missing: tuple[str, ...] = ()
    """Sources that are configured and gave nothing."""
    as_of: datetime | None = None


NO_MOOD = Mood()
"""Nothing is configured."""
