"""What the owner may say about a provider's dialect: one small JSON object per provider.

Laws:
- Only the fields named here, each of its type and within its bounds; anything else is refused with one
  sentence that names it.
- No secret: neither a field that would carry one nor a text that looks like one.
- No message repeats a value: it may be a key pasted into the wrong line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

MAX_DIALECT_CHARS = 1_500
MAX_DEPTH = 4
MAX_EXTRA_FIELDS = 20


class AnswerForm(StrEnum):
    """How the form of an answer is asked for."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    TEXT = "text"
    """The endpoint knows no such thing: only the rubric asks for JSON."""


MAX_TOKENS_NAMES = ("max_tokens", "max_completion_tokens")
TOKENS = (256, 20_000)
"""Under the least an answer never ends; over the most Anthropic's SDK wants a stream."""
EFFORTS = ("", "none", "minimal", "low", "medium", "high", "max")
TTLS = ("", "5m", "1h")
OURS = frozenset(
    [
        "model",
        "messages",
        "system",
        "stream",
        "stream_options",
        "n",
        "tools",
        "tool_choice",
        "functions",
        "response_format",
        "output_config",
        "store",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "reasoning_effort",
        "prompt_cache_key",
    ]
)
"""Fields of a request that our code writes or keeps out: they decide what is asked and how it is read."""

DEARER = frozenset(
    [
        "service_tier",
        "speed",
        "inference_geo",
        "search_parameters",
        "web_search_options",
        "plugins",
        "mcp_servers",
        "container",
        "models",
        "route",
    ]
)
"""Fields with which a request costs more than its tokens at the table's price, or goes to another model."""

_SECRET_NAME = re.compile(
    r"api_?key|secret|authorization|password|credential|bearer|headers?$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"\b(sk|xai|key)-[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{32,}|^bearer ", re.IGNORECASE)
_PATH = re.compile(r"(?:[A-Za-z0-9_]{1,40}(?:\.[A-Za-z0-9_]{1,40}){0,3})?")


def read_dialect(text: str) -> Mapping[str, Any]:
    """Fields of `Capabilities`, checked. Raises `ValueError` with the end of a sentence that starts with the
    setting's name."""
    if len(text) > MAX_DIALECT_CHARS:
        raise ValueError(f"must be at most {MAX_DIALECT_CHARS} characters")
    try:
        fields = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("must be one JSON object") from None
    if not isinstance(fields, dict):
        raise ValueError("must be one JSON object")
    for name in fields:
        if name not in FIELDS:
            raise ValueError(f"knows no field {_shown(name)}; it may name {', '.join(FIELDS)}")
    return {name: FIELDS[name](name, value) for name, value in fields.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("must not name a field twice")
    return fields


def _no_constant(_: str) -> Any:
    raise ValueError("must not hold NaN or Infinity")


def _shown(name: str) -> str:
    """A name that could be a pasted secret is not repeated."""
    return f'"{name}"' if re.fullmatch(r"[A-Za-z_.]{1,30}", name) else "of that name"


def _one_of(words: tuple[str, ...]) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"must give {name} as one of {', '.join(repr(word) for word in words)}")
        return value

    return read


def _cap(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not TOKENS[0] <= value <= TOKENS[1]:
        raise ValueError(f"must give {name} as a whole number from {TOKENS[0]} to {TOKENS[1]}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must give {name} as true or false")
    return value


def _path(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError(f'must give {name} as the name of a field of "usage", with a dot one level down')
    return value


def _unit(name: str, value: Any) -> Decimal:
    try:
        unit = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        unit = None
    if unit is None or not unit.is_finite() or not Decimal("1e-15") <= unit <= 1:
        raise ValueError(f'must give {name} as text of a number of USD from 1e-15 to 1, like "1e-10"')
    return unit


def _day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f'must give {name} as a day, like "2026-12-31"') from None


def _form(name: str, value: Any) -> AnswerForm:
    return AnswerForm(_one_of(tuple(form.value for form in AnswerForm))(name, value))


def _extra(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_EXTRA_FIELDS:
        raise ValueError(f"must give {name} as an object of at most {MAX_EXTRA_FIELDS} fields")
    for field in value:
        if field in OURS:
            raise ValueError(f"must not set {_shown(field)} in {name}: the bot writes it itself")
        if field in DEARER:
            raise ValueError(f"must not set {_shown(field)} in {name}: the budget could not tell its price")
    _check_secrets(value, MAX_DEPTH)
    return value


def _check_secrets(value: Any, depth: int) -> None:
    if depth < 0:
        raise ValueError(f"must not nest deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and _SECRET_TEXT.search(value):
        raise ValueError("must hold no secret: it is shown and journalled; keys have their own settings")
    if isinstance(value, dict):
        for name in value:
            if _SECRET_NAME.search(name) or _SECRET_TEXT.search(name):
                raise ValueError(
                    "must hold no secret: it is shown and journalled; keys have their own settings"
                )
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_secrets(inner, depth - 1)


FIELDS: Mapping[str, Callable[[str, Any], Any]] = {
    "max_tokens_parameter": _one_of(MAX_TOKENS_NAMES),
    "max_tokens": _cap,
    "answer_form": _form,
    "effort": _one_of(EFFORTS),
    "prompt_cache_key": _flag,
    "cache_ttl": _one_of(TTLS),
    "cached_tokens_field": _path,
    "cost_field": _path,
    "cost_unit_usd": _unit,
    "retires": _day,
    "extra": _extra,
}
