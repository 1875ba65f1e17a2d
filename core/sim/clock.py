"""Time under simulation: it moves only when somebody moves it."""

from __future__ import annotations

from datetime import datetime, timedelta


class VirtualClock:
    """A `Clock` whose sleepers advance it; one task at a time."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._start = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Raises `ValueError` for a negative span."""
        self.set(self._now + timedelta(seconds=seconds))

    def reach(self, moment: datetime) -> None:
        """Goes on to `moment`; where somebody's waiting has taken longer than that, time stays."""
        self._now = max(self._now, moment)

    def set(self, moment: datetime) -> None:
        """Raises `ValueError` when `moment` lies in the past."""
        if moment < self._now:
            raise ValueError(f"time cannot go back from {self._now} to {moment}")
        self._now = moment
