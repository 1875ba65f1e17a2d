"""The hash chain: an untouched journal is whole, and the first row that somebody touched is named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from core.journal import DecisionRecord
from core.ports import AdviserCall
from core.replay import ChainReport, Fault
from core.trading.chunks import cut, name_of, packed, text_piece
from core.trading.tape import TapeRecord
from db.chain import IDS_AT_ONCE, begin
from db.chain_walk import AT_ONCE
from db.journal import SqlJournal
from db.session import AsyncDatabase, Database
from tests.core.trading.test_chunks import window
from tests.db.conftest import Opener, rows
from tests.db.samples import NOW, PAPER

Forge = Callable[..., Awaitable[None]]
TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
OLD = IDS_AT_ONCE + 1
OLD_DECISIONS = (
    f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OLD})"
    " INSERT INTO decisions (id, account, symbol, at, gate, reasons, stance, facts)"
    " SELECT 'old-' || i, 'paper', 'SOL/USDT:USDT', calls.at, 'flags', '[]', 'hold', '{}' FROM n"
    " JOIN (SELECT min(at) AS at FROM adviser_calls) AS calls ON true"
)


def a_call(name: str = "call-1", **fields: object) -> AdviserCall:
    made = AdviserCall(
        id=name, adviser="claude", model_asked="model-1", symbol="SOL/USDT:USDT", question_key="k",
        request="{}", at=NOW, raw='{"content": "long"}', status=200, cost_usd=Decimal("0.0010"),
        latency_s=1.25,
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def a_tape(first_bar: int) -> TapeRecord:
    listed, pieces = cut(window(first_bar, 70))
    contents = [listed, *pieces, text_piece('{"rules":1}')]
    named = {name_of(content): content for content in contents}
    outer = [name_of(listed), name_of(contents[-1])]
    body = '{"pieces":["' + '","'.join(outer) + '"]}'
    return TapeRecord(packed(body.encode()), {name: packed(content) for name, content in named.items()})


def a_decision(number: int, account: str = PAPER) -> DecisionRecord:
    return DecisionRecord(
        id=f"decision-{number:04}", account=account, scan_id=None, symbol="SOL/USDT:USDT", at=NOW,
        gate="cleared", reasons=("why",), score=61.5, stance="long", facts={"features": {"rsi": 31.25}},
        tape=a_tape(1_000_000 + number),
    )  # fmt: skip


async def written(journal: SqlJournal, decisions: int = 3) -> None:
    await journal.record_call(a_call())
    await journal.record_call(a_call("call-2", raw=None, status=None, error="timeout: none"))
    await journal.record_decisions([a_decision(number) for number in range(decisions)], None)


@pytest.fixture
def forge(database: Database) -> Forge:
    """Somebody with the database's own rights and some SQL."""

    async def done(statement: str, *tables: str) -> None:
        is_server = isinstance(database, AsyncDatabase) and database.address.path is None
        names = [] if is_server else [row["name"] for row in await rows(database, TRIGGERS)]
        locks = [f"ALTER TABLE {table} {{}} TRIGGER USER" for table in tables] if is_server else []
        kept = await rows(database, "SELECT sql FROM sqlite_master WHERE type = 'trigger'") if names else []
        steps = [
            *(lock.format("DISABLE") for lock in locks),
            *(f"DROP TRIGGER {name}" for name in names),
            statement,
            *(row["sql"] for row in kept),
            *(lock.format("ENABLE") for lock in locks),
        ]

        def work(connection: object) -> None:
            for step in steps:
                connection.execute(text(step))  # type: ignore[attr-defined]

        await database.write(work)

    return done


async def fault_of(journal: SqlJournal) -> Fault:
    report = await journal.verify_chain()
    assert report.fault is not None
    return report.fault


async def test_an_untouched_journal_is_whole(journal: SqlJournal) -> None:
    await written(journal)

    report = await journal.verify_chain()

    assert (report.fault, report.links, report.unchained, report.waiting) == (None, 8, 0, 0)
    assert report.heads is not None and len(report.heads[PAPER]) == 64


