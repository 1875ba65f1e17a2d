"""What a search may vary: dimensions with bounds, the sets of values on them, and how near two sets are.

Laws:
- A set is a tuple of numbers in the order of its space; two sets that are the same are equal tuples.
- Every value lies on its dimension's grid, or has at most `DIGITS` significant digits: what is written down
  and read again is the same set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.backtest.engine_words import Floats
from core.backtest.strategies import BadStrategy, Parameter, Strategy
from core.errors import PerpilotError

DIGITS = 6
"""Finer differences than a millionth of the value are no differences."""
MOST_DIMENSIONS = 20
"""With more, no number of sets that a machine can try says anything about a neighbourhood."""

ValueSet = tuple[float, ...]


class BadSearch(PerpilotError):
    """What a search was asked for can't be; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter of the strategy, or one setting; both ends are allowed."""

    name: str
    low: float
    high: float
    step: float | None = None
    """None: anything between."""
    is_log: bool = False
    """Drawn and measured by the logarithm."""
    is_whole: bool = False
    is_setting: bool = False
    """Of the bot, by its environment name; else a parameter of the strategy."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise BadSearch(f"{self.name}: the low end {self.low:g} must be below the high end {self.high:g}")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise BadSearch(
                f"{self.name}: a step of {self.step:g} does not fit between {self.low:g} and {self.high:g}"
            )

    @property
    def grid(self) -> float | None:
        """Distance of two neighbouring values; None: none."""
        return 1.0 if self.is_whole and self.step is None else self.step

    @property
    def count(self) -> int | None:
        """Different values; None: no end of them."""
        return None if self.grid is None else round((self.top - self.low) / self.grid) + 1

    @property
    def top(self) -> float:
        """The highest value that the grid reaches."""
        if self.grid is None:
            return self.high
        return self.low + math.floor((self.high - self.low) / self.grid + 1e-9) * self.grid

    def nearest(self, value: float) -> float:
        """The value that is allowed."""
        if self.grid is not None:
            value = self.low + round((value - self.low) / self.grid) * self.grid
        value = float(f"{min(max(value, self.low), self.top):.{DIGITS}g}")
        return float(round(value)) if self.is_whole else value

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def shown(self, value: float) -> str:
        """For a person: four digits."""
        return f"{int(value)}" if self.is_whole else f"{value:.4g}"

    def text(self, value: float) -> str:
        """As it can be typed again."""
        return f"{int(value)}" if self.is_whole else f"{value:.{DIGITS}g}"


@dataclass(frozen=True, slots=True)
class Space:
    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        if not self.dimensions:
            raise BadSearch("nothing is left to search: every parameter is fixed and no setting is varied")
        if len(self.dimensions) > MOST_DIMENSIONS:
            raise BadSearch(f"{len(self.dimensions)} dimensions are too many: at most {MOST_DIMENSIONS}")

    @property
    def count(self) -> int | None:
        """Different sets; None: no end of them."""
        total = 1
        for one in self.dimensions:
            if one.count is None:
                return None
            total *= one.count
        return total

    def nearest(self, values: Iterable[float]) -> ValueSet:
        return tuple(one.nearest(value) for one, value in zip(self.dimensions, values, strict=True))

    def named(self, values: ValueSet, *, settings: bool) -> dict[str, float]:
        """Name → value, of the settings or of the strategy's parameters."""
        pairs = zip(self.dimensions, values, strict=True)
        return {one.name: value for one, value in pairs if one.is_setting is settings}

    def places(self, sets: Sequence[ValueSet]) -> Floats:
        """(sets, dimensions), each 0..1."""
        found = [
            [one.place(value) for one, value in zip(self.dimensions, values, strict=True)] for values in sets
        ]
        return np.array(found, dtype=np.float64).reshape(len(sets), len(self.dimensions))

    def words(self, values: ValueSet) -> str:
        pairs = zip(self.dimensions, values, strict=True)
        return ", ".join(f"{one.name} {one.shown(value)}" for one, value in pairs)


@dataclass(frozen=True, slots=True)
class Range:
    """What the owner asked a dimension to be, as it was typed."""

    name: str
    low: str
    high: str
    step: str = ""


def parameter_dimensions(
    strategy: type[Strategy], given: Mapping[str, str], ranges: Sequence[Range]
) -> tuple[Dimension, ...]:
    """Of all parameters that are not `given`; `ranges` narrow them. Raises `BadStrategy` and `BadSearch`."""
    narrowed = {one.name: one for one in ranges}
    both = sorted(set(narrowed) & set(given))
    if both:
        raise BadSearch(f"{both[0]} is both fixed and varied: one of the two")
    strategy.given(given)
    return tuple(
        _dimension(one, narrowed.get(one.name)) for one in strategy.parameters() if one.name not in given
    )


def _dimension(parameter: Parameter, asked: Range | None) -> Dimension:
    bounds = parameter.bounds
    low, high, step = bounds.low, bounds.high, bounds.step
    if asked is not None:
        low, high = (_within(parameter, text) for text in (asked.low, asked.high))
        step = parameter.read(asked.step) if asked.step else step
    if bounds.is_whole and step == 1:
        step = None
    is_log = bounds.is_log and step is None
    return Dimension(parameter.name, float(low), float(high), step, is_log, bounds.is_whole)


def _within(parameter: Parameter, text: str) -> float:
    value = parameter.read(text)
    fault = parameter.fault(value)
    if fault:
        raise BadStrategy(fault)
    return value
