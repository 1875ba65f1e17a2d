"""The judge: reads the journal's tables and the venue's own record, and nothing else of the engine.

No code of `core.trading` or `db.journal` is asked. Every finding is one sentence that begins with the
invariant it breaks (FAULTS: I1 … I5, I13).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from core.money import ZERO
from core.trade import Fill, Order, OrderKind, OrderStatus
from db.session import InlineDatabase
from tests.simulation.disk import rows_of
from tests.simulation.exchange import Exchange

PREFIX = "pp"
LONGEST_BARE_S = 10.0
PENNY = Decimal("1e-8")

Row = Mapping[str, Any]


class Books:
    """The journal as its tables say it, the venue as it recorded itself."""

    def __init__(self, database: InlineDatabase, exchange: Exchange) -> None:
        self.exchange = exchange
        self.trades: dict[str, Row] = {
            row["id"]: {**row, "trade": json.loads(row["trade"])}
            for row in rows_of(database, "SELECT * FROM trades")
        }
        self.intents: dict[str, Row] = {
            row["client_id"]: {**row, "request": json.loads(row["request"])}
            for row in rows_of(database, "SELECT * FROM intentions")
        }
        self.fills = rows_of(database, "SELECT * FROM fills")
        self.history = rows_of(database, "SELECT * FROM trade_history")
        self.shown = rows_of(database, "SELECT * FROM active_position")
        (self.account,) = rows_of(database, "SELECT * FROM accounts")
        self.payments = rows_of(database, "SELECT * FROM funding_payments")

    def open_trades(self) -> list[Row]:
        return [row for row in self.trades.values() if row["state"] == "open"]

    def venue_orders(self) -> list[Order]:
        return [row for row in self.exchange.all_orders.values() if row.client_id.startswith(PREFIX)]

    def resting(self) -> list[Order]:
        return [row for row in self.venue_orders() if row.status is OrderStatus.OPEN]

    def venue_fills(self, symbol: str) -> list[Fill]:
        return [row for row in self.exchange.all_fills.values() if row.symbol == symbol]


def at_rest(database: InlineDatabase, exchange: Exchange, highest_leverage: int, most_open: int) -> list[str]:
    """What is wrong once everything has come to rest, positions open or not."""
    books = Books(database, exchange)
    return [
        *_once_each(books),
        *_never_bare(books),
        *_the_same_positions(books),
        *_the_same_fills(books),
        *_no_orphans(books),
        *_inside_limits(books, highest_leverage, most_open),
        *_nothing_unsettled(books),
    ]


def when_flat(database: InlineDatabase, exchange: Exchange, deposit: Decimal) -> list[str]:
    """What is wrong with the money once everything is closed."""
    books = Books(database, exchange)
    found = [f"I3 {row['symbol']}: {row['id']} is still open" for row in books.open_trades()]
    found += [f"I3 {symbol}: still held at the venue" for symbol in exchange.state.holdings]
    return found or [*_profit_and_loss(books, deposit)]


# ---------------------------------------------------------------- I1


def _once_each(books: Books) -> Iterator[str]:
    for name, count in books.exchange.arrivals.items():
        if count > 1:
            yield f"I1 {name}: {count} requests with this id reached the venue"
    entries: Counter[str] = Counter()
    for order in books.venue_orders():
        intent = books.intents.get(order.client_id)
        if intent is None:
            yield f"I1 {order.client_id}: at the venue, and no intention was recorded"
            continue
        wanted = intent["request"]
        if Decimal(wanted["quantity"]) != order.quantity or wanted["side"] != order.side.value:
            yield f"I1 {order.client_id}: another order than the one that was recorded"
        if intent["state"] in {"dead", "refused", "throttled"} and not order.reject_reason:
            yield f"I10 {order.client_id}: recorded as {intent['state']}, but the venue took it"
        entries[intent["trade_id"]] += intent["purpose"] == "entry"
    for trade_id, count in entries.items():
        if count > 1:
            yield f"I1 {trade_id}: {count} entries at the venue"


# ---------------------------------------------------------------- I2


def _never_bare(books: Books) -> Iterator[str]:
    for span in (*books.exchange.bare, *books.exchange.still_bare()):
        if span.length_s > LONGEST_BARE_S:
            yield f"I2 {span.symbol}: no covering stop for {span.length_s:.1f} s from {span.since_s:.1f}"
    for span in books.exchange.still_bare():
        yield f"I2 {span.symbol}: without a covering stop at rest"
    for client_id in books.exchange.laid_bare:
        yield f"I2 {client_id}: was cancelled though nothing else covered the position"


# ---------------------------------------------------------------- I3


def _the_same_positions(books: Books) -> Iterator[str]:
    held = dict(books.exchange.state.holdings)
    wanted = {row["symbol"]: row for row in books.open_trades()}
    for symbol, position in held.items():
        row = wanted.get(symbol)
        if row is None:
            if books.exchange.is_ours_at(symbol):
                yield f"I3 {symbol}: {position.quantity} held at the venue without a trade in the journal"
        elif row["trade"]["side"] != position.side.value:
            yield f"I3 {symbol}: {position.side} at the venue, {row['trade']['side']} in the journal"
    for symbol, row in wanted.items():
        if symbol not in held:
            yield f"I3 {symbol}: {row['id']} is open in the journal, the venue is flat"
    shown = {row["symbol"]: (row["side"], Decimal(row["quantity"])) for row in books.shown}
    at_venue = {
        symbol: (position.side.value, position.quantity)
        for symbol, position in held.items()
        if symbol in wanted
    }
    if shown != at_venue:
        yield f"I3 active_position shows {shown}, the venue holds {at_venue}"


def _the_same_fills(books: Books) -> Iterator[str]:
    by_trade: dict[str, set[str]] = defaultdict(set)
    for row in books.fills:
        by_trade[row["trade_id"]].add(row["id"])
        theirs = books.exchange.all_fills.get(row["id"])
        if theirs is None or (theirs.quantity, theirs.price, theirs.fee) != (
            Decimal(row["quantity"]),
            Decimal(row["price"]),
            Decimal(row["fee"]),
        ):
            yield f"I3 fill {row['id']} of the journal is not the venue's"
    for fill in books.exchange.all_fills.values():
        intent = books.intents.get(fill.client_id)
        if intent is None:
            continue  # strangers' fills are counted by the money
        state = books.trades[intent["trade_id"]]["state"]
        if state == "abandoned":
            yield f"I3 {intent['trade_id']}: given up, but its {intent['purpose']} was filled"
        elif state == "booked" and fill.id not in by_trade[intent["trade_id"]]:
            yield f"I3 {intent['trade_id']}: booked without the fill {fill.id} of its {intent['purpose']}"


# ---------------------------------------------------------------- I4


def _no_orphans(books: Books) -> Iterator[str]:
    held = books.exchange.state.holdings
    stops: Counter[str] = Counter()
    targeted: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for order in books.resting():
        intent = books.intents.get(order.client_id)
        trade = books.trades.get(intent["trade_id"]) if intent is not None else None
        if trade is None or trade["state"] != "open" or order.symbol not in held:
            yield f"I4 {order.symbol}: {order.kind.value} {order.client_id} rests without a position"
            continue
        if not order.reduce_only:
            yield f"I4 {order.symbol}: {order.kind.value} {order.client_id} could still open something"
        if order.kind is OrderKind.STOP_MARKET:
            stops[order.symbol] += 1
            wanted = Decimal(trade["trade"]["stop"])
            position = held[order.symbol]
            if (order.trigger, order.quantity) != (wanted, position.quantity):
                yield (
                    f"I4 {order.symbol}: a stop of {order.quantity} at {order.trigger} rests, "
                    f"{position.quantity} at {wanted} is wanted"
                )
        else:
            targeted[order.symbol] += order.quantity - order.filled
    for symbol, count in stops.items():
        if count > 1:
            yield f"I4 {symbol}: {count} stops rest"
    for symbol, quantity in targeted.items():
        if quantity > held[symbol].quantity:
            yield f"I4 {symbol}: targets of {quantity} rest on {held[symbol].quantity}"


# ---------------------------------------------------------------- I5


def _inside_limits(books: Books, highest_leverage: int, most_open: int) -> Iterator[str]:
    if books.exchange.highest_leverage > highest_leverage:
        yield f"I5 leverage {books.exchange.highest_leverage} is over {highest_leverage}"
    if len(books.open_trades()) > most_open:
        yield f"I5 {len(books.open_trades())} trades are open, {most_open} may be"
    for name, intent in books.intents.items():
        wanted = Decimal(books.trades[intent["trade_id"]]["trade"]["quantity"])
        order = books.exchange.all_orders.get(name)
        if intent["purpose"] == "entry" and order is not None and order.filled > wanted:
            yield f"I5 {name}: {order.filled} was bought, {wanted} was planned"


# ---------------------------------------------------------------- at rest, and the money


def _nothing_unsettled(books: Books) -> Iterator[str]:
    for intent in books.intents.values():
        if intent["state"] == "sent" and books.trades[intent["trade_id"]]["state"] == "open":
            yield f"I10 {intent['trade_id']}: what became of its {intent['purpose']} is not settled"


def _profit_and_loss(books: Books, deposit: Decimal) -> Iterator[str]:
    booked = sum((Decimal(row["net_pnl"]) for row in books.history), ZERO)
    for row in books.history:
        parts = Decimal(row["gross_pnl"]) - Decimal(row["fees"]) + Decimal(row["funding"])
        if abs(parts - Decimal(row["net_pnl"])) > PENNY:
            yield f"I13 {row['id']}: gross, fees and funding make {parts}, net says {row['net_pnl']}"
    capital = Decimal(books.account["current_capital"])
    if abs(capital - deposit - booked) > PENNY:
        yield f"I13 the capital is {capital}, the deposit and {booked} booked make another"
    earned = books.exchange.state.wallet - deposit
    if abs(earned - booked) > PENNY:
        yield f"I13 the venue's wallet earned {earned}, the journal booked {booked}"
