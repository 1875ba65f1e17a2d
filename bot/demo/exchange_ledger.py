"""The account's ledger: every change of the wallet as a row of income."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Final

from bot.demo.exchange_records import SMALLEST, IncomeRecord
from core.market import Side
from core.money import ZERO, nearest_to
from core.sim.book import PRECISION, QUANTUM, Holding
from core.trade import Fill, OrderSide

MOST_ROWS: Final = 5_000


class Ledger:
    """Rows are rounded so that all of them together are the wallet to the ledger's eight decimals."""

    def __init__(self) -> None:
        self.rows: list[IncomeRecord] = []
        self.exact = ZERO
        """The wallet as the rows would have it without rounding, USDT."""
        self._shown = ZERO

    def book(
        self, number: int, kind: str, amount: Decimal, at_ms: int, symbol: str = "", trade_id: str = ""
    ) -> Decimal:
        """The amount as the row shows it: what rounding left over goes into the next one."""
        self.exact += amount
        shown = nearest_to(self.exact, SMALLEST)
        row = IncomeRecord(number, kind, shown - self._shown, at_ms, symbol, trade_id)
        self._shown = shown
        self.rows = [*self.rows[-MOST_ROWS:], row]
        return row.amount


def profits_of(holdings: Mapping[str, Holding], fills: Iterable[Fill]) -> list[Decimal]:
    """Realised profit of each fill in turn, as the book computes it: to the quantum, on the exact cost."""
    held = {symbol: (row.side, row.quantity, row.cost) for symbol, row in holdings.items()}
    profits = []
    with localcontext() as context:
        context.prec = PRECISION
        for fill in fills:
            side = Side.LONG if fill.side is OrderSide.BUY else Side.SHORT
            present, quantity, cost = held.get(fill.symbol, (side, ZERO, ZERO))
            if not quantity or present is side:
                added = nearest_to(fill.quantity * fill.price, QUANTUM)
                held[fill.symbol] = (side, quantity + fill.quantity, cost + added)
                profits.append(ZERO)
                continue
            share = cost
            if fill.quantity != quantity:
                share = nearest_to(cost * fill.quantity / quantity, QUANTUM)
            profits.append(nearest_to(fill.price * fill.quantity - share, QUANTUM) * present.sign + ZERO)
            held[fill.symbol] = (present, quantity - fill.quantity, cost - share)
    return profits
