"""What the checklist before live trading counts, and who armed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, func, insert, select

from core.codec import to_text
from core.journal import Arming, DayCount
from core.notice import Notice, NoticeKind
from db.part import JournalPart
from db.rows import add_up, put_notices, texts
from db.tables_house import armings, daily_counts, heartbeats, outbox


def beats(connection: Connection, account: str, since: date) -> dict[tuple[date, str], int]:
    found = select(heartbeats).where(heartbeats.c.account == account, heartbeats.c.day >= since)
    return {
        (row.day, row.task): row.minutes
        for row in connection.execute(found.order_by(heartbeats.c.day, heartbeats.c.task))
    }


def counts(connection: Connection, account: str, since: date) -> tuple[DayCount, ...]:
    days = daily_counts.c
    found = select(days.day, days.name, days.count).where(days.account == account, days.day >= since)
    rows = connection.execute(found.order_by(days.day, days.name))
    return tuple(DayCount(day, name, count) for day, name, count in rows)


def arm(connection: Connection, arming: Arming, notices: Sequence[Notice]) -> None:
    row = {
        "account": arming.account,
        "cap": arming.cap,
        "armed_by": arming.by,
        "at": arming.at,
        "sentence": arming.sentence,
        "unmet": to_text(arming.unmet),
    }
    connection.execute(insert(armings).values(**row))
    put_notices(connection, arming.account, notices, arming.at)


def armings_of(connection: Connection, account: str) -> tuple[Arming, ...]:
    found = select(armings).where(armings.c.account == account).order_by(armings.c.id)
    return tuple(
        Arming(row.account, row.cap, row.armed_by, row.at, row.sentence, texts(row.unmet))
        for row in connection.execute(found)
    )


def times_told(connection: Connection, account: str, kind: NoticeKind, since: datetime) -> int:
    told = outbox.c
    found = select(func.count()).where(
        told.account == account, told.kind == kind.value, told.created_at >= since
    )
    return int(connection.execute(found).scalar_one())


class ReadinessPart(JournalPart):
    """`core.journal.ReadinessJournal`."""

    async def beats(self, account: str, since: date) -> Mapping[tuple[date, str], int]:
        """(day, task) → minutes in which the task ran."""
        return await self._read(lambda c: beats(c, account, since))

    async def count(self, account: str, day: date, name: str, count: int) -> None:
        key = {"account": account, "day": day, "name": name}
        await self._write(lambda c: add_up(c, daily_counts, key, {"count": count}))

    async def counts(self, account: str, since: date) -> tuple[DayCount, ...]:
        """By day, then by name."""
        return await self._read(lambda c: counts(c, account, since))

    async def arm(self, arming: Arming, notices: Sequence[Notice]) -> None:
        await self._write_fenced(lambda c: arm(c, arming, notices))

    async def armings(self, account: str) -> tuple[Arming, ...]:
        return await self._read(lambda c: armings_of(c, account))

    async def times_told(self, account: str, kind: NoticeKind, since: datetime) -> int:
        return await self._read(lambda c: times_told(c, account, kind, since))
