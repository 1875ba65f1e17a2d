"""`next_step`: what we want of a trade against what the venue shows, and the one next step.

Laws:
- Pure and level-triggered: no phase is remembered. After a crash the same comparison goes on.
- Cover comes first: a position without a full stop is mended before anything else is looked at.
- An entry is sent once. Exits are reduce-only, so they may be repeated, never faster than the venue can
  show them.
- Unknown is never failed and never flat: an unanswered intention is looked for; a flat position is believed
  only after two agreeing looks, and only when the fills say so too. Until then no order is cleared away.
- A stop is replaced by placing the new one, seeing it rest, and only then cancelling the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core.money import ZERO, floor_to
from core.plan import Target
from core.trade import (
    ExitReason,
    Intention,
    IntentState,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Purpose,
    Seen,
    Trade,
    Want,
)
from core.trading.exits import liquidation_is_near, stop_is_passed, target_is_passed
from core.trading.ids import client_id
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    Rest,
    Rules,
    Scene,
    Send,
    Settle,
    Step,
    Wait,
    WantClosed,
)

AGREEING_LOOKS = 2
"""Looks in a row that must show the same before anything final is concluded."""
MAX_STOP_FAILURES = 3
"""Stops refused or lost in a row; then the position is closed instead."""
PATIENT_EXITS, LONGEST_EXIT_PAUSE_S = 5, 15.0
"""Unanswered exits are repeated slower and slower after this many: a ban would end all closing."""
MAX_RESTING_STOPS = 3
"""Stops that rest though none is the wanted one; more would run into the venue's own limit."""
ATTEMPTS_PER_REQUEST = 100
"""Attempt numbers of one target or one asked-for exit: room for its retries."""

ENDED = (OrderStatus.CANCELLED, OrderStatus.REJECTED)


def next_step(trade: Trade, intents: Sequence[Intention], seen: Seen, rules: Rules, now: datetime) -> Step:
    scene = Scene(trade, tuple(intents), seen, rules, now)
    if scene.held > 0:
        return _holding(scene)
    return _without_position(scene)


# ---------------------------------------------------------------- with a position


def _holding(scene: Scene) -> Step:
    return (
        _settle_seen(scene)
        or _bury(scene)
        or _must_leave(scene)
        or _leave(scene)
        or _cover(scene)
        or _partial(scene)
        or _targets(scene)
        or _tidy(scene)
        or Rest()
    )


def _settle_seen(scene: Scene) -> Step | None:
    """Writes down what the venue shows of intentions that were still unknown."""
    for intention in scene.intents:
        if intention.state is not IntentState.SENT:
            continue
        order = scene.order(intention)
        if order is not None and order.status is OrderStatus.REJECTED:
            return Settle(intention, IntentState.REFUSED, order.reject_reason)
        if order is not None or scene.filled(intention) > 0:
            return Settle(intention, IntentState.DONE)
    return None


def _must_leave(scene: Scene) -> Step | None:
    """Reasons of our own to close at once."""
    trade, seen, position = scene.trade, scene.seen, scene.seen.position
    if trade.want is Want.CLOSED or position is None:
        return None
    sign = trade.side.sign
    nearest = scene.rules.emergency_liquidation_distance
    if liquidation_is_near(seen.mark, position.liquidation, sign, nearest):
        return WantClosed(ExitReason.LIQUIDATION_GUARD)
    if stop_is_passed(seen.mark, trade.stop, sign):
        return WantClosed(ExitReason.SOFTWARE_STOP)
    if not scene.resting(Purpose.STOP) and _stop_failures(scene) >= MAX_STOP_FAILURES:
        return WantClosed(ExitReason.UNPROTECTED)
    return None


def _leave(scene: Scene) -> Step | None:
    trade = scene.trade
    if trade.want is not Want.CLOSED:
        return None
    refused = any(i.state is IntentState.REFUSED for i in _exits(scene))
    targets = scene.resting(Purpose.TARGET)
    if refused and targets:
        return CancelOrder(targets[0])  # a venue may count a resting target against the quantity to close
    step = _send_exit(scene, scene.held)
    if (
        refused
        and isinstance(step, Wait)
        and not stop_is_passed(scene.seen.mark, trade.stop, trade.side.sign)
    ):
        return _cover(scene) or step  # still here for now: then not without a stop
    return step


