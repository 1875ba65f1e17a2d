"""How a model is asked, whatever its wire form.

Laws:
- The SDK never repeats a request and never reads an answer: one retry policy and one parser, both ours.
- Every request that was sent is journalled with what came of it, before its answer is read.
- Only a request that brought no answer is repeated; a bad, refused or cut answer abstains at once.
- The key leaves only in the request's header: no text that is kept, logged or shown holds it.
- One deadline over everything. A wait that would pass it is not begun.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import json
import logging
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from core.adapters.advisers.capabilities import Capabilities
from core.adapters.advisers.failures import CallFailed, printable, read_envelope, timed_out
from core.adapters.advisers.prices import Usage, cost_usd
from core.advice.answer import BadAnswer, Source, Vote, opinion_of, read_vote
from core.market import next_close
from core.opinion import Abstention, Brief, Opinion, Silence
from core.ports import AdviserCall, CachedAnswer, CallJournal, Clock

log = logging.getLogger("perpilot.advisers")

MAX_BODY_CHARS = 400_000
"""A reply is about 3,000; what is longer is cut in the journal and no answer."""
MAX_MODEL_CHARS = 100
FIRST_WAIT_S = 1.0
CACHE_FRAME = "15m"


@dataclass(frozen=True, slots=True)
class AdviserLimits:
    """`tries` are requests, not repetitions; `cache_s` 0 keeps no answer."""

    timeout_s: float = 30.0
    tries: int = 3
    cache_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Question:
    """One brief in a provider's form."""

    symbol: str
    body: dict[str, Any]
    """The JSON that is sent."""
    key: str
    asked_at: datetime
    give_up_at: float
    """On the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A body that came with a good status."""

    call_id: str
    envelope: dict[str, Any]
    model: str
    cost_usd: Decimal | None
    latency_s: float


