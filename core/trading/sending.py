"""What all purposes share in sending: the reduce-only intention, its attempts, and proof of silence."""

from __future__ import annotations

from decimal import Decimal

from core.trade import (
    Intention,
    IntentState,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Purpose,
)
from core.trading.ids import client_id
from core.trading.steps import Scene, Send, Settle, Step, Wait

AGREEING_LOOKS = 2
"""Looks in a row that must show the same before anything final is concluded."""
MAX_FAILURES = 3
"""Orders of one kind refused or lost in a row; then it is done another way."""
PATIENT_EXITS, LONGEST_EXIT_PAUSE_S = 5, 15.0
"""Unanswered exits are repeated slower and slower after this many: a ban would end all closing."""
ATTEMPTS_PER_REQUEST = 100
"""Attempt numbers of one target or one asked-for exit: room for its retries."""

ENDED = (OrderStatus.CANCELLED, OrderStatus.REJECTED)
NOT_TAKEN = (IntentState.REFUSED, IntentState.THROTTLED)
"""The venue said that it does not have the order."""


def reduce_only(
    scene: Scene,
    purpose: Purpose,
    attempt: int,
    kind: OrderKind,
    quantity: Decimal,
    trigger: Decimal | None = None,
) -> Intention:
    trade = scene.trade
    request = OrderRequest(
        client_id=client_id(trade.account, trade.id, purpose, attempt),
        symbol=trade.symbol,
        side=trade.exit_side,
        kind=kind,
        quantity=quantity,
        reduce_only=True,
        trigger=trigger,
    )
    return Intention(request, trade.id, purpose, attempt, IntentState.SENT, scene.now)


def prove_dead(scene: Scene, intention: Intention) -> Step | None:
    """Dead only after the receive window, and after agreeing looks that do not show it."""
    if scene.waited_s(intention) > scene.rules.dead_after_s and scene.seen.agreeing >= AGREEING_LOOKS:
        return Settle(intention, IntentState.DEAD, "never arrived")
    return None


def exits_of(scene: Scene) -> list[Intention]:
    """What was sent for the present request to leave."""
    base = scene.trade.close_requests * ATTEMPTS_PER_REQUEST
    return [i for i in scene.sent(Purpose.EXIT) if i.attempt >= base]


def send_exit(scene: Scene, quantity: Decimal) -> Step:
    """A reduce-only market order; repeated while unanswered, numbered within the present request."""
    sent = exits_of(scene)
    if not sent:
        first = scene.trade.close_requests * ATTEMPTS_PER_REQUEST
        return Send(reduce_only(scene, Purpose.EXIT, first, OrderKind.MARKET, quantity))
    last, rules = sent[-1], scene.rules
    pause = rules.retry_refused_s if last.state in NOT_TAKEN else rules.retry_exit_s
    pause = min(pause * 2 ** max(len(sent) - PATIENT_EXITS, 0), max(pause, LONGEST_EXIT_PAUSE_S))
    if scene.age_s(last) < pause:
        return Wait("an exit is on its way", pause - scene.age_s(last))
    return Send(reduce_only(scene, Purpose.EXIT, last.attempt + 1, OrderKind.MARKET, quantity))
