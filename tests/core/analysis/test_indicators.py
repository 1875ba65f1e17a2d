from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ta.momentum import RSIIndicator
from ta.trend import MACD, ADXIndicator, ema_indicator
from ta.volatility import AverageTrueRange, BollingerBands

from core.analysis import indicators
from tests.core.analysis.bars import recorded, walk

RECORDED = ("BTCUSDT-1h", "SOLUSDT-15m", "DOGEUSDT-1h")
NAN = np.nan


def test_wilder_starts_with_a_mean_and_then_moves_a_third_of_the_way() -> None:
    smoothed = indicators.wilder(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 3)

    np.testing.assert_allclose(smoothed, [NAN, NAN, 2.0, 2 + 2 / 3, 2 + 2 / 3 + (5 - 2 - 2 / 3) / 3])


def test_true_range_reaches_over_a_gap_to_the_close_before() -> None:
    high, low = np.array([10.0, 12.0, 11.0]), np.array([8.0, 11.0, 7.0])

    ranges = indicators.true_range(high, low, np.array([9.0, 11.5, 8.0]))

    np.testing.assert_allclose(ranges, [2.0, 3.0, 4.5])


def test_rsi_by_hand() -> None:
    # Gains 1, 0 and losses 0, 0.5 at half weight each: 0.25 against 0.25.
    strength = indicators.rsi(np.array([1.0, 2.0, 1.5]), bars=2)

    np.testing.assert_allclose(strength, [NAN, NAN, 50.0])


@pytest.mark.parametrize(("closes", "expected"), [(range(1, 31), 100.0), (range(31, 1, -1), 0.0)])
def test_rsi_of_a_one_way_street_is_at_its_end(closes: range, expected: float) -> None:
    assert indicators.rsi(np.array(closes, dtype=np.float64))[-1] == expected


def test_rsi_of_a_price_that_never_moved_is_unknown() -> None:
    assert np.isnan(indicators.rsi(np.full(60, 7.0))).all()


def test_adx_by_hand() -> None:
    high, low = np.array([10.0, 11, 12, 11.5, 13]), np.array([9.0, 10, 11, 10, 12])

    # Smoothed rises 1, 0.5, 1 against falls 0, 0.5, 0.25 give directional indices 100, 0 and 60.
    strength = indicators.adx(high, low, (high + low) / 2, bars=2)

    np.testing.assert_allclose(strength, [NAN, NAN, NAN, 50.0, 55.0])


def test_adx_of_a_market_that_stands_still_is_zero() -> None:
    flat = np.full(60, 7.0)

    assert indicators.adx(flat, flat, flat)[-1] == 0.0


def test_bollinger_bands_are_two_population_deviations_wide() -> None:
    close = walk(3, 40)[:, 3]

    low, mid, high = indicators.bollinger(close)

    window = close[-20:].tolist()
    assert mid[-1] == pytest.approx(statistics.fmean(window))
    assert high[-1] - mid[-1] == pytest.approx(2 * statistics.pstdev(window))
    assert mid[-1] - low[-1] == pytest.approx(2 * statistics.pstdev(window))
    assert np.isnan(mid[:19]).all()
    assert np.isfinite(mid[19:]).all()


def test_obv_ignores_the_volume_of_an_unchanged_close() -> None:
    balance = indicators.obv(np.array([1.0, 2, 2, 1]), np.array([5.0, 6, 7, 8]))

    np.testing.assert_array_equal(balance, [0, 6, 6, -2])


def test_obv_slope_is_the_signed_share_of_the_volume() -> None:
    slope = indicators.obv_slope(np.array([1.0, 2, 2, 1]), np.array([5.0, 6, 7, 8]), bars=3)

    assert slope == pytest.approx(-2 / 21)


def test_the_last_volume_is_compared_with_the_bars_before_it_only() -> None:
    assert indicators.volume_ratio(np.array([9.0, 1, 2, 3, 4]), bars=3) == pytest.approx(4 / 2)


