"""What is under way when the program is killed, and at which request the kill is aimed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from random import Random

from tests.kills.exchange import Moment, Trap
from tests.kills.stage import Stage

ORDER, ALGO, TRADES = "/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/userTrades"


class Flow(Enum):
    ENTER = "an entry"
    CLOSE = "a close"
    PART = "a partial close"
    TRAIL = "a stop that follows the price"
    STOP = "a stop that is hit"
    BARE = "a stop that somebody cancelled"
    HAND = "a position that somebody closed"
    PANIC = "a panic"
    START = "a start"


NEEDS_POSITION = frozenset(Flow) - {Flow.ENTER, Flow.START}
AIMS: dict[Flow, tuple[tuple[str, str], ...]] = {
    Flow.ENTER: (
        ("POST", ORDER),
        ("POST", ORDER),
        ("POST", ALGO),
        ("POST", ALGO),
        ("POST", "/fapi/v1/leverage"),
        ("GET", "/fapi/v3/positionRisk"),
    ),
    Flow.CLOSE: (("POST", ORDER), ("POST", ORDER), ("DELETE", ALGO), ("GET", TRADES)),
    Flow.PART: (("POST", ORDER), ("POST", ALGO), ("DELETE", ALGO)),
    Flow.TRAIL: (("POST", ALGO), ("DELETE", ALGO)),
    Flow.STOP: (("DELETE", ALGO), ("GET", TRADES)),
    Flow.BARE: (("POST", ALGO), ("GET", "/fapi/v1/openAlgoOrders")),
    Flow.HAND: (("DELETE", ALGO), ("GET", TRADES)),
    Flow.PANIC: (("POST", ORDER), ("DELETE", ALGO)),
}
"""Requests that each makes; twice where the most hangs on it."""
LONGEST_AFTER_S, LONGEST_LATE_S = 0.03, 4.5
"""A late request is carried out inside its receive window of 5 s."""


def chosen(stage: Stage, *, may_be_start: bool) -> Flow:
    """By the stage's dice; what needs a position gets one first."""
    flow = stage.dice.choice([each for each in Flow if may_be_start or each is not Flow.START])
    if flow in NEEDS_POSITION and not stage.held():
        return Flow.ENTER
    if flow is Flow.ENTER and not stage.flat():
        return Flow.CLOSE
    return flow


def trap_for(flow: Flow, dice: Random, spring: Callable[[], None]) -> Trap:
    method, path = dice.choice(AIMS[flow])
    moments = [Moment.TAKEN, Moment.ANSWERED, Moment.LATE, Moment.LOST]
    return Trap(
        method,
        path,
        dice.choice(moments if method != "GET" else moments[:2]),
        spring,
        after_s=dice.uniform(0.0, LONGEST_AFTER_S),
        late_s=dice.uniform(0.1, LONGEST_LATE_S),
        skip=dice.choice((0, 0, 1, 2)) if flow is Flow.ENTER and path == ALGO else 0,
    )


async def set_going(stage: Stage, flow: Flow) -> None:
    """Begins it. Raises `TimeoutError` where the bot does not answer in the chat."""
    dice = stage.dice
    if flow is Flow.ENTER:
        await stage.propose(dice.choice(stage.flat()))
        return
    coin = dice.choice(stage.held())
    if dice.random() < 0.6:
        stage.favour(coin, 0.01)  # a profit now and then: losses in a row would stop entries
    actions: dict[Flow, Callable[[], Awaitable[None]]] = {
        Flow.CLOSE: lambda: stage.close_part(coin, 100),
        Flow.PART: lambda: stage.close_part(coin, dice.choice((25, 50))),
        Flow.TRAIL: lambda: _now(stage.favour, coin, dice.uniform(0.04, 0.07)),
        Flow.STOP: lambda: _now(stage.hit_stop, coin),
        Flow.BARE: lambda: _now(stage.take_away_stop, coin),
        Flow.HAND: lambda: _now(stage.close_by_hand, coin),
        Flow.PANIC: stage.panic,
    }
    await actions[flow]()


async def _now(action: Callable[..., None], *args: object) -> None:
    action(*args)
