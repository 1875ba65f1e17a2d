"""What state each symbol is in and for how long: the plan that the generator walks along.

A symbol's life is a row of episodes. Most are drawn from its seed; a scenario may write the last ones before
the start, so that a demo opens on a market with something to see. An episode sets drift, volatility, pull and
waves of the price, never a price and never an indicator.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Final

import numpy as np


class Regime(Enum):
    TREND_UP = "trend up"
    TREND_DOWN = "trend down"
    RANGE = "range"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Episode:
    """`drift`, `volatility` and `wave` are multiples of the symbol's calm hour; times are hours.

    The price is pulled back to a line that drifts and swings: `half_life` is how long a distance from it
    takes to halve, `period` and `phase` (0 to 1, 0 = rising through the middle) describe the swing.
    `jumps_a_day` is the mean.
    """

    regime: Regime
    hours: float
    drift: float
    volatility: float
    half_life: float
    wave: float
    period: float
    phase: float
    jumps_a_day: float


@dataclass(frozen=True, slots=True)
class Scripted:
    """An episode of a scenario: what is None is drawn as in any other episode of its regime."""

    regime: Regime
    hours: float
    drift: float | None = None
    volatility: float | None = None
    half_life: float | None = None
    wave: float | None = None
    period: float | None = None
    phase: float | None = None
    jumps_a_day: float | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The last episodes of a symbol; the final one still lasts `hours_after_start` when the market opens."""

    episodes: tuple[Scripted, ...]
    hours_after_start: float = 10.0

    @property
    def hours(self) -> float:
        return sum(each.hours for each in self.episodes)


Scenario = Mapping[str, Script]

_FOLLOWS: Final[dict[Regime, tuple[tuple[Regime, float], ...]]] = {
    Regime.TREND_UP: ((Regime.RANGE, 0.60), (Regime.VOLATILE, 0.18), (Regime.TREND_DOWN, 0.22)),
    Regime.TREND_DOWN: ((Regime.RANGE, 0.60), (Regime.VOLATILE, 0.18), (Regime.TREND_UP, 0.22)),
    Regime.RANGE: ((Regime.TREND_UP, 0.42), (Regime.TREND_DOWN, 0.42), (Regime.VOLATILE, 0.16)),
    Regime.VOLATILE: ((Regime.TREND_UP, 0.30), (Regime.TREND_DOWN, 0.30), (Regime.RANGE, 0.40)),
}


class EpisodePlan:
    """One symbol's episodes in order, longer each time it is asked for a later hour."""

    def __init__(self, symbol: str, seed: int, history_hours: float, script: Script | None) -> None:
        self._dice = np.random.default_rng([seed, zlib.crc32(symbol.encode()), 1])
        self._episodes: list[tuple[float, Episode]] = []  # (hour at which it begins, what it is)
        self._until = 0.0
        self._regime = Regime.RANGE
        if script is not None:
            self._write(script, history_hours)

    def between(self, first_hour: float, last_hour: float) -> Iterator[tuple[float, float, Episode]]:
        """(begin, end, episode) of all that touch the given hours, whole."""
        while self._until < last_hour:
            self._append(self._drawn(self._next_regime()))
        ends = [begin for begin, _ in self._episodes[1:]] + [self._until]
        for (begin, episode), end in zip(self._episodes, ends, strict=True):
            if end > first_hour and begin < last_hour:
                yield begin, end, episode

    def at(self, hour: float) -> Episode:
        return next(episode for _, _, episode in self.between(hour, hour + 0.001))

    def _write(self, script: Script, history_hours: float) -> None:
        opening = history_hours + script.hours_after_start - script.hours
        if opening < 0:
            raise ValueError(
                f"a script of {script.hours} hours does not fit into {history_hours} hours of history"
            )
        while self._until < opening:
            episode = self._drawn(self._next_regime())
            self._append(replace(episode, hours=min(episode.hours, opening - self._until)))
        for each in script.episodes:
            self._append(_overridden(self._drawn(each.regime), each))

    def _append(self, episode: Episode) -> None:
        self._episodes.append((self._until, episode))
        self._until += episode.hours
        self._regime = episode.regime

    def _next_regime(self) -> Regime:
        followers = _FOLLOWS[self._regime]
        chosen = self._dice.choice(len(followers), p=[share for _, share in followers])
        return followers[int(chosen)][0]

    def _drawn(self, regime: Regime) -> Episode:
        between, phase = self._dice.uniform, float(self._dice.random())
        if regime is Regime.RANGE:
            return Episode(regime, between(18, 60), 0.0, between(0.6, 0.85), 6.0,
                           between(1.6, 3.0), between(18, 34), phase, 0.08)  # fmt: skip
        if regime is Regime.VOLATILE:
            return Episode(regime, between(8, 20), between(-0.1, 0.1), between(1.9, 2.8), 24.0,
                           0.0, 24.0, phase, 1.5)  # fmt: skip
        sign = 1.0 if regime is Regime.TREND_UP else -1.0
        return Episode(regime, between(28, 80), sign * between(0.16, 0.28), between(0.7, 0.95), 8.0,
                       between(1.0, 1.8), between(12, 22), phase, 0.12)  # fmt: skip


def _overridden(episode: Episode, script: Scripted) -> Episode:
    written = {name: value for name, value in asdict(script).items() if value is not None}
    return replace(episode, **written)
