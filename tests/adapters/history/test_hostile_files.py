"""Files that can't be trusted, one by one: one sentence with file and row, and never a part of the bars."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.adapters.history import tables
from core.adapters.history.reading import read_history
from core.backtest.history import BadHistory
from tests.adapters.history.shelves import (
    MINUTE,
    OURS,
    START,
    archived,
    as_json,
    bars,
    feather,
    frame,
    parquet,
    text,
    write,
)

CSV = "candles/BTCUSDT-5m.csv"
FEATHER = "candles/BTCUSDT-5m.feather"
JSON = "BTC_USDT_USDT-5m-futures.json"
ROWS = bars()
LINES = text(ROWS).splitlines()
Lines = list[str]


def refusal(folder: Path) -> str:
    with pytest.raises(BadHistory) as raised:
        read_history(folder, "BTC", "5m")
    said = str(raised.value)
    assert "\n" not in said and len(said) < 250
    return said


def changed(row: int, column: int, value: str) -> Callable[[Lines], Lines]:
    """Rows are counted as people are told: 1 is the first below the header."""

    def change(lines: Lines) -> Lines:
        cells = lines[row].split(",")
        cells[column] = value
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed(7, 4, "nan"), "row 7 holds 'nan' as its close, which is not a number"),
        (changed(7, 4, ""), "row 7 holds '' as its close, which is not a number"),
        (changed(7, 2, "1e999"), "row 7 holds '1e999' as its high, which is not a number"),
        (changed(7, 1, "abc" * 99), f"row 7 holds '{('abc' * 9)[:20]}' as its open, which is not a number"),
        (changed(7, 1, '"100"'), "row 7 holds '\"100\"' as its open, which is not a number"),
        (changed(7, 0, "2025-01-01"), "row 7 holds '2025-01-01' as its timestamp, which is not a number"),
        (changed(7, 3, "-5"), "row 7 holds a price of -5"),
        (changed(7, 3, "0"), "row 7 holds a price of 0"),
        (changed(7, 2, "1"), "row 7 has a high of 1 below its low of"),
        (changed(7, 4, "500"), "row 7 has an open of"),
        (changed(7, 5, "-1"), "row 7 holds a volume of -1"),
        (changed(7, 0, f"{(START + 30 * MINUTE) * 1000}"), "row 7 holds a time in microseconds"),
        (changed(7, 0, f"{START // 1000}"), "row 7 holds a time in seconds"),
        (
            changed(7, 0, f"{START + 30 * MINUTE + 7}"),
            "row 7 begins at 2025-01-01 00:30, which is no multiple",
        ),
        (lambda lines: [*lines[:7], lines[8], lines[7], *lines[9:]], "row 8 (2025-01-01 00:30) is not later"),
        (lambda lines: [*lines[:8], lines[7], *lines[8:]], "row 8 repeats the time 2025-01-01 00:30"),
        (lambda lines: [*lines[:7], "", *lines[7:]], "row 7 has 0 values instead of 6"),
        (lambda lines: [*lines[:7], lines[7] + ",9", *lines[8:]], "row 7 has 7 values instead of 6"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "row 20 has 3 values instead of 6"),
        (lambda lines: lines[:1], "holds no rows below its header"),
        (
            lambda lines: [lines[0].replace("low", "lo"), *lines[1:]],
            "has no column 'low'; its first line reads",
        ),
        (lambda lines: ["\x00\xff garbage"], "has no column 'timestamp'; its first line reads"),
        (lambda lines: ["<html><body>503</body></html>"], "has no column 'timestamp'; its first line reads"),
        (lambda lines: ["5,5"], "row 1 has 2 values instead of 6 or more"),
        (
            lambda lines: [lines[0], *lines[1::3]],
            "row 2 begins 15 min after row 1: bars of 5 min are expected",
        ),
        (
            lambda lines: [*lines[:7], *lines[8:]],
            "1 bar from 2025-01-01 00:30 to 2025-01-01 00:35 is missing",
        ),
    ],
)
def test_a_bad_row_of_text_is_named(tmp_path: Path, change: Callable[[Lines], Lines], sentence: str) -> None:
    write(tmp_path / CSV, "\n".join(change(LINES)) + "\n")

    assert refusal(tmp_path).startswith(f"{CSV}: {sentence}")
    assert not list(tmp_path.glob(".cache/*5m*.npy")) or "missing" in sentence


def test_an_archive_file_cut_in_a_column_nobody_reads_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "BTCUSDT-5m-2025-01.csv", archived(ROWS).rstrip("\n").rpartition(",1000.5")[0])

    assert refusal(tmp_path).endswith("BTCUSDT-5m-2025-01.csv: row 20 has 7 values instead of 12")


def truncated(path: Path, share: float = 0.6) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"{CSV}.gz", "is not a complete gzip file"),
        ("BTCUSDT-5m-2025-01.zip", "is not a complete zip archive"),
        (FEATHER, "is not a complete Feather file"),
        ("candles/BTCUSDT-5m.parquet", "is not a complete Parquet file"),
        (JSON, "is not complete JSON"),
    ],
)
def test_a_file_cut_short_is_refused(tmp_path: Path, path: str, sentence: str) -> None:
    at = tmp_path / path
    if "feather" in path:
        feather(at, frame(ROWS))
    elif "parquet" in path:
        parquet(at, frame(ROWS))
    else:
        write(at, {"zip": archived(ROWS), "json": as_json(ROWS)}.get(path.rpartition(".")[2], text(ROWS)))
    truncated(at)

    assert f"{at.name}: {sentence}" in refusal(tmp_path)


@pytest.mark.parametrize(
    "name", [CSV, f"{CSV}.gz", FEATHER, "candles/BTCUSDT-5m.parquet", JSON, "BTCUSDT-5m-2025-01.zip"]
)
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "candles").mkdir()
    (tmp_path / name).write_bytes(b"")

    assert refusal(tmp_path).endswith("is an empty file")


@pytest.mark.parametrize("name", [FEATHER, "candles/BTCUSDT-5m.parquet"])
def test_a_table_damaged_in_its_middle_is_refused(tmp_path: Path, name: str, capfd: object) -> None:
    rows = bars(5_000)
    at = (feather if name == FEATHER else parquet)(tmp_path / name, frame(rows))
    content = bytearray(at.read_bytes())
    for start in range(200, len(content) - 3_000, 997):
        content[start : start + 40] = b"\xa5" * 40
    at.write_bytes(content)

    assert refusal(tmp_path).startswith(f"{name}: ")


@pytest.mark.parametrize("seed", range(40))
def test_no_flipped_byte_ends_otherwise_than_in_bars_or_in_one_sentence(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    writers = (
        (f"{CSV}.gz", lambda at: write(at, text(ROWS))),
        (FEATHER, lambda at: feather(at, frame(ROWS))),
        ("candles/BTCUSDT-5m.parquet", lambda at: parquet(at, frame(ROWS))),
        ("BTCUSDT-5m-2025-01.zip", lambda at: write(at, archived(ROWS))),
    )
    name, writer = writers[seed % len(writers)]
    at = writer(tmp_path / name)
    content = bytearray(at.read_bytes())
    for _ in range(3):
        content[int(chance.integers(len(content)))] ^= 1 << int(chance.integers(8))
    at.write_bytes(content)

    try:
        history = read_history(tmp_path, "BTC", "5m", use_cache=False)
    except BadHistory as refused:
        said = str(refused)
    else:
        said = "bars without a hole" if (np.diff(history.bars[:, 0]) == 5 * MINUTE).all() else "a hole\n"
    assert "\n" not in said


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (frame(ROWS).drop("low"), "has no column 'low'; its first line reads timestamp, open, high, close"),
        (frame(ROWS).with_columns(pl.col("close").cast(pl.String)), "as its close, which is not a number"),
        (frame(ROWS).with_columns(pl.lit(True).alias("open")), "row 1 holds 'True' as its open"),
        (frame(ROWS)[:0], "holds no rows"),
        (frame(ROWS).with_columns(pl.col("timestamp") + 3), "row 1 begins at 2025-01-01 00:00, which is no"),
        (frame(np.delete(ROWS, 4, axis=0)), "is missing before row 5"),
    ],
)
def test_a_table_of_the_wrong_shape_is_refused(tmp_path: Path, table: pl.DataFrame, sentence: str) -> None:
    feather(tmp_path / FEATHER, table)

    assert sentence in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{}", "is not a list of rows"),
        ("[]", "holds no rows"),
        (f"[[{START}, 1, 2]]", "row 1 is not a list of 6 or more values"),
        (f"[[{START}, 1, 2, 1, 1, null]]", "row 1 holds 'None', which is not a number"),
        (f'[[{START}, 1, 2, 1, "1", 5]]', "row 1 holds '1', which is not a number"),
        (f"[[{START}, 1, 2, 1, NaN, 5]]", "row 1 holds 'nan', which is not a number"),
        ("[" * 100_000, "is not complete JSON"),
    ],
)
def test_json_that_is_no_list_of_rows_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    write(tmp_path / JSON, content)

    assert sentence in refusal(tmp_path)


def test_a_file_that_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 1 << 20)
    path = tmp_path / f"{CSV}.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"0" * (2 << 20)))

    assert refusal(tmp_path) == f"{CSV}.gz: is larger than 1 MiB once unpacked"


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "BTCUSDT-5m-2025-01.zip", "w") as archive:
        archive.writestr("one.csv", archived(ROWS))
        archive.writestr("two.csv", archived(ROWS))

    assert refusal(tmp_path).endswith("holds 2 CSV files instead of one")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (f"timestamp,funding_rate\n{START},0.0001\n{START},0.0001\n", "row 2 repeats the time"),
        (f"timestamp,funding_rate\n{START},1.5\n", "row 1 holds a funding rate of 1.5"),
        (f"timestamp,rate\n{START},0.1\n", "has no column 'funding_rate'"),
        (f"{START},0.0001\n", "has no header, so its columns can't be told apart"),
    ],
)
def test_bad_funding_is_refused_even_though_the_candles_are_whole(
    tmp_path: Path, lines: str, sentence: str
) -> None:
    write(tmp_path / CSV, text(ROWS))
    write(tmp_path / "funding/BTCUSDT-funding.csv", lines)

    assert refusal(tmp_path).startswith(f"funding/BTCUSDT-funding.csv: {sentence}")


def test_bad_mark_prices_are_refused_even_though_the_candles_are_whole(tmp_path: Path) -> None:
    write(tmp_path / CSV, text(ROWS))
    write(
        tmp_path / "mark/BTCUSDT-5m.csv",
        "\n".join(changed(3, 1, "-1")(text(ROWS[:, :5], OURS[:5]).split("\n"))),
    )

    assert refusal(tmp_path) == "mark/BTCUSDT-5m.csv: row 3 holds a price of -1"


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path / "nowhere")

    assert told.startswith(f"{tmp_path / 'nowhere'} is not a folder: `main.py download` makes")


def test_a_link_that_leads_in_circles_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / CSV, text(ROWS))
    (tmp_path / "candles" / "again").symlink_to(tmp_path, target_is_directory=True)

    assert len(read_history(tmp_path, "BTC", "5m").bars) == len(ROWS)
