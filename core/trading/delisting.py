"""Positions on a symbol that the exchange is about to end, or trades no more.

Laws:
- Nothing is opened on a symbol that ends within a week: `Instrument.is_active` says so to every check.
- The owner hears once of a held symbol that is to end, and once when it stopped trading.
- A day before the end the position is closed at market: what the exchange settles, it settles at its price.
- A symbol that does not trade cannot be closed: that is told and not tried.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.errors import PerpilotError, UnknownSymbol
from core.journal import DeskJournal
from core.market import Instrument, coin
from core.ports import Clock, Market
from core.trade import ExitReason, Trade, Want
from core.trading import notices

log = logging.getLogger("perpilot.guard")

CLOSED_WITHIN = timedelta(days=1)
TOLD_WITHIN = timedelta(days=7)
BY = "delisting"

Close = Callable[[Sequence[Trade], ExitReason, Decimal, str], Awaitable[list[str]]]
"""`Guard.close`."""


class Ending(StrEnum):
    """How near the end of a symbol is."""

    FAR = "far"
    TOLD = "told"
    """Worth telling whoever holds it."""
    CLOSE = "close"
    """What is held must be closed now."""
    HALTED = "halted"
    """It does not trade: nothing can be done."""


def ends_soon(instrument: Instrument, now: datetime) -> Ending:
    """`HALTED` also for an end that has passed."""
    until = instrument.trades_until
    if until is None:
        return Ending.FAR if instrument.is_active else Ending.HALTED
    left = until - now
    if left <= timedelta(0):
        return Ending.HALTED
    if left <= CLOSED_WITHIN:
        return Ending.CLOSE
    return Ending.TOLD if left <= TOLD_WITHIN else Ending.FAR


class DelistingWatch:
    def __init__(self, market: Market, close: Close, journal: DeskJournal, clock: Clock) -> None:
        self._market = market
        self._close = close
        self._journal = journal
        self._clock = clock
        self._told: set[str] = set()

    async def review(self, trades: Sequence[Trade]) -> None:
        """One pass over what is held. Raises `JournalError`; a symbol whose rules can't be read is left for
        the next pass."""
        self._told &= {key for trade in trades for key in self._told if key.startswith(f"{trade.id}:")}
        for trade in trades:
            try:
                instrument = await self._market.instrument(trade.symbol)
            except UnknownSymbol:
                await self._tell(trade, "gone", "the exchange lists it no more; look at the position there")
                continue
            except PerpilotError as error:
                log.warning("end of trading unknown: symbol=%s error=%s", trade.symbol, error)
                continue
            await self._judge(trade, instrument)

    async def _judge(self, trade: Trade, instrument: Instrument) -> None:
        ending, until = ends_soon(instrument, self._clock.now()), instrument.trades_until
        if ending is Ending.FAR:
            return
        if ending is Ending.HALTED:
            text = "the exchange does not trade it now: it cannot be closed, and its stop may not work"
            await self._tell(trade, "halted", text)
            return
        assert until is not None, "only a known end is near"
        when = f"{until:%Y-%m-%d %H:%M} UTC"
        text = f"the exchange ends trading on {when}; I close the position 24 hours before"
        await self._tell(trade, f"ends:{until.isoformat()}", text)
        if ending is Ending.CLOSE and trade.want is Want.OPEN:
            log.warning("closing before delisting: trade=%s symbol=%s until=%s", trade.id, trade.symbol, when)
            await self._close([trade], ExitReason.DELISTED, Decimal(1), BY)

    async def _tell(self, trade: Trade, what: str, text: str) -> None:
        key = f"{trade.id}:{what}"
        if key in self._told:
            return
        told = f"{coin(trade.symbol)}: {text}."
        await self._journal.tell([notices.outside_change(key, told, trade.id)])
        self._told.add(key)
