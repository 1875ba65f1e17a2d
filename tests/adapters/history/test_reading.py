"""The period that is asked for, its holes, and the cache."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.adapters.history.reading import read_history
from core.backtest.history import BadHistory, Gap
from tests.adapters.history.shelves import MINUTE, START, bars, text, write

CSV = "candles/BTCUSDT-5m.csv"
STEP = 5 * MINUTE
ROWS = bars(100)
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)


def at(bar: float) -> datetime:
    return NEW_YEAR + timedelta(minutes=5 * bar)


def without(*lost: int) -> str:
    return text(np.delete(ROWS, lost, axis=0))


@pytest.mark.parametrize(
    ("since", "until", "first", "end"),
    [(None, None, 0, 100), (at(10), None, 10, 100), (None, at(20), 0, 20), (at(9.5), at(20.5), 10, 21)],
)
def test_bars_that_open_inside_the_period_are_given(
    tmp_path: Path, since: datetime | None, until: datetime | None, first: int, end: int
) -> None:
    write(tmp_path / CSV, text(ROWS))

    history = read_history(tmp_path, "BTC", "5m", since, until)

    assert np.array_equal(history.bars, ROWS[first:end])
    assert history.source == CSV


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        (at(-3), None, f"{CSV}: 3 bars from 2024-12-31 23:45 to 2025-01-01 00:00 are missing before row 1"),
        (
            None,
            at(101),
            f"{CSV}: 1 bar from 2025-01-01 08:20 to 2025-01-01 08:25 is missing after row 100, the",
        ),
        (
            at(200),
            None,
            f"{CSV} holds 2025-01-01 00:00 to 2025-01-01 08:15 and nothing of 2025-01-01 16:40 to",
        ),
        (at(5), at(5), "there is nothing from 2025-01-01 00:25 to 2025-01-01 00:25: the end is not later"),
        (at(9), at(5), "there is nothing from 2025-01-01 00:45 to 2025-01-01 00:25: the end is not later"),
    ],
)
def test_a_period_the_files_do_not_cover_is_refused(
    tmp_path: Path, since: datetime | None, until: datetime | None, sentence: str
) -> None:
    write(tmp_path / CSV, text(ROWS))

    with pytest.raises(BadHistory) as raised:
        read_history(tmp_path, "BTC", "5m", since, until)

    assert sentence in str(raised.value)


@pytest.mark.parametrize("reading", ["first", "from the cache"])
def test_a_gap_is_refused_by_file_and_row(tmp_path: Path, reading: str) -> None:
    write(tmp_path / "candles/BTCUSDT-5m-20250101.csv", text(ROWS[:40]))
    write(
        tmp_path / "candles/BTCUSDT-5m-20250102.csv", text(np.delete(ROWS, (*range(45), 60, 61, 80), axis=0))
    )
    if reading == "from the cache":
        read_history(tmp_path, "BTC", "5m", until=at(30))

    with pytest.raises(BadHistory) as raised:
        read_history(tmp_path, "BTC", "5m", since=at(50))

    assert str(raised.value) == (
        "candles/BTCUSDT-5m-20250102.csv: 2 bars from 2025-01-01 05:00 to 2025-01-01 05:10 are missing "
        "before row 16, and 1 more gap"
    )


def test_allowed_gaps_are_listed_with_their_ends_and_those_outside_the_period_are_not(tmp_path: Path) -> None:
    write(tmp_path / CSV, without(10, 40, 41, 90))

    history = read_history(tmp_path, "BTC", "5m", at(20), at(102), allow_gaps=True)

    assert history.gaps == (
        Gap(START + 40 * STEP, START + 42 * STEP, 2),
        Gap(START + 90 * STEP, START + 91 * STEP, 1),
        Gap(START + 100 * STEP, START + 102 * STEP, 2),
    )
    assert len(history.bars) == 77


def test_a_gap_outside_the_period_is_no_error(tmp_path: Path) -> None:
    write(tmp_path / CSV, without(10))

    assert len(read_history(tmp_path, "BTC", "5m", since=at(11)).bars) == 89


def test_a_changed_file_is_read_again_although_it_has_the_same_length(tmp_path: Path) -> None:
    path = write(tmp_path / CSV, text(ROWS))
    read_history(tmp_path, "BTC", "5m")
    before = path.stat()
    other = ROWS.copy()
    other[:, 5] = np.where(ROWS[:, 5] >= 5, ROWS[:, 5] - 1, ROWS[:, 5] + 1).round(3)
    write(path, text(other))
    os.utime(path, ns=(1, before.st_mtime_ns + 1))

    again = read_history(tmp_path, "BTC", "5m")

    assert path.stat().st_size == before.st_size
    assert np.array_equal(again.bars, other)
    assert len(list((tmp_path / ".cache").glob("*.npy"))) == 1


def test_a_cached_table_is_read_without_looking_into_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / CSV, text(ROWS))
    read_history(tmp_path, "BTC", "5m")
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    cached = read_history(tmp_path, "BTC", "5m")

    assert np.array_equal(cached.bars, ROWS)
    with pytest.raises(ValueError, match="read-only"):
        cached.bars[0, 1] = 5.0


@pytest.mark.parametrize("spoilt", [b"", b"\x93NUMPY rubbish", b"x" * 4096])
def test_a_spoilt_cache_is_made_anew(tmp_path: Path, spoilt: bytes) -> None:
    write(tmp_path / CSV, text(ROWS))
    read_history(tmp_path, "BTC", "5m")
    entry = next((tmp_path / ".cache").glob("*.npy"))
    entry.write_bytes(spoilt)

    history = read_history(tmp_path, "BTC", "5m")

    assert np.array_equal(history.bars, ROWS)
    assert entry.read_bytes() != spoilt


def test_a_cache_of_python_objects_is_never_unpacked(tmp_path: Path) -> None:
    write(tmp_path / CSV, text(ROWS))
    read_history(tmp_path, "BTC", "5m")
    entry = next((tmp_path / ".cache").glob("*.npy"))
    with entry.open("wb") as file:
        np.save(file, np.array([[object()] * 6] * 2, dtype=object), allow_pickle=True)

    assert np.array_equal(read_history(tmp_path, "BTC", "5m").bars, ROWS)


def test_nothing_is_written_into_a_folder_marked_read_only(tmp_path: Path) -> None:
    write(tmp_path / CSV, text(ROWS))
    tmp_path.chmod(0o555)
    try:
        history = read_history(tmp_path, "BTC", "5m")
    finally:
        tmp_path.chmod(0o755)

    assert np.array_equal(history.bars, ROWS)
    assert not (tmp_path / ".cache").exists()


def test_what_mark_prices_and_funding_leave_open_is_remarked(tmp_path: Path) -> None:
    hours = bars(200, 60 * MINUTE)
    write(tmp_path / "candles/BTCUSDT-1h.csv", text(hours))
    write(tmp_path / "mark/BTCUSDT-1h.csv", text(np.delete(hours, (*range(50), 70), axis=0)[:, :5], MARK))
    settled = hours[::8, :2].copy()
    settled[:, 1] = 0.0001
    write(tmp_path / "funding/BTCUSDT-funding.csv", text(np.delete(settled, 5, axis=0), FUNDING))

    history = read_history(tmp_path, "BTC", "1h")

    assert history.remarks == (
        "mark prices cover 2025-01-03 02:00 to 2025-01-09 08:00 only",
        "mark prices have 1 gap, the first of 1 bar from 2025-01-03 22:00 to 2025-01-03 23:00",
        "funding has 1 hole, the first from 2025-01-02 08:00 to 2025-01-03 00:00",
    )


MARK = ("timestamp", "open", "high", "low", "close")
FUNDING = ("timestamp", "funding_rate")
