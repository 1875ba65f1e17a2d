"""Leases, settings, notes, heartbeats, error counts, console requests and named texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from core.errors import AlreadyRunning
from core.journal import SettingChange
from db.part import JournalPart
from db.rows import insert_new, matching, minute_of, put, utc_day
from db.tables_house import blobs, console_requests, heartbeats, leases, setting_changes
from db.tables_trading import notes, trade_history, trades


def acquire_lease(connection: Connection, name: str, owner: str, now: datetime, ttl_s: float) -> int:
    row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
    is_held = row is not None and row.expires_at is not None and row.expires_at > now
    if row is not None and is_held and row.owner != owner:
        raise AlreadyRunning(
            f"another bot runs here: {row.owner} holds {name!r}"
            f" until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC. Stop it first."
        )
    number = 1 if row is None else row.number + 1
    taken = {"name": name, "owner": owner, "number": number, "acquired_at": now}
    put(connection, leases, taken | {"expires_at": now + timedelta(seconds=ttl_s)})
    return int(number)


def renew_lease(
    connection: Connection, name: str, owner: str, number: int | None, now: datetime, ttl_s: float
) -> bool:
    renewed = connection.execute(
        update(leases)
        .where(*_held(name, owner, number), leases.c.expires_at.is_not(None))
        .values(expires_at=now + timedelta(seconds=ttl_s))
    )
    return renewed.rowcount == 1


def release_lease(connection: Connection, name: str, owner: str, number: int | None) -> None:
    """The number stays: the next holder's is greater."""
    connection.execute(update(leases).where(*_held(name, owner, number)).values(expires_at=None))


def _held(name: str, owner: str, number: int | None) -> list[ColumnElement[bool]]:
    """An owner's name is where it runs: one started again there has the same, and a greater number."""
    held = [leases.c.name == name, leases.c.owner == owner]
    return held if number is None else [*held, leases.c.number == number]


def setting_changes_of(connection: Connection, account: str) -> tuple[SettingChange, ...]:
    newest = (
        select(func.max(setting_changes.c.id))
        .where(setting_changes.c.account == account)
        .group_by(setting_changes.c.name)
    )
    found = select(setting_changes).where(setting_changes.c.id.in_(newest)).order_by(setting_changes.c.name)
    return tuple(
        SettingChange(row.name, row.old_value, row.new_value, row.changed_by, row.at)
        for row in connection.execute(found)
    )


def record_setting(connection: Connection, account: str, change: SettingChange) -> None:
    row = {
        "account": account,
        "name": change.name,
        "old_value": change.old,
        "new_value": change.new,
        "changed_by": change.by,
        "at": change.at,
    }
    connection.execute(insert(setting_changes).values(**row))


def add_note(connection: Connection, account: str, trade_id: str, text: str, by: str, now: datetime) -> bool:
    known = (
        select(table.c.id).where(table.c.id == trade_id, table.c.account == account)
        for table in (trades, trade_history)
    )
    if not any(connection.execute(found).first() for found in known):
        return False
    row = {"account": account, "trade_id": trade_id, "note": text, "written_by": by, "at": now}
    connection.execute(insert(notes).values(**row))
    return True


def beat(connection: Connection, account: str, task: str, now: datetime) -> None:
    """Counts a minute once, however often the task beats in it."""
    minute = minute_of(now)
    key = {"account": account, "task": task, "day": utc_day(now)}
    if insert_new(connection, heartbeats, key | {"minutes": 1, "last_minute": minute}):
        return
    connection.execute(
        update(heartbeats)
        .where(*matching(heartbeats, key), heartbeats.c.last_minute < minute)
        .values(minutes=heartbeats.c.minutes + 1, last_minute=minute)
    )


def ask_console(connection: Connection, command: str, now: datetime) -> int:
    asked = connection.execute(insert(console_requests).values(command=command, asked_at=now))
    key = asked.inserted_primary_key
    assert key is not None  # one row was inserted
    return int(key[0])


def waiting_requests(connection: Connection, since: datetime) -> tuple[tuple[int, str], ...]:
    found = (
        select(console_requests.c.id, console_requests.c.command)
        .where(console_requests.c.asked_at >= since, console_requests.c.answered_at.is_(None))
        .order_by(console_requests.c.id)
    )
    return tuple((row.id, row.command) for row in connection.execute(found))


def answer_console(connection: Connection, request_id: int, answer: str, now: datetime) -> None:
    connection.execute(
        update(console_requests)
        .where(console_requests.c.id == request_id)
        .values(answer=answer, answered_at=now)
    )


def console_answer(connection: Connection, request_id: int) -> str | None:
    found = select(console_requests.c.answer).where(console_requests.c.id == request_id)
    return connection.execute(found).scalar_one_or_none()


def load_blob(connection: Connection, name: str) -> str | None:
    return connection.execute(select(blobs.c.content).where(blobs.c.name == name)).scalar_one_or_none()


class HousePart(JournalPart):
    """`core.journal.HouseJournal` without figures, and `core.ports.Blobs`."""

    async def acquire_lease(self, name: str, owner: str, now: datetime, ttl_s: float) -> int:
        return await self._write(lambda c: acquire_lease(c, name, owner, now, ttl_s))

    async def renew_lease(self, name: str, owner: str, now: datetime, ttl_s: float) -> bool:
        """After `fence` also False when the same owner took the lease again."""
        number = self._number_of(name)
        return await self._write(lambda c: renew_lease(c, name, owner, number, now, ttl_s))

    async def release_lease(self, name: str, owner: str) -> None:
        number = self._number_of(name)
        await self._write(lambda c: release_lease(c, name, owner, number))

    async def setting_changes(self, account: str) -> tuple[SettingChange, ...]:
        return await self._read(lambda c: setting_changes_of(c, account))

    async def record_setting(self, account: str, change: SettingChange) -> None:
        await self._write_fenced(lambda c: record_setting(c, account, change))

    async def record_settings(
        self, account: str, changes: Sequence[SettingChange], kept: tuple[str, str]
    ) -> None:
        row = dict(zip(("name", "content"), kept, strict=True)) | {"saved_at": self._now()}

        def together(connection: Connection) -> None:
            for change in changes:
                record_setting(connection, account, change)
            put(connection, blobs, row)

        await self._write_fenced(together)

    async def add_note(self, account: str, trade_id: str, text: str, by: str, now: datetime) -> bool:
        return await self._write(lambda c: add_note(c, account, trade_id, text, by, now))

    async def beat(self, account: str, task: str, now: datetime) -> None:
        await self._write(lambda c: beat(c, account, task, now))

    async def ask_console(self, command: str, now: datetime) -> int:
        return await self._write(lambda c: ask_console(c, command, now))

    async def console_requests(self, since: datetime) -> tuple[tuple[int, str], ...]:
        return await self._read(lambda c: waiting_requests(c, since))

    async def answer_console(self, request_id: int, answer: str, now: datetime) -> None:
        await self._write(lambda c: answer_console(c, request_id, answer, now))

    async def console_answer(self, request_id: int) -> str | None:
        return await self._read(lambda c: console_answer(c, request_id))

    async def load(self, name: str) -> str | None:
        return await self._read(lambda c: load_blob(c, name))

    async def save(self, name: str, text: str) -> None:
        row = {"name": name, "content": text, "saved_at": self._now()}
        await self._write_fenced(lambda c: put(c, blobs, row))
