"""The sample: as many schedules as a minute allows. `make storm` plays ten thousand and every kill point.

How long a position may be bare is asked of all of it together: of a handful the slowest is the whole tail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.checker import LONGEST_BARE_S
from tests.simulation.flows import FLOWS
from tests.simulation.schedule import play, schedule_of
from tests.simulation.storm import KILLED_FLOWS, LONGEST_P99_S, Tally, kill_points, tally_of

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 80
SHARE = 53
"""Of the kill points one in so many is in the sample."""
FIRSTS = range(0, SEEDS, 20)


@cache
def storm_from(first: int) -> Tally:
    return tally_of([str(seed) for seed in range(first, first + FIRSTS.step)])


@cache
def kills_in(flow: str) -> Tally:
    return tally_of(list(kill_points(SHARE, [flow])))


@pytest.mark.parametrize("first", FIRSTS)
def test_no_schedule_of_faults_and_crashes_breaks_an_invariant(first: int) -> None:
    tally = storm_from(first)

    assert not tally.wrong, tally.words()
    assert tally.fewest_fills, tally.words()


@pytest.mark.parametrize("flow", KILLED_FLOWS)
def test_killed_at_any_point_of_a_flow_journal_and_venue_agree_after_one_recovery(flow: str) -> None:
    tally = kills_in(flow)

    assert not tally.wrong, tally.words()
    assert tally.crashes == tally.schedules > 0
    assert tally.fewest_fills, tally.words()


def test_a_position_is_seldom_bare_for_five_seconds_and_never_for_ten() -> None:
    total = Tally()
    for part in (*map(storm_from, FIRSTS), *map(kills_in, KILLED_FLOWS)):
        total.join(part)

    assert len(total.bare_s) > 100, total.words()
    assert total.bare_at(0.99) <= LONGEST_P99_S, total.words()
    assert total.bare_at(1.0) <= LONGEST_BARE_S, total.words()


@pytest.mark.parametrize("seed", [3, 17])
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    first, second = play(schedule_of(seed)), play(schedule_of(seed))

    assert first.trace_hash == second.trace_hash
    assert first == second


def test_another_seed_gives_another_trace() -> None:
    assert play(schedule_of(1)).trace_hash != play(schedule_of(2)).trace_hash


def test_another_process_replays_a_seed_to_the_same_trace_with_one_command() -> None:
    here = play(schedule_of(5)).trace_hash

    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    command = [sys.executable, "-m", "tests.simulation", "5"]
    run = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )

    assert run.returncode == 0, run.stderr
    assert f"trace {here}" in run.stdout
    assert "venue.submit:sent" in run.stdout


def test_every_flow_and_every_kind_of_fault_is_among_the_first_schedules() -> None:
    flows = Counter(schedule_of(seed).flow for seed in range(SEEDS))

    assert set(flows) == set(FLOWS)
