"""`backtest` from its arguments to its report; and what it says instead of one."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.cli.backtest import GUESSED, NOT_PLAYED, add_backtest, run_backtest
from bot.cli.options import OneLineParser
from core.adapters.exchange.tiers import careful_tiers
from core.backtest.assumed import assumed_instrument
from core.backtest.history import BadHistory
from core.errors import PerpilotError
from tests.adapters.history.shelves import text, write
from tests.core.backtest.worlds import a_history, bars_of

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


def test_it_prints_a_judged_table_and_writes_page_and_lists(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = played(shelf, tmp_path, "--strategy", "trend", "--set", "least_adx=15")

    told = capsys.readouterr().out
    whole = json.loads((tmp_path / "backtest.json").read_text())
    lines = [row for row in (tmp_path / "trades.csv").read_text().splitlines() if not row.startswith("#")]
    assert code == 0 and "trend(" in told and "least_adx=15" in told
    assert GUESSED in told and NOT_PLAYED in told and f"report {tmp_path / 'report.html'}" in told
    assert len(list(csv.DictReader(lines))) == len(whole["trades"]) > 0
    assert (tmp_path / "report.html").read_text().count("data:image/png;base64,") >= 4


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
