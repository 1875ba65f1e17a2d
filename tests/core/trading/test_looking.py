"""Looks that the storm has taught: lost answers, clocks that were wrong, passes that are short."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.errors import Unknown
from core.trade import IntentState, OrderKind, OrderSide, Purpose
from core.trading.looking import Looker
from core.trading.sending import prove_dead
from core.trading.steps import Scene, Settle
from tests.core.builders import NOW, D
from tests.core.trading.stage import RULES, Stage
from tests.core.trading.world import World


class Stutters:
    """A venue whose first answer to each read is lost."""

    def __init__(self, venue: Any) -> None:
        self._venue = venue
        self._lost: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._venue, name)

        async def call(*args: Any) -> Any:
            if name not in self._lost:
                self._lost.add(name)
                raise Unknown(f"{name} is not answered")
            return await inner(*args)

        return call


async def test_one_lost_answer_does_not_lose_the_look() -> None:
    world = await World().open()
    trade = await world.hold()
    looker = Looker(Stutters(world.venue), world.market, world.clock)

    seen = await looker.look(trade, await world.journal.intentions(trade.id), RULES)

    assert seen.position is not None
    assert any(order.kind is OrderKind.STOP_MARKET for order in seen.orders)


@pytest.mark.parametrize("read", ["positions", "open_orders", "fills"])
async def test_two_lost_answers_are_no_look(read: str) -> None:
    world = await World().open()
    trade = await world.hold()
    world.venue.failing = {read}

    with pytest.raises(Unknown, match=read):
        await Looker(world.venue, world.market, world.clock).look(trade, (), RULES)


async def test_a_hand_that_closed_is_seen_though_our_clock_was_ahead_at_the_entry() -> None:
    world = await World().open()
    trade = await world.hold()
    ahead = replace(trade, created_at=trade.created_at + timedelta(seconds=30))
    world.clock.advance(5)
    world.venue.by_hand(OrderSide.SELL, world.held)

    seen = await Looker(world.venue, world.market, world.clock).look(
        ahead, await world.journal.intentions(trade.id), RULES
    )

    assert [fill.side for fill in seen.fills] == [OrderSide.BUY, OrderSide.SELL]


async def test_a_clock_that_was_set_forward_is_no_proof_that_an_order_never_arrived() -> None:
    stage = Stage()
    entry = stage.sent(Purpose.ENTRY, IntentState.SENT, ago_s=60)

    def proof(watched_s: float) -> Any:
        seen = replace(_look(stage), watched_s={entry.request.client_id: watched_s})
        return prove_dead(Scene(stage.trade, tuple(stage.intents), seen, RULES, _now(stage)), entry)

    assert proof(watched_s=2.0) is None
    assert isinstance(proof(watched_s=20.0), Settle)


async def test_an_order_is_watched_by_a_clock_that_nobody_sets() -> None:
    world = await World().open()
    trade = await world.hold()
    intents = await world.journal.intentions(trade.id)
    looker = Looker(world.venue, world.market, world.clock)

    first = await looker.look(trade, intents, RULES)
    world.clock.advance(7)
    second = await looker.look(trade, intents, RULES)

    assert set(first.watched_s.values()) == {0.0}
    assert set(second.watched_s.values()) == {7.0}


async def test_the_short_pass_covers_while_the_account_cannot_be_read() -> None:
    world = await World().open()
    trade = await world.hold()
    (stop,) = world.venue.resting(OrderKind.STOP_MARKET)
    world.venue.cancel_by_hand(stop)
    world.venue.failing = {"balance", "transfers"}
    world.market.silent.add(trade.symbol)
    world.clock.advance(5)

    await world.boot().guard.protect()

    assert world.is_covered()


async def test_the_days_opening_is_fixed_before_the_first_booking_of_a_short_pass() -> None:
    world = await World().open()
    await world.hold()
    world.boot()
    world.clock.advance(24 * 3600)
    world.venue.move(94)
    for _ in range(4):
        await world.kernel.guard.protect()
        world.clock.advance(2)

    (closed,) = await world.history()
    opening = await world.journal.day_opening_equity(trade_account(world), world.clock.now().date(), D(1))

    assert closed.net_pnl < 0
    assert opening != D(1)


def trade_account(world: World) -> str:
    return world.kernel.keeper.account


def _look(stage: Stage) -> Any:
    from core.trade import Seen

    return Seen(stage.trade.symbol, None, (), (), stage.mark, _now(stage), agreeing=2)


def _now(stage: Stage) -> Any:
    return NOW + timedelta(seconds=stage.now_s)
