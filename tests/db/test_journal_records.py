from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import insert, text

from core.errors import JournalError
from core.journal import EquityPoint
from db.journal import SqlJournal
from db.journal_records import CURVE_POINTS
from db.session import Database, InlineDatabase
from db.tables_trading import equity_points
from tests.db.conftest import with_account
from tests.db.samples import BTC, ETH, NOW, PAPER, a_decision, a_scan, a_transfer, later


def a_point(
    minutes: float, wallet: str, unrealised: str = "0", flows: str = "0", units: str = "1"
) -> EquityPoint:
    amounts = (Decimal(each) for each in (wallet, unrealised, flows, units))
    return EquityPoint(later(minutes=minutes), *amounts)


async def highest(journal: SqlJournal, since: datetime | None = None, account: str = PAPER) -> Decimal | None:
    """Its price of a unit."""
    point = await journal.highest_point(account, since)
    return None if point is None else point.unit_price


async def test_the_richest_point_counts_no_transfer_and_is_the_newest_of_equals(journal: SqlJournal) -> None:
    first, equal = a_point(0, "1000.1"), a_point(2, "9990.1", "10", flows="9000")
    poorer = a_point(3, "20000", flows="19000.5")
    for point in (first, a_point(1, "999"), equal, poorer):
        await journal.record_equity(PAPER, point)

    assert await journal.richest_point(PAPER, None) == equal
    assert await journal.richest_point(PAPER, later(minutes=3)) == poorer
    assert await journal.richest_point(PAPER, later(minutes=4)) is None


async def test_the_last_scan_comes_back_with_its_decisions(journal: SqlJournal) -> None:
    older = a_scan(id="scan0", started_at=later(minutes=-5))
    btc, eth = a_decision(), a_decision(id="decision2", symbol=ETH, score=None, gate="cleared")
    await journal.record_decisions([a_decision(id="decision0", scan_id="scan0")], older)
    await journal.record_decisions([eth, btc], a_scan())

    assert await journal.last_scan(PAPER) == (a_scan(), (btc, eth))
    assert await journal.last_scan("live") is None


async def test_the_last_decision_of_a_symbol_may_come_from_no_scan(journal: SqlJournal) -> None:
    await journal.record_decisions([a_decision()], a_scan())
    manual = a_decision(id="decision2", scan_id=None, at=later(minutes=1))
    await journal.record_decisions([manual], None)

    assert await journal.last_decision(PAPER, BTC) == manual
    assert await journal.last_decision(PAPER, ETH) is None
    assert await journal.decision("decision1") == a_decision()


async def test_the_last_decision_may_be_asked_for_by_its_gate(journal: SqlJournal) -> None:
    exit_opinion = a_decision(id="decision2", scan_id=None, gate="exit")
    await journal.record_decisions([exit_opinion, a_decision(at=later(minutes=1))], None)

    assert await journal.last_decision(PAPER, BTC, "exit") == exit_opinion
    assert await journal.last_decision(PAPER, BTC, "cleared") is None


async def test_a_decision_is_recorded_once_and_never_changed(journal: SqlJournal, database: Database) -> None:
    await journal.record_decisions([a_decision()], a_scan())
    await journal.record_decisions([a_decision(gate="forged")], a_scan(symbols=99))

    assert await journal.last_scan(PAPER) == (a_scan(), (a_decision(),))
    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda c: c.execute(text("UPDATE decisions SET gate = 'forged'")))


async def test_a_minute_keeps_its_newest_equity(journal: SqlJournal) -> None:
    await journal.record_equity(PAPER, a_point(0, "1000"))
    newest = a_point(0.5, "990", "-1.5", "-10.25", "0.98974999999999999999999999999999")
    await journal.record_equity(PAPER, newest)
    await journal.record_equity(PAPER, a_point(1, "995"))
    await journal.record_equity("live", a_point(1, "5"))

    assert await journal.equity_curve(PAPER) == (newest, a_point(1, "995"))


async def test_the_peak_is_the_highest_number_and_not_the_highest_text(journal: SqlJournal) -> None:
    assert await highest(journal) is None
    for minute, wallet in enumerate(("9.5", "1000.10", "999")):
        await journal.record_equity(PAPER, a_point(minute, wallet, "0.05"))

    assert await highest(journal) == Decimal("1000.15")
    assert await highest(journal, later(minutes=2)) == Decimal("999.05")
    assert await highest(journal, later(minutes=3)) is None


async def test_what_was_paid_in_is_no_peak_and_what_was_taken_out_is_no_fall(journal: SqlJournal) -> None:
    await journal.record_equity(PAPER, a_point(0, "1000"))
    await journal.record_equity(PAPER, a_point(1, "3000", "1.5", "2000", "3"))
    await journal.record_equity(PAPER, a_point(2, "500.125", "0", "-500", "0.5"))

    assert await highest(journal) == Decimal("1000.5")
    assert await highest(journal, later(minutes=2)) == Decimal("1000.25")


async def test_a_transfer_that_is_learned_of_late_does_not_stay_a_peak(journal: SqlJournal) -> None:
    await journal.record_equity(PAPER, a_point(1, "1000"))
    await journal.record_equity(PAPER, a_point(2, "1250.50", "-3"))
    await journal.record_equity(PAPER, a_point(3, "1150.25", "-4", "5"))
    await journal.record_equity("live", a_point(3, "9"))
    paid_in = a_transfer(at=later(minutes=1.5))
    taken_out = a_transfer("out1", amount=Decimal("-100.25"), at=later(minutes=2.9))
    before_it_was_opened = a_transfer("in0", at=NOW)

    await journal.import_transfers(PAPER, [paid_in, taken_out, before_it_was_opened])
    await journal.import_transfers(PAPER, [paid_in])

    assert [point.flows for point in await journal.equity_curve(PAPER)] == [
        Decimal(0),
        Decimal("250.50"),
        Decimal("155.25"),
    ]
    # 250.50 came to 1000; then 95.25 went, with the 5 that were known, and left 1146.25
    units = Decimal("1.2505") * Decimal("1146.25") / Decimal("1241.50")
    assert await highest(journal) == Decimal("1000")
    assert await highest(journal, later(minutes=2)) == Decimal("1247.50") / Decimal("1.2505")
    assert [point.units for point in await journal.equity_curve(PAPER)] == [1, Decimal("1.2505"), units]
    assert await highest(journal, account="live") == Decimal(9)


async def test_the_curve_since_a_moment_holds_that_moment(journal: SqlJournal) -> None:
    for minute in range(4):
        await journal.record_equity(PAPER, a_point(minute, str(minute)))

    curve = await journal.equity_curve(PAPER, later(minutes=2))

    assert [point.wallet for point in curve] == [2, 3]


async def test_a_long_curve_is_thinned_evenly_and_ends_with_the_newest() -> None:
    database = InlineDatabase()
    journal = await with_account(database)
    total = CURVE_POINTS * 2 + 1

    rows = [
        {"account": PAPER, "minute": later(minutes=minute), "at": later(minutes=minute), "unit_price": 0.0}
        | dict.fromkeys(("wallet", "unrealised", "equity", "flows"), Decimal(minute))
        for minute in range(total)
    ]
    await database.write(lambda connection: connection.execute(insert(equity_points), rows))
    curve = await journal.equity_curve(PAPER)
    await database.close()

    assert len(curve) <= CURVE_POINTS
    assert curve[-1].at == later(minutes=total - 1)
    assert {after.wallet - before.wallet for before, after in zip(curve, curve[1:], strict=False)} == {3}
    assert curve[0].at >= NOW
