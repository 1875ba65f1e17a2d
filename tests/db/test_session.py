from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from core.errors import AlreadyRunning, JournalError
from db.engines import Limits
from db.faults import explain
from db.session import AsyncDatabase, Database, InlineDatabase, open_database
from db.setup import prepare
from db.tables_house import blobs, error_counts
from tests.db.conftest import Opener, rows
from tests.db.samples import NOW

ROOT = Path(__file__).resolve().parents[2]


def keep(connection: Connection, name: str) -> None:
    connection.execute(insert(blobs).values(name=name, content="", saved_at=NOW))


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await rows(database, "SELECT name FROM blobs ORDER BY name")]


async def test_work_that_raises_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        keep(connection, "a")
        raise AlreadyRunning("another bot")

    with pytest.raises(AlreadyRunning):
        await database.write(work)

    assert await names(database) == []


async def test_reading_never_writes(database: Database) -> None:
    refusal = pytest.raises(JournalError, match="read-only")
    with nullcontext() if isinstance(database, InlineDatabase) else refusal:
        await database.read(lambda connection: keep(connection, "a"))

    assert await names(database) == []


async def test_a_cancelled_write_is_whole_or_absent_and_the_next_one_works(
    server_database: AsyncDatabase,
) -> None:
    def work(connection: Connection) -> None:
        keep(connection, "first half")
        keep(connection, "second half")

    for turns in range(12):
        task = asyncio.create_task(server_database.write(work))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server_database.write(lambda c: c.execute(text("SELECT 1")))

        assert await names(server_database) in ([], ["first half", "second half"])

        await server_database.write(lambda c: c.execute(text("DELETE FROM blobs")))


async def test_closing_waits_for_the_transaction_of_a_cancelled_caller(open_more: Opener) -> None:
    database, observer = await open_more(), await open_more()
    task = asyncio.create_task(database.write(lambda connection: keep(connection, "a")))
    await asyncio.sleep(0)
    task.cancel()

    await database.close()

    assert await names(observer) == ["a"]
    with pytest.raises(JournalError, match="is closed"):
        await database.read(lambda connection: None)


async def test_many_writers_at_once_are_all_recorded(open_more: Opener) -> None:
    databases = [await open_more() for _ in range(3)]

    def count(connection: Connection) -> None:
        seen = connection.execute(select(error_counts.c.errors)).scalar_one()
        connection.execute(text("UPDATE error_counts SET errors = :more"), {"more": seen + 1})

    await databases[0].write(lambda c: c.execute(insert(error_counts).values(day=NOW.date(), errors=0)))
    await asyncio.gather(*(database.write(count) for database in databases for _ in range(8)))

    assert await rows(databases[0], "SELECT errors FROM error_counts") == [{"errors": 24}]


async def test_a_reader_sees_one_snapshot_while_others_write(server_database: AsyncDatabase) -> None:
    go_on = asyncio.Event()

    async def write_between() -> None:
        await go_on.wait()
        await server_database.write(lambda connection: keep(connection, "b"))

    def look_twice(connection: Connection) -> tuple[int, int]:
        first = connection.execute(text("SELECT count(*) FROM blobs")).scalar_one()
        go_on.set()
        for _ in range(50):
            connection.execute(text("SELECT 1"))
        return first, connection.execute(text("SELECT count(*) FROM blobs")).scalar_one()

    writer = asyncio.create_task(write_between())
    first, second = await server_database.read(look_twice)
    await writer

    assert (first, second) == (0, 0)
    assert await names(server_database) == ["b"]


async def test_a_query_over_the_limit_is_a_clear_error_and_degrades_health(open_more: Opener) -> None:
    database = await open_more(Limits(statement_s=0.2))
    if database.address.path is not None:
        pytest.skip("SQLite has no statement limit: its queries are ours and run on this machine")

    with pytest.raises(JournalError, match="ran over its time limit"):
        await database.read(lambda connection: connection.execute(text("SELECT pg_sleep(5)")))

    assert database.health().state == "degraded"
    assert "time limit" in database.health().detail
    await database.read(lambda connection: connection.execute(text("SELECT 1")))
    assert database.health().state == "degraded", "a look every 60 s must see it"


