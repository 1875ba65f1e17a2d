"""How a model is asked, whatever its wire form.

Laws:
- The SDK never repeats a request and never reads an answer: one retry policy and one parser, both ours.
- Every request that was sent is journalled with what came of it, before its answer is read, and the answer is
  read from what was journalled.
- Only a request that brought no answer is repeated; a bad, refused or cut answer abstains at once.
- One deadline over everything. A wait that would pass it is not begun.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from core.adapters.advisers.capabilities import Capabilities
from core.adapters.advisers.dialects import content_from, opinion_from
from core.adapters.advisers.failures import CallFailed
from core.adapters.advisers.line import Answer, Around, Line, Question
from core.adapters.advisers.served import Served
from core.advice.answer import VOTE_SCHEMA, BadAnswer, Source, opinion_of, read_vote
from core.advice.reading import ReaderSilent
from core.market import next_close
from core.opinion import Abstention, Brief, Opinion, Purpose, Silence
from core.ports import AdviserCall, CachedAnswer

log = logging.getLogger("perpilot.advisers")

T = TypeVar("T")

FIRST_WAIT_S = 1.0
CACHE_FRAME = "15m"
LISTING_S = 15.0
"""For the list of models at the start."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is asked: the static part, the facts, and the form of the answer."""

    system: str
    question: str
    schema: Mapping[str, Any]
    name: str
    """Of the schema."""
    version: str
    """Requests of one version share the provider's cache."""


@dataclass(frozen=True, slots=True)
class ModelLook:
    """What a provider says of the model that is asked for, without asking it anything."""

    is_listed: bool
    lifecycle: str = ""
    """`active`, `deprecated`, `retired`, where the provider tells."""
    retires: str = ""


