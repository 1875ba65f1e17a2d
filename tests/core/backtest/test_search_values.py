"""The fast objectives are the metrics of the reports."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from core.backtest.engine import Setup, Signals, run
from core.backtest.engine_past import Past
from core.backtest.metrics import measured
from core.backtest.search_play import Wanted
from core.backtest.search_space import BadSearch
from core.backtest.search_values import MINIMISED, OBJECTIVES, values_of
from tests.core.backtest.markets import Case, crowd_without_skill, dice_alone, planted

CASES = {
    "a planted edge": lambda: planted(1, count=3000),
    "dice": lambda: dice_alone(2, count=2000),
    "three symbols": lambda: crowd_without_skill(3, count=1500),
    "four days": lambda: dice_alone(4, count=90),
    "an account each": lambda: _alone(dice_alone(5, count=2000, symbols=2)),
    "an account that is ruined": lambda: _reckless(dice_alone(6, count=3000)),
}


def _alone(case: Case) -> Case:
    return replace(case, setup=replace(case.setup, is_shared=False, stake=50.0))


def _reckless(case: Case) -> Case:
    return replace(case, setup=replace(case.setup, stake=900.0, is_shared=False, leverage=10))


@pytest.mark.parametrize("name", CASES)
def test_every_objective_is_the_reports_own_metric(name: str) -> None:
    case = CASES[name]()
    found = run(case.past, case.signals, case.setup)

    fast = values_of(found, case.past, case.setup.capital)

    slow = measured(found, case.past, case.setup.capital)
    result = slow.performance
    expected = {
        "net": float(result.net_pnl),
        "sharpe": result.sharpe,
        "sortino": result.sortino,
        "calmar": result.calmar,
        "profit_factor": result.profit_factor,
        "expectancy_r": result.expectancy_r,
        "drawdown": result.max_drawdown,
    }
    assert set(expected) == set(OBJECTIVES) and fast.trades == result.trades > 0
    for objective, value in expected.items():
        wanted = math.nan if value is None else value
        assert fast.of(objective) == pytest.approx(wanted, rel=1e-6, abs=1e-9, nan_ok=True), objective
    assert fast.return_share == pytest.approx(slow.return_share)


def test_a_run_without_trades_has_no_ratio() -> None:
    past, setup = _past(), Setup()

    found = values_of(run(past, [Signals(np.zeros(len(past.parts[0].bars), np.int8))], setup), past, 1000.0)

    assert found.net == 0 and found.trades == 0 and found.drawdown == 0
    assert all(math.isnan(found.of(name)) for name in ("sharpe", "calmar", "profit_factor", "expectancy_r"))


def test_growth_of_a_month_makes_spans_of_any_length_comparable() -> None:
    one = values_of(run(_past(), [Signals(np.zeros(500, np.int8))], Setup()), _past(), 1000.0)

    assert replace(one, return_share=0.21, days=60.0).monthly == pytest.approx(0.1)
    assert replace(one, return_share=-1.0, days=60.0).monthly == -1.0


@pytest.mark.parametrize("names", [(), ("luck",), ("net", "net")])
def test_objectives_that_are_none_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BadSearch, match="objectives must be"):
        Wanted(names, 30)


def test_what_is_to_be_small_is_turned_round() -> None:
    assert {"drawdown"} == MINIMISED
    assert Wanted(("net", "drawdown"), 30).rising((5.0, 0.1)) == (5.0, -0.1)


def _past() -> Past:
    return dice_alone(1, count=500).past
