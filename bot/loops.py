"""What each long task does in one pass, and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.book import SettingsBook
from bot.desk import TradingDesk
from bot.house import House
from bot.status import StatusBoard
from bot.supervisor import Loop, Supervisor
from bot.watches import EVERY_S as WATCHES_S
from bot.watches import TIMEOUT_S as WATCHES_TIMEOUT_S
from bot.watches import Watches
from core.journal import DeskJournal
from core.ports import Clock
from core.sim.feed import PriceFeed
from core.trade import Order, Position, Trade
from core.trading.kernel import Kernel

EXITS_S, EXITS_PATIENCE = 15.0, 12.0
"""Seconds between two looks for a new 15-minute close; advisers may take several of these to answer."""
SHADOWS_S = 150.0
"""Twice per bar that ideas not taken are followed over."""
FEED_S, HOUSE_S = 1.0, 1.0
"""Seconds between two prices of an exposed symbol on paper, and between two rounds of the house."""
STOPS_S = 0.5
"""Seconds between two short rounds while something is unsettled at the venue; else nothing is asked."""
LIVE_STOPS_S = 2.0
"""Between two looks at the stops of a live account."""
WATCHES_GATE = "watches"
WATCHFUL_S = 5.0
"""Seconds between two rounds of the guard while a position or a card is open."""
LIVE_WATCHFUL_S = 12.0
"""The same, at the least, on a live account: such a round asks for every order of the account, which alone
costs a thirtieth of a minute's request weight. The stops have their own short rounds."""
CROWDED = 0.4
"""From this share of the request budget on, short rounds keep `LIVE_STOPS_S` too: hints and unsettled trades
must not use up what closing needs."""
PROTECTIVE_PAUSE_S = 5.0
"""A failed round of prices or guarding is tried again at least this often."""
REAL_PAUSE_S = 0.25
"""A faster clock does not make these rounds follow closer than this, in real seconds."""
GUARD_TIMEOUT_S, FEED_TIMEOUT_S, SCAN_TIMEOUT_S = 30.0, 20.0, 600.0
"""Real seconds after which a hung pass is given up and begun again."""


Row = tuple[Trade, Position | None, Order | None]


class LateCalls(Protocol):
    """What the passes call of parts that are built after them."""

    async def recovery(self) -> None: ...

    def disk_trouble(self) -> str:
        """Why nothing may be opened for want of space; empty when there is enough."""
        ...


