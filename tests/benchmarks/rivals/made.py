"""The comparison's candles, made from a seed, and the strategy's numbers, in files that every program reads.

Laws:
- The same symbol and length give the same bytes on every machine with this numpy.
- A candle's open is a little beside the close before, so that an entry at the wrong one of them shows.
- Files are in freqtrade's layout: it reads no other, everybody else reads Feather anyway.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from math import floor, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START_MS, BAR_MS, FUNDING_MS, MARK_MS = 1_546_300_800_000, 300_000, 28_800_000, 3_600_000
YEAR = 105_120
"""5-minute candles of 365 days."""
COINS = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "AVAX", "LINK", "LTC")
RATE = 0.0001
"""Paid by longs at every settlement, fraction of the notional."""
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """`symbols` of so many candles each."""

    name: str
    symbols: int
    candles: int

    @property
    def bars(self) -> int:
        return self.symbols * self.candles

    @property
    def words(self) -> str:
        return f"({self.name}) {self.symbols} x {self.candles:,}"


CASES = (Case("a", 1, YEAR), Case("b", 10, YEAR), Case("c", 1, 5 * YEAR))


@dataclass(frozen=True, slots=True)
class Idea:
    """EMA 12/26 cross with RSI(14) and ADX(14), mirrored for shorts; entered at the next open."""

    fast: int = 12
    slow: int = 26
    most_rsi: float = 70.0
    least_adx: float = 20.0
    stop: float = 0.05
    target: float = 0.10
    fee: float = 0.0005
    stake: float = 100.0
    leverage: int = 3


IDEA = Idea()


def candles(count: int, seed: int) -> Floats:
    """(count, 6) open time ms, open, high, low, close, volume: a walk from 100 with slow trends."""
    dice = np.random.default_rng(seed)
    trend = np.repeat(dice.normal(0.0, 2e-5, count // 2000 + 1), 2000)[:count]
    close = 100.0 * np.exp(np.cumsum(dice.normal(0.0, 0.002, count) + trend))
    opened = np.concatenate(([100.0], close[:-1])) * (1.0 + dice.normal(0.0, 0.0002, count))
    high = np.maximum(opened, close) * (1.0 + np.abs(dice.normal(0.0, 0.0007, count)))
    low = np.minimum(opened, close) * (1.0 - np.abs(dice.normal(0.0, 0.0007, count)))
    volume = np.round(dice.uniform(1.0, 100.0, count), 3)
    times = START_MS + np.arange(count) * float(BAR_MS)
    prices = np.round(np.column_stack([opened, high, low, close]), DIGITS)
    return np.column_stack([times, prices, volume])


def settlements(bars: Floats) -> Floats:
    """(k, 2) ms and rate, every eight hours of the candles' time."""
    times = bars[bars[:, 0] % FUNDING_MS == 0, 0]
    return np.column_stack([times, np.full(len(times), RATE)])


def marks(bars: Floats) -> Floats:
    """(k, 6) candles of the mark price, as freqtrade wants them for its funding; volume 0.

    An hour long: ours takes none coarser than its candles, so that all liquidate by the traded price.
    """
    first = np.flatnonzero(bars[:, 0] % MARK_MS == 0)
    high, low = np.maximum.reduceat(bars[:, 2], first), np.minimum.reduceat(bars[:, 3], first)
    close = np.append(bars[first[1:] - 1, 4], bars[-1, 4])
    return np.column_stack([bars[first, 0], bars[first, 1], high, low, close, np.zeros(len(first))])


def lot_of(bars: Floats) -> float:
    """A power of ten that is worth about one USDT at the last close, as where nobody recorded the venue's."""
    return float(10.0 ** floor(log10(1.0 / bars[-1, 4])))


def write_shelf(folder: Path, case: Case) -> None:
    """Candles, mark prices and funding of the case's coins, and `terms.json` with everything else."""
    place = folder / "futures"
    place.mkdir(parents=True)
    lots = {}
    for seed, coin in enumerate(COINS[: case.symbols]):
        bars = candles(case.candles, seed)
        lots[coin] = lot_of(bars)
        stem = f"{coin}_USDT_USDT"
        _feather(place / f"{stem}-5m-futures.feather", bars)
        _feather(place / f"{stem}-1h-mark.feather", marks(bars))
        paid = settlements(bars)
        zeros = np.zeros((len(paid), 4))
        _feather(place / f"{stem}-1h-funding_rate.feather", np.column_stack([paid, zeros]))
    terms = {"idea": asdict(IDEA), "coins": list(lots), "lots": lots, "tick": 10.0**-DIGITS}
    terms |= {"candles": case.candles, "start_ms": START_MS, "bar_ms": BAR_MS}
    (folder / "terms.json").write_text(json.dumps(terms))


def _feather(path: Path, rows: Floats) -> None:
    import polars as pl

    frame = pl.DataFrame(rows, schema=["date", "open", "high", "low", "close", "volume"])
    time = pl.col("date").cast(pl.Int64).cast(pl.Datetime("ms", "UTC"))
    frame.with_columns(time).write_ipc(path, compression="lz4", compat_level=pl.CompatLevel.oldest())


def main() -> None:
    """`made FOLDER CASE`: a process of its own, whose memory is nobody's in the comparison."""
    folder, name = sys.argv[1:]
    write_shelf(Path(folder), next(case for case in CASES if case.name == name))


if __name__ == "__main__":
    main()
