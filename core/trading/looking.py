"""Looking at the venue for one trade: position, orders of both kinds, fills, and how often they agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from core.errors import Unknown
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
T = TypeVar("T")


class Looker:
    """Raises what the ports raise: a look that is not complete is no look."""

    def __init__(self, venue: Venue, market: Market, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._clock = clock
        self._views: dict[str, tuple[View, int, datetime]] = {}
        self._finished: dict[str, dict[str, Order]] = {}
        """Trade id → its orders that are over, by client id."""
        self._since: dict[str, dict[str, float]] = {}
        """Trade id → since when each of its orders is looked for here, by client id; monotonic seconds."""

    async def look(self, trade: Trade, intents: tuple[Intention, ...], rules: Rules) -> Seen:
        """Position, orders of both kinds and fills, read at the same time: a bare position waits for it."""
        positions, orders, fills = await asyncio.gather(
            _twice(self._venue.positions), self._orders(trade, intents), self._fills(trade, intents)
        )
        position = next((p for p in positions if p.symbol == trade.symbol), None)
        watched_s = self._watched_s(trade.id, intents)
        mark = position.mark if position is not None else (await self._market.quote(trade.symbol)).mark
        now = self._clock.now()
        silent = _silent(intents, orders, rules, now, watched_s)
        return Seen(
            symbol=trade.symbol,
            position=position,
            orders=orders,
            fills=fills,
            mark=mark,
            at=now,
            agreeing=self._count_agreeing(trade.id, _view(position, fills, silent), now),
            watched_s=watched_s,
        )

    def keep_only(self, trade_ids: Set[str]) -> None:
        """Forgets trades that are over."""
        self._views = {key: row for key, row in self._views.items() if key in trade_ids}
        self._finished = {key: row for key, row in self._finished.items() if key in trade_ids}
        self._since = {key: row for key, row in self._since.items() if key in trade_ids}

    def _watched_s(self, trade_id: str, intents: tuple[Intention, ...]) -> dict[str, float]:
        since, now = self._since.setdefault(trade_id, {}), self._clock.monotonic()
        names = [i.request.client_id for i in intents if i.state in STILL_WANTED]
        return {name: now - since.setdefault(name, now) for name in names}

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
        listed = await _twice(lambda: self._venue.open_orders(trade.symbol))
        seen = {order.client_id: order for order in listed}
        finished = self._finished.setdefault(trade.id, {})
        for intention in intents:
            if (name := intention.request.client_id) in finished:
                seen[name] = finished[name]
        asked = [
            intention.request.client_id
            for intention in intents
            if intention.state in STILL_WANTED and intention.request.client_id not in seen
        ]
        reads = (_twice(partial(self._venue.order, trade.symbol, name)) for name in asked)
        for name, order in zip(asked, await asyncio.gather(*reads), strict=True):
            if order is not None:
                seen[name] = order
                if order.status is not OrderStatus.OPEN:
                    finished[name] = order
        return tuple(seen.values())

    async def _fills(self, trade: Trade, intents: tuple[Intention, ...]) -> tuple[Fill, ...]:
        """This trade's fills and strangers' (by hand, liquidation), not those of other trades of ours.

        Strangers' from its first own fill at the latest: that is the venue's time, and ours may have been
        ahead when the trade was recorded.
        """
        ours = {intention.request.client_id for intention in intents}
        fills = await _twice(lambda: self._venue.fills(trade.symbol, trade.created_at - FILLS_MARGIN))
        first = min((fill.at for fill in fills if fill.client_id in ours), default=trade.created_at)
        since = min(first, trade.created_at)
        return tuple(
            fill
            for fill in fills
            if fill.client_id in ours or (not is_ours(fill.client_id) and fill.at >= since)
        )


async def _twice(read: Callable[[], Awaitable[T]]) -> T:
    """A read changes nothing: one lost answer is asked for again at once, before the whole look is lost."""
    try:
        return await read()
    except Unknown:
        return await read()


def _silent(
    intents: tuple[Intention, ...],
    orders: tuple[Order, ...],
    rules: Rules,
    now: datetime,
    watched_s: Mapping[str, float],
) -> frozenset[str]:
    """Unanswered orders that are not shown though the venue's receive window is over."""
    shown = {order.client_id for order in orders}
    return frozenset(
        intention.request.client_id
        for intention in intents
        if intention.state is IntentState.SENT
        and intention.request.client_id not in shown
        and (now - intention.sent_at).total_seconds() > rules.dead_after_s
        and watched_s[intention.request.client_id] > rules.dead_after_s
    )


def _view(position: Position | None, fills: tuple[Fill, ...], silent: frozenset[str]) -> View:
    """What two looks must agree on: the exposure, and the orders that ought to be there and are not."""
    held = (position.side, position.quantity) if position is not None else None
    return held, len(fills), silent
