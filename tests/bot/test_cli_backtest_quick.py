"""`backtest --quick` and `--stake`: the table alone, and trades as other programs make them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from bot.cli.backtest import add_backtest, run_backtest
from bot.cli.backtest_quick import ALONE, NOT_JUDGED, staked
from bot.cli.options import OneLineParser
from core.backtest.engine import Setup
from core.errors import PerpilotError
from tests.adapters.history.shelves import text, write
from tests.core.backtest.worlds import bars_of


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    rows = np.round(bars_of(np.random.default_rng(1), 1_500, step=0.02), 2)
    rows[:, 2], rows[:, 3] = rows[:, 1:5].max(axis=1), rows[:, 1:5].min(axis=1)
    write(folder / "BTCUSDT-1h.csv.gz", text(rows))
    return folder


def asked(shelf: Path, *more: str) -> argparse.Namespace:
    parser = OneLineParser(prog="backtest")
    parser.add_argument("--env", type=Path, default=shelf / "none.env")
    add_backtest(parser)
    named = ["--strategy", "ema_cross", "--symbols", "BTC", "--timeframe", "1h", "--data", str(shelf)]
    return parser.parse_args([*named, *more])


@pytest.mark.parametrize("stake", ["0", "-5", "nan", "inf", "much", "1e12"])
def test_a_stake_that_is_no_margin_is_refused(
    shelf: Path, stake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        asked(shelf, f"--stake={stake}")

    assert "is not a margin in USDT above 0" in capsys.readouterr().err


def test_quick_and_a_folder_for_the_report_are_refused_together(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="--quick writes no report"):
        run_backtest(asked(shelf, "--quick", "--out", str(tmp_path / "out")))

    assert not (tmp_path / "out").exists()


def test_quick_prints_the_table_says_what_it_left_out_and_writes_nothing(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    code = run_backtest(asked(shelf, "--quick"))

    told = capsys.readouterr().out
    assert code == 0 and told.endswith(f"{NOT_JUDGED}\n") and "Win rate" in told and "By exit" in told
    assert "luck" not in told.removesuffix(f"{NOT_JUDGED}\n").lower() and "report " not in told
    assert list(tmp_path.iterdir()) == [] and ALONE not in " ".join(told.split())


def test_a_stake_gives_every_trade_the_same_margin_and_says_that_no_limit_holds(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_backtest(asked(shelf, "--quick", "--stake", "100"))

    told = " ".join(capsys.readouterr().out.split())
    assert ALONE in told and "a breaker was open" not in told and "drawdown too deep" not in told


def test_without_a_stake_nothing_is_changed() -> None:
    setup = Setup()

    assert staked(setup, None) is setup
    assert staked(setup, 50.0).stake == 50.0 and not staked(setup, 50.0).is_shared
