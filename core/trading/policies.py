"""What a tripped breaker does to open positions, by its policy: hold, tighten, flatten.

Laws:
- The trip is in the journal before anything is done for it, and what was done stands there too: the stop is
  tightened once per trip and trade, in one transaction with the mark of it.
- Flattening is a wish like the owner's: it goes on after a restart, and whatever is still wanted open while
  the breaker is open is wanted closed.
- A wish to close that somebody made already is left as it is, a part of it finished first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from core.journal import BreakerEvent
from core.risk.breakers import title_of
from core.risk.limits import Limits, Policy
from core.trade import ExitReason, Position, StopBy, Trade, Want
from core.trading.executor import Executor

log = logging.getLogger("perpilot.breakers")

HALF = Decimal("0.5")
"""Of the way from the stop to the price."""


class Policies:
    def __init__(
        self,
        executor: Executor,
        limits: Callable[[], Limits],
        open_events: Callable[[], Sequence[BreakerEvent]],
    ) -> None:
        self._executor = executor
        self._limits = limits
        self._open_events = open_events

    async def apply(self, trade: Trade, position: Position | None) -> Trade | None:
        """The trade with what the open breakers want of it; None when that is nothing new.

        Raises what a look raises, and `JournalError`; then the next pass does it.
        """
        limits = self._limits()
        events = self._open_events()
        if trade.want is Want.CLOSED or trade.close_share is not None:
            return None
        for event in events:
            if limits.breakers.policy(event.name) is Policy.FLATTEN:
                by = f"the breaker {title_of(event.name)}"
                return await self._executor.want_closed(trade, ExitReason.BREAKER, Decimal(1), by)
        moved = False
        for event in events:
            is_due = limits.breakers.policy(event.name) is Policy.TIGHTEN
            if is_due and trip_key(event) not in trade.breakers_done and position is not None:
                moved |= await self._tighten(trade, position, event)
        return trade if moved else None

    async def _tighten(self, trade: Trade, position: Position, event: BreakerEvent) -> bool:
        """Whether the stop was moved; while it cannot be, it is tried again by every pass."""
        wanted = trade.stop + (position.mark - trade.stop) * HALF
        if (wanted - trade.stop) * trade.side.sign <= 0:
            return False
        key = trip_key(event)

        def done(row: Trade) -> Trade:
            return replace(row, breakers_done=(*row.breakers_done, key))

        is_moved, words = await self._executor.move_stop(
            trade,
            wanted,
            StopBy.BREAKER,
            may_loosen=False,
            told=f"breaker {title_of(event.name)}",
            also=done,
        )
        log.info("tightened: trade=%s breaker=%s done=%s %s", trade.id, event.name, is_moved, words)
        return is_moved


def trip_key(event: BreakerEvent) -> str:
    """One trip, as a trade remembers it."""
    return f"{event.name}:{event.created_at.isoformat()}"
