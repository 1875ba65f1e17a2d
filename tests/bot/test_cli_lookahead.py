"""`lookahead` as a command: what it prints, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bot.cli.lookahead import add_lookahead, run_lookahead
from bot.cli.options import OneLineParser
from core.backtest.history import BadHistory
from core.backtest.strategies import BadStrategy
from tests.core.backtest.worlds import bars_of
from tests.core.trading.exit_paths import NO_DATA

PEEKING = """
import numpy as np
from core.backtest.strategies import Signals, Strategy, sides

class Peek(Strategy):
    def entries(self, features):
        later = np.append(features.close[1:], np.nan)
        return Signals(sides(later > features.close, later < features.close))
"""

OWN = """
import numpy as np
import pandas as pd
from core.backtest.strategies import Signals, Strategy, sides

SEEN = []

class Own(Strategy):
    def entries(self, features):
        close, high, low = (pd.Series(each) for each in (features.close, features.high, features.low))
        mean = close.rolling(20).mean()
        stop = target = confidence = None
        up, down = close > mean, close < mean
        {plant}
        first = np.asarray(up, dtype=bool) & ~np.roll(np.asarray(up, dtype=bool), 1)
        first[:21] = False
        other = np.asarray(down, dtype=bool)
        return Signals(sides(first, first & other), stop, target, confidence)
"""
"""A crossing of an average, and one line in which something is planted."""
LINE = "np.polyval(np.polyfit(np.arange(len(close)), close, 1), np.arange(len(close)))"
CLIPPED = "np.clip({move}, 0.01, 0.2).fillna(0.05).to_numpy()"
PLANTS = {
    "shift": "up = close.shift(-1) > mean",
    "two bars ahead": "up = high.shift(-2) > close * 1.005",
    "centred window": "up = close > close.rolling(21, center=True).mean()",
    "normalised over the whole series": "up = (close - close.mean()) / close.std() > 0.5",
    "ranked over the whole series": "up = close.rank(pct=True) > 0.6",
    "the last row": "up = (close > mean) & (close.iloc[-1] > close)",
    "within the whole range": "up = (close > mean) & ((close - low.min()) / (high.max() - low.min()) > 0.3)",
    "filled backwards": "up = close > close.where(np.arange(len(close)) % 5 == 0).bfill()",
    "a line through all": f"up = close > {LINE}",
    "the four hours it is in": "up = close.groupby(np.arange(len(close)) // 4).transform('last') > close",
    "smoothed both ways": "up = close > close[::-1].ewm(span=9).mean()[::-1]",
    "a stop under the next low": "stop = " + CLIPPED.format(move="1 - low.shift(-1) / close"),
    "a stop above the next high": "stop = " + CLIPPED.format(move="high.shift(-1) / close - 1"),
    "a target at the next high": "target = " + CLIPPED.format(move="high.shift(-1) / close - 1"),
    "sure of what will win": "confidence = np.where(close.shift(-5) > close, 0.95, 0.8)",
    "kept between calls": "SEEN.append(1); up = up & (len(SEEN) % 2 == 0)",
    "dice": "up = up & (np.random.default_rng().random(len(close)) < 0.5)",
}
CLEAN = {
    "nothing": "pass",
    "a longer past": "up = close > close.shift(3).rolling(50).max()",
    "an expanding mean": "up = (close - close.expanding().mean()) / close.expanding().std() > 0.5",
    "a stop under the last low": "stop = " + CLIPPED.format(move="1 - low.rolling(5).min() / close"),
}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Two coins of 2,000 hours."""
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        bars = bars_of(np.random.default_rng(seed), 2000)
        names = ["timestamp", "open", "high", "low", "close", "volume"]
        table = pd.DataFrame(bars, columns=names).astype({"timestamp": "int64"})
        (tmp_path / "candles").mkdir(exist_ok=True)
        table.to_csv(tmp_path / "candles" / f"{symbol}-1h.csv", index=False)
    return tmp_path


