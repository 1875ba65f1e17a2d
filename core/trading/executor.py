"""The small shell around `next_step`: look, name the step, record the intention, perform it, look again.

Laws:
- Nothing is submitted that was not recorded first. If recording fails, nothing is sent.
- An entry starts only from `Cleared[Plan]`.
- No request is repeated here: repetition is a decision of `next_step`, after a look.
- A read that fails ends the round; nothing is concluded from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import JournalError, PerpilotError
from core.journal import ApprovalState, TradeJournal
from core.market import Instrument
from core.notice import Notice
from core.plan import Cleared, Plan
from core.ports import Clock, Market, Result, Venue
from core.risk.limits import Limits
from core.trade import (
    ExitReason,
    Fill,
    Intention,
    IntentState,
    Order,
    OrderStatus,
    Position,
    Purpose,
    Seen,
    Trade,
    Want,
)
from core.trading import booking, notices
from core.trading.ids import is_ours
from core.trading.lifecycle import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    Rest,
    Rules,
    Send,
    Settle,
    Step,
    Wait,
    WantClosed,
    next_step,
)

log = logging.getLogger("perpilot.executor")

MAX_STEPS = 24
"""Steps of one round: entry, stop, targets and their settling, with room; more is a loop of ours."""
FILLS_MARGIN = timedelta(seconds=5)
"""Clock difference allowed between us and the venue when fills are asked for."""


class Executor:
    """Brings every open trade one round nearer to what is wanted. One round per symbol at a time."""

    def __init__(
        self,
        venue: Venue,
        journal: TradeJournal,
        market: Market,
        clock: Clock,
        limits: Callable[[], Limits],
        account: str,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._market = market
        self._clock = clock
        self._limits = limits
        self._account = account
        self._locks: dict[str, asyncio.Lock] = {}
        self._last_view: dict[str, tuple[object, int]] = {}
        self._finished: dict[str, Order] = {}
        self._unrecorded: dict[str, tuple[IntentState, str]] = {}

    def busy(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Held while one symbol is acted on."""
        return self._locks.setdefault(symbol, asyncio.Lock())

    @property
    def has_unrecorded(self) -> bool:
        """An answer could not be written down: entries must stop."""
        return bool(self._unrecorded)

    async def enter(self, cleared: Cleared[Plan], approval_id: str | None, by: str) -> Trade | None:
        """Records the trade and plays its first rounds; None when the plan was taken already.

        Raises `NotAllowed` when the venue forbids the margin mode or leverage: then nothing was recorded.
        """
        plan = cleared.plan
        async with self.busy(plan.symbol):
            applied = await self._venue.prepare(plan.symbol, plan.leverage)
            trade = _trade_of(replace(plan, leverage=applied), self._clock.now())
            told = [notices.entry_sent(trade, by)]
            if approval_id is not None:
                told.append(notices.approval_closed(approval_id, ApprovalState.APPROVED, ()))
            is_new = await self._journal.open_trade(trade, plan, approval_id, by, told)
        if not is_new:
            return None
        await self.advance(trade)
        return trade

    async def advance(self, trade: Trade) -> Step:
        """Rounds until the trade rests, must wait, or is over. Returns the last step.

        Raises `Unknown`, `Throttled` or `NotAllowed` when the venue cannot be seen, and `JournalError`
        when nothing can be recorded; then nothing was concluded, and the next call goes on from there.
        """
        async with self.busy(trade.symbol):
            instrument = await self._market.instrument(trade.symbol)
            rules = self._rules(instrument)
            for _ in range(MAX_STEPS):
                current = await self._current(trade)
                if current is None:
                    return Rest()
                trade = current
                intents = await self._journal.intentions(trade.id)
                seen = await self._look(trade, intents)
                step = next_step(trade, intents, seen, rules, self._clock.now())
                if isinstance(step, Wait) and seen.agreeing < 2:
                    continue  # the second look may already settle it
                if isinstance(step, Rest | Wait):
                    return step
                trade = await self._perform(step, trade, intents, seen)
                if isinstance(step, Book | Abandon):
                    return step
            raise PerpilotError(f"{trade.symbol}: {MAX_STEPS} steps did not bring {trade.id} to rest")

    async def want_closed(self, trade: Trade, reason: ExitReason, share: Decimal, by: str) -> Trade:
        """Records that the owner wants `share` of the position closed; the next round does it."""

        def closing(current: Trade) -> tuple[Trade, list[Notice]]:
            if share >= 1:
                wanted = _closing(current, reason)
            else:
                wanted = replace(current, close_share=share, close_requests=current.close_requests + 1)
            text = f"closing {share:.0%} asked for by {by}"
            return wanted, [notices.changed(wanted, f"close:{wanted.close_requests}", text)]

        return await self.change(trade, closing) or trade

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

    def _rules(self, instrument: Instrument) -> Rules:
        return Rules(
            lot=instrument.lot,
            min_quantity=instrument.min_quantity,
            emergency_liquidation_distance=self._limits().emergency_liquidation_distance,
            max_entry_drift=self._limits().approval_drift,
        )

    async def _current(self, trade: Trade) -> Trade | None:
        trades = await self._journal.open_trades(self._account)
        return next((row for row in trades if row.id == trade.id), None)

    # ------------------------------------------------------------ looking

    async def _look(self, trade: Trade, intents: tuple[Intention, ...]) -> Seen:
        """Position, orders of both kinds and fills, read within one round."""
        positions = await self._venue.positions()
        position = next((p for p in positions if p.symbol == trade.symbol), None)
        orders = await self._orders(trade, intents)
        fills = await self._fills(trade, intents)
        mark = position.mark if position is not None else (await self._market.quote(trade.symbol)).mark
        return Seen(
            symbol=trade.symbol,
            position=position,
            orders=orders,
            fills=fills,
            mark=mark,
            at=self._clock.now(),
            agreeing=self._count_agreeing(trade, position),
        )

    def _count_agreeing(self, trade: Trade, position: Position | None) -> int:
        view = (position.side, position.quantity) if position is not None else None
        last, count = self._last_view.get(trade.id, (object(), 0))
        count = count + 1 if last == view else 1
        self._last_view[trade.id] = (view, count)
        return count

    async def _orders(self, trade: Trade, intents: tuple[Intention, ...]) -> tuple[Order, ...]:
        """Open orders, and those asked for by id whose end is not known yet."""
        seen = {order.client_id: order for order in await self._venue.open_orders(trade.symbol)}
        for intention in intents:
            name = intention.request.client_id
            if name in seen:
                continue
            if name in self._finished:
                seen[name] = self._finished[name]
            elif intention.state in (IntentState.SENT, IntentState.DONE):
                order = await self._venue.order(trade.symbol, name)
                if order is not None:
                    seen[name] = order
                    if order.status is not OrderStatus.OPEN:
                        self._finished[name] = order
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

    # ------------------------------------------------------------ acting

    async def _perform(self, step: Step, trade: Trade, intents: tuple[Intention, ...], seen: Seen) -> Trade:
        log.info("step: trade=%s symbol=%s step=%s", trade.id, trade.symbol, repr(step))
        match step:
            case Send(intention):
                await self._send(trade, intention)
            case Settle(intention, state, note):
                await self._note(intention, state, note)
            case CancelOrder(order):
                await self._venue.cancel(order.symbol, order.client_id)
            case WantClosed(reason):
                trade = _closing(trade, reason)
                told = notices.changed(trade, f"leaving:{reason}", f"closing at once: {reason}")
                await self._journal.update_trade(trade, [told])
            case EndPartial():
                trade = replace(trade, close_share=None)
                await self._journal.update_trade(trade)
            case Book():
                await self._book(trade, intents, seen)
            case Abandon(reason):
                await self._journal.abandon_trade(
                    trade, reason, self._clock.now(), [notices.entry_failed(trade, reason)]
                )
                self._forget(trade, intents)
        return trade

    async def _send(self, trade: Trade, intention: Intention) -> None:
        """Write-ahead, then one request; whatever comes back, the next look decides."""
        await self._journal.intend(intention)
        outcome = await asyncio.shield(self._venue.submit(intention.request))
        if outcome.result is Result.DONE:
            await self._note(intention, IntentState.DONE, "")
            return
        if outcome.result is Result.UNKNOWN:
            log.warning("order unknown: id=%s", intention.request.client_id)
            return
        reason = f"{outcome.code} {outcome.detail}".strip() or outcome.result.value
        await self._note(intention, IntentState.REFUSED, reason)
        if intention.purpose is Purpose.STOP:
            await self._journal.update_trade(trade, [notices.naked(trade, reason, intention.attempt)])

    async def _note(self, intention: Intention, state: IntentState, note: str) -> None:
        """After a request, a journal that fails must not lose the answer: it is kept and tried again."""
        name = intention.request.client_id
        try:
            await self._journal.settle_intention(name, state, note)
            self._unrecorded.pop(name, None)
        except JournalError:
            self._unrecorded[name] = (state, note)
            log.exception("answer kept in memory: the journal failed")

    async def _book(self, trade: Trade, intents: tuple[Intention, ...], seen: Seen) -> None:
        since = min((fill.at for fill in seen.fills), default=trade.created_at)
        until = max((fill.at for fill in seen.fills), default=self._clock.now())
        payments = booking.funding_of(await self._venue.funding(trade.symbol, since), since, until)
        closed = booking.closed_trade(trade, seen.fills, payments, intents)
        told: list[Notice] = [notices.closed(closed)]
        await self._journal.book(closed, seen.fills, payments, trade.opening_equity, told)
        self._forget(trade, intents)

    def _forget(self, trade: Trade, intents: tuple[Intention, ...]) -> None:
        self._last_view.pop(trade.id, None)
        for intention in intents:
            self._finished.pop(intention.request.client_id, None)


def _closing(trade: Trade, reason: ExitReason) -> Trade:
    """Wanted closed; the first reason stays."""
    if trade.want is Want.CLOSED:
        return trade
    return replace(
        trade,
        want=Want.CLOSED,
        exit_reason=reason,
        close_share=None,
        close_requests=trade.close_requests + 1,
    )


def _trade_of(plan: Plan, now: datetime) -> Trade:
    return Trade(
        id=plan.id,
        account=plan.account,
        symbol=plan.symbol,
        side=plan.side,
        quantity=plan.quantity,
        entry_reference=plan.entry,
        stop=plan.stop,
        targets=plan.targets,
        leverage=plan.leverage,
        risk_usd=plan.loss_at_stop,
        want=Want.OPEN,
        created_at=now,
        decision_id=plan.decision_id,
        origin=plan.origin.value,
        score=plan.score.total,
        regime=plan.regime.value,
        opening_equity=plan.equity,
    )
