"""Writes that wait for the one writer share a commit, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text

from core.errors import JournalError
from db.session import AsyncDatabase, open_database

Work = Callable[[Connection], int]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncDatabase:
    opened = open_database(f"sqlite+aiosqlite:///{tmp_path / 'shared.db'}")
    await opened.write(lambda c: c.execute(text("CREATE TABLE said (word TEXT UNIQUE)")) and None)
    return opened


def saying(word: str) -> Work:
    """Returns how many words there are with it."""

    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})
        return int(connection.execute(text("SELECT count(*) FROM said")).scalar_one())

    return work


async def words(database: AsyncDatabase) -> list[str]:
    return await database.read(lambda c: [*c.execute(text("SELECT word FROM said ORDER BY rowid")).scalars()])


def commits_of(database: AsyncDatabase) -> list[str]:
    """Grows with every commit."""
    seen: list[str] = []
    event.listen(database._writer.sync_engine, "commit", lambda _connection: seen.append("commit"))
    return seen


async def test_writes_that_wait_are_committed_together_in_their_order(database: AsyncDatabase) -> None:
    commits = commits_of(database)

    counts = await asyncio.gather(*(database.write(saying(f"word {n}")) for n in range(40)))

    assert counts == [n + 1 for n in range(40)]
    assert await words(database) == [f"word {n}" for n in range(40)]
    assert len(commits) < 10
    await database.close()


async def test_a_write_that_fails_among_others_fails_alone(database: AsyncDatabase) -> None:
    asked = [saying("a"), saying("b"), saying("a"), saying("c")]

    outcomes = await asyncio.gather(*(database.write(work) for work in asked), return_exceptions=True)

    assert [outcomes[0], outcomes[1], outcomes[3]] == [1, 2, 3]
    assert isinstance(outcomes[2], JournalError)
    assert await words(database) == ["a", "b", "c"]
    await database.close()


async def test_an_error_of_our_own_reaches_its_caller_and_no_other(database: AsyncDatabase) -> None:
    def refused(connection: Connection) -> int:
        saying("never")(connection)
        raise ValueError("the lease is lost")

    outcomes = await asyncio.gather(
        *(database.write(work) for work in (saying("a"), refused, saying("b"))), return_exceptions=True
    )

    assert [outcomes[0], outcomes[2]] == [1, 2]
    assert str(outcomes[1]) == "the lease is lost"
    assert await words(database) == ["a", "b"]
    await database.close()


async def test_when_the_commit_itself_fails_nothing_is_run_again(database: AsyncDatabase) -> None:
    runs: list[str] = []

    def noted(word: str) -> Work:
        def work(connection: Connection) -> int:
            runs.append(word)
            return saying(word)(connection)

        return work

    def fails(_connection: Connection) -> None:
        raise OSError("the disk is gone")

    event.listen(database._writer.sync_engine, "commit", fails)

    outcomes = await asyncio.gather(
        *(database.write(noted(word)) for word in ("first", "a", "b")), return_exceptions=True
    )

    assert all(isinstance(outcome, JournalError) for outcome in outcomes)
    assert sorted(runs) == ["a", "b", "first"]
    await database.close()


async def test_a_write_whose_caller_left_is_committed_with_the_others(database: AsyncDatabase) -> None:
    tasks = [asyncio.create_task(database.write(saying(word))) for word in ("a", "b", "c")]
    await asyncio.sleep(0)
    tasks[1].cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()

    again = open_database(str(database.address.url))
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert await words(again) == ["a", "b", "c"]
    await again.close()
