"""Random worlds that the full simulation and the fast engine can both play."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine import Setup
from core.backtest.shipped import Random
from core.backtest.strategies import Strategy
from core.market import to_ms
from core.risk.limits import BreakerLimits, Limits
from core.sim.history import Funding, aggregate
from core.trading.exits import ExitRules
from tests.core.backtest.side_by_side import BAR_MS, World
from tests.core.builders import SOL, an_instrument
from tests.core.sim.stage import WARM_UP, _instrument, _symbol, recorded_candles, recorded_funding

D = Decimal
START = datetime(2026, 3, 2, tzinfo=UTC)
BEFORE = 400
"""Bars of the past: four days, so that the 1h ATR and its swings are known."""
HOUR_MS = 3_600_000
TICK = 0.01
COOLDOWN_S = 1770.0
STREAK_H = 23.99
"""Both end a little before a bar opens: what takes a second to be proved is closed a second after an open."""
NO_BREAKERS = BreakerLimits(
    rolling_loss=D(1),
    consecutive_cooldown_h=STREAK_H,
    price_shock_atr=1e9,
    liquidation_distance=D(0),
    funding_per_8h=1.0,
)
NO_LIMITS = Limits(
    max_leverage=2,
    min_score=0.0,
    min_reward_risk=D(0),
    min_profit_usd=D(0),
    max_bar_drift_atr=D(10**6),
    volatile_size=D(1),
    allow_volatile=True,
    max_consecutive_losses=10**6,
    daily_loss=D(1),
    max_drawdown=D(1),
    yellow_drawdown=D(1),
    orange_drawdown=D(1),
    max_spread=D("0.01"),
    breakers=NO_BREAKERS,
    is_exit_opinion_on=False,
)
"""Nothing but the rule book, the size and the cooldown."""


def bars_of(
    dice: np.random.Generator,
    count: int,
    step: float,
    *,
    gaps: float = 0.1,
    crashes: float = 0.0,
    before: int = BEFORE,
) -> NDArray[np.float64]:
    """A calm past, then a random walk of `step` a bar, on the tick; of its bars `gaps` open with a jump, and
    `crashes` with one of a sixth or more; half as many reach far up or down inside."""
    whole = before + count
    scale = np.where(np.arange(whole) < before, 0.001, step)
    close = 100.0 * np.exp(np.cumsum(dice.normal(0.0, 1.0, whole) * scale))
    jumps = dice.normal(0.0, 1.0, whole) * scale * (dice.random(whole) < gaps)
    if crashes > 0.0:
        crash = dice.choice([-1.0, 1.0], whole) * dice.uniform(0.15, 0.6, whole)
        jumps += crash * (dice.random(whole) < crashes) * (np.arange(whole) >= before)
    opened = np.concatenate(([100.0], close[:-1])) * (1.0 + jumps)
    reach = np.abs(dice.normal(0.0, 0.5, (2, whole))) * scale
    high = np.maximum(opened, close) * (1.0 + reach[0])
    low = np.minimum(opened, close) * (1.0 - reach[1])
    if crashes > 0.0:
        wicks = dice.uniform(0.1, 0.6, (2, whole)) * (dice.random((2, whole)) < crashes / 2)
        wicks *= np.arange(whole) >= before
        high, low = high * (1.0 + wicks[0]), low * (1.0 - wicks[1])
    prices = np.round(np.maximum(np.stack([opened, high, low, close]), 1.0) / TICK) * TICK
    times = to_ms(START) + (np.arange(whole) - before) * float(BAR_MS)
    return np.column_stack([times, *np.round(prices, 2), np.full(whole, 1000.0)])


def funding_of(dice: np.random.Generator, last: datetime, *, every_h: int, size: float) -> Funding:
    """Stamped a few milliseconds late, as venues do."""
    at = np.arange(to_ms(START) - 3 * 24 * HOUR_MS, to_ms(last), every_h * HOUR_MS)
    return Funding(at + dice.integers(0, 9, len(at)), np.round(dice.normal(0.0, size, len(at)), 8))


def a_world(seed: int, **fields: object) -> World:
    """One to three symbols that share an account, all sorts of exits."""
    dice = np.random.default_rng([7, seed])
    symbols, count = int(dice.integers(1, 4)), int(dice.integers(16, 40))
    step, last = float(dice.choice([0.01, 0.02, 0.03])), START
    last += timedelta(milliseconds=count * BAR_MS)
    names = [f"S{place}/USDT:USDT" for place in range(symbols)]
    gaps = float(dice.choice([0.1, 0.9]))
    bars = {name: bars_of(dice, count, step, gaps=gaps) for name in names}
    funding = {name: funding_of(dice, last, every_h=int(dice.choice([1, 8])), size=0.0005) for name in names}
    lot = D(str(dice.choice([0.001, 0.01, 0.1])))
    instruments = {name: an_instrument(symbol=name, lot=lot, min_quantity=lot) for name in names}
    limits = some_limits(dice, NO_LIMITS)
    setup = Setup(limits=limits, leverage=2, turns=False, capital=float(dice.choice([200.0, 1000.0])))
    world = World(bars, instruments, Random(seed, 4.0 * symbols), START, last, setup, funding)
    return replace(world, **fields)  # type: ignore[arg-type]


def a_strict_world(seed: int, **fields: object) -> World:
    """Every limit within reach, leverage by regime, and a midnight for the breakers to reopen."""
    dice = np.random.default_rng([8, seed])
    symbols, count = int(dice.integers(1, 3)), 150
    last = START + timedelta(milliseconds=count * BAR_MS)
    names = [f"S{place}/USDT:USDT" for place in range(symbols)]
    step = float(dice.choice([0.01, 0.015]))
    bars = {name: bars_of(dice, count, step, gaps=float(dice.choice([0.1, 0.9]))) for name in names}
    funding = {name: funding_of(dice, last, every_h=8, size=0.0003) for name in names}
    instruments = {name: an_instrument(symbol=name, lot=D("0.01"), min_quantity=D("0.01")) for name in names}
    limits = strict_limits(dice)
    setup = Setup(limits=limits, turns=False, capital=1000.0)
    world = World(bars, instruments, Random(seed, 3.0 * symbols), START, last, setup, funding)
    return replace(world, **fields)  # type: ignore[arg-type]


def a_levered_world(seed: int, **fields: object) -> World:
    """Stops so far away that guard and liquidation come first, in a market that jumps."""
    dice = np.random.default_rng([9, seed])
    last = START + timedelta(milliseconds=40 * BAR_MS)
    bars = {SOL: bars_of(dice, 40, 0.03, gaps=0.3, crashes=0.2)}
    exits = ExitRules(
        scalp_stop=0.485,
        swing_stop=0.485,
        swing_stop_most=0.485,
        trail_atr=0.0,
        time_stop_h=0.0,
        nearest_liquidation=float(dice.choice([0.0, 0.05])),
    )
    limits = replace(
        NO_LIMITS,
        max_leverage=3,
        max_stop=D("0.60"),
        min_liquidation_distance=D("0.01"),
        liquidation_per_stop=D(1),
        targets=((D("0.3"), D("0.5")), (D("0.6"), D("0.5"))),
        exits=exits,
        cooldown_s=0.0,
    )
    setup = Setup(limits=limits, turns=False, capital=1000.0)
    funding = {SOL: funding_of(dice, last, every_h=1, size=0.0005)}
    instruments = {SOL: an_instrument(lot=D("0.01"), min_quantity=D("0.01"))}
    world = World(bars, instruments, Random(seed, 3.0), START, last, setup, funding)
    return replace(world, **fields)  # type: ignore[arg-type]


REAL = ("BTC", "ETH", "SOL", "XRP")
DAILY_LIMITS = Limits(
    cooldown_s=COOLDOWN_S,
    max_open_positions=3,
    min_score=0.0,
    allow_volatile=True,
    max_consecutive_losses=6,
    daily_loss=D("0.08"),
    max_drawdown=D("0.5"),
    orange_drawdown=D("0.45"),
    min_stop=D("0.01"),
    exits=ExitRules(scalp_stop=0.012, swing_stop=0.015, swing_stop_most=0.02, time_stop_h=24.0),
    breakers=NO_BREAKERS,
    is_exit_opinion_on=False,
)
"""As delivered, but for more places, nearer stops and so much patience that something happens."""


def a_real_world(first: datetime, days: int, strategy: Strategy, **fields: object) -> World:
    """Recorded candles and funding of four coins; skips where there are none."""
    last = first + timedelta(days=days)
    bars = {}
    for base in REAL:
        rows = recorded_candles(base)
        within = (rows[:, 0] >= to_ms(first - WARM_UP)) & (rows[:, 0] < to_ms(last))
        bars[_symbol(base)] = aggregate(rows[within], BAR_MS)
    funding = {_symbol(base): recorded_funding(base) for base in REAL}
    instruments = {_symbol(base): _instrument(base) for base in REAL}
    setup = Setup(limits=DAILY_LIMITS, turns=False, capital=1000.0)
    world = World(bars, instruments, strategy, first, last, setup, funding)
    return replace(world, **fields)  # type: ignore[arg-type]


def strict_limits(dice: np.random.Generator) -> Limits:
    limits = Limits(
        min_score=float(dice.choice([0.0, 60.0])),
        allow_volatile=True,
        min_stop=D("0.01"),
        max_stop=D("0.25"),
        min_reward_risk=D(str(dice.choice([0.5, 1.5]))),
        daily_loss=D(str(dice.choice([0.025, 0.05]))),
        max_consecutive_losses=int(dice.choice([3, 50, 50])),
        max_drawdown=D(str(dice.choice([0.10, 0.2]))),
        orange_drawdown=D(str(dice.choice([0.08, 0.15]))),
        yellow_drawdown=D(str(dice.choice([0.015, 0.04]))),
        max_spread=D("0.01"),
        max_bar_drift_atr=D(str(dice.choice([1.5, 100]))),
        breakers=replace(NO_BREAKERS, rolling_loss=D(str(dice.choice([0.03, 0.06, 1])))),
        is_exit_opinion_on=False,
    )
    limits = some_limits(dice, limits)
    exits = limits.exits._replace(
        time_stop_h=6.0, scalp_stop=0.02, swing_stop=0.02, swing_stop_most=0.02, min_profit_usd=0.0
    )
    return replace(limits, cooldown_s=COOLDOWN_S, exits=exits)


def some_limits(dice: np.random.Generator, limits: Limits) -> Limits:
    exits = ExitRules(
        break_even_after=int(dice.integers(0, 2)),
        trail_atr=float(dice.choice([0.0, 0.0, 2.5])),
        trail_fraction=float(dice.choice([0.0, 0.02])),
        arm_r=float(dice.choice([0.3, 1.0])),
        time_stop_h=float(dice.choice([0.0, 2.0, 4.0])),
        min_profit_usd=float(dice.choice([0.0, 2.5])),
    )
    ladders = (
        limits.targets,
        ((D("1.5"), D(1)),),
        ((D("0.5"), D("0.3")), (D(1), D("0.3")), (D(2), D("0.4"))),
    )
    return replace(
        limits,
        exits=exits,
        targets=ladders[int(dice.integers(len(ladders)))],
        max_open_positions=int(dice.integers(1, 4)),
        cooldown_s=float(dice.choice([0.0, COOLDOWN_S])),
        same_direction_share=D(str(dice.choice([0.4, 5.0]))),
    )


__all__ = [
    "NO_LIMITS",
    "START",
    "a_levered_world",
    "a_real_world",
    "a_strict_world",
    "a_world",
    "bars_of",
    "funding_of",
    "some_limits",
]
