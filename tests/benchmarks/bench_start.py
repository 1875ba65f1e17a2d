"""From spawning the process to the answer to /status in the chat, with bytecode compiled."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from bot.demo.telegram import TelegramStandIn
from tests.benchmarks.rig import BASE, KEYS, TEN, chat, median, outside, plain, show, status_s, verdict

STARTS = 5
RIVAL_S = 5.6
"""freqtrade to RUNNING, measured on a machine like the one this was developed on."""
UNHURRIED = (
    "import sys, runpy; from bot import aiogram_fast; aiogram_fast.TRIED_WITH = {'aiogram': 'none'}; "
    "import main; raise SystemExit(main.main(sys.argv[1:]))"
)
"""The same program with aiogram imported as usual."""


@dataclass(frozen=True)
class Figures:
    wall_s: float
    computed_s: float
    resident_mb: float


async def bench_start_to_the_first_answered_command(tmp_path: Path) -> None:
    async with outside() as world, chat() as telegram:
        settings = BASE | KEYS | world | {"TELEGRAM_API_URL": telegram.url, "SYMBOLS": TEN}
        await _started(tmp_path / "warm", telegram, settings)
        fresh = [await _started(tmp_path / f"fresh-{n}", telegram, settings) for n in range(STARTS)]
        again = [await _started(tmp_path / "warm", telegram, settings) for _ in range(STARTS)]
        usual = [
            await _started(tmp_path / "warm", telegram, settings, ["-c", UNHURRIED]) for _ in range(STARTS)
        ]
    first = median([one.wall_s for one in again])
    show(
        "start to first answered /status",
        _line("new database", fresh),
        _line("existing database", again),
        _line("… with aiogram imported as usual", usual),
        f"{first:.2f} s against freqtrade's {RIVAL_S} s to RUNNING: ratio {first / RIVAL_S:.2f}, "
        f"{verdict(first < RIVAL_S)}",
    )


async def _started(
    home: Path, telegram: TelegramStandIn, settings: dict[str, str], starter: list[str] | None = None
) -> Figures:
    """Until the answer."""
    started = time.perf_counter()
    async with plain(home, settings, starter or ()) as pid:
        await status_s(telegram)
        return Figures(time.perf_counter() - started, _computed_s(pid), _resident_mb(pid))


def _computed_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _line(name: str, figures: list[Figures]) -> str:
    walls = sorted(one.wall_s for one in figures)
    computed = median([one.computed_s for one in figures])
    resident = median([one.resident_mb for one in figures])
    return (
        f"{name:34s} median {median(walls):5.2f} s, {walls[0]:.2f} to {walls[-1]:.2f} s; "
        f"of it computing {computed:.2f} s; {resident:.0f} MB then"
    )
