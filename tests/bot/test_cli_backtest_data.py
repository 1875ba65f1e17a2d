"""`main.py backtest` over files that the world spoils: one sentence by file and row, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.backtest.history import Floats
from main import main
from tests.adapters.history.shelves import START, bars, feather, frame, parquet, text, write

HOUR = 3_600_000
NAME = "BTCUSDT-1h"
NO_COLUMN = "has no column 'timestamp'; its first line reads"
GERMAN = "zeit,eröffnung,hoch,tief,schluss,menge"
Spoil = Callable[[Floats], Floats]


def hours(count: int = 200, start: int | None = None) -> Floats:
    return bars(count, HOUR) if start is None else bars(count, HOUR, start)


def arguments(folder: Path, *more: str, symbols: str = "BTC") -> list[str]:
    named = ["--strategy", "trend", "--symbols", symbols, "--timeframe", "1h", "--data", str(folder)]
    out = ["--out", str(folder / "out"), "--runs", "10"]
    return ["--env", str(folder / "none.env"), "backtest", *named, *out, *more]


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *more: str, symbols: str = "BTC") -> str:
    """The one sentence; nothing was printed or left behind."""
    code = main(arguments(folder, *more, symbols=symbols))

    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert code == 1 and told.out == "" and len(lines) == 1
    assert not (folder / "out").exists()
    return lines[0]


def _cell(row: int, column: int, value: str) -> Callable[[str], str]:
    def spoil(content: str) -> str:
        lines = content.splitlines()
        cells = lines[row].split(",")
        cells[column] = value
        return "\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]) + "\n"

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_cell(50, 4, "nan"), "row 50 holds 'nan' as its close, which is not a number"),
        (_cell(50, 4, "NULL"), "row 50 holds 'NULL' as its close, which is not a number"),
        (_cell(50, 1, ""), "row 50 holds '' as its open, which is not a number"),
        (_cell(50, 5, "1,5"), "row 50 has 7 values instead of 6"),
        (_cell(50, 0, "2025-01-03"), "row 50 holds '2025-01-03' as its timestamp, which is not a number"),
        (lambda content: content[: len(content) // 2], "values instead of 6"),
        (lambda content: GERMAN + "\n" + content.split("\n", 1)[1], f"{NO_COLUMN} zeit, eröffnung"),
        (lambda content: content.replace(",", ";"), f"{NO_COLUMN} timestamp;"),
        (lambda content: content.split("\n")[0] + "\n", "holds no rows below its header"),
        (lambda _content: "", "is an empty file"),
        (lambda _content: "\n\n\n", "holds no rows"),
    ],
)  # fmt: skip
def test_spoilt_text_is_refused_by_file_and_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[str], str], sentence: str
) -> None:
    write(tmp_path / f"candles/{NAME}.csv", spoil(text(hours())))

    told = refused(tmp_path, capsys)

    assert told.startswith(f"candles/{NAME}.csv: ") and sentence in told


def _set(row: int, column: int, value: float) -> Spoil:
    def spoil(rows: Floats) -> Floats:
        rows[row - 1, column] = value
        return rows

    return spoil


def _in_seconds(rows: Floats) -> Floats:
    rows[:, 0] /= 1000
    return rows


def _in_nanoseconds(rows: Floats) -> Floats:
    rows[:, 0] *= 1e6
    return rows


def _of_minutes(rows: Floats) -> Floats:
    rows[:, 0] = rows[0, 0] + np.arange(len(rows)) * (HOUR / 12)
    return rows


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda rows: np.delete(rows, [100, 101], 0), "2 bars from 2025-01-05 04:00 to 2025-01-05 06:00 are "
         "missing before row 101"),
        (_set(21, 4, -1.0), "row 21 holds a price of -1"),
        (_set(21, 3, 0.0), "row 21 holds a price of 0"),
        (_set(21, 2, 1.0), "row 21 has a high of 1 below its low of"),
        (_set(21, 5, -3.0), "row 21 holds a volume of -3"),
        (lambda rows: rows[[*range(20), 21, 20, *range(22, 200)]], "row 22 (2025-01-01 20:00) is not later "
         "than row 21 (2025-01-01 21:00)"),
        (lambda rows: rows[::-1], "row 2 (2025-01-09 06:00) is not later than row 1 (2025-01-09 07:00)"),
        (lambda rows: np.insert(rows, 30, rows[30], 0), "row 32 repeats the time 2025-01-02 06:00"),
        (_of_minutes, "row 2 begins 5 min after row 1: bars of 1 h are expected"),
        (_set(21, 0, START + 20.0 * HOUR + 7), "row 21 begins at 2025-01-01 20:00, which is no multiple of"),
        (_in_seconds, "row 1 holds a time in seconds (1735689600) where milliseconds are expected"),
        (_in_nanoseconds, "row 1 holds a time in nanoseconds (1735689600000000000) where"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "feather"])
def test_impossible_bars_are_refused_by_file_and_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, sentence: str, kind: str
) -> None:
    rows = np.ascontiguousarray(spoil(hours()))
    (tmp_path / "candles").mkdir()
    if kind == "csv":
        write(tmp_path / f"candles/{NAME}.csv", text(rows))
    else:
        feather(tmp_path / f"candles/{NAME}.feather", frame(rows))

    told = refused(tmp_path, capsys)

    assert told.startswith(f"candles/{NAME}.{kind}: {sentence}")


@pytest.mark.parametrize("ending", ["csv.gz", "zip", "feather", "parquet"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_a_truncated_archive_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, kept: float
) -> None:
    path = tmp_path / f"{NAME}.{ending}"
    if ending in ("feather", "parquet"):
        (feather if ending == "feather" else parquet)(path, frame(hours()))
    else:
        write(path, text(hours()))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])

    told = refused(tmp_path, capsys)

    assert told.startswith(f"{tmp_path.name}/{NAME}.{ending}: is ")
    assert "empty file" in told if kept == 0 else "not a complete" in told


def test_bars_that_are_not_over_are_refused_with_the_first_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    this_hour = int(datetime.now(UTC).timestamp() * 1000) // HOUR * HOUR
    write(tmp_path / f"{NAME}.csv", text(hours(200, this_hour - 150 * HOUR)))

    told = refused(tmp_path, capsys)

    assert "row 151 (" in told and "is not over yet: it is " in told


def test_one_bad_symbol_of_two_leaves_no_result_of_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / f"{NAME}.csv", text(hours()))
    write(tmp_path / "ETHUSDT-1h.csv", text(_set(7, 1, -2.0)(hours())))

    assert "ETHUSDT-1h.csv: row 7 holds a price of -2" in refused(tmp_path, capsys, symbols="BTC,ETH")


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("mark/BTCUSDT-1h.csv", text(_set(9, 4, -1.0)(hours())), "mark/BTCUSDT-1h.csv: row 9 holds a price"),
        ("funding/BTCUSDT-funding.csv", f"timestamp,funding_rate\n{START},0.9\n",
         "funding/BTCUSDT-funding.csv: row 1 holds a funding rate of 0.9"),
        ("instruments/BTCUSDT.json", '{"format": 1}', "instruments/BTCUSDT.json: symbol is missing"),
    ],
)  # fmt: skip
def test_what_lies_beside_whole_candles_is_checked_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, content: str, sentence: str
) -> None:
    write(tmp_path / f"candles/{NAME}.csv", text(hours()))
    write(tmp_path / path, content)

    assert refused(tmp_path, capsys).startswith(sentence)


def _idle(rows: Floats) -> Floats:
    """As at an outage: no volume, and the price stands."""
    rows[40:60, 1:5], rows[40:60, 5] = 100.0, 0.0
    return rows


def _in_cents(rows: Floats) -> Floats:
    rows[:, 1:] = np.round(rows[:, 1:] * 100)
    return rows


@pytest.mark.parametrize("spoil", [_idle, _in_cents])
def test_bars_without_volume_and_whole_numbers_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil
) -> None:
    write(tmp_path / f"{NAME}.csv", text(spoil(hours())))

    code = main(arguments(tmp_path))

    assert code == 0 and capsys.readouterr().err == ""
    assert (tmp_path / "out/report.html").exists()


@pytest.mark.parametrize("command", ["backtest", "lookahead"])
def test_as_a_process_it_ends_with_1_and_one_line_and_never_a_traceback(tmp_path: Path, command: str) -> None:
    write(tmp_path / f"{NAME}.csv.gz", text(_set(21, 4, -1.0)(hours())))
    named = ["--strategy", "trend", "--symbols", "BTC", "--timeframe", "1h", "--data", str(tmp_path)]
    program = Path(__file__).parents[2] / "main.py"

    ended = subprocess.run(
        [sys.executable, str(program), command, *named],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [f"{tmp_path.name}/{NAME}.csv.gz: row 21 holds a price of -1"]
    assert not (tmp_path / "data").exists()
