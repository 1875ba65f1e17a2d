from __future__ import annotations

import numpy as np
import pytest

from core.analysis.regime import MIN_HISTORY_BARS, regime_of
from core.market import Regime

BARS = 200


def judged(
    pace: float = 1.0, spread: float = 1.0, adx: float = 15.0, slope: float = 0.0, bars: int = BARS
) -> Regime | None:
    """A price of 100 with ATR 1 and width 4; the last bar's ATR and width are `pace` and `spread` times that.

    The slow EMA has risen by `slope` of the last ATR over the last ten bars.
    """
    close, atr, width = np.full(bars, 100.0), np.full(bars, 1.0), np.full(bars, 4.0)
    atr[-1], width[-1] = pace, 4.0 * spread
    ema_slow = np.full(bars, 100.0)
    ema_slow[-1] = 100 + slope * pace
    return regime_of(close, atr, np.full(bars, adx), ema_slow, width)


def test_a_quiet_market_without_direction_is_ranging() -> None:
    assert judged() is Regime.RANGING


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_strong_movement_with_a_sloping_average_is_trending(slope: float) -> None:
    assert judged(adx=25.0, slope=slope) is Regime.TRENDING


@pytest.mark.parametrize(("adx", "slope"), [(24.9, 2.0), (60.0, 0.49)])
def test_strength_or_slope_alone_is_no_trend(adx: float, slope: float) -> None:
    assert judged(adx=adx, slope=slope) is Regime.RANGING


@pytest.mark.parametrize(("pace", "spread"), [(1.75, 1.0), (1.0, 4.0)])
def test_far_more_than_the_usual_pace_is_volatile_even_in_a_trend(pace: float, spread: float) -> None:
    assert judged(pace=pace, spread=spread, adx=40.0, slope=2.0) is Regime.VOLATILE


@pytest.mark.parametrize(("pace", "spread"), [(1.74, 1.0), (1.0, 3.99)])
def test_a_little_less_is_not(pace: float, spread: float) -> None:
    assert judged(pace=pace, spread=spread, adx=40.0, slope=2.0) is Regime.TRENDING


@pytest.mark.parametrize("bars", [5, MIN_HISTORY_BARS - 1])
def test_without_a_history_the_regime_is_unknown(bars: int) -> None:
    assert judged(bars=bars) is None


def test_a_market_that_never_moved_has_no_regime() -> None:
    flat, still = np.full(BARS, 100.0), np.zeros(BARS)

    assert regime_of(flat, still, still, flat, still) is None


def test_an_indicator_that_is_not_known_at_the_last_bar_makes_the_regime_unknown() -> None:
    assert judged(adx=float("nan")) is None
    assert judged(pace=float("nan")) is None
