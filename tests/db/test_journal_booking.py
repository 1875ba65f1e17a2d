from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.errors import JournalError
from core.journal import DayFigures, Mode
from core.market import Side
from core.trade import ExitReason
from db.journal import SqlJournal
from db.journal_booking import FEW
from db.session import Database, InlineDatabase
from tests.db.conftest import rows, with_account
from tests.db.samples import (
    ETH,
    NOW,
    PAPER,
    a_closed_trade,
    a_fill,
    a_notice,
    a_payment,
    a_plan,
    a_position,
    a_trade,
    a_transfer,
    later,
)

DAY = date(2026, 3, 4)
OPENING = Decimal("1000.00")
VARIED = ("side", "exit_reason", "score", "regime", "mfe", "advisers", "notes")


async def test_a_booking_is_history_capital_day_and_notice_at_once(
    journal: SqlJournal, database: Database
) -> None:
    await journal.open_trade(a_trade(), a_plan(), None, "auto", [])
    await journal.show_positions(PAPER, [(a_trade(), a_position())], NOW)

    booked = await journal.book(a_closed_trade(), [a_fill()], [a_payment()], OPENING, [a_notice("closed")])

    assert booked
    assert await journal.closed_trades(PAPER) == (a_closed_trade(),)
    assert (await journal.account_state(PAPER)).current_capital == Decimal("1029.6545")
    assert await journal.days(PAPER) == (
        DayFigures(DAY, OPENING, Decimal("29.6545"), 1, 1, Decimal("0.335"), Decimal("-0.01")),
    )
    assert [p.notice.key for p in await journal.due_notices(PAPER, 9)] == ["closed"]
    assert await journal.open_trades(PAPER) == ()
    assert await rows(database, "SELECT * FROM active_position") == []


async def test_a_trade_is_booked_once(journal: SqlJournal) -> None:
    await journal.book(a_closed_trade(), [], [], OPENING, [])

    again = await journal.book(a_closed_trade(net_pnl=Decimal(5)), [a_fill()], [], OPENING, [a_notice()])

    assert again is False
    assert (await journal.account_state(PAPER)).current_capital == Decimal("1029.6545")
    assert len(await journal.closed_trades(PAPER)) == 1
    assert await journal.due_notices(PAPER, 9) == ()


async def test_fills_and_funding_are_imported_once_by_id(journal: SqlJournal, database: Database) -> None:
    fills = [a_fill(), a_fill(id="f2"), a_fill(symbol=ETH)]
    await journal.book(a_closed_trade(), fills, [a_payment()], OPENING, [])
    await journal.book(a_closed_trade(id="plan2"), fills, [a_payment()], OPENING, [])

    imported = await rows(database, "SELECT trade_id, id FROM fills ORDER BY symbol, id")

    assert imported == [{"trade_id": "plan1", "id": each} for each in ("f1", "f2", "f1")]
    assert len(await rows(database, "SELECT * FROM funding_payments")) == 1


async def test_a_booking_that_fails_leaves_nothing_behind(journal: SqlJournal, database: Database) -> None:
    broken = a_fill(price=Decimal("NaN"))

    with pytest.raises(JournalError, match="finite"):
        await journal.book(a_closed_trade(), [a_fill(), broken], [], OPENING, [a_notice()])

    assert await journal.closed_trades(PAPER) == ()
    assert await rows(database, "SELECT * FROM fills") == []
    assert await rows(database, "SELECT * FROM daily_performance") == []
    assert (await journal.account_state(PAPER)).current_capital == OPENING
    assert await journal.due_notices(PAPER, 9) == ()


async def test_an_account_that_was_never_opened_books_nothing(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="no account 'other'"):
        await journal.book(a_closed_trade(account="other"), [], [], OPENING, [])

    assert await journal.closed_trades("other") == ()


