"""How much the venue may still be asked.

Laws:
- Every request is paid for before it is sent.
- A share is kept back for guarding: scanning never spends it.
- Told to wait by the venue, all scanning waits; guarding may still ask.
- Waiting is bounded: what would take longer raises `Throttled`.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from core.errors import Throttled
from core.ports import Clock

RESERVE_FRACTION = 0.25
MAX_WAIT_S = 5.0
"""Half a scanning call's deadline: after the wait there is still time for an answer."""

_GRAIN_S = 0.25
"""Spending within it is one ledger entry, which keeps the ledger at `window_s / 0.25` entries."""


class WeightBudget:
    """A rolling window of request weight; never more in any `window_s` than `limit`.

    A rolling window is stricter than the fixed minutes a venue counts in, so their border needs no guessing.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int = 2400,
        window_s: float = 60.0,
        reserve_fraction: float = RESERVE_FRACTION,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        if limit <= 0 or not 0 <= reserve_fraction < 1:
            raise ValueError(f"limit {limit} must be positive and reserve {reserve_fraction} in [0, 1)")
        self._clock = clock
        self.limit = limit
        self.window_s = window_s
        self._reserve_fraction = reserve_fraction
        self._max_wait_s = max_wait_s
        self._ledger: deque[tuple[float, int]] = deque()
        self._used = 0
        self._silent_until: datetime | None = None

    @property
    def used(self) -> int:
        """Weight spent in the last `window_s`."""
        self._forget()
        return self._used

    @property
    def silent_until(self) -> datetime | None:
        """When the venue will listen again; None when it listens."""
        if self._silent_until is not None and self._silent_until <= self._clock.now():
            self._silent_until = None
        return self._silent_until

    async def take(self, weight: int, *, urgent: bool) -> None:
        """Pays `weight`, waiting for room if need be. Raises `Throttled` when that would take too long."""
        waited = 0.0
        while True:
            silent_until = self.silent_until
            if silent_until is not None and not urgent:
                raise Throttled(
                    f"the exchange asked for silence until {silent_until:%H:%M:%S} UTC", silent_until
                )
            pause = self._pause(weight, urgent=urgent)
            if pause <= 0:
                self._spend(weight)
                return
            if waited + pause > self._max_wait_s:
                until = self._clock.now() + timedelta(seconds=pause)
                raise Throttled(f"request budget is spent ({self._used} of {self.limit})", until)
            await self._clock.sleep(pause)
            waited += pause

    def heard(self, used: int) -> None:
        """The venue's own count; what others on this address spent becomes ours too."""
        self._forget()
        if used > self._used:
            self._spend(used - self._used)

    def resize(self, limit: int) -> None:
        """The venue told its limit."""
        if limit <= 0:
            raise ValueError(f"limit {limit} must be positive")
        self.limit = limit

    def silence(self, until: datetime) -> None:
        if self._silent_until is None or until > self._silent_until:
            self._silent_until = until

    def _pause(self, weight: int, *, urgent: bool) -> float:
        """Seconds until `weight` fits; 0 when it fits now."""
        self._forget()
        room = (
            (self.limit if urgent else int(self.limit * (1 - self._reserve_fraction))) - self._used - weight
        )
        if room >= 0:
            return 0.0
        now = self._clock.monotonic()
        for at, spent in self._ledger:
            room += spent
            if room >= 0:
                return max(at + self.window_s + _GRAIN_S - now, 0.01)
        raise ValueError(f"one request of weight {weight} is more than the whole budget")

    def _spend(self, weight: int) -> None:
        now = self._clock.monotonic()
        self._used += weight
        if self._ledger and now - self._ledger[-1][0] < _GRAIN_S:
            at, spent = self._ledger[-1]
            self._ledger[-1] = (at, spent + weight)
        else:
            self._ledger.append((now, weight))

    def _forget(self) -> None:
        # An entry may hold spending up to _GRAIN_S younger than its stamp, so it is kept that much longer.
        horizon = self._clock.monotonic() - self.window_s - _GRAIN_S
        while self._ledger and self._ledger[0][0] <= horizon:
            self._used -= self._ledger.popleft()[1]
