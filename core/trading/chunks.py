"""Candles as small pieces that decisions share: what was read once is stored once.

Laws:
- A piece is named by the SHA-256 of its content, so the same bars have one name whoever read them.
- Prices stay the doubles they were, bit for bit.
- Bars are cut where the timeframe's count of bars is a multiple of `BARS`: yesterday's cuts are today's.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.market import TIMEFRAMES, Candles

BARS = 32
COLUMNS = 6
MAX_CONTENT = 4_000_000
"""Bytes of one piece unpacked; a chunk has 1,536."""
PACKED = 1024
"""Pieces whose packed form is remembered: 32 symbols' windows, about 2 kB each."""
BAR_TABLE, LIST, TEXT = b"C", b"L", b"T"
"""First byte of a piece: bars, the list of a window's pieces, or JSON."""
DIGEST = 32


def name_of(content: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def packed(content: bytes) -> bytes:
    return zlib.compress(content, 6)


@lru_cache(maxsize=PACKED)
def packed_once(content: bytes) -> bytes:
    """For pieces: most of a window was packed for the decision before."""
    return packed(content)


def unpacked(body: bytes) -> bytes:
    """Raises `ValueError` for what was not packed here, or is larger than anything that was."""
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(body, MAX_CONTENT)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it cannot be unpacked: it is cut, or more follows")
    return content


def text_piece(text: str) -> bytes:
    return TEXT + text.encode()


def text_of(content: bytes) -> str:
    """Raises `ValueError` for a piece of another kind."""
    if content[:1] != TEXT:
        raise ValueError("the piece is no text")
    return content[1:].decode()


def cut(candles: Candles) -> tuple[bytes, list[bytes]]:
    """The window's list and its pieces, contents."""
    pieces = [BAR_TABLE + rows.T.astype("<f8").tobytes() for rows in _aligned(candles)]
    head = json.dumps([candles.symbol, candles.timeframe]).encode()
    return LIST + head + b"\n" + b"".join(bytes.fromhex(name_of(piece)) for piece in pieces), pieces


def _aligned(candles: Candles) -> Iterator[NDArray[np.float64]]:
    rows, length = candles.rows, TIMEFRAMES[candles.timeframe]
    if not len(rows):
        return
    numbers = (rows[:, 0] // (length * BARS)).astype(np.int64)
    edges = np.flatnonzero(np.diff(numbers)) + 1
    yield from np.split(rows, edges)


def listed(content: bytes) -> tuple[str, ...]:
    """Names of a window's pieces, oldest first; empty for a piece of another kind."""
    if content[:1] != LIST:
        return ()
    _, names = content.split(b"\n", 1)
    if len(names) % DIGEST:
        raise ValueError("a window's list is cut")
    return tuple(names[at : at + DIGEST].hex() for at in range(0, len(names), DIGEST))


def joined(content: bytes, pieces: Mapping[str, bytes]) -> Candles:
    """The window again. Raises `ValueError` or `KeyError` where pieces are missing or of another kind."""
    symbol, timeframe = json.loads(content[1:].split(b"\n", 1)[0])
    tables = [_table(pieces[name]) for name in listed(content)]
    rows = np.concatenate(tables) if tables else np.empty((0, COLUMNS))
    return Candles(symbol, timeframe, rows)


def _table(content: bytes) -> NDArray[np.float64]:
    if content[:1] != BAR_TABLE:
        raise ValueError("the piece holds no bars")
    flat = np.frombuffer(content[1:], dtype="<f8").astype(np.float64)
    return np.ascontiguousarray(flat.reshape(COLUMNS, -1).T)
