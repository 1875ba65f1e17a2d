from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.errors import AlreadyRunning, JournalError
from core.journal import AiFigures, SettingChange
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import NOW, PAPER, a_call, an_answer, later

DAY = date(2026, 3, 4)


async def test_a_second_bot_is_refused_and_told_who_runs(journal: SqlJournal) -> None:
    await journal.acquire_lease("bot", "host-a:12", NOW, ttl_s=30)

    with pytest.raises(AlreadyRunning, match=r"host-a:12 holds 'bot' until 2026-03-04 12:30:45 UTC"):
        await journal.acquire_lease("bot", "host-b:7", later(seconds=29), ttl_s=30)


async def test_every_holder_of_a_lease_gets_a_greater_number(journal: SqlJournal) -> None:
    first = await journal.acquire_lease("bot", "a", NOW, ttl_s=30)
    same_owner = await journal.acquire_lease("bot", "a", NOW, ttl_s=30)
    after_expiry = await journal.acquire_lease("bot", "b", later(seconds=30), ttl_s=30)
    await journal.release_lease("bot", "b")
    after_release = await journal.acquire_lease("bot", "c", later(seconds=31), ttl_s=30)
    other_name = await journal.acquire_lease("token", "z", NOW, ttl_s=30)

    assert [first, same_owner, after_expiry, after_release, other_name] == [1, 2, 3, 4, 1]


async def test_a_renewed_lease_holds_longer_and_a_lost_one_is_not_renewed(journal: SqlJournal) -> None:
    await journal.acquire_lease("bot", "a", NOW, ttl_s=30)

    assert await journal.renew_lease("bot", "a", later(seconds=20), ttl_s=30)
    with pytest.raises(AlreadyRunning):
        await journal.acquire_lease("bot", "b", later(seconds=49), ttl_s=30)
    await journal.acquire_lease("bot", "b", later(seconds=51), ttl_s=30)
    assert not await journal.renew_lease("bot", "a", later(seconds=52), ttl_s=30)

    await journal.release_lease("bot", "a")
    assert await journal.renew_lease("bot", "b", later(seconds=53), ttl_s=30)


async def test_a_bot_that_was_started_again_in_the_same_place_is_another_holder(database: Database) -> None:
    old, new = SqlJournal(database, lambda: NOW), SqlJournal(database, lambda: NOW)
    old.fence("bot", await old.acquire_lease("bot", "same place", NOW, ttl_s=30))
    assert await old.renew_lease("bot", "same place", later(seconds=5), ttl_s=30)

    new.fence("bot", await new.acquire_lease("bot", "same place", later(seconds=10), ttl_s=30))

    assert not await old.renew_lease("bot", "same place", later(seconds=11), ttl_s=30)
    await old.release_lease("bot", "same place")
    with pytest.raises(AlreadyRunning):
        await old.acquire_lease("bot", "elsewhere", later(seconds=12), ttl_s=30)
    assert await new.renew_lease("bot", "same place", later(seconds=13), ttl_s=30)


async def test_of_eight_bots_that_start_at_once_one_gets_the_lease(open_more: Opener) -> None:
    journals = [SqlJournal(await open_more(), lambda: NOW) for _ in range(4)]

    answers = await asyncio.gather(
        *(journals[n % 4].acquire_lease("bot", f"bot {n}", NOW, ttl_s=30) for n in range(8)),
        return_exceptions=True,
    )

    assert [answer for answer in answers if not isinstance(answer, AlreadyRunning)] == [1]


async def test_the_newest_change_of_each_setting_counts_and_all_are_kept(
    journal: SqlJournal, database: Database
) -> None:
    first = SettingChange("MAX_LEVERAGE", "5", "3", "telegram:7", NOW)
    second = SettingChange("MAX_LEVERAGE", "3", "4", "telegram:7", NOW)
    other = SettingChange("DECIDER", "ai", "rules", "telegram:7", NOW)
    for change in (first, other, second):
        await journal.record_setting(PAPER, change)
    await journal.record_setting("live", first)

    assert await journal.setting_changes(PAPER) == (other, second)
    assert await journal.setting_changes("live") == (first,)
    assert len(await rows(database, "SELECT * FROM setting_changes")) == 4


async def test_settings_and_the_text_beside_them_are_kept_together(journal: SqlJournal) -> None:
    changes = [SettingChange(name, "5", "3", "telegram:7", NOW) for name in ("MAX_LEVERAGE", "TARGETS")]

    await journal.record_settings(PAPER, changes, ("profile:paper", "how to go back"))

    assert await journal.setting_changes(PAPER) == tuple(changes)
    assert await journal.load("profile:paper") == "how to go back"


async def test_where_one_setting_cannot_be_kept_none_is_nor_the_text(journal: SqlJournal) -> None:
    good = SettingChange("MAX_LEVERAGE", "5", "3", "telegram:7", NOW)
    bad = replace(good, name="TARGETS", new=None)  # type: ignore[arg-type]
    await journal.save("profile:paper", "before")

    with pytest.raises(JournalError):
        await journal.record_settings(PAPER, [good, bad], ("profile:paper", "after"))

    assert await journal.setting_changes(PAPER) == ()
    assert await journal.load("profile:paper") == "before"


