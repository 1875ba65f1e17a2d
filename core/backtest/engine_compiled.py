"""The engine's loops as machine code over the compiled rule book, or plain where there is no compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from core.backtest import (
    engine_account,
    engine_entry,
    engine_fills,
    engine_legs,
    engine_loop,
    engine_plan,
    engine_quiet,
    engine_rows,
    engine_walk,
    engine_watch,
    engine_words,
    engine_write,
    sizing,
)
from core.trading import exits_compiled

MODULES = (
    engine_words,
    sizing,
    engine_fills,
    engine_rows,
    engine_quiet,
    engine_legs,
    engine_walk,
    engine_account,
    engine_watch,
    engine_plan,
    engine_entry,
    engine_write,
    engine_loop,
)
"""Each may call those before it, and the rule book."""


def trade_all(*, is_plain: bool = False) -> Callable[..., Any]:
    """`engine_loop.trade_all`: compiled, unless that is not to be had or not wanted."""
    made = None if is_plain else functions()
    return engine_loop.trade_all if made is None else made["trade_all"]


@cache
def functions() -> dict[str, Any] | None:
    """By name; None where numba is not installed. Compiled at the first call of each, and kept on disk."""
    called = exits_compiled.compiled_functions()
    if called is None:
        return None
    version = exits_compiled.version_of(exits_compiled.MODULES)
    return exits_compiled.compile_modules(MODULES, called, version)
