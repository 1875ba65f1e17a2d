"""How much history the newest values need."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from core.backtest.shipped import SHIPPED
from core.backtest.strategies import BadStrategy, Features, Signals, Strategy, whole
from core.backtest.warmup import LENGTHS, LIVE_BARS, Settling, settling
from tests.core.backtest.worlds import bars_of
from tests.core.trading.exit_paths import recorded

SYMBOL = "SOL/USDT:USDT"


class Averaged(Strategy):
    bars: int = whole(20, low=2, high=1000)

    def entries(self, features: Features) -> Signals:
        features.ema(self.bars)
        return Signals(np.zeros(len(features), dtype=np.int8))


def bars(count: int = 20_000) -> np.ndarray:
    return bars_of(np.random.default_rng(5), count)


def named(strategy: Strategy, made: np.ndarray | None = None) -> dict[str, Settling]:
    return {one.what: one for one in settling(strategy, SYMBOL, bars() if made is None else made)}


def test_a_feature_that_counts_from_the_beginning_never_settles() -> None:
    class Balance(Strategy):
        def entries(self, features: Features) -> Signals:
            features.obv()
            return Signals(np.zeros(len(features), dtype=np.int8))

    found = named(Balance())["obv()"]

    assert found.least is None
    assert "with 9,051 bars of history it is still off by" in str(found)


def test_a_window_needs_its_own_length() -> None:
    class Window(Strategy):
        def entries(self, features: Features) -> Signals:
            features.highest(100)
            return Signals(np.zeros(len(features), dtype=np.int8))

    assert named(Window())["highest(100)"].least == 100


@pytest.mark.parametrize("span", [10, 50, 200])
def test_an_average_needs_as_much_as_its_weights_say(span: int) -> None:
    found = named(Averaged(span))[f"ema({span})"]
    assert found.least is not None
    left = (1.0 - 2.0 / (span + 1.0)) ** found.least

    # What is left of the first value's weight, times how far prices of this market are apart.
    assert left < 0.02
    assert found.least < span * 6 + 25


def test_longer_averages_need_longer_histories() -> None:
    needs = [named(Averaged(span))[f"ema({span})"].least or 0 for span in (5, 20, 80, 320)]

    assert needs == sorted(needs)
    assert needs[0] < needs[-1]


def test_more_than_a_live_scan_has_is_said() -> None:
    found = named(Averaged(400))["ema(400)"]

    assert found.least is not None
    assert found.least > LIVE_BARS
    assert str(found).endswith("more than the 400 of a live scan")


def test_a_length_is_enough_only_if_every_longer_one_is() -> None:
    assert Settling("x", ((25, 0.0), (50, 0.5), (100, 0.0), (200, 0.0009))).least == 100
    assert Settling("x", ((25, 0.0), (50, 0.001))).least is None
    assert Settling("x", ((25, 0.0), (50, inf))).least is None
    assert Settling("x", ((25, float("nan")),)).least is None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_live_scan_has_enough_for_every_shipped_strategy(name: str) -> None:
    made = recorded("SOLUSDT-15m")[:40_000]

    found = {what: one.least for what, one in named(SHIPPED[name](), made).items()}

    assert all(least is not None and least <= LIVE_BARS for least in found.values()), found


@pytest.mark.parametrize("count", [0, 2, 49])
def test_too_few_bars_say_nothing(count: int) -> None:
    assert settling(Averaged(), SYMBOL, bars(count)) == ()


def test_lengths_that_the_history_does_not_have_twice_are_not_tried() -> None:
    found = named(Averaged(), bars(1000))["ema(20)"]

    assert [length for length, _ in found.changes] == [length for length in LENGTHS if length <= 500]


def test_a_strategy_that_fails_on_few_bars_is_named() -> None:
    class Needy(Strategy):
        def entries(self, features: Features) -> Signals:
            return Signals(np.full(len(features), features.close[100] > 0).astype(np.int8))

    with pytest.raises(BadStrategy, match="IndexError"):
        settling(Needy(), SYMBOL, bars())


def test_a_side_that_differs_is_another_one_however_close_its_number() -> None:
    class Counting(Strategy):
        """Closes what is held once it has seen enough, else enters."""

        def entries(self, features: Features) -> Signals:
            side = np.ones(len(features), dtype=np.int8)
            side[300:] = 2
            return Signals(side)

    found = named(Counting())["side"]

    assert found.least == 400
    assert "with 283 it is another one" in str(found)
