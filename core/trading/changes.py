"""What somebody else did to a trade on the venue, as far as it shows; told, never undone in silence."""

from __future__ import annotations

from core.notice import Notice
from core.trade import Intention, IntentState, OrderStatus, Purpose, Seen, Trade
from core.trading import notices


def outside_changes(
    trade: Trade, intention: Intention, intents: tuple[Intention, ...], seen: Seen
) -> list[Notice]:
    """Why a new stop is needed, where that was not our own doing."""
    stops = [i for i in intents if i.purpose is Purpose.STOP]
    if intention.purpose is not Purpose.STOP or not stops:
        return []
    last = max(stops, key=lambda stop: stop.attempt)
    told = []
    if last.state is IntentState.DONE and _is_same(last, intention) and _is_gone(last, seen):
        text = f"{trade.symbol}: its stop was cancelled on the venue; it is placed again"
        told.append(notices.outside_change(f"{trade.id}:stop:{intention.attempt}", text, trade.id))
    ours = {i.request.client_id for i in intents}
    strangers = [fill for fill in seen.fills if fill.client_id not in ours]
    if strangers:
        held = intention.request.quantity
        text = f"{trade.symbol}: the position was changed on the venue to {held}; its stop follows"
        told.append(notices.outside_change(f"{trade.id}:size:{len(strangers)}", text, trade.id))
    return told


def _is_same(last: Intention, new: Intention) -> bool:
    return (last.request.quantity, last.request.trigger) == (new.request.quantity, new.request.trigger)


def _is_gone(stop: Intention, seen: Seen) -> bool:
    order = next((o for o in seen.orders if o.client_id == stop.request.client_id), None)
    return order is not None and order.status is OrderStatus.CANCELLED
