"""What is known about a setting besides its value, and the profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any

from bot.settings_values import MASK, Kind

REQUIRED = "required"
"""`fallback` of what most commands can't do without."""

SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "telegram": "Telegram",
        "exchange": "Exchange",
        "advisers": "AI advisers",
        "storage": "Storage and logs",
        "http": "HTTP: health, status, metrics",
        "trading": "Trading",
        "risk": "Risk",
        "sizing": "Sizing in full",
        "exits": "Stops, targets and exits",
        "breakers": "Circuit breakers in full",
        "flags": "Red flags",
    }
)
"""Groups of settings in the order they are shown, with their titles."""


class Source(StrEnum):
    """Where an effective value came from."""

    BUILT_IN = "built-in"
    PROFILE = "profile"
    ENVIRONMENT = "environment"
    CHAT = "chat"


class Stricter(Enum):
    """Which direction of a risk setting is the careful one."""

    LOWER = "lower"
    HIGHER = "higher"


class Profile(StrEnum):
    CONSERVATIVE = "conservative"
    AGGRESSIVE = "aggressive"


PROFILES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        Profile.CONSERVATIVE: MappingProxyType(
            {
                "INITIAL_CAPITAL": "100.00",
                "MAX_LEVERAGE": "3",
                "MIN_STOP_LOSS_PERCENT": "0.07",
                "MAX_STOP_LOSS_PERCENT": "0.08",
                "MIN_PROFIT_USD": "3.00",
                "MIN_AI_CONFIDENCE": "0.80",
                "SCAN_INTERVAL_SECONDS": "300",
                "USE_PAPER_TRADING": "true",
                "RISK_PER_TRADE": "0.02",
            }
        ),
        Profile.AGGRESSIVE: MappingProxyType(
            {
                "INITIAL_CAPITAL": "500.00",
                "MAX_LEVERAGE": "5",
                "MIN_STOP_LOSS_PERCENT": "0.05",
                "MAX_STOP_LOSS_PERCENT": "0.10",
                "MIN_PROFIT_USD": "5.00",
                "MIN_AI_CONFIDENCE": "0.75",
                "SCAN_INTERVAL_SECONDS": "180",
                "RISK_PER_TRADE": "0.05",
            }
        ),
    }
)


def setting(section: str, kind: Kind, default: str | None, unit: str, meaning: str, **more: Any) -> Any:
    """A dataclass field that carries its `Spec`, still without its name."""
    parts = {"section": section, "kind": kind, "default": default, "unit": unit, "meaning": meaning}
    return field(metadata={"spec": parts | more})


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting as `/config`, `doctor` and `.env.example` describe it."""

    name: str
    section: str
    kind: Kind
    default: str | None
    """As one would type it; None where there is none, or where other settings decide it."""
    unit: str
    meaning: str
    fallback: str = "unset"
    """What holds without a value, in words, where `default` is None."""
    is_secret: bool = False
    stricter: Stricter | None = None
    """None for what is no risk setting."""
    is_built: bool = True
    is_chat_editable: bool = False
    chat_kind: Kind | None = None
    """What the chat may set, where that is less than the environment may."""
    changed_with: str = ""
    """The command that changes it, where that is not `/config`."""
    aliases: tuple[str, ...] = ()
    """Other environment names that are read where this one is absent."""

    @property
    def attribute(self) -> str:
        return self.name.lower()

    @property
    def is_risk(self) -> bool:
        return self.stricter is not None

    def shown(self, value: Any) -> str:
        """The value as a person may see it: secrets hidden, `unset` for None and for an empty list."""
        if value is None or value == ():
            return "unset"
        return MASK if self.is_secret else self.kind.write(value)

    def strictest(self, one: Any, other: Any) -> Any:
        """The more careful of two values of a risk setting."""
        return min(one, other) if self.stricter is Stricter.LOWER else max(one, other)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of `/config`."""

    name: str
    section: str
    shown_value: str
    source: Source
    unit: str
    bounds: str
    is_built: bool
    is_chat_editable: bool
    description: str
    note: str
    """Empty, or what else a person should know: not built yet, which of two values holds."""
