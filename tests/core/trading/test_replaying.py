"""Recorded decisions come out again, hash for hash, from a copy of the journal and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.assembly_replay import read_answer
from core.codec import from_text, to_text
from core.journal import Mode
from core.replay import Fate
from core.trading.chunks import packed, unpacked
from core.trading.replaying import Again, play_again
from core.trading.tape import Tape, unpack_tape
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import NOW
from tests.core.trading.taped import EASY, simulate

ROOT = Path(__file__).parents[3]
BLOCKED = """
import sys

def deny(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        raise RuntimeError(f"a socket was used: {event}")

sys.addaudithook(deny)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of two accounts: one that only watches, one that trades and hears exit opinions."""
    path = tmp_path_factory.mktemp("recorded") / "perpilot.db"

    async def record() -> None:
        await simulate(path, "watch", 1.5, ("BTC", "ETH", "SOL"), Mode.WATCH)
        await simulate(path, "strict", 0.5, ("ADA", "XRP"), Mode.WATCH, replace(EASY, min_score=99.0))
        await simulate(path, "auto", 2.5, ("BTC", "DOT"), Mode.AUTO, replace(EASY, cooldown_s=600.0))

    asyncio.run(record())
    return path


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Path:
    """The test's own, unlocked for tampering."""
    return Path(shutil.copy(recorded, tmp_path / "elsewhere.db"))


def forge(path: Path, statement: str, *values: object) -> None:
    """As somebody with the file and SQL would."""
    connection = sqlite3.connect(path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def again(path: Path, decision_id: object) -> Again:
    database = InlineDatabase(path)
    played = await play_again(SqlJournal(database, lambda: NOW), str(decision_id), read_answer)
    await database.close()
    assert played is not None
    return played


def command(folder: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`main.py replay` in another directory and with another seed for hashes, sockets blocked."""
    (folder / "sitecustomize.py").write_text(BLOCKED)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "PYTHONHASHSEED": "4242",
        "DATABASE_URL": f"sqlite+aiosqlite:///{path}",
    }
    line = [sys.executable, str(ROOT / "main.py"), "--env", str(folder / "none.env"), "replay", *arguments]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


# ---------------------------------------------------------------- refusals


async def test_an_unknown_decision_is_nothing(copy: Path) -> None:
    database = InlineDatabase(copy)

    played = await play_again(SqlJournal(database, lambda: NOW), "a" * 24, read_answer)

    await database.close()
    assert played is None


def test_the_command_refuses_an_unknown_decision_in_one_sentence(copy: Path, tmp_path: Path) -> None:
    ended = command(tmp_path, copy, "nosuchdecision")

    assert ended.returncode == 1
    assert ended.stderr == "the journal holds no decision 'nosuchdecision'; /why names a decision's id\n"


def test_the_command_makes_no_database_where_none_is(tmp_path: Path) -> None:
    ended = command(tmp_path, tmp_path / "absent.db", "--all")

    assert ended.returncode == 1 and "there is no database absent.db" in ended.stderr
    assert not (tmp_path / "absent.db").exists()


# ---------------------------------------------------------------- equal


def test_every_decision_is_equal_elsewhere_without_sockets_and_with_another_hash_seed(
    copy: Path, tmp_path: Path
) -> None:
    gates = Counter(row[0] for row in asked(copy, "SELECT gate FROM decisions"))

    ended = command(tmp_path, copy, "--all")

    told = ", ".join(f"{gate} {count}" for gate, count in sorted(gates.items()))
    count = gates.total()
    assert {"cleared", "risk", "flags", "exit", "entries", "verdict", "data"} <= set(gates) and gates[
        "cleared"
    ] >= 20
    assert ended.stdout == (
        f"{count} decisions: {count} of {count} equal ({told}), 0 differ, 0 unreadable,"
        " 0 recorded without a tape\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_was_recorded_holds_every_kind_of_answer(recorded: Path) -> None:
    texts = [
        str(row[0]) for row in asked(recorded, "SELECT facts FROM decisions WHERE facts LIKE '%verdict%'")
    ]

    for kind in ("truncated", "refused", "malformed", "invalid", "fabricated", "throttled", "unreachable",
                 "deadline", "swapped", "not_needed"):  # fmt: skip
        assert any(f'"why":"{kind}"' in text for text in texts), kind
    assert any('"is_cached":true' in text for text in texts)
    assert any('"adviser":"rules"' in text for text in texts)


def test_one_decision_is_told_whole(copy: Path, tmp_path: Path) -> None:
    ((decision_id,),) = asked(copy, "SELECT id FROM decisions WHERE gate = 'cleared' ORDER BY id LIMIT 1")

    ended = command(tmp_path, copy, str(decision_id))

    told = [line.split()[0] for line in ended.stdout.splitlines()]
    assert [word for word in told if word != "asked"] == [
        "decision", "question", "answer", "answer", "answer", "answer", "verdict", "plan", "result", "equal",
    ]  # fmt: skip
    assert "asked    STATE\nasked    regime=" in ended.stdout and "CANDLES" not in ended.stdout
    assert ended.returncode == 0


# ---------------------------------------------------------------- different


def first(path: Path, gate: str) -> object:
    return asked(path, f"SELECT id FROM decisions WHERE gate = '{gate}' ORDER BY id LIMIT 1")[0][0]


def retaped(path: Path, decision_id: object, change: Callable[[Tape], Tape]) -> None:
    ((body,),) = asked(path, f"SELECT body FROM decision_tapes WHERE decision_id = '{decision_id}'")
    assert isinstance(body, bytes)
    changed = packed(to_text(change(unpack_tape(body))).encode())
    forge(path, "UPDATE decision_tapes SET body = ? WHERE decision_id = ?", changed, decision_id)


async def test_another_reading_of_the_clock_makes_another_record(copy: Path) -> None:
    decision_id = first(copy, "cleared")
    retaped(copy, decision_id, lambda tape: replace(tape, clock=(*tape.clock[:-1], NOW)))

    played = await again(copy, decision_id)

    assert played.fate is Fate.DIFFERS and "record differs" in played.differences


async def test_other_rules_make_another_outcome(copy: Path) -> None:
    decision_id = first(copy, "cleared")
    ((body,),) = asked(copy, f"SELECT body FROM decision_tapes WHERE decision_id = '{decision_id}'")
    assert isinstance(body, bytes)
    tape = unpack_tape(body)
    ((rules,),) = asked(copy, f"SELECT body FROM tape_pieces WHERE hex(digest) = '{tape.rules.upper()}'")
    assert isinstance(rules, bytes)
    stricter = unpacked(rules).replace(b'"min_confidence":0.5', b'"min_confidence":0.99')
    assert stricter != unpacked(rules)
    digest = hashlib.sha256(stricter)
    forge(copy, "INSERT INTO tape_pieces VALUES (?, ?)", digest.digest(), packed(stricter))
    pieces = tuple(digest.hexdigest() if name == tape.rules else name for name in tape.pieces)
    retaped(copy, decision_id, lambda tape: replace(tape, rules=digest.hexdigest(), pieces=pieces))

    played = await again(copy, decision_id)

    assert played.fate is Fate.DIFFERS and "risk result differs" in played.differences


async def test_another_answer_in_the_journal_makes_another_verdict(copy: Path) -> None:
    decision_id = first(copy, "cleared")
    forge(
        copy,
        "UPDATE adviser_calls SET latency_s = 99.0",
    )

    played = await again(copy, decision_id)

    assert played.fate is Fate.DIFFERS
    assert any(difference.startswith("answer:") for difference in played.differences)


async def test_a_call_that_is_gone_is_named(copy: Path) -> None:
    decision_id = first(copy, "cleared")
    forge(copy, "DELETE FROM adviser_calls")

    played = await again(copy, decision_id)

    assert played.fate is Fate.DIFFERS and "in the journal" in played.differences[0]


async def test_a_changed_decision_is_not_equal_to_its_tape(copy: Path) -> None:
    decision_id = first(copy, "cleared")
    forge(copy, "UPDATE decisions SET facts = replace(facts, '\"leverage\":', '\"leverage\":1')")

    played = await again(copy, decision_id)

    assert played.fate is Fate.DIFFERS
    assert "the decision's row differs in plan" in played.differences


async def test_a_changed_piece_makes_the_tape_unreadable(copy: Path) -> None:
    forge(copy, "UPDATE tape_pieces SET body = (SELECT body FROM tape_pieces ORDER BY digest LIMIT 1)")

    played = await again(copy, first(copy, "flags"))

    assert played.fate is Fate.UNREADABLE and "was changed" in played.differences[0]


async def test_a_decision_without_a_tape_is_counted_and_no_failure(copy: Path, tmp_path: Path) -> None:
    forge(copy, "DELETE FROM decision_tapes")

    ended = command(tmp_path, copy, "--all")

    assert ended.returncode == 0 and "0 of 0 equal" in ended.stdout


def test_a_difference_names_both_versions_of_the_program(copy: Path, tmp_path: Path) -> None:
    decision_id = first(copy, "cleared")
    retaped(copy, decision_id, lambda tape: replace(tape, code="0.0.9+old", clock=(*tape.clock[:-1], NOW)))

    ended = command(tmp_path, copy, str(decision_id))

    assert ended.returncode == 1 and "code version 0.0.9+old then, " in ended.stdout


def test_a_tape_survives_its_text(recorded: Path) -> None:
    for (body,) in asked(recorded, "SELECT body FROM decision_tapes LIMIT 20"):
        assert isinstance(body, bytes)
        tape = unpack_tape(body)

        assert from_text(Tape, to_text(tape)) == tape
