"""Reading 525,600 recorded bars: every format and the cache, checks included; and what the library costs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.adapters.history.reading import read_history
from tests.adapters.history.shelves import OURS, archived, bars, feather, frame, parquet, write
from tests.benchmarks.rig import show

BARS, ROUNDS = 525_600, 3
MINUTE = 60_000
CACHE_GAIN = 5.0
"""At least: else the cache is not worth its files."""
LIVE_GROWTH_MB = 5.0
"""At most, of a process that imports pandas as the bot does, for having polars installed."""


def bench_reading_half_a_million_bars(tmp_path: Path) -> None:
    rows = bars(BARS, MINUTE)
    rows[:, 0] -= 86_400_000 * 400
    places = _written(tmp_path, rows)
    fresh = {name: _fastest(lambda at=at: _read(at, False)) for name, at in places.items()}
    _read(places["feather"], True)
    cached_s = _fastest(lambda: _read(places["feather"], True))
    show(
        f"history: {BARS:,} bars read and checked, the fastest of {ROUNDS}",
        *(f"{name:<28} {seconds * 1e3:6.0f} ms" for name, seconds in fresh.items()),
        f"{'from the cache':<28} {cached_s * 1e3:6.1f} ms "
        f"({fresh['feather'] / cached_s:.0f} times as fast as Feather)",
    )
    assert fresh["feather"] / cached_s >= CACHE_GAIN


def bench_what_the_table_library_costs() -> None:
    pandas_mb, bare_mb = _resident_mb("import pandas"), _resident_mb("import numpy")
    polars_mb = _resident_mb("import numpy, polars")
    hidden_mb = _resident_mb("import sys; sys.modules['polars'] = None; import pandas")
    show(
        "history: resident memory after import, MB",
        f"numpy {bare_mb:.0f}, with polars {polars_mb:.0f} (only commands that read or fetch files load it)",
        f"pandas {pandas_mb:.0f}, with polars out of reach {hidden_mb:.0f}: the bot pays nothing for it",
    )
    assert pandas_mb - hidden_mb <= LIVE_GROWTH_MB


def _written(folder: Path, rows: np.ndarray) -> dict[str, Path]:
    places = {name: folder / name for name in ("feather", "parquet", "csv", "csv.gz", "freqtrade", "zip")}
    lines = frame(rows).write_csv()
    feather(places["feather"] / "candles/BTCUSDT-1m.feather", frame(rows))
    parquet(places["parquet"] / "candles/BTCUSDT-1m.parquet", frame(rows))
    write(places["csv"] / "candles/BTCUSDT-1m.csv", lines)
    write(places["csv.gz"] / "candles/BTCUSDT-1m.csv.gz", lines)
    dated = frame(rows, time="date", is_dated=True)
    feather(places["freqtrade"] / "BTC_USDT_USDT-1m-futures.feather", dated)
    for part, at in enumerate(range(0, BARS, BARS // 12)):
        write(places["zip"] / f"BTCUSDT-1m-2025-{part + 1:02}.zip", archived(rows[at : at + BARS // 12]))
    return places


def _read(folder: Path, use_cache: bool) -> None:
    history = read_history(folder, "BTC", "1m", use_cache=use_cache)
    assert history.bars.shape == (BARS, len(OURS))
    assert float(history.bars[:, 4].sum()) > 0  # a memory map is read only when it is looked at


def _fastest(run: Callable[[], object]) -> float:
    return min(_seconds(run) for _ in range(ROUNDS))


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _resident_mb(code: str) -> float:
    ending = "; import psutil; print(psutil.Process().memory_info().rss / 2**20)"
    told = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, check=True, text=True)
    return float(told.stdout)
