"""The account behind the demo's Bybit: its ledger is its wallet, whatever happens."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from bot.demo.bybit import PRIVATE
from bot.demo.bybit_question import Told, Wanted
from bot.demo.bybit_unified import Unified
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_hands import Hands
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from tests.demo.hand_clock import NOON_MS, HandClock

SYMBOL = "SOLUSDT"
STEPS = 200


class Storm:
    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.clock = HandClock(NOON_MS + 61_000)
        self.market = SeededMarket(self.clock, seed, instruments=LISTED[2:3], scenario={}, history_days=2)
        self.faults = Faults()
        self.unified = Unified(self.market, Decimal(10_000), self.faults)
        self.hands = Hands(self.unified.account, self.faults)
        self.refused: set[int] = set()
        self.sent = 0

    def ask(self, method: str, path: str, **params: Any) -> Any:
        fields = {"category": "linear", "symbol": SYMBOL} | {key: str(each) for key, each in params.items()}
        wanted = Wanted(self.unified, self.market, self.faults, self.clock.ms, self.clock.ms, fields)
        try:
            return PRIVATE[method, path](wanted)
        except Told as told:
            self.refused.add(told.code)
            return None

    def rows(self, path: str, **params: Any) -> list[Any]:
        """Of all pages."""
        found: list[Any] = []
        cursor = ""
        while True:
            page = self.ask("GET", path, limit=50, cursor=cursor, **params)
            found += page["list"]
            cursor = page["nextPageCursor"].replace("%3A", ":")
            if not cursor:
                return found

    def price(self, spread: float) -> str:
        mark = float(self.market.mark_price(SYMBOL, self.clock.ms))
        return f"{mark * self.dice.uniform(1 - spread, 1 + spread):.2f}"

    def step(self) -> None:
        self.dice.choice((self.order, self.order, self.order, self.wander, self.wander, self.hand))()

    def order(self) -> None:
        self.sent += 1
        order: dict[str, Any] = {"side": self.dice.choice(("Buy", "Sell")), "orderLinkId": f"pp{self.sent}"}
        order |= {"qty": f"{self.dice.uniform(0.1, 9):.2f}", "orderType": "Market"}
        shape = self.dice.random()
        if shape < 0.25:
            life = self.dice.choice(("GTC", "IOC", "FOK", "PostOnly"))
            order |= {"orderType": "Limit", "price": self.price(0.02), "timeInForce": life}
        elif shape < 0.5:
            order |= {"triggerPrice": self.price(0.03), "triggerDirection": self.dice.choice((1, 2))}
        elif shape < 0.75:
            order |= {"stopLoss": self.price(0.04)}
        if "stopLoss" not in order and self.dice.random() < 0.4:
            order["reduceOnly"] = "true"
        if self.dice.random() < 0.1:
            self.faults.fill_partly(Decimal("0.5"))
        self.ask("POST", "/v5/order/create", **order)
        if self.dice.random() < 0.2:
            self.ask("POST", "/v5/order/cancel", orderLinkId=f"pp{self.dice.randint(1, self.sent)}")

    def wander(self) -> None:
        if self.dice.random() < 0.3:
            self.market.nudge(SYMBOL, self.dice.uniform(-0.04, 0.04), 30)
        self.clock.forward(minutes=500 if self.dice.random() < 0.04 else self.dice.choice((0.05, 0.2, 1)))
        self.unified.account.advance()

    def hand(self) -> None:
        if SYMBOL in self.unified.account.state.holdings and self.dice.random() < 0.3:
            self.dice.choice((self.hands.close, self.hands.liquidate))(SYMBOL)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_log_is_the_wallet_and_the_lists_agree(seed: int) -> None:
    storm = Storm(seed)
    storm.ask("POST", "/v5/order/create", side="Buy", orderType="Market", qty="5")
    storm.clock.forward(hours=9)  # over one settlement of funding
    for _ in range(STEPS):
        storm.step()
    account = storm.unified.account
    begun = NOON_MS

    log = storm.rows("/v5/account/transaction-log", startTime=begun, endTime=storm.clock.ms)
    executions = storm.rows("/v5/execution/list", startTime=begun, endTime=storm.clock.ms)
    closed = storm.rows("/v5/order/history", startTime=begun, endTime=storm.clock.ms)
    open_ones = storm.rows("/v5/order/realtime")
    (wallet,) = storm.ask("GET", "/v5/account/wallet-balance", accountType="UNIFIED")["list"]

    assert storm.clock.ms - begun < 7 * 86_400_000
    changes = [Decimal(row["change"]) for row in log]
    assert abs(sum(changes) - account.state.wallet) <= Decimal("1e-8")
    assert abs(sum(changes) - Decimal(wallet["coin"][0]["walletBalance"])) <= Decimal("1e-8")
    for row in log:
        parts = Decimal(row["cashFlow"]) + Decimal(row["funding"]) - Decimal(row["fee"])
        assert parts == Decimal(row["change"])
    assert {row["type"] for row in log} >= {"TRANSFER_IN", "TRADE", "SETTLEMENT"}

    signed = {"Buy": 1, "Sell": -1}
    traded = [row for row in executions if row["execType"] != "Funding"]
    held = account.state.holdings.get(SYMBOL)
    assert sum(Decimal(row["execQty"]) * signed[row["side"]] for row in traded) == (
        held.quantity * held.side.sign if held else 0
    )
    by_id = {row["orderId"]: row for row in (*closed, *open_ones)}
    for number, order in by_id.items():
        filled = sum(Decimal(row["execQty"]) for row in traded if row["orderId"] == number)
        assert filled == Decimal(order["cumExecQty"]) <= Decimal(order["qty"])
    assert len(by_id) == len(closed) + len(open_ones)
    assert {row["orderId"] for row in traded} <= set(by_id)
    links = [row["orderLinkId"] for row in by_id.values() if row["orderLinkId"]]
    assert len(links) == len(set(links))
    specials = [row for row in open_ones if row["stopOrderType"] == "StopLoss"]
    assert len(specials) <= (1 if held else 0)
    assert storm.refused and len(traded) > 30
