"""DESIGN's dependency rules and house habits, each a test whose name is the sentence.

The source is read with `ast`, never imported. Rooms that are still empty pass.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bot", "core", "db", "handlers")
LONGEST_FUNCTION = 70

BROAD_EXCEPT_EDGES = (
    "bot/gate.py",  # one bad update must not stop the others
    "bot/logs.py",  # whoever logs an error must not get another one
    "bot/outbox.py",  # one bad notice must not stop the others
    "bot/supervisor.py",  # one dead task must not stop the guard
)
"""Where an error that nobody foresaw is answered: logged with its traceback and counted."""

KNOWS_EVERY_ROOM = ("bot/assembly", "bot/cli/", "main.py", "setup_database.py")
MOUNTS_HANDLERS = ("bot/dispatcher.py",)
READS_ENVIRONMENT = "bot/settings.py"
COMMITS = ("db/journal", "db/session.py", "db/migrations/")
SUBMITS = ("core/trading/executor", "core/sim/", "core/adapters/")
NUMBA_ROOMS = ("core/trading/exits", "core/backtest/")
CCXT_ROOMS = ("core/adapters/exchange/", "core/adapters/history/")
SDK_ROOMS = ("core/adapters/advisers/",)
CORE_LIBRARIES = frozenset({"numpy", "pandas", "ta"})
HANDLER_SURFACE = re.compile(r"bot\.(cards\w*|keyboards|callbacks)(\.\w+)?$")
EMPTY_NAMES = frozenset({"data", "info", "manager", "helper", "helpers", "util", "utils", "v2"})

AMBIENT_CLOCK = frozenset(
    {
        "asyncio.sleep",
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "pandas.Timestamp.now",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.sleep",
        "time.time",
        "time.time_ns",
    }
)
WALL_CLOCK = frozenset(name for name in AMBIENT_CLOCK if not re.search("monotonic|perf|sleep", name))
AMBIENT_DICE = frozenset({"hash", "os.urandom", "uuid.uuid1", "uuid.uuid4"})
AMBIENT_WORLD = frozenset({"input", "open", "os.environ", "os.getenv", "print"})
OUTSIDE_WORLD_MODULES = frozenset(
    {"multiprocessing", "secrets", "socket", "sqlite3", "subprocess", "urllib.request"}
)
SEEDED = frozenset({"default_rng", "Random", "PCG64", "SeedSequence"})
DICE_TYPES = frozenset({"Generator", "BitGenerator"})
ORDER_CALLS = re.compile(r"(create|edit|cancel)_(\w+_)?orders?(_ws)?|submit")


@dataclass(frozen=True)
class Module:
    path: str
    """From the project's root, with forward slashes."""
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def imports(self) -> dict[str, int]:
        """Dotted name of everything imported → line; `from a import b` gives both `a` and `a.b`."""
        found: dict[str, int] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name: node.lineno for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                found[origin] = node.lineno
                found |= {f"{origin}.{alias.name}": node.lineno for alias in node.names}
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """Local name → what it stands for, as far as imports tell."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                found |= {a.asname or a.name: f"{self._origin(node)}.{a.name}" for a in node.names}
        return found

    def uses(self) -> Iterator[tuple[str, ast.AST]]:
        """Full dotted names of what is read or called: `dt.now` → `datetime.datetime.now`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name):
                name = self.full_name(node)
                if name:
                    yield name, node

    def full_name(self, node: ast.AST) -> str:
        """Empty for what starts with no plain name."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.path.split("/")[: -node.level]
        return ".".join([*package, *([node.module] if node.module else [])])


@cache
def source() -> tuple[Module, ...]:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    files += [path for path in (ROOT / "main.py", ROOT / "setup_database.py") if path.exists()]
    return tuple(
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in files
    )


def room(*starts: str, without: tuple[str, ...] = ()) -> tuple[Module, ...]:
    return tuple(m for m in source() if m.path.startswith(starts) and not m.path.startswith(without))


def deciding_core() -> tuple[Module, ...]:
    return room("core/", without=("core/adapters/",))


def imports_of(modules: tuple[Module, ...], is_wrong: Callable[[str], bool]) -> list[str]:
    return [
        f"{module.path}:{line} imports {name}"
        for module in modules
        for name, line in module.imports.items()
        if is_wrong(name)
    ]


def under(*packages: str) -> Callable[[str], bool]:
    return lambda name: any(name == package or name.startswith(f"{package}.") for package in packages)


def foreign_to_core(path: str, name: str) -> bool:
    top = name.partition(".")[0]
    if top in CORE_LIBRARIES or top == "core" or top in sys.stdlib_module_names:
        return False
    return not (top == "numba" and path.startswith(NUMBA_ROOMS))


def ambient(module: Module) -> list[str]:
    """Every place where a module asks the machine for time, chance or the outside world."""
    wrong = AMBIENT_CLOCK | AMBIENT_DICE | AMBIENT_WORLD
    found = [
        f"{module.path}:{node.lineno} uses {name}"
        for name, node in module.uses()
        if isinstance(node, ast.expr) and (name in wrong or rolls_ambient_dice(name))
    ]
    found += [
        f"{module.path}:{call.lineno} makes {module.full_name(call.func)} without a seed"
        for call in module.calls()
        if module.full_name(call.func).split(".")[-1] in SEEDED and not (call.args or call.keywords)
    ]
    return found + imports_of((module,), under(*OUTSIDE_WORLD_MODULES))


def rolls_ambient_dice(name: str) -> bool:
    """`random.random`, `numpy.random.normal`: functions that share one hidden generator."""
    owner, _, last = name.rpartition(".")
    return owner in ("random", "numpy.random") and last not in SEEDED | DICE_TYPES


def environment_reads(module: Module) -> list[str]:
    wrong = under("os.environ", "os.environb", "os.getenv", "dotenv")
    found = [f"{module.path} uses {name}" for name, _ in module.uses() if wrong(name)]
    return found + imports_of((module,), wrong)


def broad_excepts(module: Module) -> list[str]:
    """Handlers of everything that don't end by raising again."""
    found = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        is_broad = node.type is None or re.search(r"\b(Base)?Exception\b", caught)
        last = node.body[-1]
        if is_broad and not (isinstance(last, ast.Raise) and last.exc is None):
            found.append(f"{module.path}:{node.lineno} catches {caught or 'everything'}")
    return found


