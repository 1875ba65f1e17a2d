from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from core.errors import JournalError
from db.backup import KEPT, back_up
from db.session import InlineDatabase, open_database
from db.setup import prepare
from db.tables_house import blobs
from tests.db.conftest import rows
from tests.db.samples import NOW

DAY = date(2026, 3, 4)


async def test_a_copy_of_a_running_database_is_complete_and_private(tmp_path: Path) -> None:
    source = tmp_path / "perpilot.db"
    running = open_database(f"sqlite:///{source}")
    await prepare(running)
    await running.write(
        lambda c: c.execute(
            insert(blobs), [{"name": str(n), "content": "x", "saved_at": NOW} for n in range(500)]
        )
    )

    copy = back_up(source, tmp_path / "backups", DAY)

    assert copy == tmp_path / "backups" / "perpilot-2026-03-04.db"
    assert copy.stat().st_mode & 0o077 == 0
    await running.write(lambda c: c.execute(insert(blobs).values(name="later", content="", saved_at=NOW)))
    await running.close()
    kept = InlineDatabase(copy)
    assert await rows(kept, "SELECT count(*) AS n FROM blobs") == [{"n": 500}]
    await kept.close()
    assert sorted(path.name for path in copy.parent.glob("*.part")) == []


def test_seven_copies_are_kept_and_other_files_stay(tmp_path: Path) -> None:
    source, folder = tmp_path / "perpilot.db", tmp_path / "backups"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE a (b)")
    folder.mkdir()
    (folder / "mine.db").touch()

    for number in range(KEPT + 3):
        back_up(source, folder, DAY + timedelta(days=number))
    back_up(source, folder, DAY + timedelta(days=KEPT + 2))

    copies = sorted(path.name for path in folder.glob("perpilot-*.db"))
    assert copies == [f"perpilot-{DAY + timedelta(days=n)}.db" for n in range(3, KEPT + 3)]
    assert (folder / "mine.db").exists()


def test_a_backup_that_fails_says_so_and_keeps_the_earlier_one(tmp_path: Path) -> None:
    source, folder = tmp_path / "perpilot.db", tmp_path / "backups"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE a (b)")
    copy = back_up(source, folder, DAY)
    before = copy.read_bytes()
    source.write_text("no database any more, and long enough to be looked at\n" * 50)

    with pytest.raises(JournalError, match="could not be made"):
        back_up(source, folder, DAY)

    assert copy.read_bytes() == before
    assert list(folder.glob("*.part")) == []


def test_what_is_not_there_is_not_backed_up(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no database"):
        back_up(tmp_path / "none.db", tmp_path, DAY)

    assert list(tmp_path.iterdir()) == []
