"""Deposits and withdrawals: imported once each, so that no baseline takes them for profit or loss."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import PerpilotError
from core.journal import DeskJournal
from core.money import ZERO
from core.ports import Venue
from core.trade import Transfer
from core.trading.failures import Failures

log = logging.getLogger("perpilot.account")

ASK_EVERY = timedelta(minutes=1)
"""Also while the wallet stands still: a venue may list a transfer after it has paid it."""
REACHES = (timedelta(hours=26), timedelta(days=90))
"""How far back the newest recorded equity is looked for; exchanges keep transfers for about as long."""
MARGIN = timedelta(hours=1)
"""Asked for again before the newest answer: what is listed late is found all the same."""


class Flows:
    """Everything that was paid in or out since the account was opened here."""

    def __init__(self, venue: Venue, journal: DeskJournal, failures: Failures, account: str) -> None:
        self._venue = venue
        self._journal = journal
        self._failures = failures
        self._account = account
        self._known: tuple[Transfer, ...] | None = None
        self._wallet: Decimal | None = None
        """The wallet that the newest answer explains."""
        self._asked_at: datetime | None = None

    @property
    def count(self) -> int:
        return len(self._known or ())

    async def follow(self, wallet: Decimal, opened_at: datetime, now: datetime) -> bool:
        """Whether the transfers behind this wallet are known: only a wallet that changed can hold a new one.

        Raises `JournalError`.
        """
        if self._known is None:
            self._known = await self._since(opened_at)
        asked_at = self._asked_at
        if wallet == self._wallet and asked_at is not None and abs(now - asked_at) < ASK_EVERY:
            return True
        since = max((asked_at or await self._explained_until(opened_at, now)) - MARGIN, opened_at)
        try:
            found = await self._venue.transfers(since)
        except PerpilotError as error:
            self._failures.note(error)
            log.warning("transfers unknown: error=%s", str(error))
            return wallet == self._wallet
        ids = {each.id for each in self._known}
        new = [each for each in found if each.id not in ids and each.at > opened_at]
        if new:
            await self._journal.import_transfers(self._account, new)
            self._known = await self._since(opened_at)
            log.info("transfers imported: count=%d total=%s", len(new), self.total())
        self._wallet, self._asked_at = wallet, now
        return True

    async def _explained_until(self, opened_at: datetime, now: datetime) -> datetime:
        """Up to when an earlier run knew the transfers: it recorded no equity without them. Asked from the
        opening on, an account that gets none would one day be too old to be read in one go."""
        newest = max((each.at for each in self._known or ()), default=opened_at)
        for reach in REACHES:
            points = await self._journal.equity_curve(self._account, now - reach)
            if points:
                return max(newest, points[-1].at)
        return newest

    async def _since(self, opened_at: datetime) -> tuple[Transfer, ...]:
        """What came at the opening itself is the opening deposit."""
        rows = await self._journal.transfers(self._account, opened_at)
        return tuple(row for row in rows if row.at > opened_at)

    def total(self) -> Decimal:
        """USDT in minus out, the opening deposit not counted."""
        return sum((each.amount for each in self._known or ()), ZERO)

    def before(self, moment: datetime) -> Decimal:
        return sum((each.amount for each in self._known or () if each.at < moment), ZERO)
