"""A downloaded series on disk: one Feather file that is whole at every moment.

Laws:
- A file is replaced at once by its longer self; killed half way, the old one stands.
- Rows are checked before they are kept, and again when they are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from core.adapters.history.tables import COLUMNS, Kind, Source, table_of
from core.backtest.history import BadHistory, Floats, Gap, bars_fault, funding_fault, gap_of
from core.market import TIMEFRAMES

FUNDING_STEP_MS: Final = 12 * 3_600_000
"""Settlements lie 8 hours apart at most; what is longer misses one."""


class KeptSeries:
    """One series of one symbol: `(n, columns)` ascending, what is kept and what is new together."""

    def __init__(self, folder: Path, stem: str, kind: Kind, timeframe: str) -> None:
        """Reads what is there. Raises `BadHistory`, when that can't be trusted."""
        suffix = "funding" if kind is Kind.FUNDING else timeframe
        self.path = folder / kind.value / f"{stem}-{suffix}.feather"
        self.name = f"{stem} {kind.value}" if kind is Kind.FUNDING else f"{stem} {timeframe} {kind.value}"
        self.kind = kind
        self.length_ms = 0 if kind is Kind.FUNDING else TIMEFRAMES[timeframe]
        self.rows: Floats = np.empty((0, len(COLUMNS[kind])))
        self._new: list[Floats] = []
        self.kept = self.unsaved = 0
        if self.path.exists():
            self.rows = self._read()
            self.kept = len(self.rows)

    def _read(self) -> Floats:
        source = Source(self.path, self.kind)
        rows = table_of(source)
        fault = self.fault(rows)
        if fault:
            raise BadHistory(f"{source.name}: {fault}; delete the file to download it again")
        return rows

    def fault(self, rows: Floats) -> str:
        """What is wrong with the first bad row; empty when nothing is."""
        found = funding_fault(rows) if self.kind is Kind.FUNDING else bars_fault(rows, self.length_ms)
        return "" if found is None else str(found)

    def add(self, rows: Floats) -> None:
        """New rows in any order to the others; what is there already stays as it is."""
        if len(rows):
            self._new.append(rows)
            self.unsaved += len(rows)

    def save(self) -> None:
        """Raises `BadHistory` when the disk doesn't take it."""
        if not self.unsaved:
            return
        self.settle()
        try:
            _replace(self.path, COLUMNS[self.kind], self.rows)
        except OSError as error:
            raise BadHistory(f"{self.path.name} cannot be written ({error.strerror})") from error
        self.unsaved = 0

    def settle(self) -> None:
        """Sorts what was added in; of two rows of one time the earlier known one stands."""
        if self._new:
            rows = np.concatenate((self.rows, *self._new))
            _times, first = np.unique(rows[:, 0], return_index=True)
            self.rows, self._new = rows[first], []

    def missing(self, since_ms: int, until_ms: int) -> list[Gap]:
        """Holes of the period, oldest first; of funding only such as miss a settlement for sure."""
        self.settle()
        stamps = self.rows[:, 0]
        stamps = stamps[(stamps >= since_ms) & (stamps < until_ms)]
        if self.kind is Kind.FUNDING:
            return list(_unsettled(stamps, since_ms, until_ms))
        length = self.length_ms
        start, stop = -(-since_ms // length) * length, -(-until_ms // length) * length
        edges = np.concatenate(([start - length], stamps, [stop]))
        at = np.flatnonzero(np.diff(edges) > length)
        return [gap_of(int(edges[one]) + length, int(edges[one + 1]), length) for one in at]


def _unsettled(stamps: Floats, since_ms: int, until_ms: int) -> Iterable[Gap]:
    edges = np.concatenate(([since_ms - 1], stamps, [until_ms]))
    for at in np.flatnonzero(np.diff(edges) > FUNDING_STEP_MS):
        start, stop = int(edges[at]) + 1, int(edges[at + 1])
        yield Gap(start, stop, max(1, (stop - start) // (FUNDING_STEP_MS * 2 // 3)))


def _replace(path: Path, columns: tuple[str, ...], rows: Floats) -> None:
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.*.part"):
        stale.unlink(missing_ok=True)
    values = {name: rows[:, at] for at, name in enumerate(columns)}
    frame = pl.DataFrame(values | {"timestamp": rows[:, 0].astype(np.int64)})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        frame.write_ipc(file, compression="lz4")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
