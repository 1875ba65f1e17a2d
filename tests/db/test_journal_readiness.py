from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.errors import JournalError
from core.journal import DayCount, Mode
from core.notice import NoticeKind
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import NOW, PAPER, a_notice, an_arming, later

DAY = date(2026, 3, 4)
BEFORE = DAY - timedelta(days=1)


async def test_counts_add_up_by_day_and_name(journal: SqlJournal) -> None:
    for day, name, count in (
        (DAY, "lost_database", 1),
        (DAY, "errors", 2),
        (DAY, "errors", 3),
        (BEFORE, "errors", 7),
        (BEFORE - timedelta(days=1), "errors", 9),
    ):
        await journal.count(PAPER, day, name, count)
    await journal.count("live", DAY, "errors", 100)

    assert await journal.counts(PAPER, BEFORE) == (
        DayCount(BEFORE, "errors", 7),
        DayCount(DAY, "errors", 5),
        DayCount(DAY, "lost_database", 1),
    )
    assert await journal.counts(PAPER, DAY + timedelta(days=1)) == ()


async def test_counts_of_several_at_once_are_all_there(open_more: Opener) -> None:
    journals = [await with_account(await open_more()) for _ in range(3)]

    await asyncio.gather(*(journals[n % 3].count(PAPER, DAY, "errors", 1) for n in range(12)))

    assert await journals[0].counts(PAPER, DAY) == (DayCount(DAY, "errors", 12),)


async def test_arming_is_recorded_with_its_notice_and_comes_back_whole(journal: SqlJournal) -> None:
    await journal.open_account("live", False, Decimal(50), Mode.WATCH, NOW)
    override = an_arming(unmet=("28 days of paper trading: 3", "profit factor 1.2: 0.9"))
    raised = an_arming(cap=Decimal("1E+3"), at=later(days=30))

    await journal.arm(override, [a_notice("armed")])
    await journal.arm(raised, [])

    assert await journal.armings("live") == (override, raised)
    assert await journal.armings(PAPER) == ()
    assert [pending.notice.key for pending in await journal.due_notices("live", 9)] == ["armed"]


@pytest.mark.parametrize("statement", ["UPDATE armings SET cap = '1'", "DELETE FROM armings"])
async def test_who_armed_live_trading_cannot_be_changed(
    journal: SqlJournal, database: Database, statement: str
) -> None:
    await journal.arm(an_arming(), [])

    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda connection: connection.execute(text(statement)))

    assert await journal.armings("live") == (an_arming(),)


async def test_an_arming_without_a_real_cap_is_refused(journal: SqlJournal, database: Database) -> None:
    with pytest.raises(JournalError, match="finite"):
        await journal.arm(an_arming(cap=Decimal("Infinity")), [a_notice("armed")])

    assert await journal.armings("live") == ()
    assert await rows(database, "SELECT * FROM outbox") == []


async def test_a_bot_whose_lease_was_taken_over_arms_nothing(database: Database) -> None:
    old, new = await with_account(database), SqlJournal(database, lambda: NOW)
    old.fence("bot", await old.acquire_lease("bot", "host:1", NOW, ttl_s=30))
    await new.acquire_lease("bot", "host:2", later(seconds=31), ttl_s=30)

    with pytest.raises(JournalError, match="another bot has taken over"):
        await old.arm(an_arming(), [])

    assert await new.armings("live") == ()


async def test_notices_of_a_kind_are_counted_by_account_and_time(journal: SqlJournal) -> None:
    """`tell` writes for the active account: paper."""
    await journal.tell([a_notice("one"), a_notice("two")])
    kind = a_notice("one").kind
    other = next(each for each in NoticeKind if each is not kind)

    assert await journal.times_told(PAPER, kind, NOW) == 2
    assert await journal.times_told(PAPER, kind, later(seconds=1)) == 0
    assert await journal.times_told(PAPER, other, NOW) == 0
    assert await journal.times_told("live", kind, NOW) == 0
