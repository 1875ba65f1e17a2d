"""The machine's clock goes back an hour: what may be repeated is, what may not never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.trade import ExitReason, OrderKind, Purpose, Want
from core.trading.steps import Send, Wait
from tests.core.builders import D
from tests.core.trading.stage import SENT, Stage
from tests.core.trading.world import World

HOUR = 3600


def turn_back(world: World) -> None:
    world.clock._now -= timedelta(hours=1)


@pytest.mark.parametrize(("ago_s", "is_repeated"), [(-HOUR, True), (-2.5, True), (-1.5, False)])
def test_an_exit_of_the_future_is_repeated_at_once(ago_s: float, is_repeated: bool) -> None:
    stage = Stage().covered()
    stage.trade = replace(stage.trade, want=Want.CLOSED, close_requests=1)
    stage.sent(Purpose.EXIT, SENT, 100, ago_s=ago_s)
    stage.agreeing = 1

    assert isinstance(stage.step(), Send if is_repeated else Wait)


def test_an_entry_of_the_future_is_neither_dead_nor_sent_again() -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, SENT, ago_s=-HOUR)
    stage.agreeing = 50

    assert isinstance(stage.step(), Wait)


async def test_a_position_to_be_closed_is_closed_within_seconds() -> None:
    world = await World().open()
    trade = await world.hold()
    world.clock.advance(2 * HOUR)
    world.venue.next_answers[OrderKind.MARKET] = ["lose"]
    await world.kernel.executor.want_closed(trade, ExitReason.OWNER, D(1), "owner")
    await world.kernel.executor._round(trade)
    turn_back(world)

    passes = 0
    while world.held and passes < 10:
        await world.kernel.guard.watch()
        world.clock.advance(2)
        passes += 1
    await world.settle()

    assert passes <= 3 and await world.trades() == () and world.venue.resting() == []


async def test_a_cancellation_is_repeated_after_it() -> None:
    world = await World().open()
    await world.hold()
    target = world.venue.resting(OrderKind.TAKE_PROFIT_MARKET)[0]
    world.kernel.executor._cancelled[target.client_id] = world.clock.now()

    before = world.kernel.executor._is_being_cancelled(target)
    turn_back(world)

    assert before and not world.kernel.executor._is_being_cancelled(target)


async def test_looks_agree_again_after_it() -> None:
    world = await World().open()
    await world.hold()
    world.clock.advance(2 * HOUR)
    world.venue.move(94)
    await world.kernel.executor._round(await world.trade())
    turn_back(world)

    await world.settle()

    assert await world.trades() == () and len(await world.history()) == 1
