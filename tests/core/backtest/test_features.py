"""The features of a backtest are the indicators that live trading reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.analysis import indicators
from core.backtest import features as features_module
from core.backtest.features import Features, crossed_above
from tests.core.backtest.worlds import bars_of
from tests.core.trading.exit_paths import recorded

LIVE: dict[str, tuple[Callable[[Features], Any], Callable[[np.ndarray], Any]]] = {
    "ema": (lambda f: f.ema(12), lambda b: indicators.ema(b[:, 4], 12)),
    "rsi": (lambda f: f.rsi(14), lambda b: indicators.rsi(b[:, 4], 14)),
    "atr": (lambda f: f.atr(14), lambda b: indicators.atr(b[:, 2], b[:, 3], b[:, 4], 14)),
    "adx": (lambda f: f.adx(14), lambda b: indicators.adx(b[:, 2], b[:, 3], b[:, 4], 14)),
    "obv": (lambda f: f.obv(), lambda b: indicators.obv(b[:, 4], b[:, 5])),
    "bands": (lambda f: np.array(f.bands()), lambda b: np.array(indicators.bollinger(b[:, 4]))),
}


def require_equal(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.parametrize("count", [2, 5, 14, 15, 27, 28, 29, 400])
def test_every_feature_is_the_live_indicator_from_the_first_bar_on(name: str, count: int) -> None:
    mine, live = LIVE[name]
    bars = bars_of(np.random.default_rng(count), 400)[:count]

    require_equal(mine(Features(bars)), live(bars))


@pytest.mark.parametrize("name", LIVE)
def test_every_feature_is_the_live_indicator_on_real_candles(name: str) -> None:
    bars = recorded("BTCUSDT-1h")[:20_000]

    require_equal(LIVE[name][0](Features(bars)), LIVE[name][1](bars))


@pytest.mark.parametrize("name", [*LIVE, "highest", "lowest"])
def test_without_the_compiler_the_values_are_the_same(name: str) -> None:
    bars = bars_of(np.random.default_rng(3), 300)
    make = LIVE[name][0] if name in LIVE else lambda f: getattr(f, name)(20)

    require_equal(make(Features(bars, is_plain=True)), make(Features(bars)))


@pytest.mark.parametrize("name", [*LIVE, "highest", "lowest"])
def test_no_feature_sees_a_later_bar(name: str) -> None:
    bars = bars_of(np.random.default_rng(4), 300)
    make = LIVE[name][0] if name in LIVE else lambda f: getattr(f, name)(20)
    whole = make(Features(bars))

    for count in (40, 111, 299):
        require_equal(make(Features(bars[:count])), whole[..., :count])


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("name", ["ema", "rsi", "atr", "adx", "bands", "highest", "lowest"])
def test_too_few_bars_have_no_features(name: str, count: int) -> None:
    features = Features(bars_of(np.random.default_rng(1), 5)[:count])

    found = np.array(getattr(features, name)() if name == "bands" else getattr(features, name)(14))

    assert found.shape[-1] == count
    assert np.isnan(found).all()


def test_a_market_that_never_moved_has_no_strength() -> None:
    bars = np.column_stack([np.arange(60.0), *[np.full(60, 5.0)] * 4, np.ones(60)])

    assert np.isnan(Features(bars).rsi(14)).all()
    assert Features(bars).adx(14)[-1] == 0.0


def test_a_feature_is_computed_once_and_cannot_be_written_to() -> None:
    features = Features(bars_of(np.random.default_rng(1), 100))

    assert features.ema(12) is features.ema(12)
    assert features.ema(12) is not features.ema(13)
    with pytest.raises(ValueError, match="read-only"):
        features.ema(12)[0] = 1.0


def test_what_is_kept_has_a_bound_and_the_oldest_goes_first() -> None:
    features = Features(bars_of(np.random.default_rng(1), 10))
    calls: list[float] = []

    def make(number: float) -> np.ndarray:
        calls.append(number)
        return np.array([number])

    for number in range(features_module.MOST_KEPT + 1):
        features.keep("own", make, number)
    features.keep("own", make, 1.0)
    features.keep("own", make, 0.0)

    assert calls[-2:] == [features_module.MOST_KEPT, 0.0]


def test_a_cross_is_the_first_bar_above_and_none_where_a_value_is_missing() -> None:
    one = np.array([np.nan, 1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 5.0])
    other = np.array([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, np.nan, 2.0])

    assert np.flatnonzero(crossed_above(one, other)).tolist() == [3]