async def test_accounts_are_never_mixed(journal: SqlJournal, database: Database) -> None:
    await journal.open_account("live", False, Decimal("50"), Mode.WATCH, NOW)
    await journal.book(a_closed_trade(), [], [], OPENING, [])

    assert (await journal.account_state("live")).current_capital == Decimal(50)
    assert await journal.closed_trades("live") == ()
    assert await journal.days("live") == ()
    shown = await rows(database, "SELECT account, current_capital, initial_capital FROM trading_config")
    assert [(r["account"], str(r["current_capital"])) for r in shown] == [("live", "50.00")]


async def test_trading_config_shows_the_active_accounts_capital_in_plain_decimals(
    journal: SqlJournal, database: Database
) -> None:
    await journal.book(a_closed_trade(net_pnl=Decimal("1E+1")), [], [], OPENING, [])

    shown = await rows(database, "SELECT initial_capital, current_capital FROM trading_config")

    assert {name: str(value) for name, value in shown[0].items()} == {
        "initial_capital": "1000.00",
        "current_capital": "1010.00",
    }


async def test_losses_count_as_trades_and_not_as_wins(journal: SqlJournal) -> None:
    await journal.book(a_closed_trade(net_pnl=Decimal("-20.31")), [], [], OPENING, [])
    await journal.book(a_closed_trade(id="plan2", net_pnl=Decimal(0)), [], [], OPENING, [])

    (day,) = await journal.days(PAPER)

    assert (day.trades, day.wins, day.realised) == (2, 0, Decimal("-20.31"))


async def test_the_first_opening_equity_of_a_day_holds(journal: SqlJournal) -> None:
    assert await journal.day_opening_equity(PAPER, DAY, Decimal(0)) == 0
    assert await journal.day_opening_equity(PAPER, DAY, Decimal(990)) == 0
    assert await journal.day_opening_equity(PAPER, date(2026, 3, 5), Decimal(985)) == 985

    await journal.book(a_closed_trade(), [], [], Decimal(777), [])

    assert [day.opening_equity for day in await journal.days(PAPER)] == [0, 985]


async def test_a_trade_belongs_to_the_utc_day_it_closed_on(journal: SqlJournal) -> None:
    await journal.book(a_closed_trade(closed_at=later(hours=12)), [], [], OPENING, [])

    assert [day.day for day in await journal.days(PAPER)] == [date(2026, 3, 5)]


async def test_closed_trades_come_oldest_first_and_a_limit_keeps_the_newest(journal: SqlJournal) -> None:
    for number in (3, 1, 2):
        closed = a_closed_trade(id=f"plan{number}", closed_at=later(hours=number))
        await journal.book(closed, [], [], OPENING, [])

    assert [t.id for t in await journal.closed_trades(PAPER)] == ["plan1", "plan2", "plan3"]
    assert [t.id for t in await journal.closed_trades(PAPER, limit=2)] == ["plan2", "plan3"]
    assert [t.id for t in await journal.closed_trades(PAPER, since=later(hours=3))] == ["plan3"]


async def test_history_returns_every_field_and_the_notes_written_later(journal: SqlJournal) -> None:
    closed = a_closed_trade(
        side=Side.SHORT,
        exit_reason=ExitReason.LIQUIDATED,
        score=71.25,
        regime="ranging",
        mfe=Decimal("40.125"),
        mae=None,
        advisers=("claude", "gpt, „5“"),
        notes=("exit price estimated",),
    )
    await journal.book(closed, [], [], OPENING, [])

    assert await journal.add_note(PAPER, "plan1", "I should have waited", "telegram:7", NOW)

    (found,) = await journal.closed_trades(PAPER)
    assert found.notes == ("exit price estimated", "I should have waited")
    assert found == a_closed_trade(**{name: getattr(found, name) for name in VARIED})
    assert (found.side, found.exit_reason, found.mfe, found.advisers) == (
        Side.SHORT,
        ExitReason.LIQUIDATED,
        Decimal("40.125"),
        ("claude", "gpt, „5“"),
    )


