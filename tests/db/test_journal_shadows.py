from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.errors import JournalError
from core.journal import ApprovalState, Shadow, ShadowGate
from core.market import Side
from core.trade import ExitReason
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import ETH, NOW, PAPER, a_plan, a_shadow, an_approval, later

WALKED = {"stop": 60000.0, "best": 66000.25, "is_trailing": 1.0, "open": float("inf")}


def walked_to(shadow: Shadow, minutes: float) -> Shadow:
    return replace(shadow, followed_until=later(minutes=minutes), walked=WALKED)


def ended(shadow: Shadow, minutes: float) -> Shadow:
    end = later(minutes=minutes)
    return replace(
        shadow,
        followed_until=end,
        ended_at=end,
        exit_reason=ExitReason.TRAILING,
        r_multiple=Decimal("-0.97213"),
    )


async def test_a_followed_idea_comes_back_whole_and_as_far_as_it_was_walked(journal: SqlJournal) -> None:
    shadow = a_shadow(plan=a_plan(notes=("für ÷",)))
    assert await journal.begin_shadow(shadow)
    assert await journal.open_shadows(PAPER) == (shadow,)

    await journal.walk_shadow(walked_to(shadow, 5))

    assert await journal.open_shadows(PAPER) == (walked_to(shadow, 5),)
    assert await journal.ended_shadows(PAPER) == ()
    assert await journal.open_shadows("live") == ()


async def test_an_idea_is_followed_once_whatever_became_of_it(journal: SqlJournal) -> None:
    await journal.begin_shadow(a_shadow())

    assert not await journal.begin_shadow(a_shadow(gate=ShadowGate.EXPIRED))
    await journal.walk_shadow(ended(a_shadow(), 5))
    assert not await journal.begin_shadow(a_shadow(gate=ShadowGate.EXPIRED))

    assert await journal.open_shadows(PAPER) == ()
    assert await journal.ended_shadows(PAPER) == (ended(a_shadow(), 5),)


async def test_of_one_symbol_and_side_one_idea_is_followed_at_a_time(journal: SqlJournal) -> None:
    await journal.begin_shadow(a_shadow())
    second = a_shadow(plan=a_plan(id="plan2"))

    assert not await journal.begin_shadow(second)
    assert await journal.begin_shadow(a_shadow(plan=a_plan(id="plan3", side=Side.SHORT)))
    assert await journal.begin_shadow(a_shadow(plan=a_plan(id="plan4", symbol=ETH)))
    assert await journal.begin_shadow(a_shadow(plan=a_plan(id="plan5"), account="live"))
    await journal.walk_shadow(ended(a_shadow(), 5))
    assert await journal.begin_shadow(second)

    assert {each.id for each in await journal.open_shadows(PAPER)} == {"plan2", "plan3", "plan4"}


async def test_an_idea_that_ended_cannot_be_walked_on(journal: SqlJournal) -> None:
    await journal.begin_shadow(a_shadow())
    await journal.walk_shadow(ended(a_shadow(), 5))

    with pytest.raises(JournalError, match="plan1 is not being followed"):
        await journal.walk_shadow(walked_to(a_shadow(), 6))
    with pytest.raises(JournalError, match="plan9 is not being followed"):
        await journal.walk_shadow(a_shadow(id="plan9"))
    with pytest.raises(JournalError, match="is not being followed"):
        await journal.walk_shadow(a_shadow(account="live"))

    assert await journal.ended_shadows(PAPER) == (ended(a_shadow(), 5),)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shadow_ideas SET r_multiple = '9'",
        "UPDATE shadow_ideas SET state = 'open', ended_at = NULL",
        "DELETE FROM shadow_ideas",
    ],
)
async def test_the_database_itself_refuses_to_change_an_ended_idea(
    journal: SqlJournal, database: Database, statement: str
) -> None:
    await journal.begin_shadow(a_shadow())
    await journal.walk_shadow(ended(a_shadow(), 5))

    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda connection: connection.execute(text(statement)))

    assert await journal.ended_shadows(PAPER) == (ended(a_shadow(), 5),)


async def test_an_open_idea_cannot_be_deleted_and_cannot_have_an_end(
    journal: SqlJournal, database: Database
) -> None:
    await journal.begin_shadow(a_shadow())

    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda c: c.execute(text("DELETE FROM shadow_ideas")))
    with pytest.raises(JournalError, match="contradicts"):
        await database.write(lambda c: c.execute(text("UPDATE shadow_ideas SET state = 'ended'")))

    assert await rows(database, "SELECT state FROM shadow_ideas") == [{"state": "open"}]


async def test_ended_ideas_come_oldest_end_first_and_since_a_moment(journal: SqlJournal) -> None:
    for number, minutes in (("1", 30), ("2", 10), ("3", 20)):
        shadow = a_shadow(plan=a_plan(id=f"plan{number}"))
        await journal.begin_shadow(shadow)
        await journal.walk_shadow(ended(shadow, minutes))

    assert [each.id for each in await journal.ended_shadows(PAPER)] == ["plan2", "plan3", "plan1"]
    assert [each.id for each in await journal.ended_shadows(PAPER, later(minutes=20))] == ["plan3", "plan1"]


async def test_of_twenty_ideas_at_once_for_a_side_one_is_followed(open_more: Opener) -> None:
    journals = [await with_account(await open_more()) for _ in range(4)]

    begun = await asyncio.gather(
        *(journals[n % 4].begin_shadow(a_shadow(plan=a_plan(id=f"plan{n}"))) for n in range(20))
    )

    assert sum(begun) == 1
    assert len(await journals[0].open_shadows(PAPER)) == 1


async def test_cards_that_were_not_taken_come_in_the_order_they_ended(journal: SqlJournal) -> None:
    ends = {
        "card1": (ApprovalState.EXPIRED, 9),
        "card2": (ApprovalState.APPROVED, 2),
        "card3": (ApprovalState.REJECTED, 3),
        "card4": (ApprovalState.REQUOTED, 4),
        "card5": (ApprovalState.REFUSED, 5),
        "card6": (ApprovalState.REJECTED, 1),
    }
    for card, (state, minutes) in ends.items():
        await journal.propose(an_approval(id=card), [])
        await journal.settle_approval(card, state, "telegram:7", later(minutes=minutes), [], [])
    await journal.propose(an_approval(id="card7"), [])

    settled = await journal.settled_approvals(PAPER, later(minutes=3))

    assert [(each.id, each.state) for each in settled] == [
        ("card3", ApprovalState.REJECTED),
        ("card5", ApprovalState.REFUSED),
        ("card1", ApprovalState.EXPIRED),
    ]
    assert await journal.settled_approvals("live", NOW) == ()


async def test_a_bot_whose_lease_was_taken_over_follows_nothing_more(database: Database) -> None:
    old, new = await with_account(database), SqlJournal(database, lambda: NOW)
    old.fence("bot", await old.acquire_lease("bot", "host:1", NOW, ttl_s=30))
    await old.begin_shadow(a_shadow())
    new.fence("bot", await new.acquire_lease("bot", "host:2", later(seconds=31), ttl_s=30))

    for write in (
        lambda: old.begin_shadow(a_shadow(plan=a_plan(id="plan2", symbol=ETH))),
        lambda: old.walk_shadow(ended(a_shadow(), 5)),
    ):
        with pytest.raises(JournalError, match="another bot has taken over"):
            await write()

    assert await new.open_shadows(PAPER) == (a_shadow(),)
