"""Guarding: every open trade one round nearer to what is wanted, whatever else is broken.

Laws:
- Never gated by pause, mode, breakers, advisers or Telegram.
- A failure in one position never skips the others, not even one that nobody foresaw.
- What is told is derived from what is seen: extremes, nearness to stop and liquidation, a missing stop,
  positions that are not ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from typing import Any

from core.errors import PerpilotError
from core.notice import Notice
from core.ports import Clock, Venue
from core.trade import ExitReason, Order, OrderKind, OrderStatus, Position, Trade, Want
from core.trading import notices
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.adopting import Adopter
from core.trading.approvals import Approvals
from core.trading.executor import Executor
from core.trading.exits import share_of_way
from core.trading.ids import is_ours
from core.trading.invariants import Invariants
from core.trading.moving import with_extremes
from core.trading.policies import Policies
from core.trading.steps import Rest, Wait

log = logging.getLogger("perpilot.guard")

NEAR_STOP_SHARE = Decimal("0.75")
"""Told once when the price has gone this share of the way from entry to stop."""
LADDER = (50, 25, 10)
"""Percent of the entry's liquidation distance that is left when the owner is told."""
RESTLESS_S = 2.0
"""Pause between passes while some trade neither rests nor is over."""

Row = tuple[Trade, Position | None, Order | None]


