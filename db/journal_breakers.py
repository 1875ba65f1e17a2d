"""Breakers: tripped by a rule, resolved by a rule or a person, never forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from core.journal import BreakerEvent
from core.notice import Notice
from db.part import JournalPart
from db.rows import insert_new, put_notices
from db.tables_trading import circuit_breaker_events

EVENTS = circuit_breaker_events.c
OPEN_BREAKERS = (
    select(circuit_breaker_events)
    .where(EVENTS.account == bindparam("account"), EVENTS.resolved_at.is_(None))
    .order_by(EVENTS.id)
)
LAST_RESOLVED = (
    select(circuit_breaker_events)
    .where(
        EVENTS.account == bindparam("account"),
        EVENTS.name == bindparam("name"),
        EVENTS.resolved_at.is_not(None),
    )
    .order_by(EVENTS.resolved_at.desc(), EVENTS.id.desc())
    .limit(1)
)


def trip_breaker(connection: Connection, event: BreakerEvent, notices: Sequence[Notice]) -> bool:
    row = {
        "account": event.account,
        "name": event.name,
        "value": event.value,
        "threshold": event.threshold,
        "action": event.action,
        "created_at": event.created_at,
        "resolved_by": "",
        "reason": "",
    }
    if not insert_new(connection, circuit_breaker_events, row):
        return False
    put_notices(connection, event.account, notices, event.created_at)
    return True


def resolve_breaker(
    connection: Connection,
    account: str,
    name: str,
    by: str,
    now: datetime,
    notices: Sequence[Notice],
    reason: str,
) -> bool:
    resolved = connection.execute(
        update(circuit_breaker_events)
        .where(EVENTS.account == account, EVENTS.name == name, EVENTS.resolved_at.is_(None))
        .values(resolved_at=now, resolved_by=by, reason=reason)
    )
    if resolved.rowcount == 0:
        return False
    put_notices(connection, account, notices, now)
    return True


def breaker_events(connection: Connection, account: str, limit: int) -> tuple[BreakerEvent, ...]:
    found = select(circuit_breaker_events).where(EVENTS.account == account)
    newest_first = found.order_by(EVENTS.id.desc()).limit(limit)
    return tuple(BreakerEvent(**row._mapping) for row in connection.execute(newest_first))


def open_breakers(connection: Connection, account: str) -> tuple[BreakerEvent, ...]:
    found = connection.execute(OPEN_BREAKERS, {"account": account})
    return tuple(BreakerEvent(**row._mapping) for row in found)


def last_resolved(connection: Connection, account: str, name: str) -> BreakerEvent | None:
    row = connection.execute(LAST_RESOLVED, {"account": account, "name": name}).one_or_none()
    return None if row is None else BreakerEvent(**row._mapping)


class BreakerPart(JournalPart):
    """`core.journal.DeskJournal`: breakers."""

    async def trip_breaker(self, event: BreakerEvent, notices: Sequence[Notice]) -> bool:
        """The event's own `id` is ignored: the database numbers it."""
        return await self._write_fenced(lambda c: trip_breaker(c, event, notices))

    async def resolve_breaker(
        self,
        account: str,
        name: str,
        by: str,
        now: datetime,
        notices: Sequence[Notice],
        reason: str = "",
    ) -> bool:
        return await self._write_fenced(lambda c: resolve_breaker(c, account, name, by, now, notices, reason))

    async def breaker_events(self, account: str, limit: int) -> tuple[BreakerEvent, ...]:
        return await self._read(lambda c: breaker_events(c, account, limit))

    async def open_breakers(self, account: str) -> tuple[BreakerEvent, ...]:
        return await self._read(lambda c: open_breakers(c, account))

    async def last_resolved(self, account: str, name: str) -> BreakerEvent | None:
        return await self._read(lambda c: last_resolved(c, account, name))
