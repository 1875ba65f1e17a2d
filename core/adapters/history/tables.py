"""One file of recorded market facts, whatever its format, as an array of numbers.

Laws:
- A file that can't be trusted is refused with one sentence that names the file and the row; rows are counted
  from 1, the first below a header. Nothing is mended.
- What a file may cost is bounded before it is unpacked.
- Files are read into memory, never mapped: one that is cut short meanwhile must not end the program.
- polars is imported only here and on use. (pandas would load pyarrow in every process, the bot's too.)
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.backtest.history import BadHistory, Floats

if TYPE_CHECKING:
    import polars as pl

MOST_BYTES: Final = 1 << 30
"""Of one file, packed or unpacked: twenty years of minutes are 0.6 GiB of text."""
SHOWN: Final = 20
"""Characters of a bad value that are repeated."""
MICROSECONDS_FROM, NANOSECONDS_FROM = 1e15, 1e17


class Kind(StrEnum):
    CANDLES = "candles"
    MARK = "mark"
    FUNDING = "funding"


_BARS: Final = ("timestamp", "open", "high", "low", "close")
COLUMNS: Final = {
    Kind.CANDLES: (*_BARS, "volume"),
    Kind.MARK: _BARS,
    Kind.FUNDING: ("timestamp", "funding_rate"),
}
_ALSO_CALLED: Final = {
    "timestamp": ("date", "open_time", "calc_time"),
    # freqtrade keeps the rate as the open of a candle.
    "funding_rate": ("last_funding_rate", "fundingrate", "open"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file and what it is expected to hold."""

    path: Path
    kind: Kind

    @property
    def name(self) -> str:
        """Short, and yet telling candles from mark prices of the same name."""
        return f"{self.path.parent.name}/{self.path.name}"

    def bad(self, problem: str) -> BadHistory:
        return BadHistory(f"{self.name}: {problem}")


def table_of(source: Source) -> Floats:
    """(n, columns of the kind) float64, times in ms; only read, not checked. Raises `BadHistory`."""
    content = _content(source)
    name = source.path.name
    if name.endswith((".feather", ".parquet")):
        rows = _from_frame(source, content)
    elif ".json" in name:
        rows = _from_json(source, content)
    else:
        rows = _from_text(source, content)
    if not len(rows):
        raise source.bad("holds no rows")
    return _in_milliseconds(source.kind, rows)


def _in_milliseconds(kind: Kind, rows: Floats) -> Floats:
    """Binance's archive counts in microseconds since 2025 in part; one file never mixes them."""
    stamps = rows[:, 0]
    if ((stamps >= MICROSECONDS_FROM) & (stamps < NANOSECONDS_FROM)).all():
        stamps[:] = np.floor(stamps / 1000)
    if kind is Kind.FUNDING:
        stamps[:] = settled_at(stamps)
    return rows


