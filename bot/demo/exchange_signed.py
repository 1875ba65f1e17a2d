"""Who asks: the key, the signature and the time of a signed request, checked as the venue checks them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from bot.demo.exchange_question import Refused

EARLY_MS: Final = 1_000  # a timestamp may lie this far ahead of the venue's clock
USUAL_WINDOW_MS: Final = 5_000
LONGEST_WINDOW_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Credentials:
    key: str = field(repr=False)
    secret: str = field(repr=False)


def checked_key(credentials: Credentials, headers: Mapping[str, str]) -> None:
    """Raises `Refused` for a missing or unknown key."""
    key = headers.get("X-MBX-APIKEY", "")
    if not key:
        raise Refused(-2014, "API-key format invalid.", 401)
    if not hmac.compare_digest(key.encode(), credentials.key.encode()):
        raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def checked_params(credentials: Credentials, query: str, body: str, now_ms: int) -> dict[str, str]:
    """The parameters of query and form; raises `Refused` where signature or time do not hold.

    Both texts are signed as they came, one behind the other, without the signature itself.
    """
    params = dict(parse_qsl(query, keep_blank_values=True)) | dict(parse_qsl(body, keep_blank_values=True))
    told = params.pop("signature", "")
    if not told:
        raise _missing("signature")
    meant = hmac.new(credentials.secret.encode(), _unsigned(query, body).encode(), hashlib.sha256)
    if not hmac.compare_digest(told.lower().encode(), meant.hexdigest().encode()):
        raise Refused(-1022, "Signature for this request is not valid.")
    _check_time(params, now_ms)
    return params


def _unsigned(query: str, body: str) -> str:
    texts = (
        "&".join(part for part in text.split("&") if not part.startswith("signature="))
        for text in (query, body)
    )
    return "".join(texts)


def _check_time(params: Mapping[str, str], now_ms: int) -> None:
    stamp, window = params.get("timestamp", ""), params.get("recvWindow", str(USUAL_WINDOW_MS))
    if not stamp.isdigit():
        raise _missing("timestamp")
    if not window.isdigit() or int(window) > LONGEST_WINDOW_MS:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    if int(stamp) >= now_ms + EARLY_MS:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - int(stamp) > int(window):
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def _missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
