"""The clock on the wall of the computer decides nothing: every zone plays the same trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.schedule import play, schedule_of

ROOT = Path(__file__).resolve().parents[2]
SEED = 5


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_another_time_zone_replays_a_seed_to_the_same_trace(zone: str) -> None:
    here = play(schedule_of(SEED)).trace_hash

    run = subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(SEED)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert run.returncode == 0, run.stderr
    assert f"trace {here}" in run.stdout
