from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import JournalError
from core.journal import AccountState, ApprovalState, Mode
from core.notice import Notice, NoticeKind
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import (
    ETH,
    NOW,
    PAPER,
    a_breaker,
    a_notice,
    a_plan,
    a_trade,
    an_approval,
    an_intention,
    later,
)

PAUSED = Notice(NoticeKind.SYSTEM, "paused", {"text": "paused"})


async def test_an_account_is_created_once_and_then_only_made_active(
    journal: SqlJournal, database: Database
) -> None:
    await journal.open_account("live", False, Decimal(50), Mode.AUTO, NOW)

    state = await journal.open_account(PAPER, True, Decimal(9999), Mode.AUTO, later(days=1))

    assert state == AccountState(PAPER, True, Decimal(1000), Decimal(1000), False, "", Mode.SEMI_AUTO, NOW)
    shown = await rows(database, "SELECT id, account, mode FROM trading_config")
    assert shown == [{"id": 1, "account": PAPER, "mode": "semi_auto"}]


async def test_pause_and_mode_outlive_a_restart_and_show_in_trading_config(
    journal: SqlJournal, database: Database
) -> None:
    await journal.set_paused(PAPER, True, "telegram:7", NOW, [PAUSED])
    await journal.set_mode(PAPER, Mode.WATCH, "telegram:7", NOW)

    state = await SqlJournal(database, lambda: NOW).account_state(PAPER)

    assert (state.is_paused, state.paused_by, state.mode) == (True, "telegram:7", Mode.WATCH)
    shown = await rows(database, "SELECT mode, is_trading_enabled FROM trading_config")
    assert [(row["mode"], bool(row["is_trading_enabled"])) for row in shown] == [("watch", False)]
    assert [pending.notice for pending in await journal.due_notices(PAPER, 9)] == [PAUSED]


async def test_an_inactive_account_does_not_change_trading_config(
    journal: SqlJournal, database: Database
) -> None:
    await journal.open_account("live", False, Decimal(50), Mode.WATCH, NOW)

    await journal.set_mode(PAPER, Mode.AUTO, "telegram:7", NOW)

    assert await rows(database, "SELECT account, mode FROM trading_config") == [
        {"account": "live", "mode": "watch"}
    ]


async def test_an_unknown_account_is_an_error_and_not_an_empty_one(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="no account 'live'"):
        await journal.account_state("live")
    with pytest.raises(JournalError, match="no account 'live'"):
        await journal.set_paused("live", True, "x", NOW, [PAUSED])

    assert await journal.due_notices(PAPER, 9) == ()


async def test_an_approval_comes_back_whole(journal: SqlJournal) -> None:
    approval = an_approval(requote_of="card0")

    assert await journal.propose(approval, [a_notice()])

    assert await journal.approval("card1") == approval
    assert await journal.open_approvals(PAPER) == (approval,)
    assert await journal.approval("card9") is None


async def test_a_symbol_has_one_open_or_claimed_card(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])
    second = an_approval(id="card2")

    assert not await journal.propose(second, [a_notice()])
    await journal.claim_approval("card1", "telegram:7", NOW)
    assert not await journal.propose(second, [a_notice()])
    assert await journal.propose(an_approval(id="card3", plan=a_plan(symbol=ETH)), [])
    await journal.settle_approval("card1", ApprovalState.REJECTED, "telegram:7", NOW, [], [])
    assert await journal.propose(second, [])

    assert await journal.due_notices(PAPER, 9) == ()


async def test_a_claimed_card_keeps_its_place_and_is_claimed_by_nobody_else(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])

    claimed = await journal.claim_approval("card1", "telegram:7", NOW)
    again = await journal.claim_approval("card1", "telegram:7", NOW)

    assert claimed == an_approval(state=ApprovalState.CLAIMED)
    assert again is None
    assert await journal.open_approvals(PAPER) == (claimed,)


async def test_a_card_that_is_over_cannot_be_claimed(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])

    assert await journal.claim_approval("card1", "telegram:7", later(minutes=5)) is None
    assert await journal.claim_approval("card9", "telegram:7", NOW) is None
    assert await journal.claim_approval("card1", "telegram:7", later(minutes=4, seconds=59)) is not None


async def test_a_card_is_settled_once(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])

    first = await journal.settle_approval(
        "card1", ApprovalState.REFUSED, "rule", NOW, ["price drifted 0.7 %"], [a_notice("closed")]
    )
    second = await journal.settle_approval(
        "card1", ApprovalState.EXPIRED, "rule", later(minutes=6), [], [a_notice("expired")]
    )

    approval = await journal.approval("card1")
    assert (first, second) == (True, False)
    assert approval == an_approval(
        state=ApprovalState.REFUSED, settled_at=NOW, settled_by="rule", reasons=("price drifted 0.7 %",)
    )
    assert [pending.notice.key for pending in await journal.due_notices(PAPER, 9)] == ["closed"]
    assert await journal.approval_counts(PAPER) == {"refused": 1}


async def test_a_card_is_settled_into_a_final_state_only(journal: SqlJournal) -> None:
    with pytest.raises(ValueError, match="does not settle"):
        await journal.settle_approval("card1", ApprovalState.CLAIMED, "x", NOW, [], [])


async def test_of_twenty_taps_at_once_on_four_bots_one_gets_the_card(open_more: Opener) -> None:
    journals = [await with_account(await open_more()) for _ in range(4)]
    await journals[0].propose(an_approval(), [])

    claims = await asyncio.gather(
        *(journal.claim_approval("card1", f"tap {n}", NOW) for n in range(5) for journal in journals)
    )

    assert len([claim for claim in claims if claim is not None]) == 1


