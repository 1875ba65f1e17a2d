"""Tapes of decisions and their pieces: written with the decision, read to play it again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from core.journal import DecisionRecord
from core.opinion import Purpose
from core.ports import AdviserCall
from core.replay import ChainReport, TapedDecision
from db.chain import DECISION, TAPE, Chained, begin, chain, digest_of
from db.chain_walk import verified
from db.part import JournalPart
from db.rows import insert_all_new, texts
from db.tables_house import adviser_calls
from db.tables_tapes import decision_tapes, tape_pieces
from db.tables_trading import decisions

AT_ONCE = 500
"""Names in one question."""
CALL_COLUMNS = tuple(field.name for field in fields(AdviserCall))

KNOWN_PIECES = select(tape_pieces.c.digest).where(
    tape_pieces.c.digest.in_(bindparam("digests", expanding=True))
)
PIECES = select(tape_pieces).where(tape_pieces.c.digest.in_(bindparam("digests", expanding=True)))


def record_tapes(connection: Connection, new: Sequence[tuple[DecisionRecord, Mapping[str, Any]]]) -> None:
    """Tapes, pieces and links of decisions whose rows were just written."""
    _put_pieces(connection, [decision for decision, _ in new])
    links = []
    for decision, row in new:
        links.append((decision.account, Chained(DECISION, decision.id, digest_of(DECISION, row))))
        if decision.tape is not None:
            tape = {"decision_id": decision.id, "account": decision.account, "body": decision.tape.body}
            connection.execute(insert(decision_tapes), tape)
            links.append((decision.account, Chained(TAPE, decision.id, digest_of(TAPE, tape))))
    for account, group in groupby(links, key=lambda link: link[0]):
        chain(connection, account, [chained for _, chained in group])


def _put_pieces(connection: Connection, judged: Iterable[DecisionRecord]) -> None:
    """Those that are not there: most of a window was written by the scan before."""
    wanted = {
        bytes.fromhex(name): body
        for decision in judged
        if decision.tape is not None
        for name, body in decision.tape.pieces.items()
    }
    for digests in _portions(list(wanted)):
        known = set(connection.execute(KNOWN_PIECES, {"digests": digests}).scalars())
        new = [{"digest": digest, "body": wanted[digest]} for digest in digests if digest not in known]
        insert_all_new(connection, tape_pieces, new)


def _portions(names: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(names), AT_ONCE):
        yield names[start : start + AT_ONCE]


def taped(connection: Connection, decision_id: str) -> TapedDecision | None:
    found = (
        select(decisions, decision_tapes.c.body)
        .outerjoin(decision_tapes, decision_tapes.c.decision_id == decisions.c.id)
        .where(decisions.c.id == decision_id)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    columns = {column.name: row._mapping[column] for column in decisions.c}
    shown = {"reasons": texts(row.reasons), "facts": json.loads(row.facts)}
    return TapedDecision(DecisionRecord(**columns | shown), row.body)


def decision_ids(connection: Connection, after: str, limit: int) -> tuple[str, ...]:
    found = select(decisions.c.id).where(decisions.c.id > after).order_by(decisions.c.id).limit(limit)
    return tuple(connection.execute(found).scalars())


def pieces(connection: Connection, names: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for digests in _portions([bytes.fromhex(name) for name in names]):
        found |= {row.digest.hex(): row.body for row in connection.execute(PIECES, {"digests": digests})}
    return found


def calls(connection: Connection, ids: Collection[str]) -> dict[str, AdviserCall]:
    wanted = select(*(adviser_calls.c[name] for name in CALL_COLUMNS))
    found: dict[str, AdviserCall] = {}
    for portion in _portions(list(ids)):
        for row in connection.execute(wanted.where(adviser_calls.c.id.in_(portion))):
            found[row.id] = AdviserCall(**dict(row._mapping) | {"purpose": Purpose(row.purpose)})
    return found


class TapePart(JournalPart):
    """`core.replay.ReplayJournal` and the walk over the chain."""

    async def begin_chain(self, account: str) -> None:
        """At a start: after an upgrade it reads the ids of everything that was ever recorded."""
        await self._write(lambda c: begin(c, account))

    async def taped(self, decision_id: str) -> TapedDecision | None:
        return await self._read(lambda c: taped(c, decision_id))

    async def decision_ids(self, after: str, limit: int) -> tuple[str, ...]:
        return await self._read(lambda c: decision_ids(c, after, limit))

    async def pieces(self, names: Collection[str]) -> Mapping[str, bytes]:
        return await self._read(lambda c: pieces(c, names))

    async def calls(self, ids: Collection[str]) -> Mapping[str, AdviserCall]:
        return await self._read(lambda c: calls(c, ids))

    async def verify_chain(self) -> ChainReport:
        return await verified(self._database)