async def test_what_was_recorded_before_the_chain_is_counted_once_and_by_one_question_a_table(
    database: Database, journal: SqlJournal, forge: Forge
) -> None:
    await written(journal, decisions=0)
    await forge(OLD_DECISIONS)
    asked: list[str] = []

    def ask(*call: Any) -> None:
        asked.append(call[2])

    def begun(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", ask)
        begin(connection, PAPER)
        event.remove(connection, "before_cursor_execute", ask)

    await forge("DELETE FROM chain_heads", "chain_heads")
    await forge("DELETE FROM journal_chain", "journal_chain")
    await database.write(begun)
    await journal.begin_chain(PAPER)
    report = await journal.verify_chain()

    assert (report.fault, report.links, report.unchained) == (None, 0, OLD + 2)
    assert sum("FROM decisions" in statement for statement in asked) == 1


async def test_a_journal_without_anything_is_whole(journal: SqlJournal) -> None:
    assert await journal.verify_chain() == ChainReport(heads={})


@pytest.mark.parametrize(
    ("statement", "table", "named"),
    [
        ("UPDATE adviser_calls SET raw = 'changed' WHERE id = 'call-1'", "adviser_calls", "call-1"),
        ("UPDATE adviser_calls SET cost_usd = '0.001' WHERE id = 'call-1'", "adviser_calls", "call-1"),
        ("UPDATE adviser_calls SET error = 'timeout: ten' WHERE id = 'call-2'", "adviser_calls", "call-2"),
        ("DELETE FROM adviser_calls WHERE id = 'call-2'", "adviser_calls", "call-2"),
        ("UPDATE decisions SET score = 61.6 WHERE id = 'decision-0001'", "decisions", "decision-0001"),
        ("DELETE FROM decisions WHERE id = 'decision-0002'", "decisions", "decision-0002"),
        ("UPDATE decisions SET facts = '{}' WHERE id = 'decision-0000'", "decisions", "decision-0000"),
        ("DELETE FROM decision_tapes WHERE decision_id = 'decision-0001'",
         "decision_tapes", "decision-0001"),
        ("UPDATE decision_tapes SET body = (SELECT body FROM decision_tapes WHERE"
         " decision_id = 'decision-0000') WHERE decision_id = 'decision-0002'",
         "decision_tapes", "decision-0002"),
        ("UPDATE decisions SET facts = CASE id WHEN 'decision-0001' THEN '1' ELSE '2' END"
         " WHERE id <> 'decision-0000'", "decisions", "decision-0001"),
        ("DELETE FROM journal_chain WHERE number = 3", "journal_chain", f"{PAPER} 3"),
        ("DELETE FROM journal_chain WHERE number = 8", "journal_chain", f"{PAPER} 8"),
        ("UPDATE journal_chain SET row_id = 'call-3' WHERE number = 2", "journal_chain", f"{PAPER} 2"),
        ("UPDATE journal_chain SET number = CASE number WHEN 40 THEN 5 ELSE 40 END WHERE number IN (4, 40)",
         "journal_chain", f"{PAPER} 4"),
        ("DELETE FROM chain_heads", "chain_heads", PAPER),
    ],
)  # fmt: skip
async def test_the_first_row_that_was_touched_is_named(
    journal: SqlJournal, forge: Forge, statement: str, table: str, named: str
) -> None:
    await written(journal)

    await forge(statement, table)

    fault = await fault_of(journal)
    assert (fault.table, fault.row) == (table, named)


async def test_a_row_that_the_bot_did_not_write_is_named(journal: SqlJournal, forge: Forge) -> None:
    await written(journal)

    await forge(
        "INSERT INTO decisions (id, account, symbol, at, gate, reasons, stance, facts) "
        "SELECT 'foreign', account, symbol, at, gate, reasons, stance, facts FROM decisions LIMIT 1",
        "decisions",
    )

    assert await fault_of(journal) == Fault(
        "decisions", "foreign", "no link of the chain names it: it was not written by the bot"
    )


async def test_a_changed_or_missing_piece_is_named(journal: SqlJournal, forge: Forge) -> None:
    await written(journal)

    await forge(
        "UPDATE tape_pieces SET body = (SELECT body FROM tape_pieces ORDER BY digest LIMIT 1)"
        " WHERE digest = (SELECT digest FROM tape_pieces ORDER BY digest DESC LIMIT 1)",
        "tape_pieces",
    )
    changed = await fault_of(journal)
    await forge("DELETE FROM tape_pieces", "tape_pieces")
    missing = await fault_of(journal)

    assert (changed.table, changed.what) == ("tape_pieces", "its content is not what was recorded")
    assert missing.table == "tape_pieces" and "names it" in missing.what


async def test_rows_from_before_the_chain_are_counted_and_only_their_loss_is_named(
    journal: SqlJournal, forge: Forge
) -> None:
    await written(journal)
    await forge("DELETE FROM decision_tapes", "decision_tapes")
    await forge("DELETE FROM journal_chain", "journal_chain")
    await forge("DELETE FROM chain_heads", "chain_heads")
    await journal.record_decisions([a_decision(77)], None)

    before = await journal.verify_chain()
    await forge("DELETE FROM decisions WHERE id = 'decision-0001'", "decisions")
    after = await fault_of(journal)

    assert (before.fault, before.unchained, before.links) == (None, 5, 2)
    assert "of 5 rows recorded before the chain began, 4 are there" in after.what


async def test_an_answer_that_comes_after_its_error_is_one_more_link(journal: SqlJournal) -> None:
    await journal.record_call(a_call(raw=None, status=None, error="timeout: none"))
    await journal.record_call(a_call())

    report = await journal.verify_chain()

    assert (report.fault, report.links) == (None, 2)


async def test_a_request_without_an_answer_waits_outside_the_chain(journal: SqlJournal) -> None:
    await journal.record_call(a_call(raw=None, status=None))

    report = await journal.verify_chain()

    assert (report.fault, report.links, report.waiting) == (None, 0, 1)


async def test_a_decision_recorded_twice_is_chained_once(journal: SqlJournal) -> None:
    await written(journal)
    await written(journal)

    report = await journal.verify_chain()

    assert (report.fault, report.links) == (None, 8)


async def test_more_than_one_page_is_walked(journal: SqlJournal, forge: Forge) -> None:
    many = [replace(a_decision(number), tape=None) for number in range(2 * AT_ONCE + 3)]
    await journal.record_decisions(many, None)

    whole = await journal.verify_chain()
    last = f"decision-{2 * AT_ONCE + 2:04}"
    await forge(f"UPDATE decisions SET stance = 'short' WHERE id = '{last}'", "decisions")

    assert (whole.fault, whole.links) == (None, 2 * AT_ONCE + 3)
    assert (await fault_of(journal)).row == last


async def test_two_writers_never_fork_the_chain(server_database: AsyncDatabase, open_more: Opener) -> None:
    one = SqlJournal(server_database, lambda: NOW)
    other = SqlJournal(await open_more(), lambda: NOW)

    await asyncio.gather(
        *(
            journal.record_decisions([a_decision(2 * number + turn)], None)
            for number in range(12)
            for turn, journal in enumerate((one, other))
        )
    )

    report = await one.verify_chain()
    assert (report.fault, report.links) == (None, 48)
