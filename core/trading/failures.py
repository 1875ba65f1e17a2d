"""How often venue and market did not answer lately: what the breaker for exchange errors counts."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from core.errors import PerpilotError, Unknown
from core.ports import Clock

ONE_OUTAGE = timedelta(seconds=1)
"""Calls that fail side by side are one failure: a scan asks for dozens of things at the same time."""
MOST_KEPT = 1_000


class Failures:
    """Only answers that did not come count: a refusal and a spent request budget are answers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: deque[datetime] = deque(maxlen=MOST_KEPT)

    def note(self, error: PerpilotError) -> None:
        now = self._clock.now()
        if isinstance(error, Unknown) and not (self._at and abs(now - self._at[-1]) < ONE_OUTAGE):
            self._at.append(now)

    def count(self, window_s: float) -> int:
        """Of the last `window_s` seconds."""
        now = self._clock.now()
        return sum(1 for at in self._at if abs((now - at).total_seconds()) <= window_s)

    def forget(self) -> None:
        self._at.clear()
