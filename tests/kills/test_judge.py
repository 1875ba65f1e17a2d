"""The judge of the kills is itself judged: each wrong that it looks for is made once, and found."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from bot.demo.exchange_records import AlgoRecord
from bot.demo.market import SeededMarket
from core.money import ZERO
from tests.kills.campaign import Sign, mixed
from tests.kills.exchange import WatchedExchange, uncovered
from tests.kills.judge import Books, read_books, unrecovered, unsettled, when_flat, wrong

SYMBOL, COIN = "SOLUSDT", "SOL/USDT:USDT"
ENTRY, STOP = "ppentry", "ppstop"
DEPOSIT = Decimal(10_000)

Row = dict[str, Any]


class World:
    """An account that holds 10 SOL by an order of ours, and a database that says what the test wants."""

    def __init__(self, market: SeededMarket) -> None:
        self.exchange = WatchedExchange(market, deposit=DEPOSIT)
        self.account = self.exchange.account
        self.tables: dict[str, list[Row]] = {name: [] for name in ("intentions", "fills", "trade_history")}
        self.tables["trades"] = [{"id": "t1", "symbol": COIN, "side": "long", "state": "open"}]
        self.enter(ENTRY)

    def enter(self, client_id: str, side: str = "BUY", quantity: str = "10") -> None:
        order = self.exchange.hands.trade(SYMBOL, side, Decimal(quantity))
        order.client_id = client_id
        self.intend(client_id, "entry" if side == "BUY" else "exit")

    def intend(self, client_id: str, purpose: str, state: str = "done") -> None:
        rows = [row for row in self.tables["intentions"] if row["client_id"] != client_id]
        row = {"client_id": client_id, "trade_id": "t1", "purpose": purpose, "state": state}
        self.tables["intentions"] = [*rows, {**row, "request": json.dumps({})}]

    def cover(self, quantity: str, side: str = "SELL", client_id: str = STOP) -> AlgoRecord:
        now = self.account.market.now_ms()
        price = self.account.market.price(SYMBOL, now) * Decimal("0.9")
        number, kind = self.account.new_id(), "STOP_MARKET"
        algo = AlgoRecord(
            number, client_id, SYMBOL, side, kind, Decimal(quantity), price, now, now, reduce_only=True
        )
        self.account.take_algo(algo, None, self.account.scene(SYMBOL, now), now)
        self.intend(client_id, "stop")
        return algo

    def leave(self, *, is_booked: bool = True) -> None:
        """Closed by an order of ours, and what the database would say of it."""
        self.enter("ppexit", "SELL")
        self.tables["trades"][0]["state"] = "booked"
        for row in self.account.trades if is_booked else ():
            told = {"quantity": row.quantity, "price": row.price, "fee": row.fee}
            fill = {name: str(value) for name, value in told.items()}
            self.tables["fills"].append({"id": str(row.trade_id), "trade_id": "t1", **fill})
        fees = sum((row.fee for row in self.account.trades), ZERO)
        made = self.account.state.wallet - DEPOSIT
        self.tables["trade_history"] = [{"fees": str(fees), "net_pnl": str(made)}]

    def books(self) -> Books:
        return read_books(self.account, lambda sql: self.tables[sql.split()[-1]])  # type: ignore[arg-type,return-value]


@pytest.fixture(scope="module")
def market() -> SeededMarket:
    """Making one takes seconds on a busy machine; nothing here moves its prices."""
    return SeededMarket(lambda: time.time_ns() // 1_000_000)


@pytest.fixture
def world(market: SeededMarket) -> World:
    return World(market)


def test_what_rests_at_the_exchange_and_nothing_else_covers_a_position(world: World) -> None:
    naked = list(uncovered(world.account))
    world.cover("10", side="BUY")
    by_the_wrong_side = list(uncovered(world.account))
    world.cover("9.99", client_id="ppsmall")
    by_too_little = list(uncovered(world.account))
    world.cover("0.01", client_id="pprest")

    assert naked == by_the_wrong_side == by_too_little == [SYMBOL]
    assert list(uncovered(world.account)) == []


def test_a_span_without_cover_is_measured_from_the_fill_to_the_stop(world: World) -> None:
    is_bare = [span.symbol for span in world.exchange.still_bare()]
    world.cover("10")

    assert is_bare == [SYMBOL] and world.exchange.still_bare() == []
    assert [span.symbol for span in world.exchange.bare] == [SYMBOL]


def test_a_covered_recorded_position_is_right(world: World) -> None:
    world.cover("10")

    assert wrong(world.books()) == [] == unsettled(world.books())


def test_a_trade_that_was_booked_with_every_fill_is_right(world: World) -> None:
    world.leave()

    assert wrong(world.books()) == [] == when_flat(world.books(), DEPOSIT)


def test_a_bare_position_an_unknown_one_and_an_open_fate_are_not_recovered(world: World) -> None:
    bare = unrecovered(world.books())
    world.cover("10")
    world.intend(ENTRY, "entry", "sent")
    open_fate = unrecovered(world.books())
    world.intend(ENTRY, "entry")
    world.tables["trades"] = []

    assert "bare" in bare[0] and "what became of the entry" in open_fate[0]
    assert "without a trade" in unrecovered(world.books())[0]


def test_a_second_filled_entry_of_one_trade_is_found(world: World) -> None:
    world.enter("ppagain")

    assert any("2 entries were filled" in text for text in wrong(world.books()))


def test_one_order_that_was_taken_twice_is_found(world: World) -> None:
    world.enter(ENTRY)

    assert any("took it 2 times" in text for text in wrong(world.books()))


def test_an_order_that_nobody_recorded_is_found(world: World) -> None:
    world.tables["intentions"] = []

    assert any("no intention was recorded" in text for text in wrong(world.books()))


def test_an_order_that_was_called_dead_and_was_taken_is_found(world: World) -> None:
    world.intend(ENTRY, "entry", "dead")

    assert any("recorded as dead" in text for text in wrong(world.books()))


def test_a_position_of_the_other_side_is_found(world: World) -> None:
    world.tables["trades"][0]["side"] = "short"

    assert any("long at the exchange, short in the journal" in text for text in wrong(world.books()))


def test_a_stop_that_rests_without_its_position_is_found(world: World) -> None:
    world.cover("10")
    world.leave()

    assert any(text.startswith("I4") and STOP in text for text in unsettled(world.books()))


def test_two_stops_of_one_position_are_found(world: World) -> None:
    world.cover("10")
    world.cover("10", client_id="ppsecond")

    assert any("2 stops rest" in text for text in unsettled(world.books()))


def test_a_fill_that_was_not_booked_is_found(world: World) -> None:
    world.leave(is_booked=False)

    assert any("booked without the fill" in text for text in wrong(world.books()))
    assert any("is in no trade" in text for text in when_flat(world.books(), DEPOSIT))


def test_a_trade_that_was_given_up_and_filled_is_found(world: World) -> None:
    world.tables["trades"][0]["state"] = "abandoned"

    assert any("given up, but its entry was filled" in text for text in wrong(world.books()))


@pytest.mark.parametrize("name", ["quantity", "price", "fee"])
def test_a_fill_that_was_booked_differently_is_found(world: World, name: str) -> None:
    world.leave()
    world.tables["fills"][0][name] = "0.123"

    assert any("is not the exchange's" in text for text in wrong(world.books()))


@pytest.mark.parametrize("name", ["fees", "net_pnl"])
def test_money_that_the_history_lost_is_found(world: World, name: str) -> None:
    world.leave()
    row = world.tables["trade_history"][0]
    row[name] = str(Decimal(row[name]) - Decimal("0.01"))

    assert when_flat(world.books(), DEPOSIT)


def test_a_seed_plays_the_same_signals_again() -> None:
    signs = mixed(5, 5, 7)

    assert signs == mixed(5, 5, 7) != mixed(5, 5, 8)
    assert signs.count(Sign.KILL) == signs.count(Sign.TERM) == 5
