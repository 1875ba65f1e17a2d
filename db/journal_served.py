"""Who answers for an adviser: remembered together with what the owner is told of a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from core.notice import Notice
from db.part import JournalPart
from db.rows import active_account, put, put_notices
from db.tables_served import served_models


def served_model(connection: Connection, adviser: str, asked: str) -> str | None:
    rows = served_models.c
    found = connection.execute(
        select(rows.served).where(
            rows.account == active_account(connection), rows.adviser == adviser, rows.asked == asked
        )
    ).scalar_one_or_none()
    return None if found is None else str(found)


def remember_served(
    connection: Connection, adviser: str, asked: str, served: str, at: datetime, told: Sequence[Notice]
) -> None:
    account = active_account(connection)
    row = {"account": account, "adviser": adviser, "asked": asked, "served": served, "since": at}
    put(connection, served_models, row)
    put_notices(connection, account, told, at)


class ServedPart(JournalPart):
    async def served_model(self, adviser: str, asked: str) -> str | None:
        """Of the active account; None: none answered yet."""
        return await self._read(lambda c: served_model(c, adviser, asked))

    async def remember_served(
        self, adviser: str, asked: str, served: str, at: datetime, told: Sequence[Notice]
    ) -> None:
        await self._write(lambda c: remember_served(c, adviser, asked, served, at, told))
