"""The executor before the demo's Bybit: the entry brings its stop along, ours takes over, no gap between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.market import CcxtMarket
from core.journal import Mode
from core.plan import Target
from core.risk.limits import Limits
from core.trade import ExitReason, Order, OrderKind, Purpose, StopBy, Trade
from core.trading.entries import EntryGate
from core.trading.executor import Executor
from core.trading.ids import is_ours
from core.trading.steps import Book, Rest
from core.trading.trade_rows import trade_of
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.adapters.exchange.venue_stage import SOL
from tests.core.builders import PAPER, a_plan
from tests.demo.bybit_stage import CANCEL, CREATE, BybitStage, on_bybit

D = Decimal
STOP = OrderKind.STOP_MARKET


class Desk:
    """One executor over the stage; `entered` is a recorded trade that nothing was sent for yet."""

    def __init__(self, stage: BybitStage, market: CcxtMarket) -> None:
        self.stage = stage
        self.journal = SqlJournal(InlineDatabase(), stage.clock.now)
        gate = EntryGate()
        gate.open("start")
        self.executor = Executor(
            stage.venue.guarding(), self.journal, market, stage.clock, Limits, gate, PAPER
        )

    async def entered(self) -> Trade:
        mark = self.stage.mark()
        plan = replace(
            a_plan(),
            entry=mark,
            stop=self.stage.near("0.97"),
            targets=(Target(self.stage.near("1.06"), D(1)),),
            quantity=D(10),
            leverage=5,
            created_at=self.stage.clock.now(),
        )
        await self.journal.open_account(PAPER, True, D(1000), Mode.SEMI_AUTO, self.stage.clock.now())
        trade = trade_of(plan, self.stage.clock.now())
        assert await self.journal.open_trade(trade, plan, None, "test", [])
        await self.stage.venue.prepare(SOL, 5)
        return trade

    async def stops(self) -> list[Order]:
        return [order for order in await self.stage.venue.open_orders(SOL) if order.kind is STOP]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with on_bybit() as stage:
        market = CcxtMarket("bybit", clock=stage.clock, url=stage.exchange.url)
        try:
            await market.open()
            yield Desk(stage, market)
        finally:
            await market.close()


async def test_while_no_stop_of_ours_can_be_placed_the_one_that_came_along_keeps_the_position(
    desk: Desk,
) -> None:
    trade = await desk.entered()
    faults = desk.stage.exchange.faults

    await desk.executor._round(trade)
    faults.fail_next(30, Failure.THROTTLED, path=CREATE)
    for _ in range(12):
        await desk.executor._round(trade)
        desk.stage.pass_time(1)
    desk.stage.pass_time(2)  # whoever only looks waits until the exchange's moment is over

    (attached,) = await desk.stops()
    (position,) = await desk.stage.venue.positions()
    current = await desk.journal.open_trades(PAPER)
    assert not is_ours(attached.client_id)
    assert (attached.trigger, attached.quantity) == (trade.stop, position.quantity)
    assert current[0].exit_reason is None


async def test_from_the_first_moment_the_position_is_covered_and_in_the_end_by_ours_alone(
    desk: Desk,
) -> None:
    trade = await desk.entered()

    await desk.executor._round(trade)
    at_once = await desk.stops()
    step = await desk.executor.advance(trade)

    (stop,) = await desk.stops()
    (entry, *_) = [i for i in await desk.journal.intentions(trade.id) if i.purpose is Purpose.ENTRY]
    assert entry.request.attached_stop == trade.stop
    assert [is_ours(order.client_id) for order in at_once] == [False]
    assert step == Rest()
    assert is_ours(stop.client_id) and (stop.trigger, stop.quantity) == (trade.stop, D(10))


async def test_a_stop_that_the_owner_placed_by_hand_stays(desk: Desk) -> None:
    trade = await desk.entered()
    await desk.executor.advance(trade)
    desk.stage.pass_time(30)
    by_hand = replace(desk.stage.stop("byhand1"), trigger=trade.stop)
    await desk.stage.venue.submit(by_hand)

    await desk.executor.advance(trade)

    assert "byhand1" in {order.client_id for order in await desk.stops()}


async def test_a_stop_that_its_owner_loosens_is_not_undone_by_the_one_that_came_along(desk: Desk) -> None:
    trade = await desk.entered()
    await desk.executor.advance(trade)
    looser = desk.stage.near("0.95")

    moved, _ = await desk.executor.move_stop(trade, looser, StopBy.OWNER, may_loosen=True)
    await desk.executor.advance(trade)
    desk.stage.gap_to("0.96")

    (stop,) = await desk.stops()
    assert moved and stop.trigger == looser
    assert len(await desk.stage.venue.positions()) == 1


async def test_a_refused_cancellation_is_repeated_until_ours_is_alone(desk: Desk) -> None:
    trade = await desk.entered()
    desk.stage.exchange.faults.fail_next(2, Failure.LOST, path=CANCEL)

    for _ in range(3):
        await desk.executor.advance(trade)
        desk.stage.pass_time(3)

    (stop,) = await desk.stops()
    assert is_ours(stop.client_id)


async def test_the_one_that_came_along_fires_before_ours_rests_and_is_booked_as_the_stop(desk: Desk) -> None:
    trade = await desk.entered()
    await desk.executor._round(trade)

    desk.stage.gap_to("0.96")
    step = await desk.executor.advance(trade)

    (closed,) = await desk.journal.closed_trades(PAPER)
    assert step == Book()
    assert closed.exit_reason is ExitReason.STOP
    assert await desk.stage.venue.open_orders(SOL) == ()
