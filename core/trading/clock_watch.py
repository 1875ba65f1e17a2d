"""Whether this machine's clock may be trusted with signed orders.

Laws:
- Over a second beside the exchange nothing is opened; over half a second the owner hears of it, once until it
  is over.
- What was measured long ago, or before our clock was set, is measured again; what cannot be measured is
  unknown, and unknown opens nothing.
- Guarding never asks this: an order refused for its time has the clock measured at once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from core.errors import PerpilotError
from core.journal import DeskJournal
from core.ports import Clock, ClockReading
from core.trading import notices

log = logging.getLogger("perpilot.clock")

ALERT_S = 0.5
OVER_S = 0.4
"""The episode ends below it, so that a clock at the border is not told of every minute."""
DENY_S = 1.0
STEP_S = 0.25
"""Our clock was set by more than this since the measurement: it says nothing any more."""
MEASURE_EVERY_S = 240.0
UNKNOWN_AFTER_S = 900.0


class Timed(Protocol):
    """A connection that can read the exchange's time: market and venue."""

    def clock_reading(self) -> ClockReading | None: ...

    async def measure_clock(self) -> float: ...


def against_clock(readings: Mapping[str, ClockReading | None]) -> str:
    """Why entries stay closed, by connection; empty when every clock is known and near enough."""
    for name, reading in readings.items():
        if reading is None:
            return f"the exchange's clock was not read yet ({name})"
        if reading.age_s > UNKNOWN_AFTER_S:
            return f"the exchange's clock was last read {reading.age_s / 60:.0f} minutes ago ({name})"
        if abs(reading.stepped_s) > STEP_S:
            return (
                f"this machine's clock was set by {reading.stepped_s:+.2f} s and not compared since ({name})"
            )
        if abs(reading.offset_s) > DENY_S:
            return (
                f"this machine's clock is {-reading.offset_s:+.2f} s from the exchange's, "
                f"at most {DENY_S:g} s is allowed ({name}); let it synchronise (NTP)"
            )
    return ""


class ClockWatch:
    def __init__(self, sources: Mapping[str, Timed], journal: DeskJournal, clock: Clock) -> None:
        self._sources = sources
        self._journal = journal
        self._clock = clock
        self._is_told = False

    async def review(self) -> str:
        """Measures what is due and tells a new episode; returns why entries stay closed, or nothing.

        Raises `JournalError`.
        """
        for name, source in self._sources.items():
            if _is_due(source.clock_reading()):
                await self._measure(name, source)
        readings = {name: source.clock_reading() for name, source in self._sources.items()}
        await self._tell(max((abs(each.offset_s) for each in readings.values() if each), default=0.0))
        return against_clock(readings)

    async def _measure(self, name: str, source: Timed) -> None:
        try:
            await source.measure_clock()
        except PerpilotError as error:
            log.warning("clock not measured: connection=%s error=%s", name, error)

    async def _tell(self, worst_s: float) -> None:
        if worst_s > ALERT_S and not self._is_told:
            text = (
                f"This machine's clock is {worst_s:.2f} s from the exchange's. Over {DENY_S:g} s nothing is "
                "opened; let it synchronise (NTP)."
            )
            await self._journal.tell([notices.system(f"clock:{self._clock.now().isoformat()}", text)])
            self._is_told = True
        elif worst_s < OVER_S:
            self._is_told = False


def _is_due(reading: ClockReading | None) -> bool:
    return reading is None or reading.age_s >= MEASURE_EVERY_S or abs(reading.stepped_s) > STEP_S
