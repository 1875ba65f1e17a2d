"""HTTP statuses and bodies, sorted by what may be done next."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.adapters.advisers.failures import read_envelope, rejected, retry_after_s
from core.opinion import Silence

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def body(code: str | None = None, kind: str = "", message: str = "") -> str:
    return json.dumps({"error": {"code": code, "type": kind, "message": message}})


@pytest.mark.parametrize(
    ("status", "text", "why", "is_transient"),
    [
        (400, body(message="bad schema"), Silence.FAILED, False),
        (400, body(message="Your credit balance is too low"), Silence.OUT_OF_CREDIT, False),
        (401, body(), Silence.NOT_ALLOWED, False),
        (402, "Insufficient Balance", Silence.OUT_OF_CREDIT, False),
        (403, body(), Silence.NOT_ALLOWED, False),
        (404, body(message="no such model"), Silence.NOT_ALLOWED, False),
        (408, "", Silence.UNREACHABLE, True),
        (413, "", Silence.FAILED, False),
        (422, "[]", Silence.FAILED, False),
        (429, body("rate_limit_exceeded"), Silence.THROTTLED, True),
        (429, body("insufficient_quota"), Silence.OUT_OF_CREDIT, False),
        (500, "<html>", Silence.UNREACHABLE, True),
        (503, "", Silence.UNREACHABLE, True),
        (529, body(kind="overloaded_error"), Silence.THROTTLED, True),
    ],
)
def test_a_status_says_what_may_be_done(status: int, text: str, why: Silence, is_transient: bool) -> None:
    failed = rejected(status, text, {}, NOW)

    assert (failed.why, failed.is_transient, failed.status, failed.body) == (why, is_transient, status, text)


def test_the_detail_is_one_short_printable_line() -> None:
    failed = rejected(500, body(message="a\nb\x1b[31m" + "x" * 500), {}, NOW)

    assert failed.detail.startswith("HTTP 500 a b [31m")
    assert len(failed.detail) == 200


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 02 Mar 2026 12:00:20 GMT"}, 20.0),
        ({"retry-after": "Mon, 02 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", "[" * 100_000])
def test_a_body_that_is_no_object_holds_nothing(text: str) -> None:
    assert read_envelope(text) == {}
