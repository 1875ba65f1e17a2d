from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis import FlagLimits, describe, red_flags
from core.market import Regime, Side, from_ms
from core.opinion import Features, Flag, FrameFeatures, Stance
from tests.core.analysis.bars import NOON_MS, SYMBOL, background, walked_frames

LONG, SHORT, HOLD = Stance.LONG, Stance.SHORT, Stance.HOLD
LIMITS = FlagLimits()
ALL_OFF = {f"is_{name}_on": False for name in
           ("rsi", "volume", "middle", "divergence", "volatile", "timeframes", "funding")}  # fmt: skip


def frame(timeframe: str, **changes: Any) -> FrameFeatures:
    calm = FrameFeatures(
        timeframe=timeframe,
        close=109.0,
        rsi=60.0,
        macd=1.0,
        macd_signal=0.5,
        macd_histogram=0.5,
        bollinger_low=95.0,
        bollinger_mid=105.0,
        bollinger_high=115.0,
        ema_fast=106.0,
        ema_slow=104.0,
        sma_long=100.0,
        atr=1.5,
        adx=30.0,
        obv_slope=0.2,
        volume_ratio=1.1,
        divergence=None,
        swing_low=101.0,
        swing_high=110.0,
        lean=LONG,
    )
    return replace(calm, **changes)


def calm(hourly: dict[str, Any] | None = None, **changes: Any) -> Features:
    """Nothing strikes a long; the timeframes strike the short."""
    features = Features(
        symbol=SYMBOL,
        bar_closed_at=from_ms(NOON_MS),
        frames={"15m": frame("15m"), "1h": frame("1h", **(hourly or {})), "4h": frame("4h")},
        regime=Regime.TRENDING,
        support=100.0,
        resistance=110.0,
        funding_per_8h=0.0001,
        quote_volume_24h=1e9,
        open_interest=None,
    )
    return replace(features, **changes)


def leaning(*stances: Stance) -> Features:
    frames = {tf: frame(tf, lean=stance) for tf, stance in zip(("15m", "1h", "4h"), stances, strict=True)}
    return calm(frames=frames)


def named(features: Features, name: str, limits: FlagLimits = LIMITS) -> list[Flag]:
    return [flag for flag in red_flags(features, limits).struck if flag.name == name]


def test_a_calm_uptrend_is_open_for_a_long_and_struck_for_a_short() -> None:
    flags = red_flags(calm(), LIMITS)

    assert not flags.strikes(Side.LONG)
    assert flags.strikes(Side.SHORT)
    assert not flags.strike_both


@pytest.mark.parametrize("rsi", [80.01, 19.99, 100.0, 0.0])
def test_rsi_beyond_its_bounds_strikes_both(rsi: float) -> None:
    features = calm({"rsi": rsi})

    assert named(features, "rsi") == [Flag("rsi", f"{rsi:.1f}", "20 to 80", None)]
    assert red_flags(features, LIMITS).strike_both


@pytest.mark.parametrize("rsi", [80.0, 20.0, 50.0])
def test_rsi_at_its_bounds_does_not_strike(rsi: float) -> None:
    assert named(calm({"rsi": rsi}), "rsi") == []


def test_volume_under_half_its_mean_strikes_both() -> None:
    assert named(calm({"volume_ratio": 0.49}), "volume") == [
        Flag("volume", "0.49x", "at least 0.5x the mean of 20", None)
    ]
    assert named(calm({"volume_ratio": 0.5}), "volume") == []


@pytest.mark.parametrize("close", [103.5, 105.0, 106.5])
def test_price_in_the_middle_between_the_levels_strikes_both(close: float) -> None:
    features = calm()
    features = replace(features, frames=features.frames | {"15m": frame("15m", close=close)})

    (flag,) = named(features, "middle")

    assert flag.strikes is None
    assert flag.value == f"{(close - 100) / 10:.1%} of the way from 100 to 110"
    assert flag.threshold == "outside 35% to 65% of the way"


@pytest.mark.parametrize("close", [100.1, 103.49, 106.51, 109.9])
def test_price_near_a_level_does_not_strike(close: float) -> None:
    features = calm()

    assert (
        named(replace(features, frames=features.frames | {"15m": frame("15m", close=close)}), "middle") == []
    )


@pytest.mark.parametrize("levels", [{"resistance": None}, {"support": None}])
def test_at_the_edge_of_its_range_a_price_is_in_no_middle(levels: dict[str, None]) -> None:
    assert named(calm(**levels), "middle") == []


def test_without_any_level_the_middle_is_unknown_and_strikes() -> None:
    (flag,) = named(calm(support=None, resistance=None), "middle")

    assert (flag.value, flag.strikes) == ("n/a", None)


@pytest.mark.parametrize(("side", "word"), [(Side.LONG, "bullish"), (Side.SHORT, "bearish")])
def test_a_divergence_of_either_kind_strikes_both(side: Side, word: str) -> None:
    assert named(calm({"divergence": side}), "divergence") == [Flag("divergence", word, "none", None)]


def test_a_volatile_regime_strikes_both_unless_allowed() -> None:
    features = calm(regime=Regime.VOLATILE)

    (flag,) = named(features, "volatile")

    assert flag.strikes is None
    assert flag.value == "1h ATR 1.38% of price"
    assert named(features, "volatile", FlagLimits(allow_volatile=True)) == []


