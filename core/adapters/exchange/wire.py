"""One venue's connection for the account: reads that may be repeated, orders that never are.

Laws:
- A request that changes something leaves once. What came back is kept as it came; nothing is thrown away into
  an exception.
- Reads go through `Calls`: paid for, bounded, tried again.
- Told to be silent by the venue, only what protects or reduces is still sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import Calls, Urgency, is_momentary, silence_end
from core.adapters.exchange.client import error_base
from core.adapters.exchange.outcomes import CodeBook, Heard, sort_answer
from core.adapters.exchange.reader import VenueTime
from core.errors import PerpilotError, Throttled
from core.market import to_ms
from core.ports import Clock, Outcome, Result

T = TypeVar("T")
Ask = Callable[[], Awaitable[Any]]

logger = logging.getLogger("perpilot.exchange")

RECEIVE_WINDOW_MS = 5_000
"""After it the venue refuses a request that was under way: no order appears later than that."""
DOUBTFUL_CLOCK_S = 1.0
"""Refused for its time, the clock is measured again, but not more often than that. Until it is right,
guarding sees nothing."""

_heard: ContextVar[Heard] = ContextVar("heard")
_STUMBLED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RuntimeError)
"""What ccxt and aiohttp raise besides ccxt's own errors."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the answer to one order request is waited for, in real seconds."""

    entry_s: float = 5.0
    """As long as the venue may still accept the request (`RECEIVE_WINDOW_MS`)."""
    protecting_s: float = 1.0
    """An exit may be repeated, so it is better looked after soon than waited for."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One request that changes something at the venue."""

    endpoint: str
    weight: int
    ask: Ask
    wanted: str
    """The id that a receipt must name; empty for a setting, which is read back instead."""
    is_protecting: bool


