"""Moves made by hand: a symbol's price multiplied by a factor that changes over time.

Laws:
- A move begins now and never before, so closed bars stay as they are.
- A slide advances once a second and a jump happens at its millisecond; between those instants the factor is
  constant. So a bar read at those instants is exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SECOND_MS: Final = 1_000
MOST_MOVES: Final = 1_000  # per symbol; each question about a price looks at all of them


class Moves:
    """The moves of one symbol, in the order they were made."""

    def __init__(self) -> None:
        self._start_ms: Ints = np.empty(0, np.int64)
        self._end_ms: Ints = np.empty(0, np.int64)
        self._fraction: Floats = np.empty(0, np.float64)

    def slide(self, fraction: float, start_ms: int, seconds: float) -> None:
        """Multiply the price by `1 + fraction`, evenly over `seconds` (at least one) from `start_ms` on."""
        start = start_ms // _SECOND_MS * _SECOND_MS
        self._add(fraction, start, start + max(1, round(seconds)) * _SECOND_MS)

    def jump(self, fraction: float, at_ms: int) -> None:
        """Multiply the price by `1 + fraction` at once."""
        self._add(fraction, at_ms, at_ms)

    def none_before(self, moment_ms: int) -> bool:
        return not len(self._start_ms) or moment_ms <= int(self._start_ms[0])

    def factor(self, at_ms: Ints) -> Floats:
        """What the price is multiplied by at each instant."""
        product = np.ones(len(at_ms))
        whole = at_ms // _SECOND_MS * _SECOND_MS
        for start, end, fraction in zip(self._start_ms, self._end_ms, self._fraction, strict=True):
            if end > start:
                product *= 1.0 + fraction * np.clip((whole - start) / (end - start), 0.0, 1.0)
            else:
                product *= np.where(at_ms >= start, 1.0 + fraction, 1.0)
        return product

    def steady(self, start_ms: Ints, length_ms: int) -> NDArray[np.bool_]:
        """Whether no move is under way inside each bar."""
        begins = self._start_ms[:, None] < start_ms[None, :] + length_ms
        lasts = self._end_ms[:, None] > start_ms[None, :]
        still: NDArray[np.bool_] = ~np.any(begins & lasts, axis=0)
        return still

    def steps_between(self, first_ms: int, last_ms: int) -> Ints:
        """The instants of the jumps in [first_ms, last_ms]."""
        jumps = (self._start_ms == self._end_ms) & (self._start_ms >= first_ms) & (self._start_ms <= last_ms)
        steps: Ints = self._start_ms[jumps]
        return steps

    def _add(self, fraction: float, start_ms: int, end_ms: int) -> None:
        if not -1.0 < fraction < 100.0:
            raise ValueError(f"a price can move by more than -1 and less than 100 of itself, not {fraction}")
        if len(self._start_ms) >= MOST_MOVES:
            raise ValueError(f"this symbol was moved {MOST_MOVES} times already; start the demo again")
        self._start_ms = np.append(self._start_ms, start_ms)
        self._end_ms = np.append(self._end_ms, end_ms)
        self._fraction = np.append(self._fraction, fraction)