def settled_at(stamps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Settlements are booked some milliseconds beside their hour: this is the minute they are meant for."""
    whole = np.round(stamps / 60_000) * 60_000
    return np.where(np.abs(stamps - whole) < 1_000, whole, stamps)


# ---------------------------------------------------------------- bytes


def _content(source: Source) -> bytes:
    try:
        if source.path.stat().st_size > MOST_BYTES:
            raise source.bad(f"is larger than {MOST_BYTES >> 20:,} MiB")
        packed = source.path.read_bytes()
    except OSError as error:
        raise source.bad(f"cannot be read ({error.strerror})") from error
    if not packed:
        raise source.bad("is an empty file")
    try:
        return _unpacked(source, packed)
    except (EOFError, OSError, zlib.error) as error:
        raise source.bad(f"is not a complete gzip file ({error})") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise source.bad(f"is not a complete zip archive ({error})") from error


def _unpacked(source: Source, packed: bytes) -> bytes:
    if source.path.suffix == ".gz":
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            return _bounded(source, stream.read)
    if source.path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise source.bad(f"holds {len(names)} CSV files instead of one")
            with archive.open(names[0]) as stream:
                return _bounded(source, stream.read)
    return packed


def _bounded(source: Source, read: Callable[[int], bytes]) -> bytes:
    content = read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise source.bad(f"is larger than {MOST_BYTES >> 20:,} MiB once unpacked")
    return content


# ---------------------------------------------------------------- text


def _from_text(source: Source, content: bytes) -> Floats:
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").rstrip(b"\n")
    if not content.strip():
        raise source.bad("holds no rows")
    header, _, below = content.partition(b"\n")
    cells = [cell.decode("utf-8", "replace").strip() for cell in header.split(b",")]
    if _is_number(header.split(b",")[0]):
        wanted, below = _first_columns(source, len(cells)), content
    else:
        wanted = _columns_at(source, cells)
    if not below:
        raise source.bad("holds no rows below its header")
    return _parsed(source, below, wanted, len(cells))


def _parsed(source: Source, lines: bytes, wanted: Sequence[int], count: int) -> Floats:
    import polars as pl

    names = [f"{at}" for at in range(count)]
    schema = {name: pl.Float64() if at in wanted else pl.String() for at, name in enumerate(names)}
    try:
        frame = pl.read_csv(
            io.BytesIO(lines), has_header=False, schema=schema, quote_char=None, columns=list(wanted)
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _bad_line(source, lines, wanted, count) from error
    rows = _stacked([frame[names[at]] for at in wanted])
    # A last line cut short in a column that isn't wanted says that the file was cut as well.
    if lines.rpartition(b"\n")[2].count(b",") != count - 1 or not np.isfinite(rows).all():
        raise _bad_line(source, lines, wanted, count)
    return rows


def _bad_line(source: Source, lines: bytes, wanted: Sequence[int], count: int) -> BadHistory:
    for row, line in enumerate(lines.split(b"\n"), 1):
        cells = line.split(b",")
        if len(cells) != count:
            return source.bad(f"row {row} has {len(cells) if line else 0} values instead of {count}")
        for name, at in zip(COLUMNS[source.kind], wanted, strict=True):
            if not _is_number(cells[at]):
                shown = cells[at][:SHOWN].decode("utf-8", "replace")
                return source.bad(f"row {row} holds {shown!r} as its {name}, which is not a number")
    return source.bad("its rows cannot be read as numbers")


def _is_number(cell: bytes) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _columns_at(source: Source, header: Sequence[str]) -> list[int]:
    """Where each wanted column stands."""
    places = {name.lower(): at for at, name in reversed(list(enumerate(header)))}
    found = []
    for name in COLUMNS[source.kind]:
        names = (name, *_ALSO_CALLED.get(name, ()))
        at = next((places[each] for each in names if each in places), None)
        if at is None:
            has = ", ".join(each[:SHOWN] for each in header[:12])
            raise source.bad(f"has no column {name!r}; its first line reads {has}")
        found.append(at)
    return found


def _first_columns(source: Source, count: int) -> list[int]:
    """Without a header the columns stand in the order of Binance's archive."""
    wanted = len(COLUMNS[source.kind])
    if source.kind is Kind.FUNDING:
        raise source.bad("has no header, so its columns can't be told apart")
    if count < wanted:
        raise source.bad(f"row 1 has {count} values instead of {wanted} or more")
    return list(range(wanted))


# ---------------------------------------------------------------- tables


def _from_frame(source: Source, content: bytes) -> Floats:
    import polars as pl

    is_feather = source.path.suffix == ".feather"
    name, mark = ("Feather", b"ARROW1") if is_feather else ("Parquet", b"PAR1")
    if not (content.startswith(mark) and content.endswith(mark)):
        raise source.bad(f"is not a complete {name} file")
    try:
        frame = pl.read_ipc(io.BytesIO(content)) if is_feather else pl.read_parquet(io.BytesIO(content))
        at = _columns_at(source, frame.columns)
        return _stacked([_as_floats(source, frame[frame.columns[each]]) for each in at])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        said = (str(error).splitlines() or ["it ends too early"])[0]
        raise source.bad(f"is a damaged {name} file ({said[:100]})") from error


def _as_floats(source: Source, column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype.is_temporal() and column.dtype != pl.Time:
        return column.dt.epoch("ms").cast(pl.Float64)
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    shown = str(column[0])[:SHOWN] if len(column) else ""
    raise source.bad(f"row 1 holds {shown!r} as its {column.name}, which is not a number")


def _stacked(columns: Sequence[pl.Series]) -> Floats:
    """(n, columns), C-ordered; what is missing becomes NaN, which the checks of rows name."""
    rows = np.empty((len(columns[0]), len(columns)))
    for at, column in enumerate(columns):
        rows[:, at] = column.to_numpy()
    return rows


# ---------------------------------------------------------------- JSON


def _from_json(source: Source, content: bytes) -> Floats:
    """freqtrade's: a list of [ms, open, high, low, close, volume]."""
    try:
        loaded = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise source.bad(f"is not complete JSON ({error})") from error
    if not isinstance(loaded, list):
        raise source.bad("is not a list of rows")
    wanted = len(COLUMNS[source.kind])
    for row, each in enumerate(loaded, 1):
        if not (isinstance(each, list) and len(each) >= wanted):
            raise source.bad(f"row {row} is not a list of {wanted} or more values")
        bad = next((value for value in each[:wanted] if not _is_plain_number(value)), None)
        if bad is not None or None in each[:wanted]:
            raise source.bad(f"row {row} holds {str(bad)[:SHOWN]!r}, which is not a number")
    return np.array([each[:wanted] for each in loaded], dtype=np.float64).reshape(-1, wanted)


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
