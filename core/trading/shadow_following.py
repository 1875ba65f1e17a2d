"""Collects the ideas that were not taken and follows them, a few bars a pass. Laws: `core.trading.shadow`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import BadMarketFacts, PerpilotError
from core.journal import Approval, ApprovalState, Shadow, ShadowGate, ShadowJournal
from core.market import TIMEFRAMES, Candles, Side, bar_open
from core.plan import Refused
from core.ports import Clock, Market
from core.risk.limits import Limits
from core.trade import ExitReason
from core.trading.shadow import LONGEST, begun, can_be_followed, course_of, followed

log = logging.getLogger("perpilot.shadow")

FRAMES = ("5m", "15m")
"""The finer one where the venue has it."""
MOST_OPEN = 50
"""Each costs a look at its candles in every pass."""
MOST_BARS = 288
"""A day of five-minute bars per idea and pass: after a long sleep it catches up in several."""
LOOK_BACK = timedelta(days=1)
"""Cards that ended while the bot was not running are found this far back at start."""
INSTANT = timedelta(microseconds=1)
GATES = {
    ApprovalState.REJECTED: ShadowGate.REJECTED,
    ApprovalState.EXPIRED: ShadowGate.EXPIRED,
    ApprovalState.REFUSED: ShadowGate.REFUSED,
}


class ShadowFollower:
    def __init__(
        self,
        journal: ShadowJournal,
        market: Market,
        clock: Clock,
        limits: Callable[[], Limits],
        account: str,
    ) -> None:
        self._journal = journal
        self._market = market
        self._clock = clock
        self._limits = limits
        self._account = account
        self._open: set[tuple[str, Side]] | None = None
        """What is followed now; None: not read yet."""
        self._settled_until: datetime | None = None

    async def take(self, refusals: Iterable[Refused]) -> None:
        """Ideas that the checks refused at a scan: followed from now on."""
        for refused in refusals:
            names = [reason.check for reason in refused.reasons]
            await self._begin(begun(refused.plan, self._account, ShadowGate.REFUSED, names))

    async def collect(self) -> None:
        """Cards that ended untaken since the last pass. Raises `JournalError`."""
        now = self._clock.now()
        since = self._settled_until + INSTANT if self._settled_until is not None else now - LOOK_BACK
        for approval in await self._journal.settled_approvals(self._account, since):
            await self._begin(_of_card(approval, self._account))
            self._settled_until = approval.settled_at

    async def follow(self) -> int:
        """One pass over everything open, the one furthest behind first; how many ended.

        Raises `JournalError`.
        """
        ended = 0
        shadows = await self._journal.open_shadows(self._account)
        self._open = {(shadow.plan.symbol, shadow.plan.side) for shadow in shadows}
        for shadow in sorted(shadows, key=lambda shadow: (shadow.followed_until, shadow.id)):
            further = await self._further(shadow)
            if further is shadow:
                continue
            await self._journal.walk_shadow(further)
            if further.ended_at is not None:
                self._open.discard((shadow.plan.symbol, shadow.plan.side))
                ended += 1
        return ended

    async def _begin(self, shadow: Shadow) -> None:
        plan = shadow.plan
        if self._open is None:
            known = await self._journal.open_shadows(self._account)
            self._open = {(one.plan.symbol, one.plan.side) for one in known}
        key = (plan.symbol, plan.side)
        if key in self._open or len(self._open) >= MOST_OPEN or not can_be_followed(plan):
            return
        if await self._journal.begin_shadow(shadow):
            self._open.add(key)

    async def _further(self, shadow: Shadow) -> Shadow:
        """The same one where nothing new is known."""
        try:
            candles = await self._candles(shadow)
            if candles is None:
                return shadow if self._clock.now() - shadow.followed_from < 2 * LONGEST else _lost(shadow)
            course = course_of(shadow.plan, await self._market.instrument(shadow.plan.symbol), self._limits())
            return followed(shadow, course, candles)
        except PerpilotError as error:
            log.info("idea not followed now: symbol=%s error=%s", shadow.plan.symbol, error)
            return shadow if self._clock.now() - shadow.followed_from < 2 * LONGEST else _lost(shadow)
        except ValueError as error:
            log.warning("idea given up: id=%s symbol=%s error=%s", shadow.id, shadow.plan.symbol, error)
            return _lost(shadow)

    async def _candles(self, shadow: Shadow) -> Candles | None:
        """Closed bars from where it stands; None when no bar has closed since."""
        symbol, since = shadow.plan.symbol, shadow.followed_until
        for frame in FRAMES:
            length = timedelta(milliseconds=TIMEFRAMES[frame])
            first = bar_open(since, frame)
            first = first if first == since else first + length
            count = min((bar_open(self._clock.now(), frame) - first) // length, MOST_BARS)
            if count <= 0:
                return None
            try:
                return await self._market.candles(symbol, frame, first + length * count, count)
            except BadMarketFacts:
                if frame == FRAMES[-1]:
                    raise
        raise AssertionError("the last frame returns or raises")


def _of_card(approval: Approval, account: str) -> Shadow:
    return begun(approval.plan, account, GATES[approval.state])


def _lost(shadow: Shadow) -> Shadow:
    """No longer measurable: over without a result, and in no figure."""
    return replace(shadow, ended_at=shadow.followed_until, exit_reason=ExitReason.OUTSIDE)
