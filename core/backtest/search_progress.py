"""How far a search is, for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.backtest.search_play import Tried
from core.backtest.search_spans import Fold


@dataclass(slots=True)
class Counts:
    """Of one fold."""

    kept: int = 0
    """Sets that were finished before this process began."""
    here: int = 0
    """Sets that this process finished."""
    trades: int = 0
    """Of those."""
    repeated: int = 0
    """Proposals that were known already."""
    skipped: int = 0
    """Proposals that made no sense."""
    pruned: int = 0
    valueless: int = 0
    """Sets with too few trades, or with an objective that means nothing there."""

    def copy(self) -> Counts:
        return replace(self)


@dataclass(frozen=True, slots=True)
class Progress:
    fold: Fold
    tried: tuple[Tried, ...]
    most: int
    """Sets of this fold in all."""
    took_s: float
    counts: Counts
    is_last: bool
    """The fold's search is over."""

    @property
    def trials_per_s(self) -> float:
        return self.counts.here / self.took_s if self.took_s > 0 else 0.0

    @property
    def trades_per_s(self) -> float:
        return self.counts.trades / self.took_s if self.took_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Of this fold; None: nothing tells."""
        rate = (len(self.tried) - self.counts.kept) / self.took_s if self.took_s > 0 else 0.0
        return (self.most - len(self.tried)) / rate if rate > 0 else None