def ended(folder: Path, *arguments: str) -> int:
    parser = OneLineParser(prog="main.py lookahead")
    add_lookahead(parser)
    return run_lookahead(parser.parse_args([*arguments, "--timeframe", "1h", "--data", str(folder)]))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--symbols", "BTC"], "--strategy"),
        (["--strategy", "trend"], "--symbols"),
        (["--strategy", "trend", "--symbols", "BTC", "--set", "fast"], "'fast' is not NAME=VALUE"),
        (["--strategy", "trend", "--symbols", "BTC", "--from", "soon"], "is not a date"),
    ],
)
def test_wrong_arguments_end_with_one_sentence(
    tmp_path: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ended(tmp_path, *arguments)

    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_strategy_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(BadStrategy, match="did you mean trend"):
        ended(tmp_path, "--strategy", "trends", "--symbols", "BTC")


def test_candles_that_do_not_exist_are_refused(shelf: Path) -> None:
    with pytest.raises(BadHistory, match="SOL"):
        ended(shelf, "--strategy", "trend", "--symbols", "SOL")


def test_a_look_ahead_is_named_for_each_symbol_and_ends_with_1(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = shelf / "peek.py"
    own.write_text(PEEKING)

    code = ended(shelf, "--strategy", f"{own}:Peek", "--symbols", "BTC,ETH")

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert len(lines) == 2
    assert lines[0].startswith("LOOK-AHEAD BTC/USDT:USDT: side at bar ")
    assert lines[1].startswith("LOOK-AHEAD ETH/USDT:USDT: side at bar ")
    assert all("it knows 1 bar ahead" in line for line in lines)


@pytest.mark.parametrize("plant", PLANTS)
def test_every_kind_of_planted_look_ahead_is_caught_in_a_file_of_ones_own(
    shelf: Path, plant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = shelf / "own.py"
    own.write_text(OWN.format(plant=PLANTS[plant]))

    code = ended(shelf, "--strategy", f"{own}:Own", "--symbols", "BTC")

    lines = capsys.readouterr().out.splitlines()
    assert code == 1 and len(lines) == 1
    assert lines[0].startswith("LOOK-AHEAD BTC/USDT:USDT: ")


@pytest.mark.parametrize("plant", CLEAN)
def test_the_same_file_without_it_passes(shelf: Path, plant: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = shelf / "own.py"
    own.write_text(OWN.format(plant=CLEAN[plant]))

    code = ended(shelf, "--strategy", f"{own}:Own", "--symbols", "BTC")

    assert code == 0 and "no look-ahead found" in capsys.readouterr().out


def test_a_clean_strategy_is_told_with_its_parameters_and_the_history_it_needs(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = ended(shelf, "--strategy", "ema_cross", "--set", "slow=40", "--symbols", "BTC")

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0].startswith("BTC/USDT:USDT: no look-ahead found in ema_cross(fast=12, slow=40")
    assert lines[0].endswith("over 2,000 bars")
    assert any(line.startswith("  ema(40): ") and "bars of history are enough" in line for line in lines)


def test_few_candles_are_checked_and_say_so(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = ended(shelf, "--strategy", "ema_cross", "--symbols", "BTC", "--to", "2024-01-02")

    assert code == 0
    assert "too few bars" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["trend", "mean_reversion", "breakout", "random", "ema_cross"])
def test_the_shipped_strategies_pass_on_recorded_candles(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Path(os.environ.get("PERPILOT_DATA", ""), "candles")
    if not os.environ.get("PERPILOT_DATA") or not recorded.is_dir():
        pytest.skip(NO_DATA)
    for symbol in ("BTCUSDT", "XRPUSDT"):
        (tmp_path / f"{symbol}-1h.csv.gz").symlink_to(recorded / f"{symbol}-1h.csv.gz")
    period = ["--from", "2024-01-01", "--to", "2025-01-01"]

    code = ended(tmp_path, "--strategy", name, "--symbols", "BTC,XRP", *period)

    assert code == 0
    assert capsys.readouterr().out.count("no look-ahead found") == 2
