"""Looking at the venue for one trade: position, orders of both kinds, fills, and how often they agreed.

Laws:
- A look that is not complete is no look.
- Fills, the dearest of the reads, are asked for only when they can have changed. Position and orders that are
  as they were, and fills that add up to the position, say that they have not; never longer than a while.
- How long a position has been bare is measured by a clock that nobody sets, and ends only when a stop is
  seen: a look that shows no position at all ends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from core.errors import Unknown
from core.money import ZERO
from core.ports import Clock, Market, Venue
from core.trade import Fill, Intention, IntentState, Order, OrderKind, OrderStatus, Position, Seen, Trade
from core.trading.booking import opening_fills
from core.trading.covering import is_covered
from core.trading.ids import is_ours
from core.trading.steps import Rules

FILLS_MARGIN = timedelta(seconds=60)
"""Clock difference allowed between us and the venue when fills are asked for."""
LOOKS_APART_S = 0.9
"""Looks nearer to each other than this are one look: a lagging venue answers both from the same cache."""
FILLS_LIFE_S = 30.0
"""What cancels out between two looks, somebody else's in and out again, is found after this."""
STILL_WANTED = (IntentState.SENT, IntentState.DONE)

View = tuple[object, ...]
T = TypeVar("T")

FRESH: View = ()
"""Of fills that belong to the very look that is being taken."""


@dataclass(frozen=True, slots=True)
class KnownFills:
    """Fills as the venue listed them, beside the rest of that look."""

    rows: tuple[Fill, ...]
    view: View
    read_at: float
    """Monotonic seconds."""


