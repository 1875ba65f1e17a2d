"""What a person may ask about the advisers: their record, what they cost, a decision played again."""

from __future__ import annotations

from typing import Protocol

from bot.book import SettingsBook
from bot.costs_desk import CostsDesk, CostsJournal
from bot.record_keeper import RecordKeeper
from bot.replay_desk import ReplayDesk
from core.adviser_views import CostsView, ModelsView, ReplayView
from core.ports import Clock


class AdviceJournal(CostsJournal, Protocol):
    """What the parts below read."""


class AdviceDesk:
    def __init__(
        self,
        journal: AdviceJournal,
        clock: Clock,
        account: str,
        book: SettingsBook,
        prices: str,
        record: RecordKeeper,
        replay: ReplayDesk,
    ) -> None:
        """`prices`: where the price table comes from, in words."""
        self._costs = CostsDesk(journal, clock, account, book, prices)
        self._journal = journal
        self._clock = clock
        self._account = account
        self._book = book
        self._record = record
        self._replay = replay

    async def models(self) -> ModelsView:
        return self._record.view()

    async def costs(self) -> CostsView:
        return await self._costs.view()

    async def replay(self, decision_id: str) -> ReplayView | None:
        return await self._replay.view(decision_id)