async def test_health_is_ok_again_a_minute_after_an_error(tmp_path: Path) -> None:
    now = [1000.0]
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}", monotonic=lambda: now[0])
    await prepare(database)
    with pytest.raises(JournalError):
        await database.read(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    before = database.health()

    now[0] += 61
    after = database.health()
    await database.close()

    assert (before.state, after.state) == ("degraded", "ok")
    assert after.age_s == pytest.approx(61)
    assert after.more["lost_connections"] == 0


async def test_a_server_that_is_gone_is_down_after_two_misses_and_counted_once() -> None:
    database = open_database("postgresql://u:canary-secret@127.0.0.1:1/x")
    for state in ("degraded", "down"):
        with pytest.raises(JournalError, match="can't be reached") as caught:
            await database.write(lambda connection: None)
        assert "canary-secret" not in str(caught.value)
        assert database.health().state == state
    await database.close()

    assert database.health().more["lost_connections"] == 1


async def test_a_server_that_never_answers_is_given_up_at_the_limit() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = open_database(f"postgresql://u@127.0.0.1:{port}/x", Limits(connect_s=0.2))

    with pytest.raises(JournalError, match=r"no answer in time \(0\.2 s to connect"):
        await database.write(lambda connection: None)

    await database.close()
    server.close()
    await server.wait_closed()


async def test_a_restarted_server_is_reached_again(server_database: AsyncDatabase) -> None:
    if server_database.address.path is not None:
        pytest.skip("a file has no server")

    async def lose_it() -> None:
        await server_database.write(
            lambda c: c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        )

    with pytest.raises(JournalError, match=r"shutting down|lost the connection|can't be reached"):
        await lose_it()

    assert await names(server_database) == []


async def test_a_database_locked_by_another_program_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = InlineDatabase(path)
    await database.read(lambda c: c.execute(text("PRAGMA busy_timeout=50")))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalError, match="locked by another program"):
        await database.write(lambda connection: keep(connection, "a"))

    other.execute("ROLLBACK")
    other.close()
    await database.write(lambda connection: keep(connection, "a"))
    assert await names(database) == ["a"]
    await database.close()


async def test_a_full_disk_says_so_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    await prepare(database)
    await database.write(lambda connection: keep(connection, "a"))
    pages = await database.read(lambda c: c.execute(text("PRAGMA page_count")).scalar_one())
    await database.write(lambda c: c.execute(text(f"PRAGMA max_page_count={pages}")))

    def fill(connection: Connection) -> None:
        connection.execute(insert(blobs).values(name="b", content="x" * 1_000_000, saved_at=NOW))

    with pytest.raises(JournalError, match="the disk is full"):
        await database.write(fill)

    assert await names(database) == ["a"]
    assert database.health().state == "degraded"
    await database.close()


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("this is a text file, and a long enough one\n" * 100)

    with pytest.raises(JournalError, match="is not a SQLite database"):
        open_database(f"sqlite:///{tmp_path / 'a.db'}")


def test_a_path_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match="can't be opened"):
        open_database(f"sqlite:///{tmp_path / 'folder'}")
    with pytest.raises(JournalError, match="can't be created"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'a.db'}")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://u:canary-secret@h/x", "'mysql' is not supported"),
        ("nonsense canary-secret", "this one is no address"),
        ("postgresql://u:canary-secret@h", "database name after the last slash is missing"),
        ("postgresql://u:canary-secret@h:port/x", "this one is no address"),
        ("postgresql://h/x?magic=canary-secret", "'magic' is not understood"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://host/x", "three slashes"),
    ],
)
def test_a_wrong_address_is_one_sentence_without_its_secrets(url: str, sentence: str) -> None:
    with pytest.raises(JournalError, match=sentence) as caught:
        open_database(url)

    assert "canary-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_the_file_is_private_durable_and_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    database = open_database(f"sqlite:///{path}")
    await prepare(database)

    def pragmas(connection: Connection) -> list[object]:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in asked]

    assert await database.write(pragmas) == ["wal", 2, 1, 10_000]
    assert await database.read(pragmas) == ["wal", 2, 1, 10_000]
    assert path.stat().st_mode & 0o077 == 0
    await database.close()


async def test_the_inline_database_never_leaves_its_thread() -> None:
    database = InlineDatabase()
    threads = set(threading.enumerate())

    ran_in = await database.write(lambda connection: threading.current_thread())
    await database.read(lambda connection: connection.execute(text("SELECT 1")))

    assert ran_in is threading.current_thread()
    assert set(threading.enumerate()) <= threads  # those of others may end meanwhile
    await database.close()


async def test_inline_databases_share_nothing() -> None:
    first, second = InlineDatabase(), InlineDatabase()

    await first.write(lambda connection: keep(connection, "a"))

    assert await names(first) == ["a"]
    assert await names(second) == []
    await first.close()
    await second.close()


def test_starting_imports_neither_alembic_nor_the_other_databases_driver(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "import db.journal\nfrom db.session import open_database\nfrom db.setup import prepare\n"
        "async def main():\n"
        f"    database = open_database('sqlite:///{tmp_path / 'a.db'}')\n"
        "    await prepare(database)\n    await database.close()\n"
        "asyncio.run(main())\n"
        "print(', '.join({'alembic', 'asyncpg', 'mako'} & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


def test_every_error_has_a_sentence_even_an_unheard_of_one() -> None:
    database = InlineDatabase()
    fault = explain(RuntimeError("canary-secret"), database._address, Limits())

    assert (
        fault.sentence == "the database in memory could not do that (RuntimeError); see the log for the cause"
    )
