"""Closed trades by what they share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from math import sqrt

import pytest

from core.market import Side
from core.performance_groups import groups
from core.trade import ExitReason
from tests.core.builders import BTC, D, a_closed_trade


def test_a_group_by_hand() -> None:
    # R = 20: 1.5, -1, 0.5, -0.5, 1
    rows = [a_closed_trade(net) for net in (30, -20, 10, -10, 20)]

    (group,) = groups(rows)["symbol"]

    assert (group.trades, group.wins, group.net_pnl) == (5, 3, 30)
    assert group.expectancy_r == pytest.approx(0.3)
    reach = 1.5332 * sqrt(1.075) / sqrt(5)
    assert group.interval_r == pytest.approx((0.3 - reach, 0.3 + reach), abs=1e-4)
    assert group.win_rate == 0.6
    assert group.win_rate_interval == pytest.approx((0.330423, 0.820129), abs=1e-5)


def test_four_trades_are_too_few_for_an_interval_of_a_group() -> None:
    rows = [a_closed_trade(net) for net in (30, -20, 10, -10)]

    (group,) = groups(rows)["side"]

    assert (group.interval_r, group.trades) == (None, 4)


def test_the_largest_group_comes_first_and_hours_come_in_order() -> None:
    at = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    rows = [
        a_closed_trade(5, symbol=BTC, opened_at=at),
        a_closed_trade(-2, opened_at=at.replace(hour=4)),
        a_closed_trade(1, opened_at=at.replace(hour=4, minute=0)),
    ]

    found = groups(rows)

    assert [(group.name, group.net_pnl) for group in found["symbol"]] == [("SOL/USDT:USDT", -1), (BTC, 5)]
    assert [(group.name, group.trades) for group in found["hour"]] == [("04", 2), ("23", 1)]


def test_the_hour_is_that_of_the_entry_in_utc() -> None:
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    opened = datetime(2026, 3, 3, 1, 15, tzinfo=elsewhere)  # 19:45 UTC the day before

    (group,) = groups([a_closed_trade(1, opened_at=opened)])["hour"]

    assert group.name == "19"


def test_sides_and_exit_reasons_stand_by_their_own_names() -> None:
    rows = [
        a_closed_trade(3, side=Side.SHORT, exit_reason=ExitReason.TRAILING),
        a_closed_trade(-3, exit_reason=ExitReason.TIME),
    ]

    found = groups(rows)

    assert {group.name: group.net_pnl for group in found["side"]} == {"short": 3, "long": -3}
    assert {group.name for group in found["exit_reason"]} == {"trailing", "time"}


def test_a_trade_counts_for_each_adviser_who_agreed_and_once_for_each() -> None:
    rows = [
        a_closed_trade(6, advisers=("claude", "gpt")),
        a_closed_trade(-2, advisers=("gpt", "gpt")),
        a_closed_trade(1, origin="manual"),
        a_closed_trade(9, origin="adopted"),
        a_closed_trade(2),
    ]

    found = {group.name: (group.trades, group.net_pnl) for group in groups(rows)["adviser"]}

    assert found == {"claude": (1, 6), "gpt": (2, D(4)), "manual": (1, 1), "adopted": (1, 9), "rules": (1, 2)}


def test_without_trades_there_are_no_groups() -> None:
    assert set(groups([]).values()) == {()}
