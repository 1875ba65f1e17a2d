"""What a Binance stream says, reduced to what a hint needs: which symbol changed, and its mark and touch.

Laws:
- No amount or status is read from an account event: one that is late, repeated or out of order does no harm.
- A frame that can't be read says nothing; it never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.adapters.exchange.binance import symbol_of
from core.money import NotFinite, exact


class What(StrEnum):
    """Why to look."""

    ORDER = "order"
    POSITION = "position"
    BALANCE = "balance"
    CONNECTED = "connected"
    """Events before this moment may have been missed."""
    LOST = "lost"
    """From now on events are missed."""


@dataclass(frozen=True, slots=True)
class StreamPrice:
    """Heard, not looked up: enough to look at once, never enough to act on alone."""

    symbol: str
    mark: Decimal
    bid: Decimal | None
    """None while the book's stream is not heard."""
    ask: Decimal | None
    at: datetime
    """The venue's time of the mark price."""


@dataclass(frozen=True, slots=True)
class PricePart:
    """A mark price, or a touch of the book (`bid` <= `ask`)."""

    symbol: str
    serial: tuple[int, int]
    """The venue's time in ms, then its number of the update: grows from part to newer part."""
    mark: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None


KEY_EXPIRED = "listenKeyExpired"

_ORDER_PARTS = {"ORDER_TRADE_UPDATE": "o", "ALGO_UPDATE": "o", "CONDITIONAL_ORDER_TRIGGER_REJECT": "or"}


def event_name(frame: Any) -> str:
    """Empty for an answer to a request and for anything that isn't an event."""
    name = frame.get("e") if isinstance(frame, Mapping) else None
    return name if isinstance(name, str) else ""


def changes_in(frame: Any) -> tuple[tuple[str | None, What], ...]:
    """(symbol or None for the account, what) of an event of the user data stream, each once.

    An event that isn't known counts as a change of the account: looking too often harms nobody.
    """
    name = event_name(frame)
    if not name or name == KEY_EXPIRED:
        return ()
    if name in _ORDER_PARTS:
        return ((_symbol(frame.get(_ORDER_PARTS[name])), What.ORDER),)
    if name == "TRADE_LITE":
        return ((_symbol(frame), What.ORDER),)
    if name == "ACCOUNT_CONFIG_UPDATE":
        return ((_symbol(frame.get("ac")), What.POSITION),)
    if name == "MARGIN_CALL":
        return _of_rows(frame.get("p"), What.POSITION) or ((None, What.POSITION),)
    if name == "ACCOUNT_UPDATE" and isinstance(frame.get("a"), Mapping):
        held = _of_rows(frame["a"].get("P"), What.POSITION)
        return (*held, (None, What.BALANCE)) if frame["a"].get("B") else held or ((None, What.BALANCE),)
    return ((None, What.BALANCE),)


def price_in(frame: Any) -> PricePart | None:
    """None for anything but a plausible mark price or touch of a USDT pair."""
    name = event_name(frame)
    symbol = _symbol(frame) if name in ("markPriceUpdate", "bookTicker") else None
    if symbol is None:
        return None
    try:
        serial = (int(frame["E"]), int(frame.get("u", 0)))
        if name == "markPriceUpdate":
            mark = exact(frame["p"])
            return PricePart(symbol, serial, mark=mark) if mark > 0 else None
        bid, ask = exact(frame["b"]), exact(frame["a"])
    except (KeyError, TypeError, ValueError, NotFinite):
        return None
    return PricePart(symbol, serial, bid=bid, ask=ask) if 0 < bid <= ask else None


def _symbol(row: Any) -> str | None:
    name = row.get("s") if isinstance(row, Mapping) else None
    return symbol_of(name) if isinstance(name, str) else None


def _of_rows(rows: Any, what: What) -> tuple[tuple[str | None, What], ...]:
    symbols = [_symbol(row) for row in rows] if isinstance(rows, list) else []
    return tuple((symbol, what) for symbol in dict.fromkeys(symbols))
