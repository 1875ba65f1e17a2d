"""Accounts and approvals: what is decided by a person or a rule and outlives a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from core.codec import to_text
from core.journal import AccountState, Approval, ApprovalState, Mode
from core.notice import Notice
from core.plan import Plan
from db.part import JournalPart
from db.rows import (
    account_row,
    active_account,
    decoded,
    insert_new,
    mirror_account,
    put,
    put_notices,
    texts,
)
from db.tables_trading import accounts, approvals, trading_config

LIVE_CARD = (ApprovalState.OPEN.value, ApprovalState.CLAIMED.value)
OLDEST_SETTLED = (approvals.c.settled_at, approvals.c.id)
NOT_TAKEN = (ApprovalState.REJECTED.value, ApprovalState.EXPIRED.value, ApprovalState.REFUSED.value)


LIVE_APPROVALS = (
    select(approvals)
    .where(approvals.c.account == bindparam("account"), approvals.c.state.in_(LIVE_CARD))
    .order_by(approvals.c.created_at, approvals.c.id)
)


def open_account(
    connection: Connection, account: str, is_paper: bool, initial_capital: Decimal, mode: Mode, now: datetime
) -> AccountState:
    row = {
        "account": account,
        "is_paper": is_paper,
        "initial_capital": initial_capital,
        "current_capital": initial_capital,
        "is_paused": False,
        "paused_by": "",
        "paused_changed_at": now,
        "mode": mode.value,
        "mode_by": "",
        "mode_changed_at": now,
        "opened_at": now,
    }
    insert_new(connection, accounts, row)
    placeholder = {"is_trading_enabled": True, "current_capital": initial_capital, "updated_at": now}
    shown = {
        "id": 1,
        "account": account,
        "is_paper": is_paper,
        "mode": mode.value,
        "initial_capital": initial_capital,
    }
    put(connection, trading_config, shown | placeholder)
    mirror_account(connection, account, now)
    return account_state(connection, account)


def account_state(connection: Connection, account: str) -> AccountState:
    row = account_row(connection, account)
    return AccountState(
        account=row.account,
        is_paper=row.is_paper,
        initial_capital=row.initial_capital,
        current_capital=row.current_capital,
        is_paused=row.is_paused,
        paused_by=row.paused_by,
        mode=Mode(row.mode),
        opened_at=row.opened_at,
    )


def change_account(
    connection: Connection, account: str, values: dict[str, Any], now: datetime, notices: Sequence[Notice]
) -> None:
    account_row(connection, account)
    connection.execute(update(accounts).where(accounts.c.account == account).values(**values))
    mirror_account(connection, account, now)
    put_notices(connection, account, notices, now)


def propose(connection: Connection, approval: Approval, notices: Sequence[Notice]) -> bool:
    row = {
        "id": approval.id,
        "account": approval.account,
        "symbol": approval.plan.symbol,
        "state": approval.state.value,
        "plan": to_text(approval.plan),
        "created_at": approval.created_at,
        "expires_at": approval.expires_at,
        "claimed_by": "",
        "settled_at": approval.settled_at,
        "settled_by": approval.settled_by,
        "reasons": to_text(approval.reasons),
        "requote_of": approval.requote_of,
    }
    if not insert_new(connection, approvals, row):
        return False
    put_notices(connection, approval.account, notices, approval.created_at)
    return True


def approval_of(connection: Connection, approval_id: str) -> Approval | None:
    row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).one_or_none()
    return None if row is None else _approval(row)


def live_approvals(connection: Connection, account: str) -> tuple[Approval, ...]:
    return tuple(_approval(row) for row in connection.execute(LIVE_APPROVALS, {"account": account}))


def claim_approval(connection: Connection, approval_id: str, by: str, now: datetime) -> Approval | None:
    claimed = connection.execute(
        update(approvals)
        .where(
            approvals.c.id == approval_id,
            approvals.c.state == ApprovalState.OPEN.value,
            approvals.c.expires_at > now,
        )
        .values(state=ApprovalState.CLAIMED.value, claimed_by=by, claimed_at=now)
    )
    return approval_of(connection, approval_id) if claimed.rowcount == 1 else None


def settle_approval(
    connection: Connection,
    approval_id: str,
    state: ApprovalState,
    by: str,
    now: datetime,
    reasons: Sequence[str],
    notices: Sequence[Notice],
) -> bool:
    settled = connection.execute(
        update(approvals)
        .where(approvals.c.id == approval_id, approvals.c.state.in_(LIVE_CARD))
        .values(state=state.value, settled_by=by, settled_at=now, reasons=to_text(tuple(reasons)))
        .returning(approvals.c.account)
    ).scalar_one_or_none()
    if settled is None:
        return False
    put_notices(connection, settled, notices, now)
    return True


def settled_approvals(connection: Connection, account: str, since: datetime) -> tuple[Approval, ...]:
    found = select(approvals).where(
        approvals.c.account == account, approvals.c.state.in_(NOT_TAKEN), approvals.c.settled_at >= since
    )
    return tuple(_approval(row) for row in connection.execute(found.order_by(*OLDEST_SETTLED)))


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        id=row.id,
        account=row.account,
        plan=decoded(Plan, row.plan),
        created_at=row.created_at,
        expires_at=row.expires_at,
        state=ApprovalState(row.state),
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        reasons=texts(row.reasons),
        requote_of=row.requote_of,
    )


class DeskPart(JournalPart):
    """`core.journal.DeskJournal`: accounts, approvals, `tell`."""

    async def open_account(
        self, account: str, is_paper: bool, initial_capital: Decimal, mode: Mode, now: datetime
    ) -> AccountState:
        return await self._write_fenced(
            lambda c: open_account(c, account, is_paper, initial_capital, mode, now)
        )

    async def account_state(self, account: str) -> AccountState:
        return await self._read(lambda c: account_state(c, account))

    async def set_paused(
        self, account: str, is_paused: bool, by: str, now: datetime, notices: Sequence[Notice] = ()
    ) -> None:
        values = {"is_paused": is_paused, "paused_by": by, "paused_changed_at": now}
        await self._write_fenced(lambda c: change_account(c, account, values, now, notices))

    async def set_mode(
        self, account: str, mode: Mode, by: str, now: datetime, notices: Sequence[Notice] = ()
    ) -> None:
        values = {"mode": mode.value, "mode_by": by, "mode_changed_at": now}
        await self._write_fenced(lambda c: change_account(c, account, values, now, notices))

    async def propose(self, approval: Approval, notices: Sequence[Notice]) -> bool:
        return await self._write_fenced(lambda c: propose(c, approval, notices))

    async def approval(self, approval_id: str) -> Approval | None:
        return await self._read(lambda c: approval_of(c, approval_id))

    async def open_approvals(self, account: str) -> tuple[Approval, ...]:
        return await self._read(lambda c: live_approvals(c, account))

    async def claim_approval(self, approval_id: str, by: str, now: datetime) -> Approval | None:
        return await self._write_fenced(lambda c: claim_approval(c, approval_id, by, now))

    async def settle_approval(
        self,
        approval_id: str,
        state: ApprovalState,
        by: str,
        now: datetime,
        reasons: Sequence[str],
        notices: Sequence[Notice],
    ) -> bool:
        """Raises `ValueError` for a state that is not final."""
        if state.value in LIVE_CARD:
            raise ValueError(f"{state.value!r} does not settle an approval")
        return await self._write_fenced(
            lambda c: settle_approval(c, approval_id, state, by, now, reasons, notices)
        )

    async def settled_approvals(self, account: str, since: datetime) -> tuple[Approval, ...]:
        return await self._read(lambda c: settled_approvals(c, account, since))

    async def tell(self, notices: Sequence[Notice]) -> None:
        """They belong to the active account."""
        now = self._now()
        await self._write_fenced(lambda c: put_notices(c, active_account(c), notices, now))
