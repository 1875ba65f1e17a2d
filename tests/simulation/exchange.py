"""The venue of a storm: `SimVenue`'s matching, with everything remembered, partial fills and other hands.

Laws:
- It outlives every process. What it writes down is its own record: the checker reads nothing else of it.
- It answers late only in `before`: an old state is a whole old state, never a mixture.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from core.market import Instrument, Quote, Side
from core.money import ZERO, floor_to
from core.ports import Outcome
from core.sim.book import VenueState, apply_fill
from core.sim.matching import Scene
from core.sim.venue import SimVenue
from core.trade import Fill, Order, OrderKind, OrderRequest, OrderSide, OrderStatus
from core.trading.ids import is_ours
from tests.core.sim.stand import Memory

T = TypeVar("T")

SLIPPAGE = Decimal("0.0002")
UNSEEN_S = 4.0
"""The longest lag of a look and a request's way."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A span in which a position of ours had no covering stop at the venue; seconds of the loop."""

    symbol: str
    since_s: float
    until_s: float

    @property
    def length_s(self) -> float:
        return self.until_s - self.since_s


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("the venue waited for something")


class Exchange(SimVenue):
    def __init__(
        self,
        deposit: Decimal,
        prices: Callable[[str], Quote],
        instruments: Callable[[str], Instrument],
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        async def quote(symbol: str) -> Quote:
            return prices(symbol)

        async def instrument(symbol: str) -> Instrument:
            return instruments(symbol)

        super().__init__("storm", deposit, quote, instrument, now, Memory(), slippage=SLIPPAGE)
        self._rules_of = instruments
        self._price_of = prices
        self._seconds = seconds
        self._times: list[float] = [-1e9]
        self._states: list[VenueState] = [self._state]
        self._bare_since: dict[str, float] = {}
        self._hands = 0
        # The venue's own record.
        self.arrivals: Counter[str] = Counter()
        """Client id → how many requests with it reached the venue."""
        self.all_orders: dict[str, Order] = {}
        self.all_fills: dict[str, Fill] = {}
        self.bare: list[Bare] = []
        self.laid_bare: list[str] = []
        """Orders whose cancellation by the bot took the cover from a position."""
        self.largest: dict[str, Decimal] = {}
        """Symbol → the largest position that was held."""
        self.highest_leverage = 0

    # ------------------------------------------------------------ remembering

    async def _keep(self, state: VenueState) -> None:
        """The venue never dies here: instead of saving its state it remembers every one of them."""
        before, now = self._state, self._seconds()
        self._state = state
        if state.orders is not before.orders:
            known = {id(row) for row in before.orders}
            self.all_orders.update({row.client_id: row for row in state.orders if id(row) not in known})
        if state.fills is not before.fills:
            self.all_fills.update({row.id: row for row in state.fills[-6:]})
            self._measure(state)
        self._times.append(now)
        self._states.append(state)
        self._watch_cover(state, now)

    def _measure(self, state: VenueState) -> None:
        for symbol, held in state.holdings.items():
            self.largest[symbol] = max(self.largest.get(symbol, ZERO), held.quantity)
            self.highest_leverage = max(self.highest_leverage, held.leverage)

    def _watch_cover(self, state: VenueState, now: float) -> None:
        bare = {symbol for symbol in state.holdings if self.is_ours_at(symbol) and not covered(state, symbol)}
        for symbol in bare:
            self._bare_since.setdefault(symbol, now)
        for symbol in [each for each in self._bare_since if each not in bare]:
            self.bare.append(Bare(symbol, self._bare_since.pop(symbol), now))

    def is_ours_at(self, symbol: str) -> bool:
        """The position on this symbol was opened by an order of ours."""
        opened = self._state.opened_at.get(symbol)
        rows = [row for row in self._state.fills if row.symbol == symbol and row.at >= (opened or row.at)]
        return any(is_ours(row.client_id) for row in rows)

    def still_bare(self) -> list[Bare]:
        """Spans that have not ended."""
        now = self._seconds()
        return [Bare(symbol, since, now) for symbol, since in self._bare_since.items()]

    def before(self, lag_s: float) -> VenueState:
        """The state as it was so many seconds ago."""
        if lag_s <= 0:
            return self._state
        return self._states[bisect_right(self._times, self._seconds() - lag_s) - 1]

    # ------------------------------------------------------------ requests as they arrive

    def arrive(self, request: OrderRequest, part: Decimal = Decimal(1), rest: str = "") -> Outcome:
        """`part` under 1 fills so much of a market order; the `rest` is `dropped` or stays `open`."""
        self.arrivals[request.client_id] += 1
        quantity = floor_to(request.quantity * part, self._rules_of(request.symbol).lot)
        is_whole = part >= 1 or quantity <= 0 or request.kind is not OrderKind.MARKET
        if is_whole:
            return at_once(self.submit(request))
        outcome = at_once(self.submit(replace(request, quantity=quantity)))
        taken = self._state.order(request.client_id)
        if taken is None or not taken.filled:
            return outcome
        status = OrderStatus.OPEN if rest == "open" else OrderStatus.CANCELLED
        shown = replace(taken, quantity=request.quantity, status=status)
        at_once(self._keep(self._state.with_order(shown)))
        return replace(outcome, order=shown)

    def cancel_arrives(self, symbol: str, client_id: str) -> Outcome:
        held = symbol in self._state.holdings
        was_covered = held and covered(self._state, symbol)
        outcome = at_once(self.cancel(symbol, client_id))
        if was_covered and not covered(self._state, symbol) and not self._has_just_grown(symbol):
            self.laid_bare.append(client_id)
        return outcome

    def _has_just_grown(self, symbol: str) -> bool:
        """Somebody added to it too late for the bot to have seen it: cover has its own deadline then."""
        before = self.before(UNSEEN_S).holdings.get(symbol)
        return before is None or before.quantity < self._state.holdings[symbol].quantity

    def fill_rest(self, client_id: str) -> bool:
        """What a market order still lacks comes at last, unless it was cancelled meanwhile."""
        order = self._state.order(client_id)
        if order is None or order.status is not OrderStatus.OPEN:
            return False
        rest = order.quantity - order.filled
        held = self._state.holdings.get(order.symbol)
        if order.reduce_only:
            is_exit = held is not None and (held.side is Side.LONG) == (order.side is OrderSide.SELL)
            rest = min(rest, held.quantity) if held is not None and is_exit else ZERO
        state = self._state
        if rest > 0:
            rules, quote = self._rules_of(order.symbol), self._price_of(order.symbol)
            price = Scene(rules, quote, SLIPPAGE).paid(order.side)
            state = apply_fill(state, order, rest, price, rules.taker_fee, self._now())
        filled = order.filled + rest
        status = OrderStatus.FILLED if filled == order.quantity else OrderStatus.CANCELLED
        ended = replace(order, filled=filled, status=status, updated_at=self._now())
        at_once(self._keep(state.with_order(ended)))
        return True

    # ------------------------------------------------------------ other hands

    def by_hand(self, symbol: str, side: OrderSide, quantity: Decimal, name: str = "web") -> Outcome:
        """The owner in the venue's own app, or the venue itself (`adl`)."""
        self._hands += 1
        client_id = f"{name}_{self._hands}"
        closing = self._state.holdings.get(symbol)
        is_exit = closing is not None and (closing.side is Side.LONG) == (side is OrderSide.SELL)
        request = OrderRequest(client_id, symbol, side, OrderKind.MARKET, quantity, reduce_only=is_exit)
        return at_once(self.submit(request))

    def resting(self, symbol: str, kind: OrderKind) -> list[Order]:
        rows = self._state.orders
        return [o for o in rows if o.symbol == symbol and o.kind is kind and o.status is OrderStatus.OPEN]


def covered(state: VenueState, symbol: str) -> bool:
    """Resting reduce-only stops take at least the whole position."""
    held = state.holdings[symbol]
    leaving = OrderSide.SELL if held.side is Side.LONG else OrderSide.BUY
    stops = (
        row.quantity - row.filled
        for row in state.orders
        if row.status is OrderStatus.OPEN
        and row.kind is OrderKind.STOP_MARKET
        and row.symbol == symbol
        and row.reduce_only
        and row.side is leaving
    )
    return sum(stops, ZERO) >= held.quantity
