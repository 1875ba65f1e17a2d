"""The trade of a position that had none: recorded as it stands, then played like every other.

Laws:
- A trade is recorded before anything is sent for it, and an adopted one never sends an entry.
- Position and fills belong together: the position is read before and after the fills.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from core.errors import PerpilotError, Unknown
from core.market import Side, coin
from core.money import ZERO
from core.ports import Clock, Market, Venue
from core.risk.limits import Limits
from core.trade import Opening, Order, Position, Trade
from core.trading import notices
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.executor import Executor
from core.trading.foreign import Terms, adopted_trade, opening_of, stop_of
from core.trading.foreign_shown import ForeignShown
from core.trading.looking import FILLS_MARGIN
from core.trading.steps import Step, Wait

log = logging.getLogger("perpilot.adopting")


class Taking:
    def __init__(
        self,
        venue: Venue,
        journal: AccountJournal,
        market: Market,
        executor: Executor,
        keeper: AccountKeeper,
        clock: Clock,
        limits: Callable[[], Limits],
        shown: ForeignShown,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._market = market
        self._executor = executor
        self._keeper = keeper
        self._clock = clock
        self._limits = limits
        self._shown = shown

    async def record(self, symbol: str, side: Side, text: str, by: str, *, closes: bool) -> Trade | None:
        """The trade of the position as it stands now; None where it is gone, turned, or has a trade already.

        Raises what the ports raise, `Unknown` where the position moves meanwhile; then nothing was recorded.
        """
        async with self._executor.busy(symbol):
            now = self._clock.now()
            position = await self._position(symbol, side)
            if position is None:
                return None
            fills = await self._venue.fills(symbol, now - FILLS_MARGIN)
            orders = await self._venue.open_orders(symbol)
            again = await self._position(symbol, side)
            if again is None or again.quantity != position.quantity:
                raise Unknown(f"the position in {coin(symbol)} is moving right now; please try again")
            opening = opening_of(again, fills, now - FILLS_MARGIN)
            trade = await self._trade_of(again, orders, opening, now, closes=closes)
            told = notices.adopted(trade, again, text)
            if closes:
                told = notices.changed(trade, "close:1", text)
            is_new = await self._journal.open_trade(trade, None, None, by, [told])
        self._shown.drop(symbol)
        return trade if is_new else None

    async def _trade_of(
        self, position: Position, orders: Sequence[Order], opening: Opening, now: datetime, *, closes: bool
    ) -> Trade:
        terms = Terms(await self._market.instrument(position.symbol), self._limits())
        stop, account = stop_of(position, orders, terms), self._keeper.last_account
        equity = account.equity if account is not None and account.equity is not None else ZERO
        name = self._keeper.account
        return adopted_trade(position, stop, opening, terms, name, equity, now, closes=closes)

    async def _position(self, symbol: str, side: Side) -> Position | None:
        found = await self._venue.positions()
        return next((p for p in found if p.symbol == symbol and p.side is side), None)

    async def first_rounds(self, trade: Trade) -> tuple[Step | None, str]:
        """The last step (None: the rounds broke off) and why it is neither at rest nor over; the guard goes
        on from there."""
        try:
            step = await self._executor.advance(trade)
        except PerpilotError as error:
            log.warning("first rounds broke off: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return None, str(error)
        return step, step.reason if isinstance(step, Wait) else ""
