"""The outbox and the buttons: what the owner is told, and what his taps may do once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from core.codec import to_text
from core.journal import Button, ButtonFate, PendingNotice
from core.notice import Notice, NoticeKind
from db.part import JournalPart
from db.rows import NO_ACCOUNT, active_account, insert_new
from db.tables_house import buttons, outbox, updates_seen

OPENERS = (NoticeKind.ENTRY_SENT.value, NoticeKind.OPENED.value, NoticeKind.ADOPTED.value)
UPDATE_MEMORY = timedelta(days=2)
"""Telegram redelivers an update for one day."""
BUTTON_MEMORY = timedelta(days=30)
"""So long a tap on an old button hears why it does nothing; after that it is unknown."""


def due_notices(connection: Connection, account: str, limit: int) -> tuple[PendingNotice, ...]:
    found = (
        select(outbox)
        .where(outbox.c.account.in_((account, NO_ACCOUNT)), outbox.c.ended_at.is_(None))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return tuple(_pending(row) for row in connection.execute(found))


def _pending(row: Row[Any]) -> PendingNotice:
    notice = Notice(NoticeKind(row.kind), row.key, json.loads(row.facts), row.thread)
    return PendingNotice(row.id, notice, row.created_at, row.attempts, row.begun_at is not None)


def begin_notice(connection: Connection, notice_id: int, now: datetime) -> None:
    connection.execute(
        update(outbox).where(outbox.c.id == notice_id).values(begun_at=now, attempts=outbox.c.attempts + 1)
    )


def end_notice(
    connection: Connection, notice_id: int, message_id: int | None, now: datetime, error: str
) -> None:
    connection.execute(
        update(outbox)
        .where(outbox.c.id == notice_id)
        .values(ended_at=now, message_id=message_id, error=error)
    )


def postpone_notice(connection: Connection, notice_id: int, error: str) -> None:
    connection.execute(update(outbox).where(outbox.c.id == notice_id).values(begun_at=None, error=error))


def message_of(connection: Connection, key: str) -> int | None:
    return connection.execute(select(outbox.c.message_id).where(outbox.c.key == key)).scalar_one_or_none()


def thread_message(connection: Connection, thread: str) -> int | None:
    found = (
        select(outbox.c.message_id)
        .where(outbox.c.thread == thread, outbox.c.kind.in_(OPENERS), outbox.c.message_id.is_not(None))
        .order_by(outbox.c.id)
        .limit(1)
    )
    return connection.execute(found).scalar_one_or_none()


def offer_buttons(connection: Connection, offered: Sequence[Button]) -> None:
    if not offered:
        return
    forgotten = min(button.expires_at for button in offered) - BUTTON_MEMORY
    connection.execute(delete(buttons).where(buttons.c.expires_at < forgotten))
    account = active_account(connection)
    for button in offered:
        row = {
            "token": button.token,
            "account": account,
            "action": button.action,
            "args": to_text(button.args),
            "user_id": button.user_id,
            "expires_at": button.expires_at,
            "group_name": button.group,
        }
        insert_new(connection, buttons, row)


def press_button(
    connection: Connection, token: str, user_id: int, now: datetime
) -> tuple[ButtonFate, Button | None]:
    row = connection.execute(select(buttons).where(buttons.c.token == token)).one_or_none()
    if row is None:
        return ButtonFate.UNKNOWN, None
    if row.user_id not in (0, user_id):
        return ButtonFate.NOT_YOURS, None
    if row.used_at is not None:
        return ButtonFate.USED, _button(row)
    if row.expires_at <= now:
        return ButtonFate.EXPIRED, _button(row)
    if not _use_up(connection, row, user_id, now):
        return ButtonFate.USED, _button(row)
    return ButtonFate.TAKEN, _button(row)


def _use_up(connection: Connection, row: Row[Any], user_id: int, now: datetime) -> bool:
    use = update(buttons).where(buttons.c.used_at.is_(None)).values(used_at=now, used_by=user_id)
    is_taken = connection.execute(use.where(buttons.c.token == row.token)).rowcount == 1
    if is_taken and row.group_name:
        connection.execute(use.where(buttons.c.group_name == row.group_name))
    return is_taken


def _button(row: Row[Any]) -> Button:
    return Button(row.token, row.action, json.loads(row.args), row.user_id, row.expires_at, row.group_name)


def is_new_update(connection: Connection, update_id: int, now: datetime) -> bool:
    connection.execute(delete(updates_seen).where(updates_seen.c.at < now - UPDATE_MEMORY))
    return insert_new(connection, updates_seen, {"update_id": update_id, "at": now})


class OutboxPart(JournalPart):
    """`core.journal.OutboxJournal`."""

    async def due_notices(self, account: str, limit: int) -> tuple[PendingNotice, ...]:
        """The account's and those written before any account was opened."""
        return await self._read(lambda c: due_notices(c, account, limit))

    async def begin_notice(self, notice_id: int, now: datetime) -> None:
        await self._write(lambda c: begin_notice(c, notice_id, now))

    async def end_notice(
        self, notice_id: int, message_id: int | None, now: datetime, error: str = ""
    ) -> None:
        await self._write(lambda c: end_notice(c, notice_id, message_id, now, error))

    async def postpone_notice(self, notice_id: int, error: str) -> None:
        """It was certainly not delivered (throttled, refused connection): due again, not `was_begun`."""
        await self._write(lambda c: postpone_notice(c, notice_id, error))

    async def message_of(self, key: str) -> int | None:
        return await self._read(lambda c: message_of(c, key))

    async def thread_message(self, thread: str) -> int | None:
        return await self._read(lambda c: thread_message(c, thread))

    async def offer_buttons(self, buttons: Sequence[Button]) -> None:
        await self._write(lambda c: offer_buttons(c, buttons))

    async def press_button(self, token: str, user_id: int, now: datetime) -> tuple[ButtonFate, Button | None]:
        """The button is None only for UNKNOWN and NOT_YOURS."""
        return await self._write(lambda c: press_button(c, token, user_id, now))

    async def is_new_update(self, update_id: int, now: datetime) -> bool:
        return await self._write(lambda c: is_new_update(c, update_id, now))
