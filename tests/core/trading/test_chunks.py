"""Windows of candles as pieces: bit for bit the same again, and shared where they overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.market import TIMEFRAMES, Candles
from core.trading.chunks import BARS, cut, joined, listed, name_of, packed, text_of, text_piece, unpacked
from tests.core.builders import SOL

QUARTER_MS = TIMEFRAMES["15m"]


def window(first_bar: int, count: int, values: np.ndarray | None = None) -> Candles:
    rows = np.zeros((count, 6))
    rows[:, 0] = (first_bar + np.arange(count)) * QUARTER_MS
    rows[:, 1:] = rows[:, :1] % 997 + np.arange(5) if values is None else values
    return Candles(SOL, "15m", rows)


def pieces_of(candles: Candles) -> tuple[bytes, dict[str, bytes]]:
    content, pieces = cut(candles)
    return content, {name_of(piece): piece for piece in pieces}


def test_a_piece_that_was_cut_short_is_refused() -> None:
    body = packed(text_piece("rules"))

    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpacked(body[:-3])


def test_a_piece_with_something_behind_it_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpacked(packed(b"Trules") + b"more")


def test_a_window_whose_piece_is_missing_is_not_joined() -> None:
    content, pieces = pieces_of(window(0, 100))
    pieces.pop(listed(content)[1])

    with pytest.raises(KeyError):
        joined(content, pieces)


def test_bars_are_no_text() -> None:
    _, (piece, *_) = cut(window(0, 10))

    with pytest.raises(ValueError, match="no text"):
        text_of(piece)


@given(
    first_bar=st.integers(1_900_000, 2_000_000),
    values=st.integers(0, 3 * BARS).flatmap(
        lambda count: arrays(np.float64, (count, 5), elements=st.floats(width=64))
    ),
)
def test_a_window_comes_back_bit_for_bit(first_bar: int, values: np.ndarray) -> None:
    candles = window(first_bar, len(values), values)

    again = joined(*pieces_of(candles))

    assert again.rows.tobytes() == candles.rows.tobytes()
    assert (again.symbol, again.timeframe) == (SOL, "15m")


def test_a_window_one_bar_later_shares_all_but_its_ends() -> None:
    _, before = pieces_of(window(1_000_003, 400))
    _, after = pieces_of(window(1_000_004, 400))

    assert len(before.keys() & after.keys()) == len(before) - 2