def test_an_unknown_regime_strikes_even_where_volatile_is_allowed() -> None:
    features = calm(regime=Regime.VOLATILE, missing=("regime",))

    (flag,) = named(features, "volatile", FlagLimits(allow_volatile=True))

    assert (flag.value, flag.strikes) == ("n/a", None)


@pytest.mark.parametrize(
    ("stances", "struck"),
    [
        ((LONG, LONG, LONG), [Side.SHORT]),
        ((LONG, LONG, SHORT), [Side.SHORT]),
        ((SHORT, HOLD, SHORT), [Side.LONG]),
        ((LONG, HOLD, HOLD), [Side.LONG, Side.SHORT]),
        ((LONG, SHORT, HOLD), [Side.LONG, Side.SHORT]),
    ],
)
def test_a_side_with_fewer_than_two_timeframes_is_struck(
    stances: tuple[Stance, Stance, Stance], struck: list[Side]
) -> None:
    features = leaning(*stances)

    assert [flag.strikes for flag in named(features, "timeframes")] == struck
    assert red_flags(features, LIMITS).strike_both is (len(struck) == 2)


def test_the_timeframes_flag_tells_how_many_lean() -> None:
    (flag,) = named(leaning(LONG, SHORT, LONG), "timeframes")

    assert flag == Flag("timeframes", "1 of 3 lean short", "at least 2", Side.SHORT)


@pytest.mark.parametrize(("rate", "payer"), [(0.0011, Side.LONG), (-0.0011, Side.SHORT)])
def test_dear_funding_strikes_the_side_that_pays(rate: float, payer: Side) -> None:
    (flag,) = named(calm(funding_per_8h=rate), "funding")

    assert flag == Flag("funding", f"{rate:+.3%}", "at most 0.100% per 8 h to pay", payer)


@pytest.mark.parametrize("rate", [0.001, -0.001, 0.0])
def test_funding_at_its_bound_does_not_strike(rate: float) -> None:
    assert named(calm(funding_per_8h=rate), "funding") == []


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("rsi", calm({"rsi": None})),
        ("rsi", calm({"rsi": float("nan")})),
        ("volume", calm({"volume_ratio": None})),
        ("volume", calm({"volume_ratio": float("nan")})),
        ("divergence", calm({"macd": None})),
        ("funding", calm(funding_per_8h=None)),
        ("funding", calm(funding_per_8h=float("nan"))),
        ("middle", calm(support=float("nan"))),
    ],
)
def test_what_is_unknown_strikes_both(name: str, features: Features) -> None:
    (flag,) = named(features, name)

    assert flag.strikes is None
    assert red_flags(features, LIMITS).strike_both


STRIKING = {
    "rsi": calm({"rsi": 90.0}),
    "volume": calm({"volume_ratio": 0.1}),
    "middle": calm(support=None, resistance=None),
    "divergence": calm({"divergence": Side.LONG}),
    "volatile": calm(regime=Regime.VOLATILE),
    "timeframes": leaning(HOLD, HOLD, HOLD),
    "funding": calm(funding_per_8h=0.01),
}


@pytest.mark.parametrize("name", STRIKING)
def test_each_flag_can_be_switched_off_alone(name: str) -> None:
    off = FlagLimits(**{f"is_{name}_on": False})  # type: ignore[arg-type]

    assert named(STRIKING[name], name)
    assert not named(STRIKING[name], name, off)


@pytest.mark.parametrize(
    ("limits", "features", "name"),
    [
        (FlagLimits(rsi_high=70), calm({"rsi": 71.0}), "rsi"),
        (FlagLimits(rsi_low=30), calm({"rsi": 29.0}), "rsi"),
        (FlagLimits(min_volume_ratio=1.2), calm(), "volume"),
        (FlagLimits(middle_share=0.9), calm(), "middle"),
        (FlagLimits(min_frames_leaning=3), leaning(LONG, LONG, HOLD), "timeframes"),
        (FlagLimits(max_funding_per_8h=0.00005), calm(), "funding"),
    ],
)
def test_every_threshold_can_be_set(limits: FlagLimits, features: Features, name: str) -> None:
    assert len(named(features, name, limits)) > len(named(features, name))


@pytest.mark.parametrize(
    "impossible",
    [
        {"rsi_low": 80.0, "rsi_high": 20.0},
        {"rsi_high": 101.0},
        {"rsi_low": float("nan")},
        {"min_volume_ratio": -0.1},
        {"min_volume_ratio": float("nan")},
        {"middle_share": 30.0},
        {"min_frames_leaning": 4},
        {"max_funding_per_8h": 10.0},
    ],
)
def test_impossible_limits_are_refused(impossible: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        FlagLimits(**impossible)  # type: ignore[arg-type]


def test_a_young_coin_is_struck_on_both_sides() -> None:
    flags = red_flags(describe(SYMBOL, walked_frames(bars=12), None), LIMITS)

    assert flags.strike_both
    assert {flag.name for flag in flags.struck if flag.value == "n/a"} == {
        "rsi", "volume", "middle", "divergence", "volatile", "funding",
    }  # fmt: skip


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.002, -0.002]))
def test_with_every_flag_off_nothing_strikes(seed: int, drift: float) -> None:
    features = describe(SYMBOL, walked_frames(seed, 60, drift), background())

    assert red_flags(features, FlagLimits(**ALL_OFF)).struck == ()  # type: ignore[arg-type]
