"""Limits that are changed while something is open hold for what comes; what is open keeps its own terms."""

from __future__ import annotations

import pytest

from core.market import Side
from core.risk.limits import Limits
from tests.core.builders import D
from tests.core.trading.world import World


@pytest.mark.parametrize("side", list(Side))
async def test_stricter_limits_leave_leverage_stop_and_size_of_an_open_trade_alone(side: Side) -> None:
    world = await World().open()
    before = await world.hold(side)
    resting, sent = world.venue.resting(), len(world.venue.submitted)
    world.venue.failing = {"prepare"}  # whoever touched leverage would be heard
    world.limits = Limits(max_leverage=1, risk_per_trade=D("0.001"), max_open_positions=1)

    for _ in range(3):
        world.clock.advance(60)
        await world.kernel.guard.watch()

    after = await world.trade()
    assert (after.leverage, after.stop, after.quantity) == (before.leverage, before.stop, before.quantity)
    assert world.venue.resting() == resting and len(world.venue.submitted) == sent
    assert world.kernel.guard.faults == {}
