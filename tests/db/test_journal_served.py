"""Who answers for an adviser, kept per account, adviser and asked id together with what is told of it."""

from __future__ import annotations

from decimal import Decimal

from core.journal import Mode
from core.trading import notices
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import rows
from tests.db.samples import NOW, later


async def test_nobody_has_answered_at_first(journal: SqlJournal) -> None:
    assert await journal.served_model("gpt", "gpt-6-luna") is None


async def test_the_newest_holds_and_is_told_with_it_once(journal: SqlJournal, database: Database) -> None:
    told = [notices.system("adviser:gpt:served:a:b", "a → b")]
    await journal.remember_served("gpt", "gpt-6-luna", "a", NOW, ())
    await journal.remember_served("gpt", "gpt-6-luna", "b", later(hours=1), told)
    await journal.remember_served("gpt", "gpt-6-luna", "b", later(hours=2), told)

    assert await journal.served_model("gpt", "gpt-6-luna") == "b"
    assert [row["key"] for row in await rows(database, "SELECT key FROM outbox")] == [told[0].key]


async def test_another_id_adviser_or_account_has_its_own_memory(journal: SqlJournal) -> None:
    await journal.remember_served("gpt", "gpt-6-luna", "a", NOW, ())

    assert await journal.served_model("gpt", "gpt-6-sol") is None
    assert await journal.served_model("grok", "gpt-6-luna") is None
    await journal.open_account("live", False, Decimal(50), Mode.WATCH, NOW)
    assert await journal.served_model("gpt", "gpt-6-luna") is None
