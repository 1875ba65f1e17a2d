"""What a strategy is: a small class over feature arrays that says at each bar's close what it wants.

One's own needs nothing but this, in a file that `--strategy my_idea.py:NewHigh` names:

    import numpy as np

    from core.backtest.strategies import Features, Signals, Strategy, real, sides, whole


    class NewHigh(Strategy):
        bars: int = whole(55, low=20, high=200)
        least_adx: float = real(20.0, low=10.0, high=40.0, step=1.0)
        stop: float = real(0.06, low=0.05, high=0.10)

        def entries(self, features: Features) -> Signals:
            strong = features.adx() > self.least_adx
            highest, lowest = features.highest(self.bars), features.lowest(self.bars)
            up = strong & (features.high >= highest)
            down = strong & (features.low <= lowest)
            return Signals(sides(up, down), stop=np.full(len(features), self.stop))

Laws:
- Value `i` of every array uses bars `0..i` only; `python main.py lookahead` finds who breaks that.
- The same parameters and bars give the same signals: no clock, no dice without a seed, nothing remembered.
- The compiler is not needed: live use computes the same features without it.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Self, cast, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine import Signals
from core.backtest.engine_words import Floats, Sides
from core.backtest.features import Features, crossed_above
from core.backtest.strategies_faults import BadStrategy, naming_faults

__all__ = [
    "BadStrategy",
    "Features",
    "Parameter",
    "Signals",
    "Strategy",
    "crossed_above",
    "graded",
    "real",
    "sides",
    "signals_of",
    "stop_by_atr",
    "whole",
]

Marks = NDArray[np.bool_]

LEAST_CONFIDENCE = 0.75
"""Of a signal that only just meets its conditions: what the account asks for unless told otherwise."""
NEAREST_STOP, FARTHEST_STOP = 0.05, 0.10
"""What the account allows unless told otherwise; outside of it a signal is refused."""
LARGEST_SIDE = 2
BOUNDS = "bounds"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a search may try, both ends included. `step` None: anything between."""

    low: float
    high: float
    step: float | None
    is_log: bool
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    default: float
    bounds: Bounds

    def fault(self, value: object) -> str:
        """Why this is no value of it; empty: it is one."""
        if isinstance(value, bool) or not isinstance(value, Real):
            return f"{self.name} must be a number, not {value!r}"
        number = float(value)
        if not self.bounds.low <= number <= self.bounds.high:
            return f"{self.name} {number:g} must be between {self.bounds.low:g} and {self.bounds.high:g}"
        if self.bounds.is_whole and not number.is_integer():
            return f"{self.name} must be a whole number, not {number:g}"
        return ""

    def read(self, text: str) -> float:
        """Raises `BadStrategy` for what is no number; the bounds are the strategy's to check."""
        try:
            return int(text) if self.bounds.is_whole else float(text)
        except ValueError:
            kind = "whole number" if self.bounds.is_whole else "number"
            raise BadStrategy(f"{self.name} must be a {kind}, not {text[:30]!r}") from None


def whole(default: int, *, low: int, high: int, step: int = 1, log: bool = False) -> int:
    """A parameter that counts. `log`: a search draws its logarithm evenly, and `step` must be 1."""
    return cast(int, _bounded(default, Bounds(low, high, step, log, is_whole=True)))


def real(default: float, *, low: float, high: float, step: float | None = None, log: bool = False) -> float:
    """A parameter that measures. `log`: a search draws its logarithm evenly, and there is no `step`."""
    return cast(float, _bounded(default, Bounds(low, high, step, log, is_whole=False)))


def _bounded(default: float, bounds: Bounds) -> Any:
    if not bounds.low <= default <= bounds.high:
        raise ValueError(f"default {default:g} must be between {bounds.low:g} and {bounds.high:g}")
    if bounds.step is not None and not bounds.step > 0:
        raise ValueError(f"step {bounds.step:g} must be above 0")
    if bounds.is_log and (bounds.low <= 0 or bounds.step not in (None, 1)):
        raise ValueError("a logarithmic parameter needs bounds above 0 and no step")
    return field(default=default, metadata={BOUNDS: bounds})


