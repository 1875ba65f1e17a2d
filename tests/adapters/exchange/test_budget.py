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


async def test_what_others_spent_ends_with_the_venues_minute(clock: FakeClock) -> None:
    clock.pass_time(seconds=50 - clock.now().timestamp() % 60)
    weights = budget(clock)

    weights.heard(100)  # this program, before it was started again
    with pytest.raises(Throttled, match="100 of 100"):
        await weights.take(20, urgent=True)
    clock.pass_time(seconds=12)
    await weights.take(20, urgent=True)

    assert weights.used == 20


async def test_a_spent_budget_holds_no_order_that_protects(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.heard(130)

    await weights.take(0, urgent=True, protects=True)

    with pytest.raises(Throttled):
        await weights.take(0, urgent=True)


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


async def asks(weights: WeightBudget, seconds: int, clock: FakeClock, told_again: bool) -> list[int]:
    """At which seconds a guard that tries every second gets through, told to be silent each time or not."""
    came_through = []
    for second in range(seconds):
        try:
            await weights.take(1, urgent=True)
        except Throttled:
            pass
        else:
            came_through.append(second)
            if told_again:
                weights.silence(clock.now() + timedelta(minutes=10))
        clock.pass_time(seconds=1)
    return came_through


async def test_guarding_reads_of_a_banned_address_are_single_and_ever_rarer(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.silence(clock.now() + timedelta(minutes=10))

    came_through = await asks(weights, 200, clock, told_again=True)

    assert came_through == [0, 10, 30, 70, 130, 190]


async def test_a_whole_look_fits_into_a_sounding_while_the_venue_answers(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.silence(clock.now() + timedelta(minutes=1))

    came_through = await asks(weights, 40, clock, told_again=False)

    assert came_through == [0, 1, 2, 10, 11, 12, 30, 31, 32]


async def test_protecting_orders_go_during_any_silence_and_are_looked_after(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.silence(clock.now() + timedelta(minutes=10))
    await weights.take(1, urgent=True)
    weights.silence(clock.now() + timedelta(minutes=10))

    with pytest.raises(Throttled):
        await weights.take(1, urgent=True)
    await weights.take(1, urgent=True, protects=True)
    await weights.take(1, urgent=True)  # the look after it

    assert weights.used == 3


async def test_the_next_silence_begins_with_a_sounding_of_its_own(clock: FakeClock) -> None:
    weights = budget(clock)
    weights.silence(clock.now() + timedelta(seconds=5))
    await asks(weights, 5, clock, told_again=False)
    clock.pass_time(seconds=1)

    weights.silence(clock.now() + timedelta(seconds=60))
    came_through = await asks(weights, 12, clock, told_again=False)

    assert came_through == [0, 1, 2, 10, 11]


async def test_a_moment_s_silence_holds_scanning_and_never_guarding(clock: FakeClock) -> None:
    weights = budget(clock)
    for _ in range(3):
        weights.silence(clock.now() + timedelta(seconds=2))
        await weights.take(1, urgent=True)
        with pytest.raises(Throttled):
            await weights.take(1, urgent=False)

    assert weights.used == 3
