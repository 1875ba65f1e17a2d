"""A strategy by its name, or the owner's own by file and class.

Laws:
- What is wrong with a file is one sentence that names it and the line, never a traceback.
- A file is run as it stands: it is the owner's own program, with everything a program may do.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from zlib import crc32

from core.backtest.shipped import SHIPPED
from core.backtest.strategies import BadStrategy, Strategy
from core.backtest.strategies_faults import naming_faults

SUFFIX = ".py"
NOTHING_GIVEN: Mapping[str, str] = {}


def strategy_named(text: str, given: Mapping[str, str] = NOTHING_GIVEN) -> Strategy:
    """`trend`, `my_idea.py` or `my_idea.py:MyIdea`, with parameters as texts. Raises `BadStrategy`."""
    return strategy_class(text).given(given)


def strategy_class(text: str) -> type[Strategy]:
    """Raises `BadStrategy`."""
    if text in SHIPPED:
        return SHIPPED[text]
    path, wanted = _parted(text)
    if path.suffix != SUFFIX:
        near = get_close_matches(text, SHIPPED, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SHIPPED)}, and FILE.py:Class"
        raise BadStrategy(f"{text[:60]!r} is no strategy: {hint}")
    if not path.is_file():
        raise BadStrategy(f"there is no file {path}")
    chosen = _chosen(path, _strategies_in(path), wanted)
    if isabstract(chosen):
        raise BadStrategy(f"{path}: {chosen.__name__} has no method entries(self, features)")
    return chosen


def _parted(text: str) -> tuple[Path, str]:
    head, _, tail = text.rpartition(":")
    return (Path(head), tail) if head.endswith(SUFFIX) else (Path(text), "")


def _chosen(path: Path, found: dict[str, type[Strategy]], wanted: str) -> type[Strategy]:
    names = ", ".join(found) or "none at all"
    if wanted:
        if wanted not in found:
            raise BadStrategy(f"{path} has no strategy {wanted!r}, but {names}")
        return found[wanted]
    if len(found) != 1:
        raise BadStrategy(f"{path}: name one strategy of it as {path.name}:Class, it has {names}")
    return next(iter(found.values()))


def _strategies_in(path: Path) -> dict[str, type[Strategy]]:
    """Those that the file defines itself, not what it imports."""
    module = _run(path)
    return {
        name: one
        for name, one in vars(module).items()
        if isinstance(one, type) and issubclass(one, Strategy) and one.__module__ == module.__name__
    }


def _run(path: Path) -> ModuleType:
    file = str(path)
    name = f"own_strategy_{path.stem}_{crc32(str(path.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BadStrategy(f"{path} can't be read as Python")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # a dataclass looks its module up while it is made
    with _Undone(name, before), naming_faults(path.stem, file):
        spec.loader.exec_module(module)
    return module


class _Undone:
    """Half a module must not be found by the next who asks for it."""

    def __init__(self, name: str, before: ModuleType | None) -> None:
        self._name, self._before = name, before

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        if self._before is None:
            del sys.modules[self._name]
        else:
            sys.modules[self._name] = self._before
