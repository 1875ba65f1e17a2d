"""`next_step`: what we want of a trade against what the venue shows, and the one next step.

Laws:
- Pure and level-triggered: no phase is remembered. After a crash the same comparison goes on.
- Cover comes first: a position without a full stop is mended before anything else is looked at.
- An entry is sent once. Exits are reduce-only, so they may be repeated.
- Unknown is never failed and never flat: an unanswered intention is looked for, a flat position is
  believed only after two agreeing looks.
- A stop is replaced by placing the new one, seeing it rest, and only then cancelling the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.money import ZERO, floor_to
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

AGREEING_LOOKS = 2
"""Looks in a row that must show the same before anything final is concluded."""
MAX_STOP_FAILURES = 3
"""Stops refused or lost in a row; then the position is closed instead."""
ATTEMPTS_PER_REQUEST = 100
"""Attempt numbers of one target or one asked-for exit: room for its retries."""


@dataclass(frozen=True, slots=True)
class Rules:
    lot: Decimal
    min_quantity: Decimal
    emergency_liquidation_distance: Decimal
    max_entry_drift: Decimal
    """Fraction of the reference price; an entry found unsent further away is given up."""
    entry_window_s: float = 60.0
    """A cleared plan that was not sent within this is given up."""
    retry_exit_s: float = 2.0
    """An unanswered protective order is repeated after this (reduce-only, so harmless)."""
    dead_after_s: float = 15.0
    """Receive window (5 s) with margin; before it, silence about an entry proves nothing."""


@dataclass(frozen=True, slots=True)
class Send:
    """Record the intention, then send it."""

    intention: Intention


@dataclass(frozen=True, slots=True)
class Settle:
    """The venue has shown what became of an intention."""

    intention: Intention
    state: IntentState
    note: str = ""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    order: Order


@dataclass(frozen=True, slots=True)
class WantClosed:
    """Record that the position is to be closed, and why."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class EndPartial:
    """The partial close that the owner asked for is done."""


@dataclass(frozen=True, slots=True)
class Book:
    """Flat, agreed twice: write history."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """No position ever came of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be concluded yet; look again soon."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Covered, nothing to do."""


Step = Send | Settle | CancelOrder | WantClosed | EndPartial | Book | Abandon | Wait | Rest


@dataclass(frozen=True, slots=True)
class Scene:
    """One comparison: what we want, what we sent, what is there."""

    trade: Trade
    intents: tuple[Intention, ...]
    seen: Seen
    rules: Rules
    now: datetime

    @property
    def held(self) -> Decimal:
        """Quantity of our side at the venue."""
        position = self.seen.position
        return position.quantity if position is not None and position.side is self.trade.side else ZERO

    def sent(self, purpose: Purpose) -> list[Intention]:
        return sorted((i for i in self.intents if i.purpose is purpose), key=lambda i: i.attempt)

    def order(self, intention: Intention) -> Order | None:
        return next((o for o in self.seen.orders if o.client_id == intention.request.client_id), None)

    def resting(self, purpose: Purpose) -> list[Order]:
        """Our open orders of one purpose."""
        orders = (self.order(intention) for intention in self.sent(purpose))
        return [order for order in orders if order is not None and order.status is OrderStatus.OPEN]

    def age_s(self, intention: Intention) -> float:
        return (self.now - intention.sent_at).total_seconds()


def next_step(trade: Trade, intents: Sequence[Intention], seen: Seen, rules: Rules, now: datetime) -> Step:
    scene = Scene(trade, tuple(intents), seen, rules, now)
    if scene.held > 0:
        return _holding(scene)
    return _without_position(scene)


# ---------------------------------------------------------------- with a position


