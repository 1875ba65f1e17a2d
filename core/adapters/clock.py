"""The one place where the program reads the time.

Laws:
- Nothing else in the program asks the machine what time it is; it is handed a `Clock`.
- Durations come from a monotonic source: a step of the wall clock never makes one negative.
- `now`, `monotonic` and `sleep` of one clock run at one speed.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock:
    """A clock that equals the machine's at `origin` and runs `speed` times as fast from there.

    Two processes on one machine that share `origin`, `speed` and `origin_monotonic` read the same time.
    Without `origin_monotonic` it is worked out once from the wall clock, so they agree to `speed` times the
    wall clock's error between their starts.
    """

    def __init__(self, origin: datetime, speed: float, *, origin_monotonic: float | None = None) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be a positive number, not {speed}")
        if origin.tzinfo is None:
            raise ValueError(f"origin {origin.isoformat()} must carry a time zone")
        self.origin = origin.astimezone(UTC)
        self.speed = speed
        if origin_monotonic is None:
            origin_monotonic = time.monotonic() - (datetime.now(UTC) - self.origin).total_seconds()
        self.origin_monotonic = origin_monotonic

    def now(self) -> datetime:
        return self.origin + timedelta(seconds=self._elapsed())

    def monotonic(self) -> float:
        """Seconds of this clock, so that durations agree with `now` and `sleep`."""
        return self.origin_monotonic + self._elapsed()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def _elapsed(self) -> float:
        return (time.monotonic() - self.origin_monotonic) * self.speed