class ModelAdviser(ABC):
    """A model behind one endpoint. Subclasses speak the wire form."""

    def __init__(
        self,
        name: str,
        model: str,
        api_key: str,
        base_url: str,
        capabilities: Capabilities,
        journal: CallJournal,
        clock: Clock,
        limits: AdviserLimits,
    ) -> None:
        self._name = name
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._capabilities = capabilities
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._numbers = itertools.count(1)
        self._preparing = asyncio.Lock()
        self._is_prepared = False

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name={self._name!r}, model={self._model!r}, base_url={self._base_url!r})"
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        """The id that is asked for; answers name the one that served."""
        return self._model

    @abstractmethod
    def _request_body(self, brief: Brief) -> dict[str, Any]: ...

    @abstractmethod
    def _open_client(self) -> None:
        """Imports the SDK and makes the client; blocks for a second or two, so it runs in a thread."""

    @abstractmethod
    async def _send(self, body: dict[str, Any]) -> tuple[int, str]:
        """Status and body of one request. Raises `CallFailed`."""

    @abstractmethod
    def _usage(self, envelope: dict[str, Any]) -> Usage: ...

    @abstractmethod
    def _content(self, envelope: dict[str, Any]) -> str:
        """The answer's text. Raises `BadAnswer` for a refusal, a cut and a reply of another form."""

    @abstractmethod
    async def close(self) -> None: ...

    async def prepare(self) -> None:
        """Loads the SDK off the event loop; called early, it saves the first question that time."""
        async with self._preparing:
            if not self._is_prepared:
                await asyncio.to_thread(_load, self._open_client)
                self._is_prepared = True

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        """Raises only what the journal raises."""
        give_up_at = self._clock.monotonic() + deadline_s
        try:
            async with asyncio.timeout(deadline_s) as bound:
                return await self._answer(self._question(brief, give_up_at))
        except CallFailed as failed:
            return Abstention(self._name, failed.why, failed.detail, failed.call_id)
        except TimeoutError:
            if not bound.expired():
                raise
            return Abstention(self._name, Silence.DEADLINE, f"no answer within {deadline_s:g} s")

    def _question(self, brief: Brief, give_up_at: float) -> Question:
        body = self._request_body(brief)
        named = json.dumps([self._name, self._model, self._base_url, body], sort_keys=True)
        key = hashlib.sha256(named.encode()).hexdigest()
        return Question(brief.symbol, body, key, self._clock.now(), give_up_at)

    async def _answer(self, question: Question) -> Opinion | Abstention:
        if (known := await self._known_answer(question)) is not None:
            return known
        await self.prepare()
        reply = await self._ask_patiently(question)
        try:
            content = self._content(reply.envelope)
            vote = read_vote(content)
        except BadAnswer as bad:
            return Abstention(self._name, bad.why, self._safe(bad.detail), reply.call_id)
        await self._keep(question, reply, content)
        return self._opinion(vote, reply)

    async def _known_answer(self, question: Question) -> Opinion | None:
        kept = await self._journal.cached_answer(question.key, question.asked_at)
        if kept is None:
            return None
        try:
            vote = read_vote(kept.raw)
        except BadAnswer as bad:  # kept by a version that read answers otherwise
            log.warning("cached answer no longer valid: adviser=%s detail=%s", self._name, bad.detail)
            return None
        log.info("Using cached AI analysis", extra={"adviser": self._name, "symbol": question.symbol})
        return opinion_of(vote, Source(self._name, kept.model, kept.call_id, is_cached=True))

    async def _keep(self, question: Question, reply: Reply, content: str) -> None:
        until = min(
            next_close(question.asked_at, CACHE_FRAME),
            question.asked_at + timedelta(seconds=self._limits.cache_s),
        )
        now = self._clock.now()
        if until <= now:
            return
        await self._journal.keep_answer(
            CachedAnswer(
                key=question.key,
                adviser=self._name,
                symbol=question.symbol,
                call_id=reply.call_id,
                raw=content,
                model=reply.model,
                created_at=now,
                expires_at=until,
            )
        )

    def _opinion(self, vote: Vote, reply: Reply) -> Opinion:
        source = Source(
            self._name,
            reply.model,
            reply.call_id,
            cost_usd=reply.cost_usd if reply.cost_usd is not None else Decimal(0),
            latency_s=reply.latency_s,
        )
        return opinion_of(vote, source)

    async def _ask_patiently(self, question: Question) -> Reply:
        """Raises the last `CallFailed` when tries are used up or the next wait would pass the deadline."""
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=_wait,
            stop=self._stop_before(question.give_up_at),
            retry=retry_if_exception(_is_transient),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._try_once(question, attempt.retry_state.attempt_number)
        raise AssertionError("the last failure is raised again")

    def _stop_before(self, give_up_at: float) -> Callable[[RetryCallState], bool]:
        def is_over(state: RetryCallState) -> bool:
            is_late = self._clock.monotonic() + state.upcoming_sleep >= give_up_at
            return is_late or state.attempt_number >= self._limits.tries

        return is_over

    async def _try_once(self, question: Question, attempt: int) -> Reply:
        call = self._call(question, attempt)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                status, body = await self._send(question.body)
        except asyncio.CancelledError:
            await self._record(call, started, error="given up before an answer came")
            raise
        except TimeoutError:
            raise await self._record_failure(call, started, timed_out(self._limits.timeout_s)) from None
        except CallFailed as failed:
            raise await self._record_failure(call, started, failed) from None
        return await self._record(call, started, status=status, body=body)

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
        )

    async def _record_failure(self, call: AdviserCall, started: float, failed: CallFailed) -> CallFailed:
        """The same failure, journalled, with its row's id and without the key."""
        failed.detail = self._safe(failed.detail)
        failed.call_id = call.id
        log.info(
            "adviser call failed: adviser=%s attempt=%d why=%s detail=%s",
            self._name,
            call.attempt,
            failed.why.value,
            failed.detail,
        )
        await self._record(
            call,
            started,
            status=failed.status,
            body=failed.body,
            error=f"{failed.why.value}: {failed.detail}",
        )
        return failed

    async def _record(
        self,
        call: AdviserCall,
        started: float,
        *,
        status: int | None = None,
        body: str | None = None,
        error: str = "",
    ) -> Reply:
        envelope = read_envelope(body) if body is not None and len(body) <= MAX_BODY_CHARS else {}
        usage = self._usage(envelope)
        model = _model_name(envelope)
        reply = Reply(
            call_id=call.id,
            envelope=envelope,
            model=model or self._model,
            cost_usd=cost_usd(model or self._model, usage, call.at),
            latency_s=self._clock.monotonic() - started,
        )
        await self._journal.record_call(_finished(call, reply, usage, status, self._kept_body(body), error))
        return reply

    def _kept_body(self, body: str | None) -> str | None:
        """As it came, but without the key and without NUL, which PostgreSQL's text can't hold."""
        return None if body is None else self._safe(body[:MAX_BODY_CHARS]).replace("\x00", "\\u0000")

    def _safe(self, text: str) -> str:
        return text.replace(self._api_key, "[key]") if self._api_key else text


_LOADING = threading.Lock()
"""One SDK at a time: they share dependencies, and half-imported modules are met by nobody."""


def _load(open_client: Callable[[], None]) -> None:
    """Runs it with the cyclic collector paused, and sets aside what an import left behind.

    An SDK is some hundred thousand objects that live as long as the process. Collecting among them, now or
    later, would hold the event loop for 100 to 300 ms.
    """
    with _LOADING:
        loaded = len(sys.modules)
        was_collecting = gc.isenabled()
        gc.disable()
        try:
            open_client()
        finally:
            if len(sys.modules) > loaded:
                gc.freeze()
            if was_collecting:
                gc.enable()


def _finished(
    call: AdviserCall, reply: Reply, usage: Usage, status: int | None, body: str | None, error: str
) -> AdviserCall:
    return AdviserCall(
        id=call.id,
        adviser=call.adviser,
        model_asked=call.model_asked,
        symbol=call.symbol,
        question_key=call.question_key,
        request=call.request,
        at=call.at,
        attempt=call.attempt,
        raw=body,
        status=status,
        model_returned=reply.model if reply.envelope.get("model") else "",
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tokens_cached=usage.tokens_cached,
        cost_usd=reply.cost_usd,
        latency_s=reply.latency_s,
        error=error,
    )


def _model_name(envelope: dict[str, Any]) -> str:
    model = envelope.get("model")
    return printable(model, MAX_MODEL_CHARS) if isinstance(model, str) else ""


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.is_transient


def _wait(state: RetryCallState) -> float:
    """1 s, 2 s, 4 s …, or what the provider asked for where that is longer."""
    backoff = FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1)
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_s if isinstance(error, CallFailed) else None
    return max(backoff, asked or 0.0)


def count(value: Any) -> int | None:
    """A count of tokens as reported; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
