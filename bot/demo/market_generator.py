"""Minute bars of many symbols from one seed, a day at a time.

Laws:
- Day `n` after the origin depends on the seed, the plan of episodes and the days before it; never on when, or
  how often, anybody looked.
- Returns are made in steps of five minutes: shocks shared with bitcoin, volatility that clusters
  (GARCH(1,1)), jumps, and a pull to the line of the episode. Minutes fill each step as a Brownian bridge, and
  the high and low of a minute are drawn from the law of a bridge's extremes.
- Levels are fixed afterwards: the whole history is shifted (in logarithms) so that it meets the instrument's
  price level at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.demo.instruments import Instrument
from bot.demo.market_regimes import EpisodePlan, Regime, Scenario
from bot.demo.market_series import HOUR_MS, MINUTE_MS, Bars, Floats, Ints, bars_of

_STEPS: Final = 288  # five-minute steps of a day
_MINUTES: Final = 5
_HOURS: Final = 24
_DAY_MINUTES: Final = 1440
_ROOM: Final = 5  # days by which the table of minutes grows
_MOST: Final = 2_000_000_000  # ticks and lots are kept in 32 bits: half the memory of the whole history
_ALPHA, _BETA = 0.07, 0.90  # GARCH(1,1) of the five-minute variance around 1
_CALMEST, _WILDEST = 0.35, 5.0  # bounds of that variance, so that clusters end


@dataclass(slots=True)
class _State:
    """Where each symbol stands at the end of a day; one entry per symbol."""

    log_price: Floats
    line: Floats
    variance: Floats
    premium: Floats
    interest: Floats


@dataclass(frozen=True, slots=True)
class _DayPlan:
    """Five-minute arrays (288, symbols): the episode's numbers in the units of a step."""

    sigma: Floats
    pull: Floats
    line_step: Floats
    begins: Ints  # 1 where an episode begins
    jump_chance: Floats
    lively: Floats  # traded volume relative to a calm day
    lean: Floats  # +1 in an up trend, -1 in a down trend, else 0


@dataclass(frozen=True, slots=True)
class _DayWalk:
    day: int
    log_price: Floats  # (289, symbols), the first row is the end of the day before
    sigma: Floats  # (288, symbols)
    volume: Floats  # (288, symbols) relative to the mean


