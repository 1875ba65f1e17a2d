"""The hash chain over calls, decisions and tapes: who changes, adds or removes a row is found by walking it.

Laws:
- One chain per account, one link per row, written in the row's own transaction; the head is locked meanwhile,
  so that two writers never write two links with one number.
- A link covers the link before it, its number, the row's kind and id, and the digest of the row's content.
- A request to an adviser is chained when it is complete: an answer, a status or an error is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, insert, or_, select, update

from core.codec import to_text
from db.rows import insert_new
from db.tables_house import adviser_calls
from db.tables_tapes import chain_heads, decision_tapes, journal_chain
from db.tables_trading import decisions

GENESIS = bytes(32)
CALL, DECISION, TAPE = "call", "decision", "tape"
IDS_AT_ONCE = 5_000

COVERED: Mapping[str, tuple[Table, str, tuple[str, ...]]] = {
    CALL: (
        adviser_calls,
        "id",
        (
            "id", "account", "adviser", "model_asked", "symbol", "question_key", "request", "at", "attempt",
            "raw", "status", "model_returned", "tokens_in", "tokens_out", "tokens_cached", "cost_usd",
            "latency_s", "error", "headers", "decision_id", "purpose",
        ),
    ),
    DECISION: (
        decisions,
        "id",
        ("id", "account", "scan_id", "symbol", "at", "gate", "reasons", "score", "stance", "facts"),
    ),
    TAPE: (decision_tapes, "decision_id", ("decision_id", "account", "body")),
}  # fmt: skip
"""Kind → its table, key and the columns that its digest covers. Columns added later are not covered."""

IS_COMPLETE = or_(
    adviser_calls.c.raw.is_not(None), adviser_calls.c.status.is_not(None), adviser_calls.c.error != ""
)

HEAD = select(chain_heads).where(chain_heads.c.account == bindparam("account")).with_for_update()
CALL_ROW = select(*(adviser_calls.c[name] for name in COVERED[CALL][2])).where(
    adviser_calls.c.id == bindparam("id"), IS_COMPLETE
)
DIGESTS = select(journal_chain.c.digest).where(
    journal_chain.c.row_id == bindparam("id"), journal_chain.c.kind == bindparam("kind")
)
MOVE_HEAD = (
    update(chain_heads)
    .where(chain_heads.c.account == bindparam("whose"))
    .values(number=bindparam("newest"), link=bindparam("made"))
)


@dataclass(frozen=True, slots=True)
class Chained:
    kind: str
    row_id: str
    digest: bytes


def digest_of(kind: str, values: Mapping[str, Any]) -> bytes:
    """SHA-256 of the covered columns' values, as Python reads them from the database."""
    return hashlib.sha256(to_text([_plain(values[name]) for name in COVERED[kind][2]]).encode()).digest()


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def link_of(before: bytes, number: int, chained: Chained) -> bytes:
    named = f"{number}\x1f{chained.kind}\x1f{chained.row_id}\x1f".encode()
    return hashlib.sha256(before + named + chained.digest).digest()


def begin(connection: Connection, account: str) -> None:
    """Counts what was recorded before there was a chain; once, and best before anything else waits for the
    writer."""
    _head(connection, account, frozenset())


def chain(connection: Connection, account: str, rows: Sequence[Chained]) -> None:
    """Adds a link for each, in this order, in the caller's transaction."""
    if not rows:
        return
    number, link = _head(connection, account, frozenset((row.kind, row.row_id) for row in rows))
    links = []
    for chained in rows:
        number += 1
        link = link_of(link, number, chained)
        links.append(
            {
                "account": account,
                "number": number,
                "kind": chained.kind,
                "row_id": chained.row_id,
                "digest": chained.digest,
                "link": link,
            }
        )
    connection.execute(insert(journal_chain), links)
    connection.execute(MOVE_HEAD, {"whose": account, "newest": number, "made": link})


def chain_call(connection: Connection, call_id: str) -> None:
    """Once it is complete; a completion that comes after an error is one more link."""
    row = connection.execute(CALL_ROW, {"id": call_id}).one_or_none()
    if row is None:
        return
    digest = digest_of(CALL, dict(row._mapping))
    if digest not in connection.execute(DIGESTS, {"kind": CALL, "id": call_id}).scalars().all():
        chain(connection, row.account, [Chained(CALL, call_id, digest)])


def _head(connection: Connection, account: str, new: frozenset[tuple[str, str]]) -> tuple[int, bytes]:
    """`new`: rows of this transaction, which the chain will name."""
    row = connection.execute(HEAD, {"account": account}).one_or_none()
    if row is None:
        count, ids = ids_outside(connection, account, new)
        first = {
            "account": account, "number": 0, "link": GENESIS, "rows_before": count, "ids_before": ids,
        }  # fmt: skip
        insert_new(connection, chain_heads, first)
        row = connection.execute(HEAD, {"account": account}).one()
    return row.number, row.link


def ids_outside(
    connection: Connection, account: str, new: frozenset[tuple[str, str]] = frozenset()
) -> tuple[int, bytes]:
    """How many complete rows of this account no link names, and the SHA-256 of their ids in order."""
    count, running = 0, hashlib.sha256()
    for kind in COVERED:
        for row_id in _outside(connection, account, kind):
            if (kind, row_id) in new:
                continue
            count += 1
            running.update(f"{kind}\x1f{row_id}\n".encode())
    return count, running.digest()


def _outside(connection: Connection, account: str, kind: str) -> Iterator[str]:
    """One statement, read in portions: asked page by page, each page would sort the whole journal again."""
    yield from connection.execute(outside(account, kind).execution_options(yield_per=IDS_AT_ONCE)).scalars()


def outside(account: str, kind: str) -> Select[Any]:
    """Ids of rows that no link names, in order."""
    table, key, _ = COVERED[kind]
    is_named = (
        select(journal_chain.c.row_id)
        .where(journal_chain.c.row_id == table.c[key], journal_chain.c.kind == kind)
        .where(journal_chain.c.account == account)
        .exists()
    )
    found = select(table.c[key]).where(table.c.account == account, ~is_named)
    if kind == CALL:
        found = found.where(IS_COMPLETE)
    return found.order_by(table.c[key])


def rows_of(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, Row[Any]]:
    table, key, names = COVERED[kind]
    found = connection.execute(select(*(table.c[name] for name in names)).where(table.c[key].in_(ids)))
    return {row._mapping[key]: row for row in found}
