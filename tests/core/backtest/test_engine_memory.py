"""Compiled code that does not count references: who must count does, and what is made is given back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.backtest import engine_compiled
from core.backtest.engine import Setup, Signals, run
from core.backtest.engine_past import past_of
from core.trading import exits_compiled
from tests.benchmarks.rivals.drive_perpilot import fixed_setup, instrument, ready
from tests.benchmarks.rivals.made import candles
from tests.core.backtest.worlds import a_history

pytest.importorskip("numba", reason="numba has no build here: nothing is compiled")
BARS = 3_000


def test_who_makes_arrays_or_is_given_some_counts_them_and_nobody_else_does() -> None:
    rules, loops = exits_compiled.compiled_functions(), engine_compiled.functions()
    assert rules is not None and loops is not None

    counted = {name for name, made in (rules | loops).items() if made.targetoptions["_nrt"]}

    assert {"ladder", "trade_all"} <= counted
    assert counted.isdisjoint({"walk_bar", "next_stop", "quiet_band", "leave", "net_at", "on_tick"})


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_run_gives_back_all_the_memory_that_it_took(is_shared: bool) -> None:
    from numba.core.runtime import _nrt_python as counts

    past, signals = _world()
    setup = _ladder(is_shared)
    run(past, signals, setup)
    counts.memsys_enable_stats()
    before = counts.memsys_get_stats_mi_alloc() - counts.memsys_get_stats_mi_free()

    for _ in range(5):
        assert len(run(past, signals, setup).trades) > 10

    after = counts.memsys_get_stats_mi_alloc() - counts.memsys_get_stats_mi_free()
    counts.memsys_disable_stats()
    assert after == before


def test_it_gives_the_same_trades_as_the_plain_loops_over_its_ladder() -> None:
    past, signals = _world()

    compiled, plain = (
        run(past, signals, replace(_ladder(True), is_plain=is_plain)) for is_plain in (False, True)
    )

    assert compiled.trades.tobytes() == plain.trades.tobytes() and len(compiled.trades) > 10


def _ladder(is_shared: bool) -> Setup:
    return replace(fixed_setup(), target=None, is_shared=is_shared, capital=1e6)


def _world() -> tuple[object, list[Signals]]:
    histories = [replace(a_history(candles(BARS, seed), "BTC/USDT:USDT"), timeframe="5m") for seed in (1, 2)]
    listed = [instrument("BTC", 0.0001, 0.000001)] * 2
    _, signals = ready(histories, listed)
    bare = [Signals(said.side, said.stop) for said in signals]
    return past_of(histories, listed), [replace(one, side=np.ascontiguousarray(one.side)) for one in bare]