class Passes:
    """One pass of each task; the supervisor repeats them."""

    def __init__(
        self,
        kernel: Kernel,
        desk: TradingDesk,
        board: StatusBoard,
        journal: DeskJournal,
        account: str,
        late: LateCalls,
        hold: Callable[[Sequence[Row]], None] = lambda rows: None,
        clock: Clock | None = None,
        spent: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`hold` is told after every pass what is open. `clock`: of a live account, whose stops are looked
        at every `LIVE_STOPS_S` while anything is open, whether a hint came or not; None on paper. `spent`:
        the share of the request budget that is used."""
        self._kernel = kernel
        self._desk = desk
        self._board = board
        self._journal = journal
        self._account = account
        self._late = late
        self._hold = hold
        self._is_recovered = self._is_hinted = False
        self._clock = clock
        self._spent = spent
        self._looked_at: float | None = None

    def guard_pause_s(self, usual: float) -> float:
        """Shorter while something is unsettled at the venue; live never under `LIVE_WATCHFUL_S`."""
        least_s = 0.0 if self._clock is None else LIVE_WATCHFUL_S
        return max(self._kernel.guard.pause_s(usual), min(usual, least_s))

    def guard_at_most_every_s(self, asked_s: float) -> float:
        """A whole pass costs a live account some 100 of 2,400 a minute; stops are looked at in between."""
        return asked_s if self._clock is None else max(asked_s, WATCHFUL_S)

    @property
    def is_watchful(self) -> bool:
        """Something is open that a minute could change."""
        return bool(self._board.rows) or self._board.open_cards > 0

    async def guard(self) -> None:
        """The first pass is the recovery; it is repeated until it has worked through."""
        if not self._is_recovered:
            await self._late.recovery()
            self._is_recovered = True
        self._board.rows = await self._kernel.guard.watch()
        self._hold(self._board.rows)
        cards = await self._journal.open_approvals(self._account)
        self._board.open_cards = len(cards)
        if self._kernel.executor.has_unrecorded:
            self._kernel.gate.close("journal", "an answer of the venue could not be recorded")
        else:
            self._kernel.gate.open("journal")
        if trouble := self._late.disk_trouble():
            self._kernel.gate.close("disk", trouble)
        else:
            self._kernel.gate.open("disk")

    async def stops(self) -> None:
        """The short pass, in its own task: a bare position does not wait for the rest of a long one."""
        if not self._is_recovered:
            return
        is_wanted = self._is_hinted or self._kernel.executor.is_restless
        if self._is_due or (is_wanted and self._spent() < CROWDED):
            self._is_hinted = False
            await self._kernel.guard.protect()
            self._looked_at = self._clock.monotonic() if self._clock is not None else None

    @property
    def _is_due(self) -> bool:
        """Also while the board shows nothing: an entry may be younger than it, and without one nothing is
        asked of the venue."""
        if self._clock is None:
            return False
        return self._looked_at is None or self._clock.monotonic() - self._looked_at >= LIVE_STOPS_S

    def hint(self) -> None:
        """Something changed at the venue: the next short pass looks, restless or not."""
        self._is_hinted = True

    async def exits(self) -> None:
        """What the advisers say of open positions, at each 15-minute close."""
        if self._is_recovered:
            await self._kernel.exit_opinion.listen()

    async def look_around(self, watches: Watches) -> None:
        """The recovery makes the first round itself."""
        if self._is_recovered:
            await watches.review()
            self._kernel.gate.open(WATCHES_GATE)

    async def shadows(self) -> None:
        """What became of the ideas that were not taken."""
        if self._is_recovered:
            await self._kernel.shadows.collect()
            await self._kernel.shadows.follow()

    async def scan(self) -> None:
        if not self._is_recovered:
            return  # the recovery wakes the scanner when it is through
        await self._desk.scan_now("schedule")


async def pull(feed: PriceFeed, supervisor: Supervisor) -> None:
    """New prices for the paper venue; what it executed is the guard's at once."""
    if await feed.pull():
        supervisor.poke("guard")


def add_loops(
    supervisor: Supervisor,
    passes: Passes,
    house: House,
    book: SettingsBook,
    feed: PriceFeed | None,
    speed: float,
    watches: Watches,
) -> None:
    """In start order: prices and guarding before scanning. `speed`: the clock's seconds per real one."""
    least_s = REAL_PAUSE_S * speed
    _add_protection(supervisor, passes, book, feed, least_s)
    supervisor.add(
        Loop(
            "watches",
            lambda: passes.look_around(watches),
            lambda: max(WATCHES_S, least_s),
            timeout_s=WATCHES_TIMEOUT_S,
        )
    )
    supervisor.add(
        Loop(
            "scanner",
            passes.scan,
            lambda: book.settings.scan_interval_seconds,
            is_critical=False,
            timeout_s=SCAN_TIMEOUT_S,
        )
    )
    supervisor.add(
        Loop(
            "exits",
            passes.exits,
            lambda: max(EXITS_S, least_s),
            is_critical=False,
            timeout_s=SCAN_TIMEOUT_S,
            patience=EXITS_PATIENCE,
        )
    )
    supervisor.add(Loop("shadows", passes.shadows, lambda: max(SHADOWS_S, least_s), is_critical=False))
    supervisor.add(Loop("house", house.tidy, lambda: max(HOUSE_S, least_s)))


def _add_protection(
    supervisor: Supervisor, passes: Passes, book: SettingsBook, feed: PriceFeed | None, least_s: float
) -> None:
    if feed is not None:
        every_s = max(FEED_S, least_s)
        supervisor.add(
            Loop(
                "prices",
                lambda: pull(feed, supervisor),
                lambda: every_s,
                timeout_s=FEED_TIMEOUT_S,
                longest_pause_s=PROTECTIVE_PAUSE_S,
            )
        )

    def guard_every_s() -> float:
        longest = passes.guard_at_most_every_s(float(book.settings.position_check_seconds))
        watchful_s = LIVE_WATCHFUL_S if feed is None else WATCHFUL_S
        usual = min(longest, max(watchful_s, least_s)) if passes.is_watchful else longest
        return passes.guard_pause_s(usual)

    supervisor.add(
        Loop(
            "guard",
            passes.guard,
            guard_every_s,
            timeout_s=GUARD_TIMEOUT_S,
            longest_pause_s=PROTECTIVE_PAUSE_S,
        )
    )
    supervisor.add(
        Loop(
            "stops",
            passes.stops,
            lambda: max(STOPS_S, least_s),
            timeout_s=GUARD_TIMEOUT_S,
            longest_pause_s=PROTECTIVE_PAUSE_S,
        )
    )
