from __future__ import annotations

from datetime import timedelta

import pytest

from core.sim.clock import VirtualClock
from tests.core.builders import NOW


async def test_virtual_time_moves_only_when_somebody_moves_it_and_a_sleeper_does() -> None:
    clock = VirtualClock(NOW)

    assert clock.now() == clock.now() == NOW
    await clock.sleep(90.5)

    assert clock.now() == NOW + timedelta(seconds=90.5)
    assert clock.monotonic() == 90.5


async def test_virtual_time_never_goes_back() -> None:
    clock = VirtualClock(NOW)
    clock.set(NOW)

    with pytest.raises(ValueError, match="cannot go back"):
        clock.set(NOW - timedelta(microseconds=1))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="cannot go back"):
        await clock.sleep(-1)

    assert clock.now() == NOW


def test_a_moment_that_is_over_is_reached_without_going_back() -> None:
    clock = VirtualClock(NOW)
    clock.reach(NOW + timedelta(seconds=10))
    clock.reach(NOW + timedelta(seconds=5))

    assert clock.now() == NOW + timedelta(seconds=10)
