"""What must hold before anything is opened, beside risk: the exchange answers, clocks agree, the books agree,
the bot does not crash in a loop, a live account's key and modes are right, nothing held is to be delisted.

Laws:
- A task of its own: a question that the exchange does not answer never holds up guarding.
- A check that fails never skips another; the failure is raised after them, and its gate stays as it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.starts import Starts
from core.trading.accounts import AccountKeeper
from core.trading.clock_watch import ClockWatch
from core.trading.delisting import DelistingWatch
from core.trading.entries import EntryGate
from core.trading.outage_watch import OutageWatch
from core.trading.reconcile import Reconciler

log = logging.getLogger("perpilot.watches")

EVERY_S = 10.0
TIMEOUT_S = 120.0
"""Real seconds: several questions that run into their deadlines, one after the other."""
OUTAGE_GATE, TIME_GATE = "outage", "time"


class Watches:
    def __init__(
        self,
        gate: EntryGate,
        keeper: AccountKeeper,
        outage: OutageWatch,
        delisting: DelistingWatch,
        reconciler: Reconciler,
        starts: Starts,
        clock: ClockWatch | None,
        account: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """`clock` and `account` (key and modes) are None where nothing is signed, on paper."""
        self._gate = gate
        self._keeper = keeper
        self._outage = outage
        self._delisting = delisting
        self._reconciler = reconciler
        self._starts = starts
        self._clock = clock
        self._account = account
        if clock is not None:
            gate.close(TIME_GATE, "the exchange's clock was not read yet")

    async def review(self) -> None:
        """One round. Raises the first failure, after everything else was looked at."""
        results = await asyncio.gather(
            self._look_at_outage(),
            self._look_at_clock(),
            self._look_at_account(),
            self._look_at_ends(),
            self._look_at_books(),
            self._starts.review(),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            log.warning("a watch failed", exc_info=failure)
        if failures:
            raise failures[0]

    async def _look_at_outage(self) -> None:
        self._set(OUTAGE_GATE, await self._outage.review())

    async def _look_at_clock(self) -> None:
        if self._clock is not None:
            self._set(TIME_GATE, await self._clock.review())

    async def _look_at_account(self) -> None:
        if self._account is not None:
            await self._account()

    async def _look_at_ends(self) -> None:
        await self._delisting.review(await self._keeper.open_trades())

    async def _look_at_books(self) -> None:
        await self._reconciler.review(self._keeper.last_sight)

    def _set(self, name: str, trouble: str) -> None:
        if trouble:
            self._gate.close(name, trouble)
        else:
            self._gate.open(name)
