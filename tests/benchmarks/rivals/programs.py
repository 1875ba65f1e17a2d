"""Which commands run the comparison: each program whole as its user starts it, and its engine alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.rivals.environments import PROJECT, VECTORBT, Ready
from tests.benchmarks.rivals.made import COINS, IDEA, Case
from tests.benchmarks.rivals.measuring import Measured, measured

HERE = Path(__file__).parent
LONGEST_S = 900.0
"""Of one run of one program."""
ENGINE_ROUNDS = 15
OURS = "perpilot"
BARE = "a bare compiled pass"
SHARED = "perpilot, one account"
SETTINGS = f"""INITIAL_CAPITAL=1000000
MAX_LEVERAGE={IDEA.leverage}
SLIPPAGE_PERCENT=0
TRAILING_ATR=0
TRAILING_PERCENT=0
BREAK_EVEN_AFTER=0
TIME_STOP_HOURS=0
MIN_PROFIT_USD=0
POSITION_COOLDOWN_MINUTES=0
"""
"""What the comparison's strategy asks for; every other setting stays as it is."""


@dataclass
class Found:
    """One program in one case; lists over the rounds."""

    whole: list[Measured] = field(default_factory=list)
    engine_s: list[float] = field(default_factory=list)
    trades: list[list[object]] = field(default_factory=list)
    fault: str = ""


Table = dict[tuple[str, str], Found]
"""By program and case."""


def make_shelf(shelf: Path, case: Case) -> None:
    """Raises `RuntimeError` where it can't be written."""
    got = measured(
        [sys.executable, "-m", "tests.benchmarks.rivals.made", str(shelf), case.name],
        PROJECT,
        None,
        LONGEST_S,
    )
    if got.fault:
        raise RuntimeError(got.fault)


def run_all(case: Case, shelf: Path, rivals: Sequence[Ready], found: Table) -> None:
    """Each program once; adds to `found`."""
    out = shelf.parent / "out.json"
    for ready in rivals:
        for name, engine, is_apart in _ways(ready):
            place = found.setdefault((name, case.name), Found())
            if not place.fault:
                _run_rival(ready, case, shelf, out, engine, is_apart, place)
    _run_ours(case, shelf, out, found)


def _ways(ready: Ready) -> list[tuple[str, str, bool]]:
    """(name, its engine's name, whether the engine is timed in a process apart: it is compiled at first)."""
    if ready.python is None:
        return []
    if ready.rival is VECTORBT:
        ways = [("vectorbt (numba)", "numba", True)]
        return ways if ready.reason else [*ways, ("vectorbt (rust)", "rust", True)]
    return [(ready.rival.name, "", False)]


def _run_rival(
    ready: Ready, case: Case, shelf: Path, out: Path, engine: str, is_apart: bool, place: Found
) -> None:
    driver = HERE / f"drive_{ready.rival.name}.py"
    start = [str(ready.python), str(driver)]
    more = [engine] if engine else []
    kinds = [("whole", ["1", *more])]
    if is_apart:
        kinds.append(("engine", [str(ENGINE_ROUNDS), *more]))
    for kind, rest in kinds:
        out.unlink(missing_ok=True)
        got = measured([*start, kind, str(shelf), str(out), *rest], PROJECT, out, LONGEST_S)
        if got.fault:
            place.fault = got.fault
            return
        if kind == "whole":
            place.whole.append(got)
        if kind == "engine" or not is_apart:
            place.engine_s += got.told["engine_s"]
            place.trades = got.told["trades"]


def _run_ours(case: Case, shelf: Path, out: Path, found: Table) -> None:
    """Whole without the bars' cache and with it, then the engine alone in turns with the bare pass."""
    for name, forgets in ((OURS, True), (f"{OURS}, second run", False)):
        if forgets:
            forget(shelf)
        got = measured(command(case, shelf), PROJECT, None, LONGEST_S)
        place = found.setdefault((name, case.name), Found())
        place.fault = got.fault
        place.whole.append(got)
    out.unlink(missing_ok=True)
    module = "tests.benchmarks.rivals.drive_perpilot"
    start = [sys.executable, "-m", module, str(shelf), str(out), str(ENGINE_ROUNDS)]
    got = measured(start, PROJECT, out, LONGEST_S)
    if got.fault:
        found[OURS, case.name].fault = got.fault
        return
    for name, key, trades in (
        (OURS, "engine_s", "trades"), (BARE, "bare_s", "bare_trades"), (SHARED, "shared_s", "shared_trades"),
    ):  # fmt: skip
        place = found.setdefault((name, case.name), Found())
        place.engine_s += got.told[key]
        place.trades = got.told[trades]


def command(case: Case, shelf: Path) -> list[str]:
    """Ours as a user starts it."""
    settings = shelf.parent / "settings.env"
    settings.write_text(SETTINGS)
    return [
        sys.executable, "main.py", "--env", str(settings), "backtest", "--strategy", "ema_cross",
        "--symbols", ",".join(COINS[: case.symbols]), "--timeframe", "5m", "--data", str(shelf),
        "--quick", "--stake", str(IDEA.stake),
    ]  # fmt: skip


def forget(shelf: Path) -> None:
    """Drops the bars that were kept of the files."""
    for entry in (shelf / ".cache").glob("*.npy"):
        entry.unlink()


def first_run_s(case: Case, shelf: Path, caches: Path) -> Measured:
    """Ours where nothing is compiled yet."""
    return measured(command(case, shelf), PROJECT, None, LONGEST_S, {"NUMBA_CACHE_DIR": str(caches)})
