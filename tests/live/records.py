"""What the stand-in exchange knows by itself: the judge of everything the bot says and does.

No code of the bot is asked. Instants are milliseconds of the exchange's clock.
"""

from __future__ import annotations

from decimal import Decimal

from bot.demo.exchange_records import AlgoRecord, OrderRecord, Row, TradeRecord
from core.market import Side
from core.money import ZERO
from tests.live.faces import Exchange

OURS = "pp"


class Records:
    """Of one symbol, from the beginning; `longest_bare_s` is watched with every event of the account."""

    def __init__(self, exchange: Exchange, symbol: str) -> None:
        self._exchange, self._symbol = exchange, symbol
        self._account = exchange.account
        self._bare_since: int | None = None
        self._longest_ms = 0
        self._told = exchange.account.told
        exchange.account.told = self._hear

    # ------------------------------------------------------------ orders

    def entries(self) -> list[OrderRecord]:
        """Orders of ours that may add to a position, filled or not."""
        return [row for row in self._orders() if _is_ours(row) and not row.reduce_only]

    def stops(self) -> list[AlgoRecord]:
        """Resting stops of ours."""
        return [row for row in self.covering() if _is_ours(row)]

    def resting(self) -> list[OrderRecord | AlgoRecord]:
        """Open orders of both kinds, of whomever."""
        return [row for row in (*self._orders(), *self._algos()) if row.is_open]

    def covering(self) -> list[AlgoRecord]:
        """Resting stops that close the whole position and cannot open another; the venue made those that came
        with an entry."""
        held = self._account.state.holdings.get(self._symbol)
        if held is None:
            return []
        side = "SELL" if held.side is Side.LONG else "BUY"
        return [
            row
            for row in self._algos()
            if row.is_open
            and row.type == "STOP_MARKET"
            and row.reduce_only
            and row.side == side
            and (row.close_position or row.quantity >= held.quantity)
        ]

    def is_covered(self) -> bool:
        """A position is held, and a stop covers it."""
        return bool(self.covering())

    def is_at_rest(self) -> bool:
        """Exactly one stop rests, and it is ours, for the whole position and no more."""
        resting = [row for row in self._algos() if row.is_open and row.type == "STOP_MARKET"]
        return resting == self.stops() and [row.quantity for row in resting] == [self.held]

    def is_over(self) -> bool:
        """A position was held once, and is no more."""
        return bool(self.trades()) and not self.held

    @property
    def held(self) -> Decimal:
        """Base coin; 0 when flat."""
        quantity: Decimal = self._account.held_quantity(self._symbol)
        return quantity

    def _orders(self) -> list[OrderRecord]:
        return [row for row in self._account.orders.values() if row.symbol == self._symbol]

    def _algos(self) -> list[AlgoRecord]:
        return [row for row in self._account.algos.values() if row.symbol == self._symbol]

    # ------------------------------------------------------------ money

    def trades(self) -> list[TradeRecord]:
        return [row for row in self._account.trades if row.symbol == self._symbol]

    def income(self, kind: str) -> Decimal:
        """Of the ledger: `COMMISSION`, `REALIZED_PNL` or `FUNDING_FEE`, USDT."""
        rows = self._account.ledger.rows
        return sum((row.amount for row in rows if row.kind == kind and row.symbol == self._symbol), ZERO)

    # ------------------------------------------------------------ time

    @property
    def longest_bare_s(self) -> float:
        """Longest time that a position had no covering stop, the present one included."""
        self._watch()
        return self._longest_ms / 1000

    def _hear(self, event: Row) -> None:
        self._told(event)
        self._watch()

    def _watch(self) -> None:
        now: int = self._account.market.now_ms()
        if not self.held or self.is_covered():
            self._note_end(now)
        elif self._bare_since is None:
            self._bare_since = now
        else:
            self._longest_ms = max(self._longest_ms, now - self._bare_since)

    def _note_end(self, now: int) -> None:
        if self._bare_since is not None:
            self._longest_ms = max(self._longest_ms, now - self._bare_since)
        self._bare_since = None


def _is_ours(row: OrderRecord | AlgoRecord) -> bool:
    return row.client_id.startswith(OURS)
