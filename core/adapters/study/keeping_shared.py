"""A study in PostgreSQL that processes on any number of machines search together.

Laws:
- A set's values are its key: two processes can't begin the same one, and a number is given once.
- Whoever works beats; the sets of one who has not for `STALE_S` are taken over, and what it may still send
  of them is not recorded.
- Beats are compared by the database's clock alone. What is claimed or finished goes through the lock of the
  study's row, so that the order of what is finished is the order in which it can be read.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import psycopg

from core.adapters.study.keeping import (
    POSTGRESQL,
    Claim,
    Claims,
    Fingerprint,
    record_of,
    record_text,
    require_same,
)
from core.backtest.search_play import Tried
from core.backtest.search_space import BadSearch, ValueSet

STALE_S: Final = 15.0
BEAT_S: Final = 1.0
ASKED_EVERY_S: Final = 0.3
CONNECT_S: Final = 10
TABLES_LOCK: Final = 7_340_312
"""Of PostgreSQL's advisory locks: two who begin at once would both make the tables."""
TABLES: Final = """
CREATE TABLE IF NOT EXISTS perpilot_study (
    name text PRIMARY KEY, begun_with text NOT NULL, begun_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS perpilot_study_worker (
    id text PRIMARY KEY, study text NOT NULL, beat_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS perpilot_study_set (
    study text NOT NULL REFERENCES perpilot_study (name) ON DELETE CASCADE,
    fold integer NOT NULL, set_values text NOT NULL, number integer NOT NULL, worker text NOT NULL,
    record text, finished bigint,
    PRIMARY KEY (study, fold, set_values), UNIQUE (study, fold, number), UNIQUE (study, fold, finished));
"""


