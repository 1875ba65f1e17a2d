"""One adviser's line to its provider: single requests, each paid for, sent and journalled as one unit.

Laws:
- Nothing leaves while the provider rests, the purse bars it or the most it can cost was not set aside.
- Every request that was paid for is journalled, whatever comes of it; what was surely not billed costs 0, and
  what may have been keeps all that was set aside.
- A request that nobody waits for any more goes on by itself, within its own time, so that its answer and its
  cost are on record; the answer is not used. `close` leaves no such request behind.
- The key leaves only in the request's header: no text that is kept, logged or shown holds it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from core.adapters.advisers.capabilities import Capabilities
from core.adapters.advisers.dialects import CUT_MARK, MAX_BODY_CHARS, error_text, model_of, usage_of
from core.adapters.advisers.failures import CallFailed, read_envelope, timed_out
from core.adapters.advisers.prices import BUILT_IN, PriceBook
from core.adapters.advisers.resting import Rest
from core.adapters.advisers.served import Served, ServedJournal
from core.notice import Notice
from core.opinion import Purpose, Silence
from core.ports import AdviserCall, CallJournal, Clock, Purse

log = logging.getLogger("perpilot.advisers")

MAX_LATE = 8
"""Requests of one adviser that go on with nobody waiting; further ones are cut off."""
CLOSING_S = 1.5
"""For the last rows, when the line is closed."""
MIN_KEY_CHARS = 8
"""A shorter text is no secret but the filler that a local server asks for; cutting it would spoil replies."""

GIVEN_UP = error_text(Silence.DEADLINE, "given up before an answer came")
NOT_SENT = error_text(Silence.DEADLINE, "not sent: nobody waited for it any more")
CAME_LATE = error_text(Silence.DEADLINE, "the answer came after the deadline")


class AdviserJournal(CallJournal, ServedJournal, Protocol):
    async def tell(self, notices: Sequence[Notice]) -> None: ...


@dataclass(frozen=True, slots=True)
class AdviserLimits:
    """`tries` are requests, not repetitions; `cache_s` 0 keeps no answer; `rest_s` 0: nobody rests."""

    timeout_s: float = 30.0
    tries: int = 3
    cache_s: float = 900.0
    rest_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Around:
    """What an adviser needs beside its key."""

    journal: AdviserJournal
    clock: Clock
    purse: Purse
    limits: AdviserLimits = field(default_factory=AdviserLimits)
    prices: PriceBook = BUILT_IN


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that came with a good status."""

    status: int
    body: str
    headers: str
    """JSON, see `kept_headers`."""


@dataclass(frozen=True, slots=True)
class Question:
    """One brief in a provider's form."""

    symbol: str
    text: str
    """The facts, in which every figure that an answer cites must stand."""
    body: dict[str, Any]
    """The JSON that is sent."""
    key: str
    asked_at: datetime
    give_up_at: float
    """On the monotonic clock."""
    purpose: Purpose
    decision_id: str


@dataclass(slots=True, eq=False)
class Try:
    """One request under way."""

    call: AdviserCall
    started: float
    task: asyncio.Task[AdviserCall] | None = None
    is_sending: bool = False
    is_abandoned: bool = False


