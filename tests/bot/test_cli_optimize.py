"""`optimize` from its arguments to its report and profile; and what it says instead of one."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.cli.optimize import add_optimize, run_optimize
from bot.cli.optimize_settings import VariedSettings, setting_dimensions
from bot.cli.options import OneLineParser
from bot.optimise_report.live import Screen, drawn, plain
from bot.tuned_profile import read_profile
from core.backtest.own_strategy import strategy_named
from core.backtest.search_play import Wanted
from core.backtest.search_progress import Counts, Progress
from core.backtest.search_space import Dimension, Range, Space
from core.backtest.search_spans import Fold, Span
from core.backtest.walk_forward import choose
from core.errors import PerpilotError
from tests.adapters.history.shelves import text, write
from tests.core.backtest.searches import a_play, tried
from tests.core.backtest.worlds import START_MS, bars_of

ROOT = Path(__file__).parents[2]
BARS = 1_500
ASKED = ("--strategy", "ema_cross", "--set", "target=0.1", "--set", "most_rsi=80", "--set", "least_adx=5")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    for seed, name in ((1, "BTCUSDT"), (2, "SOLUSDT")):
        rows = np.round(bars_of(np.random.default_rng(seed), BARS, step=0.012), 2)
        rows[:, 2], rows[:, 3] = rows[:, 1:5].max(axis=1), rows[:, 1:5].min(axis=1)
        write(folder / f"{name}-1h.csv.gz", text(rows))
    return folder


def searched(
    shelf: Path, home: Path, *more: str, asked: tuple[str, ...] = ASKED, symbols: str = "BTC,SOL"
) -> int:
    parser = OneLineParser(prog="optimize")
    parser.add_argument("--env", type=Path, default=home / "none.env")
    add_optimize(parser)
    named = ["--symbols", symbols, "--timeframe", "1h", "--data", str(shelf), "--out", str(home / "out")]
    quick = ["--trials", "12", "--folds", "2", "--runs", "20", "--min-trades", "3", "--embargo", "5"]
    kept = ["--storage", str(home / "study.jsonl")]
    return run_optimize(parser.parse_args([*named, *quick, *kept, *asked, *more]))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--vary", "MAX_LEVERAGE=1:50"), "MAX_LEVERAGE=50 must be between 1 and 10"),
        (("--vary", "MAX_LEVERAGE=3:3"), "the low end 3 must be below the high end 3"),
        (("--vary", "MAX_LEVERGE=1:5"), "did you mean MAX_LEVERAGE"),
        (("--vary", "wizardry=1:5"), "nothing that can be varied"),
        (("--vary", "TELEGRAM_BOT_TOKEN=1:5"), "no number that a backtest depends on"),
        (("--vary", "TARGETS=1:5"), "no number that a backtest depends on"),
        (("--vary", "SCAN_INTERVAL_SECONDS=100:500"), "has no effect on a backtest"),
        (("--vary", "STALE_DATA_SECONDS=100:500"), "has no effect on a backtest"),
        (("--vary", "INITIAL_CAPITAL=100:500"), "not to be searched"),
        (("--vary", "MAX_LEVERAGE=1:5:0.5"), "a step of 0.5 does not fit"),
        (("--vary", "fast=10:90"), "fast 90 must be between 5 and 50"),
        (("--vary", "fast=5:9", "--vary", "fast=5:8"), "fast is varied twice"),
        (("--vary", "target=0.1:0.2"), "both fixed and varied"),
        (("--set", "fast=5", "--set", "slow=50", "--set", "stop=0.05"), "nothing is left to search"),
        (("--objective", "luck"), "objectives must be"),
        (("--folds", "20"), "bars are too few for 20 folds"),
        (("--embargo", "5000"), "embargo of 5,000 bars"),
        (("--storage", "mysql://somewhere/else"), "takes a file or postgresql"),
        (("--study", "a/b"), "no name of a study"),
        (("--strategy", "moonshot"), "moonshot"),
        (("--set", "colour=5"), "no parameter 'colour'"),
    ],
)
def test_what_can_not_be_searched_is_refused_in_one_sentence(
    shelf: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    with pytest.raises(PerpilotError, match=told) as caught:
        searched(shelf, tmp_path, *more)

    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--vary", "fast"), "not NAME=LOW:HIGH"),
        (("--vary", "fast=3"), "not NAME=LOW:HIGH"),
        (("--trials", "3"), "whole number from 10"),
        (("--workers", "0"), "whole number from 1"),
        (("--seed", "-1"), "whole number from 0"),
        (("--save-profile", "My Profile"), "no name of a profile"),
        (("--sampler", "magic"), "invalid choice"),
    ],
)
def test_arguments_that_are_none_are_refused_in_one_line(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit):
        searched(shelf, tmp_path, *more)

    assert told in capsys.readouterr().err


def test_a_profile_without_a_search_that_found_anything_is_not_written(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    searched(shelf, tmp_path, "--min-trades", "5000", "--save-profile", "none")

    told = capsys.readouterr().out
    assert "no profile was written" in told and "Nothing was found" in told
    assert not (tmp_path / "data").exists()


def test_it_prints_and_writes_in_sample_beside_out_of_sample(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code = searched(
        shelf, tmp_path, "--vary", "MAX_LEVERAGE=1:5", "--objective", "net,drawdown", "--save-profile", "mine"
    )

    told = capsys.readouterr().out
    whole = json.loads((tmp_path / "out" / "optimize.json").read_text())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "sets.csv").read_text())))
    page = (tmp_path / "out" / "report.html").read_text()
    profile = read_profile("mine", tmp_path / "data" / "profiles")
    assert code == 0 and "In sample beside out of sample" in told and "36 sets were tried in 3 folds" in told
    assert "What nothing beats on all objectives" in told and whole["verdict"]["text"].split(":")[0] in told
    assert len(rows) == 36 and {row["fold"] for row in rows} == {"1", "2", "3"}
    assert {"fast", "slow", "stop", "MAX_LEVERAGE", "in_sample_net", "in_sample_drawdown"} < set(rows[0])
    assert page.count("data:image/png;base64,") == 3 and "<script" not in page
    assert len(whole["folds"]) == 2 and whole["newest"]["out_of_sample"] is None
    assert profile.settings.keys() == {"MAX_LEVERAGE"} and profile.parameters["target"] == 0.1
    assert profile.evidence["verdict"] == whole["verdict"]["text"] and profile.evidence["tried"] == 36
    assert profile.parameters["fast"] == whole["newest"]["chosen"]["fast"]
    assert strategy_named("ema_cross", {name: str(value) for name, value in profile.parameters.items()})
    assert page.count("Not played") == 1
    assert "profile " in told and ("not in its favour" in told) is not whole["verdict"]["text"].startswith(
        "What was found in sample holds"
    )


def test_the_same_command_again_evaluates_nothing_and_says_the_same(shelf: Path, tmp_path: Path) -> None:
    searched(shelf, tmp_path)
    one, lines = (tmp_path / "out" / "optimize.json").read_text(), (tmp_path / "study.jsonl").read_text()

    searched(shelf, tmp_path)

    assert (tmp_path / "out" / "optimize.json").read_text() == one
    assert (tmp_path / "study.jsonl").read_text() == lines


def test_more_trials_go_on_from_those_that_are_there(shelf: Path, tmp_path: Path) -> None:
    searched(shelf, tmp_path)
    before = (tmp_path / "study.jsonl").read_text().splitlines()

    searched(shelf, tmp_path, "--trials", "20")

    after = (tmp_path / "study.jsonl").read_text().splitlines()
    assert after[: len(before)] == before and len(before) == 1 + 3 * 12 and len(after) == 1 + 3 * 20


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--vary", "fast=5:20"), "range fast was 5 to 50 by 1, is 5 to 20 by 1"),
        (("--objective", "net"), r'objectives was \["sharpe"\], is \["net"\]'),
        (("--embargo", "6"), "embargo was 5, is 6"),
    ],
)
def test_another_search_under_the_same_name_is_refused_naming_what_differs(
    shelf: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    searched(shelf, tmp_path, "--study", "mine", "--trials", "10")

    with pytest.raises(PerpilotError, match=told):
        searched(shelf, tmp_path, "--study", "mine", *more)


def test_other_candles_are_another_search(shelf: Path, tmp_path: Path) -> None:
    searched(shelf, tmp_path, "--study", "mine", "--trials", "10")

    with pytest.raises(PerpilotError, match=r"candles was .*symbols was"):
        searched(shelf, tmp_path, "--study", "mine", symbols="BTC")


@pytest.mark.timeout(240)
def test_ctrl_c_ends_with_what_there_is_and_one_sentence(shelf: Path, tmp_path: Path) -> None:
    a_play().warm()  # what is compiled here is read from the disk there
    command = [
        sys.executable, str(ROOT / "main.py"), "optimize", *ASKED, "--symbols", "BTC", "--timeframe", "1h",
        "--data", str(shelf), "--storage", str(tmp_path / "s.jsonl"), "--folds", "2", "--trials", "100000",
        "--workers", "2", "--min-trades", "3",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=tmp_path, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 100
    while time.monotonic() < end and not _lines(tmp_path / "s.jsonl") > 30:
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    kept = _lines(tmp_path / "s.jsonl") - 1
    assert process.returncode == 130 and "Traceback" not in err and kept >= 30
    assert "best plateau of Sharpe in sample" in out or "none has a value" in out
    assert out.strip().splitlines()[-1].startswith("Stopped after") and "goes on from there" in out


def test_a_set_of_settings_that_contradict_each_other_is_refused() -> None:
    varied = VariedSettings({})

    with pytest.raises(ValueError, match=r"MIN_STOP_LOSS_PERCENT=0\.12 must not be above"):
        varied({"MIN_STOP_LOSS_PERCENT": 0.12})
    assert float(varied({"MIN_STOP_LOSS_PERCENT": 0.07}).limits.min_stop) == 0.07


def test_settings_reach_the_runs_exactly_as_env_would_give_them() -> None:
    varied = VariedSettings({"MAX_LEVERAGE": "4", "TRAILING_ATR": "3"})

    changed = varied({"TRAILING_ATR": 1.25, "MAX_LEVERAGE": 2.0})

    assert varied({}).leverage == 4 and varied({}).limits.exits.trail_atr == 3.0
    assert changed.leverage == 2 and changed.limits.exits.trail_atr == 1.25
    assert changed == VariedSettings({"MAX_LEVERAGE": "2", "TRAILING_ATR": "1.25"})({})


def test_settings_that_matter_can_be_varied() -> None:
    names = (
        "TRAILING_ATR=0:4", "RISK_PER_TRADE=0.005:0.03", "MAX_OPEN_POSITIONS=1:5", "BREAK_EVEN_AFTER=0:2",
        "TIME_STOP_HOURS=6:72", "MIN_STOP_LOSS_PERCENT=0.03:0.06", "POSITION_COOLDOWN_MINUTES=0:240",
    )  # fmt: skip
    ranges = [Range(name, *ends.split(":")) for name, ends in (one.split("=") for one in names)]

    found = setting_dimensions(VariedSettings({}), ranges)

    assert all(one.is_setting for one in found) and len(found) == len(names)


def test_the_live_table_shows_peak_and_plateau_and_how_fast_it_goes() -> None:
    space, wanted = Space((Dimension("fast", 5, 50, is_whole=True),)), Wanted(("sharpe",), 5)
    fold = Fold(2, Span(START_MS, START_MS + 1e9), None)
    sets = tuple(tried(at, (float(at + 5),), at / 10) for at in range(30))
    progress = Progress(fold, sets, 60, 10.0, Counts(here=30, trades=3_000, pruned=2), is_last=False)

    lines = drawn(progress, choose(space, wanted, fold, sets), wanted, space, 5)

    assert "fold 2 of 5 [###############...............] 30 of 60 sets, 10 s left" in lines[0]
    assert "3 sets/s, 300 trades/s; pruned 2" in lines[1]
    assert "best Sharpe in sample +2.90: fast 34" in lines[2] and "best plateau" in lines[3]
    assert plain(progress, wanted, 5).startswith("fold 2 of 5: 30 sets of 60, best +2.90 Sharpe in sample")


def test_a_search_that_goes_on_says_how_many_sets_it_kept() -> None:
    wanted = Wanted(("sharpe",), 5)
    sets = tuple(tried(at, (float(at + 5),), at / 10) for at in range(30))
    fold = Fold(2, Span(START_MS, START_MS + 1e9), None)

    told = [
        plain(Progress(fold, sets, 30, 1.0, counts, is_last=True), wanted, 5)
        for counts in (Counts(here=30), Counts(kept=20, here=10))
    ]

    assert told[0].startswith("fold 2 of 5: 30 sets done, best +2.90")
    assert told[1].startswith("fold 2 of 5: 30 sets done (20 kept from before), best +2.90")


def test_before_any_set_has_a_value_the_table_says_so() -> None:
    space, wanted = Space((Dimension("fast", 5, 50, is_whole=True),)), Wanted(("net",), 5)
    progress = Progress(Fold(1, Span(START_MS, START_MS + 1e9), None), (), 60, 0.0, Counts(), is_last=False)

    assert "no set has a net USDT yet" in drawn(progress, None, wanted, space, 5)[-1]
    assert "no value yet" in plain(progress, wanted, 5)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_drawn_over_and_left_clean_and_a_pipe_gets_few_lines() -> None:
    space, wanted = Space((Dimension("fast", 5, 50, is_whole=True),)), Wanted(("net",), 5)
    sets = tuple(tried(at, (float(at + 5),), at / 10) for at in range(30))
    fold = Fold(1, Span(START_MS, START_MS + 1e9), None)
    steps = [
        Progress(fold, sets[: at - 1], 60, at / 4, Counts(here=30), is_last=False) for at in range(1, 100)
    ]
    terminal, pipe = _Terminal(), io.StringIO()

    for out in (terminal, pipe):
        screen = Screen(out, space, wanted, 5, 60)
        for step in (*steps, replace(steps[-1], is_last=True)):
            screen(step)
        screen.wipe()

    assert len(pipe.getvalue().splitlines()) == 3 and "\x1b" not in pipe.getvalue()
    assert terminal.getvalue().endswith("\x1b[0J") and max(map(len, terminal.getvalue().split("\n"))) < 75


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
