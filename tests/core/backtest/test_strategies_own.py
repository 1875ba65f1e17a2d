"""A strategy from the owner's file, and one sentence for everything that can be wrong with it."""

from __future__ import annotations

import inspect
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from core.backtest import strategies
from core.backtest.own_strategy import strategy_class, strategy_named
from core.backtest.shipped import Trend
from core.backtest.strategies import BadStrategy, Features, signals_of
from tests.core.backtest.worlds import bars_of

SYMBOL = "SOL/USDT:USDT"
HEAD = "import numpy as np\nfrom core.backtest.strategies import Signals, Strategy, sides, whole\n"
GOOD = """
class Mine(Strategy):
    bars: int = whole(20, low=5, high=60)

    def entries(self, features):
        mean = features.ema(self.bars)
        return Signals(sides(features.close > mean, features.close < mean))
"""


def file_of(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(HEAD + textwrap.dedent(text))
    return str(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tren", "'tren' is no strategy: did you mean trend"),
        ("", "'' is no strategy: there are trend, mean_reversion"),
        ("nowhere.py", "there is no file nowhere.py"),
        ("nowhere.py:Mine", "there is no file nowhere.py"),
    ],
)
def test_a_name_of_nothing_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadStrategy, match=told):
        strategy_named(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "line 3: SyntaxError"),
        ("import nothing_like_it\n", "line 3: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("\nx = 1 / 0\n", "line 4: ZeroDivisionError: division by zero"),
        ("class Odd(Exception): pass\nraise Odd('so')\n", "line 4: Odd: so"),
        ("raise SystemExit(3)\n", "line 3: SystemExit: 3"),
        (
            "class Mine(Strategy):\n    n: int = whole(1, low=2, high=3)\n",
            "line 4: ValueError: default 1 must",
        ),
    ],
)
def test_a_file_that_does_not_run_is_named_with_the_line(tmp_path: Path, text: str, told: str) -> None:
    path = file_of(tmp_path, text)

    with pytest.raises(BadStrategy) as refusal:
        strategy_named(path)

    assert str(refusal.value).startswith(f"mine: {path} {told}")
    assert "\n" not in str(refusal.value)
    assert not [name for name in sys.modules if name.startswith("own_strategy_mine")]


def test_a_file_without_a_strategy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadStrategy, match=r"mine\.py: name one strategy of it .* it has none at all"):
        strategy_named(file_of(tmp_path, "class Mine: pass\n"))


def test_a_class_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadStrategy, match="has no strategy 'Other', but Mine"):
        strategy_named(file_of(tmp_path, GOOD) + ":Other")


def test_a_file_with_two_strategies_wants_a_name(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD + GOOD.replace("Mine", "Yours"))

    with pytest.raises(BadStrategy, match="it has Mine, Yours"):
        strategy_named(path)

    assert strategy_class(f"{path}:Yours").__name__ == "Yours"


def test_a_strategy_without_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadStrategy, match=r"mine\.py: Mine has no method entries"):
        strategy_named(file_of(tmp_path, "class Mine(Strategy):\n    pass\n"))


def test_a_strategy_that_fails_while_it_is_asked_is_named_with_the_line(tmp_path: Path) -> None:
    text = "class Mine(Strategy):\n    def entries(self, features):\n        return features.nonsense(3)\n"
    path = file_of(tmp_path, text)

    with pytest.raises(BadStrategy, match=r"mine\.py line 5: AttributeError: .*nonsense"):
        signals_of(strategy_named(path), SYMBOL, Features(bars_of(np.random.default_rng(1), 30)))


def test_a_strategy_can_not_change_the_bars(tmp_path: Path) -> None:
    text = "class Mine(Strategy):\n    def entries(self, features):\n        features.close[0] = 1.0\n"
    path = file_of(tmp_path, text)

    with pytest.raises(BadStrategy, match="line 5: ValueError: assignment destination is read-only"):
        signals_of(strategy_named(path), SYMBOL, Features(bars_of(np.random.default_rng(1), 30)))


def test_a_name_stands_for_a_shipped_strategy() -> None:
    assert strategy_named("trend", {"fast": "10"}) == Trend(fast=10)


def test_ones_own_strategy_runs_with_its_parameters(tmp_path: Path) -> None:
    made = strategy_named(file_of(tmp_path, GOOD), {"bars": "7"})

    assert made.words == "mine(bars=7)"
    assert signals_of(made, SYMBOL, Features(bars_of(np.random.default_rng(1), 300))).side.any()


def test_a_file_with_postponed_annotations_runs(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from __future__ import annotations\n" + HEAD + GOOD)

    assert strategy_named(str(path)).words == "mine(bars=20)"


def test_a_mended_file_is_read_again(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD)
    strategy_named(path)

    file_of(tmp_path, GOOD.replace("whole(20", "whole(33"))

    assert strategy_named(path).words == "mine(bars=33)"


def test_the_example_in_the_description_runs_and_is_short(tmp_path: Path) -> None:
    text = inspect.getdoc(strategies) or ""
    lines = text.split("NewHigh` names:\n")[1].split("\nLaws:")[0]
    example = textwrap.dedent(lines)
    path = tmp_path / "my_idea.py"
    path.write_text(example)

    said = signals_of(
        strategy_named(f"{path}:NewHigh"), SYMBOL, Features(bars_of(np.random.default_rng(2), 5000))
    )

    assert len(example.strip().splitlines()) <= 30
    assert {1, -1} <= set(said.side.tolist())
