"""What the desk reads out of the journal for /metrics and the periods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.reports import Reports
from core.desk import Period
from core.journal import AccountState, AiFigures, EquityPoint, Mode, Shadow
from core.trade import ClosedTrade
from tests.core.builders import NOW, PAPER, D, a_closed_trade, later
from tests.handlers.fake_desk import TestClock

SPENT = {None: "9.00", 7: "2.00", 30: "5.00"}


class FakeReportJournal:
    """An account of 40 days: 1000 deposited, 500 more on day 20, two trades."""

    def __init__(self) -> None:
        self.trades = [
            a_closed_trade(-20, id="old", closed_at=NOW - timedelta(days=35), advisers=("claude",)),
            a_closed_trade(50, id="new", closed_at=NOW - timedelta(days=2)),
        ]
        self.points = [self._point(day) for day in range(41)]

    def _point(self, day: int) -> EquityPoint:
        """-2 % on day 5, then 500 paid in on day 20, then 50 won on day 38."""
        earned = (-20 if day >= 5 else 0) + (50 if day >= 38 else 0)
        flows = 500 if day >= 20 else 0
        return EquityPoint(NOW - timedelta(days=40 - day), D(1000 + earned + flows), D(0), D(flows))

    async def account_state(self, account: str) -> AccountState:
        return AccountState(PAPER, True, D(1000), D(1530), False, "", Mode.AUTO, NOW - timedelta(days=40))

    async def closed_trades(
        self, account: str, since: datetime | None = None, limit: int | None = None
    ) -> tuple[ClosedTrade, ...]:
        return tuple(trade for trade in self.trades if since is None or trade.closed_at >= since)

    async def equity_curve(self, account: str, since: datetime | None = None) -> tuple[EquityPoint, ...]:
        return tuple(point for point in self.points if since is None or point.at >= since)

    async def ai_figures(self, since: datetime | None) -> AiFigures:
        days = None if since is None else (NOW - since).days
        return AiFigures(3, 1, Decimal(SPENT.get(days, "1.00")))

    async def approval_counts(self, account: str) -> Mapping[str, int]:
        return {"approved": 1}

    async def ended_shadows(self, account: str, since: datetime | None = None) -> tuple[Shadow, ...]:
        return ()

    async def open_shadows(self, account: str) -> tuple[Shadow, ...]:
        return ()


@pytest.fixture
def reports() -> Reports:
    journal: Any = FakeReportJournal()
    no_market: Any = None
    return Reports(journal, no_market, TestClock(NOW), PAPER)


async def test_a_deposit_is_in_no_ratio_of_the_metrics(reports: Reports) -> None:
    view = await reports.metrics()

    # the only fall is 20 of 1000; the 500 that came in are no rise
    assert view.all_time.max_drawdown == pytest.approx(0.02)
    # 980 of 1000, then 1530 of 1480: 0.98 · 1530 / 1480 in 41 days, over that fall
    growth = 0.98 * 1530 / 1480
    assert view.all_time.calmar == pytest.approx((growth ** (365 / 41) - 1) / 0.02)
    assert view.all_time.drawdown_days == pytest.approx(34.0)
    assert view.all_time.days == 41


async def test_each_period_pays_for_its_own_advisers(reports: Reports) -> None:
    view = await reports.metrics()

    assert (view.all_time.net_pnl, view.all_time.net_after_ai) == (30, 21)
    assert (view.last_30d.net_pnl, view.last_30d.net_after_ai) == (50, 45)
    assert (view.last_7d.ai_cost, view.last_7d.trades) == (2, 1)


async def test_a_period_begins_with_the_equity_it_found(reports: Reports) -> None:
    view = await reports.metrics()

    # 30 days ago 980 were there and 500 came in since; the worst of it was no fall at all
    assert view.last_30d.max_drawdown == 0.0
    assert view.last_7d.largest_loss_share is None


async def test_the_metrics_come_with_their_groups(reports: Reports) -> None:
    view = await reports.metrics()

    assert set(view.groups) == {"symbol", "side", "exit_reason", "hour", "adviser"}
    assert {group.name: group.net_pnl for group in view.groups["adviser"]} == {"claude": -20, "rules": 50}


async def test_a_month_shows_the_trades_of_that_month(reports: Reports) -> None:
    view = await reports.period(Period.MONTH)

    assert view.since == later(days=-1).replace(hour=0, minute=0)
    assert view.trades == ()
    assert view.performance.ai_cost == 1
