"""Full simulation: the real engine, executor, guard and journal over a simulated venue, in one thread.

Laws:
- Every bar is walked price by price, through everything between (`passage`). Guarding follows every price
  at which the venue did something or the guard itself would, and at least every `guard_every_s`.
- Nothing is known before its time: a scan sees closed bars and the price of its moment, no more.
- With `scans_at_open` a bar goes as backtests have it: what is due by the clock, at the last price; funding
  of that moment, at the mark price of the open; the gap; the scan, whose entries pay the open; then one
  extreme, the other and the close, which comes a little before the next bar.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from core.analysis.flags import FlagLimits
from core.journal import Mode
from core.market import TIMEFRAMES, Quote, Side, bar_open, from_ms, to_ms
from core.money import ceil_to, exact, floor_to
from core.opinion import Decider, Features
from core.ports import AdviserPanel, Blobs
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket, Path, passage, path_of
from core.sim.venue import SimVenue
from core.strategy_use import NO_STRATEGIES, Strategies
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, KernelJournal, Ports, build_kernel

KEEP_MARKS_S = 3600.0
"""A simulation is seldom taken up again: its marks are saved once an hour."""
CLOSING = timedelta(seconds=10)
"""Between a bar's last price and the next bar: what follows from it is over by then."""
SPILL = timedelta(seconds=30)
"""What is proved by looking twice takes seconds, and entries after it are so much later than the open; time
stops that are as much behind a bar's end still leave at its last price."""


Rows = Mapping[str, NDArray[np.float64]]
"""Symbol → one bar."""
NOTHING_NEW: Mapping[str, Quote] = MappingProxyType({})


