"""Machine code for everything that a backtest asks, made ahead of the first one and kept on disk."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from core.backtest.assumed import assumed_instrument
from core.backtest.baselines import Shuffle
from core.backtest.engine import Setup, run
from core.backtest.engine_past import past_of
from core.backtest.features import Features
from core.backtest.history import History
from core.backtest.shipped import SHIPPED
from core.backtest.strategies import signals_of
from core.market import Tier

BARS = 400
HOUR_MS = 3_600_000
TIER = Tier(Decimal(0), Decimal(10**9), 20, Decimal("0.01"), Decimal(0))


def compile_all() -> None:
    """A minute or more of computing where nothing is kept yet, else a second; nothing where numba is not."""
    history = _made_up()
    past = past_of([history], [assumed_instrument(history, (TIER,))])
    features = Features(past.parts[0].bars)
    signals = [signals_of(strategy(), "made up", features) for strategy in SHIPPED.values()]
    for said in signals:
        run(past, [said], Setup())
    Shuffle(past, signals[:1]).dealt(np.random.default_rng(0))


def _made_up() -> History:
    dice = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(dice.normal(0.0, 0.01, BARS)))
    opened = np.concatenate(([100.0], close[:-1]))
    times = np.arange(BARS) * float(HOUR_MS)
    bars = np.column_stack(
        [times, opened, np.maximum(opened, close), np.minimum(opened, close), close, np.ones(BARS)]
    )
    return History("made up", "1h", bars, None, np.column_stack([times[::8], np.full(BARS // 8, 1e-4)]), "")
