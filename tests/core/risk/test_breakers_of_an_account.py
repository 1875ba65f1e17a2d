"""The breakers over a real journal: what they fall from, and from where they begin again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.risk.breakers import (
    CONSECUTIVE_LOSSES,
    DAILY_LOSS,
    DRAWDOWN,
    EXCHANGE_ERRORS,
    ROLLING_LOSS,
)
from core.risk.limits import BreakerLimits
from tests.core.builders import NOW, PAPER, D, a_closed_trade
from tests.core.trading.world import World

WIDE = BreakerLimits(rolling_loss=D("0.95"))
"""The last 24 hours may lose nearly everything."""


def a_world(**limits: Any) -> World:
    return World(**({"breakers": WIDE} | limits))


async def with_equity(world: World, amount: int) -> set[str]:
    """Names of the breakers open at this equity, a minute later; the curve grows as under the guard."""
    world.clock.advance(60)
    world.venue.wallet = D(amount)
    account = await world.kernel.keeper.look()
    await world.kernel.keeper.record_equity()
    return set(account.open_breakers)


async def test_a_drawdown_stays_open_until_a_person_acknowledges_it_and_is_measured_afresh_then() -> None:
    world = await a_world(daily_loss=D("0.5")).open()
    assert await with_equity(world, 801) == set()
    assert await with_equity(world, 800) == {DRAWDOWN}
    assert await with_equity(world, 990) == {DRAWDOWN}  # recovering does not clear it

    await with_equity(world, 750)
    await world.kernel.keeper.acknowledge(DRAWDOWN, "owner")

    assert await with_equity(world, 750) == set()
    assert world.kernel.keeper.last_account is not None
    assert world.kernel.keeper.last_account.peak == 750
    assert await with_equity(world, 601) == set()
    assert await with_equity(world, 600) == {DRAWDOWN}  # a fifth of 750


async def test_a_new_peak_after_an_acknowledgement_is_the_one_to_fall_from() -> None:
    world = await a_world(daily_loss=D("0.5")).open()
    await with_equity(world, 790)
    await world.kernel.keeper.acknowledge(DRAWDOWN, "owner")
    await with_equity(world, 900)

    assert await with_equity(world, 721) == set()
    assert await with_equity(world, 720) == {DRAWDOWN}


async def test_the_days_breaker_survives_a_restart_and_opens_again_at_midnight_utc_only() -> None:
    world = await a_world().open()
    await with_equity(world, 1000)
    assert await with_equity(world, 899) == {DAILY_LOSS}

    world.boot()
    assert await with_equity(world, 899) == {DAILY_LOSS}
    world.clock.set(datetime(NOW.year, NOW.month, NOW.day, 23, 57, 59, tzinfo=UTC))
    assert await with_equity(world, 899) == {DAILY_LOSS}  # 23:58:59
    assert await with_equity(world, 899) == {DAILY_LOSS}  # 23:59:59

    assert await with_equity(world, 899) == set()


async def test_a_new_day_falls_from_its_own_opening() -> None:
    world = await a_world(max_drawdown=D("0.9")).open()
    await with_equity(world, 1000)
    await with_equity(world, 950)
    world.clock.set(datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) + timedelta(days=1))
    await with_equity(world, 950)

    assert await with_equity(world, 856) == set()
    assert await with_equity(world, 855) == {DAILY_LOSS}


async def test_an_account_that_cannot_be_read_trips_nothing_and_has_no_equity() -> None:
    world = await World().open()
    world.venue.failing.add("balance")

    account = await world.kernel.keeper.look()

    assert account.open_breakers == ()
    assert (account.equity, account.wallet, account.available, account.peak) == (None, None, None, None)


# ---------------------------------------------------------------- the last 24 hours


async def test_a_loss_split_by_midnight_trips_the_24_hours_and_not_the_day() -> None:
    world = await World(max_drawdown=D("0.9")).open()
    world.clock.set(world.clock.now().replace(hour=22))
    await with_equity(world, 1000)
    await with_equity(world, 940)
    world.clock.advance(2 * 3600)

    assert await with_equity(world, 901) == set()
    assert await with_equity(world, 899) == {ROLLING_LOSS}


async def test_the_24_hours_reopen_when_their_window_is_back_inside_and_leave_a_probe() -> None:
    world = await World(daily_loss=D("0.9")).open()
    await with_equity(world, 1000)
    world.clock.advance(3600)
    assert await with_equity(world, 890) == {ROLLING_LOSS}
    world.clock.advance(22.9 * 3600)
    assert await with_equity(world, 890) == {ROLLING_LOSS}

    world.clock.advance(2 * 3600)

    assert await with_equity(world, 890) == set()
    assert world.kernel.keeper.last_account is not None and world.kernel.keeper.last_account.is_probing


async def test_an_acknowledged_loss_of_24_hours_is_measured_afresh_and_also_after_a_restart() -> None:
    world = await World(daily_loss=D("0.9"), max_drawdown=D("0.9")).open()
    await with_equity(world, 1000)
    await with_equity(world, 880)
    await world.kernel.keeper.acknowledge(ROLLING_LOSS, "owner", "known")

    assert await with_equity(world, 870) == set()
    world.boot()
    assert await with_equity(world, 800) == set()
    assert await with_equity(world, 791) == {ROLLING_LOSS}  # a tenth of 880


async def test_an_equity_of_days_ago_is_what_a_bot_that_was_off_falls_from() -> None:
    world = await World(max_drawdown=D("0.9")).open()
    await with_equity(world, 1000)
    world.clock.advance(9 * 86_400)
    world.boot()

    assert await with_equity(world, 899) == {DAILY_LOSS, ROLLING_LOSS}


# ---------------------------------------------------------------- losses in a row, probe


async def lose(world: World, count: int, net: int = -1, first: int = 0) -> None:
    for number in range(first, first + count):
        world.clock.advance(60)
        now = world.clock.now()
        closed = a_closed_trade(net, id=f"t{number}", opened_at=now - timedelta(seconds=30), closed_at=now)
        await world.journal.book(closed, [], [], D(1000), [])
        world.kernel.keeper.note_booking()


async def test_a_losing_streaks_breaker_reopens_after_a_day_with_a_probe_that_a_win_ends() -> None:
    world = await a_world().open()
    await lose(world, 3)
    assert await with_equity(world, 1000) == {CONSECUTIVE_LOSSES}
    world.clock.advance(24 * 3600 - 120)
    assert await with_equity(world, 1000) == {CONSECUTIVE_LOSSES}
    world.clock.advance(60)
    assert await with_equity(world, 1000) == set()

    keeper = world.kernel.keeper
    probing = (await keeper.look()).is_probing
    await lose(world, 1, first=10)
    after_a_loss = (await keeper.look()).is_probing
    await lose(world, 1, net=2, first=20)
    after_a_win = (await keeper.look()).is_probing

    assert (probing, after_a_loss, after_a_win) == (True, True, False)


async def test_the_probe_outlives_a_restart() -> None:
    world = await a_world().open()
    await with_equity(world, 1000)
    await with_equity(world, 890)
    await world.kernel.keeper.acknowledge(DAILY_LOSS, "owner")
    world.boot()

    account = await world.kernel.keeper.look()

    assert account.is_probing and account.open_breakers == ()
    standing = {s.reading.name: s.is_probing for s in world.kernel.keeper.standings}
    assert [name for name, probing in standing.items() if probing] == [DAILY_LOSS]


async def test_an_account_that_never_tripped_does_not_probe() -> None:
    world = await a_world().open()

    assert not (await world.kernel.keeper.look()).is_probing


# ---------------------------------------------------------------- technical ones


async def fail(world: World, times: int) -> None:
    """So many reads of the balance fail, two seconds apart."""
    world.venue.failing = {"balance"}
    for _ in range(times):
        await world.kernel.keeper.look()
        world.clock.advance(2)
    world.venue.failing = set()


async def test_an_exchange_that_does_not_answer_trips_after_five_failures_and_cools_down() -> None:
    world = await a_world().open()
    await fail(world, 4)
    assert await with_equity(world, 1000) == set()
    await fail(world, 1)
    assert await with_equity(world, 1000) == {EXCHANGE_ERRORS}

    world.clock.advance(600)  # the failures are out of their window
    assert await with_equity(world, 1000) == {EXCHANGE_ERRORS}
    (standing,) = [s for s in world.kernel.keeper.standings if s.event is not None]
    assert standing.cooling_until == world.clock.now() + timedelta(minutes=15)
    world.clock.advance(900 - 61)
    assert await with_equity(world, 1000) == {EXCHANGE_ERRORS}

    assert await with_equity(world, 1000) == set()
    account = world.kernel.keeper.last_account
    assert account is not None and not account.is_probing


async def test_a_restart_begins_the_cooldown_anew_and_never_ends_it() -> None:
    world = await a_world().open()
    await fail(world, 5)
    await with_equity(world, 1000)
    world.clock.advance(900)
    await with_equity(world, 1000)
    world.clock.advance(600)
    world.boot()

    assert await with_equity(world, 1000) == {EXCHANGE_ERRORS}
    world.clock.advance(600)
    assert await with_equity(world, 1000) == {EXCHANGE_ERRORS}
    world.clock.advance(300)
    assert await with_equity(world, 1000) == set()


async def test_calls_that_fail_at_the_same_moment_are_one_failure() -> None:
    world = await a_world().open()
    world.venue.failing = {"balance"}
    for _ in range(20):
        await world.kernel.keeper.look()

    assert (await world.kernel.keeper.look()).open_breakers == ()


async def test_acknowledged_errors_are_not_counted_again() -> None:
    world = await a_world().open()
    await fail(world, 5)
    await with_equity(world, 1000)

    assert await world.kernel.keeper.acknowledge(EXCHANGE_ERRORS, "owner", "they had maintenance")

    assert await with_equity(world, 1000) == set()
    (event,) = await world.journal.breaker_events(PAPER, 5)
    assert (event.resolved_by, event.reason) == ("owner", "they had maintenance")


@pytest.mark.parametrize("name", [DRAWDOWN, DAILY_LOSS, ROLLING_LOSS, CONSECUTIVE_LOSSES, EXCHANGE_ERRORS])
async def test_acknowledging_what_is_not_tripped_changes_nothing(name: str) -> None:
    world = await a_world().open()

    assert not await world.kernel.keeper.acknowledge(name, "owner", "why not")
    assert await world.told() == []
