"""The fast engine on the strategy that other programs were measured with, beside a bare compiled pass."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine import Run, Setup, Signals, run
from core.backtest.engine_past import past_of
from core.backtest.features import Features, crossed_above
from core.backtest.history import History
from core.market import Instrument, Tier
from core.risk.limits import Limits
from core.trading.exits import ExitRules
from tests.benchmarks.rig import PROJECT, show
from tests.benchmarks.rivals.drive_perpilot import bare_work

ROUNDS = 7
YEAR = 105_120
CASES = {"a: 1 x 105,120": (1, YEAR), "b: 10 x 105,120": (10, YEAR), "c: 1 x 525,600": (1, 5 * YEAR)}
STOP, TARGET, FEE, NOTIONAL = 0.05, 0.10, 0.0005, 300.0
RIVALS = {"freqtrade": (0.024, 0.021, 0.021), "vectorbt, its best": (18.6, 19.3, 31.3)}
"""Million candles a second for a, b and c, the most that `make bench-rivals` ever showed."""
Floats = NDArray[np.float64]


def bench_the_engine_against_a_bare_pass() -> None:
    for place, (name, (symbols, count)) in enumerate(CASES.items()):
        histories = [_history(count, seed) for seed in range(symbols)]
        signals = [_signals(history.bars) for history in histories]
        past = past_of(histories, [_instrument()] * symbols)
        bare = bare_work(past, signals)
        ways = [partial(run, past, signals, setup) for setup in (_setup(), _shared())]
        bare_s, alone_s, shared_s = _interleaved(bare, *ways)
        found = run(past, signals, _setup())
        expected = sum(float(rows[:, 5:].sum()) for rows in bare())
        bars = symbols * count
        show(
            f"backtest {name}, the fastest of {ROUNDS}",
            f"{len(found.trades):,} trades, net {found.trades['net'].sum():.2f} (bare {expected:.2f})",
            f"engine {bars / alone_s / 1e6:.1f} M candles/s, with one account {bars / shared_s / 1e6:.1f}",
            f"bare pass {bars / bare_s / 1e6:.1f} M candles/s: time of engine/bare {alone_s / bare_s:.2f}, "
            f"shared {shared_s / bare_s:.2f}",
            *(f"{bars / alone_s / 1e6 / rate[place]:.1f} times {rival}" for rival, rate in RIVALS.items()),
        )


def bench_the_engine_with_every_rule_on() -> None:
    """Mark prices, trailing, break-even, a ladder, a time stop, slippage, sizes by risk, breakers."""
    histories = [_history(YEAR, seed, has_mark=True) for seed in range(10)]
    signals = [_signals(history.bars) for history in histories]
    past = past_of(histories, [_instrument()] * 10, target_is_maker=True)
    limits = Limits(max_open_positions=5, max_drawdown=Decimal(1), orange_drawdown=Decimal(1))
    limits = replace(limits, exits=ExitRules(trail_atr=0.0, trail_fraction=0.02, arm_r=0.3))
    setup = Setup(limits=limits, capital=100_000.0)

    (took_s,) = _interleaved(lambda: run(past, signals, setup))

    found = run(past, signals, setup)
    show(
        "backtest b with every rule on",
        f"{10 * YEAR / took_s / 1e6:.1f} M candles/s, {len(found.trades):,} trades",
        f"refused {dict(found.refused)}",
    )


def bench_cost_by_length_and_by_symbols() -> None:
    lengths, symbols = (100_000, 500_000, 2_000_000), (1, 5, 10)
    by_length = [_cost_s(1, count) for count in lengths]
    by_symbols = [_cost_s(count, 100_000) for count in symbols]
    show(
        "backtest: cost",
        f"{_told([f'{count / 1e6:.1f} M' for count in lengths], by_length)}; "
        f"slope of logarithms {_slope(lengths, by_length):.2f}",
        f"{_told([f'{count} symbols' for count in symbols], by_symbols)}; "
        f"slope {_slope(symbols, by_symbols):.2f}",
    )


def bench_start_and_peak_memory_of_a_fresh_process() -> None:
    for name, (symbols, count) in CASES.items():
        text = f"from tests.benchmarks.bench_backtest import whole; whole({symbols}, {count})"
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        took_s = time.perf_counter() - started
        show(f"backtest {name}, a fresh process", f"{took_s:.1f} s, {done.stdout.strip()}")


def whole(symbols: int, count: int) -> None:
    """Makes the candles, the features and the run, and prints where the time went."""
    started = time.perf_counter()
    histories = [_history(count, seed) for seed in range(symbols)]
    made = time.perf_counter()
    signals = [_signals(history.bars) for history in histories]
    featured = time.perf_counter()
    found = run(past_of(histories, [_instrument()] * symbols), signals, _setup())
    ended = time.perf_counter()
    lines = Path("/proc/self/status").read_text().splitlines()
    peak_mb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    print(
        f"{len(found.trades):,} trades, peak {peak_mb:.0f} MB; candles made {made - started:.2f} s, "
        f"features {featured - made:.2f} s, run {ended - featured:.2f} s (machine code read from disk)"
    )


def _cost_s(symbols: int, count: int) -> float:
    histories = [_history(count, seed) for seed in range(symbols)]
    signals = [_signals(history.bars) for history in histories]
    past = past_of(histories, [_instrument()] * symbols)
    return _interleaved(lambda: run(past, signals, _setup()))[0]


def _told(sizes: list[str], seconds: list[float]) -> str:
    return ", ".join(f"{size}: {took * 1e3:.1f} ms" for size, took in zip(sizes, seconds, strict=True))


def _slope(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """1: twice the work takes twice the time."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _interleaved(*works: Callable[[], list[Floats] | Run]) -> tuple[float, ...]:
    """Each one's best time of several rounds, in turns, so that a busy machine is busy for all."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for place, work in enumerate(works):
            started = time.perf_counter()
            work()
            best[place] = min(best[place], time.perf_counter() - started)
    return tuple(best)


def _setup() -> Setup:
    """Leverage, fees, funding and liquidation on; entries and exits of the rivals' strategy."""
    exits = ExitRules(break_even_after=0, trail_atr=0.0, time_stop_h=0.0, min_profit_usd=0.0)
    limits = Limits(exits=exits, slippage=Decimal(0), cooldown_s=0.0, max_open_positions=99)
    return Setup(
        limits=limits, stake=100.0, leverage=3, stop=STOP, target=TARGET, half_spread=0.0, is_shared=False
    )


