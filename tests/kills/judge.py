"""The judge: reads the exchange's own record and the bot's database, and asks nothing of the bot.

Laws:
- Every finding is one sentence that begins with the invariant it breaks.
- What may still be under way is `unsettled`: it has to end by itself in time. What no time mends is `wrong`.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.demo.exchange_account import Account
from bot.demo.exchange_records import AlgoRecord, OrderRecord, TradeRecord
from core.money import ZERO
from tests.kills.exchange import uncovered

PREFIX = "pp"
PENNY = Decimal("1e-7")
"""The ledger's rows have eight decimals, a few of each trade are added up."""

Read = Callable[[str], list[sqlite3.Row]]
OpenOrder = OrderRecord | AlgoRecord


def venue_name(symbol: str) -> str:
    """BTC/USDT:USDT as the exchange calls it."""
    return symbol.partition(":")[0].replace("/", "")


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides as they are at one moment."""

    account: Account
    trades: Mapping[str, Mapping[str, Any]]
    """By id."""
    intents: Mapping[str, Mapping[str, Any]]
    """By client id."""
    fills: list[Mapping[str, Any]]
    history: list[Mapping[str, Any]]
    filled: Mapping[str, list[TradeRecord]]
    """By the client id that the order, or the conditional order before it, was sent with."""

    def open_trades(self) -> dict[str, Mapping[str, Any]]:
        return {venue_name(row["symbol"]): row for row in self.trades.values() if row["state"] == "open"}

    def ours(self) -> list[OpenOrder]:
        """Everything that was ever sent with our prefix; not what the venue made of a triggered one."""
        account = self.account
        found: list[OpenOrder] = [*account.orders.values(), *account.algos.values()]
        return [each for each in found if each.client_id.startswith(PREFIX)]

    def fills_of(self, client_id: str) -> list[TradeRecord]:
        return self.filled.get(client_id, [])


def read_books(account: Account, read: Read) -> Books:
    account.advance()
    filled: dict[str, list[TradeRecord]] = defaultdict(list)
    for row in account.trades:
        order = account.orders[row.order_id]
        filled[(order.parent or order).client_id].append(row)
    return Books(
        account,
        {row["id"]: dict(row) for row in read("SELECT * FROM trades")},
        {
            row["client_id"]: {**row, "request": json.loads(row["request"])}
            for row in read("SELECT * FROM intentions")
        },
        [dict(row) for row in read("SELECT * FROM fills")],
        [dict(row) for row in read("SELECT * FROM trade_history")],
        filled,
    )


# ---------------------------------------------------------------- what has to end by itself


def unrecovered(books: Books) -> list[str]:
    """What recovery is about: nothing is bare, and the fate of every order the exchange has is known."""
    found = [f"{symbol}: bare" for symbol in uncovered(books.account)]
    known = books.open_trades()
    found += [
        f"{symbol}: held without a trade" for symbol in books.account.state.holdings if symbol not in known
    ]
    for order in books.ours():
        intent = books.intents.get(order.client_id)
        if intent is not None and intent["state"] == "sent":
            found.append(f"{order.symbol}: what became of the {intent['purpose']} {order.client_id} is open")
    return found


def unsettled(books: Books) -> list[str]:
    """Why journal and exchange do not say the same yet."""
    held, known = books.account.state.holdings, books.open_trades()
    found = unrecovered(books)
    found += [
        f"{symbol}: {row['id']} is open, the exchange is flat"
        for symbol, row in known.items()
        if symbol not in held
    ]
    for name, row in books.intents.items():
        if row["state"] == "sent":
            found.append(f"{name}: what became of the {row['purpose']} is not known")
    for order in books.ours():
        if order.is_open and order.symbol not in held:
            found.append(f"I4 {order.symbol}: {order.client_id} rests without a position")
    return found + [text for symbol in held for text in _several_stops(books, symbol)]


def _several_stops(books: Books, symbol: str) -> Iterator[str]:
    stops = [each for each in books.account.open_algos(symbol) if each.type.startswith("STOP")]
    if len(stops) > 1:
        yield f"I4 {symbol}: {len(stops)} stops rest"


# ---------------------------------------------------------------- what no time mends


def wrong(books: Books) -> list[str]:
    return [*_once_each(books), *_the_same_position(books), *_the_same_fills(books)]


def _once_each(books: Books) -> Iterator[str]:
    taken = Counter(order.client_id for order in books.ours())
    for name, count in taken.items():
        if count > 1:
            yield f"I1 {name}: the exchange took it {count} times"
    entries: dict[str, list[str]] = defaultdict(list)
    for name in taken:
        intent = books.intents.get(name)
        if intent is None:
            yield f"I1 {name}: at the exchange, and no intention was recorded"
        elif intent["purpose"] == "entry":
            entries[intent["trade_id"]].append(name)
        if intent is not None and intent["state"] in ("dead", "refused", "throttled"):
            yield f"I10 {name}: recorded as {intent['state']}, but the exchange took it"
    for trade_id, names in entries.items():
        if sum(bool(books.fills_of(name)) for name in names) > 1:
            yield f"I1 {trade_id}: {len(names)} entries were filled"


def _the_same_position(books: Books) -> Iterator[str]:
    known = books.open_trades()
    for symbol, held in books.account.state.holdings.items():
        trade = known.get(symbol)
        if trade is not None and trade["side"] != held.side.value:
            yield f"I3 {symbol}: {held.side.value} at the exchange, {trade['side']} in the journal"


def _the_same_fills(books: Books) -> Iterator[str]:
    theirs = {str(row.trade_id): row for row in books.account.trades}
    kept: dict[str, set[str]] = defaultdict(set)
    for row in books.fills:
        kept[row["trade_id"]].add(row["id"])
        at_venue = theirs.get(row["id"])
        said = (Decimal(row["quantity"]), Decimal(row["price"]), Decimal(row["fee"]))
        if at_venue is None or (at_venue.quantity, at_venue.price, at_venue.fee) != said:
            yield f"I3 the fill {row['id']} of the journal is not the exchange's: {said}"
    for name, intent in books.intents.items():
        state = books.trades[intent["trade_id"]]["state"]
        for fill in books.fills_of(name):
            if state == "abandoned":
                yield f"I3 {intent['trade_id']}: given up, but its {intent['purpose']} was filled"
            elif state == "booked" and str(fill.trade_id) not in kept[intent["trade_id"]]:
                yield f"I3 {intent['trade_id']}: booked without the fill {fill.trade_id}"


def when_flat(books: Books, deposit: Decimal) -> list[str]:
    """Nothing is lost: every fill is booked, and the history's money is the exchange's."""
    found = unsettled(books)
    kept = {row["id"] for row in books.fills}
    for row in books.account.trades:
        if str(row.trade_id) not in kept:
            found.append(f"I3 the exchange's fill {row.trade_id} of {row.symbol} is in no trade")
    fees = sum((row.fee for row in books.account.trades), ZERO)
    booked = sum((Decimal(row["fees"]) for row in books.history), ZERO)
    if abs(fees - booked) > PENNY * max(len(books.history), 1):
        found.append(f"I3 fees of {booked} are booked, the exchange took {fees}")
    made = books.account.state.wallet - deposit
    net = sum((Decimal(row["net_pnl"]) for row in books.history), ZERO)
    if abs(made - net) > PENNY * max(len(books.history), 1):
        found.append(f"I3 the history made {net}, the exchange's wallet {made}")
    return found
