"""The words of a round: what is compared (`Scene`), by which numbers (`Rules`), and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from core.money import ZERO
from core.trade import (
    ExitReason,
    Fill,
    Intention,
    IntentState,
    Order,
    OrderKind,
    OrderSide,
    OrderStatus,
    Purpose,
    Seen,
    StopBy,
    Trade,
)
from core.trading.exits import ExitRules
from core.trading.ids import is_ours

SOON_S = 1.0
"""When nothing says otherwise, a wait is over after this."""


APPEARS_WITHIN = timedelta(seconds=3)
"""A stop that comes with an entry appears within this of the entry's fills."""
CLOCK_JITTER_S = 2.0
"""A clock may be corrected by this much without having gone back."""


@dataclass(frozen=True, slots=True)
class Rules:
    lot: Decimal
    min_quantity: Decimal
    tick: Decimal
    max_entry_drift: Decimal
    """Fraction of the reference price; an entry found unsent further away is given up."""
    exits: ExitRules = field(default_factory=ExitRules)
    """The rule book's numbers."""
    exit_cost: Decimal = ZERO
    """Taker fee and slippage of leaving at market, fraction of the price."""
    entries_closed: str = ""
    """Why no entry may be sent at all now; empty when one may."""
    entry_window_s: float = 60.0
    """A cleared plan that was not sent within this is given up."""
    retry_exit_s: float = 2.0
    """An unanswered protective order is repeated after this (reduce-only, so harmless)."""
    retry_refused_s: float = 1.0
    """A refused or throttled one is tried again after this: a venue short of breath must not be flooded."""
    retry_bare_s: float = 1.2
    """An unanswered stop is repeated after this while nothing covers; one too many is cancelled later."""
    flatten_after_s: float = 4.0
    """A position that was shown so long without a covering stop is closed at market."""
    attaches_stops: bool = False
    """The venue takes the first stop together with the entry."""
    dead_after_s: float = 15.0
    """Receive window (5 s) with margin; before it, silence about an order proves nothing."""
    vanished_after_s: float = 120.0
    """An entry that the venue said it has, of which nothing at all is shown, is given up after this."""


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
class MoveStop:
    """Record where the stop belongs from now on; the next steps bring it there."""

    stop: Decimal
    """On the tick."""
    by: StopBy


@dataclass(frozen=True, slots=True)
class EndPartial:
    """The partial close that the owner asked for is over."""

    undone: str = ""
    """Why nothing was closed; empty when it was."""


@dataclass(frozen=True, slots=True)
class Book:
    """Flat, agreed twice, and the fills add up: write history."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """No position ever came of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be concluded yet."""

    reason: str
    again_s: float = SOON_S
    """Another look is worth it after this."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Covered, nothing to do."""

    undone: str = ""
    """What was asked for in this round and could not be."""


Step = Send | Settle | CancelOrder | WantClosed | MoveStop | EndPartial | Book | Abandon | Wait | Rest


def in_words(step: Step) -> str:
    """Short facts for the log."""
    match step:
        case Send(i):
            request = i.request
            facts = f"send purpose={i.purpose.value} attempt={i.attempt} side={request.side.value}"
            trigger = f" trigger={request.trigger}" if request.trigger is not None else ""
            return f"{facts} qty={request.quantity}{trigger}"
        case Settle(i, state, note):
            facts = f"settle purpose={i.purpose.value} attempt={i.attempt} state={state.value}"
            return f"{facts} note={note!r}" if note else facts
        case CancelOrder(order):
            return f"cancel kind={order.kind.value} qty={order.quantity} trigger={order.trigger}"
        case WantClosed(reason):
            return f"want_closed reason={reason.value}"
        case MoveStop(stop, by):
            return f"move_stop stop={stop} by={by.value}"
        case EndPartial(undone):
            return f"end_partial undone={undone!r}"
        case Abandon(reason) | Wait(reason):
            return f"{type(step).__name__.lower()} reason={reason!r}"
        case _:
            return type(step).__name__.lower()


def came_with_entry(order: Order, trade: Trade, intents: Sequence[Intention], fills: Sequence[Fill]) -> bool:
    """The order is the stop that our entry brought along."""
    entries = {i.request.client_id: i.request for i in intents if i.purpose is Purpose.ENTRY}
    filled_at = [fill.at for fill in fills if fill.client_id in entries]
    if is_ours(order.client_id) or not filled_at:
        return False
    first, last = min(filled_at) - APPEARS_WITHIN, max(filled_at) + APPEARS_WITHIN
    return (
        order.kind is OrderKind.STOP_MARKET
        and order.reduce_only
        and order.side is trade.exit_side
        and order.trigger in {request.attached_stop for request in entries.values()}
        and first <= order.created_at <= last
    )


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
        """Our open orders of one purpose, oldest first."""
        orders = (self.order(intention) for intention in self.sent(purpose))
        return [order for order in orders if order is not None and order.status is OrderStatus.OPEN]

    def attached(self) -> list[Order]:
        """Open stops that the venue made of our entry's `attached_stop`; never one that a person placed.

        The venue's own id is all they have. They are known by the entry's recorded stop price and by having
        appeared while the entry filled, both by the venue's clock; without its fills nobody can tell.
        """
        return [
            order
            for order in self.seen.orders
            if order.status is OrderStatus.OPEN
            and came_with_entry(order, self.trade, self.intents, self.seen.fills)
        ]

    def strays(self) -> list[Order]:
        """Open orders of ours that belong to no intention of this trade."""
        known = {intention.request.client_id for intention in self.intents}
        return [
            order
            for order in self.seen.orders
            if order.status is OrderStatus.OPEN and is_ours(order.client_id) and order.client_id not in known
        ]

    def filled(self, intention: Intention) -> Decimal:
        """What the venue's fills show of one order."""
        name = intention.request.client_id
        return sum((fill.quantity for fill in self.seen.fills if fill.client_id == name), ZERO)

    def moved(self, side: OrderSide) -> Decimal:
        """Everything filled on one side, by us or by others."""
        return sum((fill.quantity for fill in self.seen.fills if fill.side is side), ZERO)

    def age_s(self, intention: Intention) -> float:
        """Seconds since it was recorded. After a clock that went back, an entry is as good as new (it is
        never repeated early), and what may be repeated without harm is old."""
        age = (self.now - intention.sent_at).total_seconds()
        if age >= -CLOCK_JITTER_S:
            return max(age, 0.0)
        return 0.0 if intention.purpose is Purpose.ENTRY else float("inf")

    def waited_s(self, intention: Intention) -> float:
        """Seconds of silence that count as proof, whatever a wall clock that was set makes of them."""
        watched_s = self.seen.watched_s.get(intention.request.client_id, float("inf"))
        return min(self.age_s(intention), watched_s)
