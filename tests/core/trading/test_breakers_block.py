"""Every breaker trips through the real guard and scan, blocks entries of every kind, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import NotAllowed
from core.journal import Mode
from core.market import Background, Candles, Side
from core.risk import breakers
from core.risk.breakers import NAMES, title_of
from core.risk.limits import BreakerLimits
from core.trade import ExitReason, OrderKind
from tests.core.builders import BTC, PAPER, SOL, D, a_background, a_closed_trade
from tests.core.trading.world import World

ETH = "ETH/USDT:USDT"
CALM: dict[str, Any] = {
    "daily_loss": D("0.95"),
    "max_drawdown": D("0.95"),
    "yellow_drawdown": D("0.90"),
    "orange_drawdown": D("0.92"),
    "max_consecutive_losses": 99,
    "max_open_positions": 3,
    "same_direction_share": D(1),
}
QUIET = BreakerLimits(rolling_loss=D("0.95"), policies=())


def lose_money(world: World) -> None:
    world.venue.wallet -= 130


async def lose_trades(world: World) -> None:
    for number in range(3):
        closed = a_closed_trade(-1, id=f"lost{number}", closed_at=world.clock.now())
        await world.journal.book(closed, [], [], D(1000), [])
        world.kernel.keeper.note_booking()


def come_near_liquidation(world: World) -> None:
    world.venue.liquidation_distance = D("0.07")


def go_silent(world: World) -> None:
    """The held symbol has no prices any more; the others have."""
    world.market.silent.add(SOL)


async def stop_answering(world: World) -> None:
    world.venue.failing = {"balance"}
    for _ in range(5):
        await world.kernel.keeper.look()
        world.clock.advance(2)
    world.venue.failing = set()


def jump(world: World) -> None:
    async def candles(symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        found = await plain(symbol, timeframe, until, limit)
        found.rows[:, 2:4] = (100.05, 99.95)
        return found

    plain = world.market.candles
    world.market.candles = candles  # type: ignore[method-assign]
    world.market.prices[BTC] = D(101)


def pay_dearly(world: World) -> None:
    async def background(symbol: str) -> Background:
        return a_background(symbol=symbol, funding_rate=-0.002, funding_interval_h=4.0)

    world.market.background = background  # type: ignore[method-assign]


CAUSES: dict[str, tuple[dict[str, Any], Callable[[World], Any]]] = {
    breakers.DAILY_LOSS: ({"daily_loss": D("0.12")}, lose_money),
    breakers.ROLLING_LOSS: ({"breakers": replace(QUIET, rolling_loss=D("0.12"))}, lose_money),
    breakers.CONSECUTIVE_LOSSES: ({"max_consecutive_losses": 3}, lose_trades),
    breakers.DRAWDOWN: ({"max_drawdown": D("0.12")}, lose_money),
    breakers.LIQUIDATION_RISK: ({}, come_near_liquidation),
    breakers.STALE_DATA: ({}, go_silent),
    breakers.EXCHANGE_ERRORS: ({}, stop_answering),
    breakers.PRICE_SHOCK: ({}, jump),
    breakers.FUNDING_EXTREME: ({}, pay_dearly),
}


async def holding(name: str) -> World:
    """In auto, with a covered long in SOL and everybody for a long in ETH, before anything is wrong."""
    world = await World(Mode.AUTO, **({"breakers": QUIET} | CALM | CAUSES[name][0])).open()
    world.symbols = (SOL, ETH)
    world.panel.sides = {ETH: Side.LONG}
    world.clock.advance(480)  # two minutes before a bar closes: slow facts are read once per bar
    await world.hold()
    return world


async def trip(world: World, name: str) -> None:
    done = CAUSES[name][1](world)
    if done is not None:
        await done
    world.clock.advance(200)
    await world.kernel.guard.watch()
    assert [event.name for event in world.kernel.keeper.open_events] == [name]


def test_every_breaker_is_tried_here() -> None:
    assert set(CAUSES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
async def test_without_its_cause_the_entry_is_made(name: str) -> None:
    world = await holding(name)
    world.clock.advance(60)
    await world.kernel.guard.watch()

    await world.kernel.engine.scan()

    assert set(world.venue.held) == {SOL, ETH}


@pytest.mark.parametrize("name", NAMES)
async def test_a_scan_enters_nothing_and_asks_nobody_while_it_is_tripped(name: str) -> None:
    world = await holding(name)
    await trip(world, name)

    scan = await world.kernel.engine.scan()

    (decision,) = [each for each in scan.decisions if each.symbol == ETH]
    assert set(world.venue.held) == {SOL} and len(world.venue.entries) == 1
    assert world.panel.asked == []
    assert title_of(name) in str(decision.outcome) and name not in str(decision.outcome)


@pytest.mark.parametrize("name", NAMES)
async def test_no_plan_is_entered_and_no_card_filled_while_it_is_tripped(name: str) -> None:
    world = await holding(name)
    card = await world.card(name="plan-3", symbol=ETH)
    cleared = await world.cleared(name="plan-2", symbol=BTC)
    await trip(world, name)

    with pytest.raises(NotAllowed, match=title_of(name)):
        await world.kernel.executor.enter(cleared, None, "test")
    tap = await world.tap(card)

    assert not tap.is_done and set(world.venue.held) == {SOL}


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_recorded_told_once_and_found_again_by_the_next_process(name: str) -> None:
    world = await holding(name)
    await trip(world, name)
    world.boot()

    await world.kernel.engine.scan()

    (event,) = await world.journal.breaker_events(PAPER, 10)
    assert (event.name, event.action, event.resolved_at) == (name, "entries stopped", None)
    assert event.value and event.threshold
    assert set(world.venue.held) == {SOL}
    told = [key for key in await world.told() if key.startswith(f"breaker:{name}")]
    assert len(told) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_the_position_stays_covered_and_its_stop_still_ends_it(name: str) -> None:
    world = await holding(name)
    await trip(world, name)
    covered = world.is_covered()
    world.venue.liquidation_distance = D("0.2")
    world.market.silent = set()
    stop = (await world.trade()).stop
    world.venue.move(stop)

    await world.settle()

    assert covered and SOL not in world.venue.held
    assert (await world.history())[-1].exit_reason is ExitReason.STOP


@pytest.mark.parametrize("name", NAMES)
async def test_the_owner_closes_while_it_is_tripped(name: str) -> None:
    world = await holding(name)
    await trip(world, name)
    trade = await world.trade()

    await world.kernel.guard.close([trade], ExitReason.OWNER, Decimal(1), "owner")
    world.market.silent = set()  # a stop that is left is only cancelled once its symbol is seen again
    await world.settle()

    assert world.venue.held == {} and world.venue.resting(OrderKind.STOP_MARKET) == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_person_reopens_it_with_a_reason_and_then_entries_are_made(name: str) -> None:
    world = await holding(name)
    await trip(world, name)

    assert await world.kernel.keeper.acknowledge(name, "owner", "I know why")
    account = await world.kernel.keeper.look()

    (event,) = await world.journal.breaker_events(PAPER, 10)
    assert (event.resolved_by, event.reason) == ("owner", "I know why")
    assert account.open_breakers == ()  # though its cause may last
    assert account.is_probing is breakers.BY_NAME[name].is_loss
    if name != breakers.DAILY_LOSS:  # what is left of the day's limit bounds every plan itself
        await world.kernel.engine.scan()
        assert ETH in world.venue.held


async def test_an_account_that_cannot_be_read_trips_nothing_and_is_entered_by_nothing() -> None:
    world = await holding(breakers.DAILY_LOSS)
    lose_money(world)
    world.venue.failing = {"balance"}
    await world.kernel.guard.watch()

    await world.kernel.engine.scan()

    assert world.kernel.keeper.open_events == () and set(world.venue.held) == {SOL}
