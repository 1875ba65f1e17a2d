"""The stop at the venue: at rest exactly one, at the wanted price, for the whole position.

Laws:
- A stop is replaced by placing the new one, seeing it rest, and only then cancelling the old one.
- While a part is being closed, a second stop rests for what will be left; it takes over once the position
  is seen to be that small, and goes if nothing was closed.
- A stop that came with the entry, or that a person placed, covers until ours rests. Then the one that came
  with the entry goes, for it could not be moved; a person's stays.
- A tighter stop of ours that the journal does not know is taken over: an old journal loosens none.
- A throttled stop is no failed one: it is repeated until the position has been bare for too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.money import ZERO
from core.trade import (
    Intention,
    IntentState,
    Order,
    OrderKind,
    OrderStatus,
    Position,
    Purpose,
    Trade,
)
from core.trading.exits import stop_is_passed
from core.trading.ids import is_ours
from core.trading.sending import AGREEING_LOOKS, ENDED, MAX_FAILURES, NOT_TAKEN, reduce_only
from core.trading.steps import CancelOrder, MoveStop, Scene, Send, Step, Wait

MAX_REFUSALS = 2
"""Failures in a row after which a bare position is closed, where the newest was a plain no. One that is only
not shown may rest all the same: a venue that lags gets another try."""
MAX_RESTING_STOPS = 3
"""Stops that rest though none is the wanted one; more would run into the venue's own limit."""
LONGEST_STOP_PAUSE_S = 60.0
"""Between refused stops while an older one covers the position: the software stop bridges it."""
PATIENT_STOPS, LONGEST_BARE_PAUSE_S = 10, 15.0
"""Refused stops of a bare position come slower after so many: its exit is tried meanwhile, and a venue
that takes neither must not be flooded."""
FORGET_FAILURES_S = 60.0
"""A venue that refused a part's stop longer ago than this may take it now."""
MOMENT_S = 0.01
"""Behind a deadline, so that a wait until it is not over before it."""
LONGEST_PART_PAUSE_S = FORGET_FAILURES_S / (MAX_FAILURES + 1)
"""Between refused stops for a part: with longer pauses `MAX_FAILURES` of them would never be remembered at
once, the part would stay pending for ever, and so long no stop moves."""


def cover(scene: Scene) -> Step | None:
    """The next step towards exactly one full stop; None when it rests."""
    resting = scene.resting(Purpose.STOP)
    good = next((order for order in resting if _is_stop_of(scene, order, scene.held)), None)
    if good is not None:
        others = [*(o for o in resting if not _is_for_the_rest(scene, o)), *scene.attached()]
        extra = next((o for o in others if o is not good), None)
        if extra is None:
            return None
        if scene.seen.agreeing < AGREEING_LOOKS:
            return Wait("one look at the position does not make the old stop superfluous")
        return CancelOrder(extra)
    if (tighter := _tighter_stray(scene)) is not None:
        return MoveStop(tighter, scene.trade.stop_by)
    if len(resting) >= MAX_RESTING_STOPS:
        return CancelOrder(_least_useful(scene, resting))
    return _place(scene, scene.held)


def _tighter_stray(scene: Scene) -> Decimal | None:
    """The trigger of a stop of ours that covers all and is tighter than the recorded one, though no
    intention of ours knows it: the journal is older than the venue, and a stop only ever tightens."""
    trade, sign = scene.trade, scene.trade.side.sign
    found = [
        order.trigger
        for order in scene.strays()
        if order.kind is OrderKind.STOP_MARKET
        and order.reduce_only
        and order.side is trade.exit_side
        and order.quantity - order.filled >= scene.held
        and order.trigger is not None
        and (order.trigger - trade.stop) * sign > 0
        and not stop_is_passed(scene.seen.mark, order.trigger, sign)
    ]
    return max(found, key=lambda trigger: trigger * sign, default=None)


def is_covered(trade: Trade, position: Position, orders: Sequence[Order]) -> bool:
    """Resting reduce-only stops take the whole position, whoever placed them.

    Others' count only on this side of the liquidation price.
    """
    sign, liquidation = trade.side.sign, position.liquidation
    reachable = (
        order.quantity - order.filled
        for order in orders
        if order.status is OrderStatus.OPEN
        and order.kind is OrderKind.STOP_MARKET
        and order.reduce_only
        and order.side is trade.exit_side
        and order.trigger is not None
        and (is_ours(order.client_id) or liquidation <= 0 or (order.trigger - liquidation) * sign > 0)
    )
    return sum(reachable, ZERO) >= position.quantity


