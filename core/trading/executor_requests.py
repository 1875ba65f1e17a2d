"""Orders and cancellations that leave: recorded first, sent once, their answers written down.

Laws:
- Nothing is submitted that was not recorded first. If recording fails, nothing is sent.
- No request is repeated here. What comes back is noted; the next look decides.
- An answer is heard out, whoever has stopped waiting for it; one that the journal did not take is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import JournalError, PerpilotError, Unknown
from core.journal import TradeJournal
from core.notice import Notice
from core.ports import Clock, Outcome, Result, Venue
from core.trade import Intention, IntentState, Order, Purpose, Trade, Want
from core.trading import notices
from core.trading.entries import EntryGate
from core.trading.in_flight import InFlight
from core.trading.steps import Send, in_words

log = logging.getLogger("perpilot.executor")

CANCEL_AGAIN_S = 2.0
"""A cancellation that is not shown yet is not repeated before this."""


Cover = Callable[[Order], Intention | None]
"""The stop for an entry that was answered with this order."""


class Requests:
    """The half of the executor that speaks to the venue."""

    def __init__(
        self,
        venue: Venue,
        journal: TradeJournal,
        clock: Clock,
        gate: EntryGate,
        failed: Callable[[PerpilotError], None],
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._clock = clock
        self._gate = gate
        self._failed = failed
        self._in_flight = InFlight(clock)
        self._unrecorded: dict[str, tuple[str, IntentState, str]] = {}
        """Client id → trade id, state and note that the journal did not take."""
        self._cancelled: dict[str, datetime] = {}

    @property
    def has_unrecorded(self) -> bool:
        """An answer could not be written down: entries must stop."""
        return bool(self._unrecorded)

    async def settle_in_flight(self, timeout_s: float) -> int:
        """Waits so long for the answers of requests that have left; how many are still missing.

        Before the journal is closed. What is missing then is unknown, and the next start looks for it.
        """
        return await self._in_flight.settle(timeout_s)

    async def _send(
        self, trade: Trade, intention: Intention, told: list[Notice], cover: Cover | None = None
    ) -> None:
        """Write-ahead, then one request; whatever comes back, the next look decides.

        `cover`: of an entry, the stop for what its answer says was filled. It leaves whoever has stopped
        waiting meanwhile.
        """
        await self._journal.intend(intention, told)
        await self._in_flight.heard_out(self._submit(trade, intention, cover))

    async def _submit(self, trade: Trade, intention: Intention, cover: Cover | None = None) -> None:
        outcome = await self._venue.submit(intention.request)
        name = intention.request.client_id
        match outcome.result:
            case Result.DONE if cover is not None and outcome.order is not None:
                await self._cover_at_once(trade, intention, cover(outcome.order))
            case Result.DONE:
                await self._note(intention, IntentState.DONE, "")
            case Result.UNKNOWN:
                self._failed(Unknown(f"no answer to {name}"))
                log.warning("order unknown: id=%s code=%s", name, outcome.code)
            case _:
                await self._refused(trade, intention, outcome)

    async def _cover_at_once(self, trade: Trade, entry: Intention, stop: Intention | None) -> None:
        """The stop without a look in between, and the entry's answer written down beside it; the look that
        follows judges both. Reduce-only, so an answer that was wrong costs nothing."""
        noting = self._in_flight.launch(self._note(entry, IntentState.DONE, ""))
        try:
            if stop is not None:
                log.info("step: trade=%s symbol=%s %s", trade.id, trade.symbol, in_words(Send(stop)))
                await self._journal.intend(stop, [])
                await self._submit(trade, stop)
        finally:
            await noting

    async def _refused(self, trade: Trade, intention: Intention, outcome: Outcome) -> None:
        reason = f"{outcome.code} {outcome.detail}".strip() or outcome.result.value
        is_throttled = outcome.result is Result.THROTTLED
        await self._note(intention, IntentState.THROTTLED if is_throttled else IntentState.REFUSED, reason)
        told = []
        if intention.purpose is Purpose.STOP and trade.want is Want.OPEN and not is_throttled:
            told.append(notices.naked(trade, reason, intention.attempt))
        if intention.purpose is Purpose.EXIT:
            told.append(notices.exit_refused(trade, reason))
        if outcome.result is Result.NOT_ALLOWED:
            self._gate.close("venue", f"the venue forbids trading: {reason}; mend it and restart")
            told.append(notices.trading_forbidden(trade, reason))
        if told:
            await self._journal.tell(told)  # the row may have changed while the answer was awaited

    async def _cancel(self, order: Order) -> None:
        now = self._clock.now()
        recent = {name: at for name, at in self._cancelled.items() if now - at < timedelta(minutes=1)}
        self._cancelled = {**recent, order.client_id: now}
        await self._in_flight.heard_out(self._ask_to_cancel(order))

    async def _ask_to_cancel(self, order: Order) -> None:
        outcome = await self._venue.cancel(order.symbol, order.client_id)
        if outcome.result is not Result.DONE:
            log.warning(
                "not cancelled: id=%s result=%s code=%s", order.client_id, outcome.result.value, outcome.code
            )

    def _is_being_cancelled(self, order: Order) -> bool:
        asked = self._cancelled.get(order.client_id)
        return asked is not None and abs((self._clock.now() - asked).total_seconds()) < CANCEL_AGAIN_S

    async def _note(self, intention: Intention, state: IntentState, note: str) -> None:
        """After a request, a journal that fails must not lose the answer: it is kept and tried again."""
        name = intention.request.client_id
        try:
            await self._journal.settle_intention(name, state, note)
            self._unrecorded.pop(name, None)
        except JournalError:
            self._unrecorded[name] = (intention.trade_id, state, note)
            log.exception("answer kept in memory: the journal failed")

    async def _with_kept_answers(self, intents: tuple[Intention, ...]) -> tuple[Intention, ...]:
        """Writes down what could not be written before, and reads it as if it had been."""
        rows = []
        for row in intents:
            kept = self._unrecorded.get(row.request.client_id)
            if kept is None:
                rows.append(row)
                continue
            _, state, note = kept
            await self._note(row, state, note)
            rows.append(replace(row, state=state, note=note))
        return tuple(rows)
