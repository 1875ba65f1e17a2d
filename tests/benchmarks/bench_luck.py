"""Is luck called luck, is an edge found, and how fast; a hundred seeds of each, through the engine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.backtest_report.words import table_text
from bot.backtest_report.writing import pictures, write_report
from core.adapters.history.reading import read_history
from core.backtest.baselines import RANDOM_RUNS, Shuffle
from core.backtest.engine import Signals, run
from core.backtest.engine_past import past_of
from core.backtest.features import Features, crossed_above
from core.backtest.history import History
from core.backtest.judgement import Judged, judge
from core.backtest.verdict_words import Ruling
from core.market import Instrument
from tests.benchmarks.rig import show
from tests.core.backtest.markets import (
    Case,
    crowd_without_skill,
    dice_alone,
    free,
    is_found,
    planted,
    rising_tide,
    trend_without_trends,
)
from tests.core.builders import an_instrument

SEEDS, RUNS = 100, 300
FIRST_SEED = 1000
"""The verdict's thresholds were chosen on seeds below 100; what is claimed is counted on others."""
CALLED_LUCK, FOUND = 95, 80
COINS = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "LINK")
START, YEAR = datetime(2024, 6, 1, tzinfo=UTC), timedelta(days=365)


def bench_pure_luck_is_called_luck() -> None:
    cases = (dice_alone, trend_without_trends, crowd_without_skill, rising_tide)

    counts = {case.__name__: _luck_line(case) for case in cases}

    show(f"luck: {SEEDS} seeds of each, {RUNS} random runs", *(line for line, _ in counts.values()))
    assert all(called >= CALLED_LUCK for _, called in counts.values())


def bench_a_planted_edge_is_found() -> None:
    judged = _judged(planted)

    found = sum(map(is_found, judged))
    mean_r = float(np.mean([one.measured.performance.expectancy_r or 0.0 for one in judged]))
    trades = float(np.mean([len(one.run.trades) for one in judged]))
    show(
        f"luck: a planted edge, {SEEDS} seeds",
        f"found in {found} of {SEEDS}: {mean_r:+.2f} R a trade, {trades:.0f} trades, costs paid",
    )
    assert found >= FOUND


def bench_dice_on_real_candles() -> None:
    histories = _real()

    def case(seed: int) -> Case:
        dice = np.random.default_rng([9, seed])
        past = past_of(histories, [_instrument(history.symbol) for history in histories])
        signals = [_dice(dice, len(history.bars)) for history in histories]
        return Case(past, tuple(signals), free())

    line, called = _luck_line(case, "eight coins of a real year")
    show(f"luck: entries out of a hat on real candles, {SEEDS} seeds, {RUNS} random runs", line)
    assert called >= CALLED_LUCK


def bench_a_whole_report(tmp_path: Path) -> None:
    histories = _real()
    past = past_of(histories, [_instrument(history.symbol) for history in histories])
    signals = [_trend(history) for history in histories]
    setup = free(capital=10_000.0)
    started = time.perf_counter()
    own = run(past, signals, setup)
    ran = time.perf_counter()
    judged = judge(own, past, signals, setup, seed=1)
    weighed = time.perf_counter()
    pictures(judged, "trend")
    drawn = time.perf_counter()
    page = write_report(judged, "trend 12/26", tmp_path)
    written = time.perf_counter()
    shuffle, dice = Shuffle(past, signals), np.random.default_rng(1)
    begun = time.perf_counter()
    for _ in range(100):
        shuffle.dealt(dice)
    dealt_ms = (time.perf_counter() - begun) * 10
    show(
        f"report: 8 coins of a real year, {sum(len(one.bars) for one in histories):,} bars",
        f"run {(ran - started) * 1e3:.0f} ms, judged with {RANDOM_RUNS:,} random runs {weighed - ran:.2f} s "
        f"(dealing one {dealt_ms:.2f} ms)",
        f"pictures {drawn - weighed:.2f} s, whole report {written - drawn:.2f} s, "
        f"{page.stat().st_size / 1e3:.0f} kB",
        *table_text(judged, "trend 12/26").splitlines()[-10:],
    )


def _judged(case: Callable[[int], Case]) -> list[Judged]:
    return [case(seed).judged(seed, RUNS) for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)]


def _luck_line(case: Callable[[int], Case], name: str = "") -> tuple[str, int]:
    started = time.perf_counter()
    judged = _judged(case)
    rulings = [one.verdict.ruling for one in judged]
    p = np.array([one.random.p if one.random else 1.0 for one in judged])
    called = rulings.count(Ruling.LUCK)
    line = (
        f"{name or case.__name__:<28} called luck {called}, beats luck {rulings.count(Ruling.BEATS_LUCK)}; "
        f"{', '.join(f'p ≤ {most}: {np.count_nonzero(p <= most)}' for most in (0.01, 0.05, 0.5))}; "
        f"{np.mean([len(one.run.trades) for one in judged]):.0f} trades; "
        f"{(time.perf_counter() - started) / SEEDS:.2f} s each"
    )
    return line, called


def _dice(dice: np.random.Generator, count: int) -> Signals:
    return Signals(np.where(dice.random(count) < 0.01, dice.choice([-1, 1], count), 0).astype(np.int8))


def _trend(history: History) -> Signals:
    features = Features(history.bars)
    fast, slow = features.ema(12), features.ema(26)
    return Signals(crossed_above(fast, slow).astype(np.int8) - crossed_above(slow, fast).astype(np.int8))


def _instrument(symbol: str) -> Instrument:
    return an_instrument(symbol=symbol, tick=Decimal("0.00001"))


def _real() -> list[History]:
    place = os.environ.get("PERPILOT_DATA")
    if not place:
        pytest.skip("PERPILOT_DATA names no recorded candles")
    return [
        read_history(Path(place), f"{coin}/USDT:USDT", "1h", since=START, until=START + YEAR)
        for coin in COINS
    ]
