"""Positions without a trade whose owner is not known yet: how often they were seen, since when nobody could
tell, and when their fills are asked for again. Times are monotonic seconds.

Laws:
- Nothing is sorted before looks that lie apart have shown it unchanged.
- Fills that cannot be read are asked for ever more rarely: those questions are paid from the reserve that
  guarding lives on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.market import Side
from core.trade import Position
from core.trading.looking import LOOKS_APART_S

LOOKS: Final = 2
"""That must show the same before anything is concluded."""
TELL_AFTER_S: Final = 60.0
"""Longer than what settles by itself takes: then a person must know."""
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 60.0
HASTE_S: Final = 15.0
"""A longer pause is no reason to guard more often than usual."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """How often a position without a trade was shown unchanged."""

    view: tuple[Side, Decimal]
    count: int
    at: float
    """The newest look that counted."""


@dataclass(slots=True)
class Doubt:
    """One position that could not be sorted."""

    side: Side
    since: float
    seen_at: float
    pause_s: float = 0.0
    """The newest between two readings of its fills; 0: they never failed."""
    due_at: float = 0.0


class Unsorted:
    def __init__(self) -> None:
        self._sightings: dict[str, Sighting] = {}
        self._doubts: dict[str, Doubt] = {}

    def saw(self, strange: Sequence[Position], now: float) -> None:
        """A look at everything that no trade stands for; what it does not show is forgotten after a while."""
        self._count(strange, now)
        self._doubts = {
            symbol: doubt for symbol, doubt in self._doubts.items() if now - doubt.seen_at < TELL_AFTER_S
        }
        for position in strange:
            known = self._doubts.get(position.symbol)
            if known is None or known.side is not position.side:
                self._doubts[position.symbol] = Doubt(position.side, now, now)
            else:
                known.seen_at = now

    def _count(self, strange: Sequence[Position], now: float) -> None:
        counted = {}
        for position in strange:
            view, last = (position.side, position.quantity), self._sightings.get(position.symbol)
            if last is None or last.view != view:
                last = Sighting(view, 1, now)
            elif now - last.at >= LOOKS_APART_S:
                last = Sighting(view, last.count + 1, now)
            counted[position.symbol] = last
        self._sightings = counted

    def has_agreed(self, symbol: str) -> bool:
        return self._sightings[symbol].count >= LOOKS

    def is_due(self, symbol: str, now: float) -> bool:
        """Its fills may be asked for."""
        return now >= self._doubts[symbol].due_at

    def is_hasty(self, symbol: str) -> bool:
        """They are asked for again so soon that the next usual pass would be late."""
        return self._doubts[symbol].pause_s <= HASTE_S

    def failed(self, symbol: str, now: float) -> None:
        doubt = self._doubts[symbol]
        doubt.pause_s = min(max(doubt.pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        doubt.due_at = now + doubt.pause_s

    def is_old(self, symbol: str, now: float) -> bool:
        """So long unsorted that a person must know."""
        return now - self._doubts[symbol].since >= TELL_AFTER_S

    def sorted(self, symbol: str) -> None:
        self._doubts.pop(symbol, None)
