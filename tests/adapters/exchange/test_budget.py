from __future__ import annotations

from datetime import timedelta

import pytest

from core.adapters.exchange.budget import WeightBudget
from core.errors import Throttled
from tests.adapters.exchange.fake_venue import FakeClock


def budget(clock: FakeClock, limit: int = 100) -> WeightBudget:
    return WeightBudget(clock, limit=limit, window_s=60, reserve_fraction=0.25)


async def test_scanning_never_spends_the_reserve(clock: FakeClock) -> None:
    weights = budget(clock)
    await weights.take(75, urgent=False)

    with pytest.raises(Throttled) as caught:
        await weights.take(1, urgent=False)
    await weights.take(25, urgent=True)

    assert weights.used == 100
    assert caught.value.until is not None
    assert timedelta(seconds=59) < caught.value.until - clock.now() < timedelta(seconds=61)


async def test_guarding_stops_at_the_venues_limit(clock: FakeClock) -> None:
    weights = budget(clock)
    await weights.take(100, urgent=True)

    with pytest.raises(Throttled, match="100 of 100"):
        await weights.take(1, urgent=True)


async def test_a_short_wait_is_waited_a_long_one_refused(clock: FakeClock) -> None:
    weights = budget(clock)
    await weights.take(75, urgent=False)
    clock.pass_time(seconds=57)

    await weights.take(10, urgent=False)

    assert weights.used == 10
    assert sum(clock.slept) == pytest.approx(3.25, abs=0.01)


async def test_no_window_ever_holds_more_than_the_limit(clock: FakeClock) -> None:
    weights = WeightBudget(clock, limit=20, window_s=2, reserve_fraction=0, max_wait_s=5)
    sent = []
    for _request in range(100):
        await weights.take(1, urgent=False)
        sent.append(clock.monotonic())
        clock.pass_time(seconds=0.013)

    assert all(sum(start <= at < start + 2 for at in sent) <= 20 for start in sent)
    assert sent[-1] - sent[0] < 12


async def test_what_others_on_this_address_spent_counts_too(clock: FakeClock) -> None:
    weights = budget(clock)
    await weights.take(10, urgent=False)

    weights.heard(70)
    weights.heard(70)
    weights.heard(5)

    assert weights.used == 70
    with pytest.raises(Throttled):
        await weights.take(6, urgent=False)


async def test_silence_holds_for_scanning_and_is_never_shortened(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.silence(clock.now() + timedelta(seconds=30))
    weights.silence(clock.now() + timedelta(seconds=5))

    with pytest.raises(Throttled) as caught:
        await weights.take(1, urgent=False)
    await weights.take(1, urgent=True)
    clock.pass_time(seconds=30)
    await weights.take(1, urgent=False)

    assert caught.value.until is not None
    assert weights.silent_until is None


async def test_a_request_larger_than_the_budget_is_a_bug(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="more than the whole budget"):
        await budget(clock).take(76, urgent=False)


@pytest.mark.parametrize(("limit", "reserve"), [(0, 0.2), (10, 1.0), (10, -0.1)])
def test_an_impossible_budget_is_refused(clock: FakeClock, limit: int, reserve: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        WeightBudget(clock, limit=limit, reserve_fraction=reserve)
