"""The one account of the demo exchange: the simulated venue's state under the venue's own records.

Laws:
- What a price or an order does is decided by `core.sim`; here it is only told in the venue's words.
- All income rows together are the wallet, to the ledger's eight decimals.
- Prices are walked second by second up to now before anything is asked or ordered: a stop that was crossed
  meanwhile, was crossed.
- Margin is isolated per symbol whatever the margin type says, and nothing trades in hedge mode.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.demo.exchange_books import Books, forget_oldest
from bot.demo.exchange_events import account_event, algo_event, order_event
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_records import (
    SMALLEST,
    AlgoRecord,
    OrderRecord,
)
from bot.demo.exchange_rules import rules_of
from bot.demo.instruments import Instrument as Listed
from bot.demo.market import Market, scaled
from bot.demo.market_series import SECOND_MS
from core.market import Instrument, Quote, from_ms, to_ms
from core.money import nearest_to
from core.sim.book import VenueState, apply_funding, apply_transfer
from core.sim.matching import Scene, moved, placed, refusal
from core.trade import OrderKind, OrderRequest, OrderSide

DEPOSIT: Final = Decimal(10_000)
SLIPPAGE: Final = Decimal("0.0002")
USUAL_LEVERAGE: Final = 20
MOST_STEPS: Final = 300  # prices walked at once for one symbol; a longer absence is walked in larger steps


class Account(Books):
    """`told` hears every event of the user data stream. All calls are synchronous and take no time."""

    def __init__(
        self,
        market: Market,
        deposit: Decimal = DEPOSIT,
        slippage: Decimal = SLIPPAGE,
        faults: Faults | None = None,
    ) -> None:
        leverages = {
            symbol: min(USUAL_LEVERAGE, listed.brackets[0].leverage)
            for symbol, listed in market.instruments.items()
        }
        state = VenueState(deposited=deposit, leverages=leverages)
        super().__init__(state, market.symbols(), market.now_ms)
        self.market = market
        self.is_hedged = False
        self.is_multi_assets = False
        self.permissions: dict[str, bool] = dict(PERMISSIONS)
        self._faults = faults or Faults()
        self._slippage = slippage

    # ------------------------------------------------------------ what is asked

    def listed(self, symbol: str) -> Listed:
        """With the rules that are in force."""
        return self._faults.changed.get(symbol, self.market.instruments[symbol])

    def rules(self, symbol: str) -> Instrument:
        return rules_of(self.listed(symbol), symbol not in self._faults.delisted)

    def leverage(self, symbol: str) -> int:
        return self.state.leverages[symbol]

    def scene(self, symbol: str, at_ms: int) -> Scene:
        book = self.market.book(symbol, at_ms, 1)
        places = self.market.instruments[symbol].price_decimals
        ask = scaled(int(book.ask_ticks[0]), places)
        bid = scaled(int(book.bid_ticks[0]), places) if len(book.bid_ticks) else scaled(1, places)
        last, mark = self.market.price(symbol, at_ms), self.market.mark_price(symbol, at_ms)
        quote = Quote(symbol, bid, ask, last, mark, from_ms(at_ms))
        return Scene(self.rules(symbol), quote, self._slippage)

    # ------------------------------------------------------------ the market moves

    def advance(self) -> None:
        """Every position and open order meets the prices up to now."""
        watched = {*self.state.exposed, *(algo.symbol for algo in self.open_algos())}
        for symbol in sorted(watched):
            self.advance_symbol(symbol)

    def advance_symbol(self, symbol: str) -> None:
        """To the present price; where nothing is held and nothing waits, no price before it matters."""
        now = self.market.now_ms()
        seen = self.state.seen_at.get(symbol)
        is_watched = symbol in self.state.exposed or bool(self.open_algos(symbol))
        since = to_ms(seen) if seen is not None and is_watched else now
        step = max(SECOND_MS, -(-(now - since) // MOST_STEPS))
        settled = {row.at_ms: row.rate for row in self.market.settlements(symbol, since + 1, now)}
        for at in sorted({*range(since + step, now, step), *settled, now}):
            self.meet(self.scene(symbol, at), at)
            if at in settled:
                rate = nearest_to(Decimal(repr(settled[at])), SMALLEST)
                self.adopt(apply_funding(self.state, symbol, rate, from_ms(at)), at)

    def meet(self, scene: Scene, at_ms: int) -> None:
        """One price."""
        self.adopt(moved(self.state, scene), at_ms)
        for algo in self.open_algos(scene.quote.symbol):
            if not algo.key and _is_triggered(algo, scene.quote):
                self._fire(algo, scene, at_ms)

    def transfer(self, amount: Decimal) -> None:
        """Pays in, or out when negative; raises ValueError for more than is free."""
        now = self.market.now_ms()
        self.state = apply_transfer(self.state, amount, from_ms(now))
        self._book("TRANSFER", amount, now)
        self.told(account_event(self.state, "DEPOSIT" if amount > 0 else "WITHDRAW", "", amount, "", now))

    # ------------------------------------------------------------ orders

    def request(self, order: OrderRecord | AlgoRecord, kind: OrderKind, quantity: Decimal) -> OrderRequest:
        """The order in the words of the core, under a name of its own."""
        return OrderRequest(
            client_id=f"k{self.new_id()}",
            symbol=order.symbol,
            side=OrderSide(order.side.lower()),
            kind=kind,
            quantity=quantity,
            reduce_only=order.reduce_only or order.close_position,
            price=order.price if kind is OrderKind.LIMIT else None,
            trigger=order.trigger if kind.is_conditional else None,
        )

    def refused(self, request: OrderRequest, scene: Scene) -> str:
        """The venue's code against an order, or an empty text."""
        found = refusal(self.state, request, scene)
        return found.code if found is not None else ""

    def take(self, order: OrderRecord, request: OrderRequest, scene: Scene, at_ms: int) -> None:
        """An order that passed the filters: what can be filled at once is."""
        order.key = request.client_id
        self.orders[order.order_id] = order
        self.working[order.key] = order
        self.told(order_event(order, "NEW", at_ms))
        self.adopt(placed(self.state, request, scene, from_ms(at_ms)), at_ms)
        order.rests = bool(order.key)
        forget_oldest(self.orders)

    def take_algo(self, algo: AlgoRecord, request: OrderRequest | None, scene: Scene, at_ms: int) -> None:
        """Without a `request` the account itself watches for the trigger."""
        self.algos[algo.algo_id] = algo
        if request is not None:
            algo.key = request.client_id
            self.working[algo.key] = algo
            self.adopt(placed(self.state, request, scene, from_ms(at_ms)), at_ms)
        self.told(algo_event(algo, at_ms))
        forget_oldest(self.algos)

    def give(self, order: OrderRecord, quantity: Decimal, scene: Scene, at_ms: int) -> None:
        """A further part of an order whose rest was held back."""
        kind = OrderKind.LIMIT if order.type == "LIMIT" else OrderKind.MARKET
        request = self.request(order, kind, quantity)
        order.key, order.held_back = request.client_id, order.held_back - quantity
        self.working[order.key] = order
        self.adopt(placed(self.state, request, scene, from_ms(at_ms)), at_ms)

    def replace_order(self, order: OrderRecord, price: Decimal, quantity: Decimal) -> None:
        """A resting limit order's new price and size; it meets the book with the next price."""
        now = self.market.now_ms()
        resting = self.state.order(order.key)
        assert resting is not None
        self.state = self.state.with_order(replace(resting, price=price, quantity=quantity - order.filled))
        order.price, order.quantity, order.updated_ms = price, quantity, now
        self.told(order_event(order, "AMENDMENT", now))

    def _fire(self, algo: AlgoRecord, scene: Scene, at_ms: int) -> None:
        """An order that the account watches itself: on the last price, for the whole position, or a limit."""
        kind = OrderKind.LIMIT if algo.type in ("STOP", "TAKE_PROFIT") else OrderKind.MARKET
        request = self.request(algo, kind, algo.quantity or self.held_quantity(algo.symbol))
        code = self.refused(request, scene)
        if code:
            algo.triggered_ms = at_ms
            reason = "Reduce Only reject" if code == "-2022" else f"rejected with {code}"
            self.algo_is(algo, "REJECTED", at_ms, reason)
            return
        child = self.child(algo, at_ms)
        self.take(child, request, scene, at_ms)


# fmt: off
PERMISSIONS: Final = {
    "ipRestrict": True, "enableReading": True, "enableWithdrawals": False, "enableInternalTransfer": False,
    "enableMargin": False, "enableFutures": True, "permitsUniversalTransfer": False,
    "enableVanillaOptions": False, "enableFixApiTrade": False, "enableFixReadOnly": False,
    "enableSpotAndMarginTrading": False, "enablePortfolioMarginTrading": False,
}
# fmt: on


def _is_triggered(algo: AlgoRecord, quote: Quote) -> bool:
    price = quote.mark if algo.working_type == "MARK_PRICE" else quote.last
    falls_to = algo.type.startswith("STOP") == (algo.side == "SELL")
    return price <= algo.trigger if falls_to else price >= algo.trigger