async def test_of_twenty_ideas_at_once_for_a_symbol_one_becomes_a_card_and_one_a_trade(
    open_more: Opener,
) -> None:
    journals = [await with_account(await open_more()) for _ in range(4)]

    proposed = await asyncio.gather(
        *(journals[n % 4].propose(an_approval(id=f"card{n}"), [a_notice(f"n{n}")]) for n in range(20))
    )
    opened = await asyncio.gather(
        *(
            journals[n % 4].open_trade(a_trade(id=f"plan{n}"), a_plan(id=f"plan{n}"), None, "auto", [])
            for n in range(20)
        )
    )

    assert (sum(proposed), sum(opened)) == (1, 1)
    assert len(await journals[0].open_approvals(PAPER)) == 1
    assert len(await journals[0].due_notices(PAPER, 99)) == 1


async def test_a_breaker_is_open_once_until_it_is_resolved(journal: SqlJournal) -> None:
    assert await journal.trip_breaker(a_breaker(), [a_notice("tripped")])
    assert not await journal.trip_breaker(a_breaker(value="0.13"), [a_notice("again")])
    assert await journal.trip_breaker(a_breaker(account="live"), [])

    (event,) = await journal.open_breakers(PAPER)
    assert replace(event, id=0) == a_breaker()
    assert [pending.notice.key for pending in await journal.due_notices(PAPER, 9)] == ["tripped"]


async def test_a_resolved_breaker_is_history_and_can_trip_again(journal: SqlJournal) -> None:
    await journal.trip_breaker(a_breaker(), [])

    assert await journal.resolve_breaker(PAPER, "daily_loss", "telegram:7", later(hours=1), [a_notice()])
    assert not await journal.resolve_breaker(PAPER, "daily_loss", "telegram:7", later(hours=2), [])
    assert await journal.trip_breaker(a_breaker(created_at=later(hours=3)), [])
    await journal.resolve_breaker(PAPER, "daily_loss", "midnight", later(hours=4), [])

    last = await journal.last_resolved(PAPER, "daily_loss")
    assert last is not None
    assert (last.resolved_at, last.resolved_by) == (later(hours=4), "midnight")
    assert await journal.open_breakers(PAPER) == ()
    assert await journal.last_resolved(PAPER, "drawdown") is None


async def test_an_acknowledgement_keeps_who_why_and_when(journal: SqlJournal) -> None:
    await journal.trip_breaker(a_breaker(), [])
    await journal.resolve_breaker(PAPER, "daily_loss", "telegram:7", later(hours=1), [], "it was the fee bug")
    await journal.trip_breaker(a_breaker(created_at=later(hours=2)), [])
    await journal.resolve_breaker(PAPER, "daily_loss", "rule", later(hours=3), [])

    newest, oldest = await journal.breaker_events(PAPER, 9)

    assert (oldest.resolved_by, oldest.reason, oldest.resolved_at) == (
        "telegram:7",
        "it was the fee bug",
        later(hours=1),
    )
    assert (newest.resolved_by, newest.reason) == ("rule", "")


async def test_breaker_events_open_and_resolved_come_newest_first_up_to_a_limit(journal: SqlJournal) -> None:
    for name in ("daily_loss", "drawdown", "stale_data"):
        await journal.trip_breaker(a_breaker(name=name), [])
    await journal.resolve_breaker(PAPER, "drawdown", "telegram:7", later(hours=1), [])
    await journal.trip_breaker(a_breaker(account="live"), [])

    events = await journal.breaker_events(PAPER, 9)

    assert [event.name for event in events] == ["stale_data", "drawdown", "daily_loss"]
    assert [event.resolved_at for event in events] == [None, later(hours=1), None]
    assert [event.name for event in await journal.breaker_events(PAPER, 1)] == ["stale_data"]
    assert await journal.breaker_events("other", 9) == ()


async def test_a_bot_whose_lease_was_taken_over_records_nothing_more(database: Database) -> None:
    old, new = await with_account(database), SqlJournal(database, lambda: NOW)
    old.fence("bot", await old.acquire_lease("bot", "host:1", NOW, ttl_s=30))
    await old.propose(an_approval(), [])
    await old.open_trade(a_trade(symbol=ETH), a_plan(symbol=ETH), None, "auto", [])

    new.fence("bot", await new.acquire_lease("bot", "host:2", later(seconds=31), ttl_s=30))

    for write in (
        lambda: old.intend(an_intention()),
        lambda: old.claim_approval("card1", "telegram:7", NOW),
        lambda: old.update_trade(a_trade(symbol=ETH)),
        lambda: old.tell([a_notice()]),
        lambda: old.trip_breaker(a_breaker(), []),
    ):
        with pytest.raises(JournalError, match=r"another bot has taken over .* at number 2, ours is 1"):
            await write()
    assert await old.intentions("plan1") == ()
    assert await new.claim_approval("card1", "telegram:7", NOW) is not None


async def test_notices_told_before_any_account_is_open_are_not_lost(database: Database) -> None:
    journal = SqlJournal(database, lambda: NOW)
    await journal.tell([PAUSED])

    await journal.open_account(PAPER, True, Decimal(100), Mode.WATCH, NOW)
    await journal.tell([a_notice()])

    assert [p.notice.key for p in await journal.due_notices(PAPER, 9)] == ["paused", "n1"]
    assert [p.notice.key for p in await journal.due_notices("live", 9)] == ["paused"]


async def test_symbols_are_free_in_text(journal: SqlJournal) -> None:
    nasty = "'; DROP TABLE trades; --"
    await journal.propose(an_approval(plan=a_plan(symbol=nasty, notes=(nasty,))), [])

    (approval,) = await journal.open_approvals(PAPER)

    assert (approval.plan.symbol, approval.plan.notes) == (nasty, (nasty,))
    assert await journal.open_trades(PAPER) == ()