async def test_a_minute_counts_once_per_task_and_day(journal: SqlJournal) -> None:
    for seconds in (0, 10, 44, 45, 110, 44):
        await journal.beat(PAPER, "scanner", later(seconds=seconds))
    await journal.beat(PAPER, "guard", NOW)
    await journal.beat(PAPER, "scanner", later(days=1))

    assert await journal.beats(PAPER, DAY) == {
        (DAY, "guard"): 1,
        (DAY, "scanner"): 3,
        (date(2026, 3, 5), "scanner"): 1,
    }
    assert await journal.beats("live", DAY) == {}


async def test_a_console_request_is_answered_once_and_an_old_one_is_left_alone(journal: SqlJournal) -> None:
    old = await journal.ask_console("panic", NOW)
    new = await journal.ask_console("status", later(minutes=5))

    assert await journal.console_requests(later(minutes=1)) == ((new, "status"),)
    assert await journal.console_answer(new) is None
    await journal.answer_console(new, "scanning", later(minutes=5))
    assert await journal.console_requests(later(minutes=1)) == ()
    assert await journal.console_answer(new) == "scanning"
    assert await journal.console_answer(old) is None


async def test_a_blob_is_what_was_saved_last(journal: SqlJournal) -> None:
    assert await journal.load("paper venue") is None

    await journal.save("paper venue", "first")
    await journal.save("paper venue", "second “✓”")

    assert await journal.load("paper venue") == "second “✓”"


async def test_a_call_and_its_cost_are_recorded_exactly(journal: SqlJournal, database: Database) -> None:
    await journal.record_call(a_call())
    await journal.record_call(a_call(id="call2", adviser="gpt", cost_usd=None, raw=None, error="timeout"))

    assert await journal.ai_figures(None) == AiFigures(2, 0, Decimal("0.0003331801"))
    kept = await rows(database, "SELECT account, raw, cost_usd FROM adviser_calls ORDER BY id")
    assert (kept[0]["account"], kept[0]["raw"], str(kept[0]["cost_usd"])) == (
        PAPER,
        '{"stance":"long"}',
        "0.0003331801",
    )
    assert (kept[1]["raw"], kept[1]["cost_usd"]) == (None, None)


async def test_a_call_recorded_before_its_answer_is_completed_once(
    journal: SqlJournal, database: Database
) -> None:
    await journal.record_call(a_call(raw=None, status=None, cost_usd=None))
    await journal.record_call(a_call())
    await journal.record_call(a_call(raw="forged", cost_usd=Decimal(9)))

    assert await rows(database, "SELECT raw, status FROM adviser_calls") == [
        {"raw": '{"stance":"long"}', "status": 200}
    ]
    assert await journal.ai_figures(None) == AiFigures(1, 0, Decimal("0.0003331801"))


async def test_a_fresh_answer_is_a_counted_hit_and_a_stale_one_is_none(
    journal: SqlJournal, database: Database
) -> None:
    await journal.keep_answer(an_answer())

    assert await journal.cached_answer("q1", later(minutes=14)) == an_answer()
    assert await journal.cached_answer("q1", later(minutes=15)) is None
    assert await journal.cached_answer("q2", NOW) is None
    assert await journal.ai_figures(None) == AiFigures(0, 1, Decimal(0))
    assert await rows(database, "SELECT hits FROM ai_analysis_cache") == [{"hits": 1}]


async def test_keeping_an_answer_removes_what_has_expired(journal: SqlJournal, database: Database) -> None:
    await journal.keep_answer(an_answer())
    await journal.keep_answer(an_answer(key="q2", created_at=later(minutes=15), expires_at=later(minutes=30)))
    replaced = an_answer(key="q2", raw="newer", created_at=later(minutes=16), expires_at=later(minutes=30))
    await journal.keep_answer(replaced)

    assert await journal.cached_answer("q2", later(minutes=20)) == replaced
    assert await rows(database, "SELECT key FROM ai_analysis_cache") == [{"key": "q2"}]


async def test_figures_count_from_the_full_hour_asked_for(journal: SqlJournal) -> None:
    await journal.record_call(a_call())
    await journal.record_call(a_call(id="call2", at=later(hours=1)))

    assert (await journal.ai_figures(later(minutes=20))).calls == 2
    assert (await journal.ai_figures(later(minutes=30))).calls == 1
    assert (await journal.ai_figures(later(days=1))) == AiFigures()


async def test_many_answers_at_once_are_all_counted(open_more: Opener) -> None:
    journal = await with_account(await open_more())

    await asyncio.gather(*(journal.record_call(a_call(id=f"call{n}")) for n in range(60)))

    assert (await journal.ai_figures(None)).calls == 60
