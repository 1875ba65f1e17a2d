"""What somebody else did to a trade on the venue, as far as it shows; told, never undone in silence."""

from __future__ import annotations

from core.notice import Notice
from core.trade import Intention, IntentState, OrderStatus, Purpose, Seen, Trade
from core.trading import notices
from core.trading.ids import is_ours


def outside_changes(
    trade: Trade, intention: Intention, intents: tuple[Intention, ...], seen: Seen
) -> list[Notice]:
    """Why a new stop is needed, where that was not our own doing."""
    if intention.purpose is not Purpose.STOP or _is_for_a_part(intention, seen):
        return []
    stops = sorted((i for i in intents if i.purpose is Purpose.STOP), key=lambda stop: stop.attempt)
    if not stops:
        return []
    # Smaller ones are for what a partial close was to leave: their end is our own doing.
    full = [stop for stop in stops if stop.request.quantity >= intention.request.quantity]
    told = []
    if full and _is_same(full[-1], intention) and _is_gone(full[-1], stops, seen):
        text = f"{trade.symbol}: its stop was cancelled on the venue; it is placed again"
        told.append(notices.outside_change(f"{trade.id}:stop:{intention.attempt}", text, trade.id))
    ours = {i.request.client_id for i in intents}
    strangers = [fill for fill in seen.fills if fill.client_id not in ours and not is_ours(fill.client_id)]
    if strangers:
        held = intention.request.quantity
        text = f"{trade.symbol}: the position was changed on the venue to {held}; its stop follows"
        told.append(notices.outside_change(f"{trade.id}:size:{len(strangers)}", text, trade.id))
    return told


def _is_same(last: Intention, new: Intention) -> bool:
    return (last.request.quantity, last.request.trigger) == (new.request.quantity, new.request.trigger)


def _is_for_a_part(stop: Intention, seen: Seen) -> bool:
    return seen.position is not None and stop.request.quantity < seen.position.quantity


def _is_gone(stop: Intention, stops: list[Intention], seen: Seen) -> bool:
    """The venue took it, it is cancelled, and no other stop of ours rests in its place."""
    shown = {order.client_id: order for order in seen.orders}
    orders = [shown[i.request.client_id] for i in stops if i.request.client_id in shown]
    order = shown.get(stop.request.client_id)
    is_taken = stop.state is IntentState.DONE
    is_cancelled = order is not None and order.status is OrderStatus.CANCELLED
    return is_taken and is_cancelled and not any(other.status is OrderStatus.OPEN for other in orders)
