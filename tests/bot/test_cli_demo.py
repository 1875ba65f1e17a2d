"""What a demo keeps of an earlier one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.cli.demo import ran_ahead
from bot.instance import LOCK_NAME, LockFile

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def a_database(folder: Path, *scans: datetime) -> Path:
    path = folder / "perpilot.db"
    with closing(sqlite3.connect(path)) as journal, journal:
        journal.execute("CREATE TABLE scans (ended_at TEXT)")
        journal.executemany("INSERT INTO scans VALUES (?)", [(scan.isoformat(),) for scan in scans])
    return path


def test_an_account_whose_clock_ran_ahead_is_not_gone_on_with(tmp_path: Path) -> None:
    later = NOW + timedelta(hours=7)

    assert ran_ahead(a_database(tmp_path, NOW - timedelta(days=1), later), NOW)


def test_an_account_of_the_past_goes_on(tmp_path: Path) -> None:
    assert not ran_ahead(a_database(tmp_path, NOW - timedelta(seconds=1)), NOW)


def test_an_account_on_which_a_demo_runs_is_left_alone(tmp_path: Path) -> None:
    database, lock = a_database(tmp_path, NOW + timedelta(hours=7)), LockFile(tmp_path / LOCK_NAME)
    lock.take("another demo")

    assert not ran_ahead(database, NOW)
    lock.release()
    assert ran_ahead(database, NOW)


def test_what_holds_no_scan_or_is_no_database_is_left_to_the_start(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no database at all, but long enough to be looked at as one" * 20)

    assert not ran_ahead(tmp_path / "missing", NOW)
    assert not ran_ahead(tmp_path / "other", NOW)
    assert not ran_ahead(a_database(tmp_path), NOW)
