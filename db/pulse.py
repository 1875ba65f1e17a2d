"""How the database is doing, from what its last operations met: asking costs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from core.ports import ComponentHealth
from db.faults import Fault, FaultKind

ERROR_SHOWN_S = 60.0
"""An error keeps the database `degraded` this long, so that a look every 60 s sees it."""
SLOW_S = 1.0
"""Above this a commit takes longer than guarding can spare."""
DOWN_AFTER = 2
"""So many operations in a row without an answer: `down`."""
LOW_SPACE_MB = 100
"""Below this, entries should not be opened: the journal may not be able to follow them."""


class Pulse:
    def __init__(self, monotonic: Callable[[], float], folder: Path | None) -> None:
        """`folder`: where the file lies; None for a server."""
        self._monotonic = monotonic
        self._folder = folder
        self._latency_s: float | None = None
        self._error = ""
        self._error_at = 0.0
        self._seen_at: float | None = None
        self._misses = 0
        self.lost_connections = 0

    def answered(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._seen_at = self._monotonic()
        self._misses = 0

    def failed(self, fault: Fault) -> None:
        self._error = fault.text
        self._error_at = self._monotonic()
        if fault.kind is FaultKind.UNREACHABLE:
            if self._misses == 0:
                self.lost_connections += 1
            self._misses += 1
        else:
            self._misses = 0

    def health(self) -> ComponentHealth:
        now = self._monotonic()
        free_mb = self._free_mb()
        state, detail = self._judge(now, free_mb)
        more: dict[str, object] = {"lost_connections": self.lost_connections, "last_error": self._error}
        if self._latency_s is not None:
            more["latency_ms"] = round(self._latency_s * 1000, 1)
        if free_mb is not None:
            more["free_mb"] = free_mb
        return ComponentHealth(state, detail, None if self._seen_at is None else now - self._seen_at, more)

    def _judge(self, now: float, free_mb: int | None) -> tuple[str, str]:
        if self._misses >= DOWN_AFTER:
            return "down", self._error
        if self._error and now - self._error_at < ERROR_SHOWN_S:
            return "degraded", self._error
        if free_mb is not None and free_mb < LOW_SPACE_MB:
            return "degraded", f"{free_mb} MB free on the database's disk, below {LOW_SPACE_MB} MB"
        if self._latency_s is not None and self._latency_s > SLOW_S:
            return "degraded", f"the last operation took {self._latency_s:.1f} s, above {SLOW_S:g} s"
        return "ok", ""

    def _free_mb(self) -> int | None:
        if self._folder is None:
            return None
        try:
            return shutil.disk_usage(self._folder).free // 1_000_000
        except OSError:
            return None
