"""aiogram, imported in a quarter of its time and a third of its memory.

aiogram builds the pydantic models of every Telegram type while it is imported (about 2 s and 100 MB),
though a bot meets a dozen of them. Here building waits: the few that are used are built at once, any
other when it is first met. It leans on one internal (aiogram passes the names its annotations need to
`model_rebuild`), so it is done only for the exact versions it was tried with; with any other version
aiogram is imported as usual.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

TRIED_WITH = {"aiogram": "3.31.0", "pydantic": "2.13.5"}

BUILT_AT_ONCE = (
    "Update",
    "Message",
    "User",
    "ResponseParameters",
    "InlineKeyboardMarkup",
    "InlineKeyboardButton",
)
"""Types that the first update or answer needs: built before the first message, not while it waits."""


def load() -> bool:
    """Imports aiogram; call it before anything else does. True when building was deferred."""
    if "aiogram" in sys.modules:
        return False
    if any(version(name) != wanted for name, wanted in TRIED_WITH.items()):
        importlib.import_module("aiogram")
        return False
    namespace = _import_without_building()
    _build_when_met(namespace)
    types = importlib.import_module("aiogram.types")
    for name in BUILT_AT_ONCE:
        getattr(types, name).model_rebuild()
    return True


def _import_without_building() -> Mapping[str, Any]:
    """Imports aiogram with `model_rebuild` switched off; the names that its annotations need."""
    from pydantic import BaseModel

    original = BaseModel.__dict__["model_rebuild"]
    namespaces: list[Mapping[str, Any]] = []

    def later(
        cls: type[BaseModel], /, *, _types_namespace: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if _types_namespace is not None and "Update" in _types_namespace:
            namespaces.append(_types_namespace)

    _set(BaseModel, "model_rebuild", classmethod(later))
    try:
        importlib.import_module("aiogram")
    finally:
        _set(BaseModel, "model_rebuild", original)
    return namespaces[0]


def _build_when_met(namespace: Mapping[str, Any]) -> None:
    """pydantic calls `model_rebuild` by itself on first use; from now on it finds the names then."""
    from aiogram.methods import Response, TelegramMethod
    from aiogram.types import TelegramObject
    from pydantic import BaseModel

    def with_names(cls: type[BaseModel], /, **given: Any) -> bool | None:
        given["_types_namespace"] = given.get("_types_namespace") or namespace
        return BaseModel.model_rebuild.__func__(cls, **given)  # type: ignore[attr-defined, no-any-return]

    for base in (TelegramObject, TelegramMethod, Response):
        _set(base, "model_rebuild", classmethod(with_names))


def _set(owner: type[Any], name: str, value: object) -> None:
    setattr(owner, name, value)
