"""What holds after any sequence of orders, prices and funding, to the last digit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.codec import from_text
from core.ports import Result
from core.sim.book import VenueState, state_text
from core.trade import OrderKind, OrderSide, OrderStatus
from tests.core.builders import BTC, SOL, an_instrument
from tests.core.sim.stand import D, Stand

DEPOSIT = D("1234.56")
QUANTITIES = st.integers(1, 900).map(lambda lots: D(lots) / 100)
PRICES = st.integers(2_000, 40_000).map(lambda ticks: D(ticks) / 100)
SIDES = st.sampled_from(OrderSide)
SYMBOLS = st.sampled_from((SOL, BTC))
RATES = st.decimals("-0.02", "0.02", places=8)
KINDS = st.sampled_from([OrderKind.LIMIT, OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET])


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


class AnyVenue(RuleBasedStateMachine):
    """Orders, prices, funding and restarts in any order, beside a ledger of our own."""

    @initialize(
        leverage=st.integers(1, 20),
        spread=st.sampled_from([0, "0.02", "3"]),
        slip=st.sampled_from([0, "0.003"]),
    )
    def open(self, leverage: int, spread: Any, slip: Any) -> None:
        rules = an_instrument(min_notional=D(1)), an_instrument(symbol=BTC, base="BTC", min_notional=D(1))
        self.stand = Stand(*rules, deposit=DEPOSIT, spread=spread, slippage=slip)
        for symbol in (SOL, BTC):
            run(self.stand.venue.prepare(symbol, leverage))
        self.before = self.stand.venue.state

    @rule(symbol=SYMBOLS, side=SIDES, quantity=QUANTITIES, reduce_only=st.booleans())
    def market(self, symbol: str, side: OrderSide, quantity: Decimal, reduce_only: bool) -> None:
        self.before = self.stand.venue.state
        held = self.before.holdings.get(symbol)
        outcome = run(self.stand.send(side, quantity, reduce_only=reduce_only, symbol=symbol))
        after = self.stand.venue.state.holdings.get(symbol)
        if outcome.result is Result.REFUSED:
            assert self.stand.venue.state.wallet == self.before.wallet
        elif reduce_only:
            assert held is not None
            assert after is None or (after.side is held.side and after.quantity < held.quantity)

    @rule(
        symbol=SYMBOLS, side=SIDES, quantity=QUANTITIES, kind=KINDS, price=PRICES, reduce_only=st.booleans()
    )
    def rest(
        self,
        symbol: str,
        side: OrderSide,
        quantity: Decimal,
        kind: OrderKind,
        price: Decimal,
        reduce_only: bool,
    ) -> None:
        self.before = self.stand.venue.state
        level = {"price": price} if kind is OrderKind.LIMIT else {"trigger": price}
        run(self.stand.send(side, quantity, kind, reduce_only=reduce_only, symbol=symbol, **level))

    @rule(symbol=SYMBOLS, price=PRICES)
    def move(self, symbol: str, price: Decimal) -> None:
        self.before = self.stand.venue.state
        run(self.stand.price(price, symbol))
        held = self.stand.venue.state.holdings.get(symbol)
        assert held is None or held.unrealised(price) + held.margin > 0  # else it was liquidated

    @rule(symbol=SYMBOLS, rate=RATES)
    def fund(self, symbol: str, rate: Decimal) -> None:
        self.before = self.stand.venue.state
        run(self.stand.venue.on_funding(symbol, rate, self.stand.now + timedelta(minutes=1)))
        self.stand.now += timedelta(minutes=2)

    @precondition(lambda self: self.stand.venue.state.exposed)
    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        self.before = self.stand.venue.state
        orders = run(self.stand.venue.open_orders())
        if orders:
            order = orders[pick % len(orders)]
            run(self.stand.venue.cancel(order.symbol, order.client_id))

    @rule()
    def restart(self) -> None:
        state = self.stand.venue.state
        assert from_text(VenueState, state_text(state)) == state

    @invariant()
    def wallet_is_the_sum_of_its_ledger(self) -> None:
        state, before = self.stand.venue.state, self.before
        assert state.wallet == DEPOSIT + state.realised - state.fees + state.funded
        new_fills = state.fills[len(before.fills) :] if len(state.fills) < 100 else ()
        if len(state.fills) < 100 and len(state.payments) < 100:
            assert state.fees - before.fees == sum(fill.fee for fill in new_fills)
            assert state.funded == sum(payment.amount for payment in state.payments)

    @invariant()
    def equity_is_what_every_fill_at_its_price_and_every_cost_make_of_the_deposit(self) -> None:
        """Cash flow: money paid and got at the fills' own prices, and the rest valued at the mark."""
        state = self.stand.venue.state
        if len(state.fills) >= 100 or len(state.payments) >= 100:
            return  # the venue may have forgotten rows by then
        cash = sum(
            (f.quantity * f.price * (1 if f.side is OrderSide.SELL else -1) for f in state.fills), DEPOSIT
        )
        costs = sum((f.fee for f in state.fills), D(0)) - sum((p.amount for p in state.payments), D(0))
        stock = sum(
            (held.quantity * state.marks[symbol] * held.side.sign for symbol, held in state.holdings.items()),
            D(0),
        )
        assert state.equity == cash - costs + stock

    @invariant()
    def nothing_is_negative(self) -> None:
        state = self.stand.venue.state
        assert all(held.quantity > 0 and held.margin >= 0 for held in state.holdings.values())
        assert all(fill.fee >= 0 and fill.quantity > 0 and fill.price > 0 for fill in state.fills)
        assert state.available > D("-1e-15")
        assert state.equity > D("-1e-15")

    @invariant()
    def ids_are_unique_and_ordered(self) -> None:
        state = self.stand.venue.state
        ids = [fill.id for fill in state.fills]
        assert ids == sorted(set(ids))
        numbers = [int(order.venue_id[1:]) for order in state.orders]
        assert numbers == sorted(set(numbers))
        assert all(order.filled <= order.quantity for order in state.orders)
        assert all(
            order.filled == order.quantity for order in state.orders if order.status is OrderStatus.FILLED
        )


