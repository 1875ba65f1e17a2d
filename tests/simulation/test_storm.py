"""The sample: as many schedules as a minute allows. `make storm` plays ten thousand and every kill point."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.flows import FLOWS
from tests.simulation.schedule import play, schedule_of
from tests.simulation.storm import KILLED_FLOWS, kill_points, tally_of

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 80
SHARE = 53
"""Of the kill points one in so many is in the sample."""
LONGEST_P99_S = 5.0


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_no_schedule_of_faults_and_crashes_breaks_an_invariant(first: int) -> None:
    tally = tally_of([str(seed) for seed in range(first, first + 20)])

    assert not tally.wrong, tally.words()
    assert tally.fills >= tally.schedules
    assert tally.bare_at(0.99) <= 2 * LONGEST_P99_S


@pytest.mark.parametrize("flow", KILLED_FLOWS)
def test_killed_at_any_point_of_a_flow_journal_and_venue_agree_after_one_recovery(flow: str) -> None:
    points = list(kill_points(SHARE, [flow]))

    tally = tally_of(points)

    assert not tally.wrong, tally.words()
    assert tally.crashes == len(points)
    assert tally.bare_at(0.99) <= LONGEST_P99_S


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
