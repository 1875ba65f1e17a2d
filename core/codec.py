"""Our frozen dataclasses and named tuples ↔ JSON text, without loss: decimals as text, times as ISO 8601 UTC.

Only annotations are read; nothing in the text can name a class or run code. A number that is no JSON (NaN,
infinity) is its name as text, so that every JSON reader and every database takes what is written here.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")
Decode = Callable[[Any], Any]


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
    kind: Any = type(value)
    if value is None or kind in (str, int, bool):
        return value
    if kind is Decimal:
        return format(value, "f")
    if (names := _names(kind)) is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    return _other_to_plain(value)


def _other_to_plain(value: Any) -> Any:
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
    if isinstance(value, str | int | float):
        return value
    raise ValueError(f"{type(value).__name__} has no JSON form here")


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of `to_plain` for `kind`; unknown keys are ignored, missing ones take the default."""
    try:
        return _decoder(kind)(value)
    except (TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


def _decoder(kind: Any) -> Decode:
    """Looked up once for an annotation, not once for every value."""
    if kind is Any:
        return _as_it_is
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_decoder(get_args(kind))
    if origin is not None:
        return _container_decoder(origin, get_args(kind))
    if _names(kind) is not None:
        return partial(_decode_fields, kind)
    if kind is Decimal:
        return _decimal
    if kind is datetime:
        return _moment
    if kind is float:
        return _float
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return partial(_checked, kind)


def _as_it_is(value: Any) -> Any:
    return value


def _checked(kind: Any, value: Any) -> Any:
    is_flag_as_number = isinstance(value, bool) and kind is not bool
    if kind is type(None) or not isinstance(value, kind) or is_flag_as_number:
        raise TypeError(f"{value!r} is not {kind}")
    return value


def _moment(value: Any) -> datetime:
    return _aware(datetime.fromisoformat(value))


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


def _union_decoder(options: tuple[Any, ...]) -> Decode:
    takes_none = type(None) in options
    decoders = [_decoder(option) for option in options if option is not type(None)]

    def decode(value: Any) -> Any:
        if value is None and takes_none:
            return None
        for decoder in decoders:
            try:
                return decoder(value)
            except (TypeError, ValueError, KeyError, ArithmeticError):
                continue
        raise TypeError(f"{value!r} fits none of {options}")

    return decode


def _container_decoder(origin: Any, args: tuple[Any, ...]) -> Decode:
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        return partial(_decode_places, [_decoder(arg) for arg in args])
    if origin in (tuple, list, frozenset, set):
        return partial(_decode_items, origin, _decoder(args[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return partial(_decode_mapping, _decoder(args[0]), _decoder(args[1]))
    return partial(_refuse, origin)


def _decode_places(decoders: list[Decode], value: Any) -> tuple[Any, ...]:
    return tuple(decode(item) for decode, item in zip(decoders, _a_list(value), strict=True))


def _decode_items(origin: Any, decode: Decode, value: Any) -> Any:
    return origin(decode(item) for item in _a_list(value))


def _decode_mapping(decode_key: Decode, decode: Decode, value: Any) -> dict[Any, Any]:
    return {decode_key(key): decode(item) for key, item in value.items()}


def _refuse(origin: Any, value: Any) -> Any:
    raise TypeError(f"{origin} has no JSON form here")


def _a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _decode_fields(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not an object")
    return kind(**{name: decode(value[name]) for name, decode in _decoders(kind) if name in value})


@cache
def _decoders(kind: Any) -> tuple[tuple[str, Decode], ...]:
    """Field → its decoder, for a dataclass or a named tuple."""
    hints = typing.get_type_hints(kind)
    return tuple((name, _decoder(hints[name])) for name in _names(kind) or ())


@cache
def _names(kind: Any) -> tuple[str, ...] | None:
    """Fields of a dataclass or a named tuple; None for every other type."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    is_tuple = isinstance(kind, type) and issubclass(kind, tuple)
    return getattr(kind, "_fields", None) if is_tuple else None
