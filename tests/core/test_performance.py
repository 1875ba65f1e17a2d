"""Metrics against numbers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest

from core.codec import from_plain, to_plain
from core.journal import EquityPoint
from core.performance import Performance, by_key, performance
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


def test_the_ratios_come_from_the_recorded_equity() -> None:
    # From 1000: +10 %, -10 %, +20 %, 0 %, -5 %: mean 3 %.
    curve = days(1100, 990, 1188, 1188, "1128.6")

    found = performance([], curve, D(1000))

    # squared distances from the mean: 49 + 169 + 289 + 9 + 64 = 580 (in %²), over n - 1 = 4
    assert found.sharpe == pytest.approx(0.03 / (sqrt(580 / 4) / 100) * sqrt(365))
    # falls only: 100 + 25 = 125 over n = 5, so 5 %
    assert found.sortino == pytest.approx(0.03 / 0.05 * sqrt(365))
    assert found.max_drawdown == pytest.approx(0.1)
    # 1188 was reached on day 3 and never again until day 5; 1100 of day 1 on day 3
    assert found.drawdown_days == pytest.approx(2.0)
    assert found.days == 5
    assert found.calmar is None


def test_without_a_curve_no_ratio_is_made_up() -> None:
    found = performance(trades(*[10, -5] * 40), [], D(1000))

    assert (found.sharpe, found.sortino, found.calmar, found.days) == (None, None, None, 0)
    assert found.max_drawdown > 0


def test_a_fall_below_the_opening_equity_is_a_drawdown_though_no_point_shows_the_peak() -> None:
    found = performance([], days(800, 900), D(1000))

    assert found.max_drawdown == pytest.approx(0.2)


def test_deposits_and_withdrawals_change_no_ratio() -> None:
    plain = days(1100, 990, 1188, 1188, "1128.6")
    # the same days with a thousand more from the second on, paid in after that day's close was seen
    moved = [EquityPoint(plain[1].at + timedelta(minutes=1), D(1990), D(0), D(1000))]
    after = [EquityPoint(point.at, D(1990) * point.equity / 990, D(0), D(1000)) for point in plain[2:]]

    without, with_flow = (
        performance([], plain, D(1000)),
        performance([], [*plain[:2], *moved, *after], D(1000)),
    )

    assert with_flow.sharpe == pytest.approx(without.sharpe)
    assert with_flow.sortino == pytest.approx(without.sortino)
    assert with_flow.max_drawdown == pytest.approx(without.max_drawdown)
    assert with_flow.drawdown_days == pytest.approx(without.drawdown_days)


def test_average_win_and_loss_and_the_quality_of_five_trades_by_hand() -> None:
    found = performance(trades(30, -20, 10, -10, 20), [], D(1000))

    assert (found.average_win, found.average_loss) == (20, 15)
    # R: 1.5, -1, 0.5, -0.5, 1: mean 0.3; squares 1.44 + 1.69 + 0.04 + 0.64 + 0.49 = 4.3 over 4
    assert found.sqn == pytest.approx(sqrt(5) * 0.3 / sqrt(1.075))
    # t(4) = 1.5332
    reach = 1.5332 * sqrt(1.075) / sqrt(5)
    assert found.expectancy_interval == pytest.approx((0.3 - reach, 0.3 + reach), abs=1e-4)
    # Wilson for 3 of 5, z² = 1.642374: middle (0.6 + 0.1642374) / 1.3284748,
    # spread 1.2815516 · √(0.048 + 0.0164237) / 1.3284748
    assert found.win_rate_interval == pytest.approx((0.330423, 0.820129), abs=1e-5)


def test_four_trades_have_no_quality_number_and_equal_ones_neither() -> None:
    assert performance(trades(30, -20, 10, -10), [], D(1000)).sqn is None
    assert performance(trades(*[10] * 8), [], D(1000)).sqn is None


def test_excursions_are_means_in_r_of_the_trades_that_were_watched() -> None:
    # R = 20: favourable 30 and 10, adverse -4 and -16; the third was never looked at
    rows = [
        a_closed_trade(10, mfe=D(30), mae=D(-4)),
        a_closed_trade(-10, mfe=D(10), mae=D(-16)),
        a_closed_trade(5),
    ]

    found = performance(rows, [], D(1000))

    assert found.average_mfe_r == pytest.approx((1.5 + 0.5) / 2)
    assert found.average_mae_r == pytest.approx((-0.2 - 0.8) / 2)
    assert found.watched == 2


def test_a_trade_without_an_r_has_no_excursion_in_r() -> None:
    row = a_closed_trade(10, mfe=D(30), mae=D(-4), risk_usd=D(0), r_multiple=D(0))

    found = performance([row], [], D(1000))

    assert (found.average_mfe_r, found.average_mae_r, found.watched) == (None, None, 0)


def test_advisers_are_paid_from_the_result() -> None:
    found = performance(trades(10, -4), [], D(1000), ai_cost=D("1.25"))

    assert (found.net_pnl, found.ai_cost, found.net_after_ai) == (6, D("1.25"), D("4.75"))


def test_figures_survive_being_written_down() -> None:
    found = performance(trades(30, -20, 10, -10, 20), days(1100, 990), D(1000), ai_cost=D("0.5"))

    assert from_plain(Performance, to_plain(found)) == found


def test_results_by_symbol() -> None:
    rows = [a_closed_trade(5), a_closed_trade(-2), a_closed_trade(1, symbol=BTC)]

    assert by_key(rows, "symbol") == {SOL: (2, D(3)), BTC: (1, D(1))}
