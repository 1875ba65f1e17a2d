"""Entries that come in parts: what is held decides, never what was ordered or what the answer said."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.notice import NoticeKind
from core.ports import Outcome, Result
from core.sim.clock import VirtualClock
from core.trade import ExitReason, Order, OrderKind, OrderRequest, OrderStatus
from core.trading.executor import Entered
from core.trading.invariants import GATE
from tests.core.builders import SOL, D
from tests.core.trading.fakes import FakeMarket, FakeVenue
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


class SharingVenue(FakeVenue):
    """An entry is acknowledged as open with nothing filled; its parts come when the test says so."""

    def __init__(self, clock: VirtualClock, market: FakeMarket) -> None:
        super().__init__(clock, market)
        self.first = D("0.5")
        """Share of an entry that is filled by the time its answer is sent."""
        self.smallest = D(0)
        """Orders of less are refused, those that reduce too."""

    async def submit(self, request: OrderRequest) -> Outcome:
        if request.quantity < self.smallest:
            self.submitted.append(request)
            return Outcome(Result.REFUSED, code="-4003", detail="too small")
        outcome = await super().submit(request)
        if request.reduce_only or outcome.order is None:
            return outcome
        blank = replace(outcome.order, status=OrderStatus.OPEN, filled=D(0))
        return Outcome(Result.DONE, order=blank)

    def part(self, order: Order, quantity: Decimal) -> None:
        """So much more of it is filled."""
        self._book(order.client_id, order.symbol, order.side, quantity)
        now = self.orders[order.client_id]
        filled = now.filled + quantity
        status = OrderStatus.FILLED if filled == order.quantity else now.status
        self.orders[order.client_id] = replace(now, filled=filled, status=status)

    def _fill(self, order: Order) -> None:
        if order.reduce_only:
            super()._fill(order)
        else:
            self.part(order, order.quantity * self.first)

    @property
    def entry(self) -> Order:
        return self.orders[self.entries[0].client_id]


async def sharing() -> tuple[World, SharingVenue]:
    world = World()
    venue = SharingVenue(world.clock, world.market)
    world.venue = venue
    world.boot()
    return await world.open(), venue


async def enter(world: World) -> Entered:
    entered = await world.kernel.executor.enter(await world.cleared(), None, "test")
    assert entered is not None
    return entered


async def test_a_half_filled_entry_is_covered_for_its_half_and_the_rest_cancelled() -> None:
    world, venue = await sharing()

    entered = await enter(world)
    await world.settle()

    targets = sum((order.quantity for order in venue.resting(TARGET)), D(0))
    assert world.held == entered.trade.quantity / 2 == targets
    assert world.is_covered() and len(venue.entries) == 1
    assert venue.entry.status is OrderStatus.CANCELLED


async def test_what_an_entry_fills_while_its_rest_is_being_cancelled_is_covered_too() -> None:
    world, venue = await sharing()
    entered = await enter(world)
    half = entered.trade.quantity / 2
    covered_half = world.is_covered() and world.held == half

    venue.part(venue.entry, half / 2)
    await world.settle()

    assert covered_half
    assert world.held == half * D("1.5") and world.is_covered()
    assert venue.entry.status is OrderStatus.CANCELLED


async def test_an_entry_whose_answer_names_no_fill_is_neither_flat_nor_whole() -> None:
    world, venue = await sharing()
    venue.first = D("0.25")

    entered = await enter(world)

    first_stop = venue.sent(STOP)[0]
    assert first_stop.quantity == entered.trade.quantity / 4
    assert world.is_covered()


async def test_a_remainder_that_no_order_may_be_of_is_told_and_closed_once_the_venue_takes_it() -> None:
    world, venue = await sharing()
    venue.first, venue.smallest = D("0.01"), D("0.05")

    entered = await enter(world)
    for _ in range(30):
        world.clock.advance(60)
        await world.kernel.guard.watch()
    is_entering = not world.kernel.gate.is_closed_by(GATE)
    venue.smallest = D(0)
    await world.settle()

    (closed,) = await world.history()
    assert entered.trade.quantity * D("0.01") == closed.quantity < D("0.05")
    assert closed.exit_reason is ExitReason.UNPROTECTED and SOL not in venue.held
    assert len(await world.told(NoticeKind.NAKED)) >= 2 and not is_entering
