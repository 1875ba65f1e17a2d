"""Markets without and with something to be found in them, and strategies that find it or don't."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from core.backtest.engine import Setup, Signals, run
from core.backtest.engine_past import Past, past_of
from core.backtest.features import Features, crossed_above
from core.backtest.judgement import Judged, Search, judge
from core.backtest.verdict_words import Ruling
from core.risk.limits import BreakerLimits, Limits
from core.trading.exits import ExitRules
from tests.core.backtest.worlds import HOUR_MS, START_MS, a_history
from tests.core.builders import an_instrument

YEAR = 8_760
"""Bars of an hour."""
PLANTED_BARS = 24
EXITS = ExitRules(break_even_after=0, trail_atr=0.0, time_stop_h=48.0, min_profit_usd=0.0)


@dataclass(frozen=True)
class Case:
    past: Past
    signals: tuple[Signals, ...]
    setup: Setup

    def judged(self, seed: int = 0, runs: int = 200, search: Search | None = None) -> Judged:
        found = run(self.past, self.signals, self.setup)
        return judge(found, self.past, self.signals, self.setup, seed=seed, runs=runs, search=search)


def a_market(dice: np.random.Generator, count: int, drift: np.ndarray | None = None) -> np.ndarray:
    """A random walk whose calm and wild times follow each other, as real ones do; fat tails."""
    mood = np.zeros(count)
    shocks = dice.normal(0.0, 0.12, count)
    for i in range(1, count):
        mood[i] = 0.98 * mood[i - 1] + shocks[i]
    steps = 0.006 * np.exp(mood - 0.09) * dice.standard_t(5, count) * np.sqrt(3 / 5)
    steps = np.clip(steps + (0.0 if drift is None else drift), -0.2, 0.2)
    close = 100.0 * np.exp(np.cumsum(steps))
    opened = np.concatenate(([100.0], close[:-1]))
    reach = 0.5 * np.abs(steps) * dice.random((2, count)) + 0.001
    high, low = np.maximum(opened, close) * (1 + reach[0]), np.minimum(opened, close) * (1 - reach[1])
    times = START_MS + np.arange(count) * float(HOUR_MS)
    return np.column_stack([times, opened, high, low, close, np.ones(count)])


def free(**fields: object) -> Setup:
    """Sized by risk, no fees and no breaker: luck is not hidden behind costs."""
    limits = Limits(
        slippage=Decimal(0),
        cooldown_s=0.0,
        exits=EXITS,
        max_open_positions=4,
        max_consecutive_losses=10_000,
        daily_loss=Decimal(1),
        max_drawdown=Decimal(1),
        orange_drawdown=Decimal(1),
        yellow_drawdown=Decimal(1),
        risk_per_trade=Decimal("0.01"),
        breakers=BreakerLimits(rolling_loss=Decimal(1)),
    )
    return replace(Setup(limits=limits, half_spread=0.0), **fields)  # type: ignore[arg-type]


def past_from(markets: list[np.ndarray], fee: str = "0") -> Past:
    histories = [replace(a_history(bars, f"S{s}/USDT:USDT"), funding=None) for s, bars in enumerate(markets)]
    fees = {"taker_fee": Decimal(fee), "maker_fee": Decimal(fee)}
    return past_of(histories, [an_instrument(symbol=one.symbol, **fees) for one in histories])


def dice_alone(seed: int, count: int = YEAR, symbols: int = 1) -> Case:
    """Sides and times out of a hat."""
    dice = np.random.default_rng([1, seed])
    past = past_from([a_market(dice, count) for _ in range(symbols)])
    sides = [np.where(dice.random(count) < 0.03, dice.choice([-1, 1], count), 0) for _ in range(symbols)]
    return Case(past, tuple(Signals(side.astype(np.int8)) for side in sides), free())


def trend_without_trends(seed: int, count: int = YEAR) -> Case:
    """Averages that cross, in a market that remembers nothing but how wild it is."""
    dice = np.random.default_rng([2, seed])
    bars = a_market(dice, count)
    features = Features(bars)
    fast, slow = features.ema(12), features.ema(26)
    side = crossed_above(fast, slow).astype(np.int8) - crossed_above(slow, fast).astype(np.int8)
    return Case(past_from([bars]), (Signals(side),), free())


def crowd_without_skill(seed: int, count: int = YEAR) -> Case:
    """Three coins that move together, entered together at random."""
    dice = np.random.default_rng([3, seed])
    common = a_market(dice, count)
    markets = []
    for _ in range(3):
        own = np.exp(np.cumsum(dice.normal(0.0, 0.002, count)))
        prices = common[:, 1:5] * own[:, None]
        prices[1:, 0] = prices[:-1, 3]
        prices[:, 1], prices[:, 2] = prices.max(axis=1), prices.min(axis=1)
        markets.append(np.column_stack([common[:, 0], prices, common[:, 5]]))
    side = np.where(dice.random(count) < 0.02, dice.choice([-1, 1], count), 0).astype(np.int8)
    return Case(past_from(markets), (Signals(side),) * 3, free())


def rising_tide(seed: int, count: int = YEAR) -> Case:
    """Long at random times while everything rises."""
    dice = np.random.default_rng([5, seed])
    side = (dice.random(count) < 0.02).astype(np.int8)
    past = past_from([a_market(dice, count, np.full(count, 0.0002))])
    return Case(past, (Signals(side),), free())


def planted(seed: int, edge: float = 0.0008, count: int = YEAR) -> Case:
    """After each signal the price drifts its way by `edge` an hour for a day; fees and slippage are paid."""
    dice = np.random.default_rng([4, seed])
    side = np.where(dice.random(count) < 0.03, dice.choice([-1, 1], count), 0).astype(np.int8)
    drift, left, sign = np.zeros(count), 0, 0
    for i in range(count - 1):
        if left == 0 and side[i]:
            left, sign = PLANTED_BARS, int(side[i])
        if left > 0:
            drift[i + 1], left = sign * edge, left - 1
    setup = free()
    limits = replace(setup.limits, slippage=Decimal("0.0002"))
    return Case(
        past_from([a_market(dice, count, drift)], "0.0005"), (Signals(side),), replace(setup, limits=limits)
    )


def is_found(judged: Judged) -> bool:
    return judged.verdict.ruling is Ruling.BEATS_LUCK
