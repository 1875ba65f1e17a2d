"""The program at the root, run as a person runs it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from db.schema import HEAD, metadata
from db.session import open_database
from tests.db.conftest import fresh_postgresql, with_account
from tests.db.test_setup import of_the_first_schema

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-secret-5f1c"


def run(folder: Path, *arguments: str, database_url: str | None = None) -> subprocess.CompletedProcess[str]:
    started = start(folder, *arguments, database_url=database_url)
    out, err = started.communicate()
    return subprocess.CompletedProcess(started.args, started.returncode, out, err)


def start(folder: Path, *arguments: str, database_url: str | None = None) -> subprocess.Popen[str]:
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ["PYTHONIOENCODING"] = "utf-8"
    if database_url is not None:
        environ["DATABASE_URL"] = database_url
    command = [sys.executable, "-W", "error", str(ROOT / "setup_database.py"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def test_it_creates_the_database_and_shows_every_table(empty_url: str, tmp_path: Path) -> None:
    done = run(tmp_path, database_url=empty_url)

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[0] for line in lines[:4]] == ["✅"] * 4
    assert f"created, version {HEAD}" in lines[1]
    assert [line.split() for line in lines[4:]] == [[name, "0"] for name in sorted(metadata.tables)]


async def test_it_never_resets_what_is_there(empty_url: str, tmp_path: Path) -> None:
    run(tmp_path, database_url=empty_url)
    database = open_database(empty_url)
    await with_account(database)
    await database.close()

    done = run(tmp_path, database_url=empty_url)

    assert done.returncode == 0
    assert "nothing was changed" in done.stdout
    assert ["accounts", "1"] in [line.split() for line in done.stdout.splitlines()]


async def test_an_older_database_is_migrated_and_says_so(empty_url: str, tmp_path: Path) -> None:
    await (await of_the_first_schema(empty_url)).close()

    done = run(tmp_path, database_url=empty_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"migrated to version {HEAD}" in done.stdout
    counted = [line.split() for line in done.stdout.splitlines()]
    assert [row for row in counted if row[0] in ("equity_points", "trade_history", "transfers")] == [
        ["equity_points", "2"],
        ["trade_history", "1"],
        ["transfers", "0"],
    ]


async def test_of_two_that_migrate_a_server_at_once_both_succeed(tmp_path: Path) -> None:
    async with fresh_postgresql() as url:
        await (await of_the_first_schema(url)).close()

        started = [start(tmp_path, database_url=url) for _ in range(3)]
        told = [each.communicate() for each in started]

    assert [(each.returncode, errors) for each, (_, errors) in zip(started, told, strict=True)] == [
        (0, "")
    ] * 3
    assert any(f"migrated to version {HEAD}" in out for out, _ in told)


def test_the_default_is_a_file_beside_the_program_that_asks(tmp_path: Path) -> None:
    done = run(tmp_path)

    assert done.returncode == 0
    assert (tmp_path / "data" / "perpilot.db").is_file()


def test_help_says_what_it_does(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")

    assert done.returncode == 0
    assert "Creates or migrates" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"mysql://u:{CANARY}@host/x", "DATABASE_URL"),
        (f"postgresql://u:{CANARY}@127.0.0.1:{{closed}}/x", "can't be reached"),
        (f"postgresql://u:{CANARY}@127.0.0.1/x?magic={CANARY}", "'magic' is not understood"),
        ("sqlite:////proc/none/a.db", "can't be created"),
    ],
)
def test_what_fails_is_one_line_with_its_mend_and_no_secret(tmp_path: Path, url: str, sentence: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers there
        done = run(tmp_path, database_url=url.replace("{closed}", str(taken.getsockname()[1])))

    assert (done.returncode, done.stderr) == (1, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("❌")
    assert sentence in line
    assert CANARY not in line


def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path) -> None:
    from tests.db.conftest import NO_POSTGRESQL, POSTGRESQL

    if not POSTGRESQL:
        pytest.skip(NO_POSTGRESQL)
    server = POSTGRESQL.rpartition("@")[2].partition("?")[0]

    done = run(tmp_path, database_url=f"postgresql://nobody_of_ours:{CANARY}@{server}")

    assert (done.returncode, done.stderr) == (1, "")
    assert "refused" in done.stdout
    assert CANARY not in done.stdout


async def test_a_newer_database_is_refused_and_left_alone(empty_url: str, tmp_path: Path) -> None:
    from sqlalchemy import text

    run(tmp_path, database_url=empty_url)
    database = open_database(empty_url)
    await database.write(lambda c: c.execute(text("UPDATE schema_version SET version_num = '9999'")))
    await database.close()

    done = run(tmp_path, database_url=empty_url)

    assert (done.returncode, done.stderr) == (1, "")
    assert "❌ schema: the database has schema 9999" in done.stdout
    assert "update the program" in done.stdout
