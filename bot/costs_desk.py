"""What advisers cost: today, this month, and what a month at this pace would come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bot.book import SettingsBook
from core.adviser_views import CostsView
from core.journal import AccountState, AiFigures
from core.ports import Clock
from core.spending import Spending, SpendingJournal

PACE_DAYS = 7
MONTH_DAYS = 30
SECONDS_A_DAY = 86_400


class CostsJournal(SpendingJournal, Protocol):
    async def account_state(self, account: str) -> AccountState: ...

    async def ai_figures(self, since: datetime | None) -> AiFigures: ...


class CostsDesk:
    def __init__(
        self, journal: CostsJournal, clock: Clock, account: str, book: SettingsBook, prices: str
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._account = account
        self._book = book
        self._prices = prices

    async def view(self) -> CostsView:
        now = self._clock.now().astimezone(UTC)
        today, first = now.date(), now.date().replace(day=1)
        begin = min(first, today - timedelta(days=PACE_DAYS - 1))
        rows = await self._journal.spending(self._account, begin)
        state = await self._journal.account_state(self._account)
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
        return CostsView(
            budget=self._book.settings.ai_daily_budget_usd,
            today=tuple(row for row in rows if row.day == today),
            decisions=await self._journal.decision_costs(self._account, today),
            figures=await self._journal.ai_figures(midnight),
            month_usd=_sum(row for row in rows if row.day >= first),
            next_30d_usd=_pace(rows, now),
            capital=state.current_capital,
            prices=self._prices,
            at=now,
        )


def _pace(rows: Sequence[Spending], now: datetime) -> Decimal | None:
    """Of 30 days like those since the first of the last seven on which anything was spent."""
    since = now.date() - timedelta(days=PACE_DAYS - 1)
    recent = [row for row in rows if row.day >= since]
    if not recent:
        return None
    began = min(row.day for row in recent)
    return _sum(recent) / max(_days_since(began, now), Decimal(1)) * MONTH_DAYS


def _days_since(day: date, now: datetime) -> Decimal:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Decimal((now - midnight) // timedelta(seconds=1)) / SECONDS_A_DAY


def _sum(rows: Iterable[Spending]) -> Decimal:
    return sum((row.usd for row in rows), Decimal(0))
