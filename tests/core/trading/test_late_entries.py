"""What closed entries, or ended an idea, in the last moment before its order: then there is no order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.journal import ApprovalState, BreakerEvent, Mode
from core.market import Side
from core.risk import breakers
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.world import World


async def scanning(mode: Mode) -> World:
    world = await World(mode).open()
    world.panel.sides = {SOL: Side.LONG}
    return world


def when_read_again(world: World, act: Any) -> None:
    """`act` happens while the account is read for the last time before the order: the lock is held."""
    real = world.kernel.keeper.look

    async def look(*args: Any, **more: Any) -> Any:
        account = await real(*args, **more)
        if world.kernel.executor.entering.locked():
            await act()
        return account

    world.kernel.keeper.look = look  # type: ignore[method-assign]


@pytest.mark.parametrize("lowered", [Mode.WATCH, Mode.SEMI_AUTO])
async def test_a_mode_lowered_in_the_last_moment_means_no_order(lowered: Mode) -> None:
    world = await scanning(Mode.AUTO)

    async def lower() -> None:
        await world.journal.set_mode(PAPER, lowered, "owner", world.clock.now())

    when_read_again(world, lower)
    await world.kernel.engine.scan()

    assert world.venue.submitted == [] and await world.trades() == ()


async def test_a_mode_lowered_while_waiting_for_another_entry_means_no_card() -> None:
    world = await scanning(Mode.SEMI_AUTO)
    await world.kernel.executor.entering.acquire()
    scan = asyncio.create_task(world.kernel.engine.scan())
    async with asyncio.timeout(5):
        while not world.kernel.executor.entering._waiters:
            await asyncio.sleep(0)
    await world.journal.set_mode(PAPER, Mode.WATCH, "owner", world.clock.now())
    world.kernel.executor.entering.release()
    await scan

    assert await world.journal.open_approvals(PAPER) == ()


async def test_a_card_that_expired_while_another_order_was_handled_is_refused() -> None:
    world = await World().open()
    card = await world.card()
    await world.kernel.executor.entering.acquire()
    tap = asyncio.create_task(world.tap(card))
    async with asyncio.timeout(5):
        while not world.kernel.executor.entering._waiters:
            await asyncio.sleep(0)
    world.clock.set(card.expires_at)
    world.clock.advance(1)
    world.kernel.executor.entering.release()
    answer = await tap
    settled = await world.journal.approval(card.id)

    assert not answer.is_done and "expired" in " ".join(answer.reasons)
    assert settled is not None and settled.state is ApprovalState.REFUSED
    assert world.venue.submitted == [] and await world.trades() == ()


async def test_a_pause_during_the_look_before_the_order_means_no_order() -> None:
    world = await World().open()
    card = await world.card()
    real = world.venue.positions

    async def positions() -> Any:
        found = await real()
        if await world.trades():
            world.kernel.gate.close("pause", "paused by owner")
        return found

    world.venue.positions = positions  # type: ignore[method-assign]
    tap = await world.tap(card)

    assert not tap.is_done and "paused by owner" in tap.text
    assert world.venue.submitted == [] and await world.trades() == ()


async def test_a_breaker_that_trips_between_recording_and_sending_stops_the_entry() -> None:
    world = await World().open()
    card = await world.card()
    real = world.journal.open_trade

    async def open_trade(*args: Any) -> Any:
        recorded = await real(*args)
        world.venue.failing = {"positions"}
        return recorded

    world.journal.open_trade = open_trade  # type: ignore[method-assign]
    await world.tap(card)
    recorded = await world.trades()
    world.venue.failing, world.venue.wallet = set(), D(800)
    await world.kernel.keeper.look()

    await world.kernel.guard.watch()

    assert len(recorded) == 1 and world.kernel.keeper.open_events[0].name == breakers.DAILY_LOSS
    assert world.venue.submitted == [] and await world.trades() == ()


async def test_a_breaker_found_open_at_start_stops_an_entry_that_was_recorded_before() -> None:
    world = await World().open()
    cleared = await world.cleared()
    world.venue.failing = {"positions"}
    entered = await world.kernel.executor.enter(cleared, None, "test")
    event = BreakerEvent(0, PAPER, breakers.DRAWDOWN, "31 %", "30 %", "entries stopped", world.clock.now())
    await world.journal.trip_breaker(event, [])
    world.venue.failing = set()
    world.boot()

    await world.kernel.guard.watch()

    assert entered is not None and entered.fault
    assert world.venue.submitted == [] and await world.trades() == ()
