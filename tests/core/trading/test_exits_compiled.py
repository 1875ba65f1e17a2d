"""The compiled rule book is the plain one, bit for bit, and nothing that runs live has the compiler."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from core.trading.exits import ExitRules
from core.trading.exits_bet import Bet, begin
from core.trading.exits_compiled import RuleBook, compiled, float_rules, plain
from tests.core.trading.exit_paths import RULES, a_bet, random_trade, recorded, rungs

ROOT = Path(__file__).resolve().parents[3]
PATHS = 10_000
REAL = [("BTCUSDT", "1h"), ("ETHUSDT", "1h"), ("SOLUSDT", "15m"), ("DOGEUSDT", "5m"), ("BNBUSDT", "1h")]
EVERY = 50
LONGEST = 2000
"""Bars that one real trade is followed for."""
ODD = (nan, inf, -inf, 0.0, -1.0, 1e-320, 1e308, 0.3, 64_230.0)


def bits(numbers: tuple[float, ...]) -> bytes:
    """Tells -0.0 from 0.0, and a NaN is like itself."""
    return struct.pack(f"{len(numbers)}d", *numbers)


@pytest.fixture(scope="module")
def compiler_book() -> RuleBook:
    book = compiled()
    if book is None:
        listed = [
            path.name
            for path in ROOT.glob("requirements*.txt")
            if re.search("(?m)^numba==", path.read_text())
        ]
        assert not listed, f"numba is listed in {listed}, but it is not installed"
        pytest.skip("numba is no dependency, so there is nothing to compare")
    return book


def test_compiled_and_plain_agree_bit_for_bit_on_ten_thousand_paths(compiler_book: RuleBook) -> None:
    dice = np.random.default_rng(20_260_301)
    codes = set()

    for _ in range(PATHS):
        rules, bet, targets, lots, bars, liquidation = random_trade(dice)
        expected = plain().follow(rules, bet, targets, lots, bars, 900.0, liquidation)
        walked = compiler_book.follow(rules, bet, targets, lots, bars, 900.0, liquidation)
        assert bits(walked) == bits(expected), (rules, bet, targets, lots, liquidation)
        result = compiler_book.r_multiple(bet, walked)
        assert bits((result,)) == bits((plain().r_multiple(bet, expected),))
        codes.add(expected.exit_code)

    assert codes == set(range(8))  # every way to leave was walked


def test_compiled_and_plain_agree_on_every_live_price(compiler_book: RuleBook) -> None:
    dice = np.random.default_rng(7)

    for _ in range(300):
        rules, bet, targets, lots, bars, liquidation = random_trade(dice)
        expected = walked = begin(bet)
        for price in bars[:, 1:5].ravel().tolist():
            expected = plain().walk_tick(rules, bet, expected, targets, lots, price, 3.0, liquidation)
            walked = compiler_book.walk_tick(rules, bet, walked, targets, lots, price, 3.0, liquidation)

            assert bits(walked) == bits(expected)


@pytest.mark.parametrize(("symbol", "timeframe"), REAL)
def test_compiled_and_plain_agree_on_real_candles(
    compiler_book: RuleBook, symbol: str, timeframe: str
) -> None:
    bars = np.ascontiguousarray(recorded(f"{symbol}-{timeframe}")[:20_000])
    bar_s = (bars[1, 0] - bars[0, 0]) / 1000.0

    for first in range(0, len(bars) - 1, EVERY):
        for bet in _real_bets(bars[first]):
            targets, lots = rungs(bet, 1.5, 3.0)
            path = bars[first : first + LONGEST]
            expected = plain().follow(RULES, bet, targets, lots, path, float(bar_s), 0.0)
            walked = compiler_book.follow(RULES, bet, targets, lots, path, float(bar_s), 0.0)

            assert bits(walked) == bits(expected)


def test_compiled_and_plain_agree_on_first_stops_and_prices(compiler_book: RuleBook) -> None:
    for asked in _questions(np.random.default_rng(11), 20_000):
        _, sign, price, atr, _, swing, level, _, cost, least, most = asked
        pairs = [
            (plain().initial_stop(*asked), compiler_book.initial_stop(*asked)),
            (plain().on_tick(price, atr, sign), compiler_book.on_tick(price, atr, sign)),
            (
                plain().price_at_r(price, swing, sign, cost, least),
                compiler_book.price_at_r(price, swing, sign, cost, least),
            ),
        ]
        moving = (RULES, sign, price, swing, level, price, atr, cost, 1, True, most)
        pairs += zip(plain().next_stop(*moving), compiler_book.next_stop(*moving), strict=True)

        for expected, found in pairs:
            assert bits((found,)) == bits((expected,)), asked


def test_compiled_and_plain_agree_on_ladders(compiler_book: RuleBook) -> None:
    dice = np.random.default_rng(3)

    for _ in range(2_000):
        shares = dice.dirichlet(np.ones(int(dice.integers(1, 5))))
        asked = (int(dice.integers(1, 200)), shares, int(dice.integers(1, 30)))

        assert compiler_book.ladder(*asked).tolist() == plain().ladder(*asked).tolist()
        assert plain().ladder(*asked).sum() == asked[0]


def test_a_compiled_bet_that_could_not_be_entered_is_refused_too(compiler_book: RuleBook) -> None:
    with pytest.raises(ValueError, match="losing side"):
        compiler_book.begin(a_bet(first_stop=101.0))


def test_rules_of_whole_numbers_become_the_ones_that_are_compiled_for() -> None:
    rules = float_rules(RULES._replace(stop_atr=2, time_stop_h=72, break_even_after=1))

    assert rules == RULES
    assert [type(value) for value in rules] == [type(value) for value in ExitRules()]


def test_nothing_that_runs_live_imports_the_compiler() -> None:
    said = _run("import bot.assembly, core.trading.exits_walk, core.trading.exits_compiled, sys")

    assert said == "False"


def test_without_the_compiler_there_is_only_the_plain_book() -> None:
    said = _run(
        "import sys; sys.modules['numba'] = None\n"
        "from core.trading.exits_compiled import compiled, plain\n"
        "assert compiled() is None and callable(plain().follow)\n"
        "del sys.modules['numba']"
    )

    assert said == "False"


def _run(text: str) -> str:
    """Runs it in a fresh interpreter; whether numba was imported there."""
    text += "\nprint(any(name.split('.')[0] in ('numba', 'llvmlite') for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _real_bets(bar: np.ndarray) -> Iterator[Bet]:
    entry = float(bar[1])
    for sign in (1, -1):
        yield Bet(sign, entry, entry * (1.0 - 0.05 * sign), 0.01 * entry, 0.0012, entry * 1e-4, 1000, 0.01)


def _questions(dice: np.random.Generator, count: int) -> Iterator[tuple[object, ...]]:
    """Arguments of `initial_stop`, one in eight of them no market's."""
    for _ in range(count):
        price = float(10.0 ** dice.uniform(-6, 6))
        asked = [
            price,
            price * dice.uniform(0.0, 0.04),
            dice.choice([nan, dice.uniform(0.5, 4.0)]),
            price * dice.uniform(0.88, 1.12),
            price * dice.uniform(0.88, 1.12),
            dice.choice([nan, 8.0, 48.0]),
            dice.uniform(0.0, 0.03),
            dice.uniform(0.0, 0.08),
            dice.uniform(0.05, 0.15),
        ]
        odd = [float(dice.choice(ODD)) if dice.random() < 0.02 else float(value) for value in asked]
        yield (RULES, int(dice.choice([1, -1])), *odd)