class ModelAdviser(ABC):
    """A model behind one endpoint. Subclasses speak the wire form."""

    def __init__(
        self, name: str, model: str, api_key: str, base_url: str, can: Capabilities, around: Around
    ) -> None:
        self._name = name
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._can = can
        self._journal = around.journal
        self._clock = around.clock
        self._limits = around.limits
        served = Served(name, model, is_own_address=self.is_own_address, journal=around.journal)
        self._line = Line(name, model, api_key, can, around, served, self._send)
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

    @property
    def capabilities(self) -> Capabilities:
        return self._can

    @property
    def is_own_address(self) -> bool:
        """Whether the provider itself is asked, not a compatible server."""
        return self._base_url.rstrip("/") == self._can.default_base_url.rstrip("/")

    @abstractmethod
    def _request_body(self, text: Text) -> dict[str, Any]: ...

    @abstractmethod
    def _open_client(self) -> None:
        """Imports the SDK and makes the client; blocks for a second or two, so it runs in a thread."""

    @abstractmethod
    async def _send(self, body: dict[str, Any]) -> Answer:
        """One request. Raises `CallFailed`."""

    @abstractmethod
    async def _look(self) -> ModelLook:
        """Raises `CallFailed`."""

    @abstractmethod
    async def _close_client(self) -> None: ...

    async def close(self) -> None:
        await self._line.close()
        await self._close_client()

    async def prepare(self) -> None:
        """Loads the SDK off the event loop; called early, it saves the first question that time."""
        async with self._preparing:
            if not self._is_prepared:
                await asyncio.to_thread(_load, self._open_client)
                self._is_prepared = True

    async def look(self) -> ModelLook:
        """One request that costs nothing. Raises `CallFailed` where nothing was learned."""
        await self.prepare()
        try:
            async with asyncio.timeout(LISTING_S):
                return await self._look()
        except TimeoutError:
            detail = f"no answer within {LISTING_S:g} s"
            raise CallFailed(Silence.TIMEOUT, detail, is_transient=True) from None
        except CallFailed as failed:
            failed.detail = self._line.safe(failed.detail)
            raise

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        """Raises only what journal and purse raise."""
        give_up_at = self._clock.monotonic() + deadline_s
        return await self._within(deadline_s, self._vote(brief, give_up_at))

    async def ask_text(
        self, system: str, user: str, schema: dict[str, Any], purpose: Purpose, deadline_s: float
    ) -> str:
        """The text of an answer that is no vote, unread and never kept for reuse. Raises `ReaderSilent`, and
        what journal and purse raise."""
        give_up_at = self._clock.monotonic() + deadline_s
        version = hashlib.sha256(system.encode()).hexdigest()[:8]
        text = Text(system, user, schema, "reading", f"{purpose.value}-{version}")
        question = self._question(text, "", purpose, "", give_up_at)
        told = await self._within(deadline_s, self._told(question))
        if isinstance(told, Abstention):
            raise ReaderSilent(f"{self._name}: {told.why.value}: {told.detail}")
        return told

    async def _within(self, deadline_s: float, asking: Awaitable[T]) -> T | Abstention:
        try:
            async with asyncio.timeout(deadline_s) as bound:
                return await asking
        except CallFailed as failed:
            return Abstention(self._name, failed.why, failed.detail, failed.call_id)
        except TimeoutError:
            if not bound.expired():
                raise
            return Abstention(self._name, Silence.DEADLINE, f"no answer within {deadline_s:g} s")

    async def _vote(self, brief: Brief, give_up_at: float) -> Opinion | Abstention:
        text = Text(brief.system, brief.question, VOTE_SCHEMA, "vote", brief.version)
        question = self._question(text, brief.symbol, brief.purpose, brief.decision_id, give_up_at)
        if (known := await self._known_answer(question)) is not None:
            return known
        await self.prepare()
        call = await self._ask_patiently(question)
        answer = opinion_from(call, question.text, self._can.shape)
        if isinstance(answer, Opinion):
            await self._keep(question, call)
        return answer

    async def _told(self, question: Question) -> str | Abstention:
        await self.prepare()
        call = await self._ask_patiently(question)
        if call.error:
            return Abstention(self._name, Silence.SWAPPED, call.error, call.id)
        try:
            return content_from(call, self._can.shape)
        except BadAnswer as bad:
            return Abstention(self._name, bad.why, bad.detail, call.id)

    def _question(
        self, text: Text, subject: str, purpose: Purpose, decision_id: str, give_up_at: float
    ) -> Question:
        body = self._request_body(text)
        named = json.dumps([self._name, self._model, self._base_url, body], sort_keys=True)
        key = hashlib.sha256(named.encode()).hexdigest()
        now = self._clock.now()
        return Question(subject, text.question, body, key, now, give_up_at, purpose, decision_id)

    async def _known_answer(self, question: Question) -> Opinion | None:
        kept = await self._journal.cached_answer(question.key, question.asked_at)
        if kept is None:
            return None
        try:
            vote = read_vote(kept.raw, question.text)
        except BadAnswer as bad:  # kept by a version that read answers otherwise
            log.warning("cached answer no longer valid: adviser=%s detail=%s", self._name, bad.detail)
            return None
        log.info("Using cached AI analysis", extra={"adviser": self._name, "symbol": question.symbol})
        return opinion_of(vote, Source(self._name, kept.model, kept.call_id, is_cached=True))

    async def _keep(self, question: Question, call: AdviserCall) -> None:
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
                call_id=call.id,
                raw=content_from(call, self._can.shape),
                model=call.model_returned or self._model,
                created_at=now,
                expires_at=until,
            )
        )

    async def _ask_patiently(self, question: Question) -> AdviserCall:
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
                return await self._line.request(question, attempt.retry_state.attempt_number)
        raise AssertionError("the last failure is raised again")

    def _stop_before(self, give_up_at: float) -> Callable[[RetryCallState], bool]:
        def is_over(state: RetryCallState) -> bool:
            is_late = self._clock.monotonic() + state.upcoming_sleep >= give_up_at
            return is_late or state.attempt_number >= self._limits.tries

        return is_over


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


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.is_transient


def _wait(state: RetryCallState) -> float:
    """1 s, 2 s, 4 s …, or what the provider asked for where that is longer."""
    backoff = FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1)
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_s if isinstance(error, CallFailed) else None
    return max(backoff, asked or 0.0)
