from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import JournalError
from core.journal import ApprovalState, Mode
from core.notice import NoticeKind
from core.trade import ExitReason, IntentState, Opening, Purpose, Want
from db.journal import SqlJournal
from db.session import Database
from tests.db.conftest import rows
from tests.db.samples import (
    BTC,
    ETH,
    NOW,
    PAPER,
    a_closed_trade,
    a_notice,
    a_plan,
    a_position,
    a_trade,
    an_approval,
    an_intention,
    later,
)


async def test_an_opened_trade_comes_back_exactly_as_it_was_wanted(journal: SqlJournal) -> None:
    trade = a_trade(entry_reference=Decimal("0.000012345678901234567890"), best_mark=None)

    assert await journal.open_trade(trade, a_plan(), None, "auto", [a_notice()])

    assert await journal.open_trades(PAPER) == (trade,)
    assert [p.notice for p in await journal.due_notices(PAPER, 9)] == [a_notice()]


async def test_a_plan_opens_one_trade_however_often_it_is_asked(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])

    again = await journal.open_trade(a_trade(symbol=ETH), a_plan(), None, "auto", [a_notice()])

    assert again is False
    assert await journal.open_trades(PAPER) == (a_trade(),)
    assert await journal.due_notices(PAPER, 9) == ()


async def test_a_symbol_has_one_open_trade_in_each_account(journal: SqlJournal) -> None:
    await journal.open_account("live", False, Decimal(50), Mode.SEMI_AUTO, NOW)
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])

    assert not await journal.open_trade(a_trade(id="plan2"), a_plan(id="plan2"), None, "auto", [])
    assert await journal.open_trade(a_trade(id="plan3", symbol=ETH), a_plan(id="plan3"), None, "auto", [])
    assert await journal.open_trade(a_trade(id="plan4", account="live"), a_plan(id="plan4"), None, "auto", [])


async def test_an_adopted_trade_has_no_plan_and_comes_back_with_its_opening(journal: SqlJournal) -> None:
    opening = Opening(Decimal("0.30"), Decimal("61234.5678901234"), later(seconds=1))
    trade = a_trade(origin="adopted", opening=opening, targets=())

    assert await journal.open_trade(trade, None, None, "telegram:1", [a_notice()])
    assert not await journal.open_trade(a_trade(id="plan2"), a_plan(id="plan2"), None, "auto", [])

    assert await journal.open_trades(PAPER) == (trade,)


async def test_only_orders_that_were_intended_are_known(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    intention = an_intention()
    await journal.intend(intention)
    known = intention.request.client_id

    assert await journal.intended({known, "ppsomebodyelse"}) == {known}
    assert await journal.intended(()) == frozenset()


async def test_a_trade_settles_its_claimed_approval_in_the_same_step(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])
    await journal.claim_approval("card1", "telegram:7", NOW)

    opened = await journal.open_trade(a_trade(), a_plan(), "card1", "telegram:7", [])

    approval = await journal.approval("card1")
    assert opened
    assert approval is not None
    assert (approval.state, approval.settled_by, approval.settled_at) == (
        ApprovalState.APPROVED,
        "telegram:7",
        NOW,
    )


@pytest.mark.parametrize("settled", [None, ApprovalState.REJECTED, ApprovalState.EXPIRED])
async def test_no_trade_comes_of_an_approval_that_is_not_claimed(
    journal: SqlJournal, settled: ApprovalState | None
) -> None:
    await journal.propose(an_approval(), [])
    if settled is not None:
        await journal.settle_approval("card1", settled, "rule", NOW, [], [])

    opened = await journal.open_trade(a_trade(), a_plan(), "card1", "telegram:7", [a_notice()])

    assert opened is False
    assert await journal.open_trades(PAPER) == ()
    assert await journal.due_notices(PAPER, 9) == ()


async def test_a_claimed_approval_stays_claimed_when_its_symbol_is_taken(journal: SqlJournal) -> None:
    await journal.propose(an_approval(), [])
    await journal.claim_approval("card1", "telegram:7", NOW)
    await journal.open_trade(a_trade(id="other"), a_plan(id="other"), None, "auto", [])

    opened = await journal.open_trade(a_trade(), a_plan(), "card1", "telegram:7", [])

    approval = await journal.approval("card1")
    assert opened is False
    assert approval is not None
    assert approval.state is ApprovalState.CLAIMED


