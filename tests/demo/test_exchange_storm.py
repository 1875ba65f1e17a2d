"""Seeded chance on the account itself: whatever happens, the ledger is the wallet and the records agree."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from bot.demo.exchange_account import Account
from bot.demo.exchange_asked import Asked
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_hands import Hands
from bot.demo.exchange_question import Refused
from bot.demo.exchange_table import ACCOUNT_ENDPOINTS
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from tests.demo.hand_clock import NOON_MS, HandClock

SYMBOLS = ("SOLUSDT", "ETHUSDT")
STEPS = 200


class Storm:
    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.clock = HandClock(NOON_MS + 61_000)
        self.market = SeededMarket(self.clock, seed, instruments=LISTED[1:3], scenario={}, history_days=2)
        self.faults = Faults()
        self.account = Account(self.market, faults=self.faults)
        self.hands = Hands(self.account, self.faults)
        self.refused = 0
        for symbol in SYMBOLS:
            self.ask("POST", "/fapi/v1/marginType", symbol=symbol, marginType="ISOLATED")

    def ask(self, method: str, path: str, **params: str) -> None:
        endpoint = ACCOUNT_ENDPOINTS[method, path]
        try:
            endpoint.answer(
                Asked(self.market, self.faults, self.clock.ms, self.clock.ms, params, 2_400, self.account)
            )
        except Refused:
            self.refused += 1

    def step(self) -> None:
        symbol = self.dice.choice(SYMBOLS)
        acts = (
            self.trade,
            self.rest,
            self.stop,
            self.wander,
            self.wander,
            self.cancel,
            self.lever,
            self.hand,
        )
        self.dice.choice(acts)(symbol)

    def price(self, symbol: str, spread: float) -> str:
        mark = float(self.market.mark_price(symbol, self.clock.ms))
        return f"{mark * self.dice.uniform(1 - spread, 1 + spread):.2f}"

    def amount(self) -> str:
        return f"{self.dice.uniform(0.05, 9):.2f}"

    def side(self) -> str:
        return self.dice.choice(("BUY", "SELL"))

    def trade(self, symbol: str) -> None:
        if self.dice.random() < 0.2:
            self.faults.fill_partly(Decimal("0.5"))
        more = {"reduceOnly": "true"} if self.dice.random() < 0.4 else {}
        order = {"symbol": symbol, "side": self.side(), "type": "MARKET", "quantity": self.amount()}
        self.ask("POST", "/fapi/v1/order", **order, **more)

    def rest(self, symbol: str) -> None:
        order = {"symbol": symbol, "side": self.side(), "type": "LIMIT", "quantity": self.amount()}
        life = self.dice.choice(("GTC", "IOC", "FOK", "GTX"))
        self.ask("POST", "/fapi/v1/order", **order, price=self.price(symbol, 0.02), timeInForce=life)

    def stop(self, symbol: str) -> None:
        kind = self.dice.choice(("STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT"))
        order = {"symbol": symbol, "side": self.side(), "type": kind, "algoType": "CONDITIONAL"}
        order |= {"triggerPrice": self.price(symbol, 0.03)}
        order |= {"workingType": self.dice.choice(("MARK_PRICE", "CONTRACT_PRICE"))}
        if not kind.endswith("_MARKET"):
            order["price"] = self.price(symbol, 0.03)
        size = {"closePosition": "true"} if self.dice.random() < 0.2 else {"quantity": self.amount()}
        more = {"reduceOnly": "true"} if "quantity" in size and self.dice.random() < 0.6 else {}
        self.ask("POST", "/fapi/v1/algoOrder", **order, **size, **more)

    def wander(self, symbol: str) -> None:
        if self.dice.random() < 0.3:
            self.market.nudge(symbol, self.dice.uniform(-0.04, 0.04), 30)
        self.clock.forward(minutes=600 if self.dice.random() < 0.05 else self.dice.choice((0.05, 0.2, 1)))
        self.account.advance()

    def cancel(self, symbol: str) -> None:
        path = self.dice.choice(("/fapi/v1/allOpenOrders", "/fapi/v1/algoOpenOrders"))
        self.ask("DELETE", path, symbol=symbol)

    def lever(self, symbol: str) -> None:
        self.ask("POST", "/fapi/v1/leverage", symbol=symbol, leverage=str(self.dice.choice((3, 10, 20))))

    def hand(self, symbol: str) -> None:
        if symbol not in self.account.state.holdings:
            return
        acts = (
            self.hands.close,
            self.hands.liquidate,
            lambda held: self.hands.deleverage(held, Decimal("0.3")),
        )
        self.dice.choice(acts)(symbol)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_ledger_is_the_wallet_and_the_records_agree(seed: int) -> None:
    storm = Storm(seed)
    account = storm.account
    for _ in range(STEPS):
        storm.step()

    rows = account.ledger.rows
    assert abs(sum(row.amount for row in rows) - account.state.wallet) <= Decimal("1e-8")
    assert {row.kind for row in rows} == {"TRANSFER", "COMMISSION", "REALIZED_PNL", "FUNDING_FEE"}
    for symbol in SYMBOLS:
        signed = (
            row.quantity if row.side == "BUY" else -row.quantity
            for row in account.trades
            if row.symbol == symbol
        )
        held = account.state.holdings.get(symbol)
        assert sum(signed) == (held.quantity * held.side.sign if held else 0)
    for order in account.orders.values():
        filled = sum(row.quantity for row in account.trades if row.order_id == order.order_id)
        assert filled == order.filled <= order.quantity
        assert (order.status == "FILLED") is (order.filled == order.quantity)
    resting = {order.client_id for order in account.state.orders if order.status.value == "open"}
    told = {each.key for each in (*account.open_orders(), *account.open_algos()) if each.key}
    assert told == resting == set(account.working)
    assert 0 < storm.refused < STEPS and len(account.trades) > 30
