"""Booking: a closed trade becomes history, capital, the day's figures and notices, all in one transaction.

Beside it what came and went without a trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, delete, insert, select, update

from core.codec import to_text
from core.journal import DayFigures
from core.market import Side
from core.notice import Notice
from core.trade import ClosedTrade, ExitReason, Fill, FundingPayment, Transfer
from db.journal_records import correct_flows
from db.journal_trades import BOOKED, OPEN
from db.part import JournalPart
from db.rows import (
    account_row,
    exact_sum,
    insert_new,
    matching,
    mirror_account,
    put_notices,
    texts,
    utc_day,
)
from db.tables_trading import (
    accounts,
    active_position,
    daily_performance,
    fills,
    funding_payments,
    notes,
    trade_history,
    trades,
    transfers,
)

OPENING_EQUITY = select(daily_performance.c.opening_equity).where(
    daily_performance.c.account == bindparam("account"), daily_performance.c.day == bindparam("day")
)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
MOST_ROWS = 2**31 - 1
CLOSED_TRADES = (
    select(trade_history)
    .where(trade_history.c.account == bindparam("account"), trade_history.c.closed_at >= bindparam("since"))
    .order_by(trade_history.c.closed_at.desc(), trade_history.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
NOTES = (
    select(notes.c.trade_id, notes.c.note)
    .where(notes.c.account == bindparam("account"))
    .order_by(notes.c.trade_id, notes.c.id)
)
NOTES_OF_FEW = NOTES.where(notes.c.trade_id.in_(bindparam("trade_ids", expanding=True)))
FEW = 100
"""Of so many trades notes are found one by one; databases bound how many names a question may hold."""
BOOKED_BY = "booking"
"""Author of the notes that a trade is closed with."""


def book(
    connection: Connection,
    closed: ClosedTrade,
    its_fills: Sequence[Fill],
    its_funding: Sequence[FundingPayment],
    opening_equity: Decimal,
    notices: Sequence[Notice],
) -> bool:
    if connection.execute(select(trade_history.c.id).where(trade_history.c.id == closed.id)).first():
        return False
    connection.execute(insert(trade_history).values(**_history_row(closed)))
    _book_evidence(connection, closed, its_fills, its_funding)
    _book_capital(connection, closed)
    _book_day(connection, closed, opening_equity)
    _end_trade(connection, closed)
    put_notices(connection, closed.account, notices, closed.closed_at)
    return True


def _history_row(closed: ClosedTrade) -> dict[str, Any]:
    same = (
        "id", "account", "symbol", "leverage", "quantity", "entry_price", "exit_price", "gross_pnl", "fees",
        "funding", "net_pnl", "risk_usd", "r_multiple", "opened_at", "closed_at", "origin", "decision_id",
        "score", "regime", "mfe", "mae",
    )  # fmt: skip
    row = {name: getattr(closed, name) for name in same}
    return row | {
        "side": closed.side.value,
        "exit_reason": closed.exit_reason.value,
        "advisers": to_text(closed.advisers),
    }


def _book_evidence(
    connection: Connection,
    closed: ClosedTrade,
    its_fills: Sequence[Fill],
    its_funding: Sequence[FundingPayment],
) -> None:
    whose = {"account": closed.account, "trade_id": closed.id}
    for fill in its_fills:
        insert_new(connection, fills, whose | _fill_row(fill))
    for paid in its_funding:
        row = whose | {"id": paid.id, "symbol": paid.symbol, "amount": paid.amount, "at": paid.at}
        insert_new(connection, funding_payments, row)
    for note in closed.notes:
        row = whose | {"note": note, "written_by": BOOKED_BY, "at": closed.closed_at}
        connection.execute(insert(notes).values(**row))


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "symbol": fill.symbol,
        "client_id": fill.client_id,
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "at": fill.at,
        "is_liquidation": fill.is_liquidation,
    }


def _book_capital(connection: Connection, closed: ClosedTrade) -> None:
    capital = exact_sum(account_row(connection, closed.account).current_capital, closed.net_pnl)
    connection.execute(
        update(accounts).where(accounts.c.account == closed.account).values(current_capital=capital)
    )
    mirror_account(connection, closed.account, closed.closed_at)


def _book_day(connection: Connection, closed: ClosedTrade, opening_equity: Decimal) -> None:
    key = {"account": closed.account, "day": utc_day(closed.closed_at)}
    open_day(connection, closed.account, utc_day(closed.closed_at), opening_equity)
    row = connection.execute(select(daily_performance).where(*matching(daily_performance, key))).one()
    figures = {
        "realised": exact_sum(row.realised, closed.net_pnl),
        "trades": row.trades + 1,
        "wins": row.wins + (closed.net_pnl > 0),
        "fees": exact_sum(row.fees, closed.fees),
        "funding": exact_sum(row.funding, closed.funding),
    }
    connection.execute(update(daily_performance).where(*matching(daily_performance, key)).values(**figures))


def open_day(connection: Connection, account: str, day: date, equity: Decimal) -> Decimal:
    """The opening equity that holds: the first one given."""
    zero = Decimal(0)
    row = {"account": account, "day": day, "opening_equity": equity, "realised": zero, "trades": 0, "wins": 0}
    insert_new(connection, daily_performance, row | {"fees": zero, "funding": zero})
    known = opening_equity_of(connection, account, day)
    return equity if known is None else known


def opening_equity_of(connection: Connection, account: str, day: date) -> Decimal | None:
    return connection.execute(OPENING_EQUITY, {"account": account, "day": day}).scalar_one_or_none()


def _end_trade(connection: Connection, closed: ClosedTrade) -> None:
    connection.execute(
        update(trades)
        .where(trades.c.id == closed.id, trades.c.state == OPEN)
        .values(
            state=BOOKED,
            updated_at=closed.closed_at,
            ended_at=closed.closed_at,
            end_reason=closed.exit_reason.value,
        )
    )
    connection.execute(delete(active_position).where(active_position.c.trade_id == closed.id))


def closed_trades(
    connection: Connection, account: str, since: datetime | None, limit: int | None
) -> tuple[ClosedTrade, ...]:
    span = {"account": account, "since": since or EVER, "limit": MOST_ROWS if limit is None else limit}
    rows = connection.execute(CLOSED_TRADES, span).all()
    written = _notes_of(connection, account, [row.id for row in rows]) if rows else {}
    return tuple(_closed_trade(row, written.get(row.id, ())) for row in reversed(rows))


def _notes_of(connection: Connection, account: str, trade_ids: list[str]) -> dict[str, tuple[str, ...]]:
    if len(trade_ids) > FEW:
        rows = connection.execute(NOTES, {"account": account}).all()
    else:
        rows = connection.execute(NOTES_OF_FEW, {"account": account, "trade_ids": trade_ids}).all()
    return {
        trade_id: tuple(row.note for row in group)
        for trade_id, group in groupby(rows, lambda row: row.trade_id)
    }


def _closed_trade(row: Row[Any], written: tuple[str, ...]) -> ClosedTrade:
    same = dict(row._mapping)
    same["side"] = Side(row.side)
    same["exit_reason"] = ExitReason(row.exit_reason)
    same["advisers"] = texts(row.advisers)
    return ClosedTrade(**same, notes=written)


def import_transfers(connection: Connection, account: str, seen: Sequence[Transfer]) -> int:
    new = [each for each in seen if insert_new(connection, transfers, _transfer_row(account, each))]
    opened_at = account_row(connection, account).opened_at
    if flowed := [each for each in new if each.at > opened_at]:
        correct_flows(connection, account, flowed)
    return len(new)


def _transfer_row(account: str, transfer: Transfer) -> dict[str, Any]:
    return {"account": account, "id": transfer.id, "amount": transfer.amount, "at": transfer.at}


def transfers_of(connection: Connection, account: str, since: datetime | None) -> tuple[Transfer, ...]:
    found = select(transfers.c.id, transfers.c.amount, transfers.c.at).where(transfers.c.account == account)
    if since is not None:
        found = found.where(transfers.c.at >= since)
    oldest_first = found.order_by(transfers.c.at, transfers.c.id)
    return tuple(Transfer(row.id, row.amount, row.at) for row in connection.execute(oldest_first))


def days(connection: Connection, account: str, since: date | None) -> tuple[DayFigures, ...]:
    found = select(daily_performance).where(daily_performance.c.account == account)
    if since is not None:
        found = found.where(daily_performance.c.day >= since)
    rows = connection.execute(found.order_by(daily_performance.c.day))
    return tuple(
        DayFigures(row.day, row.opening_equity, row.realised, row.trades, row.wins, row.fees, row.funding)
        for row in rows
    )


class BookingPart(JournalPart):
    """`TradeJournal.book`, what reads its results, and transfers."""

    async def book(
        self,
        closed: ClosedTrade,
        fills: Sequence[Fill],
        funding: Sequence[FundingPayment],
        opening_equity: Decimal,
        notices: Sequence[Notice],
    ) -> bool:
        return await self._write_fenced(lambda c: book(c, closed, fills, funding, opening_equity, notices))

    async def closed_trades(
        self, account: str, since: datetime | None = None, limit: int | None = None
    ) -> tuple[ClosedTrade, ...]:
        return await self._read(lambda c: closed_trades(c, account, since, limit))

    async def day_opening_equity(self, account: str, day: date, equity: Decimal) -> Decimal:
        known = await self._read(lambda c: opening_equity_of(c, account, day))
        if known is not None:
            return known
        return await self._write_fenced(lambda c: open_day(c, account, day, equity))

    async def import_transfers(self, account: str, transfers: Sequence[Transfer]) -> int:
        """Equity points between a transfer and its import are given it as their flow, with the units that
        follow: what was paid in would otherwise stand as a peak. What came before the account was opened is
        no flow."""
        if not transfers:
            return 0
        return await self._write_fenced(lambda c: import_transfers(c, account, transfers))

    async def transfers(self, account: str, since: datetime | None = None) -> tuple[Transfer, ...]:
        return await self._read(lambda c: transfers_of(c, account, since))

    async def days(self, account: str, since: date | None = None) -> tuple[DayFigures, ...]:
        """Rows of `daily_performance`, oldest first."""
        return await self._read(lambda c: days(c, account, since))
