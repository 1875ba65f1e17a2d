"""Steering a stop over the real core: proposals change nothing, and every rule holds at the last tap too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.steering import Steering
from core.desk import StopMove
from core.errors import PerpilotError
from core.market import Side
from core.notice import NoticeKind
from core.trade import OrderKind, StopBy
from tests.core.builders import BTC, SOL, D
from tests.core.trading.world import World

BY = "telegram:1001"


async def holding(side: Side = Side.LONG, **limits: Any) -> tuple[World, Steering]:
    """A covered position of 2 % risk from 100 with its stop about five away."""
    world = await World(**limits).open()
    await world.hold(side)
    return world, Steering(world.kernel, world.venue, world.market, lambda: world.limits)


def stop_at_venue(world: World) -> Decimal | None:
    (order,) = world.venue.resting(OrderKind.STOP_MARKET)
    return order.trigger


async def refusal(steering: Steering, move: StopMove, price: Any = None) -> str:
    proposal = await steering.proposal(SOL, move, None if price is None else D(str(price)))
    assert proposal is not None
    return proposal.refusal


# ---------------------------------------------------------------- proposing


@pytest.mark.parametrize("move", list(StopMove))
async def test_there_is_nothing_to_propose_without_a_position(move: StopMove) -> None:
    _, steering = await holding()

    assert await steering.proposal(BTC, move, D(99)) is None


@pytest.mark.parametrize("side", list(Side))
async def test_break_even_is_refused_until_the_price_is_beyond_it(side: Side) -> None:
    world, steering = await holding(side)
    early = await refusal(steering, StopMove.BREAK_EVEN)
    world.venue.move(100 + 2 * side.sign)

    proposal = await steering.proposal(SOL, StopMove.BREAK_EVEN, None)

    assert "not beyond break-even" in early and "costs included" in early
    assert proposal is not None and not proposal.refusal and proposal.loss_after <= 0 < proposal.loss_before


async def test_break_even_is_not_proposed_twice() -> None:
    world, steering = await holding()
    world.venue.move(102)
    proposal = await steering.proposal(SOL, StopMove.BREAK_EVEN, None)
    assert proposal is not None
    await steering.move(SOL, proposal.new, BY, may_loosen=False)

    assert "at break-even or better already" in await refusal(steering, StopMove.BREAK_EVEN)


async def test_a_proposal_changes_nothing() -> None:
    world, steering = await holding()
    before, sent = await world.trade(), len(world.venue.submitted)

    for move in StopMove:
        await steering.proposal(SOL, move, D(94))

    assert (await world.trade()).stop == before.stop and len(world.venue.submitted) == sent


async def test_a_stop_beyond_the_price_is_refused() -> None:
    _, steering = await holding()

    assert "must be below the mark price 100 for a long" in await refusal(steering, StopMove.PRICE, 100)
    assert "must be below" in await refusal(steering, StopMove.PRICE, 120)


@pytest.mark.parametrize("price", ["0", "-3", "NaN", "Infinity"])
async def test_what_is_no_price_is_refused(price: str) -> None:
    _, steering = await holding()

    assert "must be a price above 0" in await refusal(steering, StopMove.PRICE, price)


async def test_a_position_that_cannot_be_seen_is_an_error_in_words() -> None:
    world, steering = await holding()
    world.venue.flat_looks = 1

    with pytest.raises(PerpilotError, match="cannot be seen right now"):
        await steering.proposal(SOL, StopMove.TIGHTEN, None)


# ---------------------------------------------------------------- moving


@pytest.mark.parametrize("side", list(Side))
async def test_tightening_moves_the_order_at_the_venue_and_tells_the_owner(side: Side) -> None:
    world, steering = await holding(side)
    planned = (await world.trade()).stop
    proposal = await steering.proposal(SOL, StopMove.TIGHTEN, None)
    assert proposal is not None and not proposal.refusal

    tap = await steering.move(SOL, proposal.new, BY, may_loosen=False)

    trade = await world.trade()
    told = [facts["text"] for facts in await world.facts(NoticeKind.CHANGED)]
    assert tap.is_done and stop_at_venue(world) == proposal.new == trade.stop
    assert trade.stop_by is StopBy.OWNER and trade.planned_stop == planned
    assert world.is_covered() and any(BY in text and str(proposal.new) in text for text in told)


async def test_a_looser_stop_is_refused_without_leave() -> None:
    world, steering = await holding()
    stop = stop_at_venue(world)

    tap = await steering.move(SOL, D(94), BY, may_loosen=False)

    assert not tap.is_done and "would add risk" in tap.text and stop_at_venue(world) == stop


async def test_a_looser_stop_within_the_rules_is_placed_with_leave() -> None:
    world, steering = await holding()
    proposal = await steering.proposal(SOL, StopMove.LOOSEN, None)
    assert proposal is not None and proposal.is_loosening and not proposal.refusal

    tap = await steering.move(SOL, proposal.new, BY, may_loosen=True)

    assert tap.is_done and stop_at_venue(world) == proposal.new and world.is_covered()


async def test_every_rule_holds_for_a_looser_stop() -> None:
    _, steering = await holding()
    far = await refusal(steering, StopMove.PRICE, "89.5")
    _, steering = await holding(max_trade_loss=D("0.021"))
    costly = await refusal(steering, StopMove.PRICE, 93)

    assert "MAX_STOP_LOSS_PERCENT" in far and "MAX_TRADE_LOSS_PERCENT" in costly


async def test_a_loosening_is_checked_again_at_the_last_tap() -> None:
    """The day has cost almost everything that it may cost since the question was shown."""
    world, steering = await holding()
    proposal = await steering.proposal(SOL, StopMove.LOOSEN, None)
    assert proposal is not None and not proposal.refusal
    stop = stop_at_venue(world)
    world.venue.wallet -= D(90)

    tap = await steering.move(SOL, proposal.new, BY, may_loosen=True)

    assert not tap.is_done and "left of the daily limit" in tap.reasons[0]
    assert stop_at_venue(world) == stop


async def test_an_unknown_account_forbids_loosening_and_not_tightening() -> None:
    world, steering = await holding()
    world.venue.failing = {"balance"}

    looser = await refusal(steering, StopMove.LOOSEN)
    tighter = await refusal(steering, StopMove.TIGHTEN)

    assert "equity is unknown" in looser and tighter == ""


async def test_the_price_of_the_last_tap_decides() -> None:
    world, steering = await holding()
    proposal = await steering.proposal(SOL, StopMove.TIGHTEN, None)
    assert proposal is not None
    world.market.prices[SOL] = proposal.new - 1  # through it, and still above the resting stop

    tap = await steering.move(SOL, proposal.new, BY, may_loosen=False)

    assert not tap.is_done and "must be below the mark price" in tap.reasons[0]


async def test_a_venue_that_is_slow_to_take_the_new_stop_keeps_the_old_one() -> None:
    world, steering = await holding()
    old = stop_at_venue(world)
    proposal = await steering.proposal(SOL, StopMove.TIGHTEN, None)
    assert proposal is not None
    world.venue.next_answers[OrderKind.STOP_MARKET] = ["refuse"] * 20

    tap = await steering.move(SOL, proposal.new, BY, may_loosen=False)

    covered = stop_at_venue(world)
    world.venue.next_answers[OrderKind.STOP_MARKET] = []
    await world.settle()
    assert tap.is_done and "old one covers" in tap.text
    assert covered == old and stop_at_venue(world) == proposal.new
