"""Files of recorded bars as the world writes them, made for one test."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

from core.backtest.history import Floats

MINUTE = 60_000
START = 1_735_689_600_000  # 2025-01-01
OURS = ("timestamp", "open", "high", "low", "close", "volume")
BINANCE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)


def bars(count: int = 20, length: int = 5 * MINUTE, start: int = START, seed: int = 1) -> Floats:
    """(count, 6), two decimals, each row different."""
    chance = np.random.default_rng(seed)
    rows = np.empty((count, 6))
    rows[:, 0] = start + np.arange(count) * length
    opened, closed = np.round(chance.uniform(90, 110, (2, count)), 2)
    rows[:, 1], rows[:, 4] = opened, closed
    rows[:, 2] = np.round(np.maximum(opened, closed) + 1, 2)
    rows[:, 3] = np.round(np.minimum(opened, closed) - 1, 2)
    rows[:, 5] = np.round(chance.uniform(1, 9, count), 3)
    return rows


def text(rows: Floats, columns: tuple[str, ...] = OURS) -> str:
    lines = [",".join([f"{int(row[0])}", *(f"{value:g}" for value in row[1:])]) for row in rows.tolist()]
    return "\n".join([",".join(columns), *lines]) + "\n"


def write(path: Path, content: str | bytes) -> Path:
    """Packed as the ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = content.encode() if isinstance(content, str) else content
    if path.suffix == ".gz":
        packed = gzip.compress(packed)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.with_suffix(".csv").name, packed)
    else:
        path.write_bytes(packed)
    return path


def frame(rows: Floats, *, time: str = "timestamp", is_dated: bool = False) -> pl.DataFrame:
    values = {name: rows[:, at] for at, name in enumerate(OURS[: rows.shape[1]])}
    table = pl.DataFrame(values).with_columns(pl.col("timestamp").cast(pl.Int64))
    if is_dated:
        table = table.with_columns(pl.from_epoch("timestamp", time_unit="ms").dt.replace_time_zone("UTC"))
    return table.rename({"timestamp": time})


def feather(path: Path, table: pl.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_ipc(path, compression="lz4")
    return path


def parquet(path: Path, table: pl.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)
    return path


def archived(rows: Floats, *, has_header: bool = True, factor: int = 1) -> str:
    """Binance's archive; `factor` 1000 writes microseconds."""
    lines = [
        ",".join([f"{int(row[0]) * factor}", *(f"{value:g}" for value in row[1:]),
                  f"{(int(row[0]) + 299_999) * factor}", "1000.5", "12", "3.5", "350.1", "0"])
        for row in rows.tolist()
    ]  # fmt: skip
    return "\n".join([*([BINANCE] if has_header else []), *lines]) + "\n"


def as_json(rows: Floats) -> str:
    return json.dumps([[int(row[0]), *row[1:]] for row in rows.tolist()])
