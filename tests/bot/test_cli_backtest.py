"""`backtest` from its arguments to its report; and what it says instead of one."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from bot.cli.backtest import NOT_PLAYED, add_backtest, run_backtest
from bot.cli.backtest_live import AS_LIVE
from bot.cli.options import OneLineParser
from core.adapters.exchange.tiers import careful_tiers
from core.adapters.history.instrument_file import Kept, write_kept
from core.backtest.assumed import GUESSED, assumed_instrument
from core.backtest.history import BadHistory
from core.errors import PerpilotError
from tests.adapters.history.shelves import OURS, text, write
from tests.core.backtest.worlds import HOUR_MS, a_history, bars_of
from tests.core.builders import an_instrument

BARS = 1_500


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    for seed, name in ((1, "BTCUSDT"), (2, "SOLUSDT")):
        rows = np.round(bars_of(np.random.default_rng(seed), BARS, step=0.02), 2)
        rows[:, 2], rows[:, 3] = rows[:, 1:5].max(axis=1), rows[:, 1:5].min(axis=1)
        write(folder / f"{name}-1h.csv.gz", text(rows))
    return folder


def played(shelf: Path, out: Path, *more: str, symbols: str = "BTC,SOL") -> int:
    parser = OneLineParser(prog="backtest")
    parser.add_argument("--env", type=Path, default=out / "none.env")
    add_backtest(parser)
    named = ["--symbols", symbols, "--timeframe", "1h", "--data", str(shelf), "--out", str(out)]
    return run_backtest(parser.parse_args([*named, "--runs", "20", *more]))


def test_a_strategy_that_nobody_knows_is_refused_in_one_sentence(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="moonshot"):
        played(shelf, tmp_path, "--strategy", "moonshot")


def test_a_parameter_that_it_does_not_have_is_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="leverage"):
        played(shelf, tmp_path, "--strategy", "trend", "--set", "leverage=50")


def test_a_symbol_without_files_is_refused_and_nothing_is_written(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="DOGE"):
        played(shelf, tmp_path / "out", "--strategy", "trend", symbols="BTC,DOGE")

    assert not (tmp_path / "out").exists()


def test_a_file_that_can_not_be_trusted_gives_no_partial_result(tmp_path: Path) -> None:
    rows = bars_of(np.random.default_rng(1), 50)
    rows[20, 4] = -1.0
    write(tmp_path / "BTCUSDT-1h.csv", text(rows))

    with pytest.raises(BadHistory, match=r"BTCUSDT-1h.csv.* row 2\d"):
        played(tmp_path, tmp_path / "out", "--strategy", "trend", symbols="BTC")


@pytest.mark.parametrize("runs", ["0", "-3", "many", "1000000"])
def test_a_number_of_runs_out_of_all_reason_is_refused(
    shelf: Path, tmp_path: Path, runs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        played(shelf, tmp_path, "--strategy", "trend", "--runs", runs)

    assert "number of runs" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-3", "1.5", "4294967296"])
def test_a_seed_that_no_generator_takes_is_refused(
    shelf: Path, tmp_path: Path, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        played(shelf, tmp_path, "--strategy", "trend", "--seed", seed)

    assert "not a whole number from 0 to 4294967295" in capsys.readouterr().err


def test_it_prints_a_judged_table_and_writes_page_and_lists(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = played(shelf, tmp_path, "--strategy", "trend", "--set", "least_adx=15")

    told = capsys.readouterr().out
    whole = json.loads((tmp_path / "backtest.json").read_text())
    lines = [row for row in (tmp_path / "trades.csv").read_text().splitlines() if not row.startswith("#")]
    assert code == 0 and "trend(" in told and "least_adx=15" in told
    assert f"report {tmp_path / 'report.html'}" in told
    assert len(list(csv.DictReader(lines))) == len(whole["trades"]) > 0
    assert (tmp_path / "report.html").read_text().count("data:image/png;base64,") >= 4


def test_what_is_guessed_missing_or_not_played_is_remarked_once_in_table_page_and_json(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(shelf, tmp_path, "--strategy", "trend")

    table = " ".join(capsys.readouterr().out.split())
    listed = json.loads((tmp_path / "backtest.json").read_text())["remarks"]
    page = unescape((tmp_path / "report.html").read_text())
    guessed = f"BTC, SOL: {GUESSED}; `download` keeps the exchange's own"
    assert set(listed) >= {"BTC, SOL: no mark prices", "BTC, SOL: no funding", guessed, NOT_PLAYED}
    assert len(set(listed)) == len(listed)
    assert all(table.count(f"- {words}") == page.count(f"<li>{words}</li>") == 1 for words in listed)


def test_marks_that_are_too_coarse_or_have_holes_are_remarked(tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    rows = text(bars_of(np.random.default_rng(1), BARS, step=0.02))
    header, *lines = rows.splitlines(keepends=True)
    for name in ("BTCUSDT", "SOLUSDT"):
        write(folder / f"candles/{name}-1h.csv", rows)
    four = bars_of(np.random.default_rng(1), BARS // 4, bar_ms=4 * HOUR_MS)[:, :5]
    write(folder / "mark/BTCUSDT-4h.csv", text(four, OURS[:5]))
    write(folder / "mark/SOLUSDT-1h.csv", "".join([header, *lines[:700], *lines[710:]]))

    played(folder, tmp_path / "out", "--strategy", "trend")

    remarks = json.loads((tmp_path / "out/backtest.json").read_text())["remarks"]
    coarse = "mark prices of 4h are too coarse for liquidations, the traded price stands in for them"
    assert f"BTC: {coarse}" in remarks
    assert any(each.startswith("SOL: mark prices have 1 gap, the first of 10 bars from") for each in remarks)


def test_kept_rules_are_played_and_are_not_called_a_guess(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shelf"
    copytree(shelf, folder)
    played(folder, tmp_path / "guessed", "--strategy", "trend")
    dear = an_instrument(symbol="BTC/USDT:USDT", base="BTC", taker_fee=Decimal("0.005"))
    day = datetime(2026, 5, 4, tzinfo=UTC)
    write_kept(folder / "instruments/BTCUSDT.json", Kept("binanceusdm", dear, day, day))

    played(folder, tmp_path / "kept", "--strategy", "trend")

    guessed, kept = (
        json.loads((tmp_path / name / "backtest.json").read_text()) for name in ("guessed", "kept")
    )
    assert kept["summary"]["fees_usdt"] > 2 * guessed["summary"]["fees_usdt"]
    assert f"SOL: {GUESSED}; `download` keeps the exchange's own" in kept["remarks"]
    assert [each for each in kept["remarks"] if "BTC" in each and "2026-05-04" in each]


def test_the_same_command_gives_the_same_lists(shelf: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        played(shelf, tmp_path / name, "--strategy", "breakout", "--seed", "7")

    one, two = ((tmp_path / name / "backtest.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_the_venues_rules_are_guessed_from_the_digits_and_the_price() -> None:
    rows = bars_of(np.random.default_rng(1), 100)
    rows[:, 1:5] = np.round(rows[:, 1:5] * 600, 1)

    found = assumed_instrument(a_history(rows, "BTC/USDT:USDT"), careful_tiers())

    assert found.tick == Decimal("0.1") and found.lot == Decimal("0.00001") and found.tiers_assumed
    assert found.lot * Decimal(str(rows[-1, 4])) <= 1


def test_without_bars_there_is_nothing_to_guess_from() -> None:
    with pytest.raises(BadHistory, match="no bars"):
        assumed_instrument(a_history(np.zeros((0, 6))), careful_tiers())


def test_entries_planned_as_live_are_counted_by_the_gate_where_they_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = bars_of(np.random.default_rng(4), 2000, step=0.004, bar_ms=HOUR_MS // 4)
    write(tmp_path / "BTCUSDT-15m.csv", text(bars))

    code = played(
        tmp_path, tmp_path / "out", "--strategy", "trend", "--as-live", "--timeframe", "15m", symbols="BTC"
    )

    told = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "As live: " in told and "Red flags: " in told
    assert AS_LIVE in json.loads((tmp_path / "out/backtest.json").read_text())["remarks"]


def test_bars_too_long_to_be_planned_as_live_are_refused_in_one_sentence(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="can't be made from bars of 60 min"):
        played(shelf, tmp_path, "--strategy", "trend", "--as-live")


def test_finer_candles_that_are_not_there_are_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="15m"):
        played(shelf, tmp_path, "--strategy", "trend", "--finer", "15m")


def test_finer_candles_that_do_not_fit_are_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="can't be laid into those of 1h"):
        played(shelf, tmp_path, "--strategy", "trend", "--finer", "1h")
