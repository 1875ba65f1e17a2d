"""Guarding: every open trade one round nearer to what is wanted, whatever else is broken.

Laws:
- Never gated by pause, mode, breakers, advisers or Telegram.
- A failure in one position never skips the others.
- What is told is derived from what is seen: extremes, nearness to stop and liquidation.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from core.errors import PerpilotError
from core.notice import Notice
from core.ports import Clock, Venue
from core.trade import ExitReason, Order, OrderKind, OrderStatus, Position, Trade, Want
from core.trading import notices
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.approvals import Approvals
from core.trading.executor import Executor
from core.trading.exits import share_of_way
from core.trading.ids import is_ours

log = logging.getLogger("perpilot.guard")

NEAR_STOP_SHARE = Decimal("0.75")
"""Told once when the price has gone this share of the way from entry to stop."""
LADDER = (50, 25, 10)
"""Percent of the entry's liquidation distance that is left when the owner is told."""


class Guard:
    def __init__(
        self,
        venue: Venue,
        journal: AccountJournal,
        executor: Executor,
        keeper: AccountKeeper,
        approvals: Approvals,
        clock: Clock,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._executor = executor
        self._keeper = keeper
        self._approvals = approvals
        self._clock = clock
        self._told: set[str] = set()
        self.faults: dict[str, str] = {}
        """Trade id → why its last round failed."""

    async def watch(self) -> tuple[tuple[Trade, Position | None, Order | None], ...]:
        """One pass over everything; returns each open trade with its position and resting stop.

        Raises nothing that one position or card caused; raises when the journal cannot be read at all.
        """
        for trade in await self._journal.open_trades(self._keeper.account):
            await self._advance(trade)
        await self._approvals.expire()
        rows = await self._survey()
        await self._keeper.look()
        await self._keeper.record_equity()
        return rows

    async def close(self, trades: Sequence[Trade], reason: ExitReason, share: Decimal, by: str) -> list[str]:
        """Wants them closed and starts on it; the reasons of those that could not be finished yet."""
        unfinished = []
        for trade in trades:
            wanted = await self._executor.want_closed(trade, reason, share, by)
            if not await self._advance(wanted):
                unfinished.append(f"{trade.symbol}: {self.faults.get(trade.id, 'unknown')}")
        return unfinished

    async def _advance(self, trade: Trade) -> bool:
        try:
            await self._executor.advance(trade)
        except PerpilotError as error:
            self.faults[trade.id] = str(error)
            log.warning("guarding round failed: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return False
        self.faults.pop(trade.id, None)
        return True

    async def _survey(self) -> tuple[tuple[Trade, Position | None, Order | None], ...]:
        """What is open now, told where it is news, and shown in `active_position`."""
        trades = await self._journal.open_trades(self._keeper.account)
        if not trades:
            await self._journal.show_positions(self._keeper.account, (), self._clock.now())
            return ()
        try:
            positions = {position.symbol: position for position in await self._venue.positions()}
            orders = await self._venue.open_orders()
        except PerpilotError as error:
            log.warning("positions unknown: error=%s", str(error))
            return tuple((trade, None, None) for trade in trades)
        rows: list[tuple[Trade, Position | None, Order | None]] = []
        for trade in trades:
            position = positions.get(trade.symbol)
            if position is None or position.side is not trade.side:
                rows.append((trade, None, None))
                continue
            stop = resting_stop(trade, orders)
            rows.append((await self._note(trade, position, stop), position, stop))
        shown = [(trade, position) for trade, position, _ in rows if position is not None]
        await self._journal.show_positions(self._keeper.account, shown, self._clock.now())
        return tuple(rows)

    async def _note(self, trade: Trade, position: Position, stop: Order | None) -> Trade:
        """Extremes of the mark price, and what the owner should hear of it."""

        def changed(current: Trade) -> tuple[Trade, list[Notice]]:
            told = [
                notice
                for notice in _news(current, position, stop)
                if notice.key not in self._told and current.want is Want.OPEN
            ]
            self._told.update(notice.key for notice in told)
            return _with_extremes(current, position.mark), told

        return await self._executor.change(trade, changed) or trade


def resting_stop(trade: Trade, orders: Sequence[Order]) -> Order | None:
    """The stop that covers this trade at the venue."""
    return next(
        (
            order
            for order in orders
            if order.symbol == trade.symbol
            and order.kind is OrderKind.STOP_MARKET
            and order.status is OrderStatus.OPEN
            and order.side is trade.exit_side
            and is_ours(order.client_id)
        ),
        None,
    )


def _with_extremes(trade: Trade, mark: Decimal) -> Trade:
    sign = trade.side.sign
    best, worst = trade.best_mark, trade.worst_mark
    if best is None or (mark - best) * sign > 0:
        best = mark
    if worst is None or (mark - worst) * sign < 0:
        worst = mark
    return replace(trade, best_mark=best, worst_mark=worst)


def _news(trade: Trade, position: Position, stop: Order | None) -> list[Notice]:
    """Everything that is worth telling of this sight; keys make each be told once."""
    told = [notices.opened(trade, position, stop is not None)]
    trigger = stop.trigger if stop is not None else None
    if trigger is not None and share_of_way(position.mark, position.entry, trigger) >= NEAR_STOP_SHARE:
        told.append(notices.near_stop(trade, position.mark))
    at_entry = (position.entry - position.liquidation) * trade.side.sign
    left = (position.mark - position.liquidation) * trade.side.sign
    if at_entry > 0:
        rungs = [rung for rung in LADDER if left * 100 <= at_entry * rung]
        told += [notices.liquidation_ladder(trade, position, rung) for rung in rungs[-1:]]
    return told
