"""What the exchange does to a position by itself, and what we never ask it to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import core.adapters.exchange as adapter
from core.notice import NoticeKind
from core.trade import OrderKind
from tests.adapters.exchange.test_venue_trading import LiveWorld, a_world
from tests.core.builders import SOL, D

DEAD_MAN = ("countdown", "cancelallordersafter", "cancel_all_orders_after", "disconnectcancelall", "dcp")
"""The switches by which exchanges cancel all orders of whoever falls silent, stops too."""


@pytest.fixture
async def world() -> AsyncIterator[LiveWorld]:
    async with a_world() as opened:
        await opened.open()
        yield opened


@pytest.mark.parametrize("share", ["0.5", "0.9"])
async def test_a_position_that_deleveraging_made_smaller_gets_a_stop_of_its_size(
    world: LiveWorld, share: str
) -> None:
    entered = await world.enter()
    assert entered is not None

    world.stage.exchange.hands.deleverage("SOLUSDT", D(share))
    await world.watch()

    (position,) = await world.venue.positions()
    stops = [order for order in await world.venue.open_orders(SOL) if order.kind is OrderKind.STOP_MARKET]
    assert position.quantity < entered.trade.quantity
    assert [stop.quantity for stop in stops] == [position.quantity]
    (facts,) = await world.facts(NoticeKind.OUTSIDE_CHANGE)
    assert "changed on the venue" in facts["text"]


async def test_no_switch_that_cancels_stops_is_ever_armed(world: LiveWorld) -> None:
    await world.enter()
    await world.watch()
    world.stage.gap_to("0.9")
    await world.watch()

    asked = " ".join(world.stage.exchange.requests).lower()

    assert "post /fapi/v1/algoorder" in asked
    assert [word for word in DEAD_MAN if word in asked] == []


def test_no_exchange_adapter_names_a_switch_that_cancels_stops() -> None:
    (folder,) = adapter.__path__
    sources = {path.name: path.read_text("utf-8").lower() for path in Path(folder).glob("*.py")}

    named = [(name, word) for name, text in sources.items() for word in DEAD_MAN if word in text]

    assert len(sources) > 20 and named == []
