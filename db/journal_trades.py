"""Trades and intentions: what is wanted, and what was asked of the venue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from core.codec import to_text
from core.errors import JournalError
from core.journal import ApprovalState
from core.notice import Notice
from core.plan import Plan
from core.trade import Intention, IntentState, OrderRequest, Position, Purpose, Trade
from db.part import JournalPart
from db.rows import decoded, insert_new, put_notices
from db.tables_trading import active_position, approvals, intentions, trades

OPEN, BOOKED, ABANDONED = "open", "booked", "abandoned"

OPEN_TRADES = (
    select(trades.c.trade)
    .where(trades.c.account == bindparam("account"), trades.c.state == OPEN)
    .order_by(trades.c.created_at, trades.c.id)
)
CHANGE_OPEN_TRADE = update(trades).where(trades.c.id == bindparam("trade_id"), trades.c.state == OPEN)
INTENTIONS = (
    select(intentions).where(intentions.c.trade_id == bindparam("trade_id")).order_by(intentions.c.id)
)
INTENDED = select(intentions.c.client_id).where(
    intentions.c.client_id.in_(bindparam("client_ids", expanding=True))
)
REFUSED_ENTRIES = (
    select(trades.c.symbol, func.max(trades.c.ended_at).label("ended_at"))
    .join(intentions, intentions.c.trade_id == trades.c.id)
    .where(
        trades.c.account == bindparam("account"),
        trades.c.state == ABANDONED,
        trades.c.ended_at >= bindparam("since"),
        intentions.c.purpose == Purpose.ENTRY.value,
        intentions.c.state == IntentState.REFUSED.value,
    )
    .group_by(trades.c.symbol)
)
ANY_POSITION = (
    select(active_position.c.symbol).where(active_position.c.account == bindparam("account")).limit(1)
)


def open_trade(
    connection: Connection,
    trade: Trade,
    plan: Plan | None,
    approval_id: str | None,
    by: str,
    notices: Sequence[Notice],
) -> bool:
    if _has_trade(connection, trade):
        return False
    if approval_id is not None and not _settle_claimed(connection, trade, approval_id, by):
        return False
    row = _trade_row(trade) | {
        "id": trade.id,
        "account": trade.account,
        "symbol": trade.symbol,
        "state": OPEN,
        "plan": to_text(plan),
        "approval_id": approval_id,
        "opened_by": by,
        "created_at": trade.created_at,
        "updated_at": trade.created_at,
        "end_reason": "",
    }
    connection.execute(insert(trades).values(**row))
    put_notices(connection, trade.account, notices, trade.created_at)
    return True


def _has_trade(connection: Connection, trade: Trade) -> bool:
    same_symbol = (
        (trades.c.account == trade.account) & (trades.c.symbol == trade.symbol) & (trades.c.state == OPEN)
    )
    found = select(trades.c.id).where((trades.c.id == trade.id) | same_symbol).limit(1)
    return connection.execute(found).first() is not None


def _settle_claimed(connection: Connection, trade: Trade, approval_id: str, by: str) -> bool:
    settled = connection.execute(
        update(approvals)
        .where(
            approvals.c.id == approval_id,
            approvals.c.account == trade.account,
            approvals.c.state == ApprovalState.CLAIMED.value,
        )
        .values(state=ApprovalState.APPROVED.value, settled_at=trade.created_at, settled_by=by)
    )
    return settled.rowcount == 1


def _trade_row(trade: Trade) -> dict[str, object]:
    return {"side": trade.side.value, "want": trade.want.value, "trade": to_text(trade)}


def update_trade(connection: Connection, trade: Trade, notices: Sequence[Notice], now: datetime) -> None:
    row = _trade_row(trade) | {"trade_id": trade.id, "updated_at": now}
    changed = connection.execute(CHANGE_OPEN_TRADE, row)
    if changed.rowcount == 0:
        raise JournalError(f"the trade {trade.id} is not open in the journal; it can't be changed")
    put_notices(connection, trade.account, notices, now)


def open_trades(connection: Connection, account: str) -> tuple[Trade, ...]:
    found = connection.execute(OPEN_TRADES, {"account": account})
    return tuple(decoded(Trade, text) for text in found.scalars())


def abandon_trade(
    connection: Connection, trade: Trade, reason: str, at: datetime, notices: Sequence[Notice]
) -> None:
    changed = connection.execute(
        update(trades)
        .where(trades.c.id == trade.id, trades.c.state == OPEN)
        .values(**_trade_row(trade), state=ABANDONED, updated_at=at, ended_at=at, end_reason=reason)
    )
    if changed.rowcount == 0 and _state_of(connection, trade.id) != ABANDONED:
        raise JournalError(f"the trade {trade.id} is not open in the journal; it can't be abandoned")
    put_notices(connection, trade.account, notices, at)


def refused_entries(connection: Connection, account: str, since: datetime) -> dict[str, datetime]:
    found = connection.execute(REFUSED_ENTRIES, {"account": account, "since": since})
    return {row.symbol: row.ended_at for row in found}


def _state_of(connection: Connection, trade_id: str) -> str | None:
    return connection.execute(select(trades.c.state).where(trades.c.id == trade_id)).scalar_one_or_none()


def intend(connection: Connection, intention: Intention, notices: Sequence[Notice]) -> None:
    account = connection.execute(
        select(trades.c.account).where(trades.c.id == intention.trade_id)
    ).scalar_one_or_none()
    if account is None:
        raise JournalError(f"the journal has no trade {intention.trade_id} to intend an order for")
    row = {
        "account": account,
        "trade_id": intention.trade_id,
        "client_id": intention.request.client_id,
        "purpose": intention.purpose.value,
        "attempt": intention.attempt,
        "state": intention.state.value,
        "request": to_text(intention.request),
        "sent_at": intention.sent_at,
        "note": intention.note,
    }
    if not insert_new(connection, intentions, row):
        raise JournalError(
            f"the order {intention.request.client_id} was intended before; look before sending again"
        )
    put_notices(connection, account, notices, intention.sent_at)


def settle_intention(
    connection: Connection, client_id: str, state: IntentState, note: str, now: datetime
) -> None:
    changed = connection.execute(
        update(intentions)
        .where(intentions.c.client_id == client_id)
        .values(state=state.value, note=note, settled_at=now)
    )
    if changed.rowcount == 0:
        raise JournalError(f"the order {client_id} was never intended; it can't be settled")


def intentions_of(connection: Connection, trade_id: str) -> tuple[Intention, ...]:
    return tuple(_intention(row) for row in connection.execute(INTENTIONS, {"trade_id": trade_id}))


def intended(connection: Connection, client_ids: Collection[str]) -> frozenset[str]:
    found = connection.execute(INTENDED, {"client_ids": list(client_ids)})
    return frozenset(found.scalars())


def _intention(row: Row[tuple[object, ...]]) -> Intention:
    return Intention(
        request=decoded(OrderRequest, row.request),
        trade_id=row.trade_id,
        purpose=Purpose(row.purpose),
        attempt=row.attempt,
        state=IntentState(row.state),
        sent_at=row.sent_at,
        note=row.note,
    )


def show_positions(
    connection: Connection, account: str, positions: Sequence[tuple[Trade, Position]], at: datetime
) -> None:
    connection.execute(delete(active_position).where(active_position.c.account == account))
    if rows := [_position_row(account, trade, position, at) for trade, position in positions]:
        connection.execute(insert(active_position), rows)


def shows_positions(connection: Connection, account: str) -> bool:
    return connection.execute(ANY_POSITION, {"account": account}).first() is not None


def _position_row(account: str, trade: Trade, position: Position, at: datetime) -> dict[str, object]:
    return {
        "account": account,
        "symbol": position.symbol,
        "trade_id": trade.id,
        "side": position.side.value,
        "leverage": position.leverage,
        "quantity": position.quantity,
        "entry_price": position.entry,
        "current_price": position.mark,
        "unrealized_pnl": position.unrealised,
        "margin": position.margin,
        "stop_price": trade.stop,
        "liquidation_price": position.liquidation,
        "opened_at": position.opened_at,
        "updated_at": at,
    }


class TradePart(JournalPart):
    """`core.journal.TradeJournal`, without `book`."""

    async def open_trade(
        self, trade: Trade, plan: Plan | None, approval_id: str | None, by: str, notices: Sequence[Notice]
    ) -> bool:
        return await self._write_fenced(lambda c: open_trade(c, trade, plan, approval_id, by, notices))

    async def update_trade(self, trade: Trade, notices: Sequence[Notice] = ()) -> None:
        now = self._now()
        await self._write_fenced(lambda c: update_trade(c, trade, notices, now))

    async def open_trades(self, account: str) -> tuple[Trade, ...]:
        return await self._read(lambda c: open_trades(c, account))

    async def intend(self, intention: Intention, notices: Sequence[Notice] = ()) -> None:
        """Raises `JournalError` for a client id that was intended before, and for an unknown trade."""
        await self._write_fenced(lambda c: intend(c, intention, notices))

    async def settle_intention(self, client_id: str, state: IntentState, note: str = "") -> None:
        now = self._now()
        await self._write_fenced(lambda c: settle_intention(c, client_id, state, note, now))

    async def intentions(self, trade_id: str) -> tuple[Intention, ...]:
        return await self._read(lambda c: intentions_of(c, trade_id))

    async def intended(self, client_ids: Collection[str]) -> frozenset[str]:
        return await self._read(lambda c: intended(c, client_ids))

    async def show_positions(
        self, account: str, positions: Sequence[tuple[Trade, Position]], at: datetime
    ) -> None:
        shown: bool = await self._read(lambda c: shows_positions(c, account))
        if positions or shown:  # mostly neither: then nothing is written
            await self._write_fenced(lambda c: show_positions(c, account, positions, at))

    async def abandon_trade(self, trade: Trade, reason: str, at: datetime, notices: Sequence[Notice]) -> None:
        await self._write_fenced(lambda c: abandon_trade(c, trade, reason, at, notices))

    async def refused_entries(self, account: str, since: datetime) -> Mapping[str, datetime]:
        return await self._read(lambda c: refused_entries(c, account, since))
