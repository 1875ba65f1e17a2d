from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import describe, indicators
from core.errors import BadMarketFacts
from core.market import SCAN_TIMEFRAMES, Candles, Regime, Side, from_ms
from core.opinion import FrameFeatures, Stance
from tests.core.analysis.bars import (
    NOON_MS,
    SYMBOL,
    background,
    bars_through,
    candles,
    walk,
    walked_frames,
)


def all_frames(rows: np.ndarray) -> dict[str, Candles]:
    return {timeframe: candles(timeframe, rows) for timeframe in SCAN_TIMEFRAMES}


def test_with_a_full_history_nothing_is_missing() -> None:
    features = describe(SYMBOL, walked_frames(), background())

    assert features.missing == ()
    assert tuple(features.frames) == SCAN_TIMEFRAMES
    assert features.bar_closed_at == from_ms(NOON_MS)
    assert features.funding_per_8h == pytest.approx(0.0001)
    assert (features.quote_volume_24h, features.open_interest) == (1e9, 5e8)


def test_every_number_is_the_indicators_last_value() -> None:
    frames = walked_frames()
    bars = frames["1h"]
    line, signal, histogram = indicators.macd(bars.close)
    band_low, band_mid, band_high = indicators.bollinger(bars.close)

    frame = describe(SYMBOL, frames, None).frames["1h"]

    assert frame.close == bars.close[-1]
    assert frame.rsi == indicators.rsi(bars.close)[-1]
    assert (frame.macd, frame.macd_signal, frame.macd_histogram) == (line[-1], signal[-1], histogram[-1])
    assert (frame.bollinger_low, frame.bollinger_mid) == (band_low[-1], band_mid[-1])
    assert frame.bollinger_high == band_high[-1]
    assert frame.ema_fast == indicators.ema(bars.close, 20)[-1]
    assert frame.ema_slow == indicators.ema(bars.close, 50)[-1]
    assert frame.sma_long == pytest.approx(bars.close[-200:].mean())
    assert frame.atr == indicators.atr(bars.high, bars.low, bars.close)[-1]
    assert frame.adx == indicators.adx(bars.high, bars.low, bars.close)[-1]
    assert frame.obv_slope == indicators.obv_slope(bars.close, bars.volume)
    assert frame.volume_ratio == indicators.volume_ratio(bars.volume)


def test_a_young_coin_has_gaps_that_are_named_and_never_zero() -> None:
    features = describe(SYMBOL, walked_frames(bars=40), background())

    hourly = features.frames["1h"]
    assert hourly.rsi is not None
    assert (hourly.ema_slow, hourly.sma_long) == (None, None)
    assert {"15m.ema_slow", "1h.sma_long", "4h.sma_long", "regime"} <= set(features.missing)
    assert "1h.rsi" not in features.missing


def test_a_regime_that_cannot_be_known_is_treated_as_volatile() -> None:
    features = describe(SYMBOL, walked_frames(bars=40), background())

    assert features.regime is Regime.VOLATILE
    assert "regime" in features.missing


def test_a_single_bar_is_described_without_a_single_guess() -> None:
    features = describe(SYMBOL, walked_frames(bars=1), None)

    known = {"timeframe", "close", "lean", "divergence"}
    for timeframe, frame in features.frames.items():
        unknown = {f.name for f in fields(FrameFeatures)} - known
        assert all(getattr(frame, name) is None for name in unknown)
        assert frame.lean is Stance.HOLD
        assert {f"{timeframe}.{name}" for name in unknown} <= set(features.missing)
        assert f"{timeframe}.divergence" in features.missing
    assert (features.support, features.resistance) == (None, None)


def test_what_the_venue_did_not_say_is_missing() -> None:
    features = describe(SYMBOL, walked_frames(), None)

    assert features.missing == ("funding_per_8h", "quote_volume_24h", "open_interest")


@pytest.mark.parametrize("rate", [None, float("nan")])
def test_funding_without_a_number_is_missing(rate: float | None) -> None:
    features = describe(SYMBOL, walked_frames(), background(rate))

    assert features.funding_per_8h is None
    assert "funding_per_8h" in features.missing


@pytest.mark.parametrize(("drift", "stance"), [(0.004, Stance.LONG), (-0.004, Stance.SHORT)])
def test_every_timeframe_leans_with_a_steady_market(drift: float, stance: Stance) -> None:
    rows = bars_through(100 * np.exp(drift * np.arange(300)))

    features = describe(SYMBOL, all_frames(rows), background())

    assert {frame.lean for frame in features.frames.values()} == {stance}
    assert features.share_leaning(Side(stance.value)) == 1.0


def test_a_setback_below_the_middle_of_the_bands_holds_the_lean_back() -> None:
    closes = 100 * np.exp(0.004 * np.arange(300))
    closes[-6:] *= np.linspace(0.995, 0.95, 6)

    frame = describe(SYMBOL, all_frames(bars_through(closes)), None).frames["1h"]

    assert frame.ema_fast is not None
    assert frame.ema_slow is not None
    assert frame.ema_fast > frame.ema_slow
    assert frame.lean is Stance.HOLD


