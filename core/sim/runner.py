"""Full simulation: the real engine, executor, guard and journal over a simulated venue, in one thread.

Every bar of the history is walked price by price; guarding follows every price at which the venue did
something, and at least every `guard_every_s`; scans come at their own interval. Hours run in seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.analysis.flags import FlagLimits
from core.journal import Mode
from core.market import TIMEFRAMES, from_ms
from core.opinion import Decider, Features
from core.ports import AdviserPanel, Blobs
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket, path_of
from core.sim.venue import SimVenue
from core.trading.accounts import AccountJournal
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, Ports, build_kernel


@dataclass(frozen=True, slots=True)
class SimSettings:
    symbols: tuple[str, ...]
    deposit: Decimal = Decimal(1000)
    mode: Mode = Mode.AUTO
    limits: Limits = field(default_factory=Limits)
    flags: FlagLimits = field(default_factory=FlagLimits)
    decider: Decider = Decider.AI
    scan_every_s: float = 900.0
    guard_every_s: float = 300.0
    account: str = "sim"


class Simulation:
    """One account over one history. `journal` must be inline: no workers, no other thread."""

    def __init__(
        self,
        market: HistoryMarket,
        clock: VirtualClock,
        journal: AccountJournal,
        blobs: Blobs,
        panel: AdviserPanel,
        settings: SimSettings,
    ) -> None:
        self.market = market
        self.clock = clock
        self.journal = journal
        self.settings = settings
        self.venue = SimVenue(
            settings.account, settings.deposit, market.quote, market.instrument, clock.now, blobs
        )
        rules = Rules(settings.limits, settings.flags, settings.decider)
        self.kernel: Kernel = build_kernel(
            Ports(market, market, self.venue, panel, journal, clock, inline, settings.account),
            lambda: rules,
            self._course(rules),
        )
        self._next_scan: datetime | None = None
        self._next_guard: datetime | None = None

    async def open(self) -> None:
        state = self.settings
        await self.journal.open_account(state.account, True, state.deposit, state.mode, self.clock.now())
        await self.venue.open()
        await self.kernel.approvals.recover()
        self.kernel.gate.open("start")

    async def run(
        self,
        bars: dict[str, NDArray[np.float64]],
        timeframe: str,
        first: datetime,
        last: datetime,
        each: Callable[[Simulation], None] | None = None,
    ) -> None:
        """Walks [first, last); `each` looks on after every price."""
        length = TIMEFRAMES[timeframe]
        rows = {symbol: table[_between(table, first, last)] for symbol, table in bars.items()}
        count = min(len(table) for table in rows.values())
        for index in range(count):
            opened = from_ms(int(next(iter(rows.values()))[index, 0]))
            await self._settle_funding(opened)
            for part in range(4):
                self.clock.set(opened + timedelta(milliseconds=length * part / 4))
                await self._price({symbol: path_of(table[index])[part] for symbol, table in rows.items()})
                if each is not None:
                    each(self)
            self.clock.set(opened + timedelta(milliseconds=length))
            await self._scan_when_due()

    async def _price(self, prices: dict[str, float]) -> None:
        executed = False
        for symbol, price in prices.items():
            executed |= await self.venue.on_quote(self.market.set_price(symbol, price))
        now = self.clock.now()
        if executed or self._next_guard is None or now >= self._next_guard:
            self._next_guard = now + timedelta(seconds=self.settings.guard_every_s)
            await self.kernel.guard.watch()

    async def _scan_when_due(self) -> None:
        now = self.clock.now()
        if self._next_scan is not None and now < self._next_scan:
            return
        self._next_scan = now + timedelta(seconds=self.settings.scan_every_s)
        await self.kernel.engine.scan()
        await self.kernel.guard.watch()

    async def _settle_funding(self, until: datetime) -> None:
        for symbol in self.venue.exposed():
            since = self.venue.state.seen_at.get(symbol, until)
            for at, rate in self.market.settlements(symbol, since, until):
                await self.venue.on_funding(symbol, rate, at)

    def _course(self, rules: Rules) -> Callable[[], Awaitable[Course]]:
        async def course() -> Course:
            return Course(self.settings.symbols, rules, 300.0, "")

        return course


async def inline(work: Callable[[], Features]) -> Features:
    return work()


def _between(table: NDArray[np.float64], first: datetime, last: datetime) -> slice:
    start, stop = first.timestamp() * 1000, last.timestamp() * 1000
    return slice(int(np.searchsorted(table[:, 0], start)), int(np.searchsorted(table[:, 0], stop)))
