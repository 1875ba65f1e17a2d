"""Exits that nobody answers: repeated for ever, but slower and slower, and not asked for for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.trade import ExitReason, IntentState, OrderKind, Purpose, Want
from core.trading.sending import LONGEST_EXIT_PAUSE_S
from core.trading.steps import Send, Settle, Wait
from tests.core.builders import D
from tests.core.trading.stage import DEAD, REFUSED, SENT, Stage
from tests.core.trading.world import World


def leaving(sent: int, state: IntentState = SENT) -> Stage:
    """A held trade to be closed, after so many exits; the newest was sent right now."""
    stage = Stage().covered()
    stage.trade = replace(stage.trade, want=Want.CLOSED, close_requests=1)
    for attempt in range(sent - 1):
        stage.sent(Purpose.EXIT, DEAD, 100 + attempt, ago_s=60)
    stage.sent(Purpose.EXIT, state, 100 + sent - 1, ago_s=0)
    return stage


@pytest.mark.parametrize(
    ("sent", "pause"), [(1, 2), (5, 2), (6, 4), (7, 8), (8, LONGEST_EXIT_PAUSE_S), (60, LONGEST_EXIT_PAUSE_S)]
)
def test_unanswered_exits_are_repeated_slower_and_slower_but_never_given_up(sent: int, pause: float) -> None:
    stage = leaving(sent)

    first = stage.step()
    stage.now_s += pause - 0.1
    early = stage.step()
    stage.now_s += 0.1
    stage.agreeing = 1
    late = stage.step()

    assert isinstance(first, Wait) and first.again_s == pause
    assert isinstance(early, Wait)
    assert isinstance(late, Send) and late.intention.attempt == 100 + sent


def test_refused_exits_are_slowed_down_too() -> None:
    stage = leaving(20, REFUSED)

    step = stage.step()

    assert isinstance(step, Wait) and step.again_s == LONGEST_EXIT_PAUSE_S


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.STOP])
def test_a_reduce_only_order_that_never_arrived_is_settled_beside_the_position(purpose: Purpose) -> None:
    stage = Stage().complete()
    stage.sent(purpose, SENT, 7, ago_s=16)

    step = stage.step()

    assert isinstance(step, Settle) and step.state is DEAD and step.intention.attempt == 7


@pytest.mark.parametrize(("ago_s", "agreeing"), [(14, 2), (16, 1)])
def test_it_is_not_called_dead_within_the_receive_window_nor_by_one_look(ago_s: float, agreeing: int) -> None:
    stage = Stage().complete()
    stage.sent(Purpose.EXIT, SENT, 7, ago_s=ago_s)
    stage.agreeing = agreeing

    assert not isinstance(stage.step(), Settle)


async def deaf_to_exits(minutes: int) -> tuple[World, list[int]]:
    """A wish to close that no exit comes through for; questions about single orders, minute by minute."""
    world = await World().open()
    trade = await world.hold()
    asked = [0]
    real = world.venue.order

    async def counted(symbol: str, client_id: str) -> Any:
        asked[-1] += 1
        return await real(symbol, client_id)

    world.venue.order = counted  # type: ignore[method-assign]
    world.venue.next_answers[OrderKind.MARKET] = ["lose"] * 1000
    await world.kernel.executor.want_closed(trade, ExitReason.OWNER, D(1), "owner")
    for _ in range(minutes):
        for _ in range(12):
            await world.kernel.guard.watch()
            world.clock.advance(5)
        asked.append(0)
    return world, asked[:-1]


async def test_a_venue_deaf_to_exits_is_not_stormed() -> None:
    world, asked = await deaf_to_exits(minutes=4)

    exits = len(await world.intents(Purpose.EXIT))
    world.venue.next_answers.clear()
    await world.settle()

    assert 12 <= exits <= 30
    assert asked[-1] <= 80 and asked[-1] <= 1.5 * asked[1]
    assert world.held == 0 and len(await world.history()) == 1
