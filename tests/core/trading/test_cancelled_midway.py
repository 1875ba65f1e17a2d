"""A task that is cancelled while a request is on its way: what it did is looked for and not done again."""

from __future__ import annotations

import asyncio

import pytest

from core.ports import Outcome
from core.trade import IntentState, OrderKind, OrderRequest, Purpose
from tests.core.trading.world import World

MARKET, STOP = OrderKind.MARKET, OrderKind.STOP_MARKET


@pytest.mark.parametrize("kind", [MARKET, STOP])
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_a_cancelled_task_had_sent_is_found_and_not_sent_again(
    kind: OrderKind, is_restarted: bool
) -> None:
    world = await World().open()
    on_its_way, may_arrive = asyncio.Event(), asyncio.Event()
    real = world.venue.submit

    async def slow(request: OrderRequest) -> Outcome:
        if request.kind is kind and not on_its_way.is_set():
            on_its_way.set()
            await may_arrive.wait()
        return await real(request)

    world.venue.submit = slow  # type: ignore[method-assign]
    entering = asyncio.create_task(world.kernel.executor.enter(await world.cleared(), None, "test"))
    await on_its_way.wait()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    states = [i.state for i in await world.intents(Purpose.ENTRY)]
    may_arrive.set()
    if is_restarted:
        world.boot()
    await world.settle()

    assert states == [IntentState.SENT if kind is MARKET else IntentState.DONE]
    assert len(world.venue.entries) == 1
    assert world.held and world.is_covered()
