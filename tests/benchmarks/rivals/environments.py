"""Each rival in an environment of its own under `.venv-rivals/`, installed by pip from the package index.

Laws:
- One is installed at a time and with low priority; what can't be had is skipped, and its reason is kept.
- Versions are pinned: figures belong to a version.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[3]
ROOT = PROJECT / ".venv-rivals"
INSTALL_S = 1_800.0
LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class Rival:
    """`packages`: what pip is told; `extra`: what it is better with and can do without."""

    name: str
    packages: tuple[str, ...]
    extra: tuple[str, ...] = ()


BACKTESTING = Rival("backtesting", ("backtesting==0.6.6", "pyarrow"))
VECTORBT = Rival("vectorbt", ("vectorbt==1.2.0", "numba", "pyarrow"), ("vectorbt-rust==1.2.0",))
FREQTRADE = Rival("freqtrade", ("freqtrade[hyperopt]==2026.9",))
RIVALS = (BACKTESTING, VECTORBT, FREQTRADE)


@dataclass(frozen=True, slots=True)
class Ready:
    """`python`: its interpreter, None where it can't be had; `reason`: why not, or what is missing in it."""

    rival: Rival
    python: Path | None
    reason: str = ""


def made(rivals: tuple[Rival, ...] = RIVALS, root: Path = ROOT) -> Iterator[Ready]:
    """One after the other; those that are there already are only looked at."""
    for rival in rivals:
        yield _made(rival, root / rival.name)


def _made(rival: Rival, place: Path) -> Ready:
    python, note = place / "bin" / "python", place / ".installed"
    wanted = " ".join((*rival.packages, *rival.extra))
    if note.is_file() and note.read_text().splitlines()[:1] == [wanted]:
        return Ready(rival, python, "".join(note.read_text().splitlines()[1:]))
    if not python.exists():
        fault = _fault([sys.executable, "-m", "venv", str(place)])
        if fault:
            return Ready(rival, None, f"no environment: {fault}")
    fault = _installed(python, rival.packages)
    if fault:
        return Ready(rival, None, f"not to be installed: {fault}")
    missing = _installed(python, rival.extra) if rival.extra else ""
    reason = f"without {' '.join(rival.extra)}: {missing}" if missing else ""
    note.write_text(f"{wanted}\n{reason}")
    return Ready(rival, python, reason)


def _installed(python: Path, packages: tuple[str, ...]) -> str:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return _fault([*pip, *packages])


def _fault(command: list[str]) -> str:
    """The last line that it said, where it failed; empty: it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, check=False,
            preexec_fn=lambda: os.nice(10),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)[:LONGEST_REASON]
    said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
    return said[-1][:LONGEST_REASON] if done.returncode else ""
