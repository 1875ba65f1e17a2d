"""The demo exchange's error answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from bot.demo.exchange_faults import Failure, Planned

PAGE: Final = "<!DOCTYPE html><html><body><h1>We'll be back soon</h1></body></html>"
_UNKNOWN: Final = (-1000, "Unknown error, please check your request or try again later.", 503)
_TIMED_OUT: Final = (
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    408,
)
BODIES: Final = {
    Failure.UNAVAILABLE: (-1001, "Internal error; unable to process your request. Please try again.", 503),
    Failure.SERVICE_UNAVAILABLE: (-1001, "Service Unavailable.", 503),
    Failure.OVERLOADED: (
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        503,
    ),
    Failure.UNKNOWN: _UNKNOWN,
    Failure.UNKNOWN_DONE: _UNKNOWN,
    Failure.TIMED_OUT: _TIMED_OUT,
    Failure.TIMED_OUT_DONE: _TIMED_OUT,
}


def refusal(code: int, message: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    text = json.dumps({"code": code, "msg": message}, separators=(",", ":"))
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def failed(planned: Planned) -> web.Response:
    """The body of a failure that has one of its own."""
    if planned.failure is Failure.HTML:
        return web.Response(text=PAGE, content_type="text/html")
    if planned.failure is Failure.REFUSED:
        return refusal(planned.code, planned.message, planned.status)
    code, message, status = BODIES[planned.failure]
    return refusal(code, message, status)
