"""The small shell around `next_step`: look, name the step, record the intention, perform it, look again.

Laws:
- Nothing is submitted that was not recorded first. If recording fails, nothing is sent.
- An entry starts only from `Cleared[Plan]`, and leaves only while entries are open.
- No request is repeated here: repetition is a decision of `next_step`, after a look.
- What has left is heard out: its answer is recorded even if whoever asked is gone by then.
- A read that fails ends the round; nothing is concluded from it.
- A symbol is held for one round at a time, never while waiting: a wish to close always gets in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.errors import JournalError, NotAllowed, PerpilotError, Throttled
from core.journal import ApprovalState, TradeJournal
from core.market import Instrument
from core.notice import Notice
from core.opinion import Stance
from core.plan import Cleared, Plan
from core.ports import Clock, Market, Venue
from core.risk.breakers import title_of
from core.risk.limits import Limits
from core.trade import (
    ExitReason,
    Intention,
    Purpose,
    Seen,
    StopBy,
    Trade,
    Want,
)
from core.trading import booking, moving, notices
from core.trading.attached import attached_stop
from core.trading.changes import outside_changes
from core.trading.covering import first_stop
from core.trading.entries import EntryGate
from core.trading.executor_requests import Requests
from core.trading.laddering import targets_filled
from core.trading.lifecycle import next_step
from core.trading.looking import Looker
from core.trading.parts import closed_parts, order_of
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    MoveStop,
    Rest,
    Rules,
    Scene,
    Send,
    Settle,
    Step,
    Wait,
    WantClosed,
    in_words,
)

log = logging.getLogger("perpilot.executor")

MAX_LOOKS = 40
"""Looks of one call: entry, stop, targets, their settling and some waiting; more is a loop of ours."""
PATIENCE_S = 5.0
"""Longest waiting within one call; what takes longer is the next pass's matter."""
CANCEL_AGAIN_S = 2.0
"""A cancellation that is not shown yet is not repeated before this."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A recorded trade and how far its first rounds came."""

    trade: Trade
    step: Step | None
    """The last step; None when the rounds broke off."""
    fault: str = ""
    """Why they broke off; the guard goes on from there."""


async def _nothing_first() -> None:
    """Where no day's figures are kept."""


