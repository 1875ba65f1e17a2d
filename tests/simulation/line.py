"""One process's connection to the venue: late, lossy, stale, throttled; and the place where it may die.

Laws:
- What has left the process arrives or is lost whatever becomes of the process.
- Nothing is answered later than the deadline: then the outcome is unknown, as a live adapter says it.
- A request arrives at most once, within the receive window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from core.errors import Throttled, Unknown
from core.ports import Outcome, Result
from core.sim.book import VenueState
from core.trade import (
    Balance,
    Fill,
    FundingPayment,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Position,
    Transfer,
)
from tests.simulation.exchange import Exchange, at_once
from tests.simulation.faults import Dice

T = TypeVar("T")

DEADLINE_S = 1.0
"""Of every call; a live guard's own."""
WINDOW_S = 5.0
"""The receive window: a request that is late arrives within it or never."""
FASTEST_S, SLOWEST_S = 0.01, 0.15
LONGEST_LAG_S = 3.0
LONGEST_BAN_S = 2.0

Point = Callable[[str, str], None]
"""Told of every place where the process may die, with what happens there; raises when it dies."""


class Line:
    """Implements `Venue`. `arrives_later(seconds, what)` is the world's: it outlives the process."""

    def __init__(
        self,
        exchange: Exchange,
        dice: Dice,
        point: Point,
        arrives_later: Callable[[float, Callable[[], None]], None],
        now: Callable[[], datetime],
        leverage_limit: int = 100,
    ) -> None:
        self._exchange = exchange
        self._dice = dice
        self._point = point
        self._arrives_later = arrives_later
        self._now = now
        self._leverage_limit = leverage_limit
        self._banned_until: datetime | None = None

    # ------------------------------------------------------------ requests

    @property
    def attaches_stops(self) -> bool:
        return False

    async def submit(self, request: OrderRequest) -> Outcome:
        words = f"{request.side.value} {request.kind.value} {request.quantity} {request.trigger or ''}"
        self._point("venue.submit:before", f"{words} {request.client_id[:8]}")
        if self._is_banned() or self._throttles():
            return Outcome(Result.THROTTLED, code="-1003", detail="too many requests")
        is_stop = request.kind is OrderKind.STOP_MARKET
        if is_stop and self._dice.strikes("stop_refused"):
            await self._pass(self._flight_s())
            self._point("venue.submit:after", "-2021")
            return Outcome(Result.REFUSED, code="-2021", detail="order would immediately trigger")
        part, rest = self._part_of(request)

        def arrive() -> Outcome:
            outcome = self._exchange.arrive(request, part, rest)
            if rest == "open":
                later = self._dice.between(0.3, 3.0)
                self._arrives_later(later, lambda: _ignored(self._exchange.fill_rest(request.client_id)))
            return outcome

        outcome = await self._sent("venue.submit", arrive)
        self._point("venue.submit:after", f"{outcome.result.value} {outcome.code}")
        return outcome

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        self._point("venue.cancel:before", client_id[:8])
        if self._is_banned() or self._throttles():
            return Outcome(Result.THROTTLED, code="-1003")
        outcome = await self._sent("venue.cancel", lambda: self._exchange.cancel_arrives(symbol, client_id))
        self._point("venue.cancel:after", f"{outcome.result.value} {outcome.code}")
        return outcome

    async def prepare(self, symbol: str, leverage: int) -> int:
        await self._read("prepare")
        applied = at_once(self._exchange.prepare(symbol, min(leverage, self._leverage_limit)))
        self._point("venue.prepare:after", str(applied))
        return applied

    async def _sent(self, name: str, arrive: Callable[[], Outcome]) -> Outcome:
        """Sends, and waits for the answer as long as the deadline allows."""
        unknown = Outcome(Result.UNKNOWN, code="timeout")
        if self._dice.strikes("request_lost"):
            self._point(f"{name}:sent", "lost")
            await self._pass(DEADLINE_S)
            return unknown
        if self._dice.strikes("late_accept"):
            self._arrives_later(self._dice.between(0.2, WINDOW_S), lambda: _ignored(arrive()))
            self._point(f"{name}:sent", "late")
            await self._pass(self._flight_s())
            return Outcome(Result.UNKNOWN, code="503", detail="unknown error, please check")
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        is_muted = self._dice.strikes("reply_lost")

        def reply() -> None:
            outcome = arrive()
            if not is_muted and not answered.done():
                answered.set_result(outcome)

        self._arrives_later(self._flight_s(), reply)
        self._point(f"{name}:sent", "muted" if is_muted else "")
        try:
            return await asyncio.wait_for(answered, DEADLINE_S)
        except TimeoutError:
            return unknown

    def _part_of(self, request: OrderRequest) -> tuple[Decimal, str]:
        if request.kind is not OrderKind.MARKET or not self._dice.strikes("partial"):
            return Decimal(1), ""
        part = Decimal(str(round(self._dice.between(0.2, 0.9), 2)))
        return part, "open" if self._dice.random.random() < 0.5 else "dropped"

    # ------------------------------------------------------------ reads

    async def order(self, symbol: str, client_id: str) -> Order | None:
        await self._read("order")
        lag_s = self._dice.between(0.2, LONGEST_LAG_S) if self._dice.strikes("not_found") else 0.0
        order = self._exchange.before(lag_s).order(client_id)
        return order if order is not None and order.symbol == symbol else None

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        state = await self._view("open_orders")
        return tuple(
            order
            for order in state.orders
            if order.status is OrderStatus.OPEN and symbol in (None, order.symbol)
        )

    async def positions(self) -> tuple[Position, ...]:
        state = await self._view("positions")
        rules = self._exchange._rules_of
        rows = (state.position(symbol, rules(symbol)) for symbol in sorted(state.holdings))
        return tuple(row for row in rows if row is not None)

    async def balance(self) -> Balance:
        state = await self._view("balance")
        return Balance(state.wallet, state.unrealised, state.available, self._now())

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        state = await self._view("fills")
        return tuple(row for row in state.fills if row.symbol == symbol and row.at >= since)

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        state = await self._view("funding")
        return tuple(row for row in state.payments if row.symbol == symbol and row.at >= since)

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        state = await self._view("transfers")
        return tuple(row for row in state.transfers if row.at >= since)

    async def _view(self, name: str) -> VenueState:
        await self._read(name)
        lag_s = self._dice.between(0.2, LONGEST_LAG_S) if self._dice.strikes("stale") else 0.0
        return self._exchange.before(lag_s)

    async def _read(self, name: str) -> None:
        self._point(f"venue.{name}", "")
        if self._is_banned() or self._throttles():
            raise Throttled("429", self._banned_until)
        if self._dice.strikes("read_lost"):
            await self._pass(DEADLINE_S)
            raise Unknown(f"{name} is not answered")
        await self._pass(self._flight_s())

    # ------------------------------------------------------------ time and bans

    def _flight_s(self) -> float:
        return self._dice.between(FASTEST_S, SLOWEST_S)

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _is_banned(self) -> bool:
        return self._banned_until is not None and self._now() < self._banned_until

    def _throttles(self) -> bool:
        if not self._dice.strikes("throttled"):
            return False
        self._banned_until = self._now() + timedelta(seconds=self._dice.between(0.5, LONGEST_BAN_S))
        return True


def _ignored(_: object) -> None:
    """What nobody waits for any more."""
