"""The stand-in exchange with eyes: when what arrived, how long a position was bare, and where a trap lies.

Laws:
- Nothing here changes what the exchange does with a request; a trap only delays it, or loses it on the way.
- A position counts as covered by what rests at the exchange and by nothing that anybody says of it.
- Times of requests are the wall clock's, spans are the monotonic clock's, both of this machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from urllib.parse import parse_qsl

from aiohttp import web

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_account import Account
from bot.demo.exchange_records import AlgoRecord, Row
from core.money import ZERO

NAMES = ("newClientOrderId", "clientAlgoId", "origClientOrderId")


class Moment(Enum):
    """Where on its way a request is when the trap springs."""

    LOST = "it has arrived, and is never carried out"
    LATE = "it has arrived, and is carried out seconds later"
    TAKEN = "it is carried out, and not answered"
    ANSWERED = "its answer has left"


@dataclass(slots=True)
class Trap:
    """Springs once, at the first request that begins with `path`; `spring` is called at the moment."""

    method: str
    path: str
    moment: Moment
    spring: Callable[[], None]
    after_s: float = 0.0
    """Between the moment and the spring."""
    late_s: float = 0.0
    """Between arrival and execution of a late one."""
    slow_s: float = 0.0
    """Between the spring and the answer of one that is taken."""
    skip: int = 0
    """Fitting requests that pass first."""
    is_sprung: bool = False

    def fits(self, request: web.Request) -> bool:
        if self.is_sprung or request.method != self.method or not request.path.startswith(self.path):
            return False
        self.skip -= 1
        return self.skip < 0

    def words(self) -> str:
        nth = f", after {self.skip} others" if self.skip > 0 else ""
        return f"{self.method} {self.path.rpartition('/')[2]}{nth}: {self.moment.value}"

    def sprung(self) -> None:
        self.is_sprung = True
        self.spring()


@dataclass(slots=True)
class Arrival:
    """One request that changes something."""

    method: str
    path: str
    client_id: str
    opens: bool
    """An order that may enlarge a position."""
    at: float
    answered_at: float | None = None
    """None: lost, refused to a dead client, or still on its way."""
    status: int = 0


@dataclass(frozen=True, slots=True)
class Bare:
    symbol: str
    since: float
    seconds: float


class WatchedExchange(ExchangeStandIn):
    """`arrivals` are all orders and cancellations, `bare` the spans without cover that are over."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.arrivals: list[Arrival] = []
        self.bare: list[Bare] = []
        self.trap: Trap | None = None
        self._bare_since: dict[str, float] = {}
        tell = self.account.told

        def told(row: Row) -> None:
            tell(row)
            self.look()

        self.account.told = told

    def still_bare(self) -> list[Bare]:
        now = time.monotonic()
        return [Bare(symbol, since, now - since) for symbol, since in self._bare_since.items()]

    def look(self) -> None:
        """After everything that changes the account."""
        now, naked = time.monotonic(), set(uncovered(self.account))
        for symbol in naked:
            self._bare_since.setdefault(symbol, now)
        for symbol in set(self._bare_since) - naked:
            since = self._bare_since.pop(symbol)
            self.bare.append(Bare(symbol, since, now - since))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        trap = self.trap if self.trap is not None and self.trap.fits(request) else None
        arrival = await self._noted(request)
        if trap is not None and trap.moment in (Moment.LOST, Moment.LATE):
            await asyncio.sleep(trap.after_s)
            trap.sprung()
            if trap.moment is Moment.LOST:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            await asyncio.sleep(trap.late_s)
        answer = await super()._serve(request)
        if trap is not None and trap.moment is Moment.TAKEN:
            trap.sprung()
            await asyncio.sleep(trap.slow_s)
        if arrival is not None and request.transport is not None and not request.transport.is_closing():
            arrival.answered_at, arrival.status = time.time(), answer.status
        if trap is not None and trap.moment is Moment.ANSWERED:
            asyncio.get_running_loop().call_later(trap.after_s, trap.sprung)
        return answer

    async def _noted(self, request: web.Request) -> Arrival | None:
        """Reads the body first of all: who is killed takes it along."""
        body = await request.text()
        if request.method not in ("POST", "DELETE", "PUT") or "rder" not in request.path:
            return None
        params = dict(parse_qsl(f"{request.query_string}&{body}"))
        is_order = request.method == "POST" and request.path == "/fapi/v1/order"
        found = Arrival(
            request.method,
            request.path,
            next((params[name] for name in NAMES if name in params), ""),
            is_order and params.get("reduceOnly", "false").lower() != "true",
            time.time(),
        )
        self.arrivals.append(found)
        return found


def uncovered(account: Account) -> Iterator[str]:
    """Symbols whose position is larger than the reduce-only stops that rest for it."""
    for symbol, held in account.state.holdings.items():
        if sum(
            (_covers(algo, held.side.sign, held.quantity) for algo in account.open_algos(symbol)), ZERO
        ) < (held.quantity):
            yield symbol


def _covers(algo: AlgoRecord, sign: int, held: Decimal) -> Decimal:
    """How much of a position of this side the order takes off when its stop is reached."""
    is_exit = (algo.side == "SELL") == (sign > 0)
    if not is_exit or not algo.type.startswith("STOP") or not (algo.reduce_only or algo.close_position):
        return ZERO
    return held if algo.close_position else algo.quantity
