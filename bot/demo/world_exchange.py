"""Buttons of the chat page that do to a live demo's account what happens beside the bot."""

from __future__ import annotations

from decimal import Decimal

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.telegram_page import Control

BY_HAND, BY_HAND_QUANTITY = "ETHUSDT", Decimal("0.1")
BY_HAND_LEVERAGE = 5
"""At the venue's usual 20x the liquidation is so near that an adopted position is closed at once."""
OUTAGE = 40
"""Requests that go unanswered: some ten seconds of a bot that guards a position."""


def exchange_controls(exchange: ExchangeStandIn) -> list[Control]:
    hands, faults, account = exchange.hands, exchange.faults, exchange.account

    async def cancel_orders() -> str:
        open_ids = [order.client_id for order in account.open_orders()]
        open_ids += [algo.client_id for algo in account.open_algos()]
        for client_id in open_ids:
            hands.cancel(client_id)
        return f"{len(open_ids)} order(s) were cancelled, as in the app."

    async def close_positions() -> str:
        symbols = list(account.state.holdings)
        for symbol in symbols:
            hands.close(symbol)
        return f"{len(symbols)} position(s) were closed, as in the app."

    async def open_by_hand() -> str:
        if BY_HAND not in account.state.holdings:
            hands.set_leverage(BY_HAND, BY_HAND_LEVERAGE)
        try:
            hands.trade(BY_HAND, "BUY", BY_HAND_QUANTITY)
        except ValueError as error:
            return f"The exchange refuses it: {error}"
        return f"{BY_HAND_QUANTITY} {BY_HAND} were bought, as in the app."

    async def lose_an_answer() -> str:
        faults.fail_next(1, Failure.LOST, path="/fapi/v1/order", method="POST")
        return "The next order is carried out, and its answer gets lost."

    async def be_down() -> str:
        faults.fail_next(OUTAGE, Failure.SERVICE_UNAVAILABLE)
        return f"The next {OUTAGE} requests are answered with 503."

    made = (
        ("Cancel all orders", cancel_orders),
        ("Close positions", close_positions),
        ("Buy 0.1 ETH by hand", open_by_hand),
        ("Lose an order's answer", lose_an_answer),
        ("Be unavailable", be_down),
    )
    return [Control(label, run, "Exchange") for label, run in made]
