"""The figures by which a week of paper trading is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.desk import WeekFigures
from core.journal import DayCount
from core.risk.limits import Limits
from core.risk.readiness import weeks
from core.trade import ExitReason
from tests.core.builders import D
from tests.core.risk.evidence import a_trade_on, beats, curve_of, day, moment, some_evidence, tripped


def first_week(**fields: Any) -> WeekFigures:
    return weeks(some_evidence(**fields))[0]


def test_uptime_is_the_share_of_minutes_in_which_both_ran() -> None:
    half = beats(scanner_0=720)

    assert first_week(beats=half).uptime == pytest.approx((6 + 0.5) / 7)


def test_the_week_that_runs_is_measured_by_what_is_over_of_it() -> None:
    minutes = {f"{task}_42": 700 for task in ("scanner", "guard")}
    running = weeks(some_evidence(beats=beats(**minutes)))[-2]

    assert running.uptime == pytest.approx(700 / 720)
    assert not running.counts


def test_uptime_since_the_start_begins_at_the_opening() -> None:
    """Nine hours of the first day without a heartbeat are downtime."""
    whole = weeks(some_evidence(now=moment(1, 0)))[-1]

    assert whole.title == "since the start"
    assert whole.uptime == pytest.approx(24 / 33)


def test_errors_are_an_average_of_the_days() -> None:
    counted = (DayCount(day(1), "errors", 10), DayCount(day(5), "errors", 4), DayCount(day(9), "errors", 90))

    assert first_week(counts=counted).errors_a_day == 2.0


def test_failed_health_checks_and_lost_connections_are_summed_per_week() -> None:
    counted = (
        DayCount(day(0), "failed_health", 3),
        DayCount(day(6), "failed_health", 1),
        DayCount(day(7), "failed_health", 5),
        DayCount(day(2), "lost_database", 2),
    )
    week = first_week(counts=counted)

    assert (week.failed_health, week.lost_database) == (4, 2)


def test_realised_reward_to_risk_is_the_mean_win_over_the_mean_loss() -> None:
    traded = (a_trade_on(0, 30), a_trade_on(1, 10), a_trade_on(2, -8), a_trade_on(9, -100))

    assert first_week(trades=traded).realised_reward_risk == 2.5
    assert first_week(trades=traded[:2]).realised_reward_risk is None


def test_the_largest_loss_is_measured_by_the_equity_before_the_trade() -> None:
    traded = (a_trade_on(0, -50), a_trade_on(2, -60), a_trade_on(3, 70))
    curve = curve_of(950, 600)

    assert first_week(trades=traded, curve=curve).largest_loss_share == pytest.approx(0.1)
    assert first_week(trades=(), curve=curve).largest_loss_share is None


def test_a_stop_was_planned_for_every_trade_that_it_should_have_ended() -> None:
    ends = (
        ExitReason.STOP,
        ExitReason.TRAILING,
        ExitReason.BREAK_EVEN,
        ExitReason.SOFTWARE_STOP,
        ExitReason.LIQUIDATED,
        ExitReason.TARGET,
        ExitReason.OWNER,
    )
    traded = tuple(a_trade_on(at, -5, exit_reason=end) for at, end in enumerate(ends))
    week = first_week(trades=traded)

    assert (week.stops_planned, week.stops_filled, week.liquidations) == (5, 3, 1)


def test_a_breaker_that_was_due_and_did_not_trip_is_seen() -> None:
    lost = curve_of(1000, 880)

    week = first_week(curve=lost, trades=())

    assert (week.breakers_due, week.breakers_tripped) == (1, 0)


def test_a_breaker_that_was_due_and_tripped_is_even() -> None:
    lost = curve_of(1000, 880)

    week = first_week(curve=lost, trades=(), trips=(tripped("daily_loss", 1),))

    assert (week.breakers_due, week.breakers_tripped) == (1, 1)


def test_an_orange_drawdown_that_a_person_ended_is_no_trip() -> None:
    trip = tripped("drawdown", 1)
    ended = replace(trip, resolved_at=trip.created_at, resolved_by="owner")

    assert first_week(curve=(), trades=(), trips=(ended,)).breakers_tripped == 0


def test_a_streak_and_a_fall_are_due_too() -> None:
    streak = tuple(a_trade_on(at, -1) for at in range(3))
    slow_fall = curve_of(1000, 930, 860, 795)

    assert first_week(trades=streak, curve=()).breakers_due == 1
    assert first_week(trades=streak[:2], curve=()).breakers_due == 0
    assert first_week(trades=(), curve=slow_fall, limits=Limits(daily_loss=D("0.5"))).breakers_due == 1


@pytest.mark.parametrize(("last", "due"), [(901, 0), (899, 1)])
def test_a_fall_is_due_by_the_fraction_that_was_lost_whatever_was_paid_out(last: int, due: int) -> None:
    """A twentieth is lost, four fifths are taken out of what is left, and a little more is lost."""
    opening, after, end = curve_of(1000, 950, 0)
    end = type(end)(end.at, D(last) / 5, D(0), flows=D(-760), units=D("0.2"))
    a_day = [replace(point, at=moment(1, hour)) for hour, point in enumerate((opening, after, end))]

    found = first_week(trades=(), curve=a_day, limits=Limits(daily_loss=D("0.1")))

    assert found.breakers_due == due


def test_a_breaker_that_cannot_be_worked_out_again_was_due_when_it_tripped() -> None:
    week = first_week(trades=(), curve=(), trips=(tripped("stale_data", 1), tripped("stale_data", 9)))

    assert (week.breakers_due, week.breakers_tripped) == (1, 1)


def test_an_adopted_trade_is_judged_by_its_stop_only() -> None:
    adopted = a_trade_on(1, -500, origin="adopted", exit_reason=ExitReason.LIQUIDATED)
    week = first_week(trades=(adopted,))

    assert (week.trades, week.largest_loss_share, week.realised_reward_risk) == (0, None, None)
    assert (week.stops_planned, week.stops_filled, week.liquidations) == (1, 0, 1)
