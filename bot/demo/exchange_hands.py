"""Hands on the account from outside the client: the owner's in the app, and the venue's own.

Quantities are base coin; every method acts at once and is told on the user data stream.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.demo.exchange_account import Account
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_records import ADL_CLIENT_ID, OrderRecord
from core.market import Quote, Side, from_ms
from core.money import ZERO, ceil_to, floor_to
from core.sim.matching import Scene
from core.trade import OrderKind


class Hands:
    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults

    # ------------------------------------------------------------ the owner

    def trade(self, symbol: str, side: str, quantity: Decimal, *, reduce_only: bool = False) -> OrderRecord:
        """A market order from the app; raises ValueError where the venue refuses it."""
        return self._market_order(symbol, side, quantity, f"web_{self._account.new_id()}", reduce_only)

    def close(self, symbol: str) -> OrderRecord:
        """The whole position, in the app."""
        held = self._account.state.holdings[symbol]
        return self.trade(symbol, _closing(held.side), held.quantity, reduce_only=True)

    def cancel(self, client_id: str) -> None:
        """An open order of either kind, by its client id; raises KeyError where there is none."""
        self._end(client_id, "CANCELED")

    def set_leverage(self, symbol: str, leverage: int) -> None:
        state = self._account.state
        holdings = dict(state.holdings)
        if symbol in holdings:
            holdings[symbol] = replace(holdings[symbol], leverage=leverage)
        leverages = {**state.leverages, symbol: leverage}
        self._account.state = replace(state, holdings=holdings, leverages=leverages)

    # ------------------------------------------------------------ the venue

    def expire(self, client_id: str) -> None:
        """The venue ends an open order of either kind; raises KeyError where there is none."""
        self._end(client_id, "EXPIRED")

    def deleverage(self, symbol: str, fraction: Decimal) -> OrderRecord:
        """Automatic deleveraging takes this part of the position, at the mark price."""
        account = self._account
        held, rules = account.state.holdings[symbol], account.rules(symbol)
        quantity = max(floor_to(held.quantity * fraction, rules.lot), rules.lot)
        account.advance()
        now = account.market.now_ms()
        scene = account.scene(symbol, now)
        mark = floor_to(scene.quote.mark, rules.tick)
        scene = Scene(rules, replace(scene.quote, bid=mark, ask=mark), ZERO)
        return self._taken(scene, _closing(held.side), quantity, ADL_CLIENT_ID, True)

    def liquidate(self, symbol: str) -> None:
        """The mark price touches the position's liquidation price for one moment."""
        account = self._account
        account.advance()
        now = account.market.now_ms()
        held, rules = account.state.holdings[symbol], account.rules(symbol)
        price = held.liquidation(rules)
        is_long = held.side is Side.LONG
        mark = max(floor_to(price, rules.tick), rules.tick) if is_long else ceil_to(price, rules.tick)
        quote = Quote(symbol, mark, mark, mark, mark, from_ms(now))
        account.meet(Scene(rules, quote, ZERO), now)
        account.advance_symbol(symbol)

    def change_rules(self, symbol: str, **changes: int) -> None:
        """From now on other `price_decimals`, `lot_decimals`, `min_notional_usdt` or `max_quantity`.

        The market's own prices keep their tick.
        """
        self._faults.changed[symbol] = replace(self._account.listed(symbol), **changes)  # type: ignore[arg-type]

    def delist(self, symbol: str) -> None:
        """Closed for new positions; the listing says SETTLING."""
        self._faults.delisted.add(symbol)

    def release(self, client_id: str) -> None:
        """What a fault kept back of an order is given to the book; raises KeyError where there is none."""
        waiting = {each.client_id: each for each in self._account.open_orders() if each.held_back}
        order = waiting[client_id]
        self._account.advance()
        now = self._account.market.now_ms()
        self._account.give(order, order.held_back, self._account.scene(order.symbol, now), now)

    # ------------------------------------------------------------ what reads show

    def show_stale_positions(self, reads: int) -> None:
        """The next reads show positions as they are now, whatever happens meanwhile; balances are true."""
        self._account.advance()
        self._faults.show_positions(self._account.state, reads)

    def show_no_positions(self, reads: int) -> None:
        """The next reads show no position; balances are true."""
        self._account.advance()
        self._faults.show_positions(replace(self._account.state, holdings={}), reads)

    def show_stale_balances(self, reads: int) -> None:
        """The next reads of account and balance are as old as this call."""
        self._account.advance()
        self._faults.show_balances(self._account.state, reads)

    # ------------------------------------------------------------ inside

    def _end(self, client_id: str, status: str) -> None:
        account = self._account
        account.advance()
        for order in account.open_orders():
            if order.client_id == client_id:
                account.end_order(order, status)
                return
        for algo in account.open_algos():
            if algo.client_id == client_id:
                account.end_algo(algo, status)
                return
        raise KeyError(client_id)

    def _market_order(
        self, symbol: str, side: str, quantity: Decimal, client_id: str, reduce_only: bool
    ) -> OrderRecord:
        account = self._account
        account.advance()
        account.advance_symbol(symbol)
        scene = account.scene(symbol, account.market.now_ms())
        return self._taken(scene, side, quantity, client_id, reduce_only)

    def _taken(
        self, scene: Scene, side: str, quantity: Decimal, client_id: str, reduce_only: bool
    ) -> OrderRecord:
        account, now = self._account, self._account.market.now_ms()
        order = OrderRecord(
            order_id=account.new_id(),
            client_id=client_id,
            symbol=scene.quote.symbol,
            side=side,
            type="MARKET",
            quantity=quantity,
            created_ms=now,
            updated_ms=now,
            reduce_only=reduce_only,
        )
        request = account.request(order, OrderKind.MARKET, quantity)
        code = account.refused(request, scene)
        if code:
            raise ValueError(f"the venue refuses {side} {quantity} {order.symbol} with {code}")
        account.take(order, request, scene, now)
        return order


def _closing(side: Side) -> str:
    return "SELL" if side is Side.LONG else "BUY"