def _exits(scene: Scene) -> list[Intention]:
    """What was sent for the present request to leave."""
    base = scene.trade.close_requests * ATTEMPTS_PER_REQUEST
    return [i for i in scene.sent(Purpose.EXIT) if i.attempt >= base]


def _send_exit(scene: Scene, quantity: Decimal) -> Step:
    """A reduce-only market order; repeated while unanswered, numbered within the present request."""
    sent = _exits(scene)
    if not sent:
        first = scene.trade.close_requests * ATTEMPTS_PER_REQUEST
        return Send(_intention(scene, Purpose.EXIT, first, OrderKind.MARKET, quantity))
    last, rules = sent[-1], scene.rules
    pause = rules.retry_refused_s if last.state is IntentState.REFUSED else rules.retry_exit_s
    pause = min(pause * 2 ** max(len(sent) - PATIENT_EXITS, 0), max(pause, LONGEST_EXIT_PAUSE_S))
    if scene.age_s(last) < pause:
        return Wait("an exit is on its way", pause - scene.age_s(last))
    return Send(_intention(scene, Purpose.EXIT, last.attempt + 1, OrderKind.MARKET, quantity))


def _cover(scene: Scene) -> Step | None:
    """Exactly one stop, at the wanted price, for the whole position."""
    resting = scene.resting(Purpose.STOP)
    good = next((order for order in resting if _is_wanted_stop(scene, order)), None)
    if good is not None:
        extra = next((order for order in resting if order is not good), None)
        if extra is None:
            return None
        if scene.seen.agreeing < AGREEING_LOOKS:
            return Wait("one look at the position does not make the old stop superfluous")
        return CancelOrder(extra)
    if len(resting) >= MAX_RESTING_STOPS:
        return CancelOrder(resting[0])
    sent = scene.sent(Purpose.STOP)
    pause = _stop_pause(scene, sent[-1]) if sent else 0.0
    if pause > 0:
        return Wait("a stop is on its way", pause)
    attempt = sent[-1].attempt + 1 if sent else 0
    return Send(_intention(scene, Purpose.STOP, attempt, OrderKind.STOP_MARKET, scene.held, scene.trade.stop))


def _stop_pause(scene: Scene, last: Intention) -> float:
    """Seconds until another stop may follow `last`, which does not rest as wanted."""
    rules, order = scene.rules, scene.order(last)
    if last.state in (IntentState.REFUSED, IntentState.DEAD) or (order is not None and order.status in ENDED):
        return rules.retry_refused_s - scene.age_s(last)
    if last.request.quantity != scene.held or last.request.trigger != scene.trade.stop:
        return 0.0  # it was meant for another position than this
    return rules.retry_exit_s - scene.age_s(last)


def _is_wanted_stop(scene: Scene, order: Order) -> bool:
    return (
        order.trigger == scene.trade.stop
        and order.quantity - order.filled == scene.held
        and order.reduce_only
        and order.side is scene.trade.exit_side
    )


def _stop_failures(scene: Scene) -> int:
    """Stops refused, lost or dropped by the venue at once, in a row at the newest end."""
    count = 0
    for intention in reversed(scene.sent(Purpose.STOP)):
        if not _has_failed(scene, intention):
            break
        count += 1
    return count


def _has_failed(scene: Scene, intention: Intention) -> bool:
    if intention.state in (IntentState.REFUSED, IntentState.DEAD):
        return True
    order = scene.order(intention)
    if order is None:
        return scene.age_s(intention) >= scene.rules.retry_exit_s
    lived = (order.updated_at - order.created_at).total_seconds()
    return order.status in ENDED and not order.filled and lived < scene.rules.retry_exit_s


