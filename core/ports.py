"""What the core asks of the world. Adapters, `core.sim`, `db` and tests implement these.

Laws:
- A method that cannot know raises (`core.errors`); it never answers with an empty value.
- Order requests have no retry layer anywhere below these ports.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from core.market import Background, Candles, Instrument, Quote
from core.mood import Mood
from core.opinion import Abstention, Brief, Opinion, Purpose
from core.trade import Balance, Fill, FundingPayment, Order, OrderRequest, Position, Transfer

T = TypeVar("T")

Offload = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs a pure function off the event loop (a thread live, inline under simulation)."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds, for durations."""
        ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The newest measurement of an exchange's clock."""

    offset_s: float
    """The exchange's clock minus ours."""
    age_s: float
    """Since it was measured, by the monotonic clock."""
    stepped_s: float
    """By how much our wall clock was set since then: by that much `offset_s` is out of date."""


class Market(Protocol):
    """Live facts. Raises `Unknown`, `Throttled`, `BadMarketFacts`, `UnknownSymbol`."""

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        """The newest `limit` (or as many as exist) bars closed at or before `until`."""
        ...

    async def quote(self, symbol: str) -> Quote: ...

    async def background(self, symbol: str) -> Background: ...

    async def instrument(self, symbol: str) -> Instrument: ...

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        """Active USDT perpetuals by 24 h quote volume, largest first."""
        ...


class Result(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    THROTTLED = "throttled"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back of one order request or cancellation."""

    result: Result
    order: Order | None = None
    code: str = ""
    """The venue's own code, e.g. `-2021`."""
    detail: str = ""


class Venue(Protocol):
    """Where positions live: live exchange, paper or simulation. Reads raise when they cannot know."""

    @property
    def attaches_stops(self) -> bool:
        """Takes `OrderRequest.attached_stop`: the stop is there as soon as the entry fills."""
        ...

    async def submit(self, request: OrderRequest) -> Outcome: ...

    async def cancel(self, symbol: str, client_id: str) -> Outcome: ...

    async def order(self, symbol: str, client_id: str) -> Order | None:
        """Of either kind; None only when the venue says that it knows no such id."""
        ...

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """Ordinary and conditional ones."""
        ...

    async def positions(self) -> tuple[Position, ...]: ...

    async def balance(self) -> Balance: ...

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]: ...

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]: ...

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        """Deposits and withdrawals of the trading account."""
        ...

    async def prepare(self, symbol: str, leverage: int) -> int:
        """Isolated margin, one-way mode and leverage set, then read back; returns the applied leverage.

        Raises `NotAllowed` when the account forbids it.
        """
        ...


@dataclass(frozen=True, slots=True)
class AdviserCall:
    """One request to a model, written before the answer is parsed."""

    id: str
    adviser: str
    model_asked: str
    symbol: str
    question_key: str
    """Hash of model, prompt and facts."""
    request: str
    """JSON of what was sent, without secrets."""
    at: datetime
    attempt: int = 1
    raw: str | None = None
    """The body as it came; None when nothing came."""
    status: int | None = None
    model_returned: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost_usd: Decimal | None = None
    latency_s: float = 0.0
    error: str = ""
    headers: str = "{}"
    """JSON of the answer's headers that tell something, without secrets and cookies."""
    decision_id: str = ""
    """The decision that it was asked for first; empty where there is none."""
    purpose: Purpose = Purpose.ENTRY


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    key: str
    adviser: str
    symbol: str
    call_id: str
    raw: str
    """The answer's content text, parsed again on every use."""
    model: str
    created_at: datetime
    expires_at: datetime


class CallJournal(Protocol):
    """The advisers' part of the journal."""

    async def record_call(self, call: AdviserCall) -> None: ...

    async def cached_answer(self, key: str, now: datetime) -> CachedAnswer | None:
        """A fresh answer to the identical question; the hit is counted."""
        ...

    async def keep_answer(self, answer: CachedAnswer) -> None:
        """Stores it and removes what has expired."""
        ...


class Purse(Protocol):
    """Asked before every single request to a model; silence of a purse is a no."""

    def barred(self, purpose: Purpose) -> str:
        """Why no request of this kind may leave now (paused, breaker, entries closed); empty: it may."""
        ...

    async def reserve(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        """Sets aside the most that `call` can cost, under its id, before it is sent; empty when done, else
        why not. `worst_usd` None: unknown, refused. `CallJournal.record_call` settles it."""
        ...


class Moods(Protocol):
    async def mood(self, symbol: str, bar: datetime) -> Mood:
        """As known at the close `bar`, the same all through the bar. Never raises: what could not be known is
        named in it."""
        ...


class Adviser(Protocol):
    """One judge. Never raises for a bad answer: that is an `Abstention`."""

    @property
    def name(self) -> str: ...

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention: ...


class AdviserPanel(Protocol):
    async def ask(
        self, brief: Brief, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        """All in parallel under one deadline; `heard` is told of each answer as it arrives."""
        ...

    @property
    def names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """One line of /health: `ok`, `degraded`, `down` or `unused`."""

    state: str
    detail: str = ""
    age_s: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Blobs(Protocol):
    """A named text that outlives the process: the paper venue's state."""

    async def load(self, name: str) -> str | None: ...

    async def save(self, name: str, text: str) -> None: ...


class Charts(Protocol):
    async def candles_png(
        self, candles: Candles, lines: Sequence[tuple[str, Decimal, str]], title: str
    ) -> bytes:
        """`lines` are (label, price, role): entry, stop, target, liquidation."""
        ...