def always(moment: datetime) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class SimSettings:
    symbols: tuple[str, ...]
    deposit: Decimal = Decimal(1000)
    mode: Mode = Mode.AUTO
    limits: Limits = field(default_factory=Limits)
    flags: FlagLimits = field(default_factory=FlagLimits)
    decider: Decider = Decider.AI
    strategies: Strategies = NO_STRATEGIES
    scan_every_s: float = 900.0
    guard_every_s: float = 300.0
    account: str = "sim"
    scans_at_open: bool = False
    """Scans come at a bar's open and see its price, as backtests enter; else after a bar, at its close."""
    has_news: Callable[[datetime], bool] = always
    """Whether anybody could say anything at that moment: a scan that is due is left out where not."""
    slippage: Decimal = Decimal("0.0002")
    """The venue's: fraction of the price that a market order pays beyond the book's other side."""


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
            slippage=settings.slippage,
            keep_marks_s=KEEP_MARKS_S,
        )
        rules = Rules(settings.limits, settings.flags, settings.decider, strategies=settings.strategies)
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
        walk = self._bar_from_its_open if self.settings.scans_at_open else self._bar_to_its_close
        for opened_ms in range(-(-to_ms(first) // length) * length, to_ms(last), length):
            rows = {
                symbol: row
                for symbol, table in bars.items()
                if (row := _bar_at(table, opened_ms, length)) is not None
            }
            if rows:
                await walk(rows, from_ms(opened_ms), timedelta(milliseconds=length), each or _nobody)
        if self.settings.scans_at_open:
            await self._end_by_clock(last)

    async def _bar_to_its_close(
        self, rows: Rows, opened: datetime, length: timedelta, each: Callable[[Simulation], None]
    ) -> None:
        paths = {symbol: path_of(row, self._held(symbol)) for symbol, row in rows.items()}
        for part in range(4):
            self.clock.reach(opened + length * part / 3)
            await self._price(paths, part)
            each(self)
        await self._settle_funding()
        await self._scan_when_due()
        await self._hear_advisers()
        each(self)

    async def _bar_from_its_open(
        self, rows: Rows, opened: datetime, length: timedelta, each: Callable[[Simulation], None]
    ) -> None:
        await self._end_by_clock(opened)
        opens = {symbol: self.market.set_price(symbol, float(row[1])) for symbol, row in rows.items()}
        await self._settle_funding(opens)
        await self._price({symbol: path_of(row) for symbol, row in rows.items()}, 0)
        each(self)
        await self._hear_advisers()
        await self._scan_when_due()
        each(self)
        paths = {symbol: path_of(row, self._held(symbol)) for symbol, row in rows.items()}
        for part in range(1, 4):
            self.clock.reach(opened + min(length * part / 3, length - CLOSING))
            await self._price(paths, part)
            each(self)

    async def _end_by_clock(self, opened: datetime) -> None:
        """The next bar is there, its price not yet: what is due by time alone."""
        self.clock.reach(opened)
        if not self.venue.exposed():
            return
        await self._guard()
        hours = self.settings.limits.exits.time_stop_h
        trades = await self.journal.open_trades(self.settings.account) if hours > 0 else ()
        for due in sorted(trade.created_at + timedelta(hours=hours) for trade in trades):
            if opened < due <= opened + SPILL:
                self.clock.reach(due)
                await self._guard()

    def _held(self, symbol: str) -> Side | None:
        held = self.venue.state.holdings.get(symbol)
        return held.side if held is not None else None

    async def _price(self, paths: Mapping[str, Path], part: int) -> None:
        """Every symbol's price goes on to the next of its path; from bar to bar it jumps."""
        executed = False
        for symbol, path in paths.items():
            executed |= await self._move(symbol, path[part - 1] if part else path[0], path[part])
        if executed or self._is_guard_due():
            await self._guard()

    async def _move(self, symbol: str, start: float, end: float) -> bool:
        """Through everything between, and guarded where something happens; True when the venue executed."""
        price, executed = start, False
        while True:
            guarded = self._guarded(symbol)
            way = passage(price, end, [*self.venue.state.triggers(symbol), *guarded])
            price = way[0]
            has_filled = await self.venue.on_quote(self.market.set_price(symbol, price))
            executed |= has_filled
            if len(way) == 1:
                return executed
            if has_filled or price in map(float, guarded):
                await self._guard()

    def _guarded(self, symbol: str) -> tuple[Decimal, ...]:
        """The first price at which the guard closes a position for its liquidation; empty: there is none."""
        held = self.venue.state.holdings.get(symbol)
        nearest = exact(self.settings.limits.exits.nearest_liquidation)
        if held is None or not nearest > 0:
            return ()
        instrument = self.market.known_instrument(symbol)
        return guarded_from(held.side, held.liquidation(instrument), nearest, instrument.tick)

    def _is_guard_due(self) -> bool:
        """While nothing is open, the guard has only cards to look at."""
        if self.settings.mode is Mode.AUTO and not self.venue.exposed():
            return False
        if self.settings.scans_at_open:
            return True
        return self._next_guard is None or self.clock.now() >= self._next_guard

    async def _guard(self) -> None:
        self._next_guard = self.clock.now() + timedelta(seconds=self.settings.guard_every_s)
        await self.kernel.guard.watch()

    async def _scan_when_due(self) -> None:
        now = self.clock.now()
        if self._next_scan is not None and now < self._next_scan:
            return
        self._next_scan = now + timedelta(seconds=self.settings.scan_every_s)
        if not self.settings.has_news(now):
            return
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

    async def _settle_funding(self, quotes: Mapping[str, Quote] = NOTHING_NEW) -> None:
        """What was due since the last bar, before anything new is opened at this moment.

        At the mark of a quote where there is one, else at the last price.
        """
        now = self.clock.now()
        for symbol in self.venue.exposed():
            mark = quotes[symbol].mark if symbol in quotes else None
            for at, rate in self.market.settlements(symbol, self._funded_until or now, now):
                await self.venue.on_funding(symbol, rate, at, mark)
        self._funded_until = now

    def _course(self, rules: Rules) -> Callable[[], Awaitable[Course]]:
        async def course() -> Course:
            return Course(self.settings.symbols, rules, 300.0, "")

        return course


def guarded_from(side: Side, liquidation: Decimal, nearest: Decimal, tick: Decimal) -> tuple[Decimal, ...]:
    """The tick nearest to the entry at which `liquidation_is_near` says so; empty where none does."""
    share = 1 - side.sign * nearest
    if not (liquidation > 0 and share > 0):
        return ()
    level = liquidation / share
    on_tick = floor_to(level, tick) if side is Side.LONG else ceil_to(level, tick)
    return (on_tick - tick * side.sign,) if on_tick == level else (on_tick,)


def _nobody(simulation: Simulation) -> None:
    """Nobody looks on."""


async def inline(work: Callable[[], Features]) -> Features:
    return work()


def _bar_at(table: NDArray[np.float64], opened_ms: int, length_ms: int) -> NDArray[np.float64] | None:
    """The bar that opens then; `table` is gapless."""
    index = (opened_ms - int(table[0, 0])) // length_ms
    return table[index] if 0 <= index < len(table) else None
