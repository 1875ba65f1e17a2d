"""`make bench-rivals`: other programs and ours side by side on the same candles, in one run.

    python -m tests.benchmarks.rivals [--rounds N] [--cases a,b,c] [--without NAME …] [--part PART …]

Laws:
- Programs take turns, so that a busy machine is busy for all; figures are ratios of one run.
- What can't be installed is skipped with its reason.
- Everything lies in a folder of its own that is gone in the end; environments stay in `.venv-rivals/`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.rig import load
from tests.benchmarks.rivals.environments import RIVALS, Ready, made
from tests.benchmarks.rivals.made import BAR_MS, CASES, DIGITS, START_MS, Case, candles
from tests.benchmarks.rivals.programs import ENGINE_ROUNDS, OURS, Table, first_run_s, make_shelf, run_all
from tests.benchmarks.rivals.searches import search_lines
from tests.benchmarks.rivals.trades import Ground, compare, rows_of
from tests.benchmarks.rivals.words import aim_lines, case_lines, trade_lines

PARTS = ("speed", "trades", "cost", "search")
REFERENCE = "freqtrade"
"""Whose trades are compared one by one."""


def main() -> None:
    options = _options()
    started = time.perf_counter()
    rivals = _rivals(options.without)
    with tempfile.TemporaryDirectory(prefix="rivals-") as room:
        if {"speed", "trades"} & set(options.part):
            _speed(Path(room), rivals, options)
        if "cost" in options.part:
            from tests.benchmarks.bench_backtest import bench_cost_by_length_and_by_symbols

            bench_cost_by_length_and_by_symbols()
        if "search" in options.part:
            _say(search_lines(Path(room), rivals))
    print(f"\ndone in {(time.perf_counter() - started) / 60:.0f} minutes [{load()}]", flush=True)


def _rivals(without: Sequence[str]) -> list[Ready]:
    found = []
    for ready in made(tuple(one for one in RIVALS if one.name not in without)):
        state = "skipped" if ready.python is None else "there"
        print(f"{ready.rival.name}: {state}{f' ({ready.reason})' if ready.reason else ''}", flush=True)
        found.append(ready)
    return found


def _speed(room: Path, rivals: Sequence[Ready], options: argparse.Namespace) -> None:
    cases = [case for case in CASES if case.name in options.cases]
    shelves = {case: room / case.name for case in cases}
    for case, shelf in shelves.items():
        make_shelf(shelf, case)
    _say_first(cases[0], shelves[cases[0]], room)
    found: Table = {}
    for at in range(options.rounds):
        for case, shelf in shelves.items():
            run_all(case, shelf, rivals, found)
            print(f"  round {at + 1} of {options.rounds}: {case.words} done [{load()}]", flush=True)
    print(
        f"\nengine: the fastest of its rounds (ours and vectorbt's {ENGINE_ROUNDS} a process, after one that "
        f"compiles); whole process and peak: medians of {options.rounds}; ours without its cache of bars.\n"
        "Only freqtrade, the bare pass and ours pay funding and can be liquidated; vectorbt has no leverage."
    )
    for case in cases:
        _say(["", *case_lines(case, found), *aim_lines(case, found)])
        if "trades" in options.part:
            _say(_compared(case, found))


def _say_first(case: Case, shelf: Path, room: Path) -> None:
    got = first_run_s(case, shelf, room / "compiled")
    said = got.fault or f"{got.seconds:.1f} s"
    print(f"ours for the first time ever, {case.words}, everything to be compiled: {said}", flush=True)


def _compared(case: Case, found: Table) -> list[str]:
    theirs = found.get((REFERENCE, case.name))
    if theirs is None or not theirs.trades:
        return [f"{case.words}: no trades of {REFERENCE} to compare with"]
    bars = [candles(case.candles, seed) for seed in range(case.symbols)]

    def reach(symbol: int, at_ms: int, side: int) -> float:
        return float(bars[symbol][(at_ms - START_MS) // BAR_MS, 2 if side > 0 else 3])

    ground = Ground(START_MS, BAR_MS, case.candles, 10.0**-DIGITS, reach=reach)
    ours = rows_of(found[OURS, case.name].trades)
    return list(trade_lines(REFERENCE, case, compare(ours, rows_of(theirs.trades), ground)))


def _say(lines: Sequence[str]) -> None:
    print("\n".join(lines), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-rivals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", type=lambda text: text.split(","), default=[case.name for case in CASES])
    parser.add_argument("--without", action="append", default=[], choices=[one.name for one in RIVALS])
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    options.part = options.part or list(PARTS)
    return options


if __name__ == "__main__":
    main()
