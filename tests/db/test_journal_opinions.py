from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.adviser_record import End, Judgement, Resolution
from core.errors import JournalError
from core.opinion import Purpose, Role, Silence, Stance
from db.journal import SqlJournal
from db.session import Database
from tests.core.advice.witnesses import BEGIN, a_judgement
from tests.db.conftest import rows, with_account
from tests.db.samples import BTC, ETH, NOW, PAPER, a_call, a_decision, a_scan, later

ENDED = BEGIN + timedelta(hours=3)


def an_open(number: int = 1, **fields: object) -> Judgement:
    made = a_judgement(id=f"j{number}", bar=BEGIN + timedelta(minutes=15 * number))
    return replace(made, long_end=None, ended_at=None, **fields)  # type: ignore[arg-type]


async def record(journal: SqlJournal, *judgements: Judgement, decision: str = "decision1") -> None:
    await journal.record_decisions([a_decision(id=decision, judgements=judgements)], None)


async def everything(journal: SqlJournal) -> tuple[Judgement, ...]:
    return await journal.judgements(PAPER, BEGIN - timedelta(days=1), None, 100)


async def test_what_was_said_comes_back_whole(journal: SqlJournal) -> None:
    said = an_open(cost_usd=Decimal("0.000123456789"), role=Role.VETO, purpose=Purpose.EXIT, p=1 / 3)
    hold = an_open(2, stance=Stance.HOLD, p=None, stop_atr=None, target_atr=None, horizon_bars=None)

    await record(journal, said, hold)

    assert await everything(journal) == (hold, said)
    assert await journal.open_judgements(PAPER, 10) == (said, hold)
    assert await journal.open_judgements("live", 10) == ()


async def test_the_same_answer_is_recorded_once_whatever_asks_again(journal: SqlJournal) -> None:
    await record(journal, an_open())
    await record(journal, an_open(decision_id="decision2", is_cached=True), decision="decision2")

    assert await everything(journal) == (an_open(),)


async def test_a_decision_that_was_recorded_before_brings_no_judgements(journal: SqlJournal) -> None:
    await record(journal, an_open())
    await record(journal, an_open(2))

    assert await everything(journal) == (an_open(),)


async def test_judgements_are_recorded_with_their_decision_or_not_at_all(
    journal: SqlJournal, database: Database
) -> None:
    broken = replace(an_open(2), cost_usd=Decimal("NaN"))

    with pytest.raises((JournalError, ValueError)):
        await journal.record_decisions([a_decision(judgements=(an_open(), broken))], a_scan())

    for table in ("decisions", "scans", "adviser_opinions"):
        assert await rows(database, f"SELECT * FROM {table}") == []


async def test_a_failure_is_closed_from_the_start_and_knows_what_its_call_cost(journal: SqlJournal) -> None:
    call = a_call(id="call9", model_returned="claude-9", cost_usd=Decimal("0.004"), latency_s=7.5)
    await journal.record_call(call)
    failed = an_open(failure=Silence.MALFORMED, stance=None, model="", call_id="call9")

    await record(journal, failed, replace(failed, id="j2", call_id="unknown"))

    known, unknown = sorted(await everything(journal), key=lambda one: one.id)
    assert (known.model, known.cost_usd, known.latency_s) == ("claude-9", Decimal("0.004"), 7.5)
    assert (unknown.model, unknown.failure) == ("", Silence.MALFORMED)
    assert await journal.open_judgements(PAPER, 10) == ()


async def test_an_outcome_is_recorded_once(journal: SqlJournal) -> None:
    await record(journal, an_open(), an_open(2))
    found = Resolution("j1", End.BOTH, None, ENDED)

    assert await journal.resolve_judgements(PAPER, [found]) == 1
    assert await journal.resolve_judgements(PAPER, [replace(found, long_end=End.TARGET)]) == 0
    assert await journal.resolve_judgements("live", [replace(found, id="j2")]) == 0

    assert await journal.open_judgements(PAPER, 10) == (an_open(2),)
    assert (await everything(journal))[1] == replace(an_open(), long_end=End.BOTH, ended_at=ENDED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE adviser_opinions SET long_end = 'target'",
        "UPDATE adviser_opinions SET state = 'open', ended_at = NULL",
        "DELETE FROM adviser_opinions",
    ],
)
async def test_the_database_itself_refuses_to_change_an_outcome(
    journal: SqlJournal, database: Database, statement: str
) -> None:
    await record(journal, an_open())
    await journal.resolve_judgements(PAPER, [Resolution("j1", End.STOP, None, ENDED)])

    with pytest.raises(JournalError, match="keeps history"):
        await database.write(lambda connection: connection.execute(text(statement)))

    assert (await everything(journal))[0].long_end is End.STOP


async def test_open_ones_come_oldest_first_without_the_symbols_to_skip(journal: SqlJournal) -> None:
    await record(journal, an_open(3, symbol=ETH), an_open(1, symbol=BTC), an_open(2, symbol=ETH))

    assert [one.id for one in await journal.open_judgements(PAPER, 2)] == ["j1", "j2"]
    assert [one.id for one in await journal.open_judgements(PAPER, 9, (BTC,))] == ["j2", "j3"]


async def test_pages_join_without_a_gap_or_a_repetition(journal: SqlJournal) -> None:
    made = [replace(an_open(at // 3), id=f"j{at:02d}") for at in range(11)]
    await record(journal, *made)

    found: list[Judgement] = []
    while page := await journal.judgements(
        PAPER, BEGIN - timedelta(hours=1), (found[-1].bar, found[-1].id) if found else None, 4
    ):
        found += page

    assert [one.id for one in found] == [one.id for one in reversed(made)]


async def test_a_bot_whose_lease_was_taken_over_resolves_nothing_more(database: Database) -> None:
    old, new = await with_account(database), SqlJournal(database, lambda: NOW)
    await record(old, an_open())
    old.fence("bot", await old.acquire_lease("bot", "host:1", NOW, ttl_s=30))
    new.fence("bot", await new.acquire_lease("bot", "host:2", later(seconds=31), ttl_s=30))

    with pytest.raises(JournalError, match="another bot has taken over"):
        await old.resolve_judgements(PAPER, [Resolution("j1", End.STOP, None, ENDED)])

    assert await new.open_judgements(PAPER, 10) == (an_open(),)