def _partial(scene: Scene) -> Step | None:
    """One asked-for partial close: its quantity is fixed by the position when it was first sent."""
    trade, rules = scene.trade, scene.rules
    if trade.close_share is None:
        return None
    sent = _exits(scene)
    done = next((i for i in sent if i.state is IntentState.DONE), None)
    if done is not None:
        order = scene.order(done)
        dropped = order is not None and order.status in ENDED and not order.filled
        return EndPartial("the venue dropped the order" if dropped else "")
    if sent and sent[-1].state is IntentState.SENT:
        # Repeating a partial close could close more than was asked for: wait for proof instead.
        return _prove_dead(scene, sent[-1]) or Wait("a partial close is on its way")
    if len(sent) >= MAX_STOP_FAILURES:
        return EndPartial(f"refused {len(sent)} times: {sent[-1].note}")
    # What is left must be large enough to be protected and closed.
    most = scene.held - rules.min_quantity
    quantity = floor_to(min(scene.held * trade.close_share, max(most, ZERO)), rules.lot)
    if quantity < rules.min_quantity or quantity <= 0:
        return EndPartial(f"{trade.close_share:.0%} of {scene.held} is under the venue's smallest order")
    return _send_exit(scene, quantity)


def _targets(scene: Scene) -> Step | None:
    """Every target rests at the venue as a reduce-only order, or was reached."""
    for index, quantity in enumerate(_target_quantities(scene)):
        step = _target(scene, index, quantity)
        if step is not None:
            return step
    return None


def _target_quantities(scene: Scene) -> list[Decimal]:
    """Whole lots; what is too small for an order of its own goes to the last target."""
    trade, rules = scene.trade, scene.rules
    shares = [floor_to(trade.quantity * target.share, rules.lot) for target in trade.targets[:-1]]
    own = [quantity if quantity >= rules.min_quantity else ZERO for quantity in shares]
    return [*own, trade.quantity - sum(own, ZERO)] if trade.targets else []


def _target(scene: Scene, index: int, quantity: Decimal) -> Step | None:
    base = index * ATTEMPTS_PER_REQUEST
    sent = [i for i in scene.sent(Purpose.TARGET) if base <= i.attempt < base + ATTEMPTS_PER_REQUEST]
    orders = [order for i in sent if (order := scene.order(i)) is not None]
    resting = [order for order in orders if order.status is OrderStatus.OPEN]
    if resting:
        return CancelOrder(resting[-1]) if len(resting) > 1 else None
    quantity -= sum((order.filled for order in orders), ZERO)
    if quantity <= 0 or any(order.status is OrderStatus.FILLED for order in orders):
        return None
    if sent and (waiting := _target_unsettled(scene, sent[-1])):
        return waiting
    target = scene.trade.targets[index]
    if len(sent) >= MAX_STOP_FAILURES or quantity < scene.rules.min_quantity:
        return _watch_target(scene, target, is_last=index == len(scene.trade.targets) - 1)
    wanted, kind = min(quantity, scene.held), OrderKind.TAKE_PROFIT_MARKET
    return Send(_intention(scene, Purpose.TARGET, base + len(sent), kind, wanted, target.price))


def _target_unsettled(scene: Scene, last: Intention) -> Step | None:
    if last.state is IntentState.SENT:
        return _prove_dead(scene, last) or Wait("a target is on its way")
    is_shown = scene.order(last) is not None
    if last.state is IntentState.DONE and not is_shown and scene.age_s(last) < scene.rules.dead_after_s:
        return Wait("a target is not shown yet")
    return None


def _watch_target(scene: Scene, target: Target, *, is_last: bool) -> Step | None:
    """A target that cannot rest at the venue is kept by us; the last one closes the position."""
    if is_last and target_is_passed(scene.seen.mark, target.price, scene.trade.side.sign):
        return WantClosed(ExitReason.TARGET)
    return None


def _tidy(scene: Scene) -> Step | None:
    """The rest of an entry must not add to a position that is already covered; nor may strays touch it."""
    spare = [*scene.resting(Purpose.ENTRY), *scene.strays()]
    return CancelOrder(spare[0]) if spare else None


# ---------------------------------------------------------------- without a position