def test_a_steady_climb_is_trending_and_a_sideways_swing_is_ranging() -> None:
    bars = np.arange(400)
    climb = bars_through(100 + 0.4 * bars + np.sin(bars), reach=0.8)
    sideways = bars_through(100 + 3 * np.sin(bars / 3), reach=0.8)

    assert describe(SYMBOL, all_frames(climb), None).regime is Regime.TRENDING
    assert describe(SYMBOL, all_frames(sideways), None).regime is Regime.RANGING


def test_a_sudden_storm_is_volatile() -> None:
    closes = 100 + np.sin(np.arange(400) / 3)
    closes[-12:] += 6 * (-1.0) ** np.arange(12)

    assert describe(SYMBOL, all_frames(bars_through(closes)), None).regime is Regime.VOLATILE


def test_a_market_that_swings_in_a_channel_finds_its_floor_and_ceiling() -> None:
    closes = 100 + 10 * np.sin(np.arange(400) * 2 * np.pi / 50)
    frames = all_frames(bars_through(closes, reach=0.5))

    features = describe(SYMBOL, frames, None)

    assert features.support == pytest.approx(89.5, abs=0.6)
    assert features.resistance == pytest.approx(110.5, abs=0.6)


def test_swings_further_apart_than_half_an_atr_stay_levels_of_their_own() -> None:
    turns = np.arange(400) * 2 * np.pi / 50
    closes = 100 + np.where(np.sin(turns / 2) > 0, 12, 10) * np.sin(turns)

    features = describe(SYMBOL, all_frames(bars_through(closes, reach=0.5)), None)

    assert features.frames["1h"].atr == pytest.approx(2.2, abs=0.4)
    assert features.resistance == pytest.approx(110.5, abs=0.2)


def test_a_level_that_only_the_four_hour_bars_remember_counts() -> None:
    climb = bars_through(np.linspace(90, 105, 400))
    channel = bars_through(100 + 10 * np.sin(np.arange(400) * 2 * np.pi / 50), reach=0.5)
    frames = {tf: candles(tf, channel if tf == "4h" else climb) for tf in SCAN_TIMEFRAMES}

    features = describe(SYMBOL, frames, None)

    assert features.resistance == pytest.approx(110.5, abs=0.2)
    assert features.support == pytest.approx(89.5, abs=0.2)


def test_at_an_all_time_high_there_is_no_resistance() -> None:
    closes = 100 + 10 * np.sin(np.arange(400) * 2 * np.pi / 50)
    closes[-1] = 130.0

    features = describe(SYMBOL, all_frames(bars_through(closes)), None)

    assert features.resistance is None
    assert features.support is not None
    assert "resistance" in features.missing


def test_the_latest_confirmed_swings_are_told() -> None:
    closes = np.concatenate([np.linspace(100, 110, 40), np.linspace(109, 104, 10), np.linspace(105, 107, 5)])

    frame = describe(SYMBOL, all_frames(bars_through(closes, reach=0.5)), None).frames["4h"]

    assert frame.swing_high == pytest.approx(110.5)
    assert frame.swing_low == pytest.approx(103.5)


def test_flat_bars_of_an_outage_leave_the_facts_that_remain() -> None:
    rows = np.column_stack([np.full((300, 4), 50.0), np.zeros(300)])

    features = describe(SYMBOL, all_frames(rows), background())

    hourly = features.frames["1h"]
    assert (hourly.rsi, hourly.volume_ratio, hourly.obv_slope) == (None, None, None)
    assert hourly.atr == 0.0
    assert (features.support, features.resistance) == (None, None)
    assert "regime" in features.missing


def test_candles_that_are_not_sound_are_refused() -> None:
    frames = walked_frames()
    frames["1h"].rows[100, 4] = np.nan

    with pytest.raises(BadMarketFacts):
        describe(SYMBOL, frames, background())


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 320))
def test_features_of_any_walk_are_finite_or_named_as_missing(seed: int, bars: int) -> None:
    features = describe(SYMBOL, walked_frames(seed, bars), background())

    for timeframe, frame in features.frames.items():
        for field in fields(FrameFeatures):
            value = getattr(frame, field.name)
            assert not isinstance(value, float) or np.isfinite(value)
            if value is None and field.name != "divergence":
                assert f"{timeframe}.{field.name}" in features.missing
    if features.support is not None and features.resistance is not None:
        assert features.support < features.close < features.resistance


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(60, 399))
def test_bars_that_come_later_change_nothing(seed: int, cut: int) -> None:
    calm, wild = walk(seed, 400), walk(seed, 400)
    wild[cut:] = walk(seed + 1, 400, step=0.05)[cut:]

    def seen(rows: np.ndarray) -> object:
        return describe(SYMBOL, all_frames(rows[:cut]), background())

    assert seen(calm) == seen(wild)
