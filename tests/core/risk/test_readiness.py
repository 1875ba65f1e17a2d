"""The checklist before real money, item by item, refusals first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.desk import DoctorLine, ReadinessItem
from core.journal import DayCount
from core.risk.readiness import Evidence, checklist, counts_from, weeks, weeks_counted
from tests.core.builders import D
from tests.core.risk.evidence import (
    NOW,
    OPENED,
    beats,
    curve_of,
    day,
    moment,
    named,
    raised_on,
    some_evidence,
    wins_and_losses,
)


def judged(**fields: Any) -> dict[str, ReadinessItem]:
    evidence = some_evidence(**fields)
    return named(checklist(evidence, counted(evidence)))


def counted(evidence: Evidence) -> int:
    return weeks_counted(weeks(evidence))


def test_six_good_weeks_hold_every_item() -> None:
    items = judged()

    assert [name for name, item in items.items() if not item.is_met] == []
    assert set(items) == {"weeks", "trades", "win_rate", "average_pnl", "drawdown", "doctor"}


# ---------------------------------------------------------------- weeks


def test_an_account_that_never_traded_on_paper_has_no_week_and_no_item_but_the_doctor() -> None:
    nothing = some_evidence(opened_at=None, trades=(), curve=(), beats={})

    assert weeks(nothing) == ()
    assert [item.name for item in checklist(nothing, 0) if item.is_met] == ["doctor"]


def test_the_day_of_the_opening_is_no_whole_day() -> None:
    first = weeks(some_evidence())[0]

    assert first.title == "05 Jan to 11 Jan"


def test_three_weeks_and_six_days_are_three_weeks() -> None:
    evidence = some_evidence(now=moment(27, 23))

    assert counted(evidence) == 3
    assert not named(checklist(evidence, counted(evidence)))["weeks"].is_met


def test_the_fourth_week_counts_when_its_last_day_is_over() -> None:
    assert counted(some_evidence(now=moment(28, 0))) == 4


@pytest.mark.parametrize("task", ["scanner", "guard"])
def test_a_week_with_one_day_below_95_percent_does_not_count(task: str) -> None:
    ninety_five = 1368
    bad, good = {f"{task}_3": ninety_five - 1}, {f"{task}_3": ninety_five}

    assert counted(some_evidence(beats=beats(**bad))) == 5
    assert counted(some_evidence(beats=beats(**good))) == 6


def test_a_day_without_any_heartbeat_spoils_its_week_only() -> None:
    evidence = some_evidence(beats=beats(guard_8=0, scanner_8=0))

    assert [week.counts for week in weeks(evidence)[:-1]] == [True, False, True, True, True, True, False]


def test_a_demo_never_counts_however_long_it_ran() -> None:
    evidence = some_evidence(never_counts=True)
    items = named(checklist(evidence, counted(evidence)))

    assert counted(evidence) == 0
    assert not items["weeks"].is_met and "never count" in items["weeks"].text
    assert not items["trades"].is_met


def test_the_item_says_how_many_weeks_counted_of_how_many() -> None:
    assert judged(now=moment(14, 1))["weeks"].text.startswith("2 of 4 weeks")


# ---------------------------------------------------------------- a raise of risk


def test_a_raise_of_risk_restarts_the_weeks_the_day_after() -> None:
    evidence = some_evidence(counts=(raised_on(20),))

    assert counts_from(OPENED, evidence.counts) == moment(21, 0)
    assert weeks(evidence)[0].title == "26 Jan to 01 Feb"
    assert counted(evidence) == 3


def test_trades_from_before_a_raise_of_risk_are_no_evidence() -> None:
    items = judged(counts=(raised_on(20),))

    assert items["trades"].text == "15 closed trades, at least 30 are needed"
    assert not items["trades"].is_met


def test_a_fall_from_before_a_raise_of_risk_is_forgotten_with_the_rest() -> None:
    deep = curve_of(1000, 500)

    assert not judged(curve=deep)["drawdown"].is_met
    assert judged(curve=deep + curve_of(500, 510, first=25), counts=(raised_on(20),))["drawdown"].is_met


def test_the_newest_raise_is_the_one_that_counts() -> None:
    evidence = some_evidence(counts=(raised_on(35), raised_on(3)))

    assert counts_from(OPENED, evidence.counts) == moment(36, 0)


def test_other_counts_restart_nothing() -> None:
    evidence = some_evidence(counts=(DayCount(day(20), "errors", 3),))

    assert counts_from(OPENED, evidence.counts) == OPENED


def test_a_raise_today_leaves_nothing_but_tomorrow() -> None:
    evidence = some_evidence(counts=(raised_on(42),))

    assert weeks(evidence) == ()
    assert counted(evidence) == 0


# ---------------------------------------------------------------- trades and results


def test_29_trades_are_too_few_and_30_are_enough() -> None:
    assert not judged(trades=wins_and_losses(20, 9))["trades"].is_met
    assert judged(trades=wins_and_losses(20, 10))["trades"].is_met


def test_adopted_trades_are_no_evidence() -> None:
    adopted = tuple(replace(trade, origin="adopted") for trade in wins_and_losses(40, 0))

    items = judged(trades=adopted)

    assert items["trades"].text == "0 closed trades, at least 30 are needed"
    assert not items["win_rate"].is_met and not items["average_pnl"].is_met


def test_a_win_rate_of_55_percent_is_not_above_55_percent() -> None:
    even = wins_and_losses(22, 18, gain=10, loss=-12)

    assert not judged(trades=even)["win_rate"].is_met
    assert judged(trades=wins_and_losses(23, 17, gain=10, loss=-12))["win_rate"].is_met


def test_few_but_large_wins_pass_by_the_lower_bound_of_the_expectancy() -> None:
    large = wins_and_losses(16, 24, gain=60, loss=-20)
    item = judged(trades=large)["win_rate"]

    assert item.is_met
    assert "win rate 40.0%" in item.text and "+0.19 R, above 0" in item.text


def test_a_mean_above_0_whose_lower_bound_is_below_0_does_not_pass() -> None:
    unsure = wins_and_losses(4, 6, gain=40, loss=-20)

    assert not judged(trades=unsure)["win_rate"].is_met


def test_without_trades_neither_rate_nor_average_is_known() -> None:
    items = judged(trades=())

    assert not items["win_rate"].is_met and "unknown" in items["win_rate"].text
    assert not items["average_pnl"].is_met and "no closed trade" in items["average_pnl"].text


def test_an_average_of_exactly_nothing_does_not_hold() -> None:
    assert not judged(trades=wins_and_losses(20, 20, gain=10, loss=-10))["average_pnl"].is_met


def test_the_average_is_net_and_the_advisers_cost_stands_beside_it() -> None:
    item = judged(trades=wins_and_losses(30, 0, gain=2))["average_pnl"]

    assert item.is_met
    assert item.text == (
        "average P&L +2.00 USDT after fees and funding must be above 0; advisers cost 1.25 USD beside it"
    )


def test_a_drawdown_of_20_percent_is_not_under_20_percent() -> None:
    assert not judged(curve=curve_of(1000, 800))["drawdown"].is_met
    assert judged(curve=curve_of(1000, 801))["drawdown"].is_met


def test_without_an_equity_curve_the_drawdown_is_unknown_and_does_not_hold() -> None:
    item = judged(curve=())["drawdown"]

    assert not item.is_met and "unknown" in item.text


def test_a_withdrawal_is_no_drawdown() -> None:
    before, after = curve_of(1000, 1000)
    withdrawn = type(after)(after.at, D(400), D(0), flows=D(-600))

    assert judged(curve=(before, withdrawn))["drawdown"].is_met


# ---------------------------------------------------------------- the doctor


def test_what_trading_needs_must_be_green_and_is_named() -> None:
    item = judged(doctor=(DoctorLine(False, True, "exchange", "does not answer"),))["doctor"]

    assert not item.is_met
    assert "exchange: does not answer" in item.text


def test_a_hint_of_the_doctor_is_no_fault() -> None:
    assert judged(doctor=(DoctorLine(False, False, "settings", "a hint"),))["doctor"].is_met


def test_a_doctor_who_was_not_asked_is_not_green() -> None:
    assert not judged(doctor=())["doctor"].is_met


def test_an_account_of_the_future_has_no_weeks() -> None:
    assert weeks(some_evidence(opened_at=NOW + timedelta(days=1))) == ()