def _holding(scene: Scene) -> Step:
    return (
        _settle_seen(scene)
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
        if order is not None:
            refused = order.status is OrderStatus.REJECTED
            state = IntentState.REFUSED if refused else IntentState.DONE
            return Settle(intention, state, order.reject_reason)
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
    if not scene.resting(Purpose.STOP) and _failures(scene, Purpose.STOP) >= MAX_STOP_FAILURES:
        return WantClosed(ExitReason.UNPROTECTED)
    return None


def _leave(scene: Scene) -> Step | None:
    if scene.trade.want is not Want.CLOSED:
        return None
    return _send_exit(scene, scene.held)


def _send_exit(scene: Scene, quantity: Decimal) -> Step:
    """A reduce-only market order; repeated while unanswered, numbered within the present request."""
    base = scene.trade.close_requests * ATTEMPTS_PER_REQUEST
    sent = [i for i in scene.sent(Purpose.EXIT) if i.attempt >= base]
    if (
        sent
        and sent[-1].state is not IntentState.REFUSED
        and scene.age_s(sent[-1]) < scene.rules.retry_exit_s
    ):
        return Wait("an exit is on its way")
    attempt = sent[-1].attempt + 1 if sent else base
    return Send(_intention(scene, Purpose.EXIT, attempt, OrderKind.MARKET, quantity))


def _cover(scene: Scene) -> Step | None:
    """Exactly one stop, at the wanted price, for the whole position."""
    resting = scene.resting(Purpose.STOP)
    good = next((order for order in resting if _is_wanted_stop(scene, order)), None)
    if good is not None:
        extra = next((order for order in resting if order is not good), None)
        return CancelOrder(extra) if extra is not None else None
    sent = scene.sent(Purpose.STOP)
    last = sent[-1] if sent else None
    if (
        last is not None
        and last.state is IntentState.SENT
        and scene.age_s(last) < scene.rules.retry_exit_s
        and last.request.quantity == scene.held
    ):
        return Wait("a stop is on its way")
    attempt = last.attempt + 1 if last is not None else 0
    return Send(_intention(scene, Purpose.STOP, attempt, OrderKind.STOP_MARKET, scene.held, scene.trade.stop))


def _is_wanted_stop(scene: Scene, order: Order) -> bool:
    return (
        order.trigger == scene.trade.stop
        and order.quantity - order.filled == scene.held
        and order.reduce_only
        and order.side is scene.trade.exit_side
    )


def _partial(scene: Scene) -> Step | None:
    """One asked-for partial close: its quantity is fixed by the position when it was first sent."""
    trade = scene.trade
    if trade.close_share is None:
        return None
    base = trade.close_requests * ATTEMPTS_PER_REQUEST
    sent = [i for i in scene.sent(Purpose.EXIT) if i.attempt >= base]
    if any(i.state is IntentState.DONE for i in sent):
        return EndPartial()
    if sent and sent[-1].state is IntentState.SENT:
        # Repeating a partial close could close more than was asked for: wait for proof instead.
        return _prove_dead(scene, sent[-1]) or Wait("a partial close is on its way")
    quantity = floor_to(scene.held * trade.close_share, scene.rules.lot)
    if quantity < scene.rules.min_quantity or len(sent) >= MAX_STOP_FAILURES:
        return EndPartial()
    return _send_exit(scene, quantity)


def _targets(scene: Scene) -> Step | None:
    """Every target rests at the venue as a reduce-only order, or was reached."""
    trade = scene.trade
    remaining = trade.quantity
    for index, target in enumerate(trade.targets):
        is_last = index == len(trade.targets) - 1
        quantity = remaining if is_last else floor_to(trade.quantity * target.share, scene.rules.lot)
        remaining -= quantity
        base = index * ATTEMPTS_PER_REQUEST
        sent = [i for i in scene.sent(Purpose.TARGET) if base <= i.attempt < base + ATTEMPTS_PER_REQUEST]
        orders = [order for i in sent if (order := scene.order(i)) is not None]
        if any(o.status in (OrderStatus.OPEN, OrderStatus.FILLED) for o in orders):
            continue
        if sent and sent[-1].state is IntentState.SENT:
            return _prove_dead(scene, sent[-1]) or Wait("a target is on its way")
        if len(sent) >= MAX_STOP_FAILURES or quantity < scene.rules.min_quantity:
            if is_last and target_is_passed(scene.seen.mark, target.price, trade.side.sign):
                return WantClosed(ExitReason.TARGET)
            continue
        kind, attempt = OrderKind.TAKE_PROFIT_MARKET, base + len(sent)
        wanted = min(quantity, scene.held)
        return Send(_intention(scene, Purpose.TARGET, attempt, kind, wanted, target.price))
    return None


def _tidy(scene: Scene) -> Step | None:
    """The rest of an entry must not add to a position that is already covered."""
    resting = scene.resting(Purpose.ENTRY)
    return CancelOrder(resting[0]) if resting else None


def _failures(scene: Scene, purpose: Purpose) -> int:
    """Refused or lost orders in a row at the newest end."""
    count = 0
    for intention in reversed(scene.sent(purpose)):
        lost = intention.state is IntentState.SENT and scene.age_s(intention) >= scene.rules.retry_exit_s
        if intention.state not in (IntentState.REFUSED, IntentState.DEAD) and not lost:
            break
        count += 1
    return count


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
    order = scene.order(entry)
    if order is not None and order.status is OrderStatus.OPEN:
        return Wait("the entry is working") if scene.trade.want is Want.OPEN else CancelOrder(order)
    return _clear_orders(scene) or _conclude(scene, entry)


def _enter(scene: Scene) -> Step:
    trade = scene.trade
    if trade.want is Want.CLOSED:
        return Abandon("closed before the entry was sent")
    waited = (scene.now - trade.created_at).total_seconds()
    if waited > scene.rules.entry_window_s:
        return Abandon(f"not sent within {scene.rules.entry_window_s:.0f} s")
    if scene.seen.position is not None:
        return Abandon(f"{trade.symbol} already has a position that is not this trade's")
    drift = abs(scene.seen.mark - trade.entry_reference) / trade.entry_reference
    if drift > scene.rules.max_entry_drift:
        return Abandon(f"the price moved {drift:.4f} before the entry was sent")
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


def _clear_orders(scene: Scene) -> Step | None:
    """Nothing of ours may rest beside a flat position."""
    for purpose in (Purpose.TARGET, Purpose.STOP, Purpose.EXIT):
        for order in scene.resting(purpose):
            return CancelOrder(order)
    for intention in scene.intents:
        if intention.state is IntentState.SENT:
            return _prove_dead(scene, intention) or Wait("an order's fate is unknown")
    return None


def _conclude(scene: Scene, entry: Intention) -> Step:
    entered = sum((f.quantity for f in scene.seen.fills if f.side is scene.trade.entry_side), ZERO)
    left = sum((f.quantity for f in scene.seen.fills if f.side is scene.trade.exit_side), ZERO)
    if not entered:
        if entry.state is IntentState.DONE and scene.age_s(entry) < scene.rules.dead_after_s:
            order = scene.order(entry)
            if order is not None and order.filled > 0:
                return Wait("the entry's fills are not shown yet")
        return Abandon(entry.note or "the entry was not filled")
    if left < entered:
        return Wait("the exit's fills are not shown yet")
    return Book()


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
