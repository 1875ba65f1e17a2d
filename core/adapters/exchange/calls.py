"""One read of the venue: paid for, bounded in time, tried again, checked, logged, and its failure sorted.

Laws:
- An answer counts only after its shape was checked; HTML with status 200 is no answer.
- Only what may answer differently next time is asked again. A definitive error is raised at once.
- Failures are sorted by the status and code of the answer. ccxt's exception class is only the last resort: it
  chooses its table by host name, and a gateway or stand-in has another.
- What is raised or logged never contains a URL, a header or the venue's whole answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.client import error_base
from core.errors import NotAllowed, PerpilotError, Throttled, Unknown, UnknownSymbol
from core.market import from_ms
from core.ports import Clock, ComponentHealth

T = TypeVar("T")

logger = logging.getLogger("perpilot.exchange")

ATTEMPTS = 4
"""The first and three retries."""

FIRST_PAUSE_S = 0.25
"""Doubles: 0.25, 0.5 and 1 s."""

SILENCE_S = 60.0
"""After a 429 or 418 that doesn't say how long."""
MOMENT_S = 2.0
"""After Bybit's or OKX's word that one endpoint was asked too often: they count in one and two seconds."""
GATEWAY_BAN_S = 600.0
"""After Bybit's 403, which never says how long: ten minutes by its documentation."""

DEGRADED_AFTER = 3
"""Failed attempts in a row until health says so, and that the venue doesn't answer."""


@dataclass(frozen=True, slots=True)
class Urgency:
    """What a caller may claim. Times are real seconds: the network doesn't scale with a replay's clock."""

    name: str
    deadline_s: float
    """For the whole read: budget, tries and pauses."""
    attempt_s: float
    urgent: bool
    """May use the reserve and ask during the venue's silence."""


SCANNING = Urgency("scanning", deadline_s=10.0, attempt_s=4.0, urgent=False)
GUARDING = Urgency("guarding", deadline_s=3.0, attempt_s=1.0, urgent=True)
OPENING = Urgency("opening", deadline_s=30.0, attempt_s=12.0, urgent=True)
"""The instrument list is megabytes; nothing else runs yet, or only once a day."""


class BadShape(ValueError):
    """The answer isn't what this endpoint answers."""


class Refusal(Unknown):
    """The venue refuses the question itself: asking it again changes nothing."""


@dataclass(slots=True)
class _Answer:
    status: int | None = None
    retry_after_s: float | None = None
    is_maintenance: bool = False
    """The venue said, in whatever shape, that it is being worked on."""


_answer: ContextVar[_Answer] = ContextVar("answer")

_TRIPPED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What ccxt's parsers and ours raise when they stumble over a foreign shape."""


