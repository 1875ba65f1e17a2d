"""A database that was lost or put back: what rests at the venue beside a position is left alone."""

from __future__ import annotations

from core.notice import NoticeKind
from core.trade import OrderKind
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import SOL
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET


async def test_the_stop_of_a_position_the_journal_does_not_know_is_never_cancelled() -> None:
    world = await World().open()
    await world.hold()
    world.database = InlineDatabase()
    world.journal = SqlJournal(world.database, world.clock.now)
    await world.open()
    world.boot()

    for _ in range(4):
        world.clock.advance(5)
        await world.kernel.guard.watch()

    assert world.held and world.is_covered()
    assert world.venue.cancelled == []
    assert len(await world.told(NoticeKind.OUTSIDE_CHANGE)) == 1


async def test_its_orders_are_cleared_away_once_the_position_is_gone() -> None:
    world = await World().open()
    await world.hold()
    world.database = InlineDatabase()
    world.journal = SqlJournal(world.database, world.clock.now)
    await world.open()
    world.boot()
    for _ in range(3):
        await world.kernel.guard.watch()
    world.venue.held.pop(SOL)

    for _ in range(2):
        await world.kernel.guard.watch()

    assert world.venue.resting() == []
