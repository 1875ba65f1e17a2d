from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.errors import NotAllowed
from core.ports import Result
from core.sim.absent import AbsentVenue
from tests.core.builders import NOW, SOL, an_order_request

WHY = "live trading is not built yet"


async def test_an_absent_venue_sends_nothing_and_says_why() -> None:
    venue = AbsentVenue(WHY)

    for outcome in (await venue.submit(an_order_request()), await venue.cancel(SOL, "pp1")):
        assert (outcome.result, outcome.order, outcome.detail) == (Result.NOT_ALLOWED, None, WHY)


@pytest.mark.parametrize(
    "read",
    [
        lambda venue: venue.order(SOL, "pp1"),
        lambda venue: venue.open_orders(),
        lambda venue: venue.positions(),
        lambda venue: venue.balance(),
        lambda venue: venue.fills(SOL, NOW),
        lambda venue: venue.funding(SOL, NOW),
        lambda venue: venue.prepare(SOL, 3),
    ],
)
async def test_an_absent_venue_never_shows_itself_flat(read: Callable[[AbsentVenue], Awaitable[Any]]) -> None:
    with pytest.raises(NotAllowed, match=WHY):
        await read(AbsentVenue(WHY))
