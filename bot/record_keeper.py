"""Keeps the advisers' record: outcomes as the market gives them, figures and standing in memory."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from core.advice.figures import Record, record_of, suggestions
from core.advice.pooling import standing_of
from core.advice.strategy_voice import is_strategy
from core.adviser_record import NO_STANDING, Judgement, OpinionJournal, Standing
from core.adviser_views import ModelsView
from core.opinion import Role
from core.ports import Clock

log = logging.getLogger("perpilot.record")

WINDOW = timedelta(days=180)
"""What lies further back is another market."""
PAGE = 1_000
MOST_READ = 60_000
"""Newest first. Four advisers on ten symbols reach it in about three weeks of being asked at every bar, and
code screens end most scans before anybody is asked."""
EVERY = timedelta(hours=1)
FRESH = 50
"""New outcomes that make it worth to count again within a day."""
YOUNG = 500
"""Judgements up to which counting is so cheap that it is done at every pass."""
SEED = 20_260_101
"""Of the intervals' draws: the same record gives the same figures after a restart."""

Counting = Callable[[], Record]


class Follower(Protocol):
    async def follow(self) -> int: ...


class RecordKeeper:
    def __init__(
        self,
        journal: OpinionJournal,
        follower: Follower,
        clock: Clock,
        account: str,
        roles: Callable[[], Mapping[str, Role]],
        apart: Callable[[Counting], Awaitable[Record]],
    ) -> None:
        """`roles`: of every adviser that takes part. `apart` runs a count off the event loop."""
        self._journal = journal
        self._follower = follower
        self._clock = clock
        self._account = account
        self._roles = roles
        self._apart = apart
        self._record = Record()
        self._read = 0
        self._new = 0
        self._standing: tuple[Mapping[str, Role], Standing] = ({}, NO_STANDING)

    async def pass_once(self) -> None:
        """Follows the market, and counts again when that is due. Raises `JournalError`."""
        self._new += await self._follower.follow()
        if self._is_due(self._clock.now()):
            await self.count()

    def _is_due(self, now: datetime) -> bool:
        counted = self._record.as_of
        if counted is None or now.date() != counted.date() or self._read <= YOUNG:
            return True
        return self._new >= FRESH and now - counted >= EVERY

    async def count(self) -> None:
        now = self._clock.now()
        judgements = await self._judgements(now - WINDOW)
        self._record = await self._apart(lambda: record_of(judgements, SEED, now))
        self._read, self._new = len(judgements), 0
        self._standing = ({}, NO_STANDING)
        log.debug("record counted: judgements=%d models=%d", self._read, len(self._record.figures))

    async def _judgements(self, since: datetime) -> list[Judgement]:
        """Page by page, so that nothing else waits long for the database."""
        found: list[Judgement] = []
        while len(found) < MOST_READ:
            before = (found[-1].bar, found[-1].id) if found else None
            page = await self._journal.judgements(self._account, since, before, PAGE)
            found += page
            if len(page) < PAGE:
                break
        return found

    def standing(self) -> Standing:
        """For the roles that hold now; asked at every decision, worked out when roles or record change."""
        roles = dict(self._roles())
        if self._record.as_of is None:
            return NO_STANDING
        known, standing = self._standing
        if standing.as_of is None or known != roles:
            standing = self._standing_of(roles, self._record.as_of)
            self._standing = (roles, standing)
        return standing

    def _standing_of(self, roles: Mapping[str, Role], as_of: datetime) -> Standing:
        """Who takes part no longer has no voice; nor has a strategy, which states no chance."""

        def has_voice(name: str) -> bool:
            return roles.get(name) is Role.VOTER and not is_strategy(name)

        return standing_of(self._record.tracks, has_voice, as_of)

    def view(self) -> ModelsView:
        roles = self._roles()
        return ModelsView(
            figures=self._record.figures,
            roles=dict(roles),
            standing=self.standing(),
            suggestions=suggestions(self._record.figures, roles),
            judgements=self._read,
            since=self._clock.now() - WINDOW,
            as_of=self._record.as_of,
        )