def _shared() -> Setup:
    """The same from one account that can pay for it all."""
    limits = replace(_setup().limits, max_consecutive_losses=10**9)
    return replace(_setup(), limits=limits, is_shared=True, capital=1e7)


def _history(count: int, seed: int, *, has_mark: bool = False) -> History:
    """A random walk of 5-minute candles with slow trends, around 100."""
    dice = np.random.default_rng(seed)
    trend = np.repeat(dice.normal(0.0, 2e-5, count // 2000 + 1), 2000)[:count]
    close = 100.0 * np.exp(np.cumsum(dice.normal(0.0, 0.002, count) + trend))
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opened, close) * (1.0 + np.abs(dice.normal(0.0, 0.0007, count)))
    low = np.minimum(opened, close) * (1.0 - np.abs(dice.normal(0.0, 0.0007, count)))
    times = 1_704_067_200_000.0 + np.arange(count) * 300_000.0
    bars = np.column_stack([times, opened, high, low, close, dice.uniform(1.0, 100.0, count)])
    settled = times[times % 28_800_000 == 0]
    funding = np.column_stack([settled, np.full(len(settled), 0.0001)])
    return History("X/USDT:USDT", "5m", bars, bars[:, :5] if has_mark else None, funding, "made")


def _signals(bars: Floats) -> Signals:
    """EMA 12 crosses EMA 26 while RSI is under 70 and ADX over 20, and mirrored; any cross closes."""
    features = Features(bars)
    fast, slow, rsi = features.ema(12), features.ema(26), features.rsi(14)
    up, down, trends = crossed_above(fast, slow), crossed_above(slow, fast), features.adx(14) > 20.0
    side = up.astype(np.int8) * 2 - down.astype(np.int8) * 2
    side[up & trends & (rsi < 70.0)] = 1
    side[down & trends & (rsi > 30.0)] = -1
    return Signals(side)


def _instrument() -> Instrument:
    fee, tiny = Decimal(str(FEE)), Decimal("0.0000001")
    tiers = (Tier(Decimal(0), Decimal(10**9), 50, Decimal("0.005"), Decimal(0)),)
    return Instrument(
        "X/USDT:USDT", "X", tiny, tiny, tiny, Decimal(10**9), Decimal(5), fee, fee, tiers
    )  # fmt: skip


def _bare_pass() -> Callable[..., tuple[float, int]]:
    """What the strategy asks for and nothing else: the least that compiled code can do."""
    import numba

    @numba.njit
    def bare(
        opens: Floats, highs: Floats, lows: Floats, closes: Floats, side: NDArray[np.int8]
    ) -> tuple[float, int]:
        total, trades, sign, entry, stop, target = 0.0, 0, 0, 0.0, 0.0, 0.0
        for i in range(1, len(opens)):
            said, price = side[i - 1], 0.0
            if sign != 0 and said * sign < 0:
                price = opens[i]
            if price > 0.0:
                total += NOTIONAL * ((price / entry - 1.0) * sign - FEE * (1.0 + price / entry))
                sign, price = 0, 0.0
            if sign == 0 and abs(said) == 1:
                sign, entry, trades = said, opens[i], trades + 1
                stop, target = entry * (1.0 - STOP * sign), entry * (1.0 + TARGET * sign)
            if sign > 0:
                price = stop if lows[i] <= stop else (target if highs[i] >= target else 0.0)
            elif sign < 0:
                price = stop if highs[i] >= stop else (target if lows[i] <= target else 0.0)
            if sign != 0 and i == len(opens) - 1 and price == 0.0:
                price = closes[i]
            if price > 0.0:
                total += NOTIONAL * ((price / entry - 1.0) * sign - FEE * (1.0 + price / entry))
                sign = 0
        return total, trades

    return bare  # type: ignore[no-any-return]
