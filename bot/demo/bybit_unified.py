"""The demo's unified account at Bybit: the venue-neutral account, and what only this venue adds to it.

Laws:
- Matching, margin, funding and the ledger are those of `exchange_account`; here is what Bybit adds.
- A stop or target that came attached to an entry (tpslMode Full) is an order of the venue's own, without a
  client id; it appears with the entry's first fill, covers the whole position and goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.demo.exchange_account import Account
from bot.demo.exchange_faults import Faults
from bot.demo.exchange_records import AlgoRecord, OrderRecord, Row
from bot.demo.market import Market
from core.money import ZERO

STOP_LOSS, TAKE_PROFIT = "StopLoss", "TakeProfit"
_KINDS: Final = {STOP_LOSS: "STOP_MARKET", TAKE_PROFIT: "TAKE_PROFIT_MARKET"}


@dataclass(frozen=True, slots=True)
class Attached:
    """One of the two prices an entry brings along. `working_type` is the engine's word for what triggers."""

    special: str
    trigger: Decimal
    working_type: str


class Unified:
    """`later_rejections`: reasons with which the next orders are rejected after they were acknowledged.

    `has_forgotten_closed`: orders that are over stand in the history only, as after a restart of the venue.
    """

    def __init__(self, market: Market, deposit: Decimal, faults: Faults) -> None:
        self.account = Account(market, deposit, faults=faults)
        self.account.told = self._hear
        self.margin_mode = "REGULAR_MARGIN"
        self.key: dict[str, Any] = usual_key()
        self.links: set[str] = set()
        """Client ids that a client chose."""
        self.specials: dict[int, str] = {}
        """Conditional orders of the venue's own, and what they are."""
        self.reasons: dict[int, str] = {}
        """Why an order ended, where it was not its owner."""
        self.later_rejections: list[str] = []
        self.has_forgotten_closed = False
        self._waiting: dict[str, tuple[Attached, ...]] = {}

    def link(self, client_id: str) -> str:
        return client_id if client_id in self.links else ""

    def attach(self, client_id: str, prices: tuple[Attached, ...]) -> None:
        """To an order that is about to be taken."""
        if prices:
            self._waiting[client_id] = prices

    def detach(self, client_id: str) -> None:
        self._waiting.pop(client_id, None)

    def special(self, symbol: str, which: str) -> AlgoRecord | None:
        """The position's own stop or target."""
        open_ones = self.account.open_algos(symbol)
        return next((each for each in open_ones if self.specials.get(each.algo_id) == which), None)

    def _hear(self, event: Row) -> None:
        """Whatever happened: an entry may have got its first fill."""
        if not self._waiting:
            return
        orders = [each for each in self.account.orders.values() if each.client_id in self._waiting]
        for order in orders:
            if order.filled and order.symbol in self.account.state.holdings:
                for price in self._waiting.pop(order.client_id, ()):
                    self._bring(order, price)
            elif not order.is_open:
                self.detach(order.client_id)

    def _bring(self, entry: OrderRecord, price: Attached) -> None:
        account = self.account
        present = self.special(entry.symbol, price.special)
        if present is not None:
            account.end_algo(present, "CANCELED")
        number, now = account.new_id(), account.market.now_ms()
        algo = AlgoRecord(
            algo_id=number,
            client_id=f"venue{number}",
            symbol=entry.symbol,
            side="SELL" if entry.side == "BUY" else "BUY",
            type=_KINDS[price.special],
            quantity=ZERO,
            trigger=price.trigger,
            created_ms=now,
            updated_ms=now,
            working_type=price.working_type,
            reduce_only=True,
            close_position=True,
        )
        self.specials[number] = price.special
        account.take_algo(algo, None, account.scene(entry.symbol, now), now)


def usual_key() -> dict[str, Any]:
    """A key as it should be: it trades contracts, moves no money and is bound to an address."""
    return {
        "id": "1",
        "note": "demo",
        "apiKey": "",
        "readOnly": 0,
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Spot": [],
            "Wallet": [],
            "Options": [],
            "Derivatives": [],
            "Exchange": [],
        },
        "ips": ["127.0.0.1"],
        "type": 1,
        "uta": 1,
        "isMaster": True,
        "expiredAt": "",
    }
