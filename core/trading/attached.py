"""The stop that a venue made of the entry's own: whose it is when it has filled."""

from __future__ import annotations

import logging

from core.errors import PerpilotError
from core.ports import Venue
from core.trade import Intention, IntentState, OrderRequest, Purpose, Seen, Trade
from core.trading.steps import came_with_entry

log = logging.getLogger("perpilot.executor")


async def attached_stop(
    venue: Venue, trade: Trade, intents: tuple[Intention, ...], seen: Seen
) -> tuple[Intention, ...]:
    """The stop that came with the entry, as if it had been intended, where it filled last.

    By its fill alone it looks like a stranger's order. What cannot be read stays one.
    """
    last = max(seen.fills, key=lambda fill: (fill.at, fill.id), default=None)
    ours = {i.request.client_id for i in intents}
    has_attached = any(i.request.attached_stop is not None for i in intents)
    if last is None or not has_attached or last.client_id in ours or last.is_liquidation:
        return ()
    try:
        order = await venue.order(trade.symbol, last.client_id)
    except PerpilotError as error:
        log.warning("the last fill's order is unknown: id=%s error=%s", last.client_id, error)
        return ()
    if order is None or not came_with_entry(order, trade, intents, seen.fills):
        return ()
    request = OrderRequest(
        order.client_id, order.symbol, order.side, order.kind, order.quantity, True, trigger=order.trigger
    )
    return (Intention(request, trade.id, Purpose.STOP, -1, IntentState.DONE, order.created_at),)
