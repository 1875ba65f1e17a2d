"""What equity is measured from: the day's opening, a day ago, the peak. Deposits and withdrawals
move them all.

Inside, everything is *earned* equity (`EquityPoint.earned`): what trading made of the opening deposit. Only
what leaves here is shifted to today's money by what was paid in and out.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from core.journal import AccountState, DeskJournal, EquityPoint
from core.trading.flows import Flows

DAY = timedelta(days=1)
KEPT = timedelta(hours=26)
"""A day, and room for a clock that is set back."""
REACHES = (timedelta(hours=26), timedelta(days=7), timedelta(days=90), None)
"""How far back an equity before the last day is looked for, until one is found."""


class Baselines:
    """The curve of the last day in memory; older facts are asked for once."""

    def __init__(self, journal: DeskJournal, flows: Flows, account: str) -> None:
        self._journal = journal
        self._flows = flows
        self._account = account
        self._curve: deque[EquityPoint] | None = None
        self._opening: tuple[date, Decimal] | None = None
        self._peak: Decimal | None = None
        self._peak_since: tuple[datetime | None] | None = None
        """What `_peak` is counted from; None while it was not asked for."""

    def has_day(self, now: datetime) -> bool:
        """The opening equity of this UTC day is fixed."""
        return self._opening is not None and self._opening[0] == now.astimezone(UTC).date()

    async def load(self, now: datetime) -> None:
        """Reads the newest day of the curve and one point before it. Raises `JournalError`."""
        if self._curve is not None:
            return
        points: tuple[EquityPoint, ...] = ()
        for reach in REACHES:
            points = await self._journal.equity_curve(self._account, now - reach if reach else None)
            if points and points[0].at <= now - DAY:
                break
        self._curve = deque(points)
        self._prune(now)

    def forget_curve(self) -> None:
        """A transfer was imported: the journal corrected the points since."""
        self._curve, self._peak_since = None, None

    async def record(self, point: EquityPoint) -> None:
        await self._journal.record_equity(self._account, point)
        if self._curve is None:
            return  # `load` will read it
        self._curve.append(point)
        self._prune(point.at)
        if self._peak is not None:
            self._peak = max(self._peak, point.earned)

    async def day_opening(self, equity: Decimal, now: datetime) -> Decimal:
        """Equity at 00:00 UTC; what was lost since is the day's, also when nobody looked at midnight."""
        now = now.astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        before = self._flows.before(midnight)
        if self._opening is None or self._opening[0] != now.date():
            last = self._newest(midnight)
            earned = last.earned if last is not None else equity - self._flows.total()
            fixed = await self._journal.day_opening_equity(self._account, now.date(), earned + before)
            self._opening = (now.date(), fixed)
        return self._opening[1] + self._flows.total() - before

    def day_ago(self, equity: Decimal, now: datetime, acknowledged_at: datetime | None) -> Decimal:
        """Equity 24 hours ago; of a younger account the first that is known.

        A loss that a person acknowledged since is not counted again: then it is the equity of that moment.
        """
        edge = now - DAY
        curve = self._curve or ()
        if acknowledged_at is not None and acknowledged_at > edge:
            after = (point for point in curve if point.at >= acknowledged_at)
            found = next(after, None)
        else:
            found = self._newest(edge, inclusive=True) or next(iter(curve), None)
        return equity if found is None else found.earned + self._flows.total()

    async def peak(self, equity: Decimal, since: datetime | None, state: AccountState) -> Decimal:
        """The highest equity since then; a paper account's peak is its opening deposit at least."""
        if self._peak_since != (since,):
            recorded = await self._journal.peak_earned(self._account, since)
            start = state.initial_capital if since is None and state.is_paper else None
            known = [each for each in (recorded, start) if each is not None]
            self._peak = max(known) if known else equity - self._flows.total()
            self._peak_since = (since,)
        assert self._peak is not None, "read above"
        return max(equity, self._peak + self._flows.total())

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
