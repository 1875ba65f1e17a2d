"""Every feature there is, read by one strategy that wants nothing: what checks strategies checks them."""

from __future__ import annotations

import numpy as np

from core.backtest.strategies import Features, Signals, Strategy

AVERAGES = (12, 26, 200)
REACHES = (20, 55)


class EveryFeature(Strategy):
    def entries(self, features: Features) -> Signals:
        for bars in AVERAGES:
            features.ema(bars)
        for bars in REACHES:
            features.highest(bars)
            features.lowest(bars)
        features.rsi()
        features.atr()
        features.adx()
        features.bands()
        features.obv()
        return Signals(np.zeros(len(features), dtype=np.int8))
