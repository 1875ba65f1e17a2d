"""The advisers' part: every request with its raw answer, the answers kept for reuse, the running figures."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from core.journal import AiFigures
from core.ports import AdviserCall, CachedAnswer
from core.spending import pico_up, usd_of
from db.chain import chain_call
from db.journal_spending import settle
from db.part import JournalPart
from db.rows import active_account, add_up, insert_new, put
from db.tables_house import adviser_calls, ai_analysis_cache, ai_hours

CALL_FIELDS = (
    "id", "adviser", "model_asked", "symbol", "question_key", "request", "at", "attempt", "raw", "status",
    "model_returned", "tokens_in", "tokens_out", "tokens_cached", "cost_usd", "latency_s", "error",
    "headers", "decision_id", "purpose",
)  # fmt: skip


def record_call(connection: Connection, call: AdviserCall) -> None:
    """An answer that is recorded stays as it is; a call recorded without one is completed by its answer."""
    row = {name: getattr(call, name) for name in CALL_FIELDS}
    account = active_account(connection)
    if insert_new(connection, adviser_calls, row | {"account": account}):
        spent = settle(connection, account, call)
        _count(connection, account, call.adviser, call.at, calls=1, cost=spent)
        chain_call(connection, call.id)
        return
    known = select(adviser_calls.c.raw).where(adviser_calls.c.id == call.id)
    if connection.execute(known).scalar_one() is None:
        connection.execute(update(adviser_calls).where(adviser_calls.c.id == call.id).values(**row))
        _count(connection, account, call.adviser, call.at, cost=settle(connection, account, call))
        chain_call(connection, call.id)


def _count(
    connection: Connection,
    account: str,
    adviser: str,
    at: datetime,
    calls: int = 0,
    cache_hits: int = 0,
    cost: Decimal = Decimal(0),
) -> None:
    key = {"account": account, "adviser": adviser, "hour": _hour_of(at)}
    amounts = {"calls": calls, "cache_hits": cache_hits, "cost_pico_usd": pico_up(cost)}
    add_up(connection, ai_hours, key, amounts)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def fresh_answer(connection: Connection, key: str, now: datetime) -> CachedAnswer | None:
    cache = ai_analysis_cache.c
    row = connection.execute(
        select(ai_analysis_cache).where(cache.key == key, cache.expires_at > now)
    ).one_or_none()
    return None if row is None else _answer(row)


def _answer(row: Row[Any]) -> CachedAnswer:
    return CachedAnswer(
        key=row.key,
        adviser=row.adviser,
        symbol=row.symbol,
        call_id=row.call_id,
        raw=row.raw,
        model=row.model,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def count_hit(connection: Connection, answer: CachedAnswer, now: datetime) -> None:
    connection.execute(
        update(ai_analysis_cache)
        .where(ai_analysis_cache.c.key == answer.key)
        .values(hits=ai_analysis_cache.c.hits + 1)
    )
    _count(connection, active_account(connection), answer.adviser, now, cache_hits=1)


def keep_answer(connection: Connection, answer: CachedAnswer) -> None:
    forget_expired(connection, answer.created_at)
    row = {
        "key": answer.key,
        "account": active_account(connection),
        "adviser": answer.adviser,
        "symbol": answer.symbol,
        "call_id": answer.call_id,
        "raw": answer.raw,
        "model": answer.model,
        "created_at": answer.created_at,
        "expires_at": answer.expires_at,
        "hits": 0,
    }
    put(connection, ai_analysis_cache, row)


def forget_expired(connection: Connection, now: datetime) -> int:
    expired = ai_analysis_cache.c.expires_at <= now
    return connection.execute(delete(ai_analysis_cache).where(expired)).rowcount


def ai_figures(connection: Connection, since: datetime | None) -> AiFigures:
    figures = select(
        func.coalesce(func.sum(ai_hours.c.calls), 0),
        func.coalesce(func.sum(ai_hours.c.cache_hits), 0),
        func.coalesce(func.sum(ai_hours.c.cost_pico_usd), 0),
    ).where(ai_hours.c.account == active_account(connection))
    if since is not None:
        figures = figures.where(ai_hours.c.hour >= _hour_of(since))
    calls, cache_hits, pico = connection.execute(figures).one()
    return AiFigures(int(calls), int(cache_hits), usd_of(pico))


class CallPart(JournalPart):
    """`core.ports.CallJournal` and `HouseJournal.ai_figures`."""

    async def record_call(self, call: AdviserCall) -> None:
        await self._write(lambda c: record_call(c, call))

    async def cached_answer(self, key: str, now: datetime) -> CachedAnswer | None:
        answer = await self._read(lambda c: fresh_answer(c, key, now))
        if answer is not None:
            await self._write(lambda c: count_hit(c, answer, now))
        return answer

    async def keep_answer(self, answer: CachedAnswer) -> None:
        await self._write(lambda c: keep_answer(c, answer))

    async def forget_expired_answers(self, now: datetime) -> int:
        """How many rows of the cache were removed."""
        return await self._write(lambda c: forget_expired(c, now))

    async def ai_figures(self, since: datetime | None) -> AiFigures:
        """The active account's, from the full hour that holds `since`; None: from the beginning."""
        return await self._read(lambda c: ai_figures(c, since))
