from __future__ import annotations

import asyncio

from core.journal import ButtonFate
from core.notice import NoticeKind
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import NOW, PAPER, a_button, a_notice, later


async def keys_due(journal: SqlJournal, limit: int = 99) -> list[str]:
    return [pending.notice.key for pending in await journal.due_notices(PAPER, limit)]


async def test_notices_are_due_in_the_order_they_were_told_and_each_key_once(journal: SqlJournal) -> None:
    await journal.tell([a_notice("b"), a_notice("a")])
    await journal.tell([a_notice("a", facts={"other": 1}), a_notice("c")])

    due = await journal.due_notices(PAPER, 2)

    assert await keys_due(journal) == ["b", "a", "c"]
    assert [pending.notice for pending in due] == [a_notice("b"), a_notice("a")]
    assert [(p.created_at, p.attempts, p.was_begun) for p in due] == [(NOW, 0, False)] * 2


async def test_a_notice_that_was_begun_says_so_until_it_ended(journal: SqlJournal) -> None:
    await journal.tell([a_notice()])
    (pending,) = await journal.due_notices(PAPER, 9)

    await journal.begin_notice(pending.id, NOW)
    (begun,) = await journal.due_notices(PAPER, 9)
    await journal.end_notice(pending.id, 4711, later(seconds=1))

    assert (begun.attempts, begun.was_begun) == (1, True)
    assert await keys_due(journal) == []
    assert await journal.message_of("n1") == 4711
    await journal.tell([a_notice()])
    assert await keys_due(journal) == [], "told is told"


async def test_a_notice_that_certainly_was_not_delivered_is_due_again(journal: SqlJournal) -> None:
    await journal.tell([a_notice()])
    (pending,) = await journal.due_notices(PAPER, 9)
    await journal.begin_notice(pending.id, NOW)

    await journal.postpone_notice(pending.id, "retry after 3 s")

    (again,) = await journal.due_notices(PAPER, 9)
    assert (again.attempts, again.was_begun) == (1, False)


async def test_a_notice_given_up_is_not_due_and_keeps_its_reason(
    journal: SqlJournal, database: Database
) -> None:
    await journal.tell([a_notice()])
    (pending,) = await journal.due_notices(PAPER, 9)

    await journal.end_notice(pending.id, None, NOW, "chat not found")

    assert await keys_due(journal) == []
    assert await journal.message_of("n1") is None
    assert await rows(database, "SELECT error FROM outbox") == [{"error": "chat not found"}]


async def test_a_trades_thread_starts_at_its_first_message(journal: SqlJournal) -> None:
    await journal.tell(
        [
            a_notice("changed", kind=NoticeKind.CHANGED),
            a_notice("sent", kind=NoticeKind.ENTRY_SENT),
            a_notice("opened", kind=NoticeKind.OPENED),
        ]
    )
    assert await journal.thread_message("plan1") is None
    for number, pending in enumerate(await journal.due_notices(PAPER, 9)):
        await journal.end_notice(pending.id, 100 + number, NOW)

    assert await journal.thread_message("plan1") == 101
    assert await journal.thread_message("plan2") is None


async def test_message_ids_and_users_of_telegram_need_more_than_32_bits(journal: SqlJournal) -> None:
    user = 7_123_456_789_012
    await journal.tell([a_notice()])
    (pending,) = await journal.due_notices(PAPER, 9)
    await journal.end_notice(pending.id, 2**40, NOW)
    await journal.offer_buttons([a_button(user_id=user)])

    assert await journal.message_of("n1") == 2**40
    assert (await journal.press_button("t1", user, NOW))[0] is ButtonFate.TAKEN
    assert await journal.is_new_update(2**40, NOW)


async def test_a_button_works_once_for_its_owner_before_it_expires(journal: SqlJournal) -> None:
    await journal.offer_buttons([a_button(), a_button("t2", user_id=0)])

    assert await journal.press_button("t9", 7, NOW) == (ButtonFate.UNKNOWN, None)
    assert await journal.press_button("t1", 8, NOW) == (ButtonFate.NOT_YOURS, None)
    assert await journal.press_button("t1", 7, later(minutes=5)) == (ButtonFate.EXPIRED, a_button())
    assert await journal.press_button("t1", 7, NOW) == (ButtonFate.TAKEN, a_button())
    assert await journal.press_button("t1", 7, NOW) == (ButtonFate.USED, a_button())
    assert (await journal.press_button("t2", 99, NOW))[0] is ButtonFate.TAKEN


async def test_buttons_of_a_group_are_used_up_together(journal: SqlJournal) -> None:
    group = [a_button(token, group="card1") for token in ("yes", "half", "no")]
    await journal.offer_buttons([*group, a_button("other", group="card2"), a_button("a"), a_button("b")])

    assert (await journal.press_button("half", 7, NOW))[0] is ButtonFate.TAKEN

    fates = [(await journal.press_button(token, 7, NOW))[0] for token in ("yes", "no", "other", "a", "b")]
    assert fates == [ButtonFate.USED, ButtonFate.USED] + [ButtonFate.TAKEN] * 3


async def test_of_twenty_taps_at_once_one_takes_the_button_and_its_group(open_more: Opener) -> None:
    journals = [await with_account(await open_more()) for _ in range(4)]
    await journals[0].offer_buttons([a_button(f"t{n}", group="card1") for n in range(2)])

    presses = await asyncio.gather(*(journals[n % 4].press_button(f"t{n % 2}", 7, NOW) for n in range(20)))

    fates = [fate for fate, _ in presses]
    assert (fates.count(ButtonFate.TAKEN), fates.count(ButtonFate.USED)) == (1, 19)


async def test_buttons_are_forgotten_a_month_after_they_expired(journal: SqlJournal) -> None:
    await journal.offer_buttons([a_button()])
    await journal.offer_buttons([a_button("young", expires_at=later(days=29))])
    assert (await journal.press_button("t1", 7, later(days=29)))[0] is ButtonFate.EXPIRED

    await journal.offer_buttons([a_button("new", expires_at=later(days=32))])

    assert await journal.press_button("t1", 7, later(days=32)) == (ButtonFate.UNKNOWN, None)


async def test_an_update_is_handled_once_and_remembered_for_two_days(
    journal: SqlJournal, database: Database
) -> None:
    assert await journal.is_new_update(5, NOW)
    assert not await journal.is_new_update(5, later(hours=47))
    assert await journal.is_new_update(6, later(hours=49))

    assert await rows(database, "SELECT update_id FROM updates_seen") == [{"update_id": 6}]


async def test_no_buttons_offered_changes_nothing(journal: SqlJournal, database: Database) -> None:
    await journal.offer_buttons([])

    assert await rows(database, "SELECT * FROM buttons") == []