class Line:
    """`server_ms` is the dialect's question for the venue's time; it sets it."""

    def __init__(
        self,
        client: Any,
        calls: Calls,
        budget: WeightBudget,
        clock: Clock,
        time: VenueTime,
        book: CodeBook,
        deadlines: Deadlines,
    ) -> None:
        self.client = client
        self.clock = clock
        self.time = time
        self.book = book
        self.server_ms: Callable[[Urgency], Awaitable[int]] | None = None
        self._calls = calls
        self._budget = budget
        self._deadlines = deadlines
        self._errors = (error_base(), *_STUMBLED)
        self._measured_at: float | None = None
        self._before = client.on_rest_response
        client.on_rest_response = self._hear
        client.options["recvWindow"] = RECEIVE_WINDOW_MS
        client.milliseconds = lambda: to_ms(clock.now())  # requests are stamped by our clock, as all else

    async def read(
        self, endpoint: str, weight: int, urgency: Urgency, ask: Ask, check: Callable[[Any], T]
    ) -> T:
        """Raises what `Calls.read` raises."""

        async def heard() -> Any:
            answer = Heard()
            _heard.set(answer)
            try:
                return await ask()
            except self._errors:
                if self._is_about_time(answer):
                    await self._measure_again(urgency)
                raise

        return await self._calls.read(endpoint, weight, urgency, heard, check)

    async def find(
        self, endpoint: str, weight: int, urgency: Urgency, ask: Ask, check: Callable[[Any], T]
    ) -> T | None:
        """As `read`; None where the venue says, in its own code, that there is no such thing."""

        async def asked() -> Any:
            try:
                return await ask()
            except self._errors:
                answer = _heard.get()
                if self.book.said(answer.body)[0] in self.book.absent and answer.status in (200, 400, 404):
                    return None
                raise

        return await self.read(
            endpoint, weight, urgency, asked, lambda raw: None if raw is None else check(raw)
        )

    async def send(self, sending: Sending) -> Outcome:
        """One request, once. A cancelled task leaves by `CancelledError`: its outcome is unknown as well."""
        refusal = await self._admitted(sending)
        if refusal is not None:
            return refusal
        answer, started = Heard(), self.clock.monotonic()
        _heard.set(answer)
        try:
            async with asyncio.timeout(self._deadline_s(sending)):
                await sending.ask()
        except (TimeoutError, *self._errors):
            pass  # what was heard tells what happened; the exception may carry a signed address
        outcome = sort_answer(self.book, answer, sending.wanted)
        if outcome.code in self.book.exempt and not sending.is_protecting:
            outcome = replace(outcome, detail=f"{outcome.detail} (closing is still possible)")
        if outcome.result is not Result.DONE and not self._is_taken_setting(sending, answer):
            self._note(sending, outcome, answer, self.clock.monotonic() - started)
        if outcome.result is Result.THROTTLED and (
            answer.status in (403, 418, 429) or is_momentary(answer.text)
        ):
            self._budget.silence(silence_end(answer.text, self.clock.now(), answer.retry_after_s))
        return outcome

    async def mend_clock(self, outcome: Outcome, urgency: Urgency) -> None:
        """Measures the time again where the answer says that ours was wrong."""
        if outcome.code in self.book.clock:
            await self._measure_again(urgency)

    async def measure_clock(self, urgency: Urgency) -> float:
        """The venue's clock minus ours in seconds, right to half the answer's latency."""
        assert self.server_ms is not None
        sent = self.clock.now()
        server_ms = await self.server_ms(urgency)
        middle = sent + (self.clock.now() - sent) / 2
        self._measured_at = self.clock.monotonic()
        self.time.offset_s = offset_s = (server_ms - to_ms(middle)) / 1000
        self.client.options["timeDifference"] = to_ms(middle) - server_ms
        return offset_s

    def heard(self) -> Heard:
        """The newest answer of this task."""
        return _heard.get(None) or Heard()

    @property
    def silent_until(self) -> datetime | None:
        return self._budget.silent_until

    async def _admitted(self, sending: Sending) -> Outcome | None:
        """Pays for the request, or says why it is not sent."""
        try:
            await self._budget.take(
                sending.weight, urgent=sending.is_protecting, protects=sending.is_protecting
            )
        except Throttled as error:
            return Outcome(Result.THROTTLED, code="budget", detail=str(error))
        return None

    async def _measure_again(self, urgency: Urgency) -> None:
        now = self.clock.monotonic()
        if self._measured_at is not None and now - self._measured_at < DOUBTFUL_CLOCK_S:
            return
        self._measured_at = now
        try:
            await self.measure_clock(urgency)
        except PerpilotError as error:
            logger.warning("exchange_clock_not_measured reason=%r", str(error))

    def _is_about_time(self, answer: Heard) -> bool:
        return self.book.said(answer.body)[0] in self.book.clock

    def _deadline_s(self, sending: Sending) -> float:
        return self._deadlines.protecting_s if sending.is_protecting else self._deadlines.entry_s

    def _is_taken_setting(self, sending: Sending, answer: Heard) -> bool:
        code = self.book.said(answer.body)[0]
        return (
            not sending.wanted and answer.status in (200, 400) and (not code or code in self.book.as_wanted)
        )

    def _note(self, sending: Sending, outcome: Outcome, answer: Heard, latency_s: float) -> None:
        logger.warning(
            "exchange_order_answer endpoint=%s id=%s status=%s latency_ms=%d result=%s code=%s words=%r",
            sending.endpoint,
            sending.wanted,
            answer.status,
            latency_s * 1000,
            outcome.result.value,
            outcome.code,
            outcome.detail,
        )

    def _hear(
        self, code: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str, *sent: Any
    ) -> str:
        answer = _heard.get(None) or Heard()
        answer.status, answer.text, answer.body = code, body, _parsed(body)
        for name, value in headers.items():
            if name.lower() == "retry-after" and value.strip().isdigit():
                answer.retry_after_s = float(value)
        passed: str = self._before(code, reason, url, method, headers, body, *sent)
        return passed


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
