"""When a set is given up before it was played in full, and when looking for that pays.

Laws:
- Only a set that surely loses on the first part, and there more than half of the others, is given up.
- How much is saved decides whether anybody looks, never what a set is worth.
"""

from __future__ import annotations

import math

import numpy as np

from core.backtest.search_play import EARLY_SHARE, State, Tried


class Pruner:
    """Learns from what came back what a hopeless set is, and looks only where that saves time."""

    STARTUP = 20
    """Sets that are played in full first."""
    WINDOW, REST = 40, 100
    """Looks after which it is asked whether they pay, and the sets that are spared them when they don't."""
    LEAST_SHARE = EARLY_SHARE / (1.0 - EARLY_SHARE)
    """Pruned sets for each look below which looking costs more than it saves."""

    def __init__(self, *, is_on: bool = True) -> None:
        self._is_on = is_on
        self._full: list[float] = []
        self._looked: list[bool] = []
        self._resting = 0

    @property
    def median(self) -> float:
        """NaN while too little is known."""
        return float(np.median(self._full)) if len(self._full) >= self.STARTUP else math.nan

    @property
    def looks(self) -> bool:
        """Whether the next set's first part is worth a look of its own."""
        return self._is_on and self._resting == 0

    def learn(self, tried: Tried) -> None:
        self._resting = max(self._resting - 1, 0)
        if math.isnan(tried.early):
            return
        is_pruned = tried.state is State.PRUNED
        if not is_pruned:
            self._full.append(tried.early)
        if len(self._full) >= self.STARTUP:
            self._looked.append(is_pruned)
        if len(self._looked) >= self.WINDOW:
            if sum(self._looked) < self.LEAST_SHARE * len(self._looked):
                self._resting = self.REST
            self._looked.clear()
