"""What was judged in the past, for backtests that play it again: read only, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from core.adviser_record import Judgement
from core.journal import DecisionRecord
from core.opinion import Purpose
from db.journal_opinions import judgement_of
from db.journal_records import decision_row
from db.part import JournalPart
from db.tables_record import adviser_opinions
from db.tables_trading import decisions

Place = tuple[datetime, str]
"""When, and the id: where the last page ended."""


def scan_decisions(
    connection: Connection,
    account: str,
    symbols: Sequence[str],
    since: datetime,
    until: datetime,
    after: Place | None,
    limit: int,
) -> tuple[DecisionRecord, ...]:
    made = decisions.c
    found = select(decisions).where(
        made.account == account,
        made.symbol.in_(symbols),
        made.scan_id.is_not(None),
        made.at >= since,
        made.at <= until,
    )
    if after is not None:
        found = found.where(or_(made.at > after[0], and_(made.at == after[0], made.id > after[1])))
    rows = connection.execute(found.order_by(made.at, made.id).limit(limit))
    return tuple(decision_row(row) for row in rows)


def opinions_of(
    connection: Connection,
    account: str,
    adviser: str,
    symbols: Sequence[str],
    since: datetime,
    until: datetime,
    after: Place | None,
    limit: int,
) -> tuple[Judgement, ...]:
    said = adviser_opinions.c
    found = select(adviser_opinions).where(
        said.account == account,
        said.adviser == adviser,
        said.symbol.in_(symbols),
        said.purpose == Purpose.ENTRY.value,
        said.stance.is_not(None),
        said.bar >= since,
        said.bar <= until,
    )
    if after is not None:
        found = found.where(or_(said.bar > after[0], and_(said.bar == after[0], said.id > after[1])))
    rows = connection.execute(found.order_by(said.bar, said.id).limit(limit))
    return tuple(judgement_of(row) for row in rows)


def voices(connection: Connection) -> tuple[tuple[str, str, int], ...]:
    said = adviser_opinions.c
    found = (
        select(said.account, said.adviser, func.count().label("answers"))
        .where(said.purpose == Purpose.ENTRY.value, said.stance.is_not(None))
        .group_by(said.account, said.adviser)
        .order_by(said.account, said.adviser)
    )
    return tuple((row.account, row.adviser, row.answers) for row in connection.execute(found))


class RecordedPart(JournalPart):
    """`core.backtest.recorded_reading.PastJudgements`."""

    async def scan_decisions(
        self,
        account: str,
        symbols: Sequence[str],
        since: datetime,
        until: datetime,
        after: Place | None,
        limit: int,
    ) -> tuple[DecisionRecord, ...]:
        span = (account, symbols, since, until, after, limit)
        return await self._read(lambda c: scan_decisions(c, *span))

    async def opinions_of(
        self,
        account: str,
        adviser: str,
        symbols: Sequence[str],
        since: datetime,
        until: datetime,
        after: Place | None,
        limit: int,
    ) -> tuple[Judgement, ...]:
        span = (account, adviser, symbols, since, until, after, limit)
        return await self._read(lambda c: opinions_of(c, *span))

    async def voices(self) -> tuple[tuple[str, str, int], ...]:
        return await self._read(voices)