@dataclass_transform(frozen_default=True, field_specifiers=(whole, real))
class Strategy(ABC):
    """Its fields are its parameters; a subclass becomes a frozen dataclass of them without a decorator."""

    name: ClassVar[str] = ""
    """The class's in small letters unless it says otherwise."""
    hold_bars: ClassVar[int | None] = None
    """Bars of its timeframe within which its ideas should have played out; None: it does not say."""
    _parameters: ClassVar[tuple[Parameter, ...]] = ()

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        dataclass(frozen=True)(cls)
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls._parameters = tuple(
            Parameter(one.name, cast(float, one.default), one.metadata[BOUNDS])
            for one in fields(cast(Any, cls))
            if BOUNDS in one.metadata
        )

    def __post_init__(self) -> None:
        faults = [one.fault(getattr(self, one.name)) for one in self._parameters]
        reason = next((fault for fault in (*faults, self.refusal()) if fault), "")
        if reason:
            raise BadStrategy(f"{self.name}: {reason}")

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Those with bounds, in the order in which they are written."""
        return cls._parameters

    @classmethod
    def given(cls, texts: Mapping[str, str]) -> Self:
        """With these instead of the defaults. Raises `BadStrategy`."""
        known = {one.name: one for one in cls._parameters}
        for name in texts:
            if name not in known:
                raise BadStrategy(
                    f"{cls.name} has no parameter {name!r}: {', '.join(known) or 'none at all'}"
                )
        return cls(**{name: known[name].read(text) for name, text in texts.items()})

    @abstractmethod
    def entries(self, features: Features) -> Signals:
        """Arrays as long as `features`; see `Signals`. Stop and target are fractions of the price."""

    def refusal(self) -> str:
        """Why this set of parameters makes no sense together; empty: it does. A search skips such sets."""
        return ""

    def of(self, symbol: str) -> Strategy:
        """As it is for one symbol; most are the same for all."""
        return self

    @property
    def words(self) -> str:
        """`trend(fast=12, slow=26)`: tells every result which rules made it."""
        given = ", ".join(f"{one.name}={getattr(self, one.name):g}" for one in self._parameters)
        return f"{self.name}({given})"


def signals_of(strategy: Strategy, symbol: str, features: Features) -> Signals:
    """What it says of one symbol, checked. Raises `BadStrategy` that names the first thing wrong."""
    with naming_faults(strategy.name, _file_of(strategy)):
        found: object = strategy.of(symbol).entries(features)
    if not isinstance(found, Signals):
        raise BadStrategy(f"{strategy.name}: entries must return Signals, not {type(found).__name__}")
    side = _side(strategy, found.side, len(features))
    enters = np.abs(side) == 1
    return Signals(
        side,
        _distance(strategy, "stop", found.stop, enters),
        _distance(strategy, "target", found.target, enters),
        _fractions(strategy, "confidence", found.confidence, enters),
    )


def sides(up: Marks, down: Marks) -> Sides:
    """+1 where only `up` holds, -1 where only `down` does, 0 elsewhere."""
    return up.astype(np.int8) - down.astype(np.int8)


def graded(values: Floats, least: float, full: float) -> Floats:
    """Confidence: the least one at `least`, 1 at `full` and beyond it, even between; `full` may be below."""
    share = np.clip((values - least) / (full - least), 0.0, 1.0)
    return LEAST_CONFIDENCE + (1.0 - LEAST_CONFIDENCE) * np.nan_to_num(share)


def stop_by_atr(features: Features, multiple: float) -> Floats:
    """Distance of so many ATR of 14 bars, brought into what an account allows; the usual one in warm-up."""
    return np.clip(multiple * features.atr() / features.close, NEAREST_STOP, FARTHEST_STOP)


def _side(strategy: Strategy, found: object, count: int) -> Sides:
    side = _array(strategy, "side", found, count)
    good = (np.abs(side) <= LARGEST_SIDE) & (side == np.floor(side))  # NaN denies
    _require(strategy, "side", side, good, "which is none of -2, -1, 0, 1 and 2")
    return side.astype(np.int8)


def _distance(strategy: Strategy, what: str, found: object, enters: Marks) -> Floats | None:
    """NaN stands for the usual one, and what no signal uses may be anything."""
    if found is None:
        return None
    values = _array(strategy, what, found, len(enters))
    _require(strategy, what, values, ~enters | np.isnan(values) | (values > 0.0), "which is not above 0")
    if what == "stop":
        _require(strategy, what, values, ~enters | ~(values >= 1.0), "which is the whole price or more")
    return values


def _fractions(strategy: Strategy, what: str, found: object, enters: Marks) -> Floats | None:
    if found is None:
        return None
    values = _array(strategy, what, found, len(enters))
    _require(strategy, what, values, ~enters | ((values >= 0.0) & (values <= 1.0)), "which is not in 0..1")
    return values


def _array(strategy: Strategy, what: str, found: object, count: int) -> Floats:
    try:
        values = np.ascontiguousarray(cast(Any, found), dtype=np.float64)
    except (TypeError, ValueError):
        raise BadStrategy(f"{strategy.name}: {what} is no array of numbers") from None
    if values.shape != (count,):
        raise BadStrategy(f"{strategy.name}: {what} has the shape {values.shape} for {count} bars")
    return values


def _require(strategy: Strategy, what: str, values: Floats, good: Marks, why: str) -> None:
    if not good.all():
        at = int(np.argmin(good))
        raise BadStrategy(f"{strategy.name}: {what} at bar {at} is {values[at]:g}, {why}")


def _file_of(strategy: Strategy) -> str:
    module = sys.modules.get(type(strategy).__module__)
    file = getattr(module, "__file__", None)
    return str(Path(file)) if file else type(strategy).__module__