def must_flatten(scene: Scene) -> bool:
    """Nothing covers the position: the venue refuses its stop, or the time for placing one is over."""
    position = scene.seen.position
    if position is None or is_covered(scene.trade, position, scene.seen.orders):
        return False
    if stop_failures(scene) >= (MAX_REFUSALS if _is_refused(scene) else MAX_FAILURES):
        return True
    return scene.seen.bare_s > scene.rules.flatten_after_s and not _is_coming(scene)


def _is_refused(scene: Scene) -> bool:
    """The newest stop that was not throttled got a no."""
    judged = [i for i in scene.sent(Purpose.STOP) if i.state is not IntentState.THROTTLED]
    return bool(judged) and judged[-1].state is IntentState.REFUSED


def _is_coming(scene: Scene) -> bool:
    """The venue said a moment ago that it has the full stop, and does not show it yet."""
    sent = scene.sent(Purpose.STOP)
    if not sent or sent[-1].state is not IntentState.DONE or sent[-1].request.quantity < scene.held:
        return False
    return scene.order(sent[-1]) is None and scene.age_s(sent[-1]) < scene.rules.retry_exit_s


def first_stop(scene: Scene, entered: Order | None) -> Intention | None:
    """For what the entry's answer says was filled; None where it says nothing, or a stop came along."""
    if entered is None or not entered.filled or scene.rules.attaches_stops or scene.sent(Purpose.STOP):
        return None
    kind = OrderKind.STOP_MARKET
    return reduce_only(scene, Purpose.STOP, 0, kind, entered.filled, scene.trade.stop)


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
    failed = (i.state is IntentState.THROTTLED or _has_failed(scene, i) for i in recent[-MAX_FAILURES:])
    return len(recent) >= MAX_FAILURES and all(failed)


def stop_failures(scene: Scene) -> int:
    """Stops refused, lost or dropped by the venue at once, in a row at the newest end."""
    count = 0
    for intention in reversed(scene.sent(Purpose.STOP)):
        if intention.state is IntentState.THROTTLED:
            continue
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
        return Wait("a stop is on its way", _before_deadline(scene, pause))
    attempt, kind = (sent[-1].attempt + 1 if sent else 0), OrderKind.STOP_MARKET
    return Send(reduce_only(scene, Purpose.STOP, attempt, kind, quantity, scene.trade.stop))


def _pause_s(scene: Scene, last: Intention, quantity: Decimal) -> float:
    """Seconds until another stop may follow `last`, which does not rest as wanted."""
    rules, order = scene.rules, scene.order(last)
    is_over = last.state in (*NOT_TAKEN, IntentState.DEAD) or (order is not None and order.status in ENDED)
    if is_over:
        longest = LONGEST_STOP_PAUSE_S if quantity == scene.held else LONGEST_PART_PAUSE_S
        return min(_pause_after_refusal_s(scene), longest) - scene.age_s(last)
    if last.request.quantity != quantity or last.request.trigger != scene.trade.stop:
        return 0.0  # it was meant for another position than this
    is_hurried = scene.seen.bare_s > 0 and last.state is IntentState.SENT
    return (rules.retry_bare_s if is_hurried else rules.retry_exit_s) - scene.age_s(last)


def _before_deadline(scene: Scene, pause_s: float) -> float:
    """Nobody sleeps through the moment at which a bare position is closed."""
    left = scene.rules.flatten_after_s - scene.seen.bare_s
    return min(pause_s, left + MOMENT_S) if scene.seen.bare_s > 0 and left > 0 else pause_s


def _pause_after_refusal_s(scene: Scene) -> float:
    """Longer and longer: soon while an older stop covers the whole position, late while nothing does."""
    covered = any(order.quantity - order.filled >= scene.held for order in scene.resting(Purpose.STOP))
    patience, longest = (
        (MAX_FAILURES, LONGEST_STOP_PAUSE_S) if covered else (PATIENT_STOPS, LONGEST_BARE_PAUSE_S)
    )
    doublings = max(stop_failures(scene) - patience, 0)
    return float(min(scene.rules.retry_refused_s * 2 ** min(doublings, 10), longest))


def _has_failed(scene: Scene, intention: Intention) -> bool:
    if intention.state in (IntentState.REFUSED, IntentState.DEAD):
        return True
    order = scene.order(intention)
    if order is None:
        return scene.age_s(intention) >= scene.rules.retry_exit_s
    lived = (order.updated_at - order.created_at).total_seconds()
    return order.status in ENDED and not order.filled and lived < scene.rules.retry_exit_s
