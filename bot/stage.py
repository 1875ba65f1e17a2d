"""Where one run plays: which account, which clock, where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.ports import Clock


@dataclass(frozen=True, slots=True)
class Stage:
    account: str
    """`paper`, `demo`, `demo-live` or `live:EXCHANGE`; every row belongs to one."""
    is_paper: bool
    clock: Clock
    home: Path
    """Logs, lock file and backups."""
    venue_name: str
    speed: float = 1.0
    """The clock's seconds per real second."""
    is_demo: bool = False
    """Play money in a made-up or replayed market: evidence of nothing."""
