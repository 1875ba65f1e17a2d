"""What a venue's dialect must do for `CcxtVenue`, and how rows of any venue are read.

Laws:
- Quantities are base coin, money is USDT, times are aware: venues' contracts and milliseconds end here.
- A row that can't be read makes the whole answer unreadable: half a list is never taken for the list.
- Numbers are read from the venue's own text; ccxt's floats are not used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Protocol, TypeVar

from core.adapters.exchange.calls import BadShape, Urgency
from core.adapters.exchange.wire import Sending
from core.errors import Unknown
from core.market import Side, from_ms
from core.money import ONE, ZERO, exact
from core.ports import Outcome
from core.trade import Balance, Fill, FundingPayment, Order, OrderRequest, OrderSide, Position, Transfer

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Raw = Mapping[str, Any]

BY_VENUE_ID = "@"
"""Stands before the venue's own id where an order carries no client id: placed by hand, or attached."""

NEVER = Decimal(1000)
"""Times the mark: where a short goes whose venue names no liquidation price. As good as never."""

CHILD_SHOWN_WITHIN = timedelta(seconds=10)
"""A conditional order that triggered became another one. Where that is not shown for so long, it never will
be: the conditional order is over, and only positions and fills tell what it did."""
CHILD_NEVER_SHOWN = "triggered, and no order of it is shown"

REMEMBERED = 5_000
"""Far more orders than one trade has."""

PAGES = 30
"""Most pages of one list that are read at once; a list that is longer is not known."""


class Remembered(OrderedDict[K, V]):
    """What was learnt, the newest `REMEMBERED` of it."""

    def keep(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Modes:
    """How the account is set; None where the venue has no such thing or did not say."""

    is_hedge: bool | None
    """Long and short of one symbol at the same time."""
    is_multi_asset: bool | None
    """Several coins as margin, which forbids isolated margin on Binance."""
    is_portfolio: bool | None
    is_isolated: bool | None
    """The account-wide margin mode, where there is one."""
    can_trade: bool | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class SymbolModes:
    is_isolated: bool
    leverage: int


class Dialect(Protocol):
    """Reads raise `Unknown`, `Throttled`, `NotAllowed`."""

    @property
    def attaches_stops(self) -> bool: ...

    @property
    def lists_all_for_one(self) -> bool:
        """Open orders of every symbol cost no more than those of one."""
        ...

    async def server_ms(self, urgency: Urgency) -> int: ...

    async def placing(self, request: OrderRequest) -> Sending: ...

    async def cancelling(self, symbol: str, client_id: str, urgency: Urgency) -> tuple[Sending, ...]:
        """Requests to try in turn until one is not refused for want of such an order."""
        ...

    def learn(self, request: OrderRequest, outcome: Outcome, body: Any) -> Order | None:
        """What a receipt tells of the order; None where it tells only that it was taken."""
        ...

    async def order(self, symbol: str, client_id: str, urgency: Urgency) -> Order | None: ...

    async def open_orders(self, symbol: str | None, urgency: Urgency) -> tuple[Order, ...]: ...

    async def positions(self, urgency: Urgency) -> tuple[Position, ...]: ...

    async def balance(self, urgency: Urgency) -> Balance: ...

    async def fills(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[Fill, ...]: ...

    async def funding(self, symbol: str, since: datetime, urgency: Urgency) -> tuple[FundingPayment, ...]: ...

    async def transfers(self, since: datetime, urgency: Urgency) -> tuple[Transfer, ...]: ...

    async def modes(self, urgency: Urgency) -> Modes: ...

    async def symbol_modes(self, symbol: str, urgency: Urgency) -> SymbolModes: ...

    def isolating(self, symbol: str, leverage: int) -> Sending | None:
        """Sets isolated margin for one symbol; None where the account or the order decides it."""
        ...

    def leveraging(self, symbol: str, leverage: int) -> Sending: ...

    def one_way(self) -> tuple[Sending, ...]:
        """Sets the account-wide modes this bot needs."""
        ...

    async def key_facts(self, urgency: Urgency) -> Raw:
        """What the venue tells about the key, in its own words."""
        ...


# ---------------------------------------------------------------- reading rows


def number(row: Raw, key: str) -> Decimal:
    """Raises `BadShape` for what is missing and `NotFinite` for what is no number."""
    if row.get(key) in (None, ""):
        raise BadShape(f"{key} is missing")
    return exact(row[key])


def maybe(row: Raw, key: str) -> Decimal | None:
    """None for what is missing, empty or zero: venues write an absent price as any of them."""
    value = row.get(key)
    found = ZERO if value in (None, "") else exact(value)
    return found or None


def moment(row: Raw, *keys: str) -> datetime:
    """The first of `keys` that holds milliseconds."""
    for key in keys:
        if row.get(key) not in (None, "", 0, "0"):
            return from_ms(int(row[key]))
    raise BadShape(f"{keys[0]} is missing")


def text(row: Raw, key: str) -> str:
    value = row.get(key)
    if value in (None, ""):
        raise BadShape(f"{key} is missing")
    return str(value)


def is_yes(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def named(row: Raw, client_key: str, venue_key: str) -> str:
    """The client id, or the venue's own after `@`."""
    return str(row.get(client_key) or "") or BY_VENUE_ID + text(row, venue_key)


def side_of(value: Any) -> OrderSide:
    return OrderSide(str(value).lower())


def liquidation_or_never(price: Decimal | None, side: Side, mark: Decimal) -> Decimal:
    if price is not None:
        return price
    return ZERO if side is Side.LONG else mark * NEVER


def shown_leverage(value: Decimal) -> int:
    """Of a position: the next whole number. Venues take 12.5x from a person; that must not hide the rest."""
    if value <= 0:
        raise BadShape(f"leverage {value} must be above 0")
    return int(value.to_integral_value(ROUND_CEILING))


def whole(value: Decimal) -> int:
    """Raises `BadShape` for a leverage that is no whole number: the port has no word for it."""
    if value != value.to_integral_value() or value < ONE:
        raise BadShape(f"leverage {value} is no whole number")
    return int(value)


# ---------------------------------------------------------------- reading lists


async def in_windows(
    since: datetime,
    until: datetime,
    width: timedelta,
    ask: Callable[[datetime, datetime], Awaitable[list[T]]],
) -> list[T]:
    """The rows of every window of `width` from `since` to `until`, oldest window first."""
    found: list[T] = []
    start = since
    for _ in range(PAGES):
        end = min(start + width, until)
        found += await ask(start, end)
        if end >= until:
            return found
        start = end
    raise Unknown(f"{since:%Y-%m-%d} is too long ago to be read in one go")


async def paged(ask: Callable[[str], Awaitable[tuple[list[T], str]]]) -> list[T]:
    """Follows a cursor until it is empty. `ask("")` is the first page."""
    found: list[T] = []
    cursor = ""
    for _ in range(PAGES):
        rows, cursor = await ask(cursor)
        found += rows
        if not cursor:
            return found
    raise Unknown(f"a list longer than {PAGES} pages")
