"""Full simulation: the real engine, executor, guard and journal over a simulated venue, in one thread.

Every bar of the history is walked price by price; guarding follows every price at which the venue did
something, and at least every `guard_every_s`; scans come at their own interval. Hours run in seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.analysis.flags import FlagLimits
from core.journal import Mode
from core.market import TIMEFRAMES, Side, bar_open, from_ms, to_ms
from core.opinion import Decider, Features
from core.ports import AdviserPanel, Blobs
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket, Path, passage, path_of
from core.sim.venue import SimVenue
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, KernelJournal, Ports, build_kernel

KEEP_MARKS_S = 3600.0
"""A simulation is seldom taken up again: its marks are saved once an hour."""


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
        journal: KernelJournal,
        blobs: Blobs,
        panel: AdviserPanel,
        settings: SimSettings,
    ) -> None:
        self.market = market
        self.clock = clock
        self.journal = journal
        self.settings = settings
        self.venue = SimVenue(
            settings.account,
            settings.deposit,
            market.quote,
            market.instrument,
            clock.now,
            blobs,
            keep_marks_s=KEEP_MARKS_S,
        )
        rules = Rules(settings.limits, settings.flags, settings.decider)
        self.kernel: Kernel = build_kernel(
            Ports(market, market, self.venue, panel, journal, clock, inline, settings.account),
            lambda: rules,
            self._course(rules),
        )
        self._next_scan: datetime | None = None
        self._next_guard: datetime | None = None
        self._heard_bar: datetime | None = None
        self._funded_until: datetime | None = None

    async def open(self) -> None:
        state = self.settings
        await self.journal.open_account(state.account, True, state.deposit, state.mode, self.clock.now())
        await self.venue.open()
        await self.kernel.approvals.recover()
        self.kernel.gate.open("start")

    async def run(
        self,
        bars: Mapping[str, NDArray[np.float64]],
        timeframe: str,
        first: datetime,
        last: datetime,
        each: Callable[[Simulation], None] | None = None,
    ) -> None:
        """Walks the bars that open in [first, last); `each` looks on after every price and every scan.

        A symbol takes part from its first bar to its last: bars are matched by their time.
        """
        length = TIMEFRAMES[timeframe]
        looking_on = each or (lambda simulation: None)
        for opened_ms in range(-(-to_ms(first) // length) * length, to_ms(last), length):
            paths = {
                symbol: path_of(row, self._held(symbol))
                for symbol, table in bars.items()
                if (row := _bar_at(table, opened_ms, length)) is not None
            }
            if not paths:
                continue
            for part in range(4):
                self.clock.reach(from_ms(opened_ms) + timedelta(milliseconds=length * part / 3))
                await self._price(paths, part)
                looking_on(self)
            await self._settle_funding()
            await self._scan_when_due()
            await self._hear_advisers()
            looking_on(self)

    def _held(self, symbol: str) -> Side | None:
        held = self.venue.state.holdings.get(symbol)
        return held.side if held is not None else None

    async def _price(self, paths: Mapping[str, Path], part: int) -> None:
        """Every symbol's price goes on to the next of its path; from bar to bar it jumps."""
        executed = False
        for symbol, path in paths.items():
            start = path[part - 1] if part else path[0]
            for price in passage(start, path[part], self.venue.state.triggers(symbol)):
                executed |= await self.venue.on_quote(self.market.set_price(symbol, price))
        if executed or self._is_guard_due():
            await self._guard()

    def _is_guard_due(self) -> bool:
        """While nothing is open, the guard has only cards to look at."""
        if self.settings.mode is Mode.AUTO and not self.venue.exposed():
            return False
        return self._next_guard is None or self.clock.now() >= self._next_guard

    async def _guard(self) -> None:
        self._next_guard = self.clock.now() + timedelta(seconds=self.settings.guard_every_s)
        await self.kernel.guard.watch()

    async def _scan_when_due(self) -> None:
        now = self.clock.now()
        if self._next_scan is not None and now < self._next_scan:
            return
        self._next_scan = now + timedelta(seconds=self.settings.scan_every_s)
        await self.kernel.engine.scan()
        await self._guard()
        await self.kernel.shadows.collect()
        await self.kernel.shadows.follow()

    async def _hear_advisers(self) -> None:
        """Once per 15-minute close, and only while something is open."""
        bar = bar_open(self.clock.now(), "15m")
        if bar != self._heard_bar and self.venue.exposed():
            self._heard_bar = bar
            await self.kernel.exit_opinion.listen()

    async def _settle_funding(self) -> None:
        """What was due since the last bar, before anything new is opened at this moment."""
        now = self.clock.now()
        for symbol in self.venue.exposed():
            for at, rate in self.market.settlements(symbol, self._funded_until or now, now):
                await self.venue.on_funding(symbol, rate, at)
        self._funded_until = now

    def _course(self, rules: Rules) -> Callable[[], Awaitable[Course]]:
        async def course() -> Course:
            return Course(self.settings.symbols, rules, 300.0, "")

        return course


async def inline(work: Callable[[], Features]) -> Features:
    return work()


def _bar_at(table: NDArray[np.float64], opened_ms: int, length_ms: int) -> NDArray[np.float64] | None:
    """The bar that opens then; `table` is gapless."""
    index = (opened_ms - int(table[0, 0])) // length_ms
    return table[index] if 0 <= index < len(table) else None
