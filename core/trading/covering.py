"""The stop at the venue: at rest exactly one, at the wanted price, for the whole position.

Laws:
- A stop is replaced by placing the new one, seeing it rest, and only then cancelling the old one.
- While a part is being closed, a second stop rests for what will be left; it takes over once the position
  is seen to be that small, and goes if nothing was closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.trade import Intention, IntentState, Order, OrderKind, Purpose
from core.trading.sending import AGREEING_LOOKS, ENDED, MAX_FAILURES, reduce_only
from core.trading.steps import CancelOrder, Scene, Send, Step, Wait

MAX_RESTING_STOPS = 3
"""Stops that rest though none is the wanted one; more would run into the venue's own limit."""
LONGEST_STOP_PAUSE_S = 60.0
"""Between refused stops while an older one covers the position: the software stop bridges it."""
FORGET_FAILURES_S = 60.0
"""A venue that refused a part's stop longer ago than this may take it now."""
LONGEST_PART_PAUSE_S = FORGET_FAILURES_S / (MAX_FAILURES + 1)
"""Between refused stops for a part: with longer pauses `MAX_FAILURES` of them would never be remembered at
once, the part would stay pending for ever, and so long no stop moves."""


def cover(scene: Scene) -> Step | None:
    """The next step towards exactly one full stop; None when it rests."""
    resting = scene.resting(Purpose.STOP)
    good = next((order for order in resting if _is_stop_of(scene, order, scene.held)), None)
    if good is not None:
        extra = next((o for o in resting if o is not good and not _is_for_the_rest(scene, o)), None)
        if extra is None:
            return None
        if scene.seen.agreeing < AGREEING_LOOKS:
            return Wait("one look at the position does not make the old stop superfluous")
        return CancelOrder(extra)
    if len(resting) >= MAX_RESTING_STOPS:
        return CancelOrder(_least_useful(scene, resting))
    return _place(scene, scene.held)


def cover_rest(scene: Scene, rest: Decimal) -> Step | None:
    """A second stop for what a partial close will leave; None when it rests."""
    if any(_is_stop_of(scene, order, rest) for order in scene.resting(Purpose.STOP)):
        return None
    return _place(scene, rest)


def is_rest_uncoverable(scene: Scene, rest: Decimal) -> bool:
    """The stop for what would be left failed several times just now."""
    recent = [
        i
        for i in scene.sent(Purpose.STOP)
        if i.request.quantity == rest and scene.age_s(i) <= FORGET_FAILURES_S
    ]
    return len(recent) >= MAX_FAILURES and all(_has_failed(scene, i) for i in recent[-MAX_FAILURES:])


def stop_failures(scene: Scene) -> int:
    """Stops refused, lost or dropped by the venue at once, in a row at the newest end."""
    count = 0
    for intention in reversed(scene.sent(Purpose.STOP)):
        if not _has_failed(scene, intention):
            break
        count += 1
    return count


def _is_stop_of(scene: Scene, order: Order, quantity: Decimal) -> bool:
    return (
        order.trigger == scene.trade.stop
        and order.quantity - order.filled == quantity
        and order.reduce_only
        and order.side is scene.trade.exit_side
    )


def _is_for_the_rest(scene: Scene, order: Order) -> bool:
    """Beside a full stop, while a part is being closed."""
    return scene.trade.close_share is not None and order.quantity - order.filled < scene.held


def _least_useful(scene: Scene, resting: Sequence[Order]) -> Order:
    """The oldest, sparing the one that covers most."""
    most = max(resting, key=lambda order: min(order.quantity - order.filled, scene.held))
    return next(order for order in resting if order is not most)


def _place(scene: Scene, quantity: Decimal) -> Step:
    sent = scene.sent(Purpose.STOP)
    pause = _pause_s(scene, sent[-1], quantity) if sent else 0.0
    if pause > 0:
        return Wait("a stop is on its way", pause)
    attempt, kind = (sent[-1].attempt + 1 if sent else 0), OrderKind.STOP_MARKET
    return Send(reduce_only(scene, Purpose.STOP, attempt, kind, quantity, scene.trade.stop))


def _pause_s(scene: Scene, last: Intention, quantity: Decimal) -> float:
    """Seconds until another stop may follow `last`, which does not rest as wanted."""
    rules, order = scene.rules, scene.order(last)
    if last.state in (IntentState.REFUSED, IntentState.DEAD) or (order is not None and order.status in ENDED):
        longest = LONGEST_STOP_PAUSE_S if quantity == scene.held else LONGEST_PART_PAUSE_S
        return min(_pause_after_refusal_s(scene), longest) - scene.age_s(last)
    if last.request.quantity != quantity or last.request.trigger != scene.trade.stop:
        return 0.0  # it was meant for another position than this
    return rules.retry_exit_s - scene.age_s(last)


def _pause_after_refusal_s(scene: Scene) -> float:
    """Longer and longer, but only while an older stop covers the whole position."""
    pause = scene.rules.retry_refused_s
    covered = any(order.quantity - order.filled >= scene.held for order in scene.resting(Purpose.STOP))
    doublings = max(stop_failures(scene) - MAX_FAILURES, 0) if covered else 0
    return float(min(pause * 2 ** min(doublings, 10), LONGEST_STOP_PAUSE_S))


def _has_failed(scene: Scene, intention: Intention) -> bool:
    if intention.state in (IntentState.REFUSED, IntentState.DEAD):
        return True
    order = scene.order(intention)
    if order is None:
        return scene.age_s(intention) >= scene.rules.retry_exit_s
    lived = (order.updated_at - order.created_at).total_seconds()
    return order.status in ENDED and not order.filled and lived < scene.rules.retry_exit_s
