"""Checked tables kept as plain arrays beside their files, so that the next reading costs a memory map.

Laws:
- An entry is found by size and time of change of every file it was made from; another file, another entry.
- The cache never decides anything: what can't be read or written is done without.
- Nothing is written into a folder that is marked read-only, not even by root, who could.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from core.backtest.history import Floats

FOLDER: Final = ".cache"
FORMAT: Final = 1
"""Raise it whenever reading or checking changes: entries of before are not found any more."""


def cached(
    folder: Path, name: str, files: Sequence[Path], columns: int, make: Callable[[], Floats]
) -> Floats:
    """The table `make` gave for these files, now or earlier. Read-only. What `make` raises passes."""
    entry = folder / FOLDER / f"{name}.{_digest(name, files)}.npy"
    rows = _kept(entry, columns)
    if rows is not None:
        return rows
    rows = make()
    with suppress(OSError):
        _keep(entry, name, rows)
    rows.flags.writeable = False
    return rows


def _digest(name: str, files: Sequence[Path]) -> str:
    told = [f"{FORMAT} {name}"]
    for file in files:
        with suppress(OSError):  # whoever reads it says so
            state = file.stat()
            told.append(f"{file.absolute()} {state.st_size} {state.st_mtime_ns}")
    return hashlib.blake2b("\n".join(told).encode(), digest_size=8).hexdigest()


def _kept(entry: Path, columns: int) -> Floats | None:
    try:
        rows: Floats = np.load(entry, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_ours = rows.ndim == 2 and rows.shape[1] == columns and rows.dtype == np.float64 and len(rows) > 0
    return rows.view(np.ndarray) if is_ours else None


def _keep(entry: Path, name: str, rows: Floats) -> None:
    """Whole or not at all; entries of earlier states of the same files go."""
    if not entry.parent.parent.stat().st_mode & 0o222:
        return
    entry.parent.mkdir(exist_ok=True)
    part = entry.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.save(file, rows, allow_pickle=False)
        part.replace(entry)
    finally:
        part.unlink(missing_ok=True)
    for other in entry.parent.glob(f"{name}.*.npy"):
        if other != entry:
            with suppress(OSError):
                other.unlink()
