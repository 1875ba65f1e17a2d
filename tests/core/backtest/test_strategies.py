"""What a strategy is, what is checked of it, and the ones that come with the bot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.backtest.engine import Setup, run
from core.backtest.engine_past import past_of
from core.backtest.shipped import SHIPPED, EmaCross, MeanReversion, Random, Trend
from core.backtest.strategies import BadStrategy, Features, Signals, Strategy, real, signals_of, whole
from tests.benchmarks import bench_backtest
from tests.core.backtest.markets import a_market
from tests.core.backtest.worlds import a_free_instrument, a_history, a_stake, bars_of
from tests.core.builders import an_instrument
from tests.core.trading.exit_paths import recorded

SYMBOL = "SOL/USDT:USDT"


class Plain(Strategy):
    bars: int = whole(10, low=2, high=50, step=2)
    share: float = real(0.06, low=0.05, high=0.10, log=True)

    def entries(self, features: Features) -> Signals:
        side = np.zeros(len(features), dtype=np.int8)
        side[:: self.bars] = 1
        return Signals(side, np.full(len(features), self.share))


class Saying(Strategy):
    """Says what it is given, at once and about all bars."""

    what: object = None

    def entries(self, features: Features) -> Signals:
        return self.what  # type: ignore[return-value]


def bars(count: int = 600, seed: int = 5) -> np.ndarray:
    dice = np.random.default_rng(seed)
    made = bars_of(dice, count)
    made[:, 5] = dice.lognormal(0.0, 1.0, count)
    return made


def said_by(what: object, count: int = 4) -> Signals:
    return signals_of(Saying(what), SYMBOL, Features(bars(count)))


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"bars": 1}, "bars 1 must be between 2 and 50"),
        ({"bars": 51}, "bars 51 must be between 2 and 50"),
        ({"bars": 10.5}, "bars must be a whole number, not 10.5"),
        ({"share": float("nan")}, "share nan must be between 0.05 and 0.1"),
        ({"share": float("inf")}, "share inf must be between 0.05 and 0.1"),
        ({"share": "0.06"}, "share must be a number, not '0.06'"),
        ({"bars": True}, "bars must be a number, not True"),
    ],
)
def test_a_parameter_outside_of_its_bounds_is_refused(given: dict[str, float], told: str) -> None:
    with pytest.raises(BadStrategy, match=f"^plain: {told}"):
        Plain(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"barz": "10"}, "plain has no parameter 'barz': bars, share"),
        ({"bars": "ten"}, "bars must be a whole number, not 'ten'"),
        ({"bars": "10.5"}, "bars must be a whole number"),
        ({"share": ""}, "share must be a number, not ''"),
        ({"share": "nan"}, "share nan must be between"),
    ],
)
def test_a_text_that_is_no_such_parameter_is_refused(texts: dict[str, str], told: str) -> None:
    with pytest.raises(BadStrategy, match=told):
        Plain.given(texts)


@pytest.mark.parametrize("given", [{"fast": 26}, {"fast": 30, "slow": 20}])
def test_averages_in_the_wrong_order_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(BadStrategy, match="must be below slow"):
        EmaCross(**given)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: whole(1, low=2, high=3), "default 1 must be between 2 and 3"),
        (lambda: real(1.0, low=0.0, high=3.0, step=0.0), "step 0 must be above 0"),
        (lambda: real(1.0, low=0.0, high=3.0, log=True), "logarithmic"),
        (lambda: whole(4, low=2, high=8, step=2, log=True), "logarithmic"),
    ],
)
def test_bounds_that_no_search_could_use_are_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_a_search_is_told_every_parameter_with_its_bounds() -> None:
    bars, share = Plain.parameters()

    assert (bars.name, bars.default, bars.bounds.low, bars.bounds.high) == ("bars", 10, 2, 50)
    assert (bars.bounds.step, bars.bounds.is_whole, bars.bounds.is_log) == (2, True, False)
    assert (share.bounds.step, share.bounds.is_whole, share.bounds.is_log) == (None, False, True)


def test_parameters_can_be_given_as_texts_and_are_told_in_words() -> None:
    made = Plain.given({"bars": "4", "share": "0.08"})

    assert made == Plain(bars=4, share=0.08)
    assert made.words == "plain(bars=4, share=0.08)"


def test_numbers_of_numpy_are_parameters() -> None:
    assert Plain(bars=np.int64(4)) == Plain(bars=4)  # type: ignore[arg-type]


def test_a_strategy_built_on_another_has_its_parameters_too() -> None:
    class More(Plain):
        other: int = whole(3, low=1, high=5)

    assert [one.name for one in More.parameters()] == ["bars", "share", "other"]
    assert More.name == "more"


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (None, "entries must return Signals, not NoneType"),
        (np.zeros(4), "entries must return Signals, not ndarray"),
        (Signals(np.zeros(3, dtype=np.int8)), r"side has the shape \(3,\) for 4 bars"),
        (Signals(np.array([0, 1, 3, 0], dtype=np.int8)), "side at bar 2 is 3"),
        (Signals(np.array([0, 257, 0, 0])), "side at bar 1 is 257"),  # type: ignore[arg-type]
        (Signals(np.array([0, 0.5, 0, 0])), "side at bar 1 is 0.5"),  # type: ignore[arg-type]
        (Signals(np.array([np.nan, 0, 0, 0])), "side at bar 0 is nan"),  # type: ignore[arg-type]
        (Signals(np.array(["a"] * 4)), "side is no array of numbers"),  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_is_none_is_refused(what: object, told: str) -> None:
    with pytest.raises(BadStrategy, match=f"saying: {told}"):
        said_by(what)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("stop", -0.05, "stop at bar 1 is -0.05, which is not above 0"),
        ("stop", 1.0, "stop at bar 1 is 1, which is the whole price or more"),
        ("target", 0.0, "target at bar 1 is 0, which is not above 0"),
        ("confidence", 1.5, "confidence at bar 1 is 1.5"),
        ("confidence", np.nan, "confidence at bar 1 is nan"),
    ],
)
def test_a_number_that_no_entry_could_have_is_refused(field: str, value: float, told: str) -> None:
    side, values = np.array([0, 1, 0, 2], dtype=np.int8), np.full(4, 0.06)
    values[1] = value

    with pytest.raises(BadStrategy, match=told):
        said_by(replace(Signals(side), **{field: values}))


def test_what_no_entry_uses_may_be_anything() -> None:
    side, values = np.array([0, 1, 0, 2], dtype=np.int8), np.array([np.nan, 0.06, -1.0, np.inf])

    found = said_by(Signals(side, values, values, values))

    assert found.stop is not None
    assert found.stop[1] == 0.06


def test_a_side_of_plain_numbers_becomes_what_the_engine_reads() -> None:
    found = said_by(Signals(np.array([0.0, 1.0, -2.0, 0.0])))  # type: ignore[arg-type]

    assert found.side.dtype == np.int8
    assert found.side.tolist() == [0, 1, -2, 0]


def test_whatever_a_strategy_raises_is_one_sentence_with_file_and_line() -> None:
    class Broken(Strategy):
        def entries(self, features: Features) -> Signals:
            raise KeyError("nothing")

    with pytest.raises(BadStrategy, match=r"^broken: .*test_strategies\.py line \d+: KeyError: 'nothing'$"):
        signals_of(Broken(), SYMBOL, Features(bars(4)))


# ---------------------------------------------------------------- those that are shipped


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("count", [0, 1, 2, 30, 600])
def test_a_shipped_strategy_answers_to_any_number_of_bars(name: str, count: int) -> None:
    assert len(signals_of(SHIPPED[name](), SYMBOL, Features(bars(600)[:count])).side) == count


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_strategy_enters_both_sides_on_real_candles_and_is_followed(name: str) -> None:
    history = a_history(recorded("SOLUSDT-1h"), SYMBOL, funding=None)
    strategy = SHIPPED[name]()

    found = signals_of(strategy, SYMBOL, Features(history.bars))
    trades = run(past_of([history], [a_free_instrument()]), [found], a_stake()).trades

    assert {1, -1} <= set(np.unique(found.side).tolist())
    assert {1, -1} == set(np.unique(trades["side"]).tolist())


@pytest.mark.parametrize("name", SHIPPED)
def test_as_it_comes_its_ideas_pay_enough_for_the_rules(name: str) -> None:
    dice = np.random.default_rng(3)
    market = a_market(dice, 6000)
    market[:, 5] = dice.lognormal(0.0, 1.0, len(market))
    said = signals_of(SHIPPED[name](), SYMBOL, Features(market, is_plain=True))

    found = run(past_of([a_history(market)], [an_instrument()]), [said], Setup(is_plain=True))

    assert len(found.trades) > 5
    assert found.refused["reward_risk"] == 0


@pytest.mark.parametrize("name", ["trend", "mean_reversion", "breakout", "ema_cross"])
def test_mirrored_prices_give_mirrored_signals(name: str) -> None:
    made = bars(3000)
    mirrored = made.copy()
    mirrored[:, [1, 2, 3, 4]] = 1000.0 - made[:, [1, 3, 2, 4]]

    one, other = (signals_of(SHIPPED[name](), SYMBOL, Features(each)) for each in (made, mirrored))

    assert np.count_nonzero(one.side) > 0
    np.testing.assert_array_equal(one.side, -other.side)


@pytest.mark.parametrize("name", SHIPPED)
def test_without_the_compiler_a_strategy_says_the_same(name: str) -> None:
    made = recorded("BTCUSDT-1h")[:6000]

    one, other = (
        signals_of(SHIPPED[name](), SYMBOL, Features(made, is_plain=is_plain)) for is_plain in (False, True)
    )

    np.testing.assert_array_equal(one.side, other.side)


CORNERS = [
    (name, {one.name: int(end) if one.bounds.is_whole else end})
    for name, shipped in SHIPPED.items()
    for one in shipped.parameters()
    for end in (one.bounds.low, one.bounds.high)
]


@pytest.mark.parametrize(("name", "given"), CORNERS)
def test_every_end_of_the_bounds_is_a_strategy_or_says_why_not(name: str, given: dict[str, float]) -> None:
    made = said_or_refused(name, given)

    assert made == 600 or "must be below" in str(made)


def said_or_refused(name: str, given: dict[str, float]) -> int | str:
    try:
        return len(signals_of(SHIPPED[name](**given), SYMBOL, Features(bars(600))).side)
    except BadStrategy as refusal:
        return str(refusal)


def test_the_strategy_of_the_comparison_says_what_the_benchmark_says() -> None:
    made = recorded("BTCUSDT-1h")[:20_000]

    found = signals_of(EmaCross(), SYMBOL, Features(made))

    np.testing.assert_array_equal(found.side, bench_backtest._signals(made).side)


def test_a_trend_that_is_barely_strong_enough_is_the_least_sure() -> None:
    found = signals_of(Trend(), SYMBOL, Features(bars(6000)))
    entered = np.abs(found.side) == 1

    assert found.confidence is not None
    assert found.confidence[entered].min() >= 0.75
    assert found.confidence[entered].max() <= 1.0
    assert np.unique(found.confidence[entered]).size > 1


@pytest.mark.parametrize(("multiple", "step", "stop"), [(1.0, 0.004, 0.05), (8.0, 0.03, 0.10)])
def test_stops_stay_within_what_an_account_allows(multiple: float, step: float, stop: float) -> None:
    made = bars_of(np.random.default_rng(5), 3000, step)

    found = signals_of(Trend(stop_atr=multiple), SYMBOL, Features(made))

    assert found.stop is not None
    assert found.target is not None
    assert found.side.any()
    np.testing.assert_array_equal(found.stop[200:], stop)
    np.testing.assert_allclose(found.target[200:], 2.5 * stop)


def test_a_stop_grows_with_the_range_of_the_bars() -> None:
    features = Features(bars(3000))

    found = signals_of(Trend(stop_atr=8.0), SYMBOL, features)
    between = (8.0 * features.atr() / features.close)[200:]

    assert found.stop is not None
    assert np.ptp(found.stop[200:]) > 0.0
    np.testing.assert_allclose(found.stop[200:], np.minimum(np.maximum(between, 0.05), 0.10))


def test_a_reversion_waits_for_the_close_to_come_back() -> None:
    made = recorded("BTCUSDT-1h")[:20_000]
    features = Features(made)
    found = signals_of(MeanReversion(), SYMBOL, features)
    low, _, high = features.bands()

    longs, shorts = np.flatnonzero(found.side == 1), np.flatnonzero(found.side == -1)

    assert len(longs) > 0 < len(shorts)
    assert (features.close[longs] > low[longs]).all()
    assert (features.close[longs - 1] <= low[longs - 1]).all()
    assert (features.close[shorts] < high[shorts]).all()
    assert (features.close[shorts - 1] >= high[shorts - 1]).all()


# ---------------------------------------------------------------- dice


def test_random_entries_come_as_often_as_asked_on_both_sides_alike() -> None:
    found = signals_of(Random(every=50.0), SYMBOL, Features(bars(100_000)))
    longs, shorts = np.count_nonzero(found.side == 1), np.count_nonzero(found.side == -1)

    assert abs(longs + shorts - 2000) < 4 * 2000**0.5
    assert abs(longs - shorts) < 4 * 2000**0.5


def test_random_entries_have_no_memory() -> None:
    found = signals_of(Random(every=2.0), SYMBOL, Features(bars(100_000)))
    entered = (found.side != 0).astype(float)

    assert abs(np.corrcoef(entered[1:], entered[:-1])[0, 1]) < 4 / 100_000**0.5


def test_every_seed_and_every_symbol_throws_its_own_dice() -> None:
    features = Features(bars(20_000))
    said = [
        signals_of(Random(seed), symbol, features).side != 0
        for seed in (1, 2)
        for symbol in (SYMBOL, "BTC/USDT:USDT")
    ]

    alike = [np.corrcoef(one, other)[0, 1] for i, one in enumerate(said) for other in said[:i]]

    assert max(np.abs(alike)) < 4 / 20_000**0.5


def test_random_entries_are_those_of_the_bar_wherever_the_history_begins() -> None:
    made = bars(2000)

    whole_history = signals_of(Random(), SYMBOL, Features(made)).side
    part = signals_of(Random(), SYMBOL, Features(made[700:])).side

    np.testing.assert_array_equal(whole_history[700:], part)


def test_strategies_and_the_live_adviser_need_no_compiler() -> None:
    text = (
        "import core.advice.strategy_adviser, core.backtest.own_strategy, sys; print('numba' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
