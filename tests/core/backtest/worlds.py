"""Histories, signals and setups for the tests of the backtest."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from core.backtest.engine import Setup, Signals
from core.backtest.history import History
from core.market import Instrument
from core.risk.limits import BreakerLimits, Limits
from core.trading.exits import ExitRules
from tests.core.builders import an_instrument

HOUR_MS = 3_600_000
START_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""
CALM = ExitRules(break_even_after=0, trail_atr=0.0, time_stop_h=0.0, min_profit_usd=0.0)
"""Nothing but the stop and the targets."""


def bars_of(dice: np.random.Generator, count: int, step: float = 0.006, bar_ms: int = HOUR_MS) -> np.ndarray:
    """A random walk from 100, each bar opening at or near the close before."""
    close = 100.0 * np.exp(np.cumsum(dice.normal(0.0, step, count)))
    opened = np.concatenate(([100.0], close[:-1])) * (
        1.0 + dice.normal(0.0, step, count) * (dice.random(count) < 0.1)
    )
    high = np.maximum(opened, close) * (1.0 + np.abs(dice.normal(0.0, step / 2, count)))
    low = np.minimum(opened, close) * (1.0 - np.abs(dice.normal(0.0, step / 2, count)))
    times = START_MS + np.arange(count) * float(bar_ms)
    return np.column_stack([times, opened, high, low, close, np.ones(count)])


def a_history(bars: np.ndarray, symbol: str = "SOL/USDT:USDT", **fields: Any) -> History:
    settled = bars[bars[:, 0] % (8 * HOUR_MS) == 0, 0]
    funding = np.column_stack([settled, np.full(len(settled), 0.0003)])
    return replace(History(symbol, "1h", bars, None, funding, "made"), **fields)


def path(*prices: tuple[float, float, float, float]) -> np.ndarray:
    """Bars of an hour of these open, high, low, close."""
    times = START_MS + np.arange(len(prices)) * float(HOUR_MS)
    return np.column_stack([times, np.array(prices), np.ones(len(prices))])


def said(count: int, **at: int) -> Signals:
    """`b3=1`: long at the close of bar 3."""
    side = np.zeros(count, dtype=np.int8)
    for name, sign in at.items():
        side[int(name[1:])] = sign
    return Signals(side)


def free_limits(**fields: Any) -> Limits:
    """Without costs of the market, cooldown or any rule but the stop and the target."""
    made = Limits(
        slippage=Decimal(0),
        cooldown_s=0.0,
        min_stop=Decimal("0.01"),
        exits=CALM,
        max_open_positions=99,
        min_reward_risk=Decimal(0),
    )
    return replace(made, **fields)


def a_stake(**fields: Any) -> Setup:
    """100 USDT of margin, thrice levered, stop 5 %, target 10 %, nothing shared."""
    made = Setup(limits=free_limits(), stake=100.0, leverage=3, target=0.10, is_shared=False, half_spread=0.0)
    return replace(made, **fields)


def a_free_instrument(**fields: Any) -> Instrument:
    return an_instrument(**{"taker_fee": Decimal(0), "maker_fee": Decimal(0)} | fields)


def a_random_world(
    seed: int,
) -> tuple[list[History], list[Instrument], list[Signals], Setup]:
    """Up to four symbols that share an account; all sorts of rules, some of them begin or end late."""
    dice = np.random.default_rng(seed)
    symbols, count = int(dice.integers(1, 5)), int(dice.integers(30, 260))
    histories, instruments, signals = [], [], []
    for s in range(symbols):
        bars = bars_of(dice, count, float(dice.choice([0.002, 0.006, 0.02])))
        bars = bars[int(dice.integers(0, 10)) : count - int(dice.integers(0, 10))]
        histories.append(a_history(bars, f"S{s}/USDT:USDT"))
        instruments.append(
            an_instrument(
                symbol=f"S{s}/USDT:USDT",
                lot=Decimal(str(dice.choice([0.001, 0.01, 0.1]))),
                min_quantity=Decimal("0.1"),
            )
        )
        signals.append(random_signals(dice, len(bars)))
    return histories, instruments, signals, _random_setup(dice)


def random_signals(dice: np.random.Generator, count: int) -> Signals:
    side = np.where(dice.random(count) < 0.15, dice.choice([-2, -1, 1, 2], count), 0).astype(np.int8)
    stop = np.where(dice.random(count) < 0.5, dice.uniform(0.05, 0.09, count), np.nan)
    target = np.where(dice.random(count) < 0.3, dice.uniform(0.01, 0.08, count), np.nan)
    return Signals(side, stop, target, dice.uniform(0.7, 1.0, count))


def _random_setup(dice: np.random.Generator) -> Setup:
    exits = ExitRules(
        break_even_after=int(dice.integers(0, 2)),
        trail_atr=0.0,
        trail_fraction=float(dice.choice([0.0, 0.02])),
        arm_r=float(dice.choice([0.3, 1.0])),
        time_stop_h=float(dice.choice([0.0, 9.0, 24.5])),
        min_profit_usd=float(dice.choice([0.0, 1.0])),
        nearest_liquidation=float(dice.choice([0.0, 0.05])),
    )
    limits = Limits(
        exits=exits,
        max_open_positions=int(dice.integers(1, 4)),
        cooldown_s=float(dice.choice([0.0, 7200.0])),
        max_consecutive_losses=int(dice.choice([2, 50])),
        daily_loss=Decimal(str(dice.choice([0.02, 0.9]))),
        max_drawdown=Decimal(str(dice.choice([0.05, 0.95]))),
        orange_drawdown=Decimal(str(dice.choice([0.04, 0.9]))),
        yellow_drawdown=Decimal(str(dice.choice([0.02, 0.8]))),
        slippage=Decimal(str(dice.choice([0.0, 0.0005]))),
        min_reward_risk=Decimal(str(dice.choice([0.0, 1.5]))),
        breakers=BreakerLimits(rolling_loss=Decimal(1), policies=()),
    )
    return Setup(
        limits=limits,
        leverage=int(dice.integers(1, 6)),
        capital=float(dice.choice([60.0, 1000.0])),
        half_spread=float(dice.choice([0.0, 0.00005, 0.001])),
        fill_slippage=(None, 0.0002)[int(dice.integers(0, 2))],
    )
