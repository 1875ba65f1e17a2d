"""Which rows of a recorded past are believed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.backtest.history import Floats, bars_fault, funding_fault, gaps_in

MINUTE = 60_000
HOUR = 60 * MINUTE
START = 1_735_689_600_000  # 2025-01-01
Spoil = Callable[[Floats], object]


def bars(count: int = 10, length: int = HOUR) -> Floats:
    rows = np.empty((count, 6))
    rows[:, 0] = START + np.arange(count) * length
    rows[:, 1:] = (100.0, 103.0, 99.0, 101.0, 7.0)
    return rows


def put(row: int, column: int, value: float) -> Spoil:
    return lambda rows: rows.__setitem__((row, column), value)


def test_whole_bars_have_no_fault() -> None:
    assert bars_fault(bars(), HOUR) is None
    assert bars_fault(bars()[:, :5], HOUR) is None


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (put(3, 4, np.nan), "row 4 holds a value that is not a number"),
        (put(3, 5, np.inf), "row 4 holds a value that is not a number"),
        (put(0, 1, np.nan), "row 1 holds a value that is not a number"),
        (put(3, 3, -1.0), "row 4 holds a price of -1"),
        (put(9, 3, 0.0), "row 10 holds a price of 0"),
        (put(3, 2, 98.0), "row 4 has a high of 98 below its low of 99"),
        (put(3, 4, 104.0), "row 4 has an open of 100 or close of 104 beyond its high of 103"),
        (put(3, 1, 98.5), "row 4 has an open of 98.5 or close of 101 beyond its low of 99"),
        (put(3, 5, -2.0), "row 4 holds a volume of -2"),
        (put(3, 0, START), "row 4 (2025-01-01 00:00) is not later than row 3 (2025-01-01 02:00)"),
        (put(3, 0, START + 2 * HOUR), "row 4 repeats the time 2025-01-01 02:00"),
        (
            put(3, 0, START + 3 * HOUR + MINUTE),
            "row 4 begins at 2025-01-01 03:01, which is no multiple of 1 h",
        ),
        (put(3, 0, np.nan), "row 4 holds no time in milliseconds (nan)"),
        (put(3, 0, (START + 3 * HOUR) * 1000), "row 4 holds a time in microseconds (1735700400000000) where"),
        (put(0, 0, START / 1000), "row 1 holds a time in seconds (1735689600) where milliseconds"),
        (put(3, 0, 5.0), "row 4 holds no time in milliseconds (5)"),
    ],
)
def test_the_first_row_that_cannot_be_true_is_named(spoil: Spoil, sentence: str) -> None:
    rows = bars()
    spoil(rows)

    fault = str(bars_fault(rows, HOUR))

    assert fault.startswith(sentence)


def test_of_two_bad_rows_the_first_is_named() -> None:
    rows = bars()
    rows[7, 4], rows[2, 5] = np.nan, -1.0

    assert str(bars_fault(rows, HOUR)) == "row 3 holds a volume of -1"


@pytest.mark.parametrize("length", [MINUTE, 15 * MINUTE, 4 * HOUR])
def test_bars_of_another_length_are_refused_whether_finer_or_coarser(length: int) -> None:
    fault = str(bars_fault(bars(length=length), HOUR))

    assert fault == f"row 2 begins {length // MINUTE} min after row 1: bars of 1 h are expected"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[START, 0.0001], [START, 0.0001]], "row 2 repeats the time 2025-01-01 00:00"),
        ([[START, 0.0001], [START + HOUR, np.nan]], "row 2 holds a funding rate of nan"),
        ([[START, 0.5]], "row 1 holds a funding rate of 0.5"),
        ([[START + HOUR, 0.0], [START, 0.0]], "row 2 (2025-01-01 00:00) is not later than row 1"),
    ],
)
def test_funding_that_cannot_be_true_is_named(rows: list[list[float]], sentence: str) -> None:
    assert str(funding_fault(np.array(rows))).startswith(sentence)


def test_funding_of_the_harshest_hours_is_believed() -> None:
    rows = np.array([[START, -0.02], [START + 2 * HOUR, -0.03]])

    assert funding_fault(rows) is None


@given(st.sets(st.integers(min_value=1, max_value=28), max_size=28))
def test_gaps_are_exactly_the_bars_that_were_taken_out(lost: set[int]) -> None:
    rows = bars(30)
    kept = rows[[at for at in range(30) if at not in lost]]

    gaps = gaps_in(kept[:, 0], HOUR)

    told = {
        START + at * HOUR for gap in gaps for at in range(30) if gap.from_ms <= START + at * HOUR < gap.to_ms
    }
    assert told == {START + at * HOUR for at in lost}
    assert sum(gap.bars for gap in gaps) == len(lost)
