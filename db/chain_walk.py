"""Walks the chain from its first link to its last and names the first row that is not as it was written.

Laws:
- Memory does not grow with the journal: a few hundred links, rows or pieces are held at a time.
- The bot may go on writing meanwhile: what is written after the start is left to the next walk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, select

from core.replay import ChainReport, Fault
from core.trading.chunks import listed, name_of, unpacked
from db.chain import (
    COVERED,
    GENESIS,
    IS_COMPLETE,
    TAPE,
    Chained,
    digest_of,
    ids_outside,
    link_of,
    outside,
    rows_of,
)
from db.session import Database
from db.tables_house import adviser_calls
from db.tables_tapes import chain_heads, journal_chain, tape_pieces

AT_ONCE = 250
NOT_THE_SAME = "its content is not what was recorded"
GONE = "it is gone"

Step = Callable[[Connection], Fault | None]


@dataclass(slots=True)
class Walk:
    links: int = 0
    unchained: int = 0
    waiting: int = 0
    pieces: int = 0
    heads: dict[str, str] = field(default_factory=dict)

    def report(self, fault: Fault | None) -> ChainReport:
        return ChainReport(self.links, self.unchained, self.waiting, self.pieces, self.heads, fault)


async def verified(database: Database) -> ChainReport:
    walk = Walk()
    heads = await database.read(lambda c: c.execute(select(chain_heads).order_by("account")).all())
    for head in heads:
        fault = await _walk_account(database, head, walk)
        if fault is not None:
            return walk.report(fault)
    fault = await database.read(lambda c: _headless(c, [head.account for head in heads]))
    fault = fault or await _walk_pieces(database, walk)
    walk.waiting = await database.read(_waiting)
    return walk.report(fault)


async def _walk_account(database: Database, head: Row[Any], walk: Walk) -> Fault | None:
    number, link = 0, GENESIS
    while number < head.number:
        page = await database.read(lambda c, n=number: _page(c, head, n))  # type: ignore[misc]
        fault, number, link = _follow(page, head, number, link)
        fault = fault or await database.read(lambda c, p=page: _compare(c, p))  # type: ignore[misc]
        if fault is not None:
            return fault
        walk.links += len(page)
    if link != head.link:
        return Fault("chain_heads", head.account, "it is not the newest link")
    walk.heads[head.account] = link.hex()
    walk.unchained += head.rows_before
    return await database.read(lambda c: _beside(c, head))


def _page(connection: Connection, head: Row[Any], after: int) -> Sequence[Row[Any]]:
    chained = journal_chain.c
    found = (
        select(journal_chain)
        .where(chained.account == head.account, chained.number > after, chained.number <= head.number)
        .order_by(chained.number)
        .limit(AT_ONCE)
    )
    return connection.execute(found).all()


def _follow(
    page: Sequence[Row[Any]], head: Row[Any], number: int, link: bytes
) -> tuple[Fault | None, int, bytes]:
    """Numbers without a gap, each link from the one before."""
    if not page:
        return Fault("journal_chain", f"{head.account} {number + 1}", GONE), number, link
    for row in page:
        number += 1
        name = f"{head.account} {number}"
        if row.number != number:
            return Fault("journal_chain", name, GONE), number, link
        link = link_of(link, number, Chained(row.kind, row.row_id, row.digest))
        if link != row.link:
            what = f"it does not follow from the link before it (it names {row.kind} {row.row_id})"
            return Fault("journal_chain", name, what), number, link
    return None, number, link


def _compare(connection: Connection, page: Sequence[Row[Any]]) -> Fault | None:
    """The rows that the links name against their digests."""
    found = {kind: rows_of(connection, kind, [r.row_id for r in page if r.kind == kind]) for kind in COVERED}
    for link in page:
        if link.kind not in COVERED:
            return Fault("journal_chain", f"{link.account} {link.number}", f"no kind {link.kind} is known")
        table = COVERED[link.kind][0].name
        row = found[link.kind].get(link.row_id)
        if row is None:
            return Fault(table, link.row_id, GONE)
        is_same = digest_of(link.kind, dict(row._mapping)) == link.digest
        if not is_same and not _is_completed_later(connection, link):
            return Fault(table, link.row_id, NOT_THE_SAME)
    return _lacking(connection, list(found[TAPE].values()))


def _is_completed_later(connection: Connection, link: Row[Any]) -> bool:
    chained = journal_chain.c
    later = (
        select(chained.number)
        .where(chained.row_id == link.row_id, chained.kind == link.kind)
        .where(chained.account == link.account, chained.number > link.number)
    )
    return connection.execute(later.limit(1)).first() is not None


def _lacking(connection: Connection, tapes: Sequence[Row[Any]]) -> Fault | None:
    """Pieces that these tapes name and that are not there."""
    wanted: dict[str, str] = {}
    for tape in tapes:
        for name in json.loads(unpacked(tape.body))["pieces"]:
            wanted.setdefault(name, tape.decision_id)
    missing = _absent(connection, list(wanted))
    return Fault("tape_pieces", missing, f"{GONE}; tape {wanted[missing]} names it") if missing else None


def _absent(connection: Connection, names: Sequence[str]) -> str | None:
    for start in range(0, len(names), AT_ONCE):
        asked = names[start : start + AT_ONCE]
        digests = [bytes.fromhex(name) for name in asked]
        known = select(tape_pieces.c.digest).where(tape_pieces.c.digest.in_(digests))
        there = {digest.hex() for digest in connection.execute(known).scalars()}
        if lacking := next((name for name in asked if name not in there), None):
            return lacking
    return None


def _beside(connection: Connection, head: Row[Any]) -> Fault | None:
    """Rows that no link names: those from before the chain, no others; and no link behind the head."""
    newest = select(func.max(journal_chain.c.number)).where(journal_chain.c.account == head.account)
    now = select(chain_heads.c.number).where(chain_heads.c.account == head.account)
    if (connection.execute(newest).scalar() or 0) != connection.execute(now).scalar():
        return Fault("chain_heads", head.account, "links stand behind the newest one")
    count, ids = ids_outside(connection, head.account)
    if count == head.rows_before and ids == head.ids_before:
        return None
    if count <= head.rows_before:
        what = f"of {head.rows_before} rows recorded before the chain began, {count} are there, or others"
        return Fault("decisions and adviser_calls", head.account, what)
    return _newest_foreign(connection, head.account)


def _newest_foreign(connection: Connection, account: str) -> Fault:
    what = "no link of the chain names it: it was not written by the bot"
    tapes = connection.execute(outside(account, TAPE).limit(1)).scalars().first()
    if tapes is not None:
        return Fault(COVERED[TAPE][0].name, tapes, what)
    newest = [
        (row.at, COVERED[kind][0].name, row.id)
        for kind in COVERED
        if kind != TAPE
        for row in connection.execute(_by_age(account, kind))
    ]
    _, table, row_id = max(newest)
    return Fault(table, row_id, what)


def _by_age(account: str, kind: str) -> Any:
    table = COVERED[kind][0]
    ids = outside(account, kind).order_by(None).subquery()
    found = select(table.c.id, table.c.at).where(table.c.id.in_(select(ids.c.id)))
    return found.order_by(table.c.at.desc(), table.c.id.desc()).limit(1)


def _headless(connection: Connection, known: Sequence[str]) -> Fault | None:
    lost = select(journal_chain.c.account).where(journal_chain.c.account.not_in(known)).limit(1)
    account = connection.execute(lost).scalars().first()
    if account is None:
        return None
    has_head = select(chain_heads.c.number).where(chain_heads.c.account == account)
    is_new = connection.execute(has_head).first() is not None
    return None if is_new else Fault("chain_heads", account, GONE)


async def _walk_pieces(database: Database, walk: Walk) -> Fault | None:
    last = b""
    while True:
        page = await database.read(lambda c, behind=last: _piece_page(c, behind))  # type: ignore[misc]
        fault = await database.read(lambda c, p=page: _compare_pieces(c, p))  # type: ignore[misc]
        if fault is not None or not page:
            return fault
        walk.pieces += len(page)
        last = page[-1].digest


def _piece_page(connection: Connection, behind: bytes) -> Sequence[Row[Any]]:
    found = select(tape_pieces).where(tape_pieces.c.digest > behind)
    return connection.execute(found.order_by(tape_pieces.c.digest).limit(AT_ONCE)).all()


def _compare_pieces(connection: Connection, page: Sequence[Row[Any]]) -> Fault | None:
    for row in page:
        name = row.digest.hex()
        try:
            content = unpacked(row.body)
            inner = listed(content)
        except ValueError as error:
            return Fault("tape_pieces", name, str(error))
        if name_of(content) != name:
            return Fault("tape_pieces", name, NOT_THE_SAME)
        if lacking := _absent(connection, inner):
            return Fault("tape_pieces", lacking, f"{GONE}; the window {name} names it")
    return None


def _waiting(connection: Connection) -> int:
    return connection.execute(
        select(func.count()).select_from(adviser_calls).where(~IS_COMPLETE)
    ).scalar_one()
