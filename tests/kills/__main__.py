"""Kills the running program: `python -m tests.kills [--kills N] [--terms N] [--seed N] [--worlds N]`.

The kills are shared out over worlds that run side by side; a seed and its counts play the same plan again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.kills.campaign import RECOVERY_S, Killed, Series, Sign, mixed, play


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="SIGKILLs in all")
    parser.add_argument("--terms", type=int, default=100, help="SIGTERMs in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--keep", type=Path, help="folder for logs and databases")
    return parser.parse_args(words)


def shares(total: int, parts: int) -> list[int]:
    """As even as can be."""
    return [total // parts + (place < total % parts) for place in range(parts)]


async def storm(options: argparse.Namespace, home: Path) -> list[Series]:
    plans = zip(shares(options.kills, options.worlds), shares(options.terms, options.worlds), strict=True)
    games = []
    for place, (kills, terms) in enumerate(plans):
        seed = options.seed + place
        games.append(play(home / f"world-{seed}", seed, mixed(kills, terms, seed), _teller(seed)))
    return list(await asyncio.gather(*games))


def _teller(seed: int) -> Callable[[Killed], None]:
    def tell(row: Killed) -> None:
        _say(f"seed {seed} {row.words()}")

    return tell


def table(games: list[Series]) -> list[str]:
    """The figures of all worlds together."""
    lines = ["", f"{'':34}{'count':>8}{'median':>9}{'longest':>9}"]
    for sign in Sign:
        rows = [row for game in games for row in game.kills if row.sign is sign]
        aimed = sum(row.is_aimed for row in rows)
        lines.append(f"{sign.value} ({aimed} at the request aimed at)".ljust(34) + f"{len(rows):>8}")
        lines += _figures("  recovery, s", [row.recovery_s for row in rows])
        lines += _figures("  recovery, its own, s", [row.own_recovery_s for row in rows])
        lines += _figures("  journal = exchange after, s", [row.rest_s for row in rows])
        lines += _figures("  longest bare, s", [row.bare_s for row in rows if row.bare_s])
        lines += _figures("  longest bare, its own, s", [row.own_bare_s for row in rows if row.bare_s])
        lines += _figures("  exit, s", [row.exit_s for row in rows if row.exit_s is not None])
    lines += _figures("weight of a start", [float(row.weight) for game in games for row in game.kills])
    slowest = max(game.slowness for game in games)
    lines.append(
        f"limits of {RECOVERY_S:g} s, stretched by {slowest:.2f}: how busy the machine was at the start"
    )
    lines.append(
        f"{sum(game.entries for game in games)} entries, {sum(game.booked for game in games)} booked"
    )
    return lines


def _figures(name: str, values: list[float]) -> list[str]:
    if not values:
        return []
    return [f"{name:<34}{len(values):>8}{median(values):>9.2f}{max(values):>9.2f}"]


def main(words: list[str]) -> int:
    options = arguments(words)
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(143)
    )  # so that no killed bot's world is left
    home = (options.keep or Path(tempfile.mkdtemp(prefix="kills-"))).resolve()
    began = time.monotonic()
    games = asyncio.run(storm(options, home))
    for line in table(games):
        _say(line)
    found = [f"seed {game.seed}: {text}" for game in games for text in game.all_violations()]
    took = time.monotonic() - began
    _say(f"{sum(len(game.kills) for game in games)} kills in {took:.0f} s, {len(found)} violations")
    for text in found:
        _say(text)
    if found:
        again = (
            f"--kills {options.kills} --terms {options.terms} --seed {options.seed} --worlds {options.worlds}"
        )
        _say(f"again: python -m tests.kills {again}; logs and databases: {home}")
        return 1
    if options.keep is None:
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
