"""What the step of a round does: a request that leaves, or a row that changes.

Laws:
- An entry leaves only while entries are open, also where they were closed during the look.
- A booking follows from what was seen and what the venue still has to say; its day's figures come first.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from core.errors import PerpilotError
from core.journal import TradeJournal
from core.notice import Notice
from core.ports import Clock, Venue
from core.risk.breakers import title_of
from core.trade import Intention, Purpose, Seen, Trade
from core.trading import booking, moving, notices
from core.trading.attached import attached_stop
from core.trading.changes import outside_changes
from core.trading.covering import first_stop
from core.trading.entries import EntryGate
from core.trading.executor_requests import Requests
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    MoveStop,
    Scene,
    Send,
    Settle,
    Step,
    WantClosed,
    in_words,
)
from core.trading.trade_rows import closing

log = logging.getLogger("perpilot.executor")


async def _nothing_first() -> None:
    """Where no day's figures are kept."""


@dataclass(frozen=True, slots=True)
class Around:
    """Whom the executor asks and tells beside the venue and the journal."""

    open_breakers: Callable[[], tuple[str, ...]] = tuple
    failed: Callable[[PerpilotError], None] = lambda error: None
    """Hears of every call of the venue or market that broke a round off."""
    booked: Callable[[], None] = lambda: None
    """Hears of every booking, also of one whose writing failed."""
    begin_day: Callable[[], Awaitable[None]] = _nothing_first
    """Fixes the day's opening equity before a booking."""


class Acting(Requests):
    """The part of the executor that performs steps."""

    def __init__(
        self, venue: Venue, journal: TradeJournal, clock: Clock, gate: EntryGate, around: Around
    ) -> None:
        super().__init__(venue, journal, clock, gate, around.failed)
        self._around = around

    def _entries_closed(self) -> str:
        if self.has_unrecorded:
            return "an answer of the venue could not be recorded"
        if names := self._around.open_breakers():
            return f"circuit breaker open: {', '.join(map(title_of, names))}"
        return self._gate.text

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
                await self._journal.update_trade(closing(trade, reason), [told])
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
        await self._around.begin_day()
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
            self._around.booked()
