"""The breakers' bookkeeping: recorded before they act, cleared by rule or by a person, found
again at start."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from core.journal import BreakerEvent, DeskJournal
from core.risk import breakers
from core.risk.breakers import Reading
from core.risk.limits import Limits, Policy
from core.risk.reopening import ACTIONS, BY_CLOCK, Standing, clearing_words, cools_until, is_probing
from core.trade import ClosedTrade
from core.trading import notices

log = logging.getLogger("perpilot.breakers")


class BreakerBook:
    """One account's events, kept in memory: nobody else trips or clears them. Raises `JournalError`."""

    def __init__(self, journal: DeskJournal, account: str) -> None:
        self._journal = journal
        self._account = account
        self._resolved: dict[str, BreakerEvent] | None = None
        self._gone_since: dict[str, datetime] = {}
        """Open breaker → since when its cause is gone."""
        self._waived: set[str] = set()
        """Acknowledged while the cause lasts: not tripped again before it was gone once."""
        self.open_events: tuple[BreakerEvent, ...] = ()

    async def load(self) -> None:
        if self._resolved is not None:
            return
        found = [await self._journal.last_resolved(self._account, name) for name in breakers.NAMES]
        self.open_events = await self._journal.open_breakers(self._account)
        self._resolved = {event.name: event for event in found if event is not None}

    def last_resolved(self, name: str) -> BreakerEvent | None:
        return (self._resolved or {}).get(name)

    def resolved_at(self, name: str) -> datetime | None:
        event = self.last_resolved(name)
        return event.resolved_at if event is not None else None

    def acknowledged_at(self, name: str) -> datetime | None:
        """When a person cleared it last, unless a rule did so since."""
        event = self.last_resolved(name)
        return event.resolved_at if event is not None and event.resolved_by != breakers.RULE else None

    async def clear_by_clock(self, limits: Limits, now: datetime) -> None:
        """What reopens at its time, before anything is measured: some gauges count from then on."""
        for event in self.open_events:
            until = cools_until(event.name, event.created_at, None, limits)
            if event.name in BY_CLOCK and until is not None and until <= now:
                await self.resolve(event.name, breakers.RULE, now)

    async def review(self, readings: Sequence[Reading], limits: Limits, now: datetime) -> None:
        """Clears what has cooled down, trips what is over its limit."""
        measured = {reading.name: reading for reading in readings}
        for event in self.open_events:
            reading = measured.get(event.name)
            if reading is not None and event.name not in BY_CLOCK:
                self._note_cause(reading, now)
                until = cools_until(event.name, event.created_at, self._gone_since.get(event.name), limits)
                if until is not None and until <= now:
                    await self.resolve(event.name, breakers.RULE, now)
        open_names = {event.name for event in self.open_events}
        for reading in readings:
            if reading.is_inside:
                self._waived.discard(reading.name)
            if reading.is_tripped and reading.name not in open_names and not self._is_waived(reading, now):
                await self._trip(reading, limits, now)

    async def begin_anew(self, reading: Reading, by: str, now: datetime, reason: str) -> bool:
        """A person ends what stopped entries though it had not tripped. Recorded as a trip that is over: no
        policy acts on it, and everything that counts from a reopening counts from here."""
        value, threshold = reading.shown()
        event = BreakerEvent(0, self._account, reading.name, value, threshold, ACTIONS[Policy.HOLD], now)
        await self._journal.trip_breaker(event, [])
        return await self.resolve(reading.name, by, now, reason)

    async def resolve(self, name: str, by: str, now: datetime, reason: str = "") -> bool:
        """False when it is not open."""
        told = notices.breaker_cleared(name, by, now, reason)
        done = await self._journal.resolve_breaker(self._account, name, by, now, [told], reason)
        self._gone_since.pop(name, None)
        self.open_events = await self._journal.open_breakers(self._account)
        event = await self._journal.last_resolved(self._account, name)
        if event is not None and self._resolved is not None:
            self._resolved[name] = event
        if done:
            log.warning("breaker cleared: name=%s by=%s reason=%s", name, by, reason)
        return done

    def waive(self, reading: Reading) -> None:
        """A person knows of this cause: it trips again only after it was gone."""
        if reading.is_tripped and not breakers.BY_NAME[reading.name].is_loss:
            self._waived.add(reading.name)

    def standings(
        self, readings: Sequence[Reading], trades: Sequence[ClosedTrade], limits: Limits
    ) -> tuple[Standing, ...]:
        """Every breaker as it stands; `trades` are the newest closed ones."""
        opened = {event.name: event for event in self.open_events}
        found = []
        for reading in readings:
            name, event = reading.name, opened.get(reading.name)
            until = None
            if event is not None:
                until = cools_until(name, event.created_at, self._gone_since.get(name), limits)
            probing = event is None and is_probing(self.last_resolved(name), trades)
            policy, clears = limits.breakers.policy(name), clearing_words(name, until, limits)
            found.append(Standing(reading, event, until, probing, policy, clears))
        return tuple(found)

    def _note_cause(self, reading: Reading, now: datetime) -> None:
        if not reading.is_inside:
            self._gone_since.pop(reading.name, None)
            return
        since = self._gone_since.setdefault(reading.name, now)
        self._gone_since[reading.name] = min(since, now)  # a clock that was set back begins anew

    def _is_waived(self, reading: Reading, now: datetime) -> bool:
        if reading.name != breakers.DAILY_LOSS:
            return reading.name in self._waived
        # A person cleared the day's loss today: what is left of the day's budget still holds in the checks.
        event = self.last_resolved(reading.name)
        return event is not None and event.created_at.date() == now.date()

    async def _trip(self, reading: Reading, limits: Limits, now: datetime) -> None:
        value, threshold = reading.shown()
        action = ACTIONS[limits.breakers.policy(reading.name)]
        event = BreakerEvent(0, self._account, reading.name, value, threshold, action, now)
        clears = clearing_words(reading.name, cools_until(reading.name, now, None, limits), limits)
        log.warning("breaker tripped: name=%s value=%s threshold=%s", reading.name, value, threshold)
        await self._journal.trip_breaker(event, [notices.breaker_tripped(event, clears)])
        self._gone_since.pop(reading.name, None)
        self.open_events = await self._journal.open_breakers(self._account)
