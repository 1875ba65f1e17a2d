"""Ideas that were not taken: followed while they are open, history once they have ended."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from core.codec import from_plain, to_text
from core.errors import JournalError
from core.journal import Shadow, ShadowGate
from core.plan import Plan
from core.trade import ExitReason
from db.part import JournalPart
from db.rows import decoded, insert_new, texts
from db.tables_trading import shadow_ideas

OPEN, ENDED = "open", "ended"


def begin_shadow(connection: Connection, shadow: Shadow) -> bool:
    row = {
        "id": shadow.id,
        "account": shadow.account,
        "symbol": shadow.plan.symbol,
        "side": shadow.plan.side.value,
        "gate": shadow.gate.value,
        "checks": to_text(shadow.checks),
        "plan": to_text(shadow.plan),
        "followed_from": shadow.followed_from,
    }
    return insert_new(connection, shadow_ideas, row | _progress(shadow))


def walk_shadow(connection: Connection, shadow: Shadow) -> None:
    walked = connection.execute(
        update(shadow_ideas)
        .where(
            shadow_ideas.c.id == shadow.id,
            shadow_ideas.c.account == shadow.account,
            shadow_ideas.c.state == OPEN,
        )
        .values(**_progress(shadow))
    )
    if walked.rowcount == 0:
        raise JournalError(f"the idea {shadow.id} is not being followed; what has ended can't be changed")


def _progress(shadow: Shadow) -> dict[str, Any]:
    return {
        "followed_until": shadow.followed_until,
        "walked": to_text(shadow.walked),
        "state": OPEN if shadow.ended_at is None else ENDED,
        "ended_at": shadow.ended_at,
        "exit_reason": None if shadow.exit_reason is None else shadow.exit_reason.value,
        "r_multiple": shadow.r_multiple,
    }


def open_shadows(connection: Connection, account: str) -> tuple[Shadow, ...]:
    ideas = shadow_ideas.c
    found = select(shadow_ideas).where(ideas.account == account, ideas.state == OPEN)
    rows = connection.execute(found.order_by(ideas.followed_from, ideas.id))
    return tuple(_shadow(row) for row in rows)


def ended_shadows(connection: Connection, account: str, since: datetime | None) -> tuple[Shadow, ...]:
    ideas = shadow_ideas.c
    found = select(shadow_ideas).where(ideas.account == account, ideas.state == ENDED)
    if since is not None:
        found = found.where(ideas.ended_at >= since)
    rows = connection.execute(found.order_by(ideas.ended_at, ideas.id))
    return tuple(_shadow(row) for row in rows)


def _shadow(row: Row[Any]) -> Shadow:
    return Shadow(
        id=row.id,
        account=row.account,
        plan=decoded(Plan, row.plan),
        gate=ShadowGate(row.gate),
        checks=texts(row.checks),
        followed_from=row.followed_from,
        followed_until=row.followed_until,
        walked=from_plain(dict[str, float], json.loads(row.walked)),
        ended_at=row.ended_at,
        exit_reason=None if row.exit_reason is None else ExitReason(row.exit_reason),
        r_multiple=row.r_multiple,
    )


class ShadowPart(JournalPart):
    """`core.journal.ShadowJournal`, without `settled_approvals`."""

    async def begin_shadow(self, shadow: Shadow) -> bool:
        return await self._write_fenced(lambda c: begin_shadow(c, shadow))

    async def walk_shadow(self, shadow: Shadow) -> None:
        """Raises `JournalError` for one that is not open."""
        await self._write_fenced(lambda c: walk_shadow(c, shadow))

    async def open_shadows(self, account: str) -> tuple[Shadow, ...]:
        """The one followed longest first."""
        return await self._read(lambda c: open_shadows(c, account))

    async def ended_shadows(self, account: str, since: datetime | None = None) -> tuple[Shadow, ...]:
        return await self._read(lambda c: ended_shadows(c, account, since))