def called_methods(module: Module, name: re.Pattern[str]) -> list[str]:
    return [
        f"{module.path}:{call.lineno} calls .{call.func.attr}()"
        for call in module.calls()
        if isinstance(call.func, ast.Attribute) and name.fullmatch(call.func.attr)
    ]


def blind_retries(module: Module) -> list[str]:
    """Order requests in a module with a retry library, and ccxt told to repeat by itself."""
    found: list[str] = []
    if any(under("tenacity", "stamina", "backoff")(name) for name in module.imports):
        found += called_methods(module, ORDER_CALLS)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found += [
                f"{module.path}:{node.lineno} sets {key.value}"
                for key, value in pairs
                if isinstance(key, ast.Constant) and key.value == "maxRetriesOnFailure"
                if not (isinstance(value, ast.Constant) and value.value == 0)
            ]
    return found


def long_functions(module: Module) -> list[str]:
    found = []
    for node in module.functions():
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > LONGEST_FUNCTION:
            found.append(f"{module.path}:{node.lineno} {node.name} has {length} lines")
    return found


def empty_names(module: Module) -> list[str]:
    words = set(Path(module.path).stem.split("_"))
    found = [f"{module.path} is named {sorted(words & EMPTY_NAMES)}"] if words & EMPTY_NAMES else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            parts = {part.lower() for part in re.findall(r"[A-Z][a-z0-9]*", node.name)}
            found += [f"{module.path}:{node.lineno} class {node.name}"] if parts & EMPTY_NAMES else []
    return found


def all_of(check: Callable[[Module], list[str]], modules: tuple[Module, ...]) -> list[str]:
    return [finding for module in modules for finding in check(module)]


def test_core_outside_adapters_imports_only_the_standard_library_numpy_pandas_and_ta() -> None:
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in deciding_core()
        for name, line in module.imports.items()
        if foreign_to_core(module.path, name)
    ]

    assert wrong == []


def test_core_outside_adapters_never_imports_an_adapter() -> None:
    assert imports_of(deciding_core(), under("core.adapters")) == []


def test_core_never_imports_the_database_the_bot_or_the_handlers() -> None:
    assert imports_of(room("core/"), under("db", "bot", "handlers", "main")) == []


def test_the_database_never_imports_adapters_the_bot_or_the_handlers() -> None:
    assert imports_of(room("db/"), under("core.adapters", "bot", "handlers", "main")) == []


def test_handlers_import_only_core_words_cards_keyboards_and_callbacks() -> None:
    words = tuple(f"core.{path.stem}" for path in (ROOT / "core").glob("*.py"))
    is_right = under("aiogram", "handlers", *words, *sys.stdlib_module_names)

    def is_wrong(name: str) -> bool:
        return name not in ("bot", "core") and not is_right(name) and not HANDLER_SURFACE.match(name)

    assert imports_of(room("handlers/"), is_wrong) == []


def test_only_assembly_and_the_commands_know_the_database_and_the_adapters() -> None:
    others = room("bot/", without=KNOWS_EVERY_ROOM)

    assert imports_of(others, under("db", "core.adapters")) == []


def test_only_assembly_and_the_dispatcher_mount_handlers() -> None:
    others = room("bot/", without=KNOWS_EVERY_ROOM + MOUNTS_HANDLERS)

    assert imports_of(others, under("handlers")) == []


def test_ccxt_stays_behind_the_exchange_and_history_adapters() -> None:
    assert imports_of(room("", without=CCXT_ROOMS), under("ccxt")) == []


