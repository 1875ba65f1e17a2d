"""Room in the trading bot's request budget, asked for by another process.

Laws:
- Nothing is spent here that the lender has not granted: one venue, one address, one budget.
- What the venue tells the borrower (its count, its wish for silence) is told to the lender at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from core.adapters.exchange.budget import WeightBudget
from core.ports import Clock

Ask = Callable[[int], Awaitable[None]]
"""Returns once so much weight is granted. Raises `Throttled`."""
Heard = Callable[[int], None]
"""The venue's own count of what was used."""
Silenced = Callable[[datetime], None]


class BorrowedBudget(WeightBudget):
    """Nothing here is urgent, so `urgent` and `protects` give no right."""

    def __init__(self, clock: Clock, ask: Ask, heard: Heard, silenced: Silenced) -> None:
        super().__init__(clock)
        self._ask, self._tell_heard, self._tell_silence = ask, heard, silenced

    async def take(self, weight: int, *, urgent: bool, protects: bool = False) -> None:
        await self._ask(weight)

    def heard(self, used: int) -> None:
        self._tell_heard(used)

    def silence(self, until: datetime) -> None:
        super().silence(until)
        self._tell_silence(until)
