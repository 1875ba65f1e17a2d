"""A command run in a process of its own: how long it took, how much memory it held, what it wrote down."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 400
"""Characters of what a failed command said."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`told`: the JSON that it wrote, empty: none; `said`: its output; `fault`: why it failed."""

    seconds: float
    peak_mb: float | None
    told: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    fault: str = ""


def measured(
    command: Sequence[str],
    folder: Path,
    out: Path | None,
    timeout_s: float,
    more: Mapping[str, str] | None = None,
) -> Measured:
    """Runs it in `folder` to its end, or kills it after `timeout_s`. `more`: added to its environment."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | dict(more or {}),
        )  # fmt: skip
        usage = _waited(process, started + timeout_s)
        seconds = time.perf_counter() - started
        said.seek(0)
        last = said.read().decode(errors="replace").strip()
    if usage is None:
        return Measured(seconds, None, fault=f"not done after {timeout_s:.0f} s")
    if process.returncode != 0:
        return Measured(
            seconds, None, fault=" ".join(last[-SHOWN:].split()) or f"exit code {process.returncode}"
        )
    told = json.loads(out.read_text()) if out is not None and out.exists() else {}
    return Measured(seconds, _peak_mb(usage), told, last)


def _waited(process: subprocess.Popen[bytes], until: float) -> resource.struct_rusage | None:
    """What it used; None where it had to be killed."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.perf_counter() > until:
            os.killpg(process.pid, 9)
            os.wait4(process.pid, 0)
            process.returncode = -9
            return None
        time.sleep(0.002)


def _peak_mb(usage: resource.struct_rusage) -> float | None:
    """None where it can't be told from our own: a child begins with the peak of who started it."""
    own_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage.ru_maxrss / 1024 if usage.ru_maxrss > own_kb else None
