"""The rule book, compiled: the very functions of the `exits` modules as machine code, for long backtests.

Laws:
- Not one rule is written here. Each function is compiled as it stands, and calls the compiled ones; fast-math
  stays off, so that every bit is the one that the plain functions give.
- What runs live never comes here: only what asks for `compiled` imports the compiler.
- Without the compiler the plain functions do the same, slower.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from core.trading import exits, exits_bet, exits_walk
from core.trading.exits import ExitRules
from core.trading.exits_bet import Bet, Lots, Prices, Walk

MODULES = (exits, exits_bet, exits_walk)
"""Each may call those before it."""
RECIPE = "uncounted, inlined"
"""Part of the name that machine code is kept under: another way of making it, another name."""
ARRAYS = ("Floats", "Ints", "Sides", "Prices", "Lots", "NDArray", "ndarray")
"""Names in annotations that tell of an array."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """What a backtest asks, plain or compiled; arguments as in the functions of the same name.

    Compiled functions take floats where floats are named: a whole number in the place of one compiles the
    function once more. They can be called from other compiled functions, too.
    """

    initial_stop: Callable[..., float]
    price_at_r: Callable[[float, float, int, float, float], float]
    on_tick: Callable[[float, float, int], float]
    next_stop: Callable[..., tuple[float, int]]
    ladder: Callable[[int, Prices, int], Lots]
    begin: Callable[[Bet], Walk]
    walk_tick: Callable[..., Walk]
    walk_bar: Callable[..., Walk]
    follow: Callable[..., Walk]
    quiet_band: Callable[..., tuple[float, float]]
    net_at: Callable[[Bet, Walk, float], float]
    r_multiple: Callable[[Bet, Walk], float]


def float_rules(rules: ExitRules) -> ExitRules:
    """The same rules with the one type for each that the compiled functions are kept for."""
    kinds = [type(default) for default in ExitRules()]
    return ExitRules._make(kind(value) for kind, value in zip(kinds, rules, strict=True))


@cache
def plain() -> RuleBook:
    return _bound(_functions(MODULES))


@cache
def compiled() -> RuleBook | None:
    """None where numba is not installed: a run without it works, slower.

    Machine code is made at the first call of each function, which takes seconds, and kept on disk where that
    is possible.
    """
    made = compiled_functions()
    return None if made is None else _bound(made)


@cache
def compiled_functions() -> dict[str, Any] | None:
    """Every function of the rule book, compiled, for what is compiled over it; None as in `compiled`."""
    return compile_modules(MODULES, {})


def compile_modules(
    modules: Sequence[ModuleType], called: dict[str, Any], version: str = ""
) -> dict[str, Any] | None:
    """The functions of `modules` compiled, each calling the compiled ones of all of them and of `called`.

    `version` tells the texts that `called` was made from. None where numba is not installed.
    """
    try:
        import numba  # the live bot never comes here
    except ImportError:
        return None
    rooms = {module.__name__: dict(vars(module)) for module in modules}
    for room in rooms.values():
        room |= {name: twin for name, twin in called.items() if name in room}
    version = version_of(modules, version)
    made: dict[str, Any] = {}
    for name, function in _functions(modules).items():
        twin = FunctionType(
            function.__code__, rooms[function.__module__], name, function.__defaults__, function.__closure__
        )
        # The compiler keys what it keeps by name and by the one file the function stands in, but a rule in
        # another file is compiled into it: the name tells which text of all of them it was made from.
        twin.__qualname__ = f"{name}_{version}"
        twin.__module__ = function.__module__
        made[name] = _jit(numba.njit, twin, is_counted=_needs_counting(function))
    for room in rooms.values():
        room |= {name: twin for name, twin in made.items() if name in room}
    return made


def _needs_counting(function: FunctionType) -> bool:
    """It makes arrays, or gets some from a function that does: then somebody must know when they can go.

    Everything else only borrows what its caller holds. The compiler would count each array of each call up
    and down all the same, which takes two thirds of a backtest's time.
    """
    names = function.__code__.co_names
    callees = (function.__globals__.get(name) for name in names)
    return "np" in names or _gives_array(function) or any(map(_gives_array, callees))


def _gives_array(function: Any) -> bool:
    told = str(getattr(function, "__annotations__", {}).get("return", ""))
    return any(name in told for name in ARRAYS)


def _jit(njit: Callable[..., Any], function: FunctionType, *, is_counted: bool) -> Any:
    """Put into whoever calls it: handing over some hundred numbers costs more than most of them compute."""
    # Counting is said to each: what says nothing takes it from whoever calls it first.
    options = {"forceinline": True, "_nrt": is_counted}
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:  # no folder that it may write to
        return njit(function, **options)


def _functions(modules: Sequence[ModuleType]) -> dict[str, FunctionType]:
    """Every function of the modules by its name, which is its own in all of them."""
    found = [
        (name, value)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    ]
    functions = dict(found)
    assert len(functions) == len(found)
    return functions


def version_of(modules: Sequence[ModuleType], called: str = "") -> str:
    """Tells which text of the modules, over which of those that they call."""
    digest = hashlib.sha256(f"{RECIPE}{called}".encode())
    for module in modules:
        digest.update(_text(module).encode())
    return digest.hexdigest()[:12]


def _text(module: ModuleType) -> str:
    return inspect.getsource(module)


def _bound(functions: dict[str, Any]) -> RuleBook:
    return RuleBook(**{field.name: functions[field.name] for field in fields(RuleBook)})
