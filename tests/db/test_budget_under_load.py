"""Five hundred decisions at once on a real database: never a cent above the cap, nearly all of it used."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.advice.budget import BudgetPurse
from core.errors import JournalError
from core.opinion import Purpose
from core.ports import AdviserCall
from db.journal import SqlJournal
from tests.db.conftest import Opener, with_account
from tests.db.samples import NOW, PAPER, a_call

CAP = Decimal("0.50")
DECISIONS, REQUESTS = 500, 2
WORST, LEAST, MOST = Decimal("0.008"), 0.0015, 0.004
"""A request sets aside several times what it comes to."""


class Clock:
    """Waits of virtual seconds, in which the database gets on with its work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class Provider:
    """Answers what the purse pays for; counts what was sent and what it came to."""

    def __init__(self, journal: SqlJournal, seed: int, cap: Decimal = CAP) -> None:
        self._journal = journal
        self._dice = random.Random(seed)
        self._numbers = itertools.count()
        self._name = f"p{seed}"
        self.purse = BudgetPurse(journal, Clock(), PAPER, lambda: cap)
        self.purse.watch(lambda: "")
        self.sent = 0
        self.billed = Decimal(0)

    async def decide(self, lost: bool = False) -> None:
        """One request after the other. `lost`: the process dies while they are under way."""
        for _ in range(REQUESTS):
            call = self._call()
            if await self.purse.reserve(call, WORST):
                return
            self.sent += 1
            if lost:
                self.billed += WORST  # as far as anybody can know
                return
            cost = Decimal(self._dice.uniform(LEAST, MOST)).quantize(Decimal("1e-10"))
            try:
                await self._journal.record_call(replace(call, cost_usd=cost))
            except JournalError:  # two writers kept colliding: what was set aside stays spent
                cost = WORST
            self.billed += cost

    def _call(self) -> AdviserCall:
        name = f"{self._name}-{next(self._numbers)}"
        return a_call(id=name, cost_usd=None, purpose=Purpose.ENTRY, decision_id=name)


async def total(journal: SqlJournal) -> Decimal:
    return sum((row.usd for row in await journal.spending(PAPER, NOW.date())), Decimal(0))


async def test_five_hundred_decisions_at_once_use_nearly_all_and_never_more(open_more: Opener) -> None:
    journal = await with_account(await open_more())
    provider = Provider(journal, 1)

    await asyncio.gather(*(provider.decide() for _ in range(DECISIONS)))

    assert provider.billed == await total(journal)
    assert CAP * Decimal("0.9") <= provider.billed <= CAP


async def test_a_restart_in_between_forgets_nothing_of_what_was_set_aside(open_more: Opener) -> None:
    cap = CAP / 5
    first = Provider(await with_account(await open_more()), 2, cap)
    await asyncio.gather(*(first.decide(lost=place % 5 == 0) for place in range(10)))
    again = SqlJournal(await open_more(), lambda: NOW)
    assert await total(again) == first.billed, "what was lost counts with the most it can cost"
    second = Provider(again, 3, cap)

    await asyncio.gather(*(second.decide() for _ in range(60)))

    assert second.sent
    assert first.billed + second.billed == await total(again)
    assert cap * Decimal("0.9") <= first.billed + second.billed <= cap


async def test_two_processes_at_once_share_the_cap(open_more: Opener) -> None:
    cap = CAP / 5
    one = Provider(await with_account(await open_more()), 4, cap)
    other = Provider(SqlJournal(await open_more(), lambda: NOW), 5, cap)
    await asyncio.gather(one.decide(lost=True), other.decide(lost=True))  # else one may take it all

    await asyncio.gather(*(p.decide() for _ in range(40) for p in (one, other)))

    assert one.sent
    assert other.sent
    assert cap * Decimal("0.9") <= one.billed + other.billed <= cap
