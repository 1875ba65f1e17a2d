"""Deposits and withdrawals are neither profit nor loss, whichever figure one looks at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.risk.breakers import DAILY_LOSS, DRAWDOWN, ROLLING_LOSS
from core.risk.limits import BreakerLimits
from tests.core.builders import PAPER, D
from tests.core.trading.world import World

WIDE = BreakerLimits(rolling_loss=D("0.99"))


async def opened(**limits: Any) -> World:
    """With a first point on its curve."""
    world = await World(**limits).open()
    await world.kernel.guard.watch()
    world.clock.advance(60)
    return world


def pay(world: World, amount: int) -> None:
    """A moment after whatever was seen last."""
    world.clock.advance(1)
    world.venue.pay(amount)


async def names(world: World) -> set[str]:
    """Open after a pass of the guard, a minute later."""
    world.clock.advance(60)
    await world.kernel.guard.watch()
    return {event.name for event in world.kernel.keeper.open_events}


async def test_a_withdrawal_trips_nothing_and_is_no_loss() -> None:
    world = await opened()
    pay(world, -600)

    assert await names(world) == set()
    account = world.kernel.keeper.last_account
    assert account is not None
    assert (account.equity, account.day_opening, account.peak) == (400, 400, 400)


async def test_a_deposit_hides_no_loss() -> None:
    world = await opened()
    pay(world, 5000)
    world.venue.wallet -= 601

    assert DAILY_LOSS in await names(world)
    account = world.kernel.keeper.last_account
    assert account is not None
    assert (account.equity, account.day_opening, account.peak) == (5399, 6000, 6000)


async def test_a_deposit_is_no_peak_that_a_later_withdrawal_would_fall_from() -> None:
    world = await opened()
    pay(world, 5000)
    await names(world)
    pay(world, -5500)

    assert await names(world) == set()
    world.boot()
    assert await names(world) == set()


async def test_a_loss_of_the_money_that_is_left_trips_all_three() -> None:
    world = await opened()
    pay(world, -500)
    await names(world)
    world.venue.wallet -= 101

    assert await names(world) == {DAILY_LOSS, ROLLING_LOSS, DRAWDOWN}


@pytest.mark.parametrize("amount", [5000, -600])
async def test_a_transfer_that_another_look_learns_of_meanwhile_is_no_loss(amount: int) -> None:
    """Two looks side by side: the slow one has read the wallet before the money moved."""
    world = await opened()
    keeper, positions = world.kernel.keeper, world.venue.positions
    calls = iter([True])

    async def slow() -> Any:
        if next(calls, False):
            world.venue.pay(amount)
            await keeper.look()
        return await positions()

    world.clock.advance(60)
    world.venue.positions = slow  # type: ignore[method-assign]
    await keeper.look()
    await keeper.record_equity()

    assert keeper.open_events == ()
    assert {point.unit_price for point in await world.journal.equity_curve(PAPER)} == {1000}
    assert await names(world) == set()


@pytest.mark.parametrize("amount", [5000, -600])
async def test_a_transfer_between_seeing_and_recording_an_equity_is_no_part_of_it(amount: int) -> None:
    world = await opened()
    await world.kernel.keeper.look()
    pay(world, amount)
    world.clock.advance(1)
    await world.kernel.keeper.record_equity()

    assert await names(world) == set()
    assert {point.unit_price for point in await world.journal.equity_curve(PAPER)} == {1000}


async def test_every_transfer_is_imported_once_also_over_a_restart() -> None:
    world = await opened()
    pay(world, 100)
    await names(world)
    world.boot()
    await names(world)
    pay(world, 50)
    await names(world)

    assert [row.amount for row in await world.journal.transfers(PAPER)] == [100, 50]
    curve = await world.journal.equity_curve(PAPER)
    assert [point.flows for point in curve] == [0, 100, 100, 150]
    assert {point.unit_price for point in curve} == {1000}


async def test_what_was_paid_while_the_bot_was_off_is_found_at_start() -> None:
    world = await opened()
    world.clock.advance(5 * 86_400)
    pay(world, -700)
    world.clock.advance(5 * 86_400)
    world.boot()

    assert await names(world) == set()


async def test_a_transfer_that_is_listed_late_is_taken_for_no_loss_once_it_is_known() -> None:
    world = await opened(daily_loss=D("0.5"), breakers=BreakerLimits(rolling_loss=D("0.9")))
    world.venue.wallet -= 100
    assert await names(world) == set()
    world.venue.wallet += 100
    pay(world, -100)

    await names(world)
    account = world.kernel.keeper.last_account
    assert account is not None and account.day_opening == 900


async def test_while_transfers_cannot_be_read_a_changed_wallet_is_unknown_equity() -> None:
    world = await opened()
    world.venue.failing = {"transfers"}
    pay(world, -600)

    assert await names(world) == set()
    account = world.kernel.keeper.last_account
    assert account is not None
    assert (account.equity, account.day_opening, account.peak) == (None, None, None)
    assert [point.equity for point in await world.journal.equity_curve(PAPER)] == [1000]

    world.venue.failing = set()
    assert await names(world) == set()
    assert [point.equity for point in await world.journal.equity_curve(PAPER)] == [1000, 400]


async def test_while_transfers_cannot_be_read_an_unchanged_wallet_is_still_known() -> None:
    world = await opened()
    await names(world)
    world.venue.failing = {"transfers"}

    await names(world)

    account = world.kernel.keeper.last_account
    assert account is not None and account.equity == 1000


async def test_what_was_paid_before_the_account_was_opened_here_does_not_count() -> None:
    world = World()
    world.venue.pay(300)
    world.clock.advance(60)
    await world.open()

    await names(world)

    assert await world.journal.transfers(PAPER) == ()


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_deposit_around_midnight_belongs_to_neither_days_result(minutes: int) -> None:
    world = await opened()
    midnight = world.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    world.clock.set(midnight - timedelta(minutes=20))
    await names(world)
    world.clock.set(midnight + timedelta(minutes=minutes))
    pay(world, 500)
    world.clock.set(midnight + timedelta(minutes=10))

    await names(world)

    account = world.kernel.keeper.last_account
    assert account is not None and account.equity == account.day_opening == 1500


@pytest.mark.parametrize("amount", [500, -500])
async def test_a_transfer_before_midnight_that_is_listed_after_it_is_no_result_of_the_new_day(
    amount: int,
) -> None:
    world = await opened()
    midnight = world.clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    world.clock.set(midnight - timedelta(minutes=5))
    await names(world)
    world.clock.set(midnight - timedelta(seconds=5))
    world.venue.pay(amount)
    world.venue.paid, late = [], world.venue.paid
    world.limits = replace(world.limits, daily_loss=D("0.99"), max_drawdown=D("0.99"), breakers=WIDE)
    await names(world)
    world.venue.paid = late
    for _ in range(2):
        await names(world)

        account = world.kernel.keeper.last_account
        assert account is not None and account.earned_today == 0
        assert account.equity == account.day_opening == account.peak == 1000 + amount
        world.boot()


async def test_an_old_account_asks_for_transfers_since_its_last_equity_and_not_since_its_opening() -> None:
    world = await opened()
    world.clock.advance(300 * 86_400)
    await world.kernel.guard.watch()
    world.venue.transfers_asked.clear()
    world.clock.advance(3600)
    world.boot()
    await world.kernel.guard.watch()

    (since,) = world.venue.transfers_asked
    assert since >= world.clock.now() - timedelta(hours=3)


async def test_what_was_paid_while_the_bot_was_off_for_a_month_is_found() -> None:
    world = await opened()
    pay(world, 5000)
    world.clock.advance(30 * 86_400)
    world.boot()

    assert await names(world) == set()
    account = world.kernel.keeper.last_account
    assert account is not None and (account.equity, account.peak) == (6000, 6000)
