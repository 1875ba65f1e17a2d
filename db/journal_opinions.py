"""The advisers' record: written with the decision, resolved once, history from then on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from core.adviser_record import End, Judgement, Resolution
from core.journal import DecisionRecord
from core.opinion import Purpose, Role, Silence, Stance
from db.part import JournalPart
from db.rows import insert_new
from db.tables_house import adviser_calls
from db.tables_record import adviser_opinions

OPEN, ENDED, FAILED = "open", "ended", "failed"
COLUMNS = tuple(field.name for field in fields(Judgement))
ENUMS = {
    "purpose": Purpose,
    "role": Role,
    "stance": Stance,
    "failure": Silence,
    "long_end": End,
    "short_end": End,
}


def record_judgements(connection: Connection, decisions: Sequence[DecisionRecord]) -> None:
    """In the transaction of the decisions. What was said of the same bar before stands as it was."""
    for decision in decisions:
        for judgement in decision.judgements:
            insert_new(connection, adviser_opinions, _values(connection, judgement))


def _values(connection: Connection, judgement: Judgement) -> dict[str, Any]:
    row = {name: getattr(judgement, name) for name in COLUMNS}
    row |= {name: None if row[name] is None else row[name].value for name in ENUMS}
    if judgement.failure is not None:
        return row | _of_call(connection, judgement.call_id) | {"state": FAILED}
    return row | {"state": OPEN if judgement.ended_at is None else ENDED}


def _of_call(connection: Connection, call_id: str) -> dict[str, Any]:
    """What a failed answer cost all the same, and which model gave it; nothing where nothing came back."""
    calls = adviser_calls.c
    found = select(calls.model_returned, calls.cost_usd, calls.latency_s).where(calls.id == call_id)
    row = connection.execute(found).one_or_none() if call_id else None
    if row is None:
        return {}
    paid = {} if row.cost_usd is None else {"cost_usd": row.cost_usd}
    return paid | {"model": row.model_returned or "", "latency_s": row.latency_s}


def open_judgements(
    connection: Connection, account: str, limit: int, skipping: Collection[str]
) -> tuple[Judgement, ...]:
    said = adviser_opinions.c
    found = select(adviser_opinions).where(said.account == account, said.state == OPEN)
    if skipping:
        found = found.where(said.symbol.not_in(sorted(skipping)))
    rows = connection.execute(found.order_by(said.bar, said.id).limit(limit))
    return tuple(judgement_of(row) for row in rows)


def resolve_judgements(connection: Connection, account: str, resolutions: Sequence[Resolution]) -> int:
    said = adviser_opinions.c
    ended = 0
    for one in resolutions:
        mine = and_(said.id == one.id, said.account == account, said.state == OPEN)
        ends = {"long_end": _value(one.long_end), "short_end": _value(one.short_end)}
        values = {**ends, "ended_at": one.ended_at, "state": ENDED}
        ended += connection.execute(update(adviser_opinions).where(mine).values(**values)).rowcount
    return ended


def judgements(
    connection: Connection, account: str, since: datetime, before: tuple[datetime, str] | None, limit: int
) -> tuple[Judgement, ...]:
    said = adviser_opinions.c
    found = select(adviser_opinions).where(said.account == account, said.bar > since)
    if before is not None:
        bar, name = before
        found = found.where(or_(said.bar < bar, and_(said.bar == bar, said.id < name)))
    rows = connection.execute(found.order_by(said.bar.desc(), said.id.desc()).limit(limit))
    return tuple(judgement_of(row) for row in rows)


def _value(end: End | None) -> str | None:
    return None if end is None else end.value


def judgement_of(row: Row[Any]) -> Judgement:
    values = {name: getattr(row, name) for name in COLUMNS}
    values |= {name: None if values[name] is None else kind(values[name]) for name, kind in ENUMS.items()}
    return Judgement(**values)


class OpinionPart(JournalPart):
    """`core.adviser_record.OpinionJournal`."""

    async def open_judgements(
        self, account: str, limit: int, skipping: Collection[str] = ()
    ) -> tuple[Judgement, ...]:
        return await self._read(lambda c: open_judgements(c, account, limit, skipping))

    async def resolve_judgements(self, account: str, resolutions: Sequence[Resolution]) -> int:
        return await self._write_fenced(lambda c: resolve_judgements(c, account, resolutions))

    async def judgements(
        self, account: str, since: datetime, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Judgement, ...]:
        return await self._read(lambda c: judgements(c, account, since, before, limit))
