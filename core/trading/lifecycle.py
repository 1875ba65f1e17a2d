"""`next_step`: what we want of a trade against what the venue shows, and the one next step.

Laws:
- Pure and level-triggered: no phase is remembered. After a crash the same comparison goes on.
- Cover comes first: a position without a full stop is mended before anything else is looked at, and one
  that stays bare is closed at market.
- An entry is sent once. Exits are reduce-only, so they may be repeated, never faster than the venue can
  show them.
- Unknown is never failed and never flat: an unanswered intention is looked for; a flat position is believed
  only after two agreeing looks, and only when the fills say so too. Until then no order is cleared away.
- A stop is replaced by placing the new one, seeing it rest, and only then cancelling the old one.
- The stop moves by the rule book (`exits`), which only tightens it; what it names is recorded first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.money import ZERO, exact, floor_to
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
from core.trading.covering import cover, cover_rest, is_rest_uncoverable, must_flatten
from core.trading.exits import liquidation_is_near, stop_is_passed
from core.trading.ids import client_id
from core.trading.laddering import targets
from core.trading.moving import is_over_time, ruled_stop
from core.trading.sending import (
    AGREEING_LOOKS,
    ENDED,
    MAX_FAILURES,
    NOT_TAKEN,
    exits_of,
    prove_dead,
    send_exit,
)
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
        or ruled_stop(scene)
        or cover(scene)
        or _partial(scene)
        or targets(scene)
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
    nearest = exact(scene.rules.exits.nearest_liquidation)
    if liquidation_is_near(seen.mark, position.liquidation, sign, nearest):
        return WantClosed(ExitReason.LIQUIDATION_GUARD)
    if stop_is_passed(seen.mark, trade.stop, sign):
        return WantClosed(ExitReason.SOFTWARE_STOP)
    if must_flatten(scene):
        return WantClosed(ExitReason.UNPROTECTED)
    if is_over_time(scene):
        return WantClosed(ExitReason.TIME)
    return None


def _leave(scene: Scene) -> Step | None:
    trade = scene.trade
    if trade.want is not Want.CLOSED:
        return None
    refused = any(i.state is IntentState.REFUSED for i in exits_of(scene))
    resting = scene.resting(Purpose.TARGET)
    if refused and resting:
        return CancelOrder(resting[0])  # a venue may count a resting target against the quantity to close
    step = send_exit(scene, scene.held)
    if (
        any(i.state in NOT_TAKEN for i in exits_of(scene))
        and isinstance(step, Wait)
        and not stop_is_passed(scene.seen.mark, trade.stop, trade.side.sign)
    ):
        return cover(scene) or step  # still here for now: then not without a stop
    return step


def _partial(scene: Scene) -> Step | None:
    """One asked-for partial close: a stop for the rest first, then the exit, then the proof of it."""
    trade, rules = scene.trade, scene.rules
    if trade.close_share is None:
        return None
    sent = exits_of(scene)
    done = next((i for i in sent if i.state is IntentState.DONE), None)
    if done is not None:
        return _after_part(scene, done)
    if sent and sent[-1].state is IntentState.SENT:
        # Repeating a partial close could close more than was asked for: wait for proof instead.
        return prove_dead(scene, sent[-1]) or Wait("a partial close is on its way")
    if len(sent) >= MAX_FAILURES:
        return EndPartial(f"refused {len(sent)} times: {sent[-1].note}")
    # What is left must be large enough to be protected and closed.
    most = scene.held - rules.min_quantity
    quantity = floor_to(min(scene.held * trade.close_share, max(most, ZERO)), rules.lot)
    if quantity < rules.min_quantity or quantity <= 0:
        return EndPartial(f"{trade.close_share:.0%} of {scene.held} is under the venue's smallest order")
    rest = scene.held - quantity
    if (step := cover_rest(scene, rest)) is None:
        return send_exit(scene, quantity)
    if is_rest_uncoverable(scene, rest):
        return EndPartial(f"no stop could be placed for the {rest} that would be left")
    return step


def _after_part(scene: Scene, done: Intention) -> Step:
    """Over once the position shows it; until then both stops stay. Silence ends with the receive window."""
    order, filled = scene.order(done), scene.filled(done)
    is_ended = order is not None and order.status in ENDED
    if order is not None and is_ended and not order.filled and not filled:
        return EndPartial("the venue dropped the order")
    expected = order.filled if order is not None and is_ended else done.request.quantity
    entered, left = scene.moved(scene.trade.entry_side), scene.moved(scene.trade.exit_side)
    is_shown = filled >= expected and entered - left == scene.held
    if is_shown or scene.age_s(done) > scene.rules.dead_after_s:
        return EndPartial()
    return Wait("the position does not show the partial close yet")


def _tidy(scene: Scene) -> Step | None:
    """The rest of an entry must not add to a position that is already covered; nor may strays touch it."""
    spare = [*scene.resting(Purpose.ENTRY), *scene.strays()]
    return CancelOrder(spare[0]) if spare else None


# ---------------------------------------------------------------- without a position


def _without_position(scene: Scene) -> Step:
    if scene.trade.opening is not None:
        return _adopted_is_gone(scene)
    entries = scene.sent(Purpose.ENTRY)
    if not entries:
        return _enter(scene)
    settled = _settle_seen(scene)
    if settled is not None:
        return settled
    entry = entries[-1]
    if entry.state is IntentState.SENT:
        return prove_dead(scene, entry) or Wait("the entry's fate is unknown")
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


def _adopted_is_gone(scene: Scene) -> Step:
    """An adopted position that is not shown is booked, or waited for: an entry of it is never sent."""
    settled = _settle_seen(scene)
    if settled is not None:
        return settled
    if scene.seen.agreeing < AGREEING_LOOKS:
        return Wait("one look proves nothing")
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
        attached_stop=trade.stop if rules.attaches_stops else None,
    )
    return Send(Intention(request, trade.id, Purpose.ENTRY, 0, IntentState.SENT, scene.now))


def _bury(scene: Scene) -> Step | None:
    """Reduce-only orders that never arrived are settled, so that nobody asks for them for ever."""
    for purpose in (Purpose.EXIT, Purpose.STOP):
        for intention in scene.sent(purpose):
            if intention.state is IntentState.SENT and (dead := prove_dead(scene, intention)) is not None:
                return dead
    return None


def _never_filled(scene: Scene, entry: Intention, order: Order | None) -> Step:
    """No fill is shown of an entry whose fate is settled. A venue that took it may show it late."""
    if entry.state is IntentState.DONE:
        if order is not None and (order.filled > 0 or order.status is OrderStatus.FILLED):
            return Wait("the entry's fills are not shown yet")
        window = scene.rules.dead_after_s if order is not None else scene.rules.vanished_after_s
        if scene.waited_s(entry) <= window:
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
    for order in (*scene.strays(), *scene.attached()):
        return CancelOrder(order)
    for intention in scene.intents:
        if intention.state is IntentState.SENT:
            return prove_dead(scene, intention) or Wait("an order's fate is unknown")
    return None
