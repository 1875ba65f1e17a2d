"""1,000 recorded decisions played again elsewhere, and what tapes and chain cost: bytes a day, time a commit.

python -m tests.benchmarks.bench_replay
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from core.journal import Mode
from db.journal import SqlJournal
from db.session import open_database
from db.setup import prepare
from tests.core.builders import NOW, PAPER, D
from tests.core.trading.taped import EASY, simulate
from tests.core.trading.test_replaying import command
from tests.db.test_chain import a_decision

SYMBOLS = ("BTC", "ETH", "SOL", "ADA", "XRP", "DOT", "LTC", "BNB", "TRX", "NEAR")
HOURS = 7.5
TABLES = ("decisions", "adviser_calls", "decision_tapes", "tape_pieces", "journal_chain")
COMMITS = 200


async def record(path: Path) -> None:
    """Ten symbols every five minutes, as the bot is set up; beside them a strict one and a trading one."""
    await simulate(path, "watch", HOURS, SYMBOLS, Mode.WATCH)
    shutil.copy(path, path.with_name("watched.db"))
    await simulate(path, "strict", 0.5, SYMBOLS[:3], Mode.WATCH, replace(EASY, min_score=99.0))
    await simulate(path, "auto", 4.0, ("BTC", "DOT"), Mode.AUTO, replace(EASY, cooldown_s=600.0))


def sizes(path: Path) -> dict[str, int]:
    """Bytes of each table and its indices in the file."""
    connection = sqlite3.connect(path)
    sized: dict[str, int] = {}
    before = path.stat().st_size
    for table in TABLES:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(f"DELETE FROM {table}")
        connection.commit()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        after = path.stat().st_size
        sized[table], before = before - after, after
    connection.close()
    return sized


async def commit_ms(folder: Path, *, is_taped: bool) -> float:
    """Median milliseconds of one decision's transaction on a SQLite file."""
    database = open_database(f"sqlite+aiosqlite:///{folder / f'commits-{is_taped}.db'}")
    await prepare(database)
    journal = SqlJournal(database, lambda: NOW)
    await journal.open_account(PAPER, True, D(1000), Mode.WATCH, NOW)
    took = []
    for number in range(COMMITS):
        decision = a_decision(number)
        decision = decision if is_taped else replace(decision, tape=None)
        begun = time.perf_counter()
        await journal.record_decisions([decision], None)
        took.append(time.perf_counter() - begun)
    await database.close()
    return sorted(took)[COMMITS // 2] * 1e3


def main() -> int:
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as elsewhere:
        path = Path(name) / "perpilot.db"
        begun = time.perf_counter()
        asyncio.run(record(path))
        recorded_s = time.perf_counter() - begun
        moved = path.rename(Path(elsewhere) / "moved.db")
        begun = time.perf_counter()
        ended = command(Path(elsewhere), moved, "--all")
        played_s = time.perf_counter() - begun
        print(f"recorded in {recorded_s:.0f} s, played again in {played_s:.0f} s, sockets blocked")
        print(ended.stdout.strip() + ended.stderr.strip())
        whole = command(Path(elsewhere), moved, "--verify")
        print(whole.stdout.strip() + whole.stderr.strip())
        watched = sizes(path.with_name("watched.db"))
        plain, taped = (asyncio.run(commit_ms(Path(name), is_taped=t)) for t in (False, True))
        print(f"bytes after {HOURS} hours of 10 symbols every 300 s: {watched}")
        added = watched["decision_tapes"] + watched["tape_pieces"] + watched["journal_chain"]
        print(f"tapes, pieces and chain: at most {added / (HOURS / 24) / 1e6:.1f} MB a day")
        print(f"one decision's transaction: {plain:.2f} ms chained, {taped:.2f} ms with a tape as well")
        return ended.returncode or whole.returncode


if __name__ == "__main__":
    sys.exit(main())
