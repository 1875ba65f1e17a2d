"""A disk without room for the journal: nothing is opened, what is open is guarded on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.loops import Passes
from core.errors import NotAllowed
from core.trade import OrderKind
from tests.core.builders import PAPER
from tests.core.trading.world import World

ETH = "ETH/USDT:USDT"


class Disk:
    trouble = ""

    async def recovery(self) -> None: ...

    def disk_trouble(self) -> str:
        return self.trouble


async def holding() -> tuple[World, Passes, Disk]:
    world = await World(max_open_positions=2).open()
    await world.hold()
    desk: Any = None
    board: Any = SimpleNamespace(rows=(), open_cards=0)
    disk = Disk()
    return world, Passes(world.kernel, desk, board, world.journal, PAPER, disk), disk


async def test_a_full_disk_ends_entries_and_not_the_guarding() -> None:
    world, passes, disk = await holding()
    disk.trouble = "20 MB free"
    world.clock.advance(60)
    world.venue.cancel_by_hand(world.venue.resting(OrderKind.STOP_MARKET)[0])

    await passes.guard()

    assert world.kernel.gate.is_closed_by("disk")
    with pytest.raises(NotAllowed, match="20 MB free"):
        await world.kernel.executor.enter(await world.cleared(name="plan-2", symbol=ETH), None, "test")
    assert len(world.venue.entries) == 1 and world.is_covered()


async def test_room_that_is_back_opens_entries_again() -> None:
    world, passes, disk = await holding()
    disk.trouble = "20 MB free"
    await passes.guard()
    disk.trouble = ""

    await passes.guard()

    assert not world.kernel.gate.is_closed_by("disk")
