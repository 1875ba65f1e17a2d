"""Looking at the venue for one trade: position, orders of both kinds, fills, and how often they agreed."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

from core.ports import Clock, Market, Venue
from core.trade import Fill, Intention, IntentState, Order, OrderStatus, Position, Seen, Trade
from core.trading.ids import is_ours
from core.trading.steps import Rules

FILLS_MARGIN = timedelta(seconds=60)
"""Clock difference allowed between us and the venue when fills are asked for."""
LOOKS_APART_S = 0.9
"""Looks nearer to each other than this are one look: a lagging venue answers both from the same cache."""
STILL_WANTED = (IntentState.SENT, IntentState.DONE)

View = tuple[object, ...]


class Looker:
    """Raises what the ports raise: a look that is not complete is no look."""

    def __init__(self, venue: Venue, market: Market, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._clock = clock
        self._views: dict[str, tuple[View, int, datetime]] = {}
        self._finished: dict[str, dict[str, Order]] = {}
        """Trade id → its orders that are over, by client id."""

    async def look(self, trade: Trade, intents: tuple[Intention, ...], rules: Rules) -> Seen:
        """Position, orders of both kinds and fills, read within one round."""
        positions = await self._venue.positions()
        position = next((p for p in positions if p.symbol == trade.symbol), None)
        orders = await self._orders(trade, intents)
        fills = await self._fills(trade, intents)
        mark = position.mark if position is not None else (await self._market.quote(trade.symbol)).mark
        now = self._clock.now()
        silent = _silent(intents, orders, rules, now)
        return Seen(
            symbol=trade.symbol,
            position=position,
            orders=orders,
            fills=fills,
            mark=mark,
            at=now,
            agreeing=self._count_agreeing(trade.id, _view(position, fills, silent), now),
        )

    def keep_only(self, trade_ids: Set[str]) -> None:
        """Forgets trades that are over."""
        self._views = {key: row for key, row in self._views.items() if key in trade_ids}
        self._finished = {key: row for key, row in self._finished.items() if key in trade_ids}

    def _count_agreeing(self, trade_id: str, view: View, now: datetime) -> int:
        last, count, at = self._views.get(trade_id, ((), 0, now))
        if last != view:
            count = 1
        elif (now - at).total_seconds() >= LOOKS_APART_S:
            count += 1
        else:
            now = min(now, at)  # a clock that went back starts the time between two looks anew
        self._views[trade_id] = (view, count, now)
        return count

    async def _orders(self, trade: Trade, intents: tuple[Intention, ...]) -> tuple[Order, ...]:
        """Open orders, and those asked for by id whose end is not known yet."""
        seen = {order.client_id: order for order in await self._venue.open_orders(trade.symbol)}
        finished = self._finished.setdefault(trade.id, {})
        for intention in intents:
            name = intention.request.client_id
            if name in finished:
                seen[name] = finished[name]
            elif name not in seen and intention.state in STILL_WANTED:
                order = await self._venue.order(trade.symbol, name)
                if order is not None:
                    seen[name] = order
                    if order.status is not OrderStatus.OPEN:
                        finished[name] = order
        return tuple(seen.values())

    async def _fills(self, trade: Trade, intents: tuple[Intention, ...]) -> tuple[Fill, ...]:
        """This trade's fills and strangers' (by hand, liquidation), not those of other trades of ours."""
        ours = {intention.request.client_id for intention in intents}
        fills = await self._venue.fills(trade.symbol, trade.created_at - FILLS_MARGIN)
        return tuple(
            fill
            for fill in fills
            if fill.client_id in ours or (not is_ours(fill.client_id) and fill.at >= trade.created_at)
        )


def _silent(
    intents: tuple[Intention, ...], orders: tuple[Order, ...], rules: Rules, now: datetime
) -> frozenset[str]:
    """Unanswered orders that are not shown though the venue's receive window is over."""
    shown = {order.client_id for order in orders}
    return frozenset(
        intention.request.client_id
        for intention in intents
        if intention.state is IntentState.SENT
        and intention.request.client_id not in shown
        and (now - intention.sent_at).total_seconds() > rules.dead_after_s
    )


def _view(position: Position | None, fills: tuple[Fill, ...], silent: frozenset[str]) -> View:
    """What two looks must agree on: the exposure, and the orders that ought to be there and are not."""
    held = (position.side, position.quantity) if position is not None else None
    return held, len(fills), silent
