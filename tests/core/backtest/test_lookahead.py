"""Planted look-aheads are caught and named; strategies that only know the past pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from core.backtest.lookahead import Leak, Watched, cuts_of, everything, first_leak, same
from core.backtest.lookahead_features import EveryFeature
from core.backtest.shipped import SHIPPED
from core.backtest.shipped_recorded import Recorded, Said
from core.backtest.strategies import BadStrategy, Features, Signals, Strategy, sides, signals_of
from tests.core.backtest.worlds import HOUR_MS, bars_of
from tests.core.trading.exit_paths import recorded

SYMBOL = "SOL/USDT:USDT"
WORDS = {"keep", "read"}
"""What of the features is no feature."""


def bars(count: int = 1500, seed: int = 5) -> np.ndarray:
    return bars_of(np.random.default_rng(seed), count)


class Honest(Strategy):
    def entries(self, features: Features) -> Signals:
        return crossing(features, features.ema(20))


class NextClose(Strategy):
    """`shift(-1)`."""

    def entries(self, features: Features) -> Signals:
        later = pd.Series(features.close).shift(-1).to_numpy()
        return Signals(sides(later > features.close * 1.01, later < features.close * 0.99))


class NextCloseKept(Strategy):
    def entries(self, features: Features) -> Signals:
        later = features.keep("later", lambda: np.append(features.close[1:], np.nan))
        return Signals(sides(later > features.close * 1.01, later < features.close * 0.99))


class Rolled(Strategy):
    """`np.roll` brings the next bar, and at the end the first."""

    def entries(self, features: Features) -> Signals:
        return Signals(sides(np.roll(features.high, -2) > features.high * 1.012, features.high < 0.0))


class Centred(Strategy):
    def entries(self, features: Features) -> Signals:
        mean = pd.Series(features.close).rolling(21, center=True).mean().to_numpy()
        return crossing(features, mean)


class Normalised(Strategy):
    """By mean and deviation of the whole sample."""

    def entries(self, features: Features) -> Signals:
        score = (features.close - features.close.mean()) / features.close.std()
        return Signals(sides(score < -1.5, score > 1.5))


class FutureTop(Strategy):
    """Sells the highest of the next fifty bars."""

    def entries(self, features: Features) -> Signals:
        high = pd.Series(features.high)
        top = high[::-1].rolling(50, min_periods=1).max()[::-1].to_numpy()
        return Signals(sides(features.high < 0.0, features.high >= top))


class FilledBack(Strategy):
    """Holes of a slow series are filled from what comes after them."""

    def entries(self, features: Features) -> Signals:
        slow = pd.Series(features.close).where(np.arange(len(features)) % 24 == 23).bfill().to_numpy()
        return Signals(sides(slow > features.close * 1.02, slow < features.close * 0.98))


class SmoothedBothWays(Strategy):
    """An average forwards and then backwards, as filters without delay do it."""

    def entries(self, features: Features) -> Signals:
        there = pd.Series(features.close).ewm(span=20).mean()
        back = there[::-1].ewm(span=20).mean()[::-1].to_numpy()
        return crossing(features, back)


class Ranked(Strategy):
    """By its place among all closes."""

    def entries(self, features: Features) -> Signals:
        rank = pd.Series(features.close).rank(pct=True).to_numpy()
        return Signals(sides(rank < 0.03, rank > 0.97))


class KnowingStop(Strategy):
    """Its sides are honest; its stop is where the next ten bars don't come."""

    def entries(self, features: Features) -> Signals:
        low = pd.Series(features.low)[::-1].rolling(10, min_periods=1).min()[::-1].to_numpy()
        side = crossing(features, features.ema(20)).side
        return Signals(side, np.clip(1.0 - low / features.close, 0.05, 0.10) + 0.001 * (low < features.low))


class KnowingConfidence(Strategy):
    def entries(self, features: Features) -> Signals:
        later = np.append(features.close[1:], features.close[-1:])
        confidence = np.where(later > features.close, 1.0, 0.8)
        return Signals(crossing(features, features.ema(20)).side, confidence=confidence)


