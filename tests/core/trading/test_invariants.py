"""What must never be, and what is only a moment of a venue that lags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.market import Side
from core.notice import NoticeKind
from core.trade import Order, OrderKind, OrderSide, Position, Trade, Want
from core.trading.invariants import BARE_S, GATE, GONE_S, LARGER_S, LOOSE_S, Invariants, Row
from tests.core.builders import D, a_position, a_trade, an_order, an_order_request
from tests.core.trading.world import World

TRADE = a_trade()
HELD = a_position(TRADE)


def a_stop(trade: Trade = TRADE, **fields: Any) -> Order:
    request = an_order_request(
        side=OrderSide.SELL if trade.side is Side.LONG else OrderSide.BUY,
        kind=OrderKind.STOP_MARKET,
        quantity=trade.quantity,
        reduce_only=True,
        trigger=trade.stop,
    )
    return replace(an_order(request), **fields)


async def bench() -> tuple[Invariants, World]:
    world = await World().open()
    return Invariants(world.clock, world.kernel.gate, world.journal, lambda: world.limits), world


async def lasting(seconds: float, *rows: Row) -> tuple[tuple[str, ...], World]:
    """What is found of the same sight so many seconds later."""
    watch, world = await bench()
    await watch.check(rows)
    world.clock.advance(seconds)
    return await watch.check(rows), world


async def test_a_covered_position_violates_nothing() -> None:
    found, world = await lasting(3600, (TRADE, HELD, a_stop()))

    assert found == ()
    assert not world.kernel.gate.is_closed_by(GATE)


@pytest.mark.parametrize("stop", [None, a_stop(quantity=TRADE.quantity / 2)])
async def test_a_position_without_a_full_stop_stops_entries_after_the_deadline(stop: Order | None) -> None:
    early, _ = await lasting(BARE_S - 1, (TRADE, HELD, stop))
    late, world = await lasting(BARE_S, (TRADE, HELD, stop))

    assert early == ()
    assert len(late) == 1 and "no stop covered" in late[0]
    assert world.kernel.gate.is_closed_by(GATE)


@pytest.mark.parametrize("side", [Side.LONG, Side.SHORT])
async def test_a_stop_that_rests_looser_than_the_recorded_one_is_a_violation(side: Side) -> None:
    trade = a_trade(side=side, stop=D(100 - 5 * side.sign))
    looser, tighter = trade.stop - side.sign, trade.stop + side.sign

    found, _ = await lasting(LOOSE_S, (trade, a_position(trade), a_stop(trade, trigger=looser)))
    fine, _ = await lasting(LOOSE_S, (trade, a_position(trade), a_stop(trade, trigger=tighter)))

    assert len(found) == 1 and "looser" in found[0]
    assert fine == ()


@pytest.mark.parametrize(
    ("position", "word"),
    [(replace(HELD, quantity=HELD.quantity + 1), "planned"), (replace(HELD, leverage=50), "50x")],
)
async def test_more_than_was_planned_is_a_violation(position: Position, word: str) -> None:
    found, _ = await lasting(LARGER_S, (TRADE, position, a_stop(quantity=position.quantity)))

    assert len(found) == 1 and word in found[0]


async def test_two_trades_on_one_symbol_are_a_violation_at_once() -> None:
    other = replace(TRADE, id="plan-2")

    found, _ = await lasting(0, (TRADE, HELD, a_stop()), (other, HELD, a_stop()))

    assert any("2 trades" in text for text in found)


async def test_a_position_that_is_gone_from_the_venue_is_a_violation_unless_it_is_being_closed() -> None:
    seen = replace(TRADE, best_mark=D(101))

    found, _ = await lasting(GONE_S, (seen, None, None))
    closing, _ = await lasting(GONE_S, (replace(seen, want=Want.CLOSED), None, None))
    never_seen, _ = await lasting(GONE_S, (TRADE, None, None))

    assert len(found) == 1 and "not at the venue" in found[0]
    assert closing == never_seen == ()


async def test_a_violation_is_told_once_and_opens_entries_when_it_is_over() -> None:
    watch, world = await bench()
    for _ in range(5):
        await watch.check([(TRADE, HELD, None)])
        world.clock.advance(BARE_S)
    told = await world.told(NoticeKind.SYSTEM)

    over = await watch.check([(TRADE, HELD, a_stop())])

    assert len(told) == 1
    assert over == ()
    assert not world.kernel.gate.is_closed_by(GATE)


async def test_what_was_not_read_in_between_has_not_lasted() -> None:
    watch, world = await bench()
    await watch.check([(TRADE, HELD, None)])
    world.clock.advance(BARE_S)
    watch.forget()

    found = await watch.check([(TRADE, HELD, None)])

    assert found == ()


async def test_the_guard_stops_entries_over_a_lasting_violation_and_goes_on_guarding() -> None:
    world = await World().open()
    await world.hold()
    position = world.venue.held.popitem()
    world.venue.held[position[0]] = (position[1][0], position[1][1] * 2, position[1][2] * 2, position[1][3])

    for _ in range(8):
        await world.kernel.guard.watch()
        world.clock.advance(2)

    assert "planned" in world.kernel.gate.text
    assert world.is_covered()