def test_ai_sdks_stay_behind_the_adviser_adapters() -> None:
    assert imports_of(room("", without=SDK_ROOMS), under("openai", "anthropic")) == []


def test_only_settings_reads_the_environment() -> None:
    assert all_of(environment_reads, room("", without=(READS_ENVIRONMENT,))) == []


def test_core_outside_adapters_has_no_clock_no_dice_and_no_window_to_the_world() -> None:
    assert all_of(ambient, deciding_core()) == []


def test_at_most_one_adapter_reads_the_wall_clock() -> None:
    readers = {m.path for m in room("core/adapters/") for name, _ in m.uses() if name in WALL_CLOCK}

    assert len(readers) <= 1, sorted(readers)


def test_only_the_journal_and_its_session_commit() -> None:
    others = room("", without=COMMITS)

    assert [found for m in others for found in called_methods(m, re.compile("commit|begin"))] == []


def test_only_the_executor_submits_orders() -> None:
    others = room("", without=SUBMITS)

    assert [found for m in others for found in called_methods(m, re.compile("submit"))] == []


def test_nothing_repeats_an_order_request_by_itself() -> None:
    assert all_of(blind_retries, source()) == []


def test_everything_is_caught_only_at_the_named_edges() -> None:
    assert all_of(broad_excepts, room("", without=BROAD_EXCEPT_EDGES)) == []


def test_no_function_is_longer_than_seventy_lines() -> None:
    tests = tuple(
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "tests").rglob("*.py"))
    )

    assert all_of(long_functions, source() + tests) == []


def test_every_module_postpones_its_annotations() -> None:
    wrong = [m.path for m in source() if m.tree.body[1:] and "__future__.annotations" not in m.imports]

    assert wrong == []


def test_no_name_says_data_info_manager_helper_or_utils() -> None:
    assert all_of(empty_names, source()) == []


def test_nothing_is_left_to_do_in_a_comment() -> None:
    marks = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
    wrong = [
        f"{module.path}:{number}"
        for module in source()
        for number, line in enumerate(module.text.splitlines(), start=1)
        if marks.search(line)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime\nx = datetime.now(UTC)",
        "import datetime as dt\nx = dt.datetime.utcnow()",
        "import time as t\nx = t.monotonic()",
        "from time import time\nx = time()",
        "import random\nx = random.random()",
        "import random\nx = random.Random()",
        "import numpy as np\nx = np.random.normal()",
        "import numpy as np\nx = np.random.default_rng()",
        "from uuid import uuid4\nx = uuid4()",
        "import os\nx = os.environ['A']",
        "x = open('a')",
        "from socket import socket",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
    ],
)
def test_the_search_for_ambient_time_and_chance_finds_them(text: str) -> None:
    assert ambient(Module("core/sample.py", text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime, UTC\nx = datetime.fromtimestamp(0, tz=UTC)",
        "import random\ndef f(dice: random.Random) -> float:\n    return dice.random()",
        "import numpy as np\nx = np.random.default_rng(7)",
        "def f(clock):\n    return clock.now()",
    ],
)
def test_the_search_for_ambient_time_and_chance_passes_what_is_handed_in(text: str) -> None:
    assert ambient(Module("core/sample.py", text)) == []


def test_the_search_for_broad_excepts_passes_those_that_raise_again() -> None:
    swallowed = Module("a.py", "try:\n    f()\nexcept (ValueError, Exception):\n    g()")
    bare = Module("a.py", "try:\n    f()\nexcept:\n    g()")
    raised = Module("a.py", "try:\n    f()\nexcept BaseException:\n    g()\n    raise")

    assert broad_excepts(swallowed) != []
    assert broad_excepts(bare) != []
    assert broad_excepts(raised) == []


def test_the_search_for_blind_retries_finds_both_kinds() -> None:
    around = Module("a.py", "from tenacity import retry\nasync def f(x):\n    await x.create_order()")
    inside = Module("a.py", "options = {'maxRetriesOnFailure': 3}")
    reads = Module("a.py", "from tenacity import retry\nasync def f(x):\n    await x.fetch_ticker()")

    assert blind_retries(around) != []
    assert blind_retries(inside) != []
    assert blind_retries(reads) == []


def test_the_search_for_imports_understands_relative_ones() -> None:
    module = Module("core/risk/checks.py", "from ..adapters import exchange\nfrom . import sizing")

    assert {"core.adapters.exchange", "core.risk.sizing"} <= set(module.imports)


def test_the_search_for_environment_reads_finds_every_spelling() -> None:
    spellings = ["import os\nos.environ.get('A')", "from os import getenv", "import os as o\no.getenv('A')"]

    assert [text for text in spellings if not environment_reads(Module("a.py", text))] == []


def test_the_search_for_long_functions_counts_every_line() -> None:
    body = "\n".join("    x = 1" for _ in range(LONGEST_FUNCTION))

    assert long_functions(Module("a.py", f"def f():\n{body}")) != []
    assert long_functions(Module("a.py", "def f():\n    x = 1")) == []
