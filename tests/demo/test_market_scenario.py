"""The opening scene of the demo, seen by the bot's own analysis."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.demo.market import SeededMarket
from bot.demo.market_series import HOUR_MS, MINUTE_MS
from core.analysis import FlagLimits, describe, red_flags
from core.market import Background, Candles, Regime, Side
from core.opinion import Features
from tests.demo.hand_clock import NOON_MS, HandClock

FRAMES = {"15m": 15 * MINUTE_MS, "1h": HOUR_MS, "4h": 4 * HOUR_MS}
LATER = [0, 7, 22]  # minutes after a start at half past


def features_of(market: SeededMarket, symbol: str, at_ms: int) -> Features:
    tick, lot = market.decimals(symbol)
    candles = {}
    for frame, length in FRAMES.items():
        opened = at_ms // length * length
        bars = market.candles(symbol, length, opened - 300 * length, opened - 1, at_ms)
        prices = [column / 10.0**tick for column in (bars.open, bars.high, bars.low, bars.close)]
        rows = np.column_stack([bars.start_ms.astype(float), *prices, bars.volume / 10.0**lot])
        candles[frame] = Candles(symbol, frame, rows)
    background = Background(
        symbol=symbol,
        funding_rate=market.funding(symbol, at_ms).rate,
        funding_interval_h=8.0,
        next_funding_at=None,
        quote_volume_24h=float(market.day(symbol, at_ms).turnover),
        open_interest=float(market.open_interest(symbol, at_ms)),
        at=datetime.fromtimestamp(at_ms / 1000, UTC),
    )
    return describe(symbol, candles, background)


@pytest.mark.parametrize("hour", range(4))
def test_the_default_market_opens_with_a_long_setup_that_no_red_flag_strikes(hour: int) -> None:
    clock = HandClock(NOON_MS + hour * HOUR_MS + 30 * MINUTE_MS)
    market = SeededMarket(clock)

    for minutes in LATER:
        features = features_of(market, "SOLUSDT", clock() + minutes * MINUTE_MS)
        frame = features.frames["1h"]
        assert not red_flags(features, FlagLimits()).strikes(Side.LONG)
        assert features.regime is Regime.TRENDING
        assert frame.adx is not None and frame.adx > 25
        assert frame.rsi is not None and 50 < frame.rsi < 70
        assert frame.volume_ratio is not None and frame.volume_ratio >= 1
        assert frame.ema_fast is not None and frame.ema_slow is not None
        assert frame.close > frame.ema_fast > frame.ema_slow


def test_the_long_setup_lasts_for_the_first_three_hours() -> None:
    clock = HandClock()
    market = SeededMarket(clock)

    for quarter in range(12):
        features = features_of(market, "SOLUSDT", clock() + quarter * 15 * MINUTE_MS)
        assert not red_flags(features, FlagLimits()).strikes(Side.LONG)
        assert features.regime is Regime.TRENDING


def test_the_default_market_opens_with_trending_ranging_and_volatile_symbols_and_struck_ones() -> None:
    clock = HandClock()
    market = SeededMarket(clock)

    seen = {symbol: features_of(market, symbol, clock() + 1_000) for symbol in market.symbols()}

    assert {features.regime for features in seen.values()} == set(Regime)
    struck = [symbol for symbol, each in seen.items() if red_flags(each, FlagLimits()).strike_both]
    assert len(struck) >= 3