class PathGenerator:
    """`origin_ms` is a whole hour; the history ends `history_days` later, at the start of the market."""

    def __init__(
        self,
        instruments: tuple[Instrument, ...],
        seed: int,
        origin_ms: int,
        history_days: int,
        scenario: Scenario,
    ) -> None:
        self.origin_ms = origin_ms
        self._instruments = instruments
        self._seed = seed
        hours = float(history_days * _HOURS)
        self.plans = [
            EpisodePlan(each.symbol, seed, hours, scenario.get(each.symbol)) for each in instruments
        ]
        count = len(instruments)
        self._state = _State(
            np.zeros(count), np.zeros(count), np.ones(count), np.full(count, 1e-4), np.zeros(count)
        )
        self._days = 0
        self._premium: list[Floats] = []
        self._interest: list[Floats] = []
        walks = [self._walk_day() for _ in range(history_days)]
        self._shift = np.log([each.price for each in instruments]) - self._state.log_price
        self._table = np.empty((5, count, (history_days + _ROOM) * _DAY_MINUTES), np.int32)
        self.minutes = 0  # made so far
        for walk in walks:
            self._store(walk)

    def reach(self, minute: int) -> None:
        """Make days until minute number `minute` from the origin exists."""
        while self.minutes <= minute:
            self._store(self._walk_day())

    def bars(self, row: int, first: int, last: int) -> Bars:
        """Minutes `first` up to, not including, `last` of the symbol in that row."""
        self.reach(last - 1)
        opened, high, low, closed, volume = self._table[:, row, first:last].astype(np.int64)
        start = self.origin_ms + np.arange(first, last, dtype=np.int64) * MINUTE_MS
        return bars_of(start, (opened, high, low, closed), volume)

    def _store(self, walk: _DayWalk) -> None:
        if self.minutes + _DAY_MINUTES > self._table.shape[2]:
            room = np.empty((5, self._table.shape[1], _ROOM * _DAY_MINUTES), np.int32)
            self._table = np.concatenate([self._table, room], axis=2)
        prices, lots = self._minutes_of(walk)
        here = slice(self.minutes, self.minutes + _DAY_MINUTES)
        self._table[:4, :, here], self._table[4, :, here] = prices, lots
        self.minutes += _DAY_MINUTES

    def premium(self, row: int, at_ms: Ints) -> Floats:
        """How far the perpetual trades above its index, a fraction of price, between hourly values."""
        return self._hourly(self._premium, row, at_ms)

    def open_interest(self, row: int, at_ms: Ints) -> Floats:
        """Open interest relative to the instrument's usual one."""
        relative: Floats = np.exp(self._hourly(self._interest, row, at_ms))
        return relative

    def _hourly(self, days: list[Floats], row: int, at_ms: Ints) -> Floats:
        hours = np.maximum(0.0, (at_ms - self.origin_ms) / HOUR_MS)
        first, last = int(hours.min()), int(hours.max()) + 1
        self.reach((last + 1) * 60)
        values = [days[hour // _HOURS][hour % _HOURS, row] for hour in range(first, last + 1)]
        between: Floats = np.interp(hours, np.arange(first, last + 1), values)
        return between

    def _walk_day(self) -> _DayWalk:
        day, self._days = self._days, self._days + 1
        dice = np.random.default_rng([self._seed, day, 2])
        plan = self._plan_of(day)
        shocks, jumps = self._shocks(dice, plan)
        path, sigma = self._walked(plan, shocks, jumps)
        bustle = 0.55 + 0.5 * np.abs(shocks) + 25.0 * np.abs(jumps)
        volume = plan.lively * np.sqrt(sigma / np.maximum(plan.sigma, 1e-12)) * bustle
        self._slow_values(dice, plan)
        return _DayWalk(day, path, sigma, volume)

    def _plan_of(self, day: int) -> _DayPlan:
        columns = [self._plan_column(row, day) for row in range(len(self._instruments))]
        return _DayPlan(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))

    def _plan_column(self, row: int, day: int) -> tuple[Floats, ...]:
        """The seven columns of `_DayPlan` for one symbol."""
        hour = day * _HOURS + np.arange(_STEPS) / 12.0
        calm = self._instruments[row].hour_volatility
        made = np.zeros((7, _STEPS))
        for begin, end, each in self.plans[row].between(day * _HOURS, (day + 1) * _HOURS):
            here = (hour >= begin - 1e-9) & (hour < end - 1e-9)
            angle = 2 * np.pi * ((hour[here] - begin) / each.period + each.phase)
            turn = 2 * np.pi / each.period / 12.0
            swing = each.wave * calm * (np.sin(angle + turn) - np.sin(angle))
            lean = {Regime.TREND_UP: 1.0, Regime.TREND_DOWN: -1.0}.get(each.regime, 0.0)
            made[0, here] = each.volatility * calm / np.sqrt(12.0)
            made[1, here] = np.log(2.0) / (each.half_life * 12.0)
            made[2, here] = each.drift * calm / 12.0 + swing
            made[3, here] = np.abs(hour[here] - begin) < 1.0 / 24.0
            made[4, here] = each.jumps_a_day / _STEPS
            made[5, here] = each.volatility**0.7 * (1.0 + 0.35 * lean * np.sign(swing))
            made[6, here] = lean
        return tuple(made)

    def _shocks(self, dice: np.random.Generator, plan: _DayPlan) -> tuple[Floats, Floats]:
        """Standard shocks (variance 1, correlated through bitcoin) and jumps as fractions of price."""
        count = len(self._instruments)
        beta = np.array([each.beta for each in self._instruments])
        common = dice.standard_normal((_STEPS, 1))
        own = dice.standard_t(6, (_STEPS, count)) / np.sqrt(1.5)
        shocks = beta * common + np.sqrt(1.0 - beta**2) * own
        happens = dice.random((_STEPS, count)) < plan.jump_chance
        size = dice.choice([-1.0, 1.0], (_STEPS, count)) * (1.2 + dice.exponential(0.9, (_STEPS, count)))
        calm = np.array([each.hour_volatility for each in self._instruments])
        return np.clip(shocks, -5.0, 5.0), np.where(happens, np.clip(size, -5.0, 5.0) * calm * 1.6, 0.0)

    def _walked(self, plan: _DayPlan, shocks: Floats, jumps: Floats) -> tuple[Floats, Floats]:
        state = self._state
        path, sigma = np.empty((_STEPS + 1, len(state.line))), np.empty_like(shocks)
        price, line, variance = state.log_price, state.line, state.variance
        path[0] = price
        squares = (1.0 - _ALPHA - _BETA) + _ALPHA * np.minimum(shocks**2, 9.0)
        excited = 400.0 * np.abs(jumps)
        begun = np.flatnonzero(plan.begins.sum(axis=1)).tolist()
        for step in range(_STEPS):
            if step in begun:
                line = np.where(plan.begins[step] > 0, price, line)
            sigma[step] = plan.sigma[step] * np.sqrt(variance)
            line = line + plan.line_step[step]
            price = price + plan.pull[step] * (line - price) + plan.line_step[step]
            price = price + sigma[step] * shocks[step] + jumps[step]
            variance = (1.0 - _ALPHA - _BETA) + variance * (squares[step] - (1.0 - _ALPHA - _BETA) + _BETA)
            variance = np.minimum(np.maximum(variance + excited[step], _CALMEST), _WILDEST)
            path[step + 1] = price
        state.log_price, state.line, state.variance = price, line, variance
        return path, sigma

    def _slow_values(self, dice: np.random.Generator, plan: _DayPlan) -> None:
        """One value an hour of the premium and of the logarithm of open interest."""
        lean = plan.lean[:: _STEPS // _HOURS]
        noise = dice.standard_normal((2, _HOURS, lean.shape[1]))
        premium, interest = np.empty(lean.shape), np.empty(lean.shape)
        state = self._state
        for hour in range(_HOURS):
            state.premium = 0.9 * state.premium + 0.1 * (1e-4 + 3e-4 * lean[hour]) + 1.5e-4 * noise[0, hour]
            state.interest = 0.995 * state.interest + 0.002 * np.abs(lean[hour]) + 0.006 * noise[1, hour]
            premium[hour], interest[hour] = state.premium, state.interest
        self._premium.append(premium)
        self._interest.append(interest)

    def _minutes_of(self, walk: _DayWalk) -> tuple[Ints, Ints]:
        """Ticks (4, symbols, 1440) as open, high, low, close, and lots (symbols, 1440)."""
        dice = np.random.default_rng([self._seed, walk.day, 3])
        count = walk.log_price.shape[1]
        shape = (_STEPS, _MINUTES, count)
        spread = walk.sigma[:, None, :] / np.sqrt(_MINUTES)
        noise = dice.standard_normal(shape)
        noise -= noise.mean(axis=1, keepdims=True)
        change = np.diff(walk.log_price, axis=0)[:, None, :] / _MINUTES + spread * noise
        closed = (walk.log_price[:-1, None, :] + np.cumsum(change, axis=1)).reshape(-1, count)
        opened = np.concatenate([walk.log_price[:1], closed[:-1]])
        variance = np.broadcast_to(spread**2, shape).reshape(-1, count)
        reach = [np.sqrt((closed - opened) ** 2 + 2.0 * variance * dice.standard_exponential(closed.shape))
                 for _ in range(2)]  # fmt: skip
        middle = opened + closed
        logs = np.stack([opened, (middle + reach[0]) / 2.0, (middle - reach[1]) / 2.0, closed])
        tick = np.array([each.tick for each in self._instruments])
        ticks = np.clip(np.rint(np.exp(logs + self._shift) / tick), 1, _MOST).astype(np.int64)
        liveliness = (
            (0.5 + 0.6 * np.abs(noise)) * np.exp(dice.normal(-0.08, 0.4, shape)) * walk.volume[:, None, :]
        )
        return ticks.transpose(0, 2, 1), self._lots(liveliness.reshape(-1, count), ticks[3] * tick).T

    def _lots(self, liveliness: Floats, price: Floats) -> Ints:
        usual = np.array([each.day_volume_usdt / 1440.0 for each in self._instruments])
        lot = np.array([each.lot for each in self._instruments])
        lots: Ints = np.clip(np.rint(liveliness * usual / price / lot), 1, _MOST).astype(np.int64)
        return lots