async def test_a_changed_trade_is_what_is_wanted_after_a_restart(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    changed = a_trade(want=Want.CLOSED, exit_reason=ExitReason.OWNER, worst_mark=Decimal("61234.5"))

    await journal.update_trade(changed, [a_notice("closing")])

    assert await journal.open_trades(PAPER) == (changed,)
    assert [p.notice.key for p in await journal.due_notices(PAPER, 9)] == ["closing"]


async def test_a_trade_that_is_not_open_cannot_be_changed(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="is not open"):
        await journal.update_trade(a_trade(), [a_notice()])

    assert await journal.due_notices(PAPER, 9) == ()


async def test_intentions_come_back_in_the_order_they_were_made(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    first = an_intention()
    second = an_intention(request=replace(first.request, client_id="ppA1"), purpose=Purpose.STOP)
    await journal.intend(first)
    await journal.intend(second, [a_notice(kind=NoticeKind.ENTRY_SENT)])

    await journal.settle_intention("ppE1", IntentState.DONE, "venue order 5")

    assert await journal.intentions("plan1") == (
        replace(first, state=IntentState.DONE, note="venue order 5"),
        second,
    )


async def test_a_client_id_is_intended_once(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    await journal.intend(an_intention())

    with pytest.raises(JournalError, match="intended before"):
        await journal.intend(an_intention(attempt=2), [a_notice()])

    assert await journal.intentions("plan1") == (an_intention(),)
    assert await journal.due_notices(PAPER, 9) == ()


async def test_nothing_is_intended_for_an_unknown_trade(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="no trade"):
        await journal.intend(an_intention())


async def test_an_order_that_was_never_intended_cannot_be_settled(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="never intended"):
        await journal.settle_intention("ppX", IntentState.DONE)


async def test_an_abandoned_trade_leaves_no_history_and_frees_its_symbol(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])

    await journal.abandon_trade(a_trade(), "entry refused", later(seconds=3), [a_notice("failed")])
    await journal.abandon_trade(a_trade(), "entry refused", later(seconds=4), [a_notice("failed")])

    assert await journal.open_trades(PAPER) == ()
    assert await journal.closed_trades(PAPER) == ()
    assert len(await journal.due_notices(PAPER, 9)) == 1
    assert await journal.open_trade(a_trade(id="plan2"), a_plan(id="plan2"), None, "auto", [])


async def test_only_entries_that_the_venue_refused_are_remembered_as_refused(journal: SqlJournal) -> None:
    ends = {BTC: IntentState.REFUSED, ETH: IntentState.DEAD}
    for symbol, state in ends.items():
        trade = a_trade(id=symbol[:3], symbol=symbol)
        await journal.open_trade(trade, a_plan(id=trade.id), None, "auto", [])
        request = replace(an_intention().request, client_id=f"{trade.id}-e", symbol=symbol)
        await journal.intend(an_intention(request=request, trade_id=trade.id))
        await journal.settle_intention(f"{trade.id}-e", state, "-2019")
        await journal.abandon_trade(trade, "-2019", later(minutes=3), [])

    assert await journal.refused_entries(PAPER, NOW) == {BTC: later(minutes=3)}
    assert await journal.refused_entries(PAPER, later(minutes=4)) == {}
    assert await journal.refused_entries("live", NOW) == {}


async def test_a_booked_trade_cannot_be_abandoned(journal: SqlJournal) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    await journal.book(a_closed_trade(), [], [], Decimal(1000), [])

    with pytest.raises(JournalError, match="can't be abandoned"):
        await journal.abandon_trade(a_trade(), "late", NOW, [])


async def test_active_position_shows_exactly_what_is_open(journal: SqlJournal, database: Database) -> None:
    await journal.show_positions(PAPER, [(a_trade(), a_position()), (a_trade(), a_position(symbol=ETH))], NOW)
    await journal.show_positions("live", [(a_trade(account="live"), a_position())], NOW)
    await journal.show_positions(PAPER, [(a_trade(), a_position(mark=Decimal("66000.5")))], later(minutes=1))

    found = await rows(database, "SELECT * FROM active_position WHERE account = 'paper'")

    assert len(found) == 1
    assert (found[0]["symbol"], str(found[0]["current_price"])) == (BTC, "66000.5")
    assert str(found[0]["stop_price"]) == "60000.0"
    assert len(await rows(database, "SELECT * FROM active_position")) == 2
    await journal.show_positions(PAPER, [], later(minutes=2))
    assert [row["account"] for row in await rows(database, "SELECT * FROM active_position")] == ["live"]
