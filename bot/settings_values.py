"""How the text of a setting becomes a value, and a value text again.

Laws:
- Every reader takes stripped, non-empty text and raises `ValueError` with the end of a sentence that starts
  with `NAME=value`: "must be between 1 and 10".
- Reading what `write` wrote gives the same value.
- No message repeats the text it was given: it may be a secret pasted into the wrong line.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from core.market import canonical_symbol

MASK = "***"
MAX_TEXT = 2_000
"""Characters; longer than any URL or key a person pastes on purpose."""
MAX_SYMBOLS = 100
MAX_IDS = 50
MIN_TOKEN = 16
"""Characters of a secret that is all that stands between a stranger and the bot's HTTP pages."""

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})
_EXAMPLES = frozenset(
    {
        "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qcM",
    }
)
"""Tokens printed in Telegram's own documentation."""
_PLACEHOLDER = re.compile(
    r"\$?[<\[{].*[>\]}]|\W*x{3,}\W*|\.{3,}|\*+|.*change[-_ ]?me.*|.*replace[-_ ]?(me|with|this).*"
    r"|.*(your|my)[-_ ].*(token|key|secret|password|id|here).*|.*[-_ ]here|(sk|xai)-(ant-)?(x+|\.+)"
    r"|(bot[-_]?)?(token|secret|password|passphrase)|(api[-_]?)?key|placeholder|example|todo|none|null",
    re.IGNORECASE | re.DOTALL,
)
_KEY = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{16,}|\b(sk|xai)-[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{32,}")
_PASSWORD = re.compile(r"(://[^/@:?]*):(.*)@", re.DOTALL)
"""Greedy to the last @, so that a password with an unquoted / or # is hidden whole."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of value: its reader, its writer, and its bounds in words."""

    read: Callable[[str], Any]
    bounds: str
    write: Callable[[Any], str] = field(default=str)


@dataclass(frozen=True, slots=True)
class Universe:
    """Which symbols are scanned: those listed, or (then `listed` is empty) the `top` by 24 h quote volume."""

    listed: tuple[str, ...] = ()
    top: int | None = None

    def __str__(self) -> str:
        return f"top:{self.top}" if self.top is not None else ",".join(self.listed)


def decimal_text(value: Decimal) -> str:
    """Without exponent: 0.80 stays 0.80, 1E+2 becomes 100."""
    return f"{value:f}"


def whole(low: int, high: int) -> Kind:
    bounds = f"between {low:,} and {high:,}"

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError(f"must be a whole number {bounds}")
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be {bounds}")
        return value

    return Kind(read, bounds)


def fraction(low: str, high: str) -> Kind:
    """A share as 0.05; what could be meant as a percentage says so."""
    lowest, highest = Decimal(low), Decimal(high)
    bounds = f"between {low} and {high}"

    def read(text: str) -> Decimal:
        if text.endswith("%") and _is_number(text[:-1].strip()):
            raise ValueError(f"is a percent; write the fraction {_hundredth(_finite(text[:-1].strip()))}")
        value = _finite(text)
        if lowest <= value <= highest:
            return value
        if value > highest and lowest <= value / 100 <= highest:
            raise ValueError(f"looks like a percent; write {_hundredth(value)} (it must be {bounds})")
        raise ValueError(f"must be {bounds}")

    return Kind(read, bounds, decimal_text)


MOST_RUNGS = 4
"""Targets of one position: each is an order that rests."""


def rungs() -> Kind:
    """A ladder of targets as `1.5:0.5,3:0.5`: R and share, nearest first; the shares sum to 1."""
    bounds = f"1 to {MOST_RUNGS} of R:share, R ascending between 0.5 and 20, shares summing to 1"

    def read(text: str) -> tuple[tuple[Decimal, Decimal], ...]:
        parts = [part.split(":") for part in text.split(",")]
        if not 1 <= len(parts) <= MOST_RUNGS or any(len(part) != 2 for part in parts):
            raise ValueError(f"must be {bounds}")
        found = tuple((_finite(r.strip()), _finite(share.strip())) for r, share in parts)
        distances = [r for r, _ in found]
        ascends = all(one < other for one, other in zip(distances, distances[1:], strict=False))
        is_sound = ascends and Decimal("0.5") <= distances[0] and distances[-1] <= Decimal(20)
        if not is_sound or any(share <= 0 for _, share in found) or sum(share for _, share in found) != 1:
            raise ValueError(f"must be {bounds}")
        return found

    def write(value: tuple[tuple[Decimal, Decimal], ...]) -> str:
        return ",".join(f"{decimal_text(r)}:{decimal_text(share)}" for r, share in value)

    return Kind(read, bounds, write)


def amount(low: str, high: str) -> Kind:
    """Money or another exact number."""
    lowest, highest = Decimal(low), Decimal(high)
    bounds = f"between {lowest:,} and {highest:,}"

    def read(text: str) -> Decimal:
        value = _finite(text)
        if not lowest <= value <= highest:
            raise ValueError(f"must be {bounds}")
        return value

    return Kind(read, bounds, decimal_text)


def flag() -> Kind:
    def read(text: str) -> bool:
        word = text.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError("must be true or false")

    return Kind(read, "true or false", lambda value: "true" if value else "false")


def choice(words: type[StrEnum] | tuple[str, ...], *, is_upper: bool = False) -> Kind:
    """One of the words, in any case; an enumeration gives its member."""
    members = {str(word): word for word in words}
    bounds = _either(tuple(members))

    def read(text: str) -> str:
        word = text.upper() if is_upper else text.lower()
        if word not in members:
            raise ValueError(f"must be {bounds}")
        return members[word]

    return Kind(read, bounds)


def pattern(expression: str, bounds: str) -> Kind:
    """Plain text of a given form, not secret."""

    def read(text: str) -> str:
        if not re.fullmatch(expression, text):
            raise ValueError(f"must be {bounds}")
        return text

    return Kind(read, bounds)


def secret(expression: str = r"[!-~]+", bounds: str = "printable characters without spaces") -> Kind:
    """A key or token; placeholders of templates are refused."""

    def read(text: str) -> str:
        if is_placeholder(text):
            raise ValueError("is a placeholder; put the real value there, or leave it empty")
        if not re.fullmatch(expression, text):
            raise ValueError(f"must be {bounds}")
        return text

    return Kind(read, bounds)


def web_url(*schemes: str, is_origin: bool = False, is_public_encrypted: bool = False) -> Kind:
    """`is_origin`: nothing after host and port. `is_public_encrypted`: plain http on loopback only."""
    starts = _either(tuple(f"{scheme}://" for scheme in schemes))
    bounds = f"an address that starts with {starts}" + (", host and port only" if is_origin else "")

    def read(text: str) -> str:
        parts = _split(text)
        if parts.scheme not in schemes or not parts.hostname or re.search(r"\s", text):
            raise ValueError(f"must be {bounds}")
        if parts.query or parts.fragment or (is_origin and parts.path.strip("/")):
            raise ValueError(f"must be {bounds}, without query" if not is_origin else f"must be {bounds}")
        if is_public_encrypted and parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https (plain http is for this machine only)")
        return text.rstrip("/")

    return Kind(read, bounds, masked_url)


def database_address() -> Kind:
    bounds = "sqlite+aiosqlite:///file or postgresql+asyncpg://user:password@host/database"
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "sqlite+aiosqlite": "sqlite+aiosqlite",
        "postgres": "postgresql+asyncpg",
        "postgresql": "postgresql+asyncpg",
        "postgresql+asyncpg": "postgresql+asyncpg",
    }

    def read(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        driver = drivers.get(scheme.lower())
        if driver is None or not separator:
            raise ValueError(f"must be {bounds}")
        if driver.startswith("sqlite") and not rest.startswith("/"):
            raise ValueError("must have three slashes for a file (four for an absolute path)")
        if driver.startswith("postgresql"):
            _require_server(text)
        return f"{driver}://{rest}"

    return Kind(read, bounds, masked_url)


def _require_server(text: str) -> None:
    parts = _split(text)
    if not parts.path.strip("/"):
        raise ValueError("must name a database after the host: postgresql+asyncpg://user@host:5432/name")
    if parts.password is not None and is_placeholder(parts.password):
        raise ValueError("holds a placeholder for the password")


def host() -> Kind:
    def read(text: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
            raise ValueError("must be a host name or an IP address, without port")
        if ":" in text and not _is_address(text):
            raise ValueError("must be a host name or an IP address, without port")
        return text

    return Kind(read, "a host name or an IP address")


def whole_id(*, is_group_allowed: bool) -> Kind:
    bounds = "a numeric id, negative for a group" if is_group_allowed else "a numeric user id"
    expression = r"-?[1-9][0-9]{0,18}" if is_group_allowed else r"[1-9][0-9]{0,18}"

    def read(text: str) -> int:
        if is_placeholder(text):
            raise ValueError("is a placeholder; put the real value there, or leave it empty")
        if not re.fullmatch(expression, text):
            raise ValueError(f"must be {bounds}")
        return int(text)

    return Kind(read, bounds)


def user_ids() -> Kind:
    one = whole_id(is_group_allowed=False)
    bounds = f"up to {MAX_IDS} numeric user ids, separated by commas"

    def read(text: str) -> tuple[int, ...]:
        words = _listed(text)
        if not 1 <= len(words) <= MAX_IDS:
            raise ValueError(f"must be {bounds}")
        return tuple(dict.fromkeys(one.read(word) for word in words))

    return Kind(read, bounds, lambda value: ",".join(map(str, value)))


def universe() -> Kind:
    bounds = f"1 to {MAX_SYMBOLS} symbols like BTC or BTC/USDT:USDT, or top:N"

    def read(text: str) -> Universe:
        if text.lower().startswith("top:"):
            return Universe(top=_top(text[4:].strip()))
        words = _listed(text)
        if not 1 <= len(words) <= MAX_SYMBOLS:
            raise ValueError(f"must be {bounds}")
        found = (_symbol(place, word) for place, word in enumerate(words, start=1))
        return Universe(listed=tuple(dict.fromkeys(found)))

    return Kind(read, bounds)


def _symbol(place: int, word: str) -> str:
    try:
        return canonical_symbol(word)
    except ValueError as error:
        raise ValueError(f"holds no symbol like BTC or BTC/USDT:USDT in place {place}") from error


def _top(digits: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", digits) or not 1 <= int(digits) <= MAX_SYMBOLS:
        raise ValueError(f"must be top:N with N between 1 and {MAX_SYMBOLS}")
    return int(digits)


def is_placeholder(text: str) -> bool:
    """Whether a template's filler was left where a secret belongs."""
    return text in _EXAMPLES or _PLACEHOLDER.fullmatch(text) is not None


def is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def looks_secret(text: str) -> bool:
    """Whether text that is no secret by its name is one by its form."""
    return _KEY.search(text) is not None


def masked_url(text: str) -> str:
    """The address with whatever may be secret in it (password, query) replaced.

    Works on text that is no valid address too, since that is shown in faults.
    """
    shown = _PASSWORD.sub(rf"\1:{MASK}@", text)
    address, mark, _ = shown.partition("?")
    return address + (f"?{MASK}" if mark else "")


def url_secrets(text: str) -> tuple[str, ...]:
    """What `masked_url` hides, for the log's redaction; the password also as it is without URL quoting."""
    found = _PASSWORD.search(text)
    password = [found[2], unquote(found[2])] if found and found[2] else []
    query = [pair.partition("=")[2] for pair in text.partition("?")[2].split("&") if "pass" in pair.lower()]
    return tuple(dict.fromkeys(value for value in password + query if value))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reads, and so checks, the port
    except ValueError as error:
        raise ValueError("must be a complete address with a valid port") from error
    return parts


def _finite(text: str) -> Decimal:
    if not _is_number(text):
        raise ValueError("must be a number such as 0.05 (with a dot, without units)")
    return Decimal(text)


def _is_number(text: str) -> bool:
    if not re.fullmatch(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})", text):
        return False
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _hundredth(value: Decimal) -> str:
    return decimal_text((value / 100).normalize())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _listed(text: str) -> list[str]:
    return [word for word in re.split(r"[,;\s]+", text) if word]


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
