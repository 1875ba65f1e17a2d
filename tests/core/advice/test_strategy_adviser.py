"""A backtest's strategy as a judge: it says live what a backtest says at the same bar."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from core.advice.strategy_adviser import Late, StrategyAdviser
from core.advice.strategy_voice import netted
from core.advice.verdict import RULES_NAME
from core.backtest.features import Features as Arrays
from core.backtest.shipped import SHIPPED, Trend
from core.backtest.strategies import Signals, Strategy, real, signals_of
from core.market import TIMEFRAMES, Candles, from_ms
from core.opinion import Abstention, Brief, Opinion, Purpose, Silence, Stance
from tests.core.advice.pictures import CLOSED_AT, SYMBOL, candles, features, opinion, with_frame
from tests.core.trading.exit_paths import recorded

DEADLINE_S = 5.0
LIVE_BARS = 400


class Saying(Strategy):
    """Says `signs` at the newest bars."""

    signs: tuple[int, ...] = (1,)
    stop: float = real(0.05, low=0.0, high=0.5)
    target: float = real(0.10, low=0.0, high=0.5)
    confidence: float = real(0.8, low=0.0, high=1.0)

    def entries(self, features: Arrays) -> Signals:
        side = np.zeros(len(features), dtype=np.int8)
        side[-len(self.signs) :] = self.signs
        return Signals(side, *(np.full(len(features), v) for v in (self.stop, self.target, self.confidence)))


class Silent(Strategy):
    """Names no distance and no confidence."""

    def entries(self, features: Arrays) -> Signals:
        side = np.zeros(len(features), dtype=np.int8)
        side[-1] = -1
        return Signals(side)


class Patient(Silent):
    hold_bars = 12


class Broken(Strategy):
    def entries(self, features: Arrays) -> Signals:
        raise ZeroDivisionError


def a_brief(**changes: Any) -> Brief:
    return replace(Brief(SYMBOL, features(), candles()), **changes)


async def heard(strategy: Strategy, timeframe: str = "15m", **changes: Any) -> Opinion:
    answer = await StrategyAdviser(strategy, timeframe).ask(a_brief(**changes), DEADLINE_S)
    assert isinstance(answer, Opinion)
    return answer


# ---------------------------------------------------------------- what it does not say


async def test_a_strategy_that_fails_abstains_and_says_where() -> None:
    answer = await StrategyAdviser(Broken()).ask(a_brief(), DEADLINE_S)

    assert isinstance(answer, Abstention)
    assert answer.why is Silence.FAILED
    assert "ZeroDivisionError" in answer.detail


@pytest.mark.parametrize("missing", [{}, {"15m": Candles(SYMBOL, "15m", np.zeros((0, 6)))}])
async def test_without_candles_it_abstains(missing: dict[str, Candles]) -> None:
    answer = await StrategyAdviser(Saying()).ask(a_brief(candles=missing), DEADLINE_S)

    assert isinstance(answer, Abstention)
    assert answer.detail == "there are no 15m candles"


@pytest.mark.parametrize("sign", [0, 2, -2])
async def test_it_holds_where_a_backtest_enters_nothing(sign: int) -> None:
    assert (await heard(Saying((sign,)))).stance is Stance.HOLD


async def test_it_holds_between_the_closes_of_its_timeframe() -> None:
    between = replace(features(), bar_closed_at=CLOSED_AT + timedelta(minutes=15))

    said = await heard(Saying(), "1h", features=between)

    assert said.stance is Stance.HOLD
    assert said.reasons == ("Strategy, not AI: its 1h bar closed at 12:00, not now",)


async def test_distances_without_an_hourly_range_to_tell_them_in_are_a_hold() -> None:
    said = await heard(Saying(), features=with_frame(features(), "1h", atr=None))

    assert said.stance is Stance.HOLD
    assert "ATR" in said.reasons[0]


@pytest.mark.parametrize("bars", [0, -5, 2.5, True, "12", 10**9])
async def test_a_strategy_that_expects_a_time_that_is_none_abstains(bars: Any) -> None:
    """A negative one would make funding a gain and the size larger."""
    hasty = type("Hasty", (Saying,), {"hold_bars": bars, "__annotations__": {}})()

    answer = await StrategyAdviser(hasty).ask(a_brief(), DEADLINE_S)

    assert isinstance(answer, Abstention)
    assert answer.why is Silence.FAILED
    assert "hold_bars must be" in answer.detail


async def test_a_strategy_that_is_late_abstains_as_late() -> None:
    async def late(work: object) -> None:
        raise Late("it was not ready within 5 s")

    answer = await StrategyAdviser(Saying(), compute=late).ask(a_brief(), DEADLINE_S)

    assert isinstance(answer, Abstention)
    assert (answer.why, answer.detail) == (Silence.DEADLINE, "it was not ready within 5 s")


async def test_a_strategy_that_ends_without_a_result_abstains() -> None:
    async def lost(work: object) -> None:
        return None

    answer = await StrategyAdviser(Saying(), compute=lost).ask(a_brief(), DEADLINE_S)

    assert isinstance(answer, Abstention)
    assert answer.why is Silence.FAILED


async def test_a_timeframe_that_no_scan_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="a scan reads 15m, 1h, 4h, not 5m"):
        StrategyAdviser(Saying(), "5m")


def test_it_does_not_bear_the_name_of_the_rules() -> None:
    with pytest.raises(ValueError, match="rule-based"):
        StrategyAdviser(Saying(), name=RULES_NAME)


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize(("sign", "stance"), [(1, Stance.LONG), (-1, Stance.SHORT)])
async def test_an_entry_is_told_in_multiples_of_the_hourly_range(sign: int, stance: Stance) -> None:
    said = await heard(Saying((sign,)))

    assert said.stance is stance
    assert (said.stop_atr, said.target_atr) == (pytest.approx(5.0), pytest.approx(10.0))
    assert (said.confidence, said.p_target_first, said.horizon_bars) == (0.8, None, None)
    assert said.adviser == "strategy-saying"
    assert said.model == "saying(stop=0.05, target=0.1, confidence=0.8)"


async def test_what_a_strategy_does_not_name_is_left_to_the_rules_of_the_account() -> None:
    said = await heard(Silent(), features=with_frame(features(), "1h", atr=None))

    assert said.stance is Stance.SHORT
    assert (said.stop_atr, said.target_atr, said.confidence) == (None, None, 1.0)


@pytest.mark.parametrize(("timeframe", "bars"), [("15m", 12), ("1h", 48), ("4h", 192)])
async def test_how_long_it_holds_is_told_in_quarters_of_an_hour(timeframe: str, bars: int) -> None:
    assert (await heard(Patient(), timeframe)).horizon_bars == bars


@pytest.mark.parametrize("name", SHIPPED)
async def test_live_it_says_what_a_backtest_says_at_the_same_bar(name: str) -> None:
    rows = recorded("SOLUSDT-1h")[:12_000]
    strategy = SHIPPED[name]()
    said = signals_of(strategy, SYMBOL, Arrays(rows)).side
    signals = np.flatnonzero(said[LIVE_BARS:])[:40] + LIVE_BARS
    quiet = np.arange(LIVE_BARS, len(rows), 400)

    for bar in [*signals, *quiet]:
        shown = Candles(SYMBOL, "1h", rows[bar + 1 - LIVE_BARS : bar + 1])
        now = replace(features(), bar_closed_at=from_ms(int(rows[bar, 0]) + TIMEFRAMES["1h"]))
        live = await heard(strategy, "1h", features=now, candles={"1h": shown})

        expected = int(said[bar]) if abs(said[bar]) == 1 else 0
        assert live.stance is {1: Stance.LONG, -1: Stance.SHORT, 0: Stance.HOLD}[expected]


# ---------------------------------------------------------------- about an open trade


@pytest.mark.parametrize(
    ("signs", "stance"),
    [
        ((-1,), Stance.SHORT),
        ((-2,), Stance.SHORT),
        ((2, 0), Stance.LONG),
        ((1, -2), Stance.SHORT),
        ((-1, 0, 0), Stance.HOLD),
        ((0,), Stance.HOLD),
    ],
)
async def test_about_an_open_trade_its_newest_signal_stands_for_two_bars(
    signs: tuple[int, ...], stance: Stance
) -> None:
    assert (await heard(Saying(signs), purpose=Purpose.EXIT)).stance is stance


async def test_about_an_open_trade_it_speaks_between_its_closes_too() -> None:
    between = replace(features(), bar_closed_at=CLOSED_AT + timedelta(minutes=30))

    assert (await heard(Saying((-2,)), "1h", features=between, purpose=Purpose.EXIT)).stance is Stance.SHORT


# ---------------------------------------------------------------- several that share the capital


async def test_distances_and_confidence_are_those_of_the_winning_side_by_share() -> None:
    near, far = Saying(stop=0.05, target=0.10, confidence=1.0), Saying(stop=0.09, target=0.30, confidence=0.8)
    heard_of = [await heard(each) for each in (near, far, Saying((-1,)))]

    said, left = netted(list(zip(heard_of, (0.6, 0.2, 0.2), strict=True)))

    assert left == pytest.approx(0.6)
    assert said.stop_atr == pytest.approx(0.75 * 5.0 + 0.25 * 9.0)
    assert said.target_atr == pytest.approx(0.75 * 10.0 + 0.25 * 30.0)
    assert said.confidence == pytest.approx(0.95)
    assert "0.6 saying(" in said.model


def test_a_draw_names_no_distance() -> None:
    said, left = netted([(opinion("a", "long"), 0.5), (opinion("b", "short"), 0.5)])

    assert (said.stance, said.stop_atr, said.horizon_bars, left) == (Stance.HOLD, None, None, 0.0)
    assert said.reasons == ("Strategies, not AI: longs and shorts cancel out.",)


async def test_parameters_are_told_so_that_a_record_can_tell_them_apart() -> None:
    one, other = StrategyAdviser(Trend()), StrategyAdviser(Trend(fast=10))

    said = [await each.ask(a_brief(), DEADLINE_S) for each in (one, other)]

    assert isinstance(said[0], Opinion)
    assert isinstance(said[1], Opinion)
    assert said[0].model != said[1].model
