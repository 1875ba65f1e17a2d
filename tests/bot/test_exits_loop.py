"""The task that hears the advisers on open positions: after the recovery, and never in the way of others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bot.loops import Passes, add_loops
from bot.supervisor import Loop
from core.market import Side, bar_open
from core.trade import StopBy
from tests.core.builders import PAPER, SOL, some_features
from tests.core.trading.world import World


class Late:
    async def recovery(self) -> None: ...

    def disk_trouble(self) -> str:
        return ""


async def against() -> tuple[World, Passes]:
    """A long is held, a 15-minute close has passed, and the advisers are for a short."""
    world = await World().open()
    await world.hold()
    world.clock.advance(900)
    world.panel.sides = {SOL: Side.SHORT}
    bar = bar_open(world.clock.now(), "15m")
    world.features = lambda symbol: some_features(symbol=symbol, bar_closed_at=bar)
    desk: Any = None
    board: Any = SimpleNamespace(rows=(), open_cards=0)
    return world, Passes(world.kernel, desk, board, world.journal, PAPER, Late())


async def test_nobody_is_heard_before_the_recovery() -> None:
    world, passes = await against()

    await passes.exits()

    assert world.panel.asked == []


async def test_after_it_the_advisers_are_heard() -> None:
    world, passes = await against()
    await passes.guard()

    await passes.exits()

    assert (await world.trade()).stop_by is StopBy.ADVISER


async def test_its_failing_closes_no_entries() -> None:
    _, passes = await against()
    loops: dict[str, Loop] = {}
    supervisor: Any = SimpleNamespace(add=lambda loop: loops.setdefault(loop.name, loop))
    nothing: Any = SimpleNamespace(tidy=None, review=None)

    add_loops(supervisor, passes, nothing, nothing, None, 1.0, nothing)

    assert not loops["exits"].is_critical and loops["exits"].every_s() == 15.0
    assert loops["guard"].is_critical
