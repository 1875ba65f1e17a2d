"""What equity is measured from: the day's opening, a day ago, the peak.

Laws:
- A deposit or withdrawal scales them all alike, at the moment it is learned of: the fraction that was lost is
  the same before and after it. In between they are what they were.
- Beside them stands what was lost in money, which no transfer touches: under a capital cap that counts too.
  The peak in money may be another point than the peak of a unit.
- Money is exact. Only a product of units rounds, to 28 digits.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from core.growth import units_at
from core.journal import AccountState, DeskJournal, EquityPoint
from core.money import ZERO
from core.risk.account import Loss, loss_since
from core.trading.flows import Flows

DAY = timedelta(days=1)
KEPT = timedelta(hours=26)
"""A day, and room for a clock that is set back."""
REACHES = (timedelta(hours=26), timedelta(days=7), timedelta(days=90), None)
"""How far back an equity before the last day is looked for, until one is found."""


@dataclass(frozen=True, slots=True)
class Levels:
    """USDT at the present size of the account: what its equity is compared with."""

    day_opening: Decimal | None = None
    day_ago: Decimal | None = None
    peak: Decimal | None = None
    earned_today: Decimal | None = None
    """In money that was gained or lost, at whatever size."""
    lost_today: Loss | None = None
    """In money, like the next two."""
    lost_24h: Loss | None = None
    lost_from_peak: Loss | None = None


class Baselines:
    """The curve of the last day in memory; older facts are asked for once."""

    def __init__(self, journal: DeskJournal, flows: Flows, account: str) -> None:
        self._journal = journal
        self._flows = flows
        self._account = account
        self._curve: deque[EquityPoint] | None = None
        """Oldest first."""
        self._opening: tuple[date, EquityPoint] | None = None
        self._peak: EquityPoint | None = None
        """Highest by the unit."""
        self._richest: EquityPoint | None = None
        """Highest in money; of several the newest, whose size is nearest to the present one."""
        self._peak_since: tuple[datetime | None] | None = None
        """What both are counted from; None while they were not asked for."""

    def has_day(self, now: datetime) -> bool:
        """The opening equity of this UTC day is fixed."""
        return self._opening is not None and self._opening[0] == now.astimezone(UTC).date()

    def forget(self) -> None:
        """A transfer was imported: the journal corrected the points since."""
        self._curve, self._opening, self._peak_since = None, None, None

    async def record(self, point: EquityPoint) -> None:
        """With the units that follow from the newest point. Raises `JournalError`."""
        await self._load(point.at)
        point = replace(point, units=self._units(point.equity, point.flows))
        await self._journal.record_equity(self._account, point)
        if self._curve is None:
            return  # forgotten meanwhile: it is read with the others
        insort(self._curve, point, key=lambda each: each.at)  # a slow look's point is older than the newest
        self._prune(self._curve[-1].at)
        if self._peak is not None and point.unit_price > self._peak.unit_price:
            self._peak = point
        if self._richest is not None:
            self._richest = _richer(self._richest, point)

    async def levels(
        self,
        equity: Decimal,
        flows: Decimal,
        state: AccountState,
        now: datetime,
        acknowledged_at: datetime | None,
        peak_since: datetime | None,
    ) -> Levels:
        """`equity` has `flows` in it; `acknowledged_at`: the loss of 24 hours. Raises `JournalError`."""
        await self._load(now)
        opening = await self._day_opening(equity, flows, now)
        units = self._units(equity, flows)
        seen = EquityPoint(now, equity, ZERO, flows, units)
        peak, richest = await self._highest(seen, peak_since, state)
        day_ago = self._day_ago(now, acknowledged_at)
        return Levels(
            day_opening=opening.at_size(units),
            day_ago=equity if day_ago is None else day_ago.at_size(units),
            peak=max(equity, peak.at_size(units)),
            earned_today=equity - opening.equity - (flows - opening.flows),
            lost_today=loss_since(opening, seen),
            lost_24h=loss_since(day_ago or seen, seen),
            lost_from_peak=loss_since(_richer(richest, seen), seen),
        )

    async def _load(self, now: datetime) -> None:
        """Reads the newest day of the curve and one point before it."""
        if self._curve is not None:
            return
        points: tuple[EquityPoint, ...] = ()
        for reach in REACHES:
            points = await self._journal.equity_curve(self._account, now - reach if reach else None)
            if points and points[0].at <= now - DAY:
                break
        self._curve = deque(points)
        self._prune(now)

    async def _day_opening(self, equity: Decimal, flows: Decimal, now: datetime) -> EquityPoint:
        """Equity at 00:00 UTC; what was lost since is the day's, also when nobody looked at midnight."""
        now = now.astimezone(UTC)
        if self._opening is None or self._opening[0] != now.date():
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            before = self._flows.before(midnight)
            last = self._newest(midnight)
            known = equity - flows if last is None else last.equity - last.flows
            fixed = await self._journal.day_opening_equity(self._account, now.date(), known + before)
            if last is not None:  # with a transfer that was listed only after the day's row was written
                fixed = known + before
            units = units_at(last, fixed, before)
            self._opening = (now.date(), EquityPoint(midnight, fixed, ZERO, before, units))
        return self._opening[1]

    def _day_ago(self, now: datetime, acknowledged_at: datetime | None) -> EquityPoint | None:
        """Equity 24 hours ago; of a younger account the first that is known.

        A loss that a person acknowledged since is not counted again: then it is the equity of that moment.
        """
        edge = now - DAY
        curve = self._curve or ()
        if acknowledged_at is not None and acknowledged_at > edge:
            return next((point for point in curve if point.at >= acknowledged_at), None)
        return self._newest(edge, inclusive=True) or next(iter(curve), None)

    async def _highest(
        self, seen: EquityPoint, since: datetime | None, state: AccountState
    ) -> tuple[EquityPoint, EquityPoint]:
        """By the unit and in money, the highest since then; on paper the opening deposit at least."""
        if self._peak_since != (since,):
            recorded = await self._journal.highest_point(self._account, since)
            richest = await self._journal.richest_point(self._account, since)
            opening = EquityPoint(state.opened_at, state.initial_capital, ZERO)
            least = [opening] if since is None and state.is_paper else []
            known = [recorded] if recorded is not None else []
            self._peak = max(known + least, key=lambda point: point.unit_price, default=seen)
            known = [richest] if richest is not None else []
            self._richest = max(known + least, key=lambda point: point.without_flows, default=seen)
            self._peak_since = (since,)
        assert self._peak is not None and self._richest is not None, "read above"
        return self._peak, self._richest

    def _units(self, equity: Decimal, flows: Decimal) -> Decimal:
        return units_at(self._curve[-1] if self._curve else None, equity, flows)

    def _newest(self, before: datetime, *, inclusive: bool = False) -> EquityPoint | None:
        """The newest point before that moment."""
        for point in reversed(self._curve or ()):
            if point.at < before or (inclusive and point.at == before):
                return point
        return None

    def _prune(self, now: datetime) -> None:
        """One point stays that is older than `KEPT`."""
        assert self._curve is not None
        edge = now - KEPT
        while len(self._curve) > 1 and self._curve[1].at <= edge:
            self._curve.popleft()


def _richer(one: EquityPoint, newer: EquityPoint) -> EquityPoint:
    return newer if newer.without_flows >= one.without_flows else one