class LastBarOnly(Strategy):
    """Knows where the sample ends."""

    def entries(self, features: Features) -> Signals:
        side = np.zeros(len(features), dtype=np.int8)
        side[-1] = 1
        return Signals(side)


class Forgetful(Strategy):
    """Dice that nobody can throw again."""

    dice: object = None

    def entries(self, features: Features) -> Signals:
        drawn = self.dice.random(len(features))  # type: ignore[attr-defined]
        return Signals(sides(drawn < 0.02, drawn > 0.98))


PLANTED = [
    NextClose,
    NextCloseKept,
    Rolled,
    Centred,
    Normalised,
    FutureTop,
    FilledBack,
    SmoothedBothWays,
    Ranked,
    KnowingStop,
    KnowingConfidence,
    LastBarOnly,
]


def crossing(features: Features, mean: np.ndarray) -> Signals:
    above = (features.close > mean).astype(np.int8)
    turned = np.diff(above, prepend=above[:1])
    turned[np.isnan(mean)] = 0
    return Signals(turned.astype(np.int8))


def found_in(strategy: Strategy, made: np.ndarray | None = None) -> Leak:
    leak = first_leak(strategy, SYMBOL, bars() if made is None else made)
    assert leak is not None
    return leak


# ---------------------------------------------------------------- what must be caught


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_look_ahead_is_caught(planted: type[Strategy], seed: int) -> None:
    assert first_leak(planted(), SYMBOL, bars(seed=seed)) is not None


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_look_ahead_is_caught_on_real_candles(planted: type[Strategy]) -> None:
    assert first_leak(planted(), SYMBOL, recorded("SOLUSDT-1h")[:8760]) is not None


def test_the_first_finding_names_bar_and_both_values() -> None:
    leak = found_in(NextClose())
    later = signals_of(NextClose(), SYMBOL, Features(bars())).side

    assert (leak.what, leak.bar, leak.cut) == ("side", leak.cut - 1, leak.bar + 1)
    assert (leak.then, leak.later) == (0.0, later[leak.bar])
    assert leak.time_ms == bars()[leak.bar, 0]
    assert "it knows 1 bar ahead" in str(leak)


def test_a_feature_is_named_before_the_signals_made_from_it() -> None:
    leak = found_in(NextCloseKept())

    assert leak.what == "later()"
    assert np.isnan(leak.then)
    assert leak.later == bars()[leak.bar + 1, 4]
    assert "is nothing with" in str(leak)


@pytest.mark.parametrize(("planted", "what"), [(KnowingStop, "stop"), (KnowingConfidence, "confidence")])
def test_a_look_ahead_in_another_array_than_the_side_is_named(planted: type[Strategy], what: str) -> None:
    assert found_in(planted()).what == what


@pytest.mark.parametrize(("planted", "ahead"), [(NextClose, 1), (Rolled, 2), (Normalised, None)])
def test_it_is_told_how_far_ahead_a_strategy_knows(planted: type[Strategy], ahead: int | None) -> None:
    assert found_in(planted()).settles_after == ahead


def test_a_coincidence_on_few_bars_is_not_told_as_how_far_it_knows() -> None:
    class Coincidence(Strategy):
        def entries(self, features: Features) -> Signals:
            side = np.zeros(len(features), dtype=np.int8)
            side[0] = 1 if len(features) < 200 or len(features) == 1500 else 0
            return Signals(side)

    leak = found_in(Coincidence())

    assert (leak.bar, leak.cut, leak.settles_after) == (0, 400, None)


def test_dice_without_a_seed_are_told_apart_from_a_look_ahead() -> None:
    leak = found_in(Forgetful(np.random.default_rng(1)))

    assert not leak.is_repeatable
    assert "can't be repeated" in str(leak)


def test_a_look_ahead_that_shows_at_a_single_signal_is_caught() -> None:
    class Rare(Strategy):
        def entries(self, features: Features) -> Signals:
            later = np.append(features.close[1:], np.nan)
            return Signals(sides(later > features.close * 1.10, later < 0.0))

    made = bars(20_000)
    made[12_345:, 1:5] *= 1.2

    assert found_in(Rare(), made).bar == 12_344


