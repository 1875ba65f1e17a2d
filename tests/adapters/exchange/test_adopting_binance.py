"""Positions without a trade, over ccxt and real sockets: somebody else's, and ours that the journal lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from core.market import Side
from core.notice import NoticeKind
from core.trade import ADOPTED, ExitReason, OrderKind
from core.trading.adopting import LOST
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.adapters.exchange.test_venue_trading import LiveWorld, a_world
from tests.core.builders import SOL

D = Decimal


@pytest.fixture
async def world() -> AsyncIterator[LiveWorld]:
    async with a_world() as opened:
        await opened.open()
        yield opened


async def stops(world: LiveWorld) -> list[tuple[Decimal | None, Decimal]]:
    orders = await world.venue.open_orders(SOL)
    return [(o.trigger, o.quantity) for o in orders if o.kind is OrderKind.STOP_MARKET]


@pytest.mark.parametrize(("side", "hand", "stop"), [(Side.LONG, "BUY", 95), (Side.SHORT, "SELL", 105)])
async def test_opened_by_hand_it_is_told_adopted_covered_closed_by_hand_and_booked(
    world: LiveWorld, side: Side, hand: str, stop: int
) -> None:
    hands = world.stage.exchange.hands
    hands.set_leverage("SOLUSDT", 3)
    opening = hands.trade("SOLUSDT", hand, D(2))
    await world.watch(6)
    (told,) = await world.facts(NoticeKind.FOREIGN)
    untouched = await stops(world)

    tap = await world.kernel.adopter.adopt(SOL, "owner")
    await world.watch(4)
    ((trigger, quantity),) = await stops(world)
    trade = await world.trade()
    closing = hands.close("SOLUSDT")
    await world.watch(12)

    (closed,) = await world.history()
    assert told["foreign"]["side"] == side.value and untouched == [] and tap.is_done
    assert quantity == 2 and trigger == trade.stop and abs(trigger - stop) < 1
    assert (closed.origin, closed.exit_reason, closed.quantity) == (ADOPTED, ExitReason.OUTSIDE, 2)
    assert (closed.entry_price, closed.exit_price) == (opening.average, closing.average)
    assert closed.fees > 0 and await stops(world) == []
    assert await world.venue.positions() == () and await world.trades() == ()


async def test_one_whose_liquidation_is_near_says_so_and_is_closed_when_it_is_adopted(
    world: LiveWorld,
) -> None:
    world.stage.exchange.hands.set_leverage("SOLUSDT", 25)
    world.stage.exchange.hands.trade("SOLUSDT", "BUY", D(2))
    await world.watch(6)
    (view,) = world.kernel.adopter.views

    tap = await world.kernel.adopter.adopt(SOL, "owner")
    await world.watch(6)

    (closed,) = await world.history()
    assert "closed at once" in view.warning and "closed at once" in tap.text
    assert closed.exit_reason is ExitReason.LIQUIDATION_GUARD


async def test_closing_it_takes_all_of_it_and_books_it(world: LiveWorld) -> None:
    hands = world.stage.exchange.hands
    hands.trade("SOLUSDT", "BUY", D(2))
    await world.watch(6)

    tap = await world.kernel.adopter.close(SOL, "owner")
    await world.watch(8)

    (closed,) = await world.history()
    assert tap.is_done and closed.exit_reason is ExitReason.OWNER
    assert await world.venue.positions() == ()


async def test_a_lost_journal_gives_our_position_a_trade_again_and_closes_the_entries(
    world: LiveWorld,
) -> None:
    await world.enter()
    await world.watch(4)
    before = await stops(world)
    held = (await world.venue.positions())[0].quantity
    world.journal = SqlJournal(InlineDatabase(), world.clock.now)
    await world.open()
    world.boot()
    bare: list[str] = []

    for _ in range(10):
        await world.watch(1)
        if not await stops(world):
            bare.append(f"{world.clock.now()}")

    trade = await world.trade()
    ((trigger, quantity),) = await stops(world)
    assert bare == [] and (trade.origin, trade.quantity) == (ADOPTED, held)
    assert (trigger, quantity) == before[0] == (trade.stop, held)
    assert world.kernel.gate.is_closed_by(LOST) and len(await world.told(NoticeKind.ADOPTED)) == 1
    assert await world.told(NoticeKind.FOREIGN) == []
