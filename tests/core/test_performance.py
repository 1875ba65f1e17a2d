"""Metrics against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest

from core.journal import EquityPoint
from core.performance import by_key, daily_returns, equity_path, max_drawdown, performance
from tests.core.builders import BTC, SOL, D, a_closed_trade, later

DAY_ONE = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def days(*equities: Any, every_h: float = 24) -> list[EquityPoint]:
    return [
        EquityPoint(DAY_ONE + timedelta(hours=every_h * i), D(str(equity)) - 1, D(1))
        for i, equity in enumerate(equities)
    ]


def trades(*nets: Any) -> list[Any]:
    return [a_closed_trade(net, id=str(i), closed_at=later(hours=3 * i)) for i, net in enumerate(nets)]


def test_five_trades_by_hand() -> None:
    # gains 30 + 10 + 20 = 60, losses 20 + 10 = 30, R = 20 each
    found = performance(trades(30, -20, 10, -10, 20), [], D(1000))

    assert (found.trades, found.wins, found.losses) == (5, 3, 2)
    assert found.net_pnl == found.gross_pnl == 30
    assert (found.best, found.worst, found.average_pnl) == (30, -20, 6)
    assert found.win_rate == 0.6
    assert found.profit_factor == 2.0
    assert found.expectancy_r == pytest.approx(0.3)  # (1.5 - 1 + 0.5 - 0.5 + 1) / 5
    assert found.average_reward_risk == pytest.approx(20 / 15)
    assert found.largest_loss_share == 0.02
    # 1000, 1030, 1010, 1020, 1010, 1030: the deepest fall is 20 from 1030
    assert found.max_drawdown == pytest.approx(20 / 1030)


def test_costs_are_told_apart_and_the_net_is_what_counts() -> None:
    one = a_closed_trade(-1, gross_pnl=D(2), fees=D("2.5"), funding=D("-0.5"))

    found = performance([one], [], D(100))

    assert (found.gross_pnl, found.fees, found.funding, found.net_pnl) == (2, D("2.5"), D("-0.5"), -1)
    assert (found.wins, found.losses) == (0, 1)


def test_without_trades_nothing_is_claimed() -> None:
    found = performance([], [], D(1000))

    unknown = (found.win_rate, found.profit_factor, found.expectancy_r, found.average_pnl, found.sharpe)
    assert unknown == (None,) * 5
    assert (found.trades, found.net_pnl, found.max_drawdown, found.best) == (0, 0, 0.0, None)


def test_without_losses_there_is_no_profit_factor_and_no_largest_loss() -> None:
    found = performance(trades(5, 6), [], D(1000))

    assert (found.profit_factor, found.average_reward_risk, found.largest_loss_share) == (None, None, None)
    assert found.win_rate == 1.0


def test_a_trade_of_exactly_nothing_is_neither_won_nor_lost() -> None:
    found = performance(trades(0, 5), [], D(1000))

    assert (found.trades, found.wins, found.losses, found.win_rate) == (2, 1, 0, 0.5)


def test_sharpe_and_sortino_by_hand() -> None:
    # From 1000: +10 %, -10 %, +20 %, 0 %, -5 %: mean 3 %.
    curve = days(1100, 990, 1188, 1188, "1128.6")

    found = performance([], curve, D(1000))

    # squared distances from the mean: 49 + 169 + 289 + 9 + 64 = 580 (in %²), over n - 1 = 4
    assert found.sharpe == pytest.approx(0.03 / (sqrt(580 / 4) / 100) * sqrt(365))
    # falls only: 100 + 25 = 125 over n = 5, so 5 %
    assert found.sortino == pytest.approx(0.03 / 0.05 * sqrt(365))
    assert found.max_drawdown == pytest.approx(0.1)


def test_fewer_than_five_days_give_no_ratio() -> None:
    found = performance([], days(1100, 990, 1188, 1100), D(1000))

    assert (found.sharpe, found.sortino) == (None, None)


def test_equal_days_have_no_deviation_and_so_no_ratio() -> None:
    curve = days(*(D(1000) * D("1.01") ** i for i in range(1, 8)))

    found = performance([], curve, D(1000))

    assert (found.sharpe, found.sortino) == (None, None)


def test_only_gains_have_a_sharpe_but_no_sortino() -> None:
    found = performance([], days(1010, 1030, 1040, 1070, 1080), D(1000))

    assert found.sharpe is not None and found.sharpe > 0
    assert found.sortino is None


def test_a_day_is_its_last_equity_and_missing_days_make_one_return() -> None:
    curve = [*days(1500, 1100, every_h=1), EquityPoint(DAY_ONE + timedelta(days=3), D(990), D(0))]

    assert daily_returns(curve, D(1000)) == pytest.approx([0.1, -0.1])


def test_days_begin_at_midnight_utc() -> None:
    before = EquityPoint(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), D(1100), D(0))
    after = EquityPoint(datetime(2026, 3, 2, 0, 0, tzinfo=UTC), D(1210), D(0))

    assert daily_returns([before, after], D(1000)) == pytest.approx([0.1, 0.1])


def test_a_fall_below_the_opening_equity_is_a_drawdown_though_no_point_shows_the_peak() -> None:
    found = performance([], days(800, 900), D(1000))

    assert found.max_drawdown == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("equities", "expected"),
    [
        ((), 0.0),
        ((100,), 0.0),
        ((100, 120, 90, 150, 120), 0.25),
        ((100, 50, 200, 150), 0.5),
        ((100, -10), 1.1),
    ],
)
def test_the_deepest_fall_from_a_peak(equities: tuple[int, ...], expected: float) -> None:
    path = [(later(hours=i), D(equity)) for i, equity in enumerate(equities)]

    assert max_drawdown(path) == pytest.approx(expected)


def test_equity_is_the_recorded_curve_or_else_the_booked_trades() -> None:
    booked = trades(10, -5)

    assert [equity for _, equity in equity_path(booked, [], D(100))] == [100, 110, 105]
    assert [equity for _, equity in equity_path(booked, days(7, 8), D(100))] == [7, 8]
    assert equity_path([], [], D(100)) == []


def test_results_by_symbol() -> None:
    rows = [a_closed_trade(5), a_closed_trade(-2), a_closed_trade(1, symbol=BTC)]

    assert by_key(rows, "symbol") == {SOL: (2, D(3)), BTC: (1, D(1))}
