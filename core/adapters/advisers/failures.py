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


class CallFailed(PerpilotError):
    """One request brought no answer. `body` is what came, None where nothing did."""

    def __init__(
        self,
        why: Silence,
        detail: str,
        *,
        is_transient: bool,
        status: int | None = None,
        body: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.is_transient = is_transient
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s
        self.call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """The error a provider describes in its body; empty where it describes none."""

    code: str = ""
    kind: str = ""
    message: str = ""


def timed_out(seconds: float) -> CallFailed:
    return CallFailed(Silence.TIMEOUT, f"no answer within {seconds:g} s", is_transient=True)


def unreachable(error: BaseException) -> CallFailed:
    """Refused, reset, cut off or garbled below HTTP."""
    cause = error.__cause__ or error
    return CallFailed(Silence.UNREACHABLE, f"no connection: {type(cause).__name__}", is_transient=True)


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
    """The provider's JSON object; empty where the body is none, so that reading it finds nothing."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


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
