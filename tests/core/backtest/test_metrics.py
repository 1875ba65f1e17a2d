"""What a run earned, against trades whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from core.backtest.engine import Run, run
from core.backtest.engine_past import Past
from core.backtest.engine_words import REASONS, TRADE
from core.backtest.metrics import Book, curve_of, measured
from tests.core.backtest.markets import dice_alone, free, past_from
from tests.core.backtest.worlds import HOUR_MS, START_MS, bars_of, said

DAY_BARS = 24


def a_run(*trades: dict[str, object], equity: np.ndarray | None = None) -> Run:
    """Trades of symbol 0 unless named, exits at the close of their last bar."""
    rows = np.zeros(len(trades), dtype=TRADE)
    for row, fields in zip(rows, trades, strict=True):
        row["side"], row["lots"], row["leverage"], row["entry_price"] = 1, 1000, 3, 100.0
        row["reason"] = REASONS.index("stop")
        for name, value in fields.items():
            row[name] = value
        row["exit_ms"] = START_MS + (int(row["exit_bar"]) + 1) * HOUR_MS
    final = 1000.0 + float(rows["net"].sum())
    return Run(rows, np.zeros((0, 2)) if equity is None else equity, {}, final)


def a_trade(first: int, last: int, net: float, r: float, **fields: object) -> dict[str, object]:
    return {"entry_bar": first, "exit_bar": last, "net": net, "r": r, **fields}


@pytest.fixture(scope="module")
def past() -> Past:
    """Three days, two symbols."""
    dice = np.random.default_rng(1)
    return past_from([bars_of(dice, 3 * DAY_BARS), bars_of(dice, 3 * DAY_BARS)])


def test_a_run_without_trades_has_no_rates(past: Past) -> None:
    found = measured(a_run(), past, 1000.0)

    assert (found.performance.trades, found.performance.win_rate) == (0, None)
    assert (found.exposure, found.average_hours, found.risk_taken, found.return_share) == (
        0.0,
        None,
        None,
        0.0,
    )
    assert not any(found.groups.values())


def test_the_results_are_those_of_the_live_metrics(past: Past) -> None:
    found = measured(a_run(a_trade(1, 4, 20.0, 2.0), a_trade(6, 9, -10.0, -1.0)), past, 1000.0)

    result = found.performance
    assert (result.trades, result.wins, result.net_pnl) == (2, 1, Decimal("10.0"))
    assert (result.profit_factor, result.expectancy_r) == (2.0, 0.5)
    assert found.return_share == pytest.approx(0.01)


def test_fees_and_funding_are_told_apart(past: Past) -> None:
    found = measured(a_run(a_trade(1, 4, 7.0, 0.7, fees=2.0, funding=-1.0)), past, 1000.0).performance

    assert (found.gross_pnl, found.fees, found.funding) == (Decimal("10.0"), Decimal("2.0"), Decimal("-1.0"))


def test_excursions_are_in_units_of_the_risk(past: Past) -> None:
    lot = float(past.parts[0].instrument.lot)
    risk = 100.0 * 1000 * lot * 0.05
    trade = a_trade(1, 4, risk, 1.0, mae=0.025, mfe=0.10)

    found = measured(a_run(trade), past, 1000.0).performance

    assert (found.average_mfe_r, found.average_mae_r) == pytest.approx((2.0, -0.5))


def test_a_trade_of_exactly_nothing_tells_no_risk(past: Past) -> None:
    found = measured(a_run(a_trade(1, 2, 0.0, 0.0), a_trade(3, 4, -10.0, -1.0)), past, 1000.0)

    assert found.performance.watched == 1
    assert found.risk_taken == pytest.approx(10.0 / 1000.0)


def test_risk_is_a_share_of_what_was_booked_before_the_entry(past: Past) -> None:
    trades = [a_trade(1, 2, 1000.0, 10.0), a_trade(3, 4, -100.0, -1.0), a_trade(2, 5, -100.0, -1.0)]

    found = Book(a_run(*trades), past).booked_before(1000.0)

    assert found.tolist() == [1000.0, 2000.0, 1000.0]


def test_time_in_the_market_is_not_counted_twice(past: Past) -> None:
    trades = [
        a_trade(0, 9, 1.0, 0.1),
        a_trade(5, 14, 1.0, 0.1, symbol=1),
        a_trade(6, 7, 1.0, 0.1, symbol=1),
        a_trade(20, 20, 1.0, 0.1),
    ]

    found = measured(a_run(*trades), past, 1000.0)

    assert found.exposure == pytest.approx(16 / 72)
    assert found.average_hours == pytest.approx((10 + 10 + 2 + 1) / 4)


def test_groups_hold_every_trade_once(past: Past) -> None:
    trades = [
        a_trade(b, b, float(b - 3), b / 10, symbol=b % 2, side=(-1) ** b, reason=b % 10 + 1)
        for b in range(20)
    ]

    found = measured(a_run(*trades), past, 1000.0)

    assert set(found.groups) == {"symbol", "side", "month", "exit_reason"}
    for groups in found.groups.values():
        assert sum(group.trades for group in groups) == 20
        assert sum(group.net_pnl for group in groups) == found.performance.net_pnl
    assert {group.name for group in found.groups["exit_reason"]} == set(REASONS[1:])
    assert [group.name for group in found.groups["month"]] == ["2024-01"]


def test_small_groups_have_no_interval(past: Past) -> None:
    found = measured(a_run(*[a_trade(b, b, 1.0, b / 10) for b in range(4)]), past, 1000.0)

    assert found.groups["side"][0].interval_r is None


def test_where_no_equity_was_measured_the_booked_one_stands_day_by_day(past: Past) -> None:
    run_ = a_run(a_trade(1, 3, 10.0, 1.0), a_trade(30, 33, -5.0, -0.5))

    curve = curve_of(Book(run_, past), 1000.0)

    assert ((curve[:, 0] - START_MS) / HOUR_MS).tolist() == [0, 24, 48, 72]
    assert curve[:, 1].tolist() == [1000.0, 1010.0, 1005.0, 1005.0]


def test_the_measured_equity_begins_and_ends_with_the_account(past: Past) -> None:
    equity = np.array(
        [[START_MS, 1000.0], [START_MS + 24 * HOUR_MS, 900.0], [START_MS + 72 * HOUR_MS, 980.0]]
    )

    found = measured(a_run(a_trade(1, 60, -30.0, -1.0), equity=equity), past, 1000.0)

    assert found.curve[:, 1].tolist() == [1000.0, 900.0, 970.0]
    assert found.performance.max_drawdown == pytest.approx(0.1)


def test_months_multiply_to_the_whole() -> None:
    case = dice_alone(1, count=4000)
    own = run(case.past, case.signals, case.setup)

    found = measured(own, case.past, case.setup.capital)

    assert [(year, month) for year, month, _ in found.months] == [(2024, month) for month in range(1, 7)]
    assert np.prod([1 + value for _, _, value in found.months]) - 1 == pytest.approx(found.return_share)


def test_what_was_earned_on_the_last_day_of_a_month_is_that_months() -> None:
    past = past_from([bars_of(np.random.default_rng(1), 40 * DAY_BARS)])
    last_day = 30 * DAY_BARS + 12

    found = measured(a_run(a_trade(last_day, last_day, 100.0, 1.0)), past, 1000.0)

    assert found.months == ((2024, 1, pytest.approx(0.1)), (2024, 2, 0.0))


def test_net_results_sum_to_the_final_equity_in_real_runs() -> None:
    case = dice_alone(2, count=3000, symbols=3)
    own = run(case.past, case.signals, case.setup)

    found = measured(own, case.past, case.setup.capital)

    assert float(found.performance.net_pnl) == pytest.approx(own.final - case.setup.capital)
    assert found.curve[-1, 1] == own.final


def test_symbols_that_share_nothing_are_measured_too() -> None:
    case = dice_alone(2, count=2000, symbols=2)
    setup = replace(case.setup, is_shared=False, stake=100.0)
    own = run(case.past, case.signals, setup)

    found = measured(own, case.past, setup.capital)

    assert len(own.equity) == 0
    assert found.performance.sharpe is not None
    assert found.curve[-1, 1] == pytest.approx(own.final)
    assert (np.diff(found.curve[:, 0]) > 0).all()


def test_what_the_end_of_the_bars_closed_is_counted() -> None:
    bars = bars_of(np.random.default_rng(1), 40, step=0.0005)
    past = past_from([bars])
    setup = free()

    found = measured(run(past, [said(40, b36=1)], setup), past, 1000.0)

    assert (found.cut_off, found.liquidations) == (1, 0)
