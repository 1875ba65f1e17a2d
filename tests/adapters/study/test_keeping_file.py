"""A study in a file survives everything but being mistaken for another one."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters.study.keeping import record_of, record_text
from core.adapters.study.keeping_file import FileKeeper
from core.adapters.study.search import Plan, search
from core.backtest.search_play import State, Tried
from core.backtest.search_space import BadSearch
from tests.adapters.study.searcher import FINGERPRINT, STUDY, a_slow_play, fold_of
from tests.core.backtest.searches import tried

ROOT = Path(__file__).parents[3]
NAMED = {"symbols": ["BTC"], "setting": {"MAX_LEVERAGE": "3", "RISK_PER_TRADE": "0.02"}}


def opened(path: Path, fingerprint: dict[str, object] | None = None) -> FileKeeper:
    return FileKeeper(path, "mine", NAMED if fingerprint is None else fingerprint)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"symbols": ["BTC", "ETH"]}, r'symbols was \["BTC"\], is \["BTC", "ETH"\]'),
        ({"setting": {"MAX_LEVERAGE": "5", "RISK_PER_TRADE": "0.02"}}, "setting MAX_LEVERAGE was 3, is 5"),
        ({"folds": 4}, "folds was nothing, is 4"),
    ],
)
def test_a_study_that_was_begun_with_something_else_is_refused_naming_it(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    opened(tmp_path / "a.jsonl").close()

    with pytest.raises(BadSearch, match=told):
        opened(tmp_path / "a.jsonl", NAMED | change)


def test_a_study_that_somebody_searches_is_refused(tmp_path: Path) -> None:
    keeper = opened(tmp_path / "a.jsonl")

    with pytest.raises(BadSearch, match="another process"):
        FileKeeper(tmp_path / "a.jsonl", "mine", NAMED, patience_s=0.1)
    keeper.close()


@pytest.mark.parametrize("text", ["hello\n", "hello", "a note\nand more", '{"some": "json"}\n', "[1,2]\n"])
def test_a_file_that_is_no_study_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)

    with pytest.raises(BadSearch, match="no study of this program"):
        opened(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == text


def test_a_line_that_can_not_be_read_stops_everything_and_names_itself(tmp_path: Path) -> None:
    _filled(tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    lines[2] = lines[2].replace('"done"', '"dome"')
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")

    with pytest.raises(BadSearch, match="line 3 is no record"):
        opened(tmp_path / "a.jsonl")


def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadSearch, match="can't be opened"):
        opened(tmp_path / "file" / "a.jsonl")


def test_what_was_put_is_news_to_the_next_and_is_not_claimed_again(tmp_path: Path) -> None:
    put = _filled(tmp_path / "a.jsonl")

    keeper = opened(tmp_path / "a.jsonl")

    assert keeper.news(1) == put and keeper.news(1) == [] and keeper.news(2) == []
    claims = keeper.claim(1, [(9.0,), (8.0,)], most=4)
    assert [claim.number for claim in claims.granted] == [3] and claims.is_full
    keeper.close()


def test_a_torn_last_line_is_cut_off_and_the_rest_goes_on(tmp_path: Path) -> None:
    put = _filled(tmp_path / "a.jsonl")
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('[1,3,[4.0],"do')

    keeper = opened(tmp_path / "a.jsonl")
    keeper.put(1, [tried(3, (4.0,), 0.5)])
    keeper.close()

    again = opened(tmp_path / "a.jsonl")
    assert again.news(1) == [*put, tried(3, (4.0,), 0.5)]
    again.close()


def test_a_torn_first_line_of_a_search_that_never_began_is_begun_anew(tmp_path: Path) -> None:
    _filled(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_bytes((tmp_path / "a.jsonl").read_bytes()[:20])

    keeper = opened(tmp_path / "a.jsonl")

    assert keeper.news(1) == []
    keeper.close()
    opened(tmp_path / "a.jsonl").close()


def test_every_record_reads_back_as_it_was() -> None:
    written = [
        tried(0, (1.5, 2.0), 0.1, -0.2),
        tried(1, (1e-7, 123456.0), sharpe=math.nan, state=State.FEW),
        tried(2, (3.0, 4.0), state=State.PRUNED, early=-0.25, is_early_loss=True),
    ]

    read = [record_of(record_text(5, one)) for one in written]

    assert [fold for fold, _ in read] == [5] * 3 and repr([one for _, one in read]) == repr(written)


@pytest.mark.parametrize("text", ["", "{}", "[1,2,3]", '[1,0,5,"done",[],1,1,1,0]', "null"])
def test_what_is_no_record_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError):
        record_of(text)


@pytest.mark.timeout(240)
def test_a_killed_search_goes_on_where_it_was_and_repeats_nothing(tmp_path: Path) -> None:
    path, trials, play = tmp_path / "killed.jsonl", 600, a_slow_play()
    play.warm()  # what is compiled here is read from the disk there
    process = _begun(path, trials, "2")
    _until(lambda: path.exists() and len(path.read_text().splitlines()) > 150)
    process.kill()
    process.communicate()
    before = path.read_text().splitlines()
    assert 150 < len(before) < trials

    keeper = FileKeeper(path, STUDY, FINGERPRINT)
    found = search(play, fold_of(play), Plan(trials, "random", seed=1, is_pruning=False), keeper=keeper)
    keeper.close()

    after = path.read_text().splitlines()
    records = [json.loads(line) for line in after[1:]]
    whole = before if path.read_bytes().startswith("\n".join(before).encode()) else before[:-1]
    assert after[: len(whole)] == whole and len(found) == len(records) == trials
    assert len({tuple(row[2]) for row in records}) == trials == len({row[1] for row in records})


def _filled(path: Path) -> list[Tried]:
    keeper = opened(path)
    put = [tried(number, (float(number),), number / 10) for number in range(3)]
    keeper.put(1, put)
    keeper.close()
    return put


def _begun(storage: Path, trials: int, workers: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.adapters.study.searcher", str(storage), str(trials), workers]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)


def _until(holds: Callable[[], bool], patience_s: float = 100.0) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)
