"""The paper venue shows a position that the journal does not know: the same rules, the same code."""

from __future__ import annotations

from typing import Any

from core.market import Quote
from core.sim.venue import SimVenue
from core.trade import ADOPTED, OrderKind, OrderRequest, OrderSide
from core.trading.adopting import LOST
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import SOL, D
from tests.core.trading.world import World


class Shelf:
    """Texts that outlive the journal."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def load(self, name: str) -> str | None:
        return self.texts.get(name)

    async def save(self, name: str, text: str) -> None:
        self.texts[name] = text


async def on_paper() -> tuple[World, SimVenue]:
    world = World()
    venue = SimVenue("paper", D(1000), world.market.quote, world.market.instrument, world.clock.now, Shelf())
    await venue.open()
    held: Any = venue
    world.venue = held
    await world.open()
    world.boot()
    return world, venue


async def watch(world: World, venue: SimVenue, passes: int = 4) -> None:
    for _ in range(passes):
        world.clock.advance(5)
        quote: Quote = await world.market.quote(SOL)
        await venue.on_quote(quote)
        await world.kernel.guard.watch()


def by_hand(side: OrderSide, quantity: Any) -> OrderRequest:
    return OrderRequest(f"hand{side}", SOL, side, OrderKind.MARKET, D(quantity), False)


async def test_a_lost_journal_gives_the_position_a_trade_and_it_is_booked_at_its_stop() -> None:
    world, venue = await on_paper()
    await world.hold()
    ((stop, held),) = [
        (o.trigger, o.quantity) for o in await venue.open_orders(SOL) if o.kind is OrderKind.STOP_MARKET
    ]
    world.clock.advance(600)
    world.journal = SqlJournal(InlineDatabase(), world.clock.now)
    await world.open()
    world.boot()
    await watch(world, venue)
    trade = await world.trade()
    closed_to_entries = world.kernel.gate.is_closed_by(LOST)
    world.market.prices[SOL] = trade.stop - 1

    await watch(world, venue)

    (closed,) = await world.history()
    assert (trade.origin, trade.stop, trade.quantity) == (ADOPTED, stop, held) and closed_to_entries
    assert closed.origin == ADOPTED and closed.net_pnl < 0
    assert await venue.positions() == () and await venue.open_orders() == ()


async def test_one_that_somebody_else_opened_is_adopted_after_a_tap() -> None:
    world, venue = await on_paper()
    await venue.prepare(SOL, 3)
    await venue.submit(by_hand(OrderSide.BUY, 2))
    await watch(world, venue)

    tap = await world.kernel.adopter.adopt(SOL, "owner")
    world.clock.advance(60)
    await venue.submit(by_hand(OrderSide.SELL, 2))
    await watch(world, venue)

    (closed,) = await world.history()
    (opening, leaving) = await venue.fills(SOL, world.clock.now().replace(year=2020))
    assert tap.is_done and closed.fees == leaving.fee
    assert closed.gross_pnl == (leaving.price - opening.price) * 2
    assert await venue.open_orders() == ()
