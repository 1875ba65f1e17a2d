"""Luck is called luck and an edge is found, through the engine; the benchmark counts a hundred of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.backtest.engine import run
from core.backtest.judgement import Search, judge
from core.backtest.verdict_words import Ruling
from tests.core.backtest.markets import (
    Case,
    crowd_without_skill,
    dice_alone,
    is_found,
    planted,
    rising_tide,
    trend_without_trends,
)
from tests.core.backtest.worlds import said

SEEDS, RUNS = 8, 120


@pytest.mark.parametrize("case", [dice_alone, trend_without_trends, crowd_without_skill, rising_tide])
def test_pure_luck_is_never_called_more(case: Callable[[int], Case]) -> None:
    rulings = [case(seed).judged(seed, RUNS).verdict.ruling for seed in range(SEEDS)]

    assert rulings.count(Ruling.LUCK) >= SEEDS - 1
    assert Ruling.BEATS_LUCK not in rulings


def test_a_planted_edge_is_found() -> None:
    found = [is_found(planted(seed).judged(seed, RUNS)) for seed in range(SEEDS)]

    assert sum(found) >= SEEDS - 2


def test_an_edge_that_was_chosen_among_very_many_sets_is_not_believed_as_soon() -> None:
    case = planted(2, edge=0.001)

    alone, chosen = case.judged(1, RUNS), case.judged(1, RUNS, Search(tried=100_000))

    assert alone.verdict.ruling is Ruling.BEATS_LUCK
    assert chosen.verdict.ruling is Ruling.CHOSEN


def test_the_same_seed_gives_the_same_judgement() -> None:
    one, other = dice_alone(3, count=1500).judged(5, 30), dice_alone(3, count=1500).judged(5, 30)

    assert one.evidence == other.evidence
    assert one.chance == other.chance


def test_every_random_run_is_told() -> None:
    case, heard = dice_alone(3, count=600), []

    judge(
        run(case.past, case.signals, case.setup), case.past, case.signals, case.setup, runs=5,
        told=lambda done, of: heard.append((done, of)),
    )  # fmt: skip

    assert heard == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_a_run_without_trades_is_judged_without_dice() -> None:
    case = dice_alone(3, count=300)
    silent = [said(300)]

    found = judge(run(case.past, silent, case.setup), case.past, silent, case.setup)

    assert found.verdict.ruling is Ruling.NO_TRADES
    assert found.random is None
    assert (found.chance.by_trade, found.chance.by_day, found.chance.ruins) == (None, None, ())