class Guard:
    def __init__(
        self,
        venue: Venue,
        journal: AccountJournal,
        executor: Executor,
        keeper: AccountKeeper,
        approvals: Approvals,
        clock: Clock,
        policies: Policies,
        invariants: Invariants,
        adopter: Adopter,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._executor = executor
        self._keeper = keeper
        self._approvals = approvals
        self._clock = clock
        self._policies = policies
        self._invariants = invariants
        self._adopter = adopter
        self._told: set[str] = set()
        self._bare: set[str] = set()
        """Trades whose stop the newest survey did not find."""
        self._seen: tuple[Sequence[Position], Sequence[Order]] | None = None
        """What the newest survey showed; None: it could not be had."""
        self._orphans: frozenset[str] = frozenset()
        self._is_checked = False
        self.faults: dict[str, str] = {}
        """Trade id → why its last round failed."""

    def pause_s(self, usual: float) -> float:
        """Seconds until the next pass: `usual`, or `RESTLESS_S` while something is unsettled."""
        is_restless = self._executor.is_restless or self._orphans or self._adopter.is_unsettled
        return min(usual, RESTLESS_S) if is_restless else usual

    async def watch(self, *, is_protected: bool = False) -> tuple[Row, ...]:
        """One pass over everything; returns each open trade with its position and resting stop.

        `is_protected`: `protect` was through just now, and a start waits no second time for what only time
        can prove.

        Raises nothing that one position or card caused and that we know an answer to; raises when the
        journal cannot be read at all, and an unforeseen error after everything else was done.
        """
        trades = await self._journal.open_trades(self._keeper.account)
        self._keep_only(trades)
        self._executor.keep_only(trades)
        await self._check_journal()
        due = () if is_protected else trades
        bugs = await self._all(self._keeper.begin_day(), *(self._advance(trade) for trade in due))
        await self._approvals.expire()
        rows = await self._survey()
        await self._keeper.look()
        bugs += await self._all(*(self._obey(trade, position) for trade, position, _ in rows))
        await self._keeper.record_equity()
        bugs += await self._all(self._sort_strangers())
        if bugs:
            raise bugs[0]
        return rows

    async def protect(self) -> None:
        """The short pass: every open trade one round on, and nothing else read or told.

        A position without its stop waits neither for the account, nor the market's facts, nor the rest of a
        long pass. Raises as `watch` does.
        """
        trades = await self._journal.open_trades(self._keeper.account)
        bugs = await self._all(*(self._advance(trade) for trade in trades))
        if bugs:
            raise bugs[0]

    async def close(self, trades: Sequence[Trade], reason: ExitReason, share: Decimal, by: str) -> list[str]:
        """Wants them closed and starts on it; the reasons of those that could not be finished yet."""
        unfinished: list[str] = []

        async def one(trade: Trade) -> None:
            try:
                wanted = await self._executor.want_closed(trade, reason, share, by)
                open_end = await self._advance(wanted)
            except PerpilotError as error:
                open_end = str(error)
            if open_end:
                unfinished.append(f"{trade.symbol}: {open_end}")

        bugs = await self._all(*(one(trade) for trade in trades))
        if bugs:
            raise bugs[0]
        return unfinished

    async def _all(self, *works: Coroutine[Any, Any, object]) -> list[BaseException]:
        """Does all of them, side by side; what they raised."""
        results = await asyncio.gather(*works, return_exceptions=True)
        bugs = [result for result in results if isinstance(result, BaseException)]
        for bug in bugs:
            log.error("guarding met an unforeseen error", exc_info=bug)
        return bugs

    async def _advance(self, trade: Trade) -> str:
        """Why the trade neither rests nor is over, or what could not be done; empty when all is well."""
        self.faults[trade.id] = "its round broke off"
        try:
            step = await self._executor.advance(trade)
        except PerpilotError as error:
            self.faults[trade.id] = str(error)
            log.warning("guarding round failed: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return str(error)
        self.faults.pop(trade.id, None)  # another round of the same trade may have ended first
        match step:
            case Wait(reason):
                return reason
            case Rest(undone):
                return undone
            case _:
                return ""

    async def _obey(self, trade: Trade, position: Position | None) -> None:
        """What open breakers want of this trade."""
        try:
            changed = await self._policies.apply(trade, position)
        except PerpilotError as error:
            log.warning("policy not applied: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return
        if changed is not None:
            await self._advance(changed)

    def _keep_only(self, trades: Sequence[Trade]) -> None:
        """Forgets what was remembered of trades that are over."""
        open_ids = {trade.id for trade in trades}
        self._told = {key for key in self._told if key.split(":", 1)[0] in open_ids}
        self._bare &= open_ids
        self.faults = {name: why for name, why in self.faults.items() if name in open_ids}

    async def _survey(self) -> tuple[Row, ...]:
        """What is open now, told where it is news, and shown in `active_position`."""
        trades = await self._journal.open_trades(self._keeper.account)
        try:
            listed = await self._venue.positions()
            orders = await self._venue.open_orders()
        except PerpilotError as error:
            self._seen = None
            self._keeper.failures.note(error)
            log.warning("positions unknown: error=%s", str(error))
            self._invariants.forget()
            return tuple((trade, None, None) for trade in trades)
        self._seen = listed, orders
        positions = {position.symbol: position for position in listed}
        rows: list[Row] = []
        for trade in trades:
            position = positions.get(trade.symbol)
            if position is None or position.side is not trade.side:
                rows.append((trade, None, None))
                continue
            stop = resting_stop(trade, orders)
            rows.append((await self._note(trade, position, stop), position, stop))
        shown = [(trade, position) for trade, position, _ in rows if position is not None]
        await self._journal.show_positions(self._keeper.account, shown, self._clock.now())
        await self._sweep(orders, frozenset(positions))
        await self._invariants.check(rows)
        return tuple(rows)

    async def _note(self, trade: Trade, position: Position, stop: Order | None) -> Trade:
        """Extremes of the mark price, and what the owner should hear of it."""
        news: list[Notice] = []

        is_naked = stop is None and trade.id in self._bare  # one survey may have been too early

        def changed(current: Trade) -> tuple[Trade, list[Notice]]:
            hour = f"{self._clock.now():%Y%m%dT%H}" if is_naked else ""
            news[:] = [n for n in _news(current, position, stop, hour) if n.key not in self._told]
            return with_extremes(current, position.mark), list(news)

        self._bare.discard(trade.id) if stop is not None else self._bare.add(trade.id)
        noted = await self._executor.change(trade, changed)
        if noted is None:
            return trade
        # Only now: what the journal refused must be told by the next pass.
        self._told.update(notice.key for notice in news)
        self._told.update(_milder_rungs(trade, news))
        return noted

    async def _check_journal(self) -> None:
        """Once, before anything is cleared away: does the journal know what rests at the venue?"""
        if self._is_checked:
            return
        try:
            await self._adopter.check(await self._venue.open_orders())
        except PerpilotError as error:
            log.warning("orders at the venue not checked yet: error=%s", error)
            return
        self._is_checked = True

    async def _sort_strangers(self) -> None:
        """Positions that no trade stands for, as the newest survey saw them."""
        if self._seen is None:
            self._adopter.doubt()
            return
        try:
            await self._adopter.review(*self._seen)
        except PerpilotError as error:
            log.warning("foreign positions not sorted: error=%s", error)

    async def _sweep(self, orders: Sequence[Order], held: frozenset[str]) -> None:
        """Cancels orders of ours on symbols without an open trade, once two passes have seen them.

        Never beside a position: without a journal row (a lost database) they may be its only cover.
        """
        open_symbols = {trade.symbol for trade in await self._keeper.open_trades()}
        orphans = [o for o in orders if is_ours(o.client_id) and o.symbol not in open_symbols | held]
        for order in orphans:
            if order.client_id in self._orphans:
                log.warning("orphan order cancelled: symbol=%s id=%s", order.symbol, order.client_id)
                await self._venue.cancel(order.symbol, order.client_id)
        self._orphans = frozenset(order.client_id for order in orphans)


def resting_stop(trade: Trade, orders: Sequence[Order]) -> Order | None:
    """The stop that covers this trade at the venue; while two rest the wanted one, then the larger."""
    stops = [
        order
        for order in orders
        if order.symbol == trade.symbol
        and order.kind is OrderKind.STOP_MARKET
        and order.status is OrderStatus.OPEN
        and order.side is trade.exit_side
        and is_ours(order.client_id)
    ]
    return max(stops, key=lambda order: (order.trigger == trade.stop, order.quantity), default=None)


def _news(trade: Trade, position: Position, stop: Order | None, naked_hour: str) -> list[Notice]:
    """Everything that is worth telling of this sight; keys make each be told once.

    `naked_hour` names the hour of a nakedness, which is told again in the next; empty while covered.
    """
    told = []
    if trade.want is Want.OPEN:
        if trade.opening is None:
            told.append(notices.opened(trade, position, stop is not None))
        if naked_hour:
            told.append(notices.naked(trade, "no stop rests on the venue; it is being placed", naked_hour))
        if stop is not None and stop.trigger is not None and _is_near(trade, position, stop.trigger):
            told.append(notices.near_stop(trade, position.mark))
    at_entry = (position.entry - position.liquidation) * trade.side.sign
    left = (position.mark - position.liquidation) * trade.side.sign
    if at_entry > 0 and position.liquidation > 0:
        rungs = [rung for rung in LADDER if left * 100 <= at_entry * rung]
        told += [notices.liquidation_ladder(trade, position, rung) for rung in rungs[-1:]]
    return told


def _is_near(trade: Trade, position: Position, trigger: Decimal) -> bool:
    """Only of a stop on the losing side of the entry: a stop in profit has no way from the entry."""
    is_losing = (position.entry - trigger) * trade.side.sign > 0
    return is_losing and share_of_way(position.mark, position.entry, trigger) >= NEAR_STOP_SHARE


def _milder_rungs(trade: Trade, news: Sequence[Notice]) -> set[str]:
    """Keys of the rungs above one that was told: a recovering price passes them without a word."""
    told = {notice.key for notice in news}
    keys = [f"{trade.id}:liquidation:{rung}" for rung in LADDER]
    deepest = max((place for place, key in enumerate(keys) if key in told), default=0)
    return set(keys[:deepest])
