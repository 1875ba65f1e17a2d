"""The account at the venue, asked for by a person: its orders, its money, and reconciling now.

Laws:
- What cannot be read raises; nothing is shown that was not read now.
- A reconciliation is two full passes of the guard: what is cleaned up was seen twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.account_views import BalanceView, OrderView, SyncReport
from core.journal import TradeJournal
from core.money import ZERO
from core.ports import Clock, Venue
from core.trade import Order, Position, Trade
from core.trading.ids import is_ours
from core.trading.kernel import Kernel

log = logging.getLogger("perpilot.account")

BETWEEN_PASSES_S = 1.0
"""Two looks nearer to each other than this count as one."""


@dataclass(frozen=True, slots=True)
class Found:
    trades: tuple[Trade, ...]
    positions: Mapping[str, Position]
    orders: tuple[Order, ...]


class AccountDesk:
    def __init__(self, kernel: Kernel, venue: Venue, journal: TradeJournal, clock: Clock) -> None:
        self._kernel = kernel
        self._venue = venue
        self._journal = journal
        self._clock = clock

    async def orders(self) -> tuple[OrderView, ...]:
        """By symbol, then stops before targets before the rest."""
        found = await self._find()
        purposes: dict[str, str] = {}
        for trade in found.trades:
            for intention in await self._journal.intentions(trade.id):
                purposes[intention.request.client_id] = intention.purpose.value
        views = [OrderView(order, _purpose(order, purposes)) for order in found.orders]
        return tuple(sorted(views, key=lambda view: (view.order.symbol, _RANK.get(view.purpose, 9))))

    async def balance(self) -> BalanceView:
        seen, positions = await self._venue.balance(), await self._venue.positions()
        account = await self._kernel.keeper.look()
        return BalanceView(
            wallet=seen.wallet,
            unrealised=seen.unrealised,
            equity=seen.equity,
            available=seen.available,
            margin=sum((position.margin for position in positions), ZERO),
            cap=account.cap,
            sizing=account.sizing_equity,
            at=seen.at,
        )

    async def sync(self, by: str) -> SyncReport:
        """Two passes of the guard now; raises what they raise."""
        began, before = self._clock.monotonic(), await self._find()
        await self._kernel.guard.watch()
        await self._clock.sleep(BETWEEN_PASSES_S)
        rows = await self._kernel.guard.watch()
        after = await self._find()
        faults = self._kernel.guard.faults
        ends = [(trade.symbol, _open_end(row, faults)) for row in rows for trade in (row[0],)]
        open_ids = {trade.id for trade in after.trades}
        left = {order.client_id for order in after.orders}
        report = SyncReport(
            matched=tuple(symbol for symbol, why in ends if not why),
            foreign=tuple(sorted(set(after.positions) - _symbols(after.trades))),
            gone=tuple(trade.symbol for trade in before.trades if trade.id not in open_ids),
            open_ends=tuple((symbol, why) for symbol, why in ends if why),
            kept=len(after.orders),
            cancelled=sum(is_ours(o.client_id) and o.client_id not in left for o in before.orders),
            took_s=self._clock.monotonic() - began,
            at=self._clock.now(),
        )
        log.info("reconciled: by=%s matched=%d gone=%d", by, len(report.matched), len(report.gone))
        return report

    async def _find(self) -> Found:
        trades = await self._kernel.keeper.open_trades()
        positions = {position.symbol: position for position in await self._venue.positions()}
        return Found(trades, positions, await self._venue.open_orders())


_RANK = {"stop": 0, "target": 1, "entry": 2, "exit": 3}


def _purpose(order: Order, known: Mapping[str, str]) -> str:
    if order.client_id in known:
        return known[order.client_id]
    return "stray" if is_ours(order.client_id) else "foreign"


def _symbols(trades: Iterable[Trade]) -> set[str]:
    return {trade.symbol for trade in trades}


def _open_end(row: tuple[Trade, Position | None, Order | None], faults: Mapping[str, str]) -> str:
    """Why this trade, its position and its stop do not agree; empty when they do."""
    trade, position, stop = row
    if fault := faults.get(trade.id):
        return fault
    if position is None:
        return "its position is not shown"
    if stop is None or stop.quantity - stop.filled < position.quantity:
        return "no stop covers all of it"
    return ""
