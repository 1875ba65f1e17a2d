"""The ladder of targets at the venue: resting reduce-only orders, sized by what is left of the position.

Laws:
- What is left is shared out by the shares of the targets that are still open, so a part that was closed
  shrinks each of them alike.
- A slice under one step or the venue's smallest order joins the next target; the last one takes the rest.
- A target is re-sized by cancelling and placing it anew: it protects nothing, and the cover is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from core.money import ONE, ZERO
from core.trade import ExitReason, Intention, IntentState, Order, OrderKind, OrderStatus, Purpose
from core.trading.exits import target_is_passed
from core.trading.sending import (
    AGREEING_LOOKS,
    ATTEMPTS_PER_REQUEST,
    ENDED,
    MAX_FAILURES,
    NOT_TAKEN,
    prove_dead,
    reduce_only,
)
from core.trading.steps import CancelOrder, Scene, Send, Step, Wait, WantClosed

ALL = Fraction(1)
FORGET_FAILURES_S = 3600.0
"""A venue that refused a target longer ago than this, in a minute of overload perhaps, may take it now."""


def targets(scene: Scene) -> Step | None:
    """Every target rests at the venue as a reduce-only order, or was reached."""
    weights = _weights(scene)
    if not any(weights):
        return _watch_last(scene) if weights else None
    wanted = _quantities(scene, weights)
    if _fits(scene, wanted):
        return None
    for index, quantity in enumerate(wanted):
        step = _target(scene, index, quantity)
        if step is not None:
            return step
    return None


def targets_filled(scene: Scene) -> int:
    """Targets reached and filled in full; one nearer than a filled one was reached with it."""
    count = len(scene.trade.targets)
    return next((n for n in range(count, 0, -1) if not _open_part(scene, n - 1)), 0)


# ---------------------------------------------------------------- how much


def _weights(scene: Scene) -> list[Fraction]:
    """What each target still has of the shares; 0 when it was reached, or cannot rest at the venue."""
    filled, last = targets_filled(scene), len(scene.trade.targets) - 1
    return [
        Fraction(target.share) * _open_part(scene, index)
        if index >= filled and (index == last or not _is_given_up(_sent(scene, index), scene))
        else Fraction(0)
        for index, target in enumerate(scene.trade.targets)
    ]


def _open_part(scene: Scene, index: int) -> Fraction:
    """What the orders of one target have left of it, 1 down to 0."""
    part = ALL
    for intention in _sent(scene, index):
        part *= 1 - min(Fraction(_filled(scene, intention)) / Fraction(intention.request.quantity), ALL)
    return part


def _filled(scene: Scene, intention: Intention) -> Decimal:
    order = scene.order(intention)
    return max(scene.filled(intention), order.filled if order is not None else ZERO)


def _quantities(scene: Scene, weights: Sequence[Fraction]) -> list[Decimal]:
    """Whole lots of the position for each target, rounded down; the last open one takes the rest."""
    lot, total = scene.rules.lot, sum(weights, Fraction(0))
    lots, least = int(scene.held // lot), max(scene.rules.min_quantity / lot, ONE)
    given, carried = [0] * len(weights), Fraction(0)
    open_ones = [index for index, weight in enumerate(weights) if weight]
    for index in open_ones[:-1]:
        slice_ = lots * weights[index] / total + carried
        is_enough = int(slice_) >= least
        given[index], carried = (int(slice_), Fraction(0)) if is_enough else (0, slice_)
    rest = lots - sum(given)
    taker = open_ones[-1]
    if rest < least:
        taker = next((index for index in reversed(open_ones) if given[index]), taker)
    given[taker] += rest
    return [count * lot for count in given]


def _fits(scene: Scene, wanted: Sequence[Decimal]) -> bool:
    """The resting targets close all of the position, each but for a rounding: nothing is worth a change."""
    resting = [_asked(scene, index) for index in range(len(wanted))]
    asked = [sum(row, ZERO) for row in resting]
    if any(len(row) > 1 for row in resting) or sum(asked, ZERO) != sum(wanted, ZERO):
        return False
    slack = scene.rules.lot * (len(wanted) - 1)
    return all(abs(have - want) <= slack for have, want in zip(asked, wanted, strict=True))


def _asked(scene: Scene, index: int) -> list[Decimal]:
    """What each resting order of one target is still to close."""
    return [
        intention.request.quantity - _filled(scene, intention)
        for intention in _sent(scene, index)
        if (order := scene.order(intention)) is not None and order.status is OrderStatus.OPEN
    ]


# ---------------------------------------------------------------- one target


def _sent(scene: Scene, index: int) -> list[Intention]:
    base = index * ATTEMPTS_PER_REQUEST
    return [i for i in scene.sent(Purpose.TARGET) if base <= i.attempt < base + ATTEMPTS_PER_REQUEST]


def _target(scene: Scene, index: int, quantity: Decimal) -> Step | None:
    sent = _sent(scene, index)
    resting = [order for i in sent if (order := _resting(scene, i)) is not None]
    if resting:
        return _resize(scene, resting, _asked(scene, index), quantity)
    if quantity <= 0:
        return None
    if sent and (waiting := _unsettled(scene, sent[-1])):
        return waiting
    is_last = index == len(scene.trade.targets) - 1
    if _is_given_up(sent, scene) or quantity < scene.rules.min_quantity:
        return _watch_last(scene) if is_last else None
    attempt, kind = index * ATTEMPTS_PER_REQUEST + len(sent), OrderKind.TAKE_PROFIT_MARKET
    price = scene.trade.targets[index].price
    return Send(reduce_only(scene, Purpose.TARGET, attempt, kind, quantity, price))


def _resting(scene: Scene, intention: Intention) -> Order | None:
    order = scene.order(intention)
    return order if order is not None and order.status is OrderStatus.OPEN else None


def _resize(scene: Scene, resting: list[Order], asked: list[Decimal], quantity: Decimal) -> Step | None:
    if len(resting) > 1:
        return CancelOrder(resting[-1])
    if asked[0] == quantity:
        return None
    if scene.seen.agreeing < AGREEING_LOOKS:
        return Wait("one look at the position does not change a target")
    return CancelOrder(resting[0])


def _unsettled(scene: Scene, last: Intention) -> Step | None:
    if last.state is IntentState.SENT:
        return prove_dead(scene, last) or Wait("a target is on its way")
    is_shown = scene.order(last) is not None
    if last.state is IntentState.DONE and not is_shown and scene.age_s(last) < scene.rules.dead_after_s:
        return Wait("a target is not shown yet")
    return None


def _is_given_up(sent: Sequence[Intention], scene: Scene) -> bool:
    """Several in a row of one size were refused, lost or cancelled just now: it cannot rest at the venue."""
    if len(sent) >= ATTEMPTS_PER_REQUEST - 1:
        return True
    if not sent or scene.age_s(sent[-1]) > FORGET_FAILURES_S:
        return False
    newest = sent[-MAX_FAILURES:]
    is_one_size = len({intention.request.quantity for intention in newest}) == 1
    return len(newest) == MAX_FAILURES and is_one_size and all(_has_ended(scene, i) for i in newest)


def _has_ended(scene: Scene, intention: Intention) -> bool:
    if intention.state in (*NOT_TAKEN, IntentState.DEAD):
        return True
    order = scene.order(intention)
    if order is None:
        return intention.state is IntentState.DONE and scene.age_s(intention) >= scene.rules.dead_after_s
    return order.status in ENDED and not order.filled


def _watch_last(scene: Scene) -> Step | None:
    """What no order at the venue closes at the last target is closed by us."""
    last, sign = scene.trade.targets[-1], scene.trade.side.sign
    if not target_is_passed(scene.seen.mark, last.price, sign):
        return None
    if scene.seen.agreeing < AGREEING_LOOKS:
        return Wait("one look does not show that the position outlived its last target")
    return WantClosed(ExitReason.TARGET)
