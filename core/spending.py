"""What advisers may cost: prices, what is set aside before a request, what a day came to.

Laws:
- The most that a request can cost is set aside before it is sent, and counts in full until its bill comes.
- The unknown is never free: without a price nothing is set aside, without a bill the reservation stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Protocol

from core.opinion import Purpose
from core.ports import AdviserCall

PICO = Decimal("1e-12")
"""USD are kept as whole multiples of it, so that sums are exact on every database."""
EXIT_SHARE = Decimal("0.5")
"""Of the day's budget, the most that opinions on open trades may take."""
REFUSED_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429})
"""The provider did not begin to answer: no provider bills that."""
IN_FLIGHT_S = 900.0
"""`AI_DEADLINE_SECONDS` is at most that: what is open longer died with its process."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    fresh: Decimal
    out: Decimal
    cached: Decimal


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one request can cost, under its id."""

    call_id: str
    account: str
    adviser: str
    model: str
    purpose: Purpose
    decision_id: str
    at: datetime
    worst_usd: Decimal

    @property
    def day(self) -> date:
        """UTC."""
        return self.at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Room:
    """What the day's budget said to a reservation; amounts are as they were before it."""

    is_reserved: bool
    free_usd: Decimal
    """Neither spent nor set aside."""
    exit_free_usd: Decimal
    """The same of the part that exits may take."""
    open_usd: Decimal = Decimal(0)
    """Set aside for requests that are under way: some of it will come back."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One UTC day, adviser and purpose."""

    day: date
    adviser: str
    purpose: Purpose
    requests: int
    usd: Decimal
    """Bills, and reservations where no bill came."""


@dataclass(frozen=True, slots=True)
class DecisionCosts:
    """Of decisions for which at least one request was paid."""

    decisions: int
    usd: Decimal
    dearest_id: str = ""
    dearest_usd: Decimal = Decimal(0)

    @property
    def mean_usd(self) -> Decimal | None:
        return self.usd / self.decisions if self.decisions else None


class SpendingJournal(Protocol):
    async def reserve_spending(self, wanted: Reservation, budget_usd: Decimal) -> Room:
        """Set aside in one transaction with the look at the day's total, or nothing written."""
        ...

    async def spending(self, account: str, since: date) -> tuple[Spending, ...]:
        """From that day on, oldest first."""
        ...

    async def decision_costs(self, account: str, day: date) -> DecisionCosts: ...


def pico_up(usd: Decimal) -> int:
    """A cost, never smaller than it is."""
    return _pico(usd, ROUND_CEILING)


def pico_down(usd: Decimal) -> int:
    """A limit, never larger than it is."""
    return _pico(usd, ROUND_FLOOR)


def usd_of(pico: int) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return int(pico) * PICO


def _pico(usd: Decimal, rounding: str) -> int:
    with localcontext() as context:
        context.prec = 50
        return int((usd / PICO).to_integral_value(rounding=rounding))


def bill_of(call: AdviserCall) -> Decimal | None:
    """What a finished request cost; None where that is not known."""
    if call.cost_usd is not None:
        return max(call.cost_usd, Decimal(0))
    return Decimal(0) if call.status in REFUSED_STATUSES else None
