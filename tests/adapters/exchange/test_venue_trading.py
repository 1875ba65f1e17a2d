"""The real trading core, from a cleared plan to a booked trade, over ccxt and real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.demo.exchange_faults import Failure
from core.adapters.exchange.market import CcxtMarket
from core.market import Side, to_ms
from core.opinion import Flags
from core.plan import Cleared, Plan
from core.risk.checks import Case, examine
from core.risk.limits import Limits
from core.trade import ExitReason, OrderKind
from db.journal import SqlJournal
from tests.adapters.exchange.venue_stage import Stage, on_stage
from tests.core.builders import NOW, SOL, a_plan, a_verdict, an_account, an_idea, some_features
from tests.core.trading.world import World

D = Decimal
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


class LiveWorld(World):
    """`World` with the exchange behind ccxt in place of its fake venue and market."""

    def __init__(self, stage: Stage, market: CcxtMarket) -> None:
        super().__init__()
        self.stage = stage
        self.clock: Any = stage.clock
        self.market: Any = market.guarding()
        self.venue: Any = stage.venue.guarding()
        self.journal = SqlJournal(self.database, self.clock.now)
        self.kernel = self._build(None)

    async def cleared(self, side: Side = Side.LONG, **fields: Any) -> Cleared[Plan]:
        quote, instrument = await self.market.quote(SOL), await self.market.instrument(SOL)
        now, account = self.clock.now(), an_account(at=self.clock.now())
        idea = an_idea(side, symbol=SOL, features=some_features(side, symbol=SOL))
        made = a_plan(side, idea=idea, quote=quote, instrument=instrument, account=account)
        plan = replace(made, verdict=a_verdict(side), created_at=now, **fields)
        outcome = examine(Case(plan, quote, instrument, account, Flags(), Limits(), now))
        assert isinstance(outcome, Cleared), outcome
        return outcome

    async def enter(self) -> Any:
        return await self.kernel.executor.enter(await self.cleared(), None, "test")

    async def watch(self, passes: int = 12) -> None:
        """Guarding for some seconds."""
        for _ in range(passes):
            self.stage.pass_time(1)
            await self.kernel.guard.watch()


@asynccontextmanager
async def a_world() -> AsyncIterator[LiveWorld]:
    async with on_stage(NOW) as stage:
        stage.exchange.set_price("SOLUSDT", D(100))
        stage.pass_time(2)
        market = CcxtMarket("binanceusdm", clock=stage.clock, url=stage.exchange.url)
        try:
            await market.open()
            yield LiveWorld(stage, market)
        finally:
            await market.close()


@pytest.fixture
async def world() -> AsyncIterator[LiveWorld]:
    async with a_world() as opened:
        await opened.open()
        yield opened


async def test_a_plan_is_entered_and_protected_at_once(world: LiveWorld) -> None:
    entered = await world.enter()

    (position,) = await world.venue.positions()
    stops = [order for order in await world.venue.open_orders(SOL) if order.kind is OrderKind.STOP_MARKET]
    assert entered is not None and not entered.fault
    assert position.quantity == entered.trade.quantity
    assert [stop.quantity for stop in stops] == [position.quantity]
    assert stops[0].trigger == entered.trade.stop
    assert stops[0].reduce_only


async def test_a_trade_that_is_stopped_out_is_booked_from_the_exchange_s_own_fills(world: LiveWorld) -> None:
    before = await world.venue.balance()
    await world.enter()

    world.stage.gap_to("0.9")
    await world.watch()
    (closed,) = await world.history()
    after = await world.venue.balance()

    assert await world.trades() == ()
    assert closed.exit_reason is ExitReason.STOP
    assert abs(closed.net_pnl - (after.wallet - before.wallet)) < D("0.00001")
    assert await world.venue.open_orders(SOL) == ()


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN_DONE, Failure.UNKNOWN, Failure.SWALLOWED])
@pytest.mark.parametrize("path", [ORDER, ALGO])
async def test_a_lost_answer_never_doubles_an_entry_and_leaves_no_position_bare(
    world: LiveWorld, failure: Failure, path: str
) -> None:
    world.stage.exchange.faults.fail_next(1, failure, path=path, method="POST")

    entered = await world.enter()
    await world.watch()

    positions = await world.venue.positions()
    stops = [order for order in await world.venue.open_orders(SOL) if order.kind is OrderKind.STOP_MARKET]
    entries = [order for order in world.stage.exchange.account.orders.values() if not order.reduce_only]
    assert entered is not None
    assert len(entries) <= 1
    assert [stop.quantity for stop in stops] == [position.quantity for position in positions]
    assert len(positions) == (0 if (failure, path) == (Failure.UNKNOWN, ORDER) else 1)


async def test_a_stop_that_the_venue_refuses_closes_the_position(world: LiveWorld) -> None:
    words = "Order would immediately trigger."
    world.stage.exchange.faults.refuse_next(9, -2021, words, path=ALGO, method="POST")

    await world.enter()
    await world.watch()

    assert await world.venue.positions() == ()
    assert await world.venue.open_orders(SOL) == ()
    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.UNPROTECTED


async def test_a_stop_cancelled_in_the_app_is_put_back(world: LiveWorld) -> None:
    await world.enter()
    (stop,) = [order for order in await world.venue.open_orders(SOL) if order.kind is OrderKind.STOP_MARKET]

    world.stage.exchange.hands.cancel(stop.client_id)
    await world.watch()

    (again,) = [order for order in await world.venue.open_orders(SOL) if order.kind is OrderKind.STOP_MARKET]
    assert again.client_id != stop.client_id
    assert (again.quantity, again.trigger) == (stop.quantity, stop.trigger)


async def test_a_position_closed_in_the_app_is_booked_and_its_stop_goes(world: LiveWorld) -> None:
    await world.enter()

    world.stage.exchange.hands.close("SOLUSDT")
    await world.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.OUTSIDE
    assert await world.venue.open_orders(SOL) == ()


async def test_a_liquidation_is_booked_as_one(world: LiveWorld) -> None:
    await world.enter()

    world.stage.exchange.hands.liquidate("SOLUSDT")
    await world.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.LIQUIDATED
    assert await world.venue.open_orders(SOL) == ()


async def test_a_restart_goes_on_with_what_the_exchange_shows(world: LiveWorld) -> None:
    await world.enter()
    world.stage.gap_to("0.9")

    await world.restart()
    await world.watch()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.STOP
    assert to_ms(closed.closed_at) > to_ms(closed.opened_at)