def test_a_feature_that_is_made_only_when_the_future_is_known_is_caught() -> None:
    class Sometimes(Strategy):
        def entries(self, features: Features) -> Signals:
            if len(features) >= 1500:
                features.keep("extra", lambda: features.close * 1.0)
            return Signals(np.zeros(len(features), dtype=np.int8))

    assert found_in(Sometimes()).what == "extra()"


def test_a_strategy_that_fails_on_fewer_bars_is_named() -> None:
    class Needy(Strategy):
        def entries(self, features: Features) -> Signals:
            assert len(features) >= 1500, "too few"
            return Signals(np.zeros(len(features), dtype=np.int8))

    with pytest.raises(BadStrategy, match=r"needy: .*test_lookahead\.py line \d+: AssertionError: too few"):
        first_leak(Needy(), SYMBOL, bars())


# ---------------------------------------------------------------- what must pass


@pytest.mark.parametrize("strategy", [Honest, EveryFeature, *SHIPPED.values()])
@pytest.mark.parametrize("name", ["BTCUSDT-1h", "SOLUSDT-1h", "ETHUSDT-15m", "DOGEUSDT-5m"])
def test_clean_strategies_and_every_feature_pass_on_real_candles(strategy: type[Strategy], name: str) -> None:
    assert first_leak(strategy(), SYMBOL, recorded(name)[:20_000]) is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strategy", [Honest, EveryFeature, *SHIPPED.values()])
def test_clean_strategies_pass_on_random_paths(strategy: type[Strategy], seed: int) -> None:
    assert first_leak(strategy(), SYMBOL, bars(seed=seed)) is None


def test_recorded_opinions_pass() -> None:
    made = bars()
    dice = np.random.default_rng(3)
    rows = [
        Said(SYMBOL, int(at) + HOUR_MS // 4 * int(dice.integers(5)), int(dice.choice([-1, 1])))
        for at in made[::20, 0]
    ]

    assert first_leak(Recorded(tuple(rows), HOUR_MS), SYMBOL, made) is None


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_short_histories_are_checked_as_far_as_they_go(count: int) -> None:
    assert first_leak(SHIPPED["ema_cross"](), SYMBOL, bars(count)) is None


# ---------------------------------------------------------------- how it looks


def test_every_feature_there_is_is_among_the_checked_ones() -> None:
    watched = Watched(bars(300))
    EveryFeature().entries(watched)

    checked = {label.partition("(")[0] for label in watched.read}

    assert checked == {name for name, _ in public_methods()} - WORDS


def public_methods() -> Iterator[tuple[str, Callable[..., object]]]:
    members = inspect.getmembers(Features, inspect.isfunction)
    return ((name, made) for name, made in members if not name.startswith("_"))


def test_cuts_lie_after_signals_and_everywhere_and_leave_something_to_know() -> None:
    side = np.zeros(3000)
    side[[100, 700, 1500, 2999]] = 1.0

    cuts = cuts_of(side, 3000)

    assert {701, 1501} <= set(cuts)
    assert min(cuts) == 400
    assert max(cuts) == 2999
    assert np.max(np.diff(cuts)) < 100


def test_what_no_signal_uses_is_not_compared() -> None:
    class Careless(Strategy):
        def entries(self, features: Features) -> Signals:
            side = np.zeros(len(features), dtype=np.int8)
            return Signals(side, np.full(len(features), features.close.mean()))

    assert first_leak(Careless(), SYMBOL, bars()) is None


def test_last_digits_are_no_difference_and_nothing_equals_nothing() -> None:
    one, other = (
        np.array([1.0, np.nan, np.inf, 1.0, 0.0]),
        np.array([1.0 + 1e-12, np.nan, np.inf, 1.001, -0.0]),
    )

    assert same(one, other).tolist() == [True, True, True, False, True]
    assert same(np.array([np.nan, 1.0]), np.array([1.0, np.nan])).tolist() == [False, False]


def test_features_come_before_signals_in_what_is_compared() -> None:
    assert list(everything(Honest(), SYMBOL, bars(100))) == ["ema(20)", "side"]
