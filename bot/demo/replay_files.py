"""Candle files: gzip CSV like `BTCUSDT-5m.csv.gz`, in a folder or its `candles/`, `mark/`, `funding/`, `oi/`.

Laws:
- A timestamp is the open time in milliseconds; prices are USDT, volume is coin.
- A file that cannot be trusted is refused with one sentence that names the file and the row, 1 being the
  first below the header. Nothing is mended or filled in.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.demo.market_series import HOUR_MS, MINUTE_MS, Floats

CANDLE_COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
MARK_COLUMNS: Final = ("timestamp", "open", "high", "low", "close")
FUNDING_COLUMNS: Final = ("timestamp", "funding_rate")
INTEREST_COLUMNS: Final = ("timestamp", "open_interest", "open_interest_value")

LENGTHS: Final = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
}
_NAMED: Final = re.compile(r"([0-9A-Z]+USDT)-(1m|5m|15m|30m|1h)(?:-\d+)?\.csv\.gz")
_MOST_BYTES: Final = 1 << 30  # of text in one file: twenty years of minutes


class BadCandleFile(ValueError):
    """One sentence for the owner: which file, which row, what is wrong."""


@dataclass(frozen=True, slots=True)
class CandleFile:
    """`first_ms` and `end_ms` (exclusive) come from the first and last row; the rest is not checked yet."""

    path: Path
    symbol: str
    interval_ms: int
    first_ms: int
    end_ms: int


def candle_files(directory: Path) -> list[CandleFile]:
    """Every candle file of the folder, or of its `candles/`; raises if there is none."""
    if not directory.is_dir():
        raise BadCandleFile(f"{directory} is not a folder")
    place = directory / "candles" if (directory / "candles").is_dir() else directory
    found = [(path, _NAMED.fullmatch(path.name)) for path in sorted(place.iterdir())]
    files = [_opened(path, match[1], LENGTHS[match[2]]) for path, match in found if match is not None]
    if not files:
        raise BadCandleFile(f"{place} holds no candle file; one is named like BTCUSDT-5m.csv.gz")
    return files


def beside(directory: Path, kind: str, name: str) -> Path | None:
    """The file `name` in the folder's `kind/`, if it is there."""
    path = directory / kind / name
    return path if path.is_file() else None


def candles_in(file: CandleFile) -> Floats:
    """(n, 6) float64: whole, contiguous and sane."""
    rows = _table(file.path, CANDLE_COLUMNS)
    _require_steps(file.path, rows[:, 0], file.interval_ms)
    _require_sane_prices(file.path, rows)
    _require(file.path, rows[:, 5] >= 0, "a negative volume")
    return rows


def marks_in(path: Path) -> Floats:
    """(n, 5) float64, ascending; hours may be missing."""
    rows = _table(path, MARK_COLUMNS)
    _require_ascending(path, rows[:, 0])
    _require_sane_prices(path, rows)
    return rows


def series_in(path: Path, columns: tuple[str, ...]) -> Floats:
    """Rows of a funding or open interest file, ascending."""
    rows = _table(path, columns)
    _require_ascending(path, rows[:, 0])
    return rows


def decimals_of(values: Floats, most: int = 8) -> int:
    """Decimal places that all values are written with; float noise is forgiven."""
    for places in range(most):
        ticks = values * 10.0**places
        if np.all(np.abs(ticks - np.rint(ticks)) < 1e-10 + 4e-15 * np.abs(ticks)):
            return places
    return most


def moment(at_ms: float) -> str:
    """A timestamp for people, UTC."""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms:.0f}"


def _opened(path: Path, symbol: str, interval_ms: int) -> CandleFile:
    lines = _text(path, CANDLE_COLUMNS).rstrip(b"\n")
    first, last = (_stamp(path, line) for line in (lines.partition(b"\n")[0], lines.rpartition(b"\n")[2]))
    return CandleFile(path, symbol, interval_ms, first, last + interval_ms)


def _stamp(path: Path, line: bytes) -> int:
    stamp = line.partition(b",")[0]
    if not stamp.isdigit():
        raise BadCandleFile(f"{path.name}: a row begins with {stamp[:20]!r}, not with a time in milliseconds")
    return int(stamp)


def _text(path: Path, columns: tuple[str, ...]) -> bytes:
    """The lines below the header."""
    try:
        with gzip.open(path) as stream:
            content = stream.read(_MOST_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as broken:
        raise BadCandleFile(f"{path.name}: not a complete gzip file ({broken})") from broken
    except OSError as closed:
        raise BadCandleFile(f"{path.name}: cannot be read ({closed.strerror})") from closed
    header, _, lines = content.replace(b"\r", b"").partition(b"\n")
    named = header[:80].decode("utf-8", "replace")
    if tuple(named.split(",")) != columns:
        raise BadCandleFile(f"{path.name}: the header is {named!r}, not {','.join(columns)!r}")
    if not lines.strip():
        raise BadCandleFile(f"{path.name}: no rows below the header")
    return lines


def _table(path: Path, columns: tuple[str, ...]) -> Floats:
    lines = _text(path, columns).rstrip(b"\n").split(b"\n")
    try:
        rows: Floats = np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError:
        rows = np.empty((0, 0))
    if rows.shape != (len(lines), len(columns)):
        raise BadCandleFile(_first_unreadable(path, lines, len(columns)))
    _require(path, np.isfinite(rows).all(axis=1), "a value that is not a number")
    return rows


def _first_unreadable(path: Path, lines: list[bytes], count: int) -> str:
    for row, line in enumerate(lines, 1):
        values = line.split(b",")
        if len(values) != count:
            return f"{path.name}: row {row} has {len(values)} values instead of {count}"
        for value in values:
            try:
                float(value)
            except ValueError:
                return f"{path.name}: row {row} holds {value[:20].decode('utf-8', 'replace')!r}, not a number"
    return f"{path.name}: its rows cannot be read as numbers"


def _require(path: Path, good: NDArray[np.bool_] | np.bool_, wrong: str) -> None:
    if not good.all():
        raise BadCandleFile(f"{path.name}: row {int(np.argmin(good)) + 1} holds {wrong}")


def _require_ascending(path: Path, stamps: Floats) -> None:
    back = np.flatnonzero(np.diff(stamps) <= 0)
    if len(back):
        row = int(back[0]) + 1
        raise BadCandleFile(
            f"{path.name}: row {row + 1} ({moment(stamps[row])}) is not later than row {row} "
            f"({moment(stamps[row - 1])})"
        )


def _require_steps(path: Path, stamps: Floats, interval_ms: int) -> None:
    _require(
        path, stamps % interval_ms == 0, f"a time that is no multiple of {interval_ms // MINUTE_MS} minutes"
    )
    _require_ascending(path, stamps)
    holes = np.flatnonzero(np.diff(stamps) != interval_ms)
    if len(holes):
        row = int(holes[0]) + 1
        missing = int((stamps[row] - stamps[row - 1]) // interval_ms) - 1
        raise BadCandleFile(
            f"{path.name}: {missing} candles are missing before row {row + 1} ({moment(stamps[row])})"
        )


def _require_sane_prices(path: Path, rows: Floats) -> None:
    opened, high, low, closed = rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4]
    _require(path, (rows[:, 1:5] > 0).all(axis=1), "a price that is not above zero")
    _require(path, high >= np.maximum(opened, closed), "a high below its open or close")
    _require(path, low <= np.minimum(opened, closed), "a low above its open or close")