TestAnyVenue = AnyVenue.TestCase
TestAnyVenue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

MOVES = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "price", "fund"]), st.integers(1, 300), st.integers(80, 120)),
    max_size=25,
)


@settings(max_examples=60)
@given(moves=MOVES, leverages=st.tuples(st.integers(1, 5), st.integers(6, 10)))
def test_profit_does_not_know_leverage(moves: list[tuple[str, int, int]], leverages: tuple[int, int]) -> None:
    """As long as neither is liquidated nor short of margin: the same trades make the same money."""
    one, other = (run(played(moves, leverage)) for leverage in leverages)

    assert one.equity == other.equity
    assert (one.realised, one.fees, one.funded) == (other.realised, other.fees, other.funded)


async def played(moves: list[tuple[str, int, int]], leverage: int) -> VenueState:
    stand = Stand(an_instrument(min_notional=D(1)), deposit=1_000_000, spread="0.02", slippage="0.0002")
    await stand.venue.prepare(SOL, leverage)
    for what, lots, price in moves:
        held = stand.venue.state.holdings.get(SOL)
        if what == "price":
            # Within 3 % of the entry nothing up to 10x is liquidated.
            level = held.entry * (1 + D(price - 100) / 700) if held else D(price)
            await stand.price(round(level, 2))
        elif what == "fund":
            await stand.venue.on_funding(SOL, D(price - 100) / 100_000, stand.now + timedelta(minutes=1))
            stand.now += timedelta(minutes=2)
        else:
            await stand.send(OrderSide(what), D(lots) / 100)
    assert not any(fill.is_liquidation for fill in stand.venue.state.fills)
    return stand.venue.state


@given(quantity=QUANTITIES, parts=st.lists(st.integers(1, 99), max_size=6), exit_price=PRICES)
def test_a_position_closed_in_parts_makes_exactly_what_it_makes_closed_at_once(
    quantity: Decimal, parts: list[int], exit_price: Decimal
) -> None:
    async def realised(shares: list[int]) -> Decimal:
        stand = Stand(
            an_instrument(lot=D("0.0001"), min_quantity=D("0.0001"), min_notional=D("0.0001")),
            deposit=100_000,
        )
        await stand.buy(quantity + D("0.0037"))
        await stand.price(exit_price)
        for share in shares:
            held = stand.venue.state.holdings[SOL].quantity
            part = (held * share / 100).quantize(D("0.0001"))
            if 0 < part < held:
                await stand.sell(part, reduce_only=True)
        await stand.sell(stand.venue.state.holdings[SOL].quantity, reduce_only=True)
        assert stand.venue.state.holdings == {}
        assert stand.venue.state.margin == 0
        return stand.venue.state.realised

    assert run(realised(parts)) == run(realised([]))
