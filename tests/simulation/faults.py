"""What can go wrong, how often, and the dice that decide it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Rates:
    """Chance per call, 0..1; crashes are per IO or commit point."""

    request_lost: float = 0.04
    reply_lost: float = 0.06
    late_accept: float = 0.04
    """503, and the request takes effect later, inside the receive window."""
    stop_refused: float = 0.03
    """-2021 though the price is not there."""
    throttled: float = 0.004
    """429 with a ban."""
    partial: float = 0.10
    """A market order fills in part; the rest comes later or never."""
    not_found: float = 0.15
    """An order's id is not known for a while."""
    stale: float = 0.15
    """Positions, open orders or fills as they were some seconds ago."""
    read_lost: float = 0.05
    commit_failed: float = 0.01
    commit_unknown: float = 0.005
    """Committed, and reported as failed."""
    database_locked: float = 0.005
    """A write waits and is then refused."""
    database_slow: float = 0.05
    crash: float = 0.004

    def times(self, factor: float) -> Rates:
        return Rates(**{each.name: min(getattr(self, each.name) * factor, 0.5) for each in fields(self)})


CALM = Rates().times(0.0)
"""Nothing goes wrong."""


class Dice:
    """One schedule's chance. Counts what it decided, so that a storm can say what blew."""

    def __init__(self, seed: object, rates: Rates) -> None:
        self.random = random.Random(f"{seed}")
        self.rates = rates
        self.counts: Counter[str] = Counter()

    def strikes(self, name: str) -> bool:
        chance = getattr(self.rates, name)
        if chance <= 0 or self.random.random() >= chance:
            return False
        self.counts[name] += 1
        return True

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.random.random()

    def calm_down(self) -> None:
        self.rates = CALM

    def without(self, name: str) -> None:
        self.rates = replace(self.rates, **{name: 0.0})
