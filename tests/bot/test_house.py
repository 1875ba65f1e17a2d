"""Errors of a day are counted once, whatever the number of passes, and anew each day."""

from __future__ import annotations

from typing import Any

from bot.house import House
from core.trading.entries import EntryGate
from tests.core.builders import NOW, later
from tests.core.trading.world import World


async def test_errors_are_counted_once_though_the_days_total_is_handed_over_again_and_again() -> None:
    world, errors = await World().open(), [0]
    nothing: Any = None
    house = House(
        world.journal,
        nothing,
        world.kernel.keeper,
        EntryGate(),
        world.clock,
        "me",
        lambda: errors[0],
        {},
        None,
    )
    for errors[0], at in ((1, NOW), (2, later(hours=1)), (2, later(hours=2)), (3, later(hours=3))):
        await house._count_errors(at)
    for errors[0], at in ((1, later(days=1)), (4, later(days=1, hours=1))):
        await house._count_errors(at)

    assert await world.journal.errors_on(NOW.date()) == 3
    assert await world.journal.errors_on(later(days=1).date()) == 4
