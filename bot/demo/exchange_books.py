"""The venue's records over the simulated venue's state: what is new in a state is booked, and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.demo.exchange_events import account_event, algo_event, order_event
from bot.demo.exchange_ledger import Ledger, profits_of
from bot.demo.exchange_records import (
    LIQUIDATION_PREFIX,
    AlgoRecord,
    OrderRecord,
    Row,
    TradeRecord,
)
from core.market import to_ms
from core.money import ZERO
from core.sim.book import VenueState
from core.trade import Fill, OrderStatus

MOST_KEPT: Final = 5_000  # finished orders of each kind, and trades
FIRST_ID: Final = 4_081_000_000  # ids of a venue are long


class Books:
    """`told` hears every event of the user data stream; `working` are the orders in the matching engine."""

    def __init__(self, state: VenueState, symbols: Iterable[str], now_ms: Callable[[], int]) -> None:
        self.state = state
        self.orders: dict[int, OrderRecord] = {}
        self.algos: dict[int, AlgoRecord] = {}
        self.trades: list[TradeRecord] = []
        self.ledger = Ledger()
        self.margin_types: dict[str, str] = dict.fromkeys(symbols, "CROSSED")
        self.changed_ms: dict[str, int] = {}  # when a symbol's position changed last
        self.told: Callable[[Row], None] = _unheard
        self.working: dict[str, OrderRecord | AlgoRecord] = {}
        self._now_ms = now_ms
        self._last_id = FIRST_ID
        self._last_fill = ""
        self._paid: set[str] = set()
        self._book("TRANSFER", state.wallet, now_ms())

    def open_orders(self, symbol: str = "") -> list[OrderRecord]:
        return [each for each in self.orders.values() if each.is_open and symbol in ("", each.symbol)]

    def open_algos(self, symbol: str = "") -> list[AlgoRecord]:
        return [each for each in self.algos.values() if each.is_open and symbol in ("", each.symbol)]

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # ------------------------------------------------------------ what happened is told

    def adopt(self, after: VenueState, at_ms: int) -> None:
        """Takes the next state and books what is new in it."""
        before, self.state = self.state, after
        fills = [row for row in after.fills if row.id > self._last_fill]
        profits = profits_of(before.holdings, fills)
        for fill, profit in zip(fills, profits, strict=True):
            self._last_fill = fill.id
            self._filled(fill, profit)
        for payment in after.payments:
            if payment.id not in self._paid:
                self._paid.add(payment.id)
                self._book("FUNDING_FEE", payment.amount, to_ms(payment.at), payment.symbol)
                self._tell_account("FUNDING_FEE", payment.symbol, at_ms, payment.amount)
        self._end_what_is_done(at_ms)
        assert self.ledger.exact == self.state.wallet, (
            f"{self.ledger.exact} is not the wallet {self.state.wallet}"
        )

    def _filled(self, fill: Fill, profit: Decimal) -> None:
        at = to_ms(fill.at)
        owner = self.working.get(fill.client_id)
        if isinstance(owner, AlgoRecord):
            owner = self.child(owner, at)
            self.orders[owner.order_id] = owner
            owner.key = fill.client_id
            self.working[fill.client_id] = owner
            self.told(order_event(owner, "NEW", at))
        order = owner or self._liquidation(fill, at)
        number = self.new_id()
        fee = self._book("COMMISSION", -fill.fee, at, fill.symbol, str(number)) if fill.fee else ZERO
        realised = self._book("REALIZED_PNL", profit, at, fill.symbol, str(number)) if profit else ZERO
        is_maker = order.type == "LIMIT" and order.rests
        trade = TradeRecord(
            number,
            order.order_id,
            fill.symbol,
            order.side,
            fill.quantity,
            fill.price,
            -fee + ZERO,
            realised,
            is_maker,
            at,
        )
        self.trades = [*self.trades[-MOST_KEPT:], trade]
        order.filled += fill.quantity
        order.notional += fill.quantity * fill.price
        order.status = "FILLED" if order.filled >= order.quantity else "PARTIALLY_FILLED"
        order.updated_ms = at
        self.told(order_event(order, "TRADE", at, trade))
        self._tell_account("ORDER", fill.symbol, at)

    def _liquidation(self, fill: Fill, at_ms: int) -> OrderRecord:
        order = OrderRecord(
            order_id=self.new_id(),
            client_id=f"{LIQUIDATION_PREFIX}{at_ms}{self._last_id % 1_000_000:06d}",
            symbol=fill.symbol,
            side=fill.side.value.upper(),
            type="LIMIT",
            quantity=fill.quantity,
            created_ms=at_ms,
            updated_ms=at_ms,
            price=fill.price,
            time_in_force="IOC",
        )
        self.orders[order.order_id] = order
        self.told(order_event(order, "NEW", at_ms))
        return order

    def child(self, algo: AlgoRecord, at_ms: int) -> OrderRecord:
        """The order that a triggered one becomes; its client id is the venue's, `actualOrderId` the link."""
        order = OrderRecord(
            order_id=self.new_id(),
            client_id=f"algo_{algo.algo_id}",
            symbol=algo.symbol,
            side=algo.side,
            type="LIMIT" if algo.type in ("STOP", "TAKE_PROFIT") else "MARKET",
            quantity=algo.quantity or self.held_quantity(algo.symbol),
            created_ms=at_ms,
            updated_ms=at_ms,
            price=algo.price,
            trigger=algo.trigger,
            original_type=algo.type,
            working_type=algo.working_type,
            reduce_only=algo.reduce_only or algo.close_position,
            close_position=algo.close_position,
            parent=algo,
        )
        algo.child, algo.triggered_ms = order, at_ms
        self.algo_is(algo, "TRIGGERED", at_ms)
        return order

    def held_quantity(self, symbol: str) -> Decimal:
        held = self.state.holdings.get(symbol)
        return held.quantity if held is not None else ZERO

    def _end_what_is_done(self, at_ms: int) -> None:
        for key, record in list(self.working.items()):
            found = self.state.order(key)
            if found is not None and found.status is OrderStatus.OPEN:
                continue
            del self.working[key]
            record.key = ""
            if isinstance(record, AlgoRecord):
                record.triggered_ms = at_ms
                reason = "Reduce Only reject" if record.reduce_only else "Margin is insufficient."
                self.algo_is(record, "REJECTED", at_ms, reason)
                continue
            if record.is_open and not record.held_back:
                record.status, record.updated_ms = "EXPIRED", at_ms
                self.told(order_event(record, "EXPIRED", at_ms))
            if record.parent is not None and not record.held_back:
                self.algo_is(record.parent, "FINISHED", at_ms)
        for algo in self.open_algos():
            if algo.close_position and algo.symbol not in self.state.holdings:
                self.algo_is(algo, "EXPIRED", at_ms)

    def algo_is(self, algo: AlgoRecord, status: str, at_ms: int, reason: str = "") -> None:
        algo.status, algo.updated_ms, algo.reason = status, at_ms, reason
        self.told(algo_event(algo, at_ms))

    def _tell_account(self, reason: str, symbol: str, at_ms: int, change: Decimal = ZERO) -> None:
        self.changed_ms[symbol] = at_ms
        self.told(account_event(self.state, reason, symbol, change, self.margin_types[symbol], at_ms))

    def _book(self, kind: str, amount: Decimal, at_ms: int, symbol: str = "", trade_id: str = "") -> Decimal:
        return self.ledger.book(self.new_id(), kind, amount, at_ms, symbol, trade_id)

    # ------------------------------------------------------------ what is ended

    def end_order(self, order: OrderRecord, status: str) -> None:
        """CANCELED or EXPIRED: what is not filled never will be."""
        now = self._now_ms()
        self._withdraw(order.key)
        order.key, order.held_back, order.status, order.updated_ms = "", ZERO, status, now
        self.told(order_event(order, status, now))
        if order.parent is not None:
            self.algo_is(order.parent, "FINISHED", now)

    def end_algo(self, algo: AlgoRecord, status: str, reason: str = "") -> None:
        self._withdraw(algo.key)
        algo.key = ""
        self.algo_is(algo, status, self._now_ms(), reason)

    def _withdraw(self, key: str) -> None:
        resting = self.state.order(key) if key else None
        self.working.pop(key, None)
        if resting is not None and resting.status is OrderStatus.OPEN:
            self.state = self.state.with_order(replace(resting, status=OrderStatus.CANCELLED))


def _unheard(event: Row) -> None:
    """Nobody listens."""


def forget_oldest(records: dict[int, OrderRecord] | dict[int, AlgoRecord]) -> None:
    if len(records) <= MOST_KEPT:
        return
    oldest = next((number for number, row in records.items() if not row.is_open), None)
    if oldest is not None:
        del records[oldest]
