"""Once a day: did the exchange's wallet change by what the journal booked?

What the wallet holds beyond transfers and everything booked may be any amount, but it must not change. It
is compared between two moments without a position, so that no open trade's fills, fees and funding are in
only one of the two books.

Laws:
- Compared only while nothing is open, ours or foreign, and while it is known what was paid in and out.
- A difference is told when two sights `CONFIRM` apart agree on it: a wallet may lag behind a booking, and a
  transfer may be listed late. It is told once, then the new state is the mark.
- A kept mark that cannot be read is told once, and the comparison begins anew.
- Nothing is corrected here, and nothing is closed or opened for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from core.codec import from_text, to_text
from core.journal import DeskJournal, TradeJournal
from core.market import coin
from core.money import ZERO
from core.ports import Blobs, Clock
from core.trade import ClosedTrade
from core.trading import notices
from core.trading.accounts import Sight

log = logging.getLogger("perpilot.account")

EVERY: Final = timedelta(days=1)
CONFIRM: Final = timedelta(minutes=10)
LIVE_TOLERANCE: Final = Decimal("0.01")
"""USDT between two moments: exchanges round each row."""
SIM_TOLERANCE: Final = Decimal("1e-8")
MOST_NAMED: Final = 5
"""Trades that a notice names; the newest."""

UNREADABLE_TEXT: Final = (
    "What I kept of the last comparison of the exchange's wallet with my books could not be read. The "
    "comparison begins anew: what differs since the last one may stay unnoticed."
)


class BookKeeping(TradeJournal, DeskJournal, Blobs, Protocol):
    """What a comparison reads and where its mark is kept."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Two books at one moment without a position."""

    at: datetime
    wallet: Decimal
    flows: Decimal
    """Paid in minus paid out since the opening, in USDT."""
    booked: Decimal
    """Everything realised that the journal knows, net of costs, upon the opening capital."""

    @property
    def unbooked(self) -> Decimal:
        """The part of the wallet that no booking and no transfer explains: it must never change."""
        return self.wallet - self.flows - self.booked


class Reconciler:
    def __init__(self, journal: BookKeeping, clock: Clock, account: str, tolerance: Decimal) -> None:
        self._journal = journal
        self._clock = clock
        self._account = account
        self._tolerance = tolerance
        self._name = f"reconciled:{account}"
        self._mark: Mark | None = None
        self._is_loaded = False
        self._suspected: Mark | None = None

    async def review(self, sight: Sight | None) -> None:
        """Cheap but once a day. `sight` is the newest of the account. Raises `JournalError`."""
        await self._load()
        if self._mark is not None and self._clock.now() - self._mark.at < EVERY:
            return
        seen = await self._books(sight)
        if seen is None:
            self._suspected = None
        elif self._mark is None or self._is_near(seen, self._mark):
            await self._keep(seen)
        elif self._suspected is None or not self._is_near(seen, self._suspected):
            self._suspected = seen
        elif seen.at - self._suspected.at >= CONFIRM:
            await self._judge(self._mark, seen)
            await self._keep(seen)

    async def _books(self, sight: Sight | None) -> Mark | None:
        """Both books; None while they cannot be compared."""
        if sight is None or not sight.has_flows or sight.positions:
            return None
        booked = (await self._journal.account_state(self._account)).current_capital
        if await self._journal.open_trades(self._account):
            return None
        return Mark(sight.at, sight.balance.wallet, sight.flows, booked)

    def _is_near(self, one: Mark, other: Mark) -> bool:
        return abs(one.unbooked - other.unbooked) <= self._tolerance

    async def _judge(self, mark: Mark, seen: Mark) -> None:
        """Tells the difference, unless it is exactly the fees: those were paid in another coin then."""
        trades = await self._journal.closed_trades(self._account, mark.at)
        fees = sum((trade.fees for trade in trades), ZERO)
        off = seen.unbooked - mark.unbooked
        if fees and abs(off - fees) <= self._tolerance:
            log.info("reconciled: fees=%s were paid in another coin", fees)
            return
        log.error("books differ: account=%s off=%s since=%s", self._account, off, mark.at.isoformat())
        text = _in_words(mark, seen, trades)
        key = f"reconciled:{self._account}:{mark.at.isoformat()}"
        await self._journal.tell([notices.system(key, text)])

    async def _load(self) -> None:
        if self._is_loaded:
            return
        text = await self._journal.load(self._name)
        try:
            self._mark = None if text is None else from_text(Mark, text)
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            log.error("mark of the reconciliation cannot be read: account=%s error=%s", self._account, error)
            await self._tell_unreadable(text or "")
        self._is_loaded = True

    async def _tell_unreadable(self, text: str) -> None:
        """Of one such text once: it stays kept until nothing is open, across restarts."""
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        key = f"reconciled:{self._account}:unreadable:{digest}"
        await self._journal.tell([notices.system(key, UNREADABLE_TEXT)])

    async def _keep(self, mark: Mark) -> None:
        await self._journal.save(self._name, to_text(mark))
        self._mark, self._suspected = mark, None


def _in_words(mark: Mark, seen: Mark, trades: Sequence[ClosedTrade]) -> str:
    off = seen.unbooked - mark.unbooked
    named = ", ".join(f"{coin(t.symbol)} {t.net_pnl:+.4f}" for t in trades[-MOST_NAMED:])
    booked = f"{len(trades)} booked trades" + (f" (the newest: {named})" if named else "")
    fees, funding = sum((t.fees for t in trades), ZERO), sum((t.funding for t in trades), ZERO)
    return (
        f"The exchange's wallet and my books differ by {off:+.8f} USDT since {mark.at:%Y-%m-%d %H:%M} UTC. "
        f"Wallet {mark.wallet:.4f} → {seen.wallet:.4f}, transfers {seen.flows - mark.flows:+.4f}, "
        f"booked {seen.booked - mark.booked:+.4f} from {booked}; in it fees {-fees:+.4f}, "
        f"funding {funding:+.4f}. Look for trades by hand or by another program, fees in another coin, "
        "rebates and bonuses in the exchange's transaction history. From now on the new wallet counts."
    )
