"""The advisers' budget in the journal: set aside before, settled after, never above the cap."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import JournalError
from core.opinion import Purpose
from core.spending import DecisionCosts, Reservation, Room, Spending
from db.journal import SqlJournal
from db.session import Database, InlineDatabase
from tests.db.conftest import Opener, rows, with_account
from tests.db.samples import NOW, PAPER, a_call, later

CAP = Decimal("0.50")
TOMORROW = NOW + timedelta(days=1)


def wanted(call_id: str = "call1", worst: str = "0.002", **fields: Any) -> Reservation:
    made = {"adviser": "claude", "model": "model-a", "purpose": Purpose.ENTRY, "decision_id": "d1", "at": NOW}
    return Reservation(call_id=call_id, account=PAPER, worst_usd=Decimal(worst), **(made | fields))


async def spent(journal: SqlJournal) -> Decimal:
    return sum((row.usd for row in await journal.spending(PAPER, NOW.date())), Decimal(0))


async def test_what_would_pass_the_cap_is_refused_and_leaves_no_row(
    journal: SqlJournal, database: Database
) -> None:
    taken = await journal.reserve_spending(wanted("call1", "0.4999"), CAP)
    refused = await journal.reserve_spending(wanted("call2", "0.000100000001"), CAP)
    exact = await journal.reserve_spending(wanted("call3", "0.0001"), CAP)

    assert (taken.is_reserved, refused.is_reserved, exact.is_reserved) == (True, False, True)
    assert refused == Room(False, Decimal("0.0001"), Decimal("0.25"), open_usd=Decimal("0.4999"))
    kept = await rows(database, "SELECT call_id FROM ai_spending ORDER BY call_id")
    assert [row["call_id"] for row in kept] == ["call1", "call3"]


async def test_a_budget_of_nothing_lets_only_what_is_free_pass(journal: SqlJournal) -> None:
    assert not (await journal.reserve_spending(wanted(worst="0.000000000001"), Decimal(0))).is_reserved
    assert (await journal.reserve_spending(wanted(worst="0"), Decimal(0))).is_reserved


async def test_what_no_bill_came_for_is_a_cost_in_the_running_figures_too(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted("lost"), CAP)
    await journal.record_call(a_call(id="lost", raw=None, status=None, cost_usd=None, error="timeout: none"))
    lost = await journal.ai_figures(None)
    await journal.record_call(a_call(id="lost", cost_usd=Decimal("0.0003")))

    assert (lost.calls, lost.cost_usd) == (1, Decimal("0.002"))
    assert (await journal.ai_figures(None)).cost_usd == await spent(journal) == Decimal("0.0003")


async def test_a_bill_takes_the_place_of_what_was_set_aside(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted(), CAP)

    await journal.record_call(a_call(cost_usd=Decimal("0.0003331801")))

    assert await journal.spending(PAPER, NOW.date()) == (
        Spending(NOW.date(), "claude", Purpose.ENTRY, 1, Decimal("0.0003331801")),
    )
    assert (await journal.reserve_spending(wanted("call2"), CAP)).free_usd == CAP - Decimal("0.0003331801")


async def test_without_a_bill_what_was_set_aside_stays_spent(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted(), CAP)

    await journal.record_call(a_call(raw=None, status=None, cost_usd=None, error="timeout"))

    assert await spent(journal) == Decimal("0.002")
    refused = await journal.reserve_spending(wanted("call2", "0.4999"), CAP)
    assert refused.open_usd == 0, "nothing of it comes back"


async def test_a_request_that_was_refused_by_its_provider_cost_nothing(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted(), CAP)

    await journal.record_call(a_call(raw=None, status=429, cost_usd=None))

    assert await spent(journal) == 0


async def test_a_bill_above_its_reservation_is_counted_in_full_and_said(
    journal: SqlJournal, caplog: pytest.LogCaptureFixture
) -> None:
    await journal.reserve_spending(wanted(worst="0.001"), CAP)

    with caplog.at_level(logging.ERROR):
        await journal.record_call(a_call(cost_usd=Decimal("0.6")))

    assert await spent(journal) == Decimal("0.6")
    assert "bill above its reservation" in caplog.text
    assert not (await journal.reserve_spending(wanted("call2", "0.0001"), CAP)).is_reserved


async def test_a_bill_without_a_reservation_is_counted_too(journal: SqlJournal) -> None:
    await journal.record_call(a_call(cost_usd=Decimal("0.1")))

    assert (await journal.reserve_spending(wanted("call2"), CAP)).free_usd == Decimal("0.4")


async def test_an_answer_that_comes_after_its_call_was_given_up_settles_it(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted(), CAP)
    await journal.record_call(a_call(raw=None, status=None, cost_usd=None))

    await journal.record_call(a_call(cost_usd=Decimal("0.0004")))
    await journal.record_call(a_call(cost_usd=Decimal("0.0009")))

    assert await spent(journal) == Decimal("0.0004")


async def test_exits_take_at_most_half_of_the_budget(journal: SqlJournal) -> None:
    first = await journal.reserve_spending(wanted("call1", "0.25", purpose=Purpose.EXIT), CAP)
    more = await journal.reserve_spending(wanted("call2", "0.001", purpose=Purpose.EXIT), CAP)
    entry = await journal.reserve_spending(wanted("call3", "0.25"), CAP)

    assert (first.is_reserved, more.is_reserved, entry.is_reserved) == (True, False, True)
    assert more.exit_free_usd == 0


async def test_a_new_day_has_a_new_budget_and_a_late_bill_belongs_to_its_own(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted("call1", "0.5"), CAP)
    assert not (await journal.reserve_spending(wanted("call2"), CAP)).is_reserved

    assert (await journal.reserve_spending(wanted("call3", at=TOMORROW), CAP)).is_reserved
    await journal.record_call(a_call(at=NOW, cost_usd=Decimal("0.3")))

    assert [row.usd for row in await journal.spending(PAPER, NOW.date())] == [
        Decimal("0.3"),
        Decimal("0.002"),
    ]


async def test_one_call_is_reserved_once(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted(), CAP)

    with pytest.raises(ValueError, match="already"):
        await journal.reserve_spending(wanted(), CAP)

    assert await spent(journal) == Decimal("0.002")


async def test_what_a_dead_process_set_aside_is_not_waited_for(journal: SqlJournal) -> None:
    await journal.reserve_spending(wanted("call1", "0.4"), CAP)

    soon = await journal.reserve_spending(wanted("call2", "0.2", at=later(minutes=14)), CAP)
    later_on = await journal.reserve_spending(wanted("call2", "0.2", at=later(minutes=16)), CAP)

    assert (soon.open_usd, later_on.open_usd) == (Decimal("0.4"), Decimal(0))


async def test_decisions_are_summed_over_their_requests(journal: SqlJournal) -> None:
    assert await journal.decision_costs(PAPER, NOW.date()) == DecisionCosts(0, Decimal(0))
    for call_id, worst, decision in (("a", "0.1", "d1"), ("b", "0.2", "d1"), ("c", "0.05", "d2")):
        await journal.reserve_spending(wanted(call_id, worst, decision_id=decision), CAP)

    found = await journal.decision_costs(PAPER, NOW.date())

    assert found == DecisionCosts(2, Decimal("0.35"), "d1", Decimal("0.3"))
    assert found.mean_usd == Decimal("0.175")


async def test_another_account_has_its_own_budget_and_figures(journal: SqlJournal) -> None:
    from core.journal import Mode

    await journal.reserve_spending(wanted(worst="0.5"), CAP)
    await journal.record_call(a_call(cost_usd=Decimal("0.5")))
    await journal.open_account("live", False, Decimal(100), Mode.WATCH, NOW)

    other = Reservation("call2", "live", "gpt", "m", Purpose.ENTRY, "", NOW, Decimal("0.1"))

    assert (await journal.reserve_spending(other, CAP)).is_reserved
    assert (await journal.ai_figures(None)).calls == 0


async def test_a_broken_database_sets_nothing_aside(journal: SqlJournal, database: Database) -> None:
    if isinstance(database, InlineDatabase):
        pytest.skip("its connection belongs to the test's thread")
    await database.close()

    with pytest.raises(JournalError):
        await journal.reserve_spending(wanted(), CAP)


async def test_expired_answers_are_removed(journal: SqlJournal) -> None:
    from tests.db.samples import an_answer

    await journal.keep_answer(an_answer())

    assert await journal.forget_expired_answers(later(minutes=14)) == 0
    assert await journal.forget_expired_answers(later(minutes=15)) == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 300),  # worst, in 1e-3 USD
            st.one_of(st.none(), st.integers(0, 300)),  # bill
            st.booleans(),  # for an exit
        ),
        max_size=25,
    )
)
def test_no_order_of_requests_and_bills_passes_the_cap(steps: list[tuple[int, int | None, bool]]) -> None:
    """As long as no bill is above what was set aside for it."""
    asyncio.run(walk(steps))


async def walk(steps: list[tuple[int, int | None, bool]]) -> None:
    journal = await with_account(InlineDatabase())
    for place, (worst, bill, is_exit) in enumerate(steps):
        purpose = Purpose.EXIT if is_exit else Purpose.ENTRY
        one = wanted(f"c{place}", str(Decimal(worst) / 1000), purpose=purpose)
        room = await journal.reserve_spending(one, CAP)
        if room.is_reserved and bill is not None:
            cost = min(Decimal(bill) / 1000, one.worst_usd)
            await journal.record_call(a_call(id=one.call_id, cost_usd=cost, purpose=purpose))
        table = await journal.spending(PAPER, NOW.date())
        exits = sum((row.usd for row in table if row.purpose is Purpose.EXIT), Decimal(0))
        total = sum((row.usd for row in table), Decimal(0))
        assert total <= CAP
        assert exits <= CAP / 2
        peek = await journal.reserve_spending(wanted("peek", "9"), CAP)
        assert (CAP - peek.free_usd, CAP / 2 - peek.exit_free_usd) == (total, exits), (
            "the day's row is the sum"
        )


async def test_two_bots_on_one_database_share_one_budget(open_more: Opener) -> None:
    one, other = await with_account(await open_more()), SqlJournal(await open_more(), lambda: NOW)
    asked = [
        journal.reserve_spending(wanted(f"{name}{place}", "0.01"), CAP)
        for place in range(60)
        for name, journal in (("one", one), ("other", other))
    ]

    rooms = await asyncio.gather(*asked, return_exceptions=True)

    reserved = [room for room in rooms if isinstance(room, Room) and room.is_reserved]
    assert len(reserved) == 50
    assert await spent(one) == CAP
