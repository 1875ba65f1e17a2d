"""Bets and price paths for the tests of the rule book."""

from __future__ import annotations

import os
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.trading.exits import ExitRules, price_at_r
from core.trading.exits_bet import Bet, Lots, Prices, Walk, ladder
from core.trading.exits_walk import walk_bar

RULES = ExitRules()
BAR_S = 900.0
NO_TARGETS = np.zeros(0)
NO_LOTS = np.zeros(0, dtype=np.int64)
NO_DATA = "PERPILOT_DATA names no folder with recorded candles"


def a_bet(sign: int = 1, **changes: float) -> Bet:
    """Entry 100, stop 5 away, costs of 0.1 %: R is 5.1 a coin, break-even 0.1 beyond the entry."""
    bet = Bet(
        sign=sign,
        entry=100.0,
        first_stop=100.0 - 5.0 * sign,
        atr=1.0,
        cost=0.001,
        tick=0.01,
        lots=10,
        lot=1.0,
    )
    return bet._replace(**changes)  # type: ignore[arg-type]


def rungs(bet: Bet, *multiples: float) -> tuple[Prices, Lots]:
    """Targets at these R, of equal shares."""
    prices = [price_at_r(bet.entry, bet.first_stop, bet.sign, bet.cost, r) for r in multiples]
    return np.array(prices), ladder(bet.lots, np.full(len(prices), 1.0 / max(len(prices), 1)), 1)


def bars_walked(
    bet: Bet,
    walk: Walk,
    *bars: tuple[float, float, float, float],
    rules: ExitRules = RULES,
    targets: Prices = NO_TARGETS,
    lots: Lots = NO_LOTS,
    liquidation: float = 0.0,
) -> Walk:
    """Bars as (open, high, low, close), as a long sees them; for a short they are mirrored at 100."""
    for open_, high, low, close in bars:
        path = (
            (open_, high, low, close)
            if bet.sign > 0
            else (200.0 - open_, 200.0 - low, 200.0 - high, 200.0 - close)
        )
        walk = walk_bar(rules, bet, walk, targets, lots, *path, BAR_S, liquidation)
    return walk


def random_trade(
    dice: np.random.Generator,
) -> tuple[ExitRules, Bet, Prices, Lots, NDArray[np.float64], float]:
    """Rules, bet, targets, their lots, bars and a liquidation price; all sorts, gaps and wild bars too."""
    rules = RULES._replace(
        break_even_after=int(dice.integers(0, 3)),
        trail_atr=float(dice.choice([0.0, 0.7, 2.5])),
        trail_fraction=float(dice.choice([0.0, 0.01, 0.05])),
        arm_r=float(dice.choice([0.0, 0.5, 1.0])),
        step_r=float(dice.choice([0.0, 0.1])),
        time_stop_h=float(dice.choice([0.0, 4.0, 72.0])),
        nearest_liquidation=float(dice.choice([0.0, 0.05])),
    )
    entry = float(10.0 ** dice.uniform(-5, 5))
    sign = int(dice.choice([1, -1]))
    stop = entry * (1.0 - sign * float(dice.uniform(0.01, 0.10)))
    bet = Bet(
        sign=sign,
        entry=entry,
        first_stop=stop,
        atr=float(dice.choice([nan, entry * dice.uniform(0.001, 0.03)])),
        cost=float(dice.uniform(0.0, 0.003)),
        tick=entry * float(dice.choice([1e-6, 1e-4, 1e-3])),
        lots=int(dice.integers(1, 1000)),
        lot=float(dice.choice([0.001, 1.0])),
    )
    multiples = np.sort(dice.uniform(0.2, 5.0, int(dice.integers(0, 4))))
    targets, lots = rungs(bet, *(float(r) for r in multiples))
    liquidation = float(dice.choice([0.0, entry * (1.0 - sign * dice.uniform(0.03, 0.4))]))
    return rules, bet, targets, lots, random_bars(dice, entry, int(dice.integers(1, 80))), liquidation


def random_bars(dice: np.random.Generator, start: float, count: int) -> NDArray[np.float64]:
    """(count, 6) float64; each bar opens near the close before, now and then far from it."""
    steps = dice.normal(0.0, dice.uniform(0.001, 0.03), (count, 4))
    steps[:, 0] *= dice.choice([0.0, 0.1, 3.0], count, p=[0.6, 0.3, 0.1])
    path = start * np.exp(np.cumsum(steps)).reshape(count, 4)
    times = np.arange(count) * BAR_S * 1000.0
    return np.column_stack(
        [times, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], np.ones(count)]
    )


def recorded(name: str) -> NDArray[np.float64]:
    """Recorded candles, such as `BTCUSDT-1h`, `(n, 6) float64`; skips the test where there are none."""
    folder = Path(os.environ.get("PERPILOT_DATA", ""), "candles")
    if not os.environ.get("PERPILOT_DATA") or not folder.is_dir():
        pytest.skip(NO_DATA)
    return pd.read_csv(folder / f"{name}.csv.gz").to_numpy(dtype=np.float64)