def _without_position(scene: Scene) -> Step:
    entries = scene.sent(Purpose.ENTRY)
    if not entries:
        return _enter(scene)
    settled = _settle_seen(scene)
    if settled is not None:
        return settled
    entry = entries[-1]
    if entry.state is IntentState.SENT:
        return _prove_dead(scene, entry) or Wait("the entry's fate is unknown")
    if scene.seen.agreeing < AGREEING_LOOKS:
        return Wait("one look proves nothing")
    is_filled, order = scene.filled(entry) > 0, scene.order(entry)
    if order is not None and order.status is OrderStatus.OPEN:
        is_working = scene.trade.want is Want.OPEN and not is_filled
        return Wait("the entry is working") if is_working else CancelOrder(order)
    if not is_filled:
        return _never_filled(scene, entry, order)
    if scene.moved(scene.trade.exit_side) < scene.moved(scene.trade.entry_side):
        return Wait("the exit's fills are not shown yet")
    return _clear_orders(scene) or Book()


def _enter(scene: Scene) -> Step:
    trade, rules = scene.trade, scene.rules
    if trade.want is Want.CLOSED:
        return Abandon("closed before the entry was sent")
    if rules.entries_closed:
        return Abandon(f"entries are closed: {rules.entries_closed}")
    waited = (scene.now - trade.created_at).total_seconds()
    if waited > rules.entry_window_s:
        return Abandon(f"not sent within {rules.entry_window_s:.0f} s")
    if scene.seen.position is not None:
        return Abandon(f"{trade.symbol} already has a position that is not this trade's")
    drift = abs(scene.seen.mark - trade.entry_reference) / trade.entry_reference
    if drift > rules.max_entry_drift:
        return Abandon(f"the price moved {drift * 100:.2f} % before the entry was sent")
    if stop_is_passed(scene.seen.mark, trade.stop, trade.side.sign):
        return Abandon("the price passed the stop before the entry was sent")
    request = OrderRequest(
        client_id=client_id(trade.account, trade.id, Purpose.ENTRY, 0),
        symbol=trade.symbol,
        side=trade.entry_side,
        kind=OrderKind.MARKET,
        quantity=trade.quantity,
        reduce_only=False,
    )
    return Send(Intention(request, trade.id, Purpose.ENTRY, 0, IntentState.SENT, scene.now))


def _prove_dead(scene: Scene, intention: Intention) -> Step | None:
    """Dead only after the receive window, and after agreeing looks that do not show it."""
    if scene.age_s(intention) > scene.rules.dead_after_s and scene.seen.agreeing >= AGREEING_LOOKS:
        return Settle(intention, IntentState.DEAD, "never arrived")
    return None


def _bury(scene: Scene) -> Step | None:
    """Reduce-only orders that never arrived are settled, so that nobody asks for them for ever."""
    for purpose in (Purpose.EXIT, Purpose.STOP):
        for intention in scene.sent(purpose):
            if intention.state is IntentState.SENT and (dead := _prove_dead(scene, intention)) is not None:
                return dead
    return None


def _never_filled(scene: Scene, entry: Intention, order: Order | None) -> Step:
    """No fill is shown of an entry whose fate is settled. A venue that took it may show it late."""
    if entry.state is IntentState.DONE:
        if order is not None and (order.filled > 0 or order.status is OrderStatus.FILLED):
            return Wait("the entry's fills are not shown yet")
        window = scene.rules.dead_after_s if order is not None else scene.rules.vanished_after_s
        if scene.age_s(entry) <= window:
            return Wait("nothing is shown of the entry yet")
    if was_held(scene):
        return Wait("its position was seen; where it went is not shown yet")
    dropped = order.reject_reason if order is not None else ""
    return _clear_orders(scene) or Abandon(entry.note or dropped or "the entry was not filled")


def was_held(scene: Scene) -> bool:
    """The position of this trade was seen once: an empty look can then never mean that it was not filled."""
    protective = (Purpose.STOP, Purpose.TARGET, Purpose.EXIT)
    accepted = any(i.state is IntentState.DONE for i in scene.intents if i.purpose in protective)
    return accepted or scene.trade.best_mark is not None


def _clear_orders(scene: Scene) -> Step | None:
    """Nothing of ours may rest beside a flat position."""
    for purpose in (Purpose.TARGET, Purpose.STOP, Purpose.EXIT):
        for order in scene.resting(purpose):
            return CancelOrder(order)
    for order in scene.strays():
        return CancelOrder(order)
    for intention in scene.intents:
        if intention.state is IntentState.SENT:
            return _prove_dead(scene, intention) or Wait("an order's fate is unknown")
    return None


def _intention(
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