@pytest.mark.parametrize("volume", [[1.0, 2, 3], [0.0, 0, 0, 5]])
def test_volume_without_a_history_to_compare_with_is_unknown(volume: list[float]) -> None:
    assert indicators.volume_ratio(np.array(volume), bars=3) is None


def test_obv_slope_of_bars_that_traded_nothing_is_unknown() -> None:
    assert indicators.obv_slope(np.array([1.0, 2, 3, 4]), np.zeros(4), bars=3) is None


@given(st.integers(0, 40), st.integers(0, 10_000))
def test_every_curve_has_the_length_of_its_bars_however_few(bars: int, seed: int) -> None:
    rows = walk(seed, bars)
    _, high, low, close, _ = rows.T

    curves = [
        indicators.rsi(close),
        *indicators.macd(close),
        *indicators.bollinger(close),
        indicators.ema(close, 20),
        indicators.atr(high, low, close),
        indicators.adx(high, low, close),
    ]

    assert {len(curve) for curve in curves} == {bars}


@given(st.integers(0, 10_000), st.integers(30, 299))
def test_later_bars_never_change_an_earlier_value(seed: int, cut: int) -> None:
    _, high, low, close, volume = walk(seed, 300).T

    def curves(n: int) -> list[indicators.Floats]:
        return [
            indicators.rsi(close[:n]),
            *indicators.macd(close[:n]),
            *indicators.bollinger(close[:n]),
            indicators.ema(close[:n], 50),
            indicators.atr(high[:n], low[:n], close[:n]),
            indicators.adx(high[:n], low[:n], close[:n]),
            indicators.obv(close[:n], volume[:n]),
        ]

    for whole, part in zip(curves(300), curves(cut), strict=True):
        np.testing.assert_allclose(whole[:cut], part, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
def test_strengths_do_not_depend_on_the_price_scale(seed: int, scale: float) -> None:
    _, high, low, close, _ = walk(seed, 120).T

    for strength in (
        lambda k: indicators.rsi(close * k),
        lambda k: indicators.adx(high * k, low * k, close * k),
    ):
        value = strength(scale)
        np.testing.assert_allclose(value, strength(1.0), rtol=1e-6, atol=1e-6)
        assert ((value >= 0) & (value <= 100) | np.isnan(value)).all()


@pytest.mark.parametrize("name", RECORDED)
def test_on_recorded_candles_every_curve_is_tas_after_warming_up(name: str) -> None:
    rows = recorded(name)[-3000:]
    high, low, close = (pd.Series(rows[:, i]) for i in (2, 3, 4))
    h, lo, c = rows[:, 2], rows[:, 3], rows[:, 4]
    bands, macd = BollingerBands(close), MACD(close)
    line, signal, histogram = indicators.macd(c)
    band_low, band_mid, band_high = indicators.bollinger(c)
    pairs = {
        "rsi": (indicators.rsi(c), RSIIndicator(close).rsi(), 14),
        "macd": (line, macd.macd(), 25),
        "signal": (signal, macd.macd_signal(), 33),
        "histogram": (histogram, macd.macd_diff(), 33),
        "band_low": (band_low, bands.bollinger_lband(), 19),
        "band_mid": (band_mid, bands.bollinger_mavg(), 19),
        "band_high": (band_high, bands.bollinger_hband(), 19),
        "ema": (indicators.ema(c, 50), ema_indicator(close, 50), 49),
        "atr": (indicators.atr(h, lo, c), AverageTrueRange(high, low, close).average_true_range(), 13),
        # Its ADX is seeded otherwise, which is forgotten at 1/14 a bar.
        "adx": (indicators.adx(h, lo, c), ADXIndicator(high, low, close).adx(), 450),
    }

    for label, (ours, theirs, warm) in pairs.items():
        np.testing.assert_allclose(ours[warm:], theirs.to_numpy()[warm:], rtol=1e-7, atol=1e-9, err_msg=label)
