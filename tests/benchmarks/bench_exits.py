"""The rule book along many bars: what the compiler gains, and what it costs to have it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from core.trading.exits import ExitRules
from core.trading.exits_bet import Bet, ladder
from core.trading.exits_compiled import RuleBook, compiled, plain
from tests.benchmarks.rig import show

BARS, ROUNDS = 20_000, 5
RULES = ExitRules(time_stop_h=0.0)
BET = Bet(sign=1, entry=100.0, first_stop=1.0, atr=0.5, cost=0.001, tick=0.01, lots=1000, lot=0.001)
"""Nothing ends it, so that every bar is walked."""


def bench_the_compiled_rule_book_against_the_plain_one() -> None:
    book = compiled()
    assert book is not None, "numba is not installed"
    targets, bars = np.array([1e6, 2e6]), _bars()
    lots = ladder(BET.lots, np.array([0.5, 0.5]), 1)

    def follow(by: RuleBook) -> Callable[[], object]:
        return lambda: by.follow(RULES, BET, targets, lots, bars, 900.0, 0.0)

    first_s = _seconds(follow(book))
    fast_s = min(_seconds(follow(book)) for _ in range(ROUNDS))
    plain_s = min(_seconds(follow(plain())) for _ in range(ROUNDS))
    call_s = min(
        _seconds(lambda: [book.r_multiple(BET, book.begin(BET)) for _ in range(1000)]) for _ in range(ROUNDS)
    )
    show(
        f"exits: one position along {BARS:,} bars, the fastest of {ROUNDS}",
        f"plain {plain_s / BARS * 1e6:.2f} µs a bar, compiled {fast_s / BARS * 1e6:.3f} µs a bar",
        f"compiled/plain: {plain_s / fast_s:.0f} times as fast",
        f"first call {first_s:.2f} s (machine code made, or read from disk)",
        f"into compiled code and back twice: {call_s * 1e3:.0f} µs",
    )


def _bars() -> np.ndarray:
    """(n, 5) float64 around 100, never far from it."""
    path = 100.0 + np.random.default_rng(1).uniform(-1.0, 1.0, (BARS, 4))
    times = np.arange(BARS) * 900_000.0
    return np.column_stack([times, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3]])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
