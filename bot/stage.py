"""Where one run plays: which account, which clock, where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.ports import Clock


@dataclass(frozen=True, slots=True)
class Stage:
    account: str
    """`paper`, `demo` or `live:EXCHANGE`; every row belongs to one."""
    is_paper: bool
    clock: Clock
    home: Path
    """Logs, lock file and backups."""
    venue_name: str
    speed: float = 1.0
    """The clock's seconds per real second."""

    @property
    def is_demo(self) -> bool:
        """Play money in a made-up or replayed market: evidence of nothing."""
        return self.account == "demo"
