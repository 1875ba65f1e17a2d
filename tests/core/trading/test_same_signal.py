"""One signal is one entry, however often it is heard: a second scan, a restart, the same card twice."""

from __future__ import annotations

import asyncio

import pytest

from core.journal import Mode
from core.market import Side
from core.trade import OrderKind
from tests.core.builders import PAPER, SOL
from tests.core.trading.world import World


async def scanning(mode: Mode) -> World:
    world = await World(mode, max_open_positions=3).open()
    world.panel.sides = {SOL: Side.LONG}
    return world


async def test_a_restart_inside_the_bar_does_not_trade_its_signal_again() -> None:
    world = await scanning(Mode.AUTO)
    await world.kernel.engine.scan()

    await world.restart()
    await world.kernel.engine.scan()

    assert len(world.venue.entries) == 1 and len(await world.trades()) == 1


async def test_a_signal_that_was_just_stopped_out_is_not_traded_again() -> None:
    world = await scanning(Mode.AUTO)
    await world.kernel.engine.scan()
    world.venue.move(90)
    await world.settle()
    world.venue.move(100)

    await world.restart()
    await world.kernel.engine.scan()

    assert len(await world.history()) == 1
    assert len(world.venue.entries) == 1 and await world.trades() == ()


@pytest.mark.parametrize("mode", [Mode.SEMI_AUTO, Mode.AUTO])
async def test_overlapping_scans_of_one_signal_make_one_card_or_one_trade(mode: Mode) -> None:
    world = await scanning(mode)

    await asyncio.gather(*(world.kernel.engine.scan() for _ in range(3)))

    cards = await world.journal.open_approvals(PAPER)
    assert len(cards) + len(world.venue.sent(OrderKind.MARKET, reduce_only=False)) == 1
