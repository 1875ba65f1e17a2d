"""`core.ports.Venue` over a real exchange. ccxt signs and sends; what to ask and what it means is ours.

Laws:
- One order request is sent at most once. What came back is sorted by `outcomes`, never by an exception.
- What isn't executed for certain is UNKNOWN; the caller looks before it does anything again.
- Reads raise when they can't know. Nothing is ever answered with an empty list instead.
- Modes of one symbol are set here while it is flat; what concerns the whole account only `accounts` changes,
  after a person said so.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import GUARDING, SCANNING, Calls, Urgency
from core.adapters.exchange.capabilities import missing
from core.adapters.exchange.dialect_binance import BinanceDialect
from core.adapters.exchange.dialect_bybit import BybitDialect
from core.adapters.exchange.dialect_okx import OkxDialect
from core.adapters.exchange.dialects import Dialect, Modes, SymbolModes
from core.adapters.exchange.outcomes import BOOKS
from core.adapters.exchange.reader import VenueTime
from core.adapters.exchange.sharing import Flights
from core.adapters.exchange.wire import Deadlines, Line
from core.errors import NotAllowed, Throttled, Unknown
from core.ports import Clock, ClockReading, ComponentHealth, Outcome, Result
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderRequest,
    Position,
    Transfer,
)

T = TypeVar("T")

logger = logging.getLogger("perpilot.exchange")

DIALECTS: Final[Mapping[str, Callable[[Line], Dialect]]] = {
    "binanceusdm": BinanceDialect,
    "bybit": BybitDialect,
    "okx": OkxDialect,
}

SIDE_BY_SIDE_S: Final = 0.03
"""Looks that begin together reach their questions so far apart: each reads the journal first."""

CLIENT_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
"""What every one of the three venues takes."""


class CcxtVenue:
    """One account. `guarding()` is the same account for whoever protects positions.

    Raises `NotAllowed` for a venue that has no dialect, with what it lacks.
    """

    def __init__(
        self,
        client: Any,
        calls: Calls,
        budget: WeightBudget,
        clock: Clock,
        urgency: Urgency = SCANNING,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - immutable
    ) -> None:
        if lacking := missing(client):
            raise NotAllowed(lacking)
        self.exchange_id: str = client.id
        self._calls = calls
        book = BOOKS[self.exchange_id]
        self._line = Line(client, calls, budget, clock, VenueTime(clock), book, deadlines)
        self._dialect: Dialect = DIALECTS[self.exchange_id](self._line)
        self._urgency = urgency
        self._flights = Flights()
        self.on_sending: Callable[[], Callable[[], None]] = _nobody_waits
        """Called before an order leaves; what it returns, once the venue took the order."""
        self.doubt: Callable[[str], None] = lambda symbol: None
        """Hears of each symbol whose rules an order of ours did not meet."""

    def guarding(self) -> CcxtVenue:
        """With short deadlines, the budget's reserve, and a voice during the venue's silence."""
        twin = copy.copy(self)
        twin._urgency = GUARDING
        return twin

    @property
    def attaches_stops(self) -> bool:
        """Takes entry and stop in one request."""
        return self._dialect.attaches_stops

    @property
    def dialect(self) -> Dialect:
        """For `accounts` and `permissions`."""
        return self._dialect

    @property
    def line(self) -> Line:
        """For `accounts`."""
        return self._line

    @property
    def urgency(self) -> Urgency:
        return self._urgency

    @property
    def clock_offset_s(self) -> float | None:
        """The venue's clock minus ours; None when it was never measured."""
        return self._line.time.offset_s

    def clock_reading(self) -> ClockReading | None:
        return self._line.time.reading()

    def outage(self) -> str:
        """Since when and why the venue gives no usable answer; empty while it does."""
        return self._calls.outage()

    @property
    def silent_until(self) -> datetime | None:
        """End of the venue's ban or pause; None while it listens."""
        return self._line.silent_until

    def health(self) -> ComponentHealth:
        return self._calls.health()

    async def measure_clock(self) -> float:
        """Reads the venue's time; returns the new `clock_offset_s`, which corrects signed requests."""
        return await self._line.measure_clock(self._urgency)

    # ------------------------------------------------------------ orders

    async def submit(self, request: OrderRequest) -> Outcome:
        """Never raises for what the venue did or did not answer. Raises `ValueError` for a request that no
        code of ours may make."""
        _check(request)
        if request.attached_stop is not None and not self.attaches_stops:
            return Outcome(
                Result.REFUSED, code="attached", detail=f"{self.exchange_id} takes no stop with the entry"
            )
        try:
            sending = await readable("rules", self._dialect.placing(request))
        except (Unknown, Throttled, NotAllowed) as error:  # nothing has left yet
            return Outcome(Result.REFUSED, code="rules", detail=str(error))
        taken = self.on_sending()
        outcome = await self._line.send(sending)
        if outcome.result is Result.DONE:
            taken()
            body = self._line.heard().body
            return replace(outcome, order=self._dialect.learn(request, outcome, body))
        if outcome.code in self._line.book.rules:
            self.doubt(request.symbol)
        await self._line.mend_clock(outcome, self._urgency)
        return outcome

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        """DONE when the venue took the cancellation; REFUSED when neither kind of order has that id."""
        try:
            ways = await readable("order", self._dialect.cancelling(symbol, client_id, GUARDING))
        except (Unknown, Throttled, NotAllowed) as error:
            return Outcome(Result.UNKNOWN, code="look", detail=str(error))
        outcome = Outcome(Result.REFUSED, code="absent", detail="no such order")
        for way in ways:
            outcome = await self._line.send(way)
            if outcome.result is not Result.REFUSED:
                break
        await self._line.mend_clock(outcome, self._urgency)
        return outcome

    async def order(self, symbol: str, client_id: str) -> Order | None:
        return await readable("order", self._dialect.order(symbol, client_id, self._urgency))

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """Where a list of all costs as much as one symbol's, all who look side by side share it."""
        urgency = self._urgency
        if symbol is None or not self._dialect.lists_all_for_one:
            return await readable("open orders", self._dialect.open_orders(symbol, urgency))

        async def ask() -> tuple[Order, ...]:
            return await readable("open orders", self._dialect.open_orders(None, urgency))

        found = await self._flights.gather(("open orders", urgency.name), ask, SIDE_BY_SIDE_S)
        return tuple(order for order in found if order.symbol == symbol)

    # ------------------------------------------------------------ the account

    async def positions(self) -> tuple[Position, ...]:
        """One question for all open trades that are looked at side by side: it lists the whole account."""
        urgency = self._urgency

        async def ask() -> tuple[Position, ...]:
            return await readable("positions", self._dialect.positions(urgency))

        return await self._flights.gather(("positions", urgency.name), ask, SIDE_BY_SIDE_S)

    async def balance(self) -> Balance:
        return await readable("balance", self._dialect.balance(self._urgency))

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        found = await readable("fills", self._dialect.fills(symbol, since, self._urgency))
        return tuple(sorted((row for row in found if row.at >= since), key=lambda row: (row.at, row.id)))

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        found = await readable("funding", self._dialect.funding(symbol, since, self._urgency))
        return tuple(sorted((row for row in found if row.at >= since), key=lambda row: (row.at, row.id)))

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        found = await readable("transfers", self._dialect.transfers(since, self._urgency))
        return tuple(sorted((row for row in found if row.at >= since), key=lambda row: (row.at, row.id)))

    async def modes(self) -> Modes:
        return await readable("modes", self._dialect.modes(self._urgency))

    async def symbol_modes(self, symbol: str) -> SymbolModes:
        return await readable("margin mode", self._dialect.symbol_modes(symbol, self._urgency))

    async def prepare(self, symbol: str, leverage: int) -> int:
        if leverage < 1:
            raise NotAllowed(f"leverage {leverage} must be at least 1")
        modes = await self.modes()
        if trouble := obstacles(self.exchange_id, modes):
            raise NotAllowed("; ".join(trouble))
        before = await self.symbol_modes(symbol)
        if before.is_isolated and before.leverage == leverage:
            return leverage
        await self._check_flat(symbol, before, leverage)
        if not before.is_isolated:
            await self._set(self._dialect.isolating(symbol, leverage), f"{symbol}: isolated margin")
        if before.leverage != leverage:
            await self._set(self._dialect.leveraging(symbol, leverage), f"{symbol}: leverage {leverage}x")
        after = await self.symbol_modes(symbol)
        if not after.is_isolated:
            raise NotAllowed(f"{symbol} stays on cross margin: set it to isolated in the exchange's app")
        return after.leverage

    async def _check_flat(self, symbol: str, before: SymbolModes, leverage: int) -> None:
        wanted = f"isolated margin at {leverage}x"
        present = f"{'isolated' if before.is_isolated else 'cross'} margin at {before.leverage}x"
        if any(held.symbol == symbol for held in await self.positions()):
            raise NotAllowed(
                f"{symbol} has an open position with {present}: close it, then {wanted} can be set"
            )
        if not before.is_isolated and await self.open_orders(symbol):
            raise NotAllowed(
                f"{symbol} has open orders with {present}: cancel them, then {wanted} can be set"
            )

    async def _set(self, sending: Any, what: str) -> None:
        """A setting may be sent without certainty: it is read back. Raises for a plain no."""
        if sending is None:
            return
        outcome = await self._line.send(sending)
        if outcome.code in self._line.book.as_wanted:
            return
        if outcome.result is Result.THROTTLED:
            raise Throttled(f"{what}: {outcome.detail}", self.silent_until)
        if outcome.result in (Result.REFUSED, Result.NOT_ALLOWED):
            raise NotAllowed(f"{what} was refused: {outcome.detail} (code {outcome.code})")