class SharedKeeper:
    """Raises `BadSearch` when the database can't be used, or holds another study of that name."""

    is_shared = True

    def __init__(
        self, address: str, study: str, fingerprint: Fingerprint, *, stale_s: float = STALE_S
    ) -> None:
        self._study, self._stale_s = study, stale_s
        self._me = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._read: dict[int, int] = {}
        self._beat_s = self._asked_s = time.monotonic()
        try:
            self._link = psycopg.connect(
                POSTGRESQL.sub("postgresql://", address, count=1), autocommit=True, connect_timeout=CONNECT_S
            )
        except psycopg.Error as error:
            raise BadSearch(f"the study's database can't be reached: {_first_line(error)}") from None
        try:
            self._open(fingerprint)
        except BadSearch:
            self._link.close()
            raise

    def _open(self, fingerprint: Fingerprint) -> None:
        with self._naming(), self._link.transaction():
            self._do("SELECT pg_advisory_xact_lock(%s)", TABLES_LOCK)
            self._do("SET LOCAL client_min_messages = warning")
            self._link.execute(TABLES)
            self._do(
                "INSERT INTO perpilot_study (name, begun_with) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                self._study,
                json.dumps(fingerprint, sort_keys=True, allow_nan=False),
            )
            begun = self._do("SELECT begun_with FROM perpilot_study WHERE name = %s", self._study)[0][0]
            require_same(self._study, json.loads(begun), json.loads(json.dumps(fingerprint)))
            self._do("INSERT INTO perpilot_study_worker (id, study) VALUES (%s, %s)", self._me, self._study)

    def news(self, fold: int) -> list[Tried]:
        now = time.monotonic()
        if fold in self._read and now - self._asked_s < ASKED_EVERY_S:
            return []
        self._asked_s = now
        with self._naming():
            self._beat()
            rows = self._do(
                "SELECT finished, record, worker FROM perpilot_study_set "
                "WHERE study = %s AND fold = %s AND finished > %s ORDER BY finished",
                self._study,
                fold,
                self._read.get(fold, 0),
            )
        self._read[fold] = max([self._read.get(fold, 0), *(row[0] for row in rows)])
        return [record_of(text)[1] for _, text, worker in rows if worker != self._me]

    def claim(self, fold: int, proposed: Sequence[ValueSet], most: int) -> Claims:
        granted = []
        with self._naming(), self._link.transaction():
            self._beat()
            self._lock()
            count, last = self._do(
                "SELECT count(*), coalesce(max(number), -1) FROM perpilot_study_set "
                "WHERE study = %s AND fold = %s",
                self._study,
                fold,
            )[0]
            for values in proposed:
                if count >= most:
                    break
                made = self._do(
                    "INSERT INTO perpilot_study_set (study, fold, set_values, number, worker) "
                    "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING number",
                    self._study,
                    fold,
                    _key(values),
                    last + 1,
                    self._me,
                )
                if made:
                    last, count = last + 1, count + 1
                    granted.append(Claim(last, values))
        return Claims(granted, count >= most)

    def orphans(self, fold: int) -> list[Claim]:
        with self._naming(), self._link.transaction():
            self._lock()
            rows = self._do(
                "UPDATE perpilot_study_set SET worker = %s WHERE study = %s AND fold = %s "
                "AND finished IS NULL AND worker <> %s AND worker NOT IN "
                "(SELECT id FROM perpilot_study_worker WHERE beat_at > now() - make_interval(secs => %s)) "
                "RETURNING number, set_values",
                self._me,
                self._study,
                fold,
                self._me,
                self._stale_s,
            )
        return [Claim(number, tuple(json.loads(text))) for number, text in rows]

    def put(self, fold: int, found: Sequence[Tried]) -> list[Tried]:
        if not found:
            return []
        recorded = []
        with self._naming(), self._link.transaction():
            self._beat()
            self._lock()
            last = self._do(
                "SELECT coalesce(max(finished), 0) FROM perpilot_study_set WHERE study = %s AND fold = %s",
                self._study,
                fold,
            )[0][0]
            for one in found:
                done = self._do(
                    "UPDATE perpilot_study_set SET record = %s, finished = %s WHERE study = %s AND fold = %s "
                    "AND set_values = %s AND worker = %s AND finished IS NULL RETURNING number",
                    record_text(fold, one),
                    last + 1,
                    self._study,
                    fold,
                    _key(one.values),
                    self._me,
                )
                if done:
                    last += 1
                    recorded.append(one)
        return recorded

    def is_busy(self, fold: int) -> bool:
        with self._naming():
            others = self._do(
                "SELECT 1 FROM perpilot_study_set WHERE study = %s AND fold = %s AND finished IS NULL "
                "AND worker <> %s LIMIT 1",
                self._study,
                fold,
                self._me,
            )
        if not others:
            self._asked_s = -math.inf  # the last ones' results are to be read at once
        return bool(others)

    def close(self) -> None:
        """What was claimed and not finished is free for the others at once."""
        if not self._link.closed:
            with suppress(psycopg.Error):  # whoever can't say goodbye is missed after a while
                self._do("DELETE FROM perpilot_study_worker WHERE id = %s", self._me)
            self._link.close()

    def _lock(self) -> None:
        self._do("SELECT 1 FROM perpilot_study WHERE name = %s FOR UPDATE", self._study)

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_s < BEAT_S:
            return
        self._beat_s = now
        self._do(
            "INSERT INTO perpilot_study_worker (id, study) VALUES (%s, %s) "
            "ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp()",
            self._me,
            self._study,
        )

    def _do(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        found = self._link.execute(query.encode(), given)
        return found.fetchall() if found.description is not None else []

    def _naming(self) -> _Named:
        return _Named()


class _Named:
    """Around every use of the database: what goes wrong is one sentence."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, psycopg.Error):
            raise BadSearch(
                f"the study's database does not answer: {_first_line(error)}. What was finished is in it; "
                "the same command goes on"
            ) from None


def _key(values: ValueSet) -> str:
    return json.dumps(list(values))


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
