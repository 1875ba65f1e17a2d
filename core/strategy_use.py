"""Words of strategies in live use: which ones take part, on what bars, with which share of the capital."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

SUFFIX: Final = ".py"


class StrategyRole(StrEnum):
    """What strategies do in live use."""

    ADVISER = "adviser"
    """Together they are one more voice beside the models."""
    ALONE = "alone"
    """They take the place of the rule-based verdict."""
    SHADOW = "shadow"
    """They are asked and recorded, without effect."""


@dataclass(frozen=True, slots=True)
class StrategyPart:
    """One strategy in live use."""

    name: str
    """Among the advisers."""
    strategy: str
    """A shipped one's name, or FILE.py:Class."""
    given: tuple[tuple[str, str], ...]
    """Parameters as texts, in the order in which they were written."""
    timeframe: str
    share: Decimal
    """Fraction of the capital, above 0."""

    @property
    def is_own(self) -> bool:
        """The owner's own code, which may be another one tomorrow."""
        return SUFFIX in self.strategy


@dataclass(frozen=True, slots=True)
class Strategies:
    """Those that take part, and how: a part of the rules of a decision."""

    role: StrategyRole = StrategyRole.ADVISER
    parts: tuple[StrategyPart, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.role is StrategyRole.ALONE and bool(self.parts)

    def share_of(self, adviser: str) -> Decimal | None:
        """None: it takes no part."""
        return next((part.share for part in self.parts if part.name == adviser), None)


NO_STRATEGIES: Final = Strategies()
