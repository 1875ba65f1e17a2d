"""A venue that hides what it accepted may come to rest with two stops; one is left, never none."""

from __future__ import annotations

import pytest

from core.trade import OrderKind
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET


@pytest.mark.parametrize("answer", ["take", "mute"])
@pytest.mark.parametrize(("looks", "is_held"), [(2, True), (4, True), (5, True), (7, False)])
async def test_of_stops_that_a_lagging_venue_hid_one_is_left_or_none_without_a_position(
    answer: str, looks: int, is_held: bool
) -> None:
    world = await World().open()
    await world.hold()
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])
    world.venue.next_answers[STOP] = [answer]
    world.clock.advance(60)
    world.venue.blind_orders = looks

    for _ in range(10):
        await world.kernel.guard.watch()
        world.clock.advance(2.1)
    await world.settle()

    names = [request.client_id for request in world.venue.sent(STOP)]
    assert world.is_covered() and bool(world.held) is is_held
    assert len(names) == len(set(names)) <= 4