class Line:
    def __init__(
        self,
        name: str,
        model: str,
        api_key: str,
        can: Capabilities,
        around: Around,
        served: Served,
        send: Callable[[dict[str, Any]], Awaitable[Answer]],
    ) -> None:
        self._name = name
        self._model = model
        self._api_key = api_key
        self._can = can
        self._journal = around.journal
        self._clock = around.clock
        self._purse = around.purse
        self._prices = around.prices
        self._timeout_s = around.limits.timeout_s
        self._rest = Rest(name, timedelta(seconds=around.limits.rest_s))
        self._served = served
        self._send = send
        self._numbers = itertools.count(1)
        self._tries: set[Try] = set()

    async def request(self, question: Question, attempt: int) -> AdviserCall:
        """The journalled call of one request that was answered with a good status. Raises `CallFailed`, and
        what purse and journal raise."""
        self._check_open(question.purpose)
        one = Try(self._call(question, attempt), self._clock.monotonic())
        one.task = asyncio.create_task(self._carry_out(one, question), name=f"request {one.call.id}")
        self._tries.add(one)
        one.task.add_done_callback(lambda task: self._ended(one, task))
        try:
            return await asyncio.shield(one.task)
        except asyncio.CancelledError:
            self._abandon(one)
            raise

    def _check_open(self, purpose: Purpose) -> None:
        self._rest.check(self._clock.now())
        if why := self._purse.barred(purpose):
            raise CallFailed(Silence.BARRED, why, is_transient=False)

    def _abandon(self, one: Try) -> None:
        one.is_abandoned = True
        if one.task is not None and sum(other.is_abandoned for other in self._tries) > MAX_LATE:
            one.task.cancel()

    def _ended(self, one: Try, task: asyncio.Task[AdviserCall]) -> None:
        self._tries.discard(one)
        if task.cancelled() or (error := task.exception()) is None or not one.is_abandoned:
            return
        if not isinstance(error, CallFailed):  # nobody else would hear of it
            log.error("late request failed: adviser=%s", self._name, exc_info=error)

    async def close(self) -> None:
        """Cuts off what is still being sent and waits for the rows of it."""
        for one in self._tries:
            one.is_abandoned = True
            if one.is_sending and one.task is not None:
                one.task.cancel()
        left = {one.task for one in self._tries if one.task is not None}
        if not left:
            return
        _, left = await asyncio.wait(left, timeout=CLOSING_S)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _carry_out(self, one: Try, question: Question) -> AdviserCall:
        await self._served.read()
        await self._pay(one, question.purpose)
        one.is_sending = True
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._send(question.body)
        except asyncio.CancelledError:
            await self._journal.record_call(self._finished(one, error=GIVEN_UP))
            raise
        except TimeoutError:
            raise await self._failed(one, timed_out(self._timeout_s)) from None
        except CallFailed as failed:
            raise await self._failed(one, failed) from None
        except Exception as error:  # unforeseen, and sent all the same
            await self._failed(one, CallFailed(Silence.FAILED, type(error).__name__, is_transient=False))
            raise
        return await self._answered(one, answer)

    async def _pay(self, one: Try, purpose: Purpose) -> None:
        """Sets the money aside and looks once more: meanwhile somebody may have said stop."""
        try:
            call = one.call
            worst = self._prices.worst(self._model, call.request, self._can.max_tokens, call.at)
            refusal = await self._purse.reserve(call, worst)
        except asyncio.CancelledError:
            await self._journal.record_call(_unsent(one.call, NOT_SENT))
            raise
        if refusal:
            raise CallFailed(Silence.BUDGET, refusal, is_transient=False)
        try:
            self._check_open(purpose)
        except CallFailed as failed:
            await self._journal.record_call(_unsent(one.call, error_text(failed.why, failed.detail)))
            raise
        if one.is_abandoned:
            await self._journal.record_call(_unsent(one.call, NOT_SENT))
            raise CallFailed(Silence.DEADLINE, "not sent", is_transient=False)

    async def _failed(self, one: Try, failed: CallFailed) -> CallFailed:
        """The same failure, journalled, with its row's id and without the key."""
        call, failed.detail, failed.call_id = one.call, self.safe(failed.detail), one.call.id
        log.info(
            "adviser call failed: adviser=%s attempt=%d why=%s detail=%s",
            self._name,
            call.attempt,
            failed.why.value,
            failed.detail,
        )
        error = error_text(failed.why, failed.detail)
        finished = self._finished(one, failed.status, failed.body, failed.headers, error)
        if failed.is_free:
            finished = replace(finished, cost_usd=Decimal(0))
        await self._journal.record_call(finished)
        if failed.why is Silence.OUT_OF_CREDIT:
            told = self._rest.start(self._clock.now(), failed.detail)
            if told:
                await self._journal.tell(told)
        return failed

    async def _answered(self, one: Try, answer: Answer) -> AdviserCall:
        finished = self._finished(one, answer.status, answer.body, answer.headers)
        change = self._served.meet(finished.model_returned, self._clock.now())
        if change is not None and change.is_swap:
            finished = replace(finished, error=error_text(Silence.SWAPPED, change.words))
        elif one.is_abandoned:
            log.info("adviser answered late: adviser=%s call=%s", self._name, finished.id)
            finished = replace(finished, error=CAME_LATE)
        try:
            await self._journal.record_call(finished)
            if change is not None:
                await self._served.remember(change, self._clock.now())
        except Exception:
            self._served.unmeet(change)
            raise
        self._rest.note_answer()
        return finished

    def _call(self, question: Question, attempt: int) -> AdviserCall:
        at = self._clock.now()
        seed = f"{question.key}|{at.isoformat()}|{next(self._numbers)}"
        return AdviserCall(
            id=f"{self._name}-{hashlib.sha256(seed.encode()).hexdigest()[:20]}",
            adviser=self._name,
            model_asked=self._model,
            symbol=question.symbol,
            question_key=question.key,
            request=json.dumps(question.body, ensure_ascii=False),
            at=at,
            attempt=attempt,
            decision_id=question.decision_id,
            purpose=question.purpose,
        )

    def _finished(
        self,
        one: Try,
        status: int | None = None,
        body: str | None = None,
        headers: str = "{}",
        error: str = "",
    ) -> AdviserCall:
        """As it will stand in the journal; its cost is None where it can't be told."""
        envelope = read_envelope(body) if body is not None and len(body) <= MAX_BODY_CHARS else {}
        usage, model = usage_of(self._can, envelope), self.safe(model_of(envelope))
        return replace(
            one.call,
            raw=self._kept_body(body),
            status=status,
            headers=self.safe(headers),
            model_returned=model,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            tokens_cached=usage.tokens_cached,
            cost_usd=self._prices.cost(model or self._model, usage, one.call.at),
            latency_s=self._clock.monotonic() - one.started,
            error=error,
        )

    def _kept_body(self, body: str | None) -> str | None:
        """As it came, but without the key and without NUL, which PostgreSQL's text can't hold."""
        if body is None:
            return None
        kept = self.safe(body[:MAX_BODY_CHARS]).replace("\x00", "\\u0000")
        return kept if len(body) <= MAX_BODY_CHARS else kept + CUT_MARK

    def safe(self, text: str) -> str:
        """Without the key."""
        return text.replace(self._api_key, "[key]") if len(self._api_key) >= MIN_KEY_CHARS else text


def _unsent(call: AdviserCall, error: str) -> AdviserCall:
    return replace(call, cost_usd=Decimal(0), error=error)
