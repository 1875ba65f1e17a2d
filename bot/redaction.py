"""Text without secrets.

Laws:
- A registered secret is hidden in every spelling it travels in: plain, URL-quoted, inside JSON, base64 at any
  offset (as in a Basic authorization header).
- What has the form of a key is hidden although nobody registered it.
- Redacting twice changes nothing.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
MIN_SECRET = 4
"""Characters; hiding anything shorter would make ordinary text unreadable."""

_NAMED = (
    r"signature|api[-_]?key|api[-_]?secret|secret(?:[-_]?key)?|passphrase|password|listen[-_]?key|"
    r"(?:access|auth|bot)?[-_]?token|x-mbx-apikey|x-api-key|ok-access-[a-z]+|x-bapi-(?:api-key|sign)|"
    r"x-telegram-bot-api-secret-token"
)
_FORMS = (
    (re.compile(r"\b(bot)?[0-9]{6,}:[A-Za-z0-9_-]{20,}"), rf"\1{MASK}"),
    (re.compile(r"\bbot[0-9]+:[A-Za-z0-9_-]+"), f"bot{MASK}"),
    (re.compile(r"\b(?:sk|xai|pk|rk)-[A-Za-z0-9_-]{8,}"), MASK),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://[^\s/@:?#]*):[^\s/@]+@"), rf"\1:{MASK}@"),
    (
        re.compile(rf"(?<![a-z])({_NAMED})(['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;}})\]]+", re.IGNORECASE),
        rf"\1\2{MASK}",
    ),
)


class Redactor:
    """Hides the given secrets and everything that looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if secret}
        usable = {secret for secret in known if len(secret) >= MIN_SECRET}
        self.unmaskable = len(known) - len(usable)
        """How many were too short to hide."""
        spellings = {spelling for secret in usable for spelling in _spellings(secret)}
        self._spellings = tuple(sorted(spellings, key=len, reverse=True))

    def redact(self, text: str) -> str:
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        for form, replacement in _FORMS:
            text = form.sub(replacement, text)
        return text


def one_line(text: str) -> str:
    """Without anything that could end the line or hide what follows; such characters are written out."""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else _written_out(mark) for mark in text)


def _written_out(mark: str) -> str:
    return json.dumps(mark)[1:-1] if mark != "\x7f" else "\\u007f"


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    for offset in range(3):
        yield from _base64_core(secret.encode(), offset)


def _base64_core(secret: bytes, offset: int) -> Iterator[str]:
    """What of a base64 text depends on the secret alone, `offset` bytes after a group's start."""
    text = base64.b64encode(b"\0" * offset + secret).decode()
    start = 0 if offset == 0 else offset + 1
    whole = (offset + len(secret)) * 8 // 6
    core = text[start:whole]
    if len(core) >= MIN_SECRET:
        yield core
        yield core.replace("+", "-").replace("/", "_")