class Executor(Requests):
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
        open_breakers: Callable[[], tuple[str, ...]] = tuple,
        failed: Callable[[PerpilotError], None] = lambda error: None,
        booked: Callable[[], None] = lambda: None,
        begin_day: Callable[[], Awaitable[None]] = _nothing_first,
    ) -> None:
        """`failed` hears of every call of the venue or market that broke a round off, `booked` of every
        booking, also of one whose writing failed; `begin_day` fixes the day's opening equity before one."""
        super().__init__(venue, journal, clock, gate, failed)
        self._market = market
        self._limits = limits
        self._account = account
        self._open_breakers = open_breakers
        self._booked = booked
        self._begin_day = begin_day
        self._looker = Looker(venue, market, clock)
        self._locks: dict[str, asyncio.Lock] = {}
        self._instruments: dict[str, Instrument] = {}
        self._unsettled: set[str] = set()
        self._filled: dict[str, int] = {}
        """Trade id → targets that the newest look showed filled."""
        self._told_parts: dict[str, str] = {}
        """Order of a closed part that was told → trade id."""
        self.entering = asyncio.Lock()
        """Held from the examination of a plan until it is entered: two plans never take the same place."""

    def busy(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Held while one symbol is acted on."""
        return self._locks.setdefault(symbol, asyncio.Lock())

    def known_instrument(self, symbol: str) -> Instrument | None:
        """As the newest round read it; None before the first."""
        return self._instruments.get(symbol)

    def targets_filled(self, trade_id: str) -> int:
        """As the newest look showed; 0 before the first."""
        return self._filled.get(trade_id, 0)

    def keep_only(self, trades: Sequence[Trade]) -> None:
        """Forgets whatever was remembered of trades that are over."""
        ids = {trade.id for trade in trades}
        self._looker.keep_only(ids)
        self._unsettled &= ids
        self._filled = {name: count for name, count in self._filled.items() if name in ids}
        self._told_parts = {name: owner for name, owner in self._told_parts.items() if owner in ids}
        self._unrecorded = {name: row for name, row in self._unrecorded.items() if row[0] in ids}

    @property
    def is_restless(self) -> bool:
        """Some trade neither rests nor is over: look again in seconds, not in a minute."""
        return bool(self._unsettled)

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
            trade = _trade_of(plan, self._clock.now())
            told = [notices.entry_sent(trade, by)]
            if approval_id is not None:
                told.append(notices.approval_closed(approval_id, ApprovalState.APPROVED, ()))
            is_new = await self._journal.open_trade(trade, plan, approval_id, by, told)
            return trade if is_new else None

    async def advance(self, trade: Trade) -> Step:
        """Rounds until the trade rests, is over, or must wait for longer. Returns the last step.

        Raises `Unknown`, `Throttled` or `NotAllowed` when the venue cannot be seen, and `JournalError`
        when nothing can be recorded; then nothing was concluded, and the next call goes on from there.
        """
        self._unsettled.add(trade.id)
        try:
            step = await self._rounds(trade)
        except Throttled:
            if self._looker.was_covered(trade.id):
                self._unsettled.discard(trade.id)  # haste would only lengthen it
            raise
        except PerpilotError as error:
            self._failed(error)
            raise
        settle = self._unsettled.add if isinstance(step, Wait) else self._unsettled.discard
        settle(trade.id)
        return step

    async def _rounds(self, trade: Trade) -> Step:
        patience, undone = PATIENCE_S, ""
        for _ in range(MAX_LOOKS):
            async with self.busy(trade.symbol):
                step = await self._round(trade)
            match step:
                case Wait(again_s=again_s):
                    if again_s > patience:
                        return step
                    patience -= again_s
                    await self._clock.sleep(again_s)
                case EndPartial():
                    undone = step.undone
                case Rest():
                    return Rest(undone)
                case Book() | Abandon():
                    return step
        raise PerpilotError(f"{trade.symbol}: {MAX_LOOKS} looks did not bring {trade.id} to rest")

    async def _round(self, trade: Trade) -> Step:
        """One look and the one step that follows from it; and the exit, where that step was to want it."""
        scene = await self._scene(trade)
        if scene is None:
            return Rest()
        step = next_step(scene.trade, scene.intents, scene.seen, scene.rules, scene.now)
        if isinstance(step, CancelOrder) and self._is_being_cancelled(step.order):
            return Wait("a cancellation is on its way")
        if not isinstance(step, Rest | Wait):
            await self._perform(step, scene)
        if isinstance(step, WantClosed):  # the same look says how to leave: another would only cost time
            scene = replace(scene, trade=_closing(scene.trade, step.reason))
            step = next_step(scene.trade, scene.intents, scene.seen, scene.rules, scene.now)
            if isinstance(step, Send):
                await self._perform(step, scene)
        return step

    async def _scene(self, trade: Trade) -> Scene | None:
        """One look; what it adds for good is recorded before anything is concluded. None: it is over."""
        rules = await self._rules(trade.symbol)
        current = await self._current(trade)
        if current is None:
            return None
        intents = await self._with_kept_answers(await self._journal.intentions(current.id))
        seen = await self._looker.look(current, intents, rules)
        position, noted = seen.position, current
        if position is not None and position.side is current.side and current.want is Want.OPEN:
            noted = moving.with_sight(current, position, rules.exits)
        scene = Scene(noted, intents, seen, rules, self._clock.now())
        parts = closed_parts(scene, self._told_parts.keys())
        if noted != current or parts:
            try:
                await self._journal.update_trade(noted, parts)
                self._told_parts.update((order_of(part), noted.id) for part in parts)
            except JournalError as error:  # a peak proves nothing, and keeps no stop back
                log.warning("a sight is not recorded: trade=%s error=%s", noted.id, error)
                scene = replace(scene, trade=current)
        self._filled[noted.id] = targets_filled(scene)
        return scene

    async def want_closed(self, trade: Trade, reason: ExitReason, share: Decimal, by: str) -> Trade:
        """Records that the owner wants `share` of the position closed; the next round does it.

        A part is not asked for again while one is under way, nor of a position that is being closed.
        """

        def closing(current: Trade) -> tuple[Trade, list[Notice]]:
            if share >= 1:
                wanted = _closing(current, reason)
            elif current.want is Want.CLOSED or current.close_share is not None:
                return current, []
            else:
                wanted = replace(current, close_share=share, close_requests=current.close_requests + 1)
            text = f"closing {share:.0%} asked for by {by}"
            return wanted, [notices.changed(wanted, f"close:{wanted.close_requests}", text)]

        return await self.change(trade, closing) or trade

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

    def _entries_closed(self) -> str:
        if self.has_unrecorded:
            return "an answer of the venue could not be recorded"
        if names := self._open_breakers():
            return f"circuit breaker open: {', '.join(map(title_of, names))}"
        return self._gate.text

    async def _rules(self, symbol: str) -> Rules:
        """With the newest instrument rules that could be had: guarding goes on with older ones."""
        try:
            self._instruments[symbol] = await self._market.instrument(symbol)
        except PerpilotError:
            if symbol not in self._instruments:
                raise
        instrument, limits = self._instruments[symbol], self._limits()
        return Rules(
            lot=instrument.lot,
            min_quantity=instrument.min_quantity,
            tick=instrument.tick,
            max_entry_drift=limits.approval_drift,
            exits=limits.exits,
            exit_cost=instrument.taker_fee + limits.slippage,
            entries_closed=self._entries_closed(),
            attaches_stops=self._venue.attaches_stops,
        )

    async def _current(self, trade: Trade) -> Trade | None:
        trades = await self._journal.open_trades(self._account)
        return next((row for row in trades if row.id == trade.id), None)

    # ------------------------------------------------------------ acting

    async def _perform(self, step: Step, scene: Scene) -> None:
        trade, intents, seen = scene.trade, scene.intents, scene.seen
        log.info("step: trade=%s symbol=%s %s", trade.id, trade.symbol, in_words(step))
        match step:
            case Send(intention) if intention.purpose is Purpose.ENTRY and self._entries_closed():
                return  # closed while we were looking: the next round gives it up
            case Send(intention) if intention.purpose is Purpose.ENTRY:
                await self._send(
                    trade, intention, [], lambda order: first_stop(self._as_of_now(scene), order)
                )
            case Send(intention):
                await self._send(trade, intention, outside_changes(trade, intention, intents, seen))
            case Settle(intention, state, note):
                await self._note(intention, state, note)
            case CancelOrder(order):
                await self._cancel(order)
            case WantClosed(reason):
                told = notices.changed(trade, f"leaving:{reason}", f"closing at once: {reason}")
                await self._journal.update_trade(_closing(trade, reason), [told])
            case MoveStop():
                await self._move(scene, step)
            case EndPartial(undone):
                text = f"a part could not be closed: {undone}"
                told = notices.changed(trade, f"undone:{trade.close_requests}", text)
                await self._journal.update_trade(replace(trade, close_share=None), [told] if undone else ())
            case Book():
                await self._book(trade, intents, seen)
            case Abandon(reason):
                ended = [notices.entry_failed(trade, reason)]
                await self._journal.abandon_trade(trade, reason, self._clock.now(), ended)

    def _as_of_now(self, scene: Scene) -> Scene:
        return replace(scene, now=self._clock.now())

    async def _move(
        self,
        scene: Scene,
        move: MoveStop,
        told: str = "",
        also: Callable[[Trade], Trade] = lambda row: row,
    ) -> str:
        moved = also(moving.with_stop(scene.trade, move.stop, move.by))
        text = moving.move_in_words(scene, move)
        said = f"{text} ({told})" if told else text
        await self._journal.update_trade(moved, [notices.stop_moved(moved, said, scene.now)])
        return text

    async def _book(self, trade: Trade, intents: tuple[Intention, ...], seen: Seen) -> None:
        await self._begin_day()
        since = min((fill.at for fill in seen.fills), default=trade.created_at)
        until = max((fill.at for fill in seen.fills), default=self._clock.now())
        payments = booking.funding_of(await self._venue.funding(trade.symbol, since), since, until)
        known = (*intents, *await attached_stop(self._venue, trade, intents, seen))
        closed = booking.closed_trade(trade, seen.fills, payments, known)
        told: list[Notice] = [notices.closed(closed)]
        log.info(
            "booked: trade=%s symbol=%s reason=%s net=%s fees=%s funding=%s",
            closed.id,
            closed.symbol,
            closed.exit_reason.value,
            closed.net_pnl,
            closed.fees,
            closed.funding,
        )
        try:
            await self._journal.book(closed, seen.fills, payments, trade.opening_equity, told)
        finally:
            self._booked()


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
        first_stop=plan.stop,
        cost=plan.cost,
        atr=plan.atr,
        beta=plan.beta,
        advisers=_agreeing(plan),
    )


def _agreeing(plan: Plan) -> tuple[str, ...]:
    """The advisers whose opinion was the plan's side."""
    opinions = plan.verdict.opinions if plan.verdict is not None else ()
    return tuple(o.adviser for o in opinions if o.stance == Stance(plan.side.value))