def _nobody_waits() -> Callable[[], None]:
    return lambda: None


async def readable(what: str, reading: Awaitable[T]) -> T:
    """Raises `Unknown` for rows of a shape that this venue never had; what can't be read isn't known."""
    try:
        return await reading
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        trouble = f"{what}: an answer that can't be read: {str(error)[:120]}"
        logger.warning("exchange_unreadable what=%s kind=%s error=%r", what, type(error).__name__, str(error))
    raise Unknown(trouble)


def obstacles(exchange_id: str, modes: Modes) -> list[str]:
    """What about the account forbids trading as this bot does, each with what to do about it."""
    found = []
    if modes.is_portfolio:
        found.append(f"{exchange_id}: a portfolio-margin account has no isolated margin; use another account")
    if modes.is_multi_asset:
        found.append(
            f"{exchange_id}: Multi-Assets mode forbids isolated margin; switch to Single-Asset while flat"
        )
    if modes.is_hedge:
        found.append(f"{exchange_id}: hedge mode is on; switch to one-way mode while flat")
    if modes.is_isolated is False:
        found.append(f"{exchange_id}: the account is on cross margin; switch it to isolated while flat")
    if modes.can_trade is False:
        found.append(f"{exchange_id}: the account may not trade; {modes.words or 'ask the exchange'}")
    return found


def _check(request: OrderRequest) -> None:
    if not CLIENT_ID.fullmatch(request.client_id):
        raise ValueError(f"{request.client_id!r} is no client id of 1 to 32 letters and digits")
    numbers = (request.quantity, request.price, request.trigger, request.attached_stop)
    if not all(each is None or (each.is_finite() and each > 0) for each in numbers):
        raise ValueError(f"{request.client_id}: quantity and prices must be positive and finite")
    if request.kind.is_conditional != (request.trigger is not None):
        raise ValueError(f"{request.client_id}: a trigger belongs to conditional orders, and only to them")
    if (request.kind is OrderKind.LIMIT) != (request.price is not None):
        raise ValueError(f"{request.client_id}: a price belongs to limit orders, and only to them")
    if request.attached_stop is not None and (request.reduce_only or request.kind.is_conditional):
        raise ValueError(f"{request.client_id}: only an entry brings a stop along")
