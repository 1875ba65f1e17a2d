"""A trade on the stage: what was sent, what the venue shows, and what the lifecycle wants next."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.market import Side
from core.plan import Target
from core.trade import (
    Fill,
    Intention,
    IntentState,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Position,
    Purpose,
    Seen,
    Trade,
)
from core.trading.ids import client_id
from core.trading.lifecycle import next_step
from core.trading.sending import ATTEMPTS_PER_REQUEST
from core.trading.steps import (
    Rules,
    Send,
    Step,
)
from tests.core.builders import D, a_fill, a_position, a_trade, an_order, later

RULES = Rules(D("0.01"), D("0.01"), D("0.01"), D("0.005"))
SENT, DONE, REFUSED, DEAD = IntentState.SENT, IntentState.DONE, IntentState.REFUSED, IntentState.DEAD
THROTTLED = IntentState.THROTTLED


class Stage:
    """A trade with what was sent and what is shown; `step()` asks the lifecycle."""

    def __init__(self, side: Side = Side.LONG, **fields: Any) -> None:
        sign = side.sign
        plain: dict[str, Any] = {
            "side": side,
            "quantity": D(2),
            "stop": D(100 - 5 * sign),
            "entry_reference": D(100),
            "targets": (Target(D(100 + 11 * sign), D(1)),),
        }
        self.trade: Trade = replace(a_trade(), **(plain | fields))
        self.intents: list[Intention] = []
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.held: Decimal = D(0)
        self.held_side = side
        self.mark = D(100)
        self.liquidation: Decimal | None = None
        self.agreeing = 2
        self.bare_s = 0.0
        self.now_s = 100.0
        self.rules = RULES

    def sent(
        self,
        purpose: Purpose,
        state: IntentState = DONE,
        attempt: int = 0,
        quantity: Any = 2,
        shown: OrderStatus | None = None,
        ago_s: float = 60,
        **order: Any,
    ) -> Intention:
        """An intention, and the order of it that the venue shows (`shown` None: it shows none)."""
        kind = {
            Purpose.STOP: OrderKind.STOP_MARKET,
            Purpose.TARGET: OrderKind.TAKE_PROFIT_MARKET,
        }.get(purpose, OrderKind.MARKET)
        prices = {Purpose.STOP: self.trade.stop, Purpose.TARGET: self.trade.targets[-1].price}
        request = OrderRequest(
            client_id=client_id(self.trade.account, self.trade.id, purpose, attempt),
            symbol=self.trade.symbol,
            side=self.trade.entry_side if purpose is Purpose.ENTRY else self.trade.exit_side,
            kind=kind,
            quantity=D(str(quantity)),
            reduce_only=purpose is not Purpose.ENTRY,
            trigger=order.pop("trigger", prices.get(purpose)),
        )
        at = later(seconds=self.now_s - ago_s)
        intention = Intention(request, self.trade.id, purpose, attempt, state, at)
        self.intents.append(intention)
        if shown is not None:
            filled = request.quantity if shown is OrderStatus.FILLED else D(0)
            row = an_order(request, status=shown, filled=filled, created_at=at, updated_at=at)
            self.orders.append(replace(row, **order))
        return intention

    def filled(self, intention: Intention, quantity: Any = 2, **fields: Any) -> None:
        request = intention.request
        row = a_fill(
            id=f"f{len(self.fills)}",
            client_id=request.client_id,
            side=request.side,
            quantity=D(str(quantity)),
        )
        self.fills.append(replace(row, **fields))

    def entered(self, quantity: Any = 2) -> Stage:
        entry = self.sent(Purpose.ENTRY, quantity=quantity, shown=OrderStatus.FILLED)
        self.filled(entry, quantity)
        self.held = D(str(quantity))
        return self

    def covered(self, quantity: Any = 2) -> Stage:
        self.entered(quantity)
        self.sent(Purpose.STOP, quantity=quantity, shown=OrderStatus.OPEN)
        return self

    def complete(self) -> Stage:
        self.covered()
        self.sent(Purpose.TARGET, shown=OrderStatus.OPEN)
        return self

    def rungs(self, *quantities: Any) -> Stage:
        """A covered position of two with its ladder resting, one target for each quantity."""
        self.covered()
        for index, quantity in enumerate(quantities):
            price = self.trade.targets[index].price
            attempt = index * ATTEMPTS_PER_REQUEST
            self.sent(Purpose.TARGET, DONE, attempt, quantity, shown=OrderStatus.OPEN, trigger=price)
        return self

    def reached(self, index: int) -> Stage:
        """A resting target fills; the stop was re-sized to what is left."""
        name = self._sent_as(Purpose.TARGET, index * ATTEMPTS_PER_REQUEST).request.client_id
        order = next(o for o in self.orders if o.client_id == name)
        self.show(name, status=OrderStatus.FILLED, filled=order.quantity)
        self.filled(self._sent_as(Purpose.TARGET, index * ATTEMPTS_PER_REQUEST), order.quantity)
        self.held -= order.quantity
        for stop in [o for o in self.orders if o.kind is OrderKind.STOP_MARKET]:
            self.show(stop.client_id, status=OrderStatus.CANCELLED, updated_at=later(seconds=self.now_s))
        attempts = [i.attempt for i in self.intents if i.purpose is Purpose.STOP]
        if self.held:
            self.sent(Purpose.STOP, DONE, max(attempts) + 1, self.held, shown=OrderStatus.OPEN)
        return self

    def _sent_as(self, purpose: Purpose, attempt: int) -> Intention:
        return next(i for i in self.intents if i.purpose is purpose and i.attempt == attempt)

    def show(self, name: str, **fields: Any) -> None:
        self.orders = [replace(o, **fields) if o.client_id == name else o for o in self.orders]

    def gone(self, by: Purpose = Purpose.STOP) -> Stage:
        """The position is closed by one of our orders, and the fills say so."""
        self.held = D(0)
        intention = next(i for i in self.intents if i.purpose is by)
        self.filled(intention)
        name = intention.request.client_id
        self.orders = [
            replace(o, status=OrderStatus.FILLED, filled=o.quantity) if o.client_id == name else o
            for o in self.orders
        ]
        return self

    @property
    def position(self) -> Position | None:
        if not self.held:
            return None
        fields: dict[str, Any] = {"side": self.held_side, "quantity": self.held}
        if self.liquidation is not None:
            fields["liquidation"] = self.liquidation
        return a_position(self.trade, mark=self.mark, **fields)

    def step(self) -> Step:
        now = later(seconds=self.now_s)
        orders, fills = tuple(self.orders), tuple(self.fills)
        seen = Seen(
            self.trade.symbol,
            self.position,
            orders,
            fills,
            self.mark,
            now,
            self.agreeing,
            bare_s=self.bare_s,
        )
        return next_step(self.trade, self.intents, seen, self.rules, now)


def sent_by(step: Step) -> OrderRequest:
    assert isinstance(step, Send), step
    return step.intention.request
