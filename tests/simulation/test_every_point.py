"""Eight flows, killed at their IO and commit points: after one recovery pass journal and venue agree.

Every point of entry, exit and panic is here, of the others a sample that another day chooses otherwise;
`make storm` kills at all of them, and each request with every fault of the venue besides.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulation.mutants import Mutant, planted
from tests.simulation.points import (
    FAULTS,
    Kill,
    PointWorld,
    end,
    every_faulty_kill,
    every_kill,
    kill_of,
    undisturbed,
)
from tests.simulation.points_mutants import POINT_MUTANTS
from tests.simulation.points_stories import STORIES, StuckError
from tests.simulation.points_tally import FIRST, some_kills, tally_of
from tests.simulation.world import EFFECTS

ROOT = Path(__file__).resolve().parents[2]
SEED_VARIABLE = "POINTS_SEED"
SEED = int(os.environ.get(SEED_VARIABLE, "0")) or datetime.now(UTC).toordinal()
"""Which of the others are in the sample: of a failing day, POINTS_SEED brings its sample back."""
WHOLE = ("entry", "exit", "panic")
OTHERS = tuple(flow for flow in STORIES if flow not in WHOLE)
SHARE, FAULTY_SHARE = 12, 8
"""One in so many points of the other flows, and of all flows' faulty requests, is in the sample."""
LONGEST_RECOVERY_S = 10.0
"""Virtual seconds of the first pass: an executor's patience, and the looks beside it."""


def beyond(flow: str) -> str:
    return "" if flow == FIRST else FIRST


# ---------------------------------------------------------------- what is killed


@pytest.mark.parametrize("flow", STORIES)
def test_an_undisturbed_flow_does_what_it_is_named_for_and_leaves_nothing_wrong(flow: str) -> None:
    ended = end(Kill(flow))

    assert not ended.violations
    assert not ended.died_at


@pytest.mark.parametrize("flow", STORIES)
def test_every_kind_of_effect_and_read_is_among_the_points(flow: str) -> None:
    names = {line.split()[1] for line in undisturbed(flow).passed}

    assert {*EFFECTS} - names <= {"venue.cancel:sent", "venue.cancel:after"}
    assert names >= {"db.read", "venue.positions", "venue.open_orders", "venue.fills", "market.quote"}


def test_what_entry_passed_alike_is_killed_there_and_nothing_else_is_left_out() -> None:
    first = undisturbed(FIRST).passed

    for flow in STORIES:
        passed, killed = undisturbed(flow).passed, {kill.point for kill in every_kill(flow, beyond(flow))}
        left_out = [point for point in range(1, len(passed) + 1) if point not in killed]
        assert flow == FIRST or [passed[point - 1] for point in left_out] == [*first[: len(left_out)]]
        assert flow != FIRST or not left_out


# ---------------------------------------------------------------- killed


@pytest.mark.parametrize("flow", WHOLE)
def test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass(flow: str) -> None:
    kills = every_kill(flow, beyond(flow))

    tally = tally_of(kills)

    assert not tally.wrong, tally.words(flow)
    assert tally.runs == len(kills) > 50
    assert 0 < tally.recovered_s <= LONGEST_RECOVERY_S


@pytest.mark.parametrize("flow", OTHERS)
def test_killed_at_a_sample_of_points_journal_and_venue_agree_after_one_recovery_pass(flow: str) -> None:
    kills = some_kills(every_kill(flow, beyond(flow)), SEED, SHARE)

    tally = tally_of(kills)

    assert not tally.wrong, f"{SEED_VARIABLE}={SEED}: {tally.words(flow)}"
    assert 0 < tally.recovered_s <= LONGEST_RECOVERY_S


@pytest.mark.parametrize("flow", STORIES)
def test_killed_at_a_request_that_the_venue_spoils_they_agree_too(flow: str) -> None:
    kills = some_kills(every_faulty_kill(flow, beyond(flow)), SEED, FAULTY_SHARE)

    tally = tally_of(kills)

    assert not tally.wrong, f"{SEED_VARIABLE}={SEED}: {tally.words(flow)}"


@pytest.mark.parametrize("fault", FAULTS)
def test_killed_over_an_entry_that_the_venue_spoils_it_is_entered_once_or_not_at_all(fault: str) -> None:
    entry = next(kill.point for kill in every_faulty_kill("entry"))

    ended = end(Kill("entry", entry, fault, "sent"))

    assert not ended.violations
    assert ended.died_at == "venue.submit:sent"
    assert ended.waited_s > 0 or fault != "request_lost"


# ---------------------------------------------------------------- that it can fail


@pytest.mark.parametrize(
    ("mutant", "kind"), POINT_MUTANTS, ids=[f"{m.name}, {m.flows[0]}" for m, _ in POINT_MUTANTS]
)
def test_the_kills_find_the_planted_bug(mutant: Mutant, kind: str) -> None:
    flow = next(name for name in mutant.flows if name in STORIES)
    passed = undisturbed(flow).passed
    at_effects = [k for k in every_kill(flow, beyond(flow)) if passed[k.point - 1].split()[1] in EFFECTS]
    kills = at_effects if kind == "calm" else every_faulty_kill(flow, beyond(flow))

    with planted(mutant):
        found = next((ended for kill in kills if (ended := end(kill)).violations), None)

    assert found is not None, f"{len(kills)} kills and nothing was found"
    assert not all(text.startswith("unforeseen error") for text in found.violations), found.violations


def test_a_flow_that_does_not_happen_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = STORIES["approval"].tell

    async def unanswered(world: PointWorld) -> None:
        world.side = None  # the advisers hold: there is no card to tap
        await tell(world)

    monkeypatch.setitem(STORIES, "approval", replace(STORIES["approval"], tell=unanswered))

    with pytest.raises(StuckError, match="for an approved position"):
        end(Kill("approval"))


# ---------------------------------------------------------------- replayed


def test_the_same_kill_gives_the_same_trace() -> None:
    first, second = (end(Kill("exit", 200), keeps_trace=True) for _ in range(2))

    assert first == second
    assert first.lines


def test_one_command_replays_a_kill_with_its_trace() -> None:
    here = end(Kill("exit", 200), keeps_trace=True)

    command = [sys.executable, "-m", "tests.simulation", "points", "exit", "200"]
    run = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    assert [*here.lines] == run.stdout.splitlines()[: len(here.lines)]
    assert "nothing is violated" in run.stdout


@pytest.mark.parametrize("words", ["soon", "3:request_eaten:sent", "3:request_lost", "3:request_lost:before"])
def test_a_kill_that_cannot_be_is_refused(words: str) -> None:
    with pytest.raises(ValueError):
        kill_of("entry", words)
