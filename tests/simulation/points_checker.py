"""The judge of what people decided: cards, the pause, settings; and which findings a receive window excuses.

Reads tables and the venue's record only, as `checker` does. Every finding is one sentence that begins with
what it is about.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.session import InlineDatabase
from tests.simulation.checker import Books, Row
from tests.simulation.disk import rows_of
from tests.simulation.exchange import Exchange

DEAD_AFTER_S = 15.0
"""The receive window with its margin: a recorded order that the venue has not seen for longer never comes."""
TWO_STOPS = ("a stop of ", "2 stops rest")


class Tables(Books):
    """The books, and what people decided."""

    def __init__(self, database: InlineDatabase, exchange: Exchange) -> None:
        super().__init__(database, exchange)
        self.cards = rows_of(database, "SELECT * FROM approvals")
        self.settings = rows_of(database, "SELECT * FROM setting_changes ORDER BY id")

    @property
    def is_paused(self) -> bool:
        return bool(self.account["is_paused"])

    def intents_for(self, purpose: str) -> list[Row]:
        return [row for row in self.intents.values() if row["purpose"] == purpose]

    def setting(self, name: str) -> str | None:
        """As the newest row says it; None: never changed."""
        return next((row["new_value"] for row in reversed(self.settings) if row["name"] == name), None)


# ---------------------------------------------------------------- cards and trades


def decisions(tables: Tables) -> list[str]:
    """Each card against the trade that came of it, or did not."""
    return [*_cards(tables), *_trades_of_cards(tables), *_panic(tables), *_mode(tables)]


def _cards(tables: Tables) -> Iterator[str]:
    traded = Counter(row["approval_id"] for row in tables.trades.values() if row["approval_id"])
    for card in tables.cards:
        name, state, count = card["id"], card["state"], traded[card["id"]]
        if json.loads(card["plan"])["id"] in tables.trades and not count:
            yield f"card {name}: its plan was traded, and the trade does not name it"
        if state == "claimed":
            yield f"card {name}: a tap is said to be handled, and nobody handles it"
        if state == "approved" and count != 1:
            yield f"card {name}: approved, and {count} trades came of it"
        if state != "approved" and count:
            yield f"card {name}: {state}, and {count} trades came of it"


def _trades_of_cards(tables: Tables) -> Iterator[str]:
    cards = {card["id"]: card for card in tables.cards}
    for row in tables.trades.values():
        if row["approval_id"] is None:
            continue
        card = cards.get(row["approval_id"])
        if card is None:
            yield f"card {row['approval_id']}: a trade names it, and it is not there"
        elif json.loads(card["plan"])["id"] != row["id"]:
            yield f"card {card['id']}: the trade {row['id']} is not its plan's"


def _panic(tables: Tables) -> Iterator[str]:
    """Whatever is left of a panic, entries stay closed after it."""
    for row in tables.trades.values():
        if row["trade"]["exit_reason"] == "panic" and not tables.is_paused:
            yield f"pause {row['id']}: left in panic, and entries are open"


def _mode(tables: Tables) -> Iterator[str]:
    asked, mode = tables.setting("TRADING_MODE"), tables.account["mode"]
    if asked not in (None, mode):
        yield f"mode: {mode} is in force, the audit says {asked}"


# ---------------------------------------------------------------- the receive window


@dataclass(frozen=True, slots=True)
class Unknown:
    """Open trades with a recorded order that the venue has not seen, and still could."""

    trades: frozenset[str] = frozenset()
    leaving_in_part: frozenset[str] = frozenset()
    """Symbols of those whose unseen order is a partial exit: two stops rest until its fate is known."""

    def __bool__(self) -> bool:
        return bool(self.trades)

    def excuses(self, finding: str) -> bool:
        """Unsettled; open in the journal without a position; a part's own stop. Never a bare position."""
        late = ("is not settled", "is open in the journal, the venue is flat")
        if any(name in finding for name in self.trades) and finding.endswith(late):
            return True
        doubled = tuple(f"I4 {symbol}: {words}" for symbol in self.leaving_in_part for words in TWO_STOPS)
        return bool(doubled) and finding.startswith(doubled)


def unknown(database: InlineDatabase, exchange: Exchange, now: datetime) -> Unknown:
    books = Books(database, exchange)
    unseen = [
        intent
        for name, intent in books.intents.items()
        if intent["state"] == "sent"
        and name not in exchange.all_orders
        and books.trades[intent["trade_id"]]["state"] == "open"
        and (now - _instant(intent["sent_at"])).total_seconds() <= DEAD_AFTER_S
    ]
    exits = {intent["trade_id"] for intent in unseen if intent["purpose"] == "exit"}
    parts = [books.trades[name] for name in exits if books.trades[name]["trade"]["close_share"] is not None]
    return Unknown(
        frozenset(intent["trade_id"] for intent in unseen), frozenset(row["symbol"] for row in parts)
    )


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))


# ---------------------------------------------------------------- what a story did


def filled_parts(tables: Tables, purpose: str) -> list[Sequence[Decimal]]:
    """(filled in all, asked for) of each order of this purpose that reached the venue, oldest first."""
    orders = (tables.exchange.all_orders.get(row["client_id"]) for row in tables.intents_for(purpose))
    return [(order.filled, order.quantity) for order in orders if order is not None]


def stop_sizes(tables: Tables) -> list[Decimal]:
    """What every stop that reached the venue was to close, oldest first."""
    return [asked for _, asked in filled_parts(tables, "stop")]


def stops_at_venue(tables: Tables) -> list[Decimal]:
    """Every trigger a stop of ours ever rested at, oldest first."""
    orders = (tables.exchange.all_orders.get(row["client_id"]) for row in tables.intents_for("stop"))
    triggers = [order.trigger for order in orders if order is not None and order.trigger is not None]
    return list(dict.fromkeys(triggers))
