"""The breakers over a real journal: what they fall from, and from where they begin again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.risk.breakers import DAILY_LOSS, DRAWDOWN
from tests.core.builders import NOW, D
from tests.core.trading.world import World


async def with_equity(world: World, amount: int) -> set[str]:
    """Names of the breakers open at this equity, a minute later; the curve grows as under the guard."""
    world.clock.advance(60)
    world.venue.wallet = D(amount)
    account = await world.kernel.keeper.look()
    await world.kernel.keeper.record_equity()
    return set(account.open_breakers)


async def test_a_drawdown_stays_open_until_a_person_acknowledges_it_and_is_measured_afresh_then() -> None:
    world = await World(daily_loss=D("0.5")).open()
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
    world = await World(daily_loss=D("0.5")).open()
    await with_equity(world, 790)
    await world.kernel.keeper.acknowledge(DRAWDOWN, "owner")
    await with_equity(world, 900)

    assert await with_equity(world, 721) == set()
    assert await with_equity(world, 720) == {DRAWDOWN}


async def test_the_days_breaker_survives_a_restart_and_opens_again_at_midnight_utc_only() -> None:
    world = await World().open()
    await with_equity(world, 1000)
    assert await with_equity(world, 899) == {DAILY_LOSS}

    world.boot()
    assert await with_equity(world, 899) == {DAILY_LOSS}
    world.clock.set(datetime(NOW.year, NOW.month, NOW.day, 23, 57, 59, tzinfo=UTC))
    assert await with_equity(world, 899) == {DAILY_LOSS}  # 23:58:59
    assert await with_equity(world, 899) == {DAILY_LOSS}  # 23:59:59

    assert await with_equity(world, 899) == set()


async def test_a_new_day_falls_from_its_own_opening() -> None:
    world = await World(max_drawdown=D("0.9")).open()
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
