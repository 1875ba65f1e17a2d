"""A position that was seen once: empty looks, a restart, a venue not loaded yet never end its trade."""

from __future__ import annotations

import pytest

from core.sim.venue import SimVenue
from core.trade import ExitReason, IntentState, OrderKind, OrderStatus, Purpose
from core.trading.steps import Abandon, Wait
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.stage import DEAD, DONE, REFUSED, Stage
from tests.core.trading.world import World

STOP = OrderKind.STOP_MARKET


def vanished(state: IntentState = DONE) -> Stage:
    """An entry of long ago, of which the venue shows nothing at all any more."""
    stage = Stage()
    stage.sent(Purpose.ENTRY, state, ago_s=86_400)
    stage.agreeing = 50
    return stage


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.TARGET, Purpose.EXIT])
def test_a_trade_with_an_accepted_protective_order_is_never_called_unfilled(purpose: Purpose) -> None:
    stage = vanished()
    stage.sent(purpose, DONE)

    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize("state", [DONE, DEAD, REFUSED])
def test_a_trade_whose_mark_was_noted_is_never_called_unfilled(state: IntentState) -> None:
    stage = Stage(best_mark=D(100))
    stage.sent(Purpose.ENTRY, state, ago_s=86_400)

    assert isinstance(stage.step(), Wait)


@pytest.mark.parametrize("shown", [None, OrderStatus.CANCELLED])
def test_a_trade_that_was_never_held_is_still_given_up(shown: OrderStatus | None) -> None:
    stage = Stage()
    stage.sent(Purpose.ENTRY, DONE, shown=shown, ago_s=86_400)
    stage.sent(Purpose.STOP, REFUSED)

    assert isinstance(stage.step(), Abandon)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_an_account_that_looks_empty_for_a_moment_costs_neither_the_trade_nor_its_stop(
    is_restarted: bool,
) -> None:
    world = await World().open()
    await world.hold()
    world.clock.advance(86_400)
    await world.kernel.guard.watch()
    if is_restarted:
        world.boot()
    world.venue.flat_looks, world.venue.blind_orders, world.venue.hidden_fills = 3, 3, True

    await world.kernel.guard.watch()
    world.venue.flat_looks, world.venue.blind_orders, world.venue.hidden_fills = 0, 0, False
    await world.settle()

    assert (await world.trade()).id == "plan-1"
    assert world.held and world.is_covered()


def paper_venue(world: World) -> SimVenue:
    """A new process's view of the paper account: made, but `open` was not called."""
    market = world.market
    return SimVenue(PAPER, D(1000), market.quote, market.instrument, world.clock.now, world.journal)


async def on_paper() -> World:
    world = World()
    world.venue = paper_venue(world)  # type: ignore[assignment]
    world.boot()
    return await world.open()


async def test_panic_before_the_paper_account_is_loaded_closes_what_is_really_held() -> None:
    world = await on_paper()
    await world.hold()
    world.clock.advance(600)
    world.venue = paper_venue(world)  # type: ignore[assignment]
    guard = world.boot(opens=False).guard

    unfinished = await guard.close(await world.trades(), ExitReason.PANIC, D(1), "owner")

    (closed,) = await world.history()
    assert unfinished == [] and closed.exit_reason is ExitReason.PANIC and closed.quantity > 0
    assert await world.venue.positions() == () and await world.venue.open_orders() == ()


async def test_a_paper_account_not_loaded_yet_does_not_show_its_deposit_as_a_loss() -> None:
    world = await on_paper()
    await world.hold()
    await world.venue.on_quote(await rising(world))  # type: ignore[attr-defined]
    before = await world.kernel.keeper.look()
    world.clock.advance(86_400)
    world.venue = paper_venue(world)  # type: ignore[assignment]

    account = await world.boot(opens=False).keeper.look()

    assert account.equity == before.equity != D(1000)
    assert account.foreign_symbols == frozenset() and account.open_breakers == ()


async def rising(world: World) -> object:
    world.clock.advance(60)
    world.market.prices[SOL] = D(109)
    return await world.market.quote(SOL)
