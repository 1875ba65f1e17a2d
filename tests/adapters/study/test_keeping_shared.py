"""Processes share a study in PostgreSQL: nothing is lost, nothing is done twice, whoever is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.adapters.study.keeping import is_shared_address
from core.adapters.study.keeping_shared import SharedKeeper
from core.backtest.search_space import BadSearch
from tests.adapters.study.searcher import STUDY, a_slow_play
from tests.core.backtest.searches import tried

ROOT = Path(__file__).parents[3]
SERVER = os.environ.get("TEST_DATABASE_URL", "")
schema_numbers = count(1)


@pytest.fixture
def address() -> Iterator[str]:
    """Of an empty schema, dropped afterwards."""
    if not SERVER:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL")
    schema = f"perpilot_study_{os.getpid()}_{next(schema_numbers)}"
    with psycopg.connect(SERVER, autocommit=True) as link:
        link.execute(f"CREATE SCHEMA {schema}".encode())
        yield f"{SERVER}{'&' if '?' in SERVER else '?'}options=-csearch_path%3D{schema}"
        link.execute("SET client_min_messages = warning")
        link.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def test_a_database_that_is_not_there_is_one_sentence_without_the_password() -> None:
    with pytest.raises(BadSearch, match="can't be reached") as caught:
        SharedKeeper("postgresql://me:hush-hush@127.0.0.1:1/none", "a", {})

    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["postgresql://h/d", "postgres://h/d", "postgresql+asyncpg://h/d"])
def test_every_way_to_write_the_address_is_one(text: str) -> None:
    assert (
        is_shared_address(text)
        and not is_shared_address("data/studies/a.jsonl")
        and not is_shared_address("sqlite:///a")
    )


def test_a_study_of_that_name_that_was_begun_with_something_else_is_refused(address: str) -> None:
    SharedKeeper(address, "a", {"folds": 4}).close()

    with pytest.raises(BadSearch, match="folds was 4, is 5"):
        SharedKeeper(address, "a", {"folds": 5})


def test_a_set_is_given_to_one_of_two_and_never_more_than_asked_for(address: str) -> None:
    one, two = (
        SharedKeeper(address, "a", {}),
        SharedKeeper(address.replace("gresql:", "gresql+asyncpg:"), "a", {}),
    )

    first = one.claim(1, [(1.0,), (2.0,), (3.0,)], most=5)
    second = two.claim(1, [(3.0,), (4.0,), (1.0,), (5.0,), (6.0,)], most=5)

    assert [claim.number for claim in first.granted] == [0, 1, 2] and not first.is_full
    assert second.granted == [(3, (4.0,)), (4, (5.0,))] and second.is_full
    one.close()
    two.close()


def test_what_one_finishes_is_news_to_the_other_and_to_whoever_comes_later(address: str) -> None:
    one, two = SharedKeeper(address, "a", {}), SharedKeeper(address, "a", {})
    one.claim(1, [(1.0,), (2.0,)], most=9)

    put = one.put(1, [tried(0, (1.0,), 0.5)])

    later = SharedKeeper(address, "a", {})
    assert put == two.news(1) == later.news(1) == [tried(0, (1.0,), 0.5)]
    assert one.news(1) == [] and two.news(2) == [] and two.is_busy(1) and not one.is_busy(1)
    for keeper in (one, two, later):
        keeper.close()


def test_the_sets_of_one_who_is_silent_are_taken_over_and_his_late_answer_is_not_recorded(
    address: str,
) -> None:
    dead, heir = SharedKeeper(address, "a", {}), SharedKeeper(address, "a", {}, stale_s=0.2)
    dead.claim(1, [(1.0,)], most=9)
    assert heir.orphans(1) == []
    time.sleep(0.3)

    taken = heir.orphans(1)

    assert taken == [(0, (1.0,))] and heir.orphans(1) == []
    assert dead.put(1, [tried(0, (1.0,), 0.1)]) == [] and heir.put(1, [tried(0, (1.0,), 0.9)])
    assert dead.news(1) == [tried(0, (1.0,), 0.9)]
    dead.close()
    heir.close()


def test_one_who_leaves_in_peace_leaves_his_sets_to_the_others_at_once(address: str) -> None:
    one, two = SharedKeeper(address, "a", {}), SharedKeeper(address, "a", {})
    one.claim(1, [(1.0,), (2.0,)], most=9)

    one.close()

    assert [claim.values for claim in two.orphans(1)] == [(1.0,), (2.0,)]
    two.close()


@pytest.mark.timeout(240)
def test_two_processes_share_a_study_and_one_is_killed_in_the_middle(address: str) -> None:
    trials = 300
    a_slow_play().warm()  # what is compiled here is read from the disk there
    doomed, other = _begun(address, trials), _begun(address, trials)
    _until(lambda: _finished(address) > 60 and len(_workers(address)) == 2)
    doomed.kill()
    doomed.communicate()
    assert _finished(address) < trials

    output, _ = other.communicate(timeout=100)

    rows = _rows(address)
    assert output.split() == ["begun", str(trials)] and other.returncode == 0
    assert sorted(row["number"] for row in rows) == list(range(trials))
    assert len({row["set_values"] for row in rows}) == trials and all(row["finished"] for row in rows)
    assert sorted(row["finished"] for row in rows) == list(range(1, trials + 1))
    assert all(json.loads(row["record"])[1] == row["number"] for row in rows)
    assert len({row["worker"] for row in rows}) == 2


def _begun(address: str, trials: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.adapters.study.searcher", address, str(trials)]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)


def _rows(address: str) -> list[dict[str, Any]]:
    with psycopg.connect(address, autocommit=True) as link:
        is_there = link.execute("SELECT to_regclass('perpilot_study_set')").fetchone()
        if is_there is None or is_there[0] is None:
            return []
        found = link.execute(
            "SELECT number, set_values, worker, finished, record FROM perpilot_study_set WHERE study = %s",
            [STUDY],
        )
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]


def _finished(address: str) -> int:
    return sum(row["finished"] is not None for row in _rows(address))


def _workers(address: str) -> set[str]:
    return {row["worker"] for row in _rows(address) if row["finished"]}


def _until(holds: Callable[[], bool], patience_s: float = 100.0) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
