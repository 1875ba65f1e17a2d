"""What was seen and judged: decisions, scans, equity. Written often, read by people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Float, Row, Select, bindparam, cast, func, select, true, update

from core.codec import to_text
from core.growth import units_at
from core.journal import DecisionRecord, EquityPoint, ScanRecord
from core.trade import Transfer
from db.journal_opinions import record_judgements
from db.journal_tapes import record_tapes
from db.part import JournalPart
from db.rows import exact_sum, insert_new, minute_of, put, texts
from db.tables_trading import approvals, decisions, equity_points, scans

CURVE_POINTS = 5_000
"""A year of minutes is half a million rows; a picture and a statistic need no more than this."""


HIGHEST = (
    select(equity_points)
    .where(equity_points.c.account == bindparam("account"))
    .order_by(equity_points.c.unit_price.desc())
    .limit(1)
)
HIGHEST_SINCE = HIGHEST.where(
    equity_points.c.at >= bindparam("since"), equity_points.c.minute >= bindparam("minute")
)


def record_decisions(
    connection: Connection, judged: Sequence[DecisionRecord], scan: ScanRecord | None
) -> None:
    if scan is not None:
        insert_new(connection, scans, _scan_row(scan))
    rows = [(decision, _decision_row(decision)) for decision in judged]
    new = [(decision, row) for decision, row in rows if insert_new(connection, decisions, row)]
    record_tapes(connection, new)
    record_judgements(connection, [decision for decision, _ in new])


def _scan_row(scan: ScanRecord) -> dict[str, Any]:
    return {
        "id": scan.id,
        "account": scan.account,
        "started_at": scan.started_at,
        "ended_at": scan.ended_at,
        "symbols": scan.symbols,
        "funnel": to_text(scan.funnel),
        "ranking": to_text(scan.ranking),
    }


def _decision_row(decision: DecisionRecord) -> dict[str, Any]:
    same = ("id", "account", "scan_id", "symbol", "at", "gate", "score", "stance")
    row = {name: getattr(decision, name) for name in same}
    return row | {"reasons": to_text(decision.reasons), "facts": to_text(decision.facts)}


def last_scan(connection: Connection, account: str) -> tuple[ScanRecord, tuple[DecisionRecord, ...]] | None:
    newest = (
        select(scans)
        .where(scans.c.account == account)
        .order_by(scans.c.started_at.desc(), scans.c.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    if row is None:
        return None
    judged = (
        select(decisions).where(decisions.c.scan_id == row.id).order_by(decisions.c.symbol, decisions.c.id)
    )
    return _scan(row), tuple(decision_row(each) for each in connection.execute(judged))


def last_decision(connection: Connection, account: str, symbol: str, gate: str) -> DecisionRecord | None:
    newest = (
        select(decisions)
        .where(decisions.c.account == account, decisions.c.symbol == symbol)
        .where(decisions.c.gate == gate if gate else true())
        .order_by(decisions.c.at.desc(), decisions.c.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return None if row is None else decision_row(row)


def decision_of(connection: Connection, decision_id: str) -> DecisionRecord | None:
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).one_or_none()
    return None if row is None else decision_row(row)


def _scan(row: Row[Any]) -> ScanRecord:
    return ScanRecord(
        id=row.id,
        account=row.account,
        started_at=row.started_at,
        ended_at=row.ended_at,
        symbols=row.symbols,
        funnel=json.loads(row.funnel),
        ranking=tuple(json.loads(row.ranking)),
    )


def decision_row(row: Row[Any]) -> DecisionRecord:
    plain = dict(row._mapping)
    return DecisionRecord(**plain | {"reasons": texts(row.reasons), "facts": json.loads(row.facts)})


def approval_counts(connection: Connection, account: str) -> dict[str, int]:
    found = (
        select(approvals.c.state, func.count().label("cards"))
        .where(approvals.c.account == account)
        .group_by(approvals.c.state)
        .order_by(approvals.c.state)
    )
    return {row.state: row.cards for row in connection.execute(found)}


def record_equity(connection: Connection, account: str, point: EquityPoint) -> None:
    row = {
        "account": account,
        "minute": minute_of(point.at),
        "at": point.at,
        "wallet": point.wallet,
        "unrealised": point.unrealised,
        "equity": point.equity,
        "flows": point.flows,
        "units": point.units,
        "unit_price": float(point.unit_price),
    }
    put(connection, equity_points, row)


def highest_point(connection: Connection, account: str, since: datetime | None) -> EquityPoint | None:
    if since is None:
        row = connection.execute(HIGHEST, {"account": account}).one_or_none()
    else:
        span = {"account": account, "since": since, "minute": minute_of(since)}
        row = connection.execute(HIGHEST_SINCE, span).one_or_none()
    return None if row is None else _point(row)


def richest_point(connection: Connection, account: str, since: datetime | None) -> EquityPoint | None:
    """Reads them all; asked for once after a start, a transfer or an acknowledged drawdown.

    In millionths: two floats of the same money at different sizes would differ in their last digits.
    """
    points = equity_points.c
    gained = func.round((cast(points.equity, Float) - cast(points.flows, Float)) * 1_000_000)
    found = _points(account, since).order_by(gained.desc(), points.minute.desc()).limit(1)
    row = connection.execute(found).one_or_none()
    return None if row is None else _point(row)


def correct_flows(connection: Connection, account: str, late: Sequence[Transfer]) -> None:
    """Counts transfers in the points that were recorded after them and before they were known; all of these
    have other units then.

    Of the same moment the point came first: a wallet that has changed is recorded only with its transfers.
    """
    points, since = equity_points.c, min(each.at for each in late)
    earlier = (
        select(equity_points)
        .where(points.account == account, points.minute <= minute_of(since), points.at < since)
        .order_by(points.minute.desc())
        .limit(1)
    )
    row = connection.execute(earlier).one_or_none()
    last = None if row is None else _point(row)
    corrected = []
    for row in connection.execute(_points(account, since).order_by(points.minute)):
        flows = exact_sum(row.flows, *(each.amount for each in late if each.at < row.at))
        last = EquityPoint(row.at, row.wallet, row.unrealised, flows, units_at(last, row.equity, flows))
        price = float(last.unit_price)
        corrected.append({"of": row.minute, "flows": flows, "units": last.units, "unit_price": price})
    if corrected:
        by_minute = update(equity_points).where(points.account == account, points.minute == bindparam("of"))
        connection.execute(by_minute, corrected)


def equity_curve(connection: Connection, account: str, since: datetime | None) -> tuple[EquityPoint, ...]:
    found = _points(account, since)
    count = connection.execute(found.with_only_columns(func.count())).scalar_one()
    step = -(-count // CURVE_POINTS)
    newest_first = func.row_number().over(order_by=equity_points.c.minute.desc()).label("place")
    numbered = found.add_columns(newest_first).subquery()
    kept = select(numbered).order_by(numbered.c.minute)
    if step > 1:
        kept = kept.where(numbered.c.place % step == 1)
    return tuple(_point(row) for row in connection.execute(kept))


def _point(row: Row[Any]) -> EquityPoint:
    return EquityPoint(row.at, row.wallet, row.unrealised, row.flows, row.units)


def _points(account: str, since: datetime | None) -> Select[Any]:
    found = select(equity_points).where(equity_points.c.account == account)
    return (
        found
        if since is None
        else found.where(equity_points.c.at >= since, equity_points.c.minute >= minute_of(since))
    )


class RecordPart(JournalPart):
    """`DeskJournal`'s decisions and equity, and `HouseJournal`'s questions about them."""

    async def record_decisions(self, decisions: Sequence[DecisionRecord], scan: ScanRecord | None) -> None:
        await self._write_fenced(lambda c: record_decisions(c, decisions, scan))

    async def last_scan(self, account: str) -> tuple[ScanRecord, tuple[DecisionRecord, ...]] | None:
        return await self._read(lambda c: last_scan(c, account))

    async def last_decision(self, account: str, symbol: str, gate: str = "") -> DecisionRecord | None:
        return await self._read(lambda c: last_decision(c, account, symbol, gate))

    async def decision(self, decision_id: str) -> DecisionRecord | None:
        return await self._read(lambda c: decision_of(c, decision_id))

    async def approval_counts(self, account: str) -> Mapping[str, int]:
        return await self._read(lambda c: approval_counts(c, account))

    async def record_equity(self, account: str, point: EquityPoint) -> None:
        """The newest point of a minute is the one kept."""
        await self._write_fenced(lambda c: record_equity(c, account, point))

    async def highest_point(self, account: str, since: datetime | None) -> EquityPoint | None:
        return await self._read(lambda c: highest_point(c, account, since))

    async def richest_point(self, account: str, since: datetime | None) -> EquityPoint | None:
        return await self._read(lambda c: richest_point(c, account, since))

    async def equity_curve(self, account: str, since: datetime | None = None) -> tuple[EquityPoint, ...]:
        """Oldest first; the newest is always there, and above 5,000 points they are thinned evenly."""
        return await self._read(lambda c: equity_curve(c, account, since))
