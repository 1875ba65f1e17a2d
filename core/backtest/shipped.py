"""The strategies that come with the bot: plain, well-known ideas to start from and to compare with.

Laws:
- None of them claims to earn anything: a backtest over one's own symbols is all that is known of it.
- Every one is symmetric: mirrored prices give mirrored signals.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine_words import Floats
from core.backtest.strategies import (
    Features,
    Signals,
    Strategy,
    crossed_above,
    graded,
    real,
    sides,
    stop_by_atr,
    whole,
)

GRADED = 20.0
"""So far beyond the least ADX of a trend or the least stretch of an RSI, an entry is as sure as it gets."""
MOST_AVERAGED = 120
"""Bars of the longest average: the 400 of a live scan still give what a long history gives."""
CLOSES = 2
"""Times a sign: closes what is held against it and enters nothing."""


class EmaCross(Strategy):
    """What the speed of backtests is compared with: two averages cross, neither stretched nor without trend.

    Every cross closes what is held against it, also one that enters nothing.
    """

    name = "ema_cross"

    fast: int = whole(12, low=5, high=50)
    slow: int = whole(26, low=10, high=MOST_AVERAGED)
    most_rsi: float = real(70.0, low=55.0, high=90.0)
    """For a long; a short asks for at least as far below 100."""
    least_adx: float = real(20.0, low=0.0, high=40.0)
    stop: float = real(0.05, low=0.05, high=0.10)
    target: float = real(0.10, low=0.05, high=0.40)

    def entries(self, features: Features) -> Signals:
        up, down = _crosses(features, self.fast, self.slow)
        trends, rsi = features.adx() > self.least_adx, features.rsi()
        side = sides(up, down) * np.int8(CLOSES)
        side[up & trends & (rsi < self.most_rsi)] = 1
        side[down & trends & (rsi > 100.0 - self.most_rsi)] = -1
        return Signals(side, _all(features, self.stop), _all(features, self.target))

    def refusal(self) -> str:
        return _order_fault(self.fast, self.slow)


class Trend(Strategy):
    """Follows two averages that cross in the direction of a third, in a market that moves somewhere."""

    fast: int = whole(20, low=5, high=60)
    slow: int = whole(50, low=20, high=100)
    long: int = whole(100, low=50, high=MOST_AVERAGED, step=5)
    least_adx: float = real(20.0, low=10.0, high=40.0)
    stop_atr: float = real(3.0, low=1.0, high=8.0)
    reward: float = real(2.5, low=1.0, high=6.0)
    """Target's distance as a multiple of the stop's."""

    def entries(self, features: Features) -> Signals:
        up, down = _crosses(features, self.fast, self.slow)
        long, adx = features.ema(self.long), features.adx()
        trends = adx > self.least_adx
        side = sides(up, down) * np.int8(CLOSES)
        side[up & trends & (features.close > long)] = 1
        side[down & trends & (features.close < long)] = -1
        stop = stop_by_atr(features, self.stop_atr)
        confidence = graded(adx, self.least_adx, self.least_adx + GRADED)
        return Signals(side, stop, self.reward * stop, confidence)

    def refusal(self) -> str:
        return _order_fault(self.fast, self.slow) or _order_fault(self.slow, self.long, "slow", "long")


class MeanReversion(Strategy):
    """Fades a close that comes back into Bollinger's bands, in a market without a trend.

    Once the close is past the middle, what was held towards it is closed.
    """

    name = "mean_reversion"

    bars: int = whole(20, low=10, high=100)
    deviations: float = real(2.0, low=1.0, high=4.0)
    stretched_rsi: float = real(35.0, low=15.0, high=45.0)
    """For a long, within the last bars outside of the bands; a short asks for as far below 100."""
    most_adx: float = real(25.0, low=10.0, high=60.0)
    stop: float = real(0.05, low=0.05, high=0.10)
    target: float = real(0.10, low=0.05, high=0.20)

    def entries(self, features: Features) -> Signals:
        low, mid, high = features.bands(self.bars, self.deviations)
        close, rsi, calm = features.close, features.rsi(), features.adx() < self.most_adx
        side = sides(crossed_above(mid, close), crossed_above(close, mid)) * np.int8(CLOSES)
        up = crossed_above(close, low) & calm & (_before(rsi) < self.stretched_rsi)
        down = crossed_above(high, close) & calm & (_before(rsi) > 100.0 - self.stretched_rsi)
        side = np.where(up | down, sides(up, down), side).astype(np.int8)
        stretch, least = np.abs(_before(rsi) - 50.0), 50.0 - self.stretched_rsi
        confidence = graded(stretch, least, least + GRADED)
        return Signals(side, _all(features, self.stop), _all(features, self.target), confidence)


class Breakout(Strategy):
    """A close beyond everything of the last bars, with more volume than usual."""

    bars: int = whole(55, low=10, high=300, log=True)
    volume_bars: int = whole(20, low=5, high=100)
    least_volume: float = real(1.5, low=0.5, high=5.0)
    """As a multiple of its average before."""
    stop_atr: float = real(3.0, low=1.0, high=8.0)
    reward: float = real(3.0, low=1.0, high=8.0)
    """Target's distance as a multiple of the stop's."""

    def entries(self, features: Features) -> Signals:
        volume = features.keep(
            "volume_ratio", lambda bars: _volume_ratio(features, int(bars)), self.volume_bars
        )
        busy = volume >= self.least_volume
        up = busy & (features.close > _before(features.highest(self.bars)))
        down = busy & (features.close < _before(features.lowest(self.bars)))
        stop = stop_by_atr(features, self.stop_atr)
        confidence = graded(volume, self.least_volume, 3.0 * self.least_volume)
        return Signals(sides(up, down), stop, self.reward * stop, confidence)


class Random(Strategy):
    """Throws dice at every bar: what the exits and the costs make of no judgement at all.

    What it says of a bar depends on the seed, the symbol and the bar's time, and on nothing else.
    """

    seed: int = whole(1, low=0, high=1_000_000)
    every: float = real(50.0, low=2.0, high=5_000.0, log=True)
    """Bars between two entries, on average."""
    symbol_mark: int = 0

    def entries(self, features: Features) -> Signals:
        key = (self.seed << 32) + self.symbol_mark
        drawn = _dice(features.time_ms, key)
        chosen = drawn < 1.0 / self.every
        is_long = _dice(features.time_ms, key + (1 << 63)) < 0.5
        return Signals(sides(chosen & is_long, chosen & ~is_long))

    def of(self, symbol: str) -> Random:
        return Random(self.seed, self.every, crc32(symbol.encode()))


SHIPPED: dict[str, type[Strategy]] = {
    one.name: one for one in (Trend, MeanReversion, Breakout, Random, EmaCross)
}
"""By name; `recorded` is made from a journal instead."""


def _crosses(features: Features, fast: int, slow: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    one, other = features.ema(fast), features.ema(slow)
    return crossed_above(one, other), crossed_above(other, one)


def _order_fault(less: int, more: int, less_name: str = "fast", more_name: str = "slow") -> str:
    return "" if less < more else f"{less_name} {less} must be below {more_name} {more}"


def _before(values: Floats) -> Floats:
    """Of the bar before each."""
    return np.concatenate((np.full(min(len(values), 1), np.nan), values[:-1]))


def _all(features: Features, value: float) -> Floats:
    return np.full(len(features), value)


def _volume_ratio(features: Features, bars: int) -> Floats:
    """Of each bar to the average of those before it; NaN where nothing was traded."""
    usual = _before(_smoothed(features, bars))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usual > 0.0, features.volume / usual, np.nan)


def _smoothed(features: Features, bars: int) -> Floats:
    """Mean of the last `bars` volumes; NaN in warm-up."""
    volume = features.volume
    out = np.full(len(volume), np.nan)
    if len(volume) >= bars:
        out[bars - 1 :] = np.lib.stride_tricks.sliding_window_view(volume, bars).mean(axis=1)
    return out


def _dice(time_ms: Floats, key: int) -> Floats:
    """0..1 for each bar, even, without memory: SplitMix64's finaliser (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = (time_ms.astype(np.uint64) + np.uint64(key)) * np.uint64(0x9E3779B97F4A7C15)
        for _ in range(2):  # neighbouring keys must not give neighbouring streams
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
