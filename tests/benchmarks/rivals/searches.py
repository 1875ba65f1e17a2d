"""Five parameters searched over one year of one symbol: how many sets a second each program tries.

The sets: EMA fast and slow, most RSI, least ADX, the stop. Ours pays its sampler's own cost; vectorbt's are
columns of one call, which knows no sampler; the bare loop has no sampler either.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.rivals.environments import BACKTESTING, FREQTRADE, PROJECT, VECTORBT, Ready
from tests.benchmarks.rivals.made import CASES
from tests.benchmarks.rivals.measuring import measured
from tests.benchmarks.rivals.programs import HERE, LONGEST_S, make_shelf
from tests.benchmarks.rivals.words import table

JOBS = (1, 2)
EPOCHS, SETS, TRIALS = 8, 200, 1_000
ROUNDS = 3
LEAST_TIMES, LEAST_SCALING = 300.0, 0.9
BARE, RANDOM = "a bare loop", "perpilot, random"
COLUMNS = ("search", *(f"{jobs} process{'' if jobs == 1 else 'es'}, sets/s" for jobs in JOBS), "scaling")

Rates = dict[tuple[str, int], float]


def search_lines(room: Path, rivals: Sequence[Ready]) -> list[str]:
    """The table, and what came of what was set as targets."""
    shelf = room / "search"
    make_shelf(shelf, CASES[0])
    rates: Rates = {}
    faults = [fault for ready in rivals for fault in _rival(ready, shelf, room, rates)]
    faults += _ours(shelf, room, rates)
    names = list(dict.fromkeys(name for name, _ in rates))
    rows = [
        (name, *(_rate(rates, name, jobs) for jobs in JOBS), _scaling_text(rates, name)) for name in names
    ]
    title = f"sets a second, five parameters, {CASES[0].words} candles"
    return ["", title, *table([COLUMNS, *rows]), *faults, *_aims(rates)]


def _rival(ready: Ready, shelf: Path, room: Path, rates: Rates) -> Iterator[str]:
    if ready.python is None or ready.rival is BACKTESTING:
        return
    engines = {VECTORBT.name: ["numba", "rust"], FREQTRADE.name: [""]}[ready.rival.name]
    for engine in engines if not ready.reason else engines[:1]:
        name = f"vectorbt's grid ({engine})" if engine else "freqtrade hyperopt"
        count = SETS if engine else EPOCHS
        for jobs in JOBS:
            out = room / f"search-{ready.rival.name}.json"
            out.unlink(missing_ok=True)
            given = [str(count), engine, str(jobs)] if engine else [str(count), str(jobs)]
            start = [str(ready.python), str(HERE / f"drive_{ready.rival.name}.py"), "search"]
            got = measured([*start, str(shelf), str(out), *given], PROJECT, out, LONGEST_S)
            if got.fault or not got.told.get("search_s"):
                yield f"  {name}, {jobs}: skipped, {got.fault or 'it told no time'}"
                continue
            rates[name, jobs] = count / got.told["search_s"]


def _ours(shelf: Path, room: Path, rates: Rates) -> list[str]:
    out = room / "search-ours.json"
    module = "tests.benchmarks.rivals.drive_search"
    start = [sys.executable, "-m", module, str(shelf), str(out), str(TRIALS), str(ROUNDS)]
    got = measured(start, PROJECT, out, LONGEST_S)
    if got.fault:
        return [f"  ours: skipped, {got.fault}"]
    for key, rate in got.told.items():
        name, jobs = key.rsplit("/", 1)
        rates[name, int(jobs)] = rate
    return []


def _rate(rates: Rates, name: str, jobs: int) -> str:
    rate = rates.get((name, jobs))
    return "-" if rate is None else f"{rate:,.2f}" if rate < 10 else f"{rate:,.0f}"


def scaling(rates: Rates, name: str) -> float | None:
    one, two = (rates.get((name, jobs)) for jobs in JOBS)
    return None if one is None or two is None else two / one


def _scaling_text(rates: Rates, name: str) -> str:
    found = scaling(rates, name)
    return "-" if found is None else f"{found:.2f}"


def _aims(rates: Rates) -> Iterator[str]:
    for jobs in JOBS:
        own = rates.get((RANDOM, jobs))
        for (name, others), rate in rates.items():
            if own is None or others != jobs or name.startswith("perpilot") or name == BARE:
                continue
            wanted = LEAST_TIMES if name.startswith("freqtrade") else 1.0
            yield _aim(f"{RANDOM}, {jobs}: over {name}", own / rate, wanted)
    own_scaling, bare_scaling = scaling(rates, RANDOM), scaling(rates, BARE)
    if own_scaling and bare_scaling:
        yield _aim("two workers: scaling over the bare loop's", own_scaling / bare_scaling, LEAST_SCALING)


def _aim(words: str, ratio: float, wanted: float) -> str:
    return f"  {'met   ' if ratio >= wanted else 'MISSED'}  {words}: {ratio:,.2f} (at least {wanted:g})"
