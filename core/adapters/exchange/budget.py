"""How much the venue may still be asked.

Laws:
- Every request is paid for before it is sent.
- A share is kept back for guarding: scanning never spends it.
- Told to be silent (429, a ban by 418 or 403), everything but protection is silent until the end that the
  venue named. An order that protects or reduces always goes. Guarding reads go in soundings: a few seconds
  in which one look fits, then nothing for 10 s, doubling to a minute, because each request may lengthen a
  ban. Told again, a sounding ends at once; after a protecting order another begins, so that its effect is
  looked at.
- Waiting is bounded: what would take longer raises `Throttled`. An order that protects is never held by it.
- What others spent, or this program before a restart, is the venue's count of its minute and ends with that.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from core.errors import Throttled
from core.ports import Clock

RESERVE_FRACTION = 0.25
MAX_WAIT_S = 5.0
"""Half a scanning call's deadline: after the wait there is still time for an answer."""

SOUNDING_S = 3.0
"""One guarding read's deadline: a look of several reads fits into it while the venue answers."""
FIRST_SOUNDING_PAUSE_S, LONGEST_SOUNDING_PAUSE_S = 10.0, 60.0
"""From the begin of one sounding to the next; half of the shortest ban (2 minutes) at most."""

BORDER_S = 1.5
"""The venue's minute may end this much after ours: its clock is up to a second beside ours."""
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
        self._others, self._others_until = 0, 0.0
        """Weight that is not in the ledger, and when the venue forgets it (monotonic seconds)."""
        self._silent_until: datetime | None = None
        self._soundings = _Soundings(clock)

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

    async def take(self, weight: int, *, urgent: bool, protects: bool = False) -> None:
        """Pays `weight`, waiting for room if need be. Raises `Throttled` when that would take too long.

        `urgent`: may spend the reserve, and sound the venue while it wants silence. `protects`: an order that
        protects or reduces, which silence does not hold.
        """
        waited = 0.0
        while True:
            self._obey_silence(urgent=urgent, protects=protects)
            pause = self._pause(weight, urgent=urgent)
            if pause <= 0 or protects:
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
            self._others, self._used = self._others + used - self._used, used
            left_s = self.window_s - self._clock.now().timestamp() % self.window_s
            self._others_until = self._clock.monotonic() + left_s + BORDER_S

    def resize(self, limit: int) -> None:
        """The venue told its limit."""
        if limit <= 0:
            raise ValueError(f"limit {limit} must be positive")
        self.limit = limit

    def silence(self, until: datetime) -> None:
        """The venue told us so; an end is never brought nearer. What is over before a sounding would be holds
        up no guarding: that is a moment's rate, not a ban."""
        if self.silent_until is None:
            self._soundings = _Soundings(self._clock)
        if until - self._clock.now() > timedelta(seconds=SOUNDING_S):
            self._soundings.end()
        if self._silent_until is None or until > self._silent_until:
            self._silent_until = until

    def _obey_silence(self, *, urgent: bool, protects: bool) -> None:
        silent_until = self.silent_until
        if silent_until is None:
            return
        if protects:
            self._soundings.resume()
        elif not (urgent and self._soundings.admits()):
            raise Throttled(f"the exchange asked for silence until {silent_until:%H:%M:%S} UTC", silent_until)

    def _pause(self, weight: int, *, urgent: bool) -> float:
        """Seconds until `weight` fits; 0 when it fits now."""
        self._forget()
        room = (
            (self.limit if urgent else int(self.limit * (1 - self._reserve_fraction))) - self._used - weight
        )
        if room >= 0:
            return 0.0
        now = self._clock.monotonic()
        ends = [(at + self.window_s + _GRAIN_S, spent) for at, spent in self._ledger]
        for end, spent in sorted([*ends, (self._others_until, self._others)]):
            room += spent
            if room >= 0:
                return max(end - now, 0.01)
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
        if self._others and self._clock.monotonic() >= self._others_until:
            self._used, self._others = self._used - self._others, 0
        # An entry may hold spending up to _GRAIN_S younger than its stamp, so it is kept that much longer.
        horizon = self._clock.monotonic() - self.window_s - _GRAIN_S
        while self._ledger and self._ledger[0][0] <= horizon:
            self._used -= self._ledger.popleft()[1]


class _Soundings:
    """When guarding may ask during one silence."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pause_s = FIRST_SOUNDING_PAUSE_S
        self._open_until: float | None = None
        self._next_at: float | None = None
        """None before the first, which may begin at once."""

    def admits(self) -> bool:
        """Whether a read may go now; begins the next sounding where one is due."""
        now = self._clock.monotonic()
        if self._open_until is not None and now < self._open_until:
            return True
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_SOUNDING_PAUSE_S)
        self.resume()
        return True

    def resume(self) -> None:
        self._open_until = self._clock.monotonic() + SOUNDING_S

    def end(self) -> None:
        self._open_until = None