class Calls:
    """Reads through one ccxt client. `weight_header` is the venue's own count of what was used, where it has
    one."""

    def __init__(
        self, client: Any, budget: WeightBudget, clock: Clock, weight_header: str = "x-mbx-used-weight-1m"
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._weight_header = weight_header
        self._ccxt_error = error_base()
        self._turn = asyncio.Lock()  # dozens of answers arrive at once: one is read per turn of the loop
        self._failures = 0
        self._last_error = ""
        self._last_success: float | None = None
        self._silent = 0
        self._silent_since: datetime | None = None
        self._is_maintenance = False
        client.on_rest_response = self._on_response

    async def read(
        self,
        endpoint: str,
        weight: int,
        urgency: Urgency,
        ask: Callable[[], Awaitable[Any]],
        check: Callable[[Any], T],
    ) -> T:
        """`check` turns the raw answer into what the caller wants, or raises `BadShape` or any `_TRIPPED`."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=FIRST_PAUSE_S),
            retry=retry_if_exception(_may_change),
            sleep=self._clock.sleep,
            reraise=True,
        )
        attempt = 0

        async def once() -> T:
            nonlocal attempt
            attempt += 1
            await self._budget.take(weight, urgent=urgency.urgent)
            return await self._attempt(endpoint, attempt, urgency, ask, check)

        try:
            async with asyncio.timeout(urgency.deadline_s):
                return await retrying(once)
        except TimeoutError:
            raise Unknown(f"{endpoint}: no usable answer within {urgency.deadline_s:g} s") from None

    def health(self) -> ComponentHealth:
        silent_until = self._budget.silent_until
        if self._last_success is None:
            state, age = "down", None
        else:
            state, age = "ok", self._clock.monotonic() - self._last_success
            if silent_until is not None or self._failures >= DEGRADED_AFTER:
                state = "degraded"
        detail = self._last_error if state != "ok" else ""
        if silent_until is not None:
            detail = f"the exchange asked for silence until {silent_until:%H:%M:%S} UTC"
        elif outage := self.outage():
            detail = outage
        more = {"weight_used": self._budget.used, "weight_limit": self._budget.limit}
        return ComponentHealth(state, detail, age, more)

    def outage(self) -> str:
        """Since when the venue gives no usable answer, and the newest reason; empty while it gives any.

        A refusal or a ban is an answer. A venue that says that it is in maintenance is believed at once.
        """
        if self._silent_since is None or (self._silent < DEGRADED_AFTER and not self._is_maintenance):
            return ""
        what = "is in maintenance" if self._is_maintenance else "does not answer"
        return f"the exchange {what} since {self._silent_since:%Y-%m-%d %H:%M:%S} UTC ({self._last_error})"

    async def _attempt(
        self,
        endpoint: str,
        attempt: int,
        urgency: Urgency,
        ask: Callable[[], Awaitable[Any]],
        check: Callable[[Any], T],
    ) -> T:
        answer = _Answer()
        _answer.set(answer)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(urgency.attempt_s):
                raw = await ask()
                async with self._turn:
                    await asyncio.sleep(0)
                    checked = check(raw)
        except TimeoutError:
            failure: PerpilotError = Unknown(f"{endpoint}: no answer within {urgency.attempt_s:g} s")
        except PerpilotError as error:
            failure = error
        except (self._ccxt_error, *_TRIPPED) as error:
            failure = self._sorted(endpoint, error, answer)
        else:
            self._failures, self._last_success = 0, self._clock.monotonic()
            self._note_silence(None, answer)
            return checked
        self._note_silence(failure, answer)
        self._note(endpoint, attempt, answer, failure, self._clock.monotonic() - started)
        raise failure

    def _note(
        self, endpoint: str, attempt: int, answer: _Answer, failure: PerpilotError, latency_s: float
    ) -> None:
        self._failures += 1
        self._last_error = str(failure)
        logger.warning(
            "exchange_read_failed endpoint=%s status=%s latency_ms=%d attempt=%d/%d kind=%s error=%r",
            endpoint,
            answer.status,
            latency_s * 1000,
            attempt,
            ATTEMPTS,
            type(failure).__name__,
            str(failure),
        )

    def _note_silence(self, failure: PerpilotError | None, answer: _Answer) -> None:
        if not isinstance(failure, Unknown) or isinstance(failure, Refusal):
            self._silent, self._silent_since, self._is_maintenance = 0, None, False
            return
        self._silent += 1
        self._silent_since = self._silent_since or self._clock.now()
        self._is_maintenance = self._is_maintenance or answer.is_maintenance

    def _sorted(self, endpoint: str, error: Exception, answer: _Answer) -> PerpilotError:
        failure = sort_failure(endpoint, error, answer.status, self._clock.now(), answer.retry_after_s)
        if isinstance(failure, Throttled) and failure.until is not None:
            self._budget.silence(failure.until)
        return failure

    def _on_response(
        self,
        code: int,
        _reason: str,
        _url: str,
        _method: str,
        headers: Mapping[str, str],
        body: str,
        *_sent: Any,
    ) -> str:
        answer = _answer.get(None) or _Answer()
        answer.status = code
        for name, value in headers.items():
            lower = name.lower()
            if lower == self._weight_header and value.isdigit():
                self._budget.heard(int(value))
            elif lower == "retry-after" and value.strip().isdigit():
                answer.retry_after_s = float(value)
        body = body.strip()
        if code >= 500 or not body.startswith(("{", "[")):
            answer.is_maintenance = _MAINTENANCE.search(body) is not None
        if code < 400 and not body.startswith(("{", "[")):
            raise BadShape(f"status {code} without JSON")
        return body


def sort_failure(
    endpoint: str, error: Exception, status: int | None, now: datetime, retry_after_s: float | None = None
) -> PerpilotError:
    """Names what must be done next, from HTTP status, the venue's code, and last the name of ccxt's class."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code, said = _code_and_words(str(error))
    what = f"{endpoint}: {said} (code {code or 'none'}, status {status or 'none'})"
    if _is_region_block(status, str(error)):
        return NotAllowed(f"{endpoint}: the exchange doesn't serve this region or address (status {status})")
    if status in {403, 418, 429} or code == "-1003" or kinds & {"RateLimitExceeded", "DDoSProtection"}:
        return Throttled(what, silence_end(str(error), now, retry_after_s))
    if status == 401 or code in _KEY_CODES or kinds & {"AuthenticationError", "PermissionDenied"}:
        return NotAllowed(what)
    if code == "-1121" or "BadSymbol" in kinds:
        return UnknownSymbol(what)
    if status is not None and 400 <= status < 500 and status not in {404, 408, 409}:
        return Refusal(what) if code not in _TRANSIENT_CODES else Unknown(what)
    if kinds & {"NotSupported", "ArgumentsRequired", "BadRequest"}:
        return Refusal(what)
    return Unknown(what)


_KEY_CODES = {"-1022", "-2014", "-2015"}
_TRANSIENT_CODES = {"-1000", "-1001", "-1006", "-1007", "-1008", "-1021"}
_REGION = re.compile(
    r"restricted location|your country|not available in your region|eligibility", re.IGNORECASE
)
_MAINTENANCE = re.compile(
    r"maintenance|system (?:is )?(?:upgrad|suspend)|service is restarting", re.IGNORECASE
)
_TOO_FREQUENT = re.compile(r"access too frequent", re.IGNORECASE)
_MOMENTARY = re.compile(r'"(?:retCode|s?[cC]ode)"\s*:\s*"?(?:10006|10429|50011|50061)\b')
SIGNED = re.compile(r"origin_string\s*\[.*?(?:\]|$)", re.DOTALL)
"""Bybit repeats what was signed when it refuses a signature: it begins with the time and the key."""
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")


def _may_change(error: BaseException) -> bool:
    return isinstance(error, Unknown) and not isinstance(error, Refusal)


def _is_region_block(status: int | None, text: str) -> bool:
    return status == 451 or (status == 403 and _REGION.search(text) is not None)


def silence_end(text: str, now: datetime, retry_after_s: float | None) -> datetime:
    banned = _BANNED_UNTIL.search(text)
    told = [now + timedelta(seconds=retry_after_s)] if retry_after_s else []
    if banned:
        told.append(from_ms(int(banned.group(1))))
    return max(told) if told else now + timedelta(seconds=_unsaid_s(text))


def is_momentary(text: str) -> bool:
    """The venue's own code says that only a moment's rate was too high, with whatever status it came."""
    return _MOMENTARY.search(text) is not None


def _unsaid_s(text: str) -> float:
    if _TOO_FREQUENT.search(text):
        return GATEWAY_BAN_S
    return MOMENT_S if is_momentary(text) else SILENCE_S


def _code_and_words(text: str) -> tuple[str, str]:
    """The venue's code and message out of ccxt's text `<id> <body>`; the body itself is never passed on."""
    start = text.find("{")
    if start < 0:
        return "", "no usable answer"
    try:
        body = json.loads(text[start:])
    except ValueError:
        return "", "an answer that can't be read"
    if not isinstance(body, dict):
        return "", "an answer that can't be read"
    code = next((str(body[key]) for key in ("code", "retCode") if body.get(key) is not None), "")
    words = next((str(body[key]) for key in ("msg", "retMsg") if body.get(key)), "no message")
    return code, " ".join(SIGNED.sub("", words).split())[:120]


def expect_list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise BadShape(f"a list was expected, not {type(raw).__name__}")
    return raw


def expect_dict(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadShape(f"an object was expected, not {type(raw).__name__}")
    return raw
