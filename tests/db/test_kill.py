from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from db.session import open_database
from db.setup import check_integrity
from tests.db.conftest import rows

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3
ROWS_BEFORE_KILL = 25


def acknowledged_before_the_kill(url: str, first: int) -> list[int]:
    """Every number that the child said was recorded, up to SIGKILL in the middle of its work."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.db.committing_child", url, str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(ROWS_BEFORE_KILL)]
    child.kill()
    said += child.stdout.readlines()
    child.stdout.close()
    child.wait()
    return [int(line) for line in said if line.endswith("\n")]


async def test_no_acknowledged_row_is_lost_when_the_bot_is_killed(empty_url: str) -> None:
    acknowledged: list[int] = []
    for kill in range(KILLS):
        acknowledged += acknowledged_before_the_kill(empty_url, kill * 1_000_000)

    database = open_database(empty_url)
    await database.read(check_integrity)
    decided = {row["id"] for row in await rows(database, "SELECT id FROM decisions")}
    told = {row["key"] for row in await rows(database, "SELECT key FROM outbox")}
    await database.close()

    assert len(acknowledged) >= KILLS * ROWS_BEFORE_KILL
    assert {f"d{number}" for number in acknowledged} <= decided
    assert {f"n{number}" for number in acknowledged} <= told
