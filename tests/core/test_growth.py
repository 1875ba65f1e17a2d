"""Growth, drawdown and the ratios read from them, against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.growth import booked, calmar, daily_returns, days_of, drawdown, grown, sharpe, sortino, units_at
from core.journal import EquityPoint
from tests.core.builders import D, a_closed_trade, later

DAY_ONE = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def days(*equities: Any, every_h: float = 24) -> list[EquityPoint]:
    """One point a day; (equity, flows) where something was paid in or out."""
    pairs = [equity if isinstance(equity, tuple) else (equity, 0) for equity in equities]
    return [
        EquityPoint(DAY_ONE + timedelta(hours=every_h * i), D(str(equity)) - 1, D(1), D(str(flows)))
        for i, (equity, flows) in enumerate(pairs)
    ]


def growths(*equities: Any, initial: Any = 1000, before: Any = None) -> list[float]:
    start = None if before is None else D(str(before))
    return [point.growth for point in grown(days(*equities), D(str(initial)), start)]


def test_growth_is_equity_over_the_opening_equity() -> None:
    assert growths(1000, 1100, 990) == pytest.approx([1.0, 1.1, 0.99])


def test_a_deposit_is_no_profit() -> None:
    # +10 %, then 900 paid in with nothing earned, then +10 % on 2000
    assert growths(1100, (2000, 900), (2200, 900)) == pytest.approx([1.1, 1.1, 1.21])


def test_a_withdrawal_is_no_loss() -> None:
    # 600 taken out of 1100, then the 500 that are left lose a tenth
    assert growths(1100, (500, -600), (450, -600)) == pytest.approx([1.1, 1.1, 0.99])


def test_what_was_earned_beside_a_flow_is_measured_by_the_larger_capital() -> None:
    # 1000 became 2110 while 1000 came in: 110 on 2000; 1000 became 490 while 500 went out: -10 on 1000
    assert growths(1000, (2110, 1000)) == pytest.approx([1.0, 1.055])
    assert growths(1000, (490, -500)) == pytest.approx([1.0, 0.99])


def test_the_first_point_knows_the_flows_from_before_its_period() -> None:
    curve = [(5000, 4000), (5500, 4000)]

    assert growths(*curve, initial=5000) == pytest.approx([1.0, 1.1])
    assert growths(*curve, initial=1000, before=0) == pytest.approx([1.0, 1.1])


def test_an_account_that_lost_everything_grows_no_more() -> None:
    assert growths(-5, (995, 1000), (1990, 1000)) == pytest.approx([0.0, 0.0, 0.0])


def test_an_account_without_opening_equity_has_neither_grown_nor_fallen() -> None:
    assert growths(0, 50, initial=0) == [1.0, 1.0]


@given(
    st.decimals("0", "1e6", places=2), st.decimals("0", "1e6", places=2), st.decimals("-1e6", "1e6", places=2)
)
def test_a_point_that_is_recorded_late_has_the_units_that_it_would_have_had_in_time(
    first: D, second: D, flow: D
) -> None:
    early = EquityPoint(DAY_ONE, first, D(0), D(7), D("1.5"))
    late = EquityPoint(DAY_ONE, second, D(0), 7 + flow, units_at(early, second, 7 + flow))

    assert float(units_at(late, first, D(7))) == pytest.approx(1.5, rel=1e-12)


def test_an_account_whose_first_point_has_flows_began_with_what_was_there_without_them() -> None:
    assert units_at(None, D(3000), D(2000)) == 3
    assert units_at(None, D(400), D(-600)) == D("0.4")
    assert units_at(None, D(400), D(0)) == 1


def test_trades_alone_make_a_curve() -> None:
    trades = [a_closed_trade(net, closed_at=later(hours=3 * i)) for i, net in enumerate((10, -5))]

    points = booked(trades, D(100))

    assert [point.equity for point in points] == [100, 110, 105]
    assert [point.growth for point in points] == pytest.approx([1.0, 1.1, 1.05])
    assert points[0].at == trades[0].opened_at
    assert booked([], D(100)) == ()


@pytest.mark.parametrize(
    ("equities", "deepest", "longest"),
    [
        ((), 0.0, 0.0),
        ((1000,), 0.0, 0.0),
        # peak 1200 on day 1, reached again on day 3; peak 1500 on day 3, not again until now, day 5
        ((1000, 1200, 900, 1500, 1200, 1400), 0.25, 2.0),
        # below the opening from the start on: five days until it is back
        ((500, 600, 700, 800, 900, 1000, 990), 0.5, 5.0),
        ((1000, 1000, 1000, 900), 0.1, 1.0),
        ((1000, -10), 1.0, 1.0),
    ],
)
def test_the_deepest_and_the_longest_drawdown(
    equities: tuple[int, ...], deepest: float, longest: float
) -> None:
    fall = drawdown(grown(days(*equities), D(1000)))

    assert fall.deepest == pytest.approx(deepest)
    assert fall.longest_days == pytest.approx(longest)


def test_a_withdrawal_is_no_drawdown_and_a_deposit_heals_none() -> None:
    out = drawdown(grown(days(1000, (100, -900), (100, -900)), D(1000)))
    into = drawdown(grown(days(1000, 800, (1800, 1000), (1800, 1000)), D(1000)))

    assert (out.deepest, out.longest_days) == (0.0, 0.0)
    assert into.deepest == pytest.approx(0.2)
    assert into.longest_days == pytest.approx(3.0)


def test_a_day_is_its_last_growth_and_missing_days_make_one_return() -> None:
    curve = [*days(1500, 1100, every_h=1), EquityPoint(DAY_ONE + timedelta(days=3), D(990), D(0))]

    points = grown(curve, D(1000))

    assert daily_returns(points) == pytest.approx([0.1, -0.1])
    assert days_of(points) == 2


def test_days_begin_at_midnight_utc() -> None:
    before = EquityPoint(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), D(1100), D(0))
    after = EquityPoint(datetime(2026, 3, 2, 0, 0, tzinfo=UTC), D(1210), D(0))

    assert daily_returns(grown([before, after], D(1000))) == pytest.approx([0.1, 0.1])


def test_a_deposit_changes_no_days_return() -> None:
    plain = daily_returns(grown(days(1100, 990, 1188), D(1000)))
    paid_in = daily_returns(grown(days(1100, (1090, 100), (1308, 100)), D(1000)))

    assert plain == pytest.approx([0.1, -0.1, 0.2])
    # day two: 1100 and 100 paid in make 1090: -110 on 1200
    assert paid_in == pytest.approx([0.1, -110 / 1200, 0.2])


def test_sharpe_and_sortino_by_hand() -> None:
    returns = [0.10, -0.10, 0.20, 0.0, -0.05]  # mean 3 %

    # squared distances from the mean: 49 + 169 + 289 + 9 + 64 = 580 (in %²), over n - 1 = 4
    assert sharpe(returns) == pytest.approx(0.03 / (sqrt(580 / 4) / 100) * sqrt(365))
    # falls only: 100 + 25 = 125 over n = 5, so 5 %
    assert sortino(returns) == pytest.approx(0.03 / 0.05 * sqrt(365))


def test_fewer_than_five_days_give_no_ratio() -> None:
    assert (sharpe([0.1, -0.1, 0.2, 0.1]), sortino([0.1, -0.1, 0.2, 0.1])) == (None, None)


def test_equal_days_have_no_deviation_and_so_no_ratio() -> None:
    assert (sharpe([0.01] * 7), sortino([0.01] * 7)) == (None, None)


def test_only_gains_have_a_sharpe_but_no_sortino() -> None:
    returns = [0.01, 0.02, 0.01, 0.03, 0.01]

    assert (sharpe(returns) or 0) > 0
    assert sortino(returns) is None


def test_calmar_by_hand() -> None:
    # 73 days, a fifth of a year: 1.1 in the end is 1.1⁵ - 1 = 61.051 % a year, over a fall of a tenth
    points = grown(days(*[1000] * 30, 900, *[1000] * 41, 1100), D(1000))

    assert calmar(points, 0.1) == pytest.approx(6.1051)


def test_calmar_means_nothing_below_thirty_days_or_without_a_fall() -> None:
    month = grown(days(*[1000] * 30), D(1000))

    assert calmar(month, 0.1) == 0.0
    assert calmar(month[1:], 0.1) is None
    assert calmar(month, 0.0) is None
    assert calmar((), 0.1) is None


@given(
    st.lists(st.tuples(st.integers(-30, 40), st.integers(-80, 200)), min_size=1, max_size=30),
    st.integers(1, 10**6),
)
def test_flows_change_no_growth_whatever_their_size(steps: list[tuple[int, int]], initial: int) -> None:
    """Each step earns a percentage of what is there and then, at another moment, something flows."""
    equity, flows, expected = float(initial), 0.0, 1.0
    points, due = [], []
    for percent, flow in steps:
        equity *= 1 + percent / 100
        expected *= 1 + percent / 100
        points.append((equity, flows))
        due.append(expected)
        paid = equity * flow / 100
        equity, flows = equity + paid, flows + paid
        points.append((equity, flows))
        due.append(expected)

    curve = [
        EquityPoint(later(minutes=i), D(repr(money)), D(0), D(repr(paid)))
        for i, (money, paid) in enumerate(points)
    ]

    assert [point.growth for point in grown(curve, D(initial))] == pytest.approx(due, rel=1e-6)