class Looker:
    """Raises what the ports raise."""

    def __init__(self, venue: Venue, market: Market, clock: Clock) -> None:
        self._venue = venue
        self._market = market
        self._clock = clock
        self._views: dict[str, tuple[View, int, datetime]] = {}
        self._finished: dict[str, dict[str, Order]] = {}
        """Trade id → its orders that are over, by client id."""
        self._since: dict[str, dict[str, float]] = {}
        """Trade id → since when each of its orders is looked for here, by client id; monotonic seconds."""
        self._fills: dict[str, KnownFills] = {}
        self._restless: set[str] = set()
        """Trades whose newest look needed their fills: the next one will."""
        self._bare: dict[str, float] = {}
        """Trade id → since when its position is shown without cover; monotonic seconds."""
        self._covered: set[str] = set()

    async def look(self, trade: Trade, intents: tuple[Intention, ...], rules: Rules) -> Seen:
        """Position, orders of both kinds and fills, read at the same time: a bare position waits for it."""
        position, orders, listed = await self._read(trade, intents)
        fills = _of_trade(trade, intents, listed)
        watched_s = self._watched_s(trade.id, intents)
        bare_s = self._bare_s(trade, position, orders, rules)
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
            bare_s=bare_s,
        )

    def was_covered(self, trade_id: str) -> bool:
        """The newest complete look of this process showed a position, and a stop for all of it."""
        return trade_id in self._covered

    def keep_only(self, trade_ids: Set[str]) -> None:
        """Forgets trades that are over."""
        self._views = {key: row for key, row in self._views.items() if key in trade_ids}
        self._finished = {key: row for key, row in self._finished.items() if key in trade_ids}
        self._since = {key: row for key, row in self._since.items() if key in trade_ids}
        self._fills = {key: row for key, row in self._fills.items() if key in trade_ids}
        self._bare = {key: at for key, at in self._bare.items() if key in trade_ids}
        self._restless &= trade_ids
        self._covered &= trade_ids

    # ------------------------------------------------------------ what is read

    async def _read(
        self, trade: Trade, intents: tuple[Intention, ...]
    ) -> tuple[Position | None, tuple[Order, ...], tuple[Fill, ...]]:
        """Fills together with the rest where they are known to be needed, else only if the rest is news."""
        positions, orders, known = await asyncio.gather(
            _twice(self._venue.positions), self._orders(trade, intents), self._known_fills(trade)
        )
        position = next((p for p in positions if p.symbol == trade.symbol), None)
        view = _whereabouts(position, orders)
        if known.view not in (FRESH, view):
            known = await self._list_fills(trade)
        self._fills[trade.id] = replace(known, view=view)
        if position is not None and _add_up(trade, position, _of_trade(trade, intents, known.rows)):
            self._restless.discard(trade.id)
        else:
            self._restless.add(trade.id)
        return position, orders, known.rows

    async def _known_fills(self, trade: Trade) -> KnownFills:
        known = self._fills.get(trade.id)
        is_old = known is None or self._clock.monotonic() - known.read_at >= FILLS_LIFE_S
        if known is None or is_old or trade.id in self._restless:
            return await self._list_fills(trade)
        return known

    async def _list_fills(self, trade: Trade) -> KnownFills:
        opening = trade.opening
        since = trade.created_at - FILLS_MARGIN if opening is None else opening.at
        rows = await _twice(lambda: self._venue.fills(trade.symbol, since))
        return KnownFills(rows, FRESH, self._clock.monotonic())

    def _bare_s(
        self, trade: Trade, position: Position | None, orders: tuple[Order, ...], rules: Rules
    ) -> float:
        """A position of ours that this process finds bare at its very first look was so before: half the time
        it may stay so is taken as over. An adopted one had no stop of ours yet, and gets all of it."""
        self._covered.discard(trade.id)
        if position is None or position.side is not trade.side:
            return 0.0
        if is_covered(trade, position, orders):
            self._covered.add(trade.id)
            self._bare.pop(trade.id, None)
            return 0.0
        now = self._clock.monotonic()
        is_new = trade.id in self._views or trade.opening is not None
        known_s = 0.0 if is_new else rules.flatten_after_s / 2
        return now - self._bare.setdefault(trade.id, now - known_s)

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
        """Open orders, and those asked for by id whose end is not known yet.

        Market orders are hardly ever listed: they are asked for while the list is on its way.
        """
        finished = self._finished.setdefault(trade.id, {})
        known = {i.request.client_id: finished.get(i.request.client_id) for i in intents}
        wanted = {
            i.request.client_id: i.request.kind
            for i in intents
            if i.state in STILL_WANTED and known[i.request.client_id] is None
        }
        at_once = [name for name, kind in wanted.items() if kind is OrderKind.MARKET]
        listed, found = await asyncio.gather(
            _twice(lambda: self._venue.open_orders(trade.symbol)), self._by_id(trade, at_once)
        )
        seen = found | {order.client_id: order for order in listed}
        missing = [name for name in wanted if name not in seen and name not in at_once]
        seen |= await self._by_id(trade, missing)
        finished |= {
            name: order for name, order in (seen | found).items() if name in wanted and _is_over(order)
        }
        return tuple((seen | {name: order for name, order in finished.items() if name in known}).values())

    async def _by_id(self, trade: Trade, names: Sequence[str]) -> dict[str, Order]:
        reads = (_twice(partial(self._venue.order, trade.symbol, name)) for name in names)
        found = await asyncio.gather(*reads)
        return {name: order for name, order in zip(names, found, strict=True) if order is not None}


def _of_trade(trade: Trade, intents: Sequence[Intention], fills: Sequence[Fill]) -> tuple[Fill, ...]:
    """This trade's fills and strangers' (by hand, liquidation), not those of other trades of ours.

    Strangers' from its first own fill at the latest: that is the venue's time, and ours may have been ahead
    when the trade was recorded. Of an adopted trade everything since then beside its opening: an order of
    ours that no journal knows may still fill.
    """
    if trade.opening is not None:
        return (*opening_fills(trade), *(fill for fill in fills if fill.at > trade.opening.at))
    ours = {intention.request.client_id for intention in intents}
    first = min((fill.at for fill in fills if fill.client_id in ours), default=trade.created_at)
    since = min(first, trade.created_at)
    return tuple(
        fill for fill in fills if fill.client_id in ours or (not is_ours(fill.client_id) and fill.at >= since)
    )


def _whereabouts(position: Position | None, orders: Sequence[Order]) -> View:
    """What no fill can leave as it was: the position, its price and its time, and what each order filled."""
    held = (position.side, position.quantity, position.entry, position.opened_at) if position else None
    return held, frozenset((order.client_id, order.status, order.filled) for order in orders)


def _add_up(trade: Trade, position: Position, fills: Sequence[Fill]) -> bool:
    signed = (fill.quantity if fill.side is trade.entry_side else -fill.quantity for fill in fills)
    return position.side is trade.side and sum(signed, ZERO) == position.quantity


def _is_over(order: Order) -> bool:
    return order.status is not OrderStatus.OPEN


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
