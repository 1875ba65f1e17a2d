"""Indicators over a whole history, computed once for any number of parameter sets.

Laws:
- The values are those of `core.analysis.indicators`: compiled where there is a compiler, else by them.
- Arrays handed out are shared and read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.analysis import indicators
from core.backtest import features_loops
from core.backtest.engine_words import Floats
from core.trading.exits_compiled import compile_modules

MOST_KEPT = 512
"""Arrays in memory at a time; the oldest goes first. A search over more windows computes some again."""


class Features:
    """Of one symbol's bars, `(n, 6) float64` as `History.bars`; every array is `(n,)`, warm-up NaN."""

    def __init__(self, bars: Floats, *, is_plain: bool = False, most_kept: int = MOST_KEPT) -> None:
        self.time_ms, self.open, self.high, self.low, self.close, self.volume = (
            np.ascontiguousarray(bars[:, column]) for column in range(6)
        )
        for own in (self.time_ms, self.open, self.high, self.low, self.close, self.volume):
            own.flags.writeable = False
        self._loops = None if is_plain else loops()
        self._kept: dict[tuple[object, ...], Any] = {}
        self._most_kept = most_kept

    def __len__(self) -> int:
        return len(self.close)

    def keep(self, name: str, make: Callable[..., Any], *given: float) -> Any:
        """`make(*given)`, computed once for this name and these numbers; an array or a tuple of arrays."""
        key = (name, *given)
        if key not in self._kept:
            while len(self._kept) >= self._most_kept:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _frozen(make(*given))
        return self._kept[key]

    def ema(self, bars: int) -> Floats:
        return self._array(
            "ema", lambda: indicators.ema(self.close, bars), "ema_loop", (self.close, bars), bars
        )

    def rsi(self, bars: int = indicators.RSI_BARS) -> Floats:
        return self._array(
            "rsi", lambda: indicators.rsi(self.close, bars), "rsi_loop", (self.close, bars), bars
        )

    def atr(self, bars: int = indicators.ATR_BARS) -> Floats:
        prices = (self.high, self.low, self.close, bars)
        return self._array("atr", lambda: indicators.atr(*prices), "atr_loop", prices, bars)

    def adx(self, bars: int = indicators.ADX_BARS) -> Floats:
        prices = (self.high, self.low, self.close, bars)
        return self._array("adx", lambda: indicators.adx(*prices), "adx_loop", prices, bars)

    def obv(self) -> Floats:
        given = (self.close, self.volume)
        return self._array("obv", lambda: indicators.obv(*given), "obv_loop", given)

    def highest(self, bars: int) -> Floats:
        """Of the highs of the last `bars`, the newest included."""
        given = (self.high, bars)
        return self._array("highest", lambda: _extreme(self.high, bars, np.max), "highest_loop", given, bars)

    def lowest(self, bars: int) -> Floats:
        """Of the lows of the last `bars`, the newest included."""
        return self._array(
            "lowest",
            lambda: _extreme(self.low, bars, np.min),
            "highest_loop",
            (-self.low, bars),
            bars,
            finish=np.negative,
        )

    def bands(self, bars: int = 20, deviations: float = 2.0) -> tuple[Floats, Floats, Floats]:
        """Low, mid and high of Bollinger's, with the population's deviation."""
        found: tuple[Floats, Floats, Floats] = self._either(
            "bands",
            lambda: _bands(self.close, bars, deviations),
            "bands_loop",
            (self.close, bars, float(deviations)),
            (bars, deviations),
        )
        return found

    def _array(
        self,
        name: str,
        plain: Callable[[], Floats],
        loop: str,
        given: tuple[Any, ...],
        *key: float,
        finish: Callable[[Floats], Floats] | None = None,
    ) -> Floats:
        found: Floats = self._either(name, plain, loop, given, key, finish)
        return found

    def _either(
        self,
        name: str,
        plain: Callable[[], Any],
        loop: str,
        given: tuple[Any, ...],
        key: tuple[float, ...],
        finish: Callable[[Floats], Floats] | None = None,
    ) -> Any:
        def make(*_: float) -> Any:
            if self._loops is None:
                return plain()
            made = self._loops[loop](*given)
            return made if finish is None else finish(made)

        return self.keep(name, make, *key)


@cache
def loops() -> dict[str, Any] | None:
    """None where numba is not installed."""
    return compile_modules((features_loops,), {})


def crossed_above(one: Floats, other: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Bars at whose close `one` is above `other` and was not at the close before; never where NaN is."""
    above = one > other
    before = one[:-1] <= other[:-1]
    return np.concatenate((np.zeros(min(len(one), 1), dtype=np.bool_), above[1:] & before))


def _bands(close: Floats, bars: int, deviations: float) -> tuple[Floats, Floats, Floats]:
    mid, spread = np.full(len(close), np.nan), np.full(len(close), np.nan)
    if len(close) >= bars:
        windows = sliding_window_view(close, bars)
        mid[bars - 1 :], spread[bars - 1 :] = windows.mean(axis=1), windows.std(axis=1)
    return mid - deviations * spread, mid, mid + deviations * spread


def _extreme(values: Floats, bars: int, of: Callable[..., Any]) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = of(sliding_window_view(values, bars), axis=1)
    return out


def _frozen(made: Any) -> Any:
    for array in made if isinstance(made, tuple) else (made,):
        array.flags.writeable = False
    return made
