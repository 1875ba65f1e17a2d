"""`python main.py replay ID|--all|--verify`: decisions played again from the journal, and its chain walked.

Laws:
- The database is only read, also while the bot runs; no key is needed.
- While a decision is played, no connection can be opened: whoever tries ends the command.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.assembly_replay import code_version, read_answer
from bot.replay_desk import view_of
from bot.replay_report import decision_text, difference_line, verification_text
from bot.settings import environment, load_settings
from core.adapters.clock import SystemClock
from core.errors import JournalError, PerpilotError
from core.replay import BATCH, Fate
from core.trading.replaying import play_again
from db.address import parse_address
from db.journal import SqlJournal
from db.session import open_database
from db.setup import Found, examine

T = TypeVar("T")

TOLD_EVERY = 500
MOST_TOLD = 20
"""Differing decisions that are named; all are counted."""
DIALLING = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"})


def run_replay(options: argparse.Namespace) -> int:
    """0 when everything is equal and whole, else 1."""
    settings = load_settings(environment(options.env), uses=("storage",))
    return asyncio.run(with_journal(settings.database_url, _work(options)))


def _work(options: argparse.Namespace) -> Callable[[SqlJournal], Awaitable[int]]:
    if options.verify:
        return _verify
    if options.all:
        return _replay_all
    return lambda journal: _replay_one(journal, options.decision)


async def with_journal(url: str, work: Callable[[SqlJournal], Awaitable[T]]) -> T:
    """Raises `JournalError` for a database that is not there, or not of this program's schema."""
    path = parse_address(url).path
    if path is not None and not path.is_file():
        raise JournalError(
            f"there is no database {path.name}: DATABASE_URL names a file that does not exist "
            "(the demo's is sqlite+aiosqlite:///data/demo/perpilot.db)"
        )
    database = open_database(url)
    try:
        if await database.read(examine) is not Found.CURRENT:
            raise JournalError("the database is older than this program: start the bot once, it migrates it")
        return await work(SqlJournal(database, SystemClock().now))
    finally:
        await database.close()


async def _replay_one(journal: SqlJournal, decision_id: str) -> int:
    again = await play_again(journal, decision_id, read_answer, _Closed())
    if again is None:
        raise PerpilotError(f"the journal holds no decision {decision_id!r}; /why names a decision's id")
    sys.stdout.write(decision_text(view_of(again, code_version())) + "\n")
    return 1 if again.fate.is_failure else 0


async def _replay_all(journal: SqlJournal) -> int:
    """One decision in memory at a time."""
    fates: Counter[Fate] = Counter()
    ends: Counter[str] = Counter()
    last, told = "", 0
    apart = _Closed()
    while page := await journal.decision_ids(last, BATCH):
        last = page[-1]
        for decision_id in page:
            again = await play_again(journal, decision_id, read_answer, apart)
            if again is None:
                continue
            fates[again.fate] += 1
            ends[again.record.gate] += again.fate is Fate.EQUAL
            if again.fate.is_failure and told < MOST_TOLD:
                told += 1
                sys.stdout.write(difference_line(again, code_version()) + "\n")
            if fates.total() % TOLD_EVERY == 0:
                sys.stderr.write(f"{fates.total():,} decisions …\n")
    played = fates.total() - fates[Fate.NO_TAPE]
    sys.stdout.write(
        f"{fates.total():,} decisions: {fates[Fate.EQUAL]:,} of {played:,} equal "
        f"({', '.join(f'{gate} {count:,}' for gate, count in sorted(ends.items()) if count) or 'none'}), "
        f"{fates[Fate.DIFFERS]:,} differ, {fates[Fate.UNREADABLE]:,} unreadable, "
        f"{fates[Fate.NO_TAPE]:,} recorded without a tape\n"
    )
    return 1 if fates[Fate.DIFFERS] or fates[Fate.UNREADABLE] else 0


async def _verify(journal: SqlJournal) -> int:
    report = await journal.verify_chain()
    sys.stdout.write(verification_text(report) + "\n")
    return 1 if report.fault is not None else 0


class _Closed:
    """A context in which no connection is opened. A hook stays for good, so it is switched."""

    def __init__(self) -> None:
        self._is_shut = False
        sys.addaudithook(self.hear)

    def __call__(self) -> _Closed:
        return self

    def hear(self, event: str, arguments: object) -> None:
        if self._is_shut and event in DIALLING:
            raise PerpilotError(f"a replay tried to open a connection ({event}): it must not need one")

    def __enter__(self) -> None:
        self._is_shut = True

    def __exit__(self, *error: object) -> None:
        self._is_shut = False
