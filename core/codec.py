"""Our frozen dataclasses ↔ JSON text, without loss: decimals as text, times as ISO 8601 UTC.

Only annotations are read; nothing in the text can name a class or run code. A number that is no JSON (NaN,
infinity) is its name as text, so that every JSON reader and every database takes what is written here.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")


def to_text(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces; equal values give equal text (1.0 and 1.00 are kept apart)."""
    plain = to_plain(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def from_text(kind: type[T], text: str) -> T:
    """Raises `ValueError` where the text does not fit `kind`."""
    decoded: T = from_plain(kind, json.loads(text))
    return decoded


def to_plain(value: Any) -> Any:
    """JSON-ready: dict, list, str, int, float, bool, None. Raises `ValueError` for what has no such form."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _aware(value).isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted((to_plain(item) for item in value), key=to_text)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"{type(value).__name__} has no JSON form here")


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of `to_plain` for `kind`; unknown keys are ignored, missing ones take the default."""
    try:
        return _decode(kind, value)
    except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


def _decode(kind: Any, value: Any) -> Any:
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, value)
    if origin is not None:
        return _decode_container(origin, get_args(kind), value)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value)
    if kind is Decimal:
        return _decimal(value)
    if kind is datetime:
        return _aware(datetime.fromisoformat(value))
    if kind is float:
        return _float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    is_flag_as_number = isinstance(value, bool) and kind is not bool
    if kind is type(None) or not isinstance(value, kind) or is_flag_as_number:
        raise TypeError(f"{value!r} is not {kind}")
    return value


def _decimal(value: Any) -> Decimal:
    """A JSON fraction is refused: it was a float somewhere, and no float is money."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"{value!r} is not a decimal as text")
    return Decimal(value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _aware(moment: datetime) -> datetime:
    """In UTC; a time without a zone is an error, not a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def _decode_union(kind: Any, value: Any) -> Any:
    options = get_args(kind)
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, value)
        except (TypeError, ValueError, KeyError, ArithmeticError):
            continue
    raise TypeError(f"{value!r} fits none of {options}")


def _decode_container(origin: Any, args: tuple[Any, ...], value: Any) -> Any:
    if origin in (tuple, list, frozenset, set) and not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], item) for item in value)
        return tuple(_decode(arg, item) for arg, item in zip(args, value, strict=True))
    if origin in (list, frozenset, set):
        return origin(_decode(args[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {_decode(args[0], key): _decode(args[1], item) for key, item in value.items()}
    raise TypeError(f"{origin} has no JSON form here")


def _decode_dataclass(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not an object")
    hints = _hints(kind)
    given = {name: _decode(hint, value[name]) for name, hint in hints.items() if name in value}
    return kind(**given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
