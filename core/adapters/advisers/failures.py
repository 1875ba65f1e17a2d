"""Failed requests to a model, sorted by what may be done next."""

from __future__ import annotations

import email.utils
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.errors import PerpilotError
from core.opinion import Silence

MAX_DETAIL_CHARS = 200
TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})
"""And everything from 500 on."""
OUT_OF_CREDIT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})


MAYBE_BILLED = frozenset({408, 504, 524})
"""Somebody on the way gave up waiting: the model behind may have worked, and counted."""
NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""The SDKs' transport: it failed before a request could leave."""
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "date",
        "openai-model",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-request-id",
        "x-should-retry",
    }
)
KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")
MAX_HEADERS, MAX_HEADER_CHARS = 40, 200


class UnfitReply(Exception):
    """A reply that is not read to its end: too long, or packed although nobody asked for that."""


class CallFailed(PerpilotError):
    """One request brought no answer. `body` is what came, None where nothing did; `is_free`: it was surely
    not billed."""

    def __init__(
        self,
        why: Silence,
        detail: str,
        *,
        is_transient: bool,
        status: int | None = None,
        body: str | None = None,
        retry_after_s: float | None = None,
        headers: str = "{}",
        is_free: bool = False,
    ) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.is_transient = is_transient
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s
        self.headers = headers
        self.is_free = is_free
        self.call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """The error a provider describes in its body; empty where it describes none."""

    code: str = ""
    kind: str = ""
    message: str = ""


def timed_out(seconds: float, error: BaseException | None = None) -> CallFailed:
    """Free only where `error`, the SDK's, says that no connection was made."""
    is_free = error is not None and type(error.__cause__).__name__ in NEVER_SENT
    return CallFailed(Silence.TIMEOUT, f"no answer within {seconds:g} s", is_transient=True, is_free=is_free)


def unreachable(error: BaseException) -> CallFailed:
    """Refused, reset, cut off or garbled below HTTP; free only where no connection was made at all."""
    cause = error if isinstance(error, UnfitReply) else error.__cause__ or error
    if isinstance(cause, UnfitReply):
        return CallFailed(Silence.MALFORMED, str(cause), is_transient=False)
    return CallFailed(
        Silence.UNREACHABLE,
        f"no connection: {type(cause).__name__}",
        is_transient=True,
        is_free=type(cause).__name__ in NEVER_SENT,
    )


def rejected(status: int, body: str, headers: Mapping[str, str], now: datetime) -> CallFailed:
    """What an HTTP status and its body mean."""
    complaint = _complaint(body)
    why = _why(status, complaint)
    parts = [f"HTTP {status}", complaint.code or complaint.kind, complaint.message]
    return CallFailed(
        why,
        printable(" ".join(part for part in parts if part), MAX_DETAIL_CHARS),
        is_transient=why is not Silence.OUT_OF_CREDIT and (status in TRANSIENT_STATUSES or status >= 500),
        status=status,
        body=body,
        retry_after_s=retry_after_s(headers, now),
        headers=kept_headers(headers),
        is_free=status not in MAYBE_BILLED,
    )


def _why(status: int, complaint: Complaint) -> Silence:
    if status == 402 or {complaint.code, complaint.kind} & OUT_OF_CREDIT_CODES:
        return Silence.OUT_OF_CREDIT
    if status == 400 and "credit balance" in complaint.message:  # Anthropic's words for an empty account
        return Silence.OUT_OF_CREDIT
    if status in (401, 403, 404):
        return Silence.NOT_ALLOWED
    if status in (429, 529):
        return Silence.THROTTLED
    return Silence.UNREACHABLE if status >= 500 or status in TRANSIENT_STATUSES else Silence.FAILED


def _complaint(body: str) -> Complaint:
    error = read_envelope(body).get("error")
    if not isinstance(error, dict):
        return Complaint(message=error if isinstance(error, str) else "")
    return Complaint(_text(error.get("code")), _text(error.get("type")), _text(error.get("message")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_envelope(body: str) -> dict[str, Any]:
    """The provider's JSON object; empty where the body is none or names a key twice, so that reading it finds
    nothing."""
    try:
        value = json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def kept_headers(headers: Mapping[str, str]) -> str:
    """JSON of those that tell something; no cookie, no account, nothing unknown."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        told = name.lower()
        if len(kept) < MAX_HEADERS and (told in KEPT_HEADERS or told.startswith(KEPT_PREFIXES)):
            kept[printable(told, MAX_HEADER_CHARS)] = printable(value, MAX_HEADER_CHARS)
    return json.dumps(kept, sort_keys=True)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """From `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None where neither says anything."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        seconds = _seconds(text, unit)
        if seconds is None and name == "retry-after":
            seconds = _seconds_until(text, now)
        if seconds is not None:
            return max(0.0, seconds)
    return None


def _seconds(text: str, unit: float) -> float | None:
    try:
        value = float(text) / unit
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()


def printable(text: str, most: int) -> str:
    """One line without control characters, at most `most` characters."""
    return "".join(character if character.isprintable() else " " for character in text)[:most]
