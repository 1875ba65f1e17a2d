"""The small shell around `next_step`: look, name the step, record the intention, perform it, look again.

Laws:
- Nothing is submitted that was not recorded first. If recording fails, nothing is sent.
- An entry starts only from `Cleared[Plan]`, and leaves only while entries are open.
- What somebody asks for is recorded while the symbol is held; the next round does it.
- What has left is heard out: its answer is recorded even if whoever asked is gone by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from core.errors import NotAllowed, PerpilotError
from core.journal import ApprovalState, TradeJournal
from core.notice import Notice
from core.plan import Cleared, Plan
from core.ports import Clock, Market, Venue
from core.risk.limits import Limits
from core.trade import ExitReason, StopBy, Trade, Want
from core.trading import moving, notices
from core.trading.entries import EntryGate
from core.trading.executor_acting import Around
from core.trading.executor_rounds import Rounds
from core.trading.steps import Step
from core.trading.trade_rows import closing, trade_of

log = logging.getLogger("perpilot.executor")


@dataclass(frozen=True, slots=True)
class Entered:
    """A recorded trade and how far its first rounds came."""

    trade: Trade
    step: Step | None
    """The last step; None when the rounds broke off."""
    fault: str = ""
    """Why they broke off; the guard goes on from there."""


class Executor(Rounds):
    """Brings every open trade one round nearer to what is wanted. One round per symbol at a time."""

    def __init__(
        self,
        venue: Venue,
        journal: TradeJournal,
        market: Market,
        clock: Clock,
        limits: Callable[[], Limits],
        gate: EntryGate,
        account: str,
        around: Around | None = None,
    ) -> None:
        super().__init__(venue, journal, market, clock, limits, gate, account, around or Around())
        self.entering = asyncio.Lock()
        """Held from the examination of a plan until it is entered: two plans never take the same place."""

    async def enter(self, cleared: Cleared[Plan], approval_id: str | None, by: str) -> Entered | None:
        """Records the trade and plays its first rounds; None when the plan was taken already.

        Raises `NotAllowed` when entries are closed, or the venue forbids the margin mode or leverage:
        then nothing was recorded. Whatever goes wrong after recording is told in the result.
        """
        trade = await self._record(cleared.plan, approval_id, by)
        if trade is None:
            return None
        try:
            return Entered(trade, await self.advance(trade))
        except PerpilotError as error:
            log.warning("first rounds broke off: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return Entered(trade, None, str(error))

    async def _record(self, plan: Plan, approval_id: str | None, by: str) -> Trade | None:
        async with self.busy(plan.symbol):
            applied = await self._venue.prepare(plan.symbol, plan.leverage)
            if applied != plan.leverage:
                raise NotAllowed(f"the venue applied {applied}x to {plan.symbol} instead of {plan.leverage}x")
            if closed := self._entries_closed():
                raise NotAllowed(f"entries are closed: {closed}")
            trade = trade_of(plan, self._clock.now())
            told = [notices.entry_sent(trade, by)]
            if approval_id is not None:
                told.append(notices.approval_closed(approval_id, ApprovalState.APPROVED, ()))
            is_new = await self._journal.open_trade(trade, plan, approval_id, by, told)
            return trade if is_new else None

    async def want_closed(self, trade: Trade, reason: ExitReason, share: Decimal, by: str) -> Trade:
        """Records that the owner wants `share` of the position closed; the next round does it.

        A part is not asked for again while one is under way, nor of a position that is being closed.
        """

        def wish(current: Trade) -> tuple[Trade, list[Notice]]:
            if share >= 1:
                wanted = closing(current, reason)
            elif current.want is Want.CLOSED or current.close_share is not None:
                return current, []
            else:
                wanted = replace(current, close_share=share, close_requests=current.close_requests + 1)
            text = f"closing {share:.0%} asked for by {by}"
            return wanted, [notices.changed(wanted, f"close:{wanted.close_requests}", text)]

        return await self.change(trade, wish) or trade

    async def move_stop(
        self,
        trade: Trade,
        price: Decimal,
        by: StopBy,
        *,
        may_loosen: bool,
        told: str = "",
        also: Callable[[Trade], Trade] = lambda row: row,
    ) -> tuple[bool, str]:
        """Records where somebody wants the stop, after a look; the next round brings it there on the venue.

        (True, old → new and what the trade then makes) or (False, why not). `told` is added to the owner's
        notice; `also` changes the same row in the same transaction, only where the stop is moved. Raises
        what a look raises, and `JournalError`: then nothing was changed.
        """
        async with self.busy(trade.symbol):
            scene = await self._scene(trade)
            if scene is None:
                return False, f"{trade.symbol}: the trade is over"
            wanted = moving.asked_stop(scene, price, by, may_loosen=may_loosen)
            if isinstance(wanted, str):
                return False, f"{trade.symbol}: {wanted}"
            return True, await self._move(scene, wanted, told, also)

    async def against_stop(self, trade: Trade, price: Decimal, by: StopBy, *, may_loosen: bool) -> str:
        """Why `move_stop` would refuse now; empty when it would not. Raises what a look raises."""
        async with self.busy(trade.symbol):
            scene = await self._scene(trade)
            if scene is None:
                return "the trade is over"
            wanted = moving.asked_stop(scene, price, by, may_loosen=may_loosen)
            return wanted if isinstance(wanted, str) else ""

    async def net_if_left(self, trade: Trade) -> Decimal | None:
        """USDT that leaving now at market would make of the whole trade, costs included, funding not.

        None when no position is shown. Raises what a look raises.
        """
        async with self.busy(trade.symbol):
            scene = await self._scene(trade)
            return moving.net_if_left(scene, scene.seen.mark) if scene is not None and scene.held else None

    async def change(
        self, trade: Trade, changed: Callable[[Trade], tuple[Trade, list[Notice]]]
    ) -> Trade | None:
        """Applies `changed` to the journal's present row while nobody else acts on the symbol.

        None when the trade is over.
        """
        async with self.busy(trade.symbol):
            current = await self._current(trade)
            if current is None:
                return None
            wanted, told = changed(current)
            if wanted != current or told:
                await self._journal.update_trade(wanted, told)
            return wanted
