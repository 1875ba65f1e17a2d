from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from core.adapters.clock import ScaledClock, SystemClock


async def test_the_system_clock_tells_utc_and_its_durations_agree_with_sleep() -> None:
    clock = SystemClock()
    before, started = clock.now(), clock.monotonic()

    await clock.sleep(0.02)

    assert before.tzinfo is UTC
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=5)
    assert 0.015 < clock.monotonic() - started < 2


def test_a_scaled_clock_starts_now_and_runs_faster() -> None:
    origin = datetime.now(UTC) - timedelta(seconds=10)
    clock = ScaledClock(origin, 60)

    assert clock.now() - origin == pytest.approx(timedelta(minutes=10), abs=timedelta(seconds=30))


def test_two_clocks_of_one_origin_agree() -> None:
    origin = datetime(2026, 5, 4, tzinfo=UTC)
    anchor = time.monotonic() - 100
    one = ScaledClock(origin, 120, origin_monotonic=anchor)
    other = ScaledClock(origin, 120, origin_monotonic=one.origin_monotonic)

    assert other.now() - one.now() < timedelta(seconds=120 * 0.05)
    assert one.now() > origin + timedelta(seconds=12_000)


def test_two_clocks_agree_without_sharing_the_monotonic_origin() -> None:
    origin = datetime.now(UTC) - timedelta(seconds=5)

    gap = ScaledClock(origin, 10).now() - ScaledClock(origin, 10).now()

    assert abs(gap) < timedelta(seconds=1)


async def test_sleeping_and_durations_are_scaled_alike() -> None:
    clock = ScaledClock(datetime.now(UTC), 100)
    loop = asyncio.get_running_loop()
    real, started, before = loop.time(), clock.monotonic(), clock.now()

    await clock.sleep(2)

    assert loop.time() - real < 1
    assert clock.monotonic() - started >= 1.9
    assert clock.now() - before >= timedelta(seconds=1.9)


def test_another_zone_is_the_same_instant_in_utc() -> None:
    from zoneinfo import ZoneInfo

    origin = datetime(2026, 3, 8, 1, 59, tzinfo=ZoneInfo("America/New_York"))
    clock = ScaledClock(origin, 1, origin_monotonic=time.monotonic() - 120)

    assert clock.now().tzinfo is UTC
    assert clock.now() - datetime(2026, 3, 8, 6, 59, tzinfo=UTC) >= timedelta(seconds=120)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_no_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        ScaledClock(datetime.now(UTC), speed)


def test_an_origin_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ScaledClock(datetime(2026, 1, 1), 1)  # noqa: DTZ001
