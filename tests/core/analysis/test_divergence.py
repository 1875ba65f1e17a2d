from __future__ import annotations

import numpy as np
import pytest

from core.analysis.divergence import RECENT_BARS, divergence_of
from core.analysis.levels import Swings
from core.market import Side

BARS = 40
EARLIER, LATER = 15, 33


def scene(
    lows: tuple[float, float] = (90.0, 88.0),
    momentum: tuple[float, float] = (-3.0, -1.0),
    swings: tuple[int, int] = (EARLIER, LATER),
    closes_since: float = 95.0,
) -> tuple[np.ndarray, ...]:
    """Price around 100 with two swing lows, MACD at them, and the closes after the later one."""
    low, close, line = np.full(BARS, 99.0), np.full(BARS, 100.0), np.full(BARS, -2.0)
    low[list(swings)] = lows
    line[list(swings)] = momentum
    close[swings[1] + 1 :] = closes_since
    return low, close, line, np.array(swings)


def bullish(**changes: object) -> Side | None:
    low, close, line, at = scene(**changes)  # type: ignore[arg-type]
    none = np.empty(0, dtype=np.intp)
    return divergence_of(low, np.full(BARS, 101.0), close, line, Swings(highs=none, lows=at))


def bearish() -> Side | None:
    """The same scene upside down."""
    low, close, line, at = scene()
    none = np.empty(0, dtype=np.intp)
    return divergence_of(200 - np.full(BARS, 101.0), 200 - low, 200 - close, -line, Swings(at, none))


def test_a_lower_low_on_rising_macd_is_bullish() -> None:
    assert bullish() is Side.LONG


def test_a_higher_high_on_falling_macd_is_bearish() -> None:
    assert bearish() is Side.SHORT


@pytest.mark.parametrize(
    "changes",
    [
        {"lows": (88.0, 90.0)},
        {"momentum": (-1.0, -3.0)},
        {"momentum": (-1.0, 0.5)},
        {"swings": (EARLIER, BARS - 2 - RECENT_BARS)},
        {"swings": (LATER - 3, LATER)},
        {"closes_since": 87.0},
    ],
    ids=[
        "the second low is higher",
        "momentum fell with the price",
        "momentum is already above zero",
        "the second low is old news",
        "both lows belong to one move",
        "price closed below the second low since",
    ],
)
def test_there_is_no_divergence_where(changes: dict[str, object]) -> None:
    assert bullish(**changes) is None


def test_macd_that_is_still_warming_up_shows_no_divergence() -> None:
    assert bullish(momentum=(float("nan"), -1.0)) is None


def test_of_two_divergences_the_later_one_is_told() -> None:
    low, close, line, lows = scene(swings=(EARLIER, LATER - 2))
    high = np.full(BARS, 101.0)
    high[[EARLIER + 1, LATER]] = 110.0, 112.0
    line[[EARLIER + 1, LATER]] = 3.0, 1.0

    side = divergence_of(low, high, close, line, Swings(highs=np.array([EARLIER + 1, LATER]), lows=lows))

    assert side is Side.SHORT


def test_a_single_swing_diverges_from_nothing() -> None:
    low, close, line, at = scene()
    only = Swings(highs=np.empty(0, dtype=np.intp), lows=at[1:])

    assert divergence_of(low, close, close, line, only) is None