async def test_every_trade_keeps_its_own_notes_however_many_are_asked_for(journal: SqlJournal) -> None:
    for number in range(FEW + 5):
        closed = a_closed_trade(id=f"plan{number}", closed_at=later(hours=number), notes=(f"note {number}",))
        await journal.book(closed, [], [], OPENING, [])

    every = await journal.closed_trades(PAPER)
    newest = await journal.closed_trades(PAPER, limit=2)

    assert [trade.notes for trade in every] == [(f"note {number}",) for number in range(FEW + 5)]
    assert newest == every[-2:]


async def test_a_note_needs_a_trade_of_the_account(journal: SqlJournal) -> None:
    await journal.book(a_closed_trade(), [], [], OPENING, [])

    assert not await journal.add_note(PAPER, "plan9", "text", "telegram:7", NOW)
    assert not await journal.add_note("live", "plan1", "text", "telegram:7", NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trade_history SET net_pnl = net_pnl",
        "DELETE FROM trade_history",
        "UPDATE fills SET price = price",
        "DELETE FROM fills",
        "DELETE FROM funding_payments",
        "UPDATE transfers SET amount = amount",
        "DELETE FROM transfers",
    ],
)
async def test_the_database_itself_refuses_to_change_history(
    journal: SqlJournal, database: Database, statement: str
) -> None:
    await journal.book(a_closed_trade(), [a_fill()], [a_payment()], OPENING, [])
    await journal.import_transfers(PAPER, [a_transfer()])

    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda connection: connection.execute(text(statement)))

    assert await journal.closed_trades(PAPER) == (a_closed_trade(),)


async def test_transfers_are_imported_once_by_their_id_in_each_account(journal: SqlJournal) -> None:
    await journal.open_account("live", False, Decimal("50"), Mode.WATCH, NOW)
    taken_out = a_transfer("out1", amount=Decimal("-99.123456789"), at=later(hours=-2))

    first = await journal.import_transfers(PAPER, [a_transfer(), taken_out])
    again = await journal.import_transfers(PAPER, [a_transfer(amount=Decimal(7)), a_transfer("in2")])

    assert (first, again) == (2, 1)
    assert await journal.transfers(PAPER) == (taken_out, a_transfer(), a_transfer("in2"))
    assert await journal.transfers(PAPER, NOW) == (a_transfer(), a_transfer("in2"))
    assert await journal.transfers("live") == ()
    assert await journal.import_transfers("live", [a_transfer()]) == 1
    assert await journal.import_transfers("live", []) == 0


async def test_a_transfer_of_no_number_and_one_of_no_account_are_refused(journal: SqlJournal) -> None:
    with pytest.raises(JournalError, match="finite"):
        await journal.import_transfers(PAPER, [a_transfer("in2"), a_transfer(amount=Decimal("NaN"))])
    with pytest.raises(JournalError, match="no account 'other'"):
        await journal.import_transfers("other", [a_transfer()])

    assert await journal.transfers(PAPER) == await journal.transfers("other") == ()


amounts = st.decimals(
    min_value=Decimal("-1e9"), max_value=Decimal("1e9"), allow_nan=False, allow_infinity=False, places=18
)


@settings(max_examples=30)
@given(profits=st.lists(amounts, min_size=1, max_size=6))
async def test_capital_is_what_was_put_in_plus_everything_booked_to_the_last_digit(
    profits: list[Decimal],
) -> None:
    database = InlineDatabase()
    journal = await with_account(database)
    for number, profit in enumerate(profits):
        await journal.book(a_closed_trade(id=f"plan{number}", net_pnl=profit), [], [], OPENING, [])

    state = await journal.account_state(PAPER)
    (day,) = await journal.days(PAPER)
    await database.close()

    realised = sum(map(Fraction, profits))
    assert Fraction(state.current_capital) == Fraction(OPENING) + realised
    assert Fraction(day.realised) == realised
