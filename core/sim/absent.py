"""The venue of an account that cannot be traded: everything about it is unknown, and nothing is sent."""

from __future__ import annotations

from datetime import datetime

from core.errors import NotAllowed
from core.ports import Outcome, Result
from core.trade import Balance, Fill, FundingPayment, Order, OrderRequest, Position, Transfer


class AbsentVenue:
    """Refuses orders and knows nothing: every read raises `NotAllowed` with `why`."""

    def __init__(self, why: str) -> None:
        self._why = why

    @property
    def attaches_stops(self) -> bool:
        return False

    async def submit(self, request: OrderRequest) -> Outcome:
        return Outcome(Result.NOT_ALLOWED, detail=self._why)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        return Outcome(Result.NOT_ALLOWED, detail=self._why)

    async def order(self, symbol: str, client_id: str) -> Order | None:
        raise NotAllowed(self._why)

    async def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        raise NotAllowed(self._why)

    async def positions(self) -> tuple[Position, ...]:
        raise NotAllowed(self._why)

    async def balance(self) -> Balance:
        raise NotAllowed(self._why)

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        raise NotAllowed(self._why)

    async def funding(self, symbol: str, since: datetime) -> tuple[FundingPayment, ...]:
        raise NotAllowed(self._why)

    async def transfers(self, since: datetime) -> tuple[Transfer, ...]:
        raise NotAllowed(self._why)

    async def prepare(self, symbol: str, leverage: int) -> int:
        raise NotAllowed(self._why)
