"""The real kernel over a real exchange adapter, over real sockets, before a stand-in exchange.

Only the advisers and the features they would see are scripted. Journal, executor, guard, adapter, budget and
the two HTTP sides are those of the running bot; the loops are `bot.loops`' two, without a desk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.clock import ScaledClock
from core.adapters.exchange.accounts import mend
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.calls import Calls
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.venue import CcxtVenue
from core.adapters.exchange.wire import Deadlines
from core.analysis.flags import FlagLimits
from core.errors import PerpilotError
from core.journal import Mode
from core.market import Side, to_ms
from core.opinion import Abstention, Brief, Decider, Features, Opinion
from core.ports import Venue
from core.trade import ClosedTrade, ExitReason, Trade
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, Ports, build_kernel
from db.journal import SqlJournal
from db.session import Database, InlineDatabase
from tests.core.builders import an_opinion
from tests.live.faces import KEY, SECRET, Exchange, Face
from tests.live.records import Records
from tests.simulation.world import CALM_LIMITS, features_at

D = Decimal
ACCOUNT = "live:stand-in"
DEPOSIT = D(10_000)
SOL, SOLUSDT = "SOL/USDT:USDT", "SOLUSDT"
FAR_FROM_FUNDING = datetime(2026, 3, 3, 14, 1, 1, tzinfo=UTC)
SPEED = 2.0
"""The stage's seconds per real one: what waits for a receive window waits for half of it."""
QUICK = Deadlines(entry_s=0.5, protecting_s=0.3)
GUARD_S, STOPS_S = 5.0, 0.5
"""As `bot.loops` while a position is open."""
MOST_SKEW_S = 1.0
"""Entries are denied while the clock is wrong by more."""
PATIENCE_S = 20.0
"""Real seconds that a condition is waited for: many times what it takes on a busy machine."""


class Panel:
    """Two advisers of one mind."""

    names = ("claude", "gpt")

    async def ask(
        self, brief: Brief, heard: Any = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        return tuple(an_opinion(name, Side.LONG, confidence=0.85) for name in self.names), ()


@dataclass
class Bot:
    """The running bot and the venue it stands before; times are the stage's."""

    face: Face
    clock: ScaledClock
    exchange: Exchange
    """None where it runs in a process of its own; then there are no `records` either."""
    client: Any
    venue: CcxtVenue
    budget: WeightBudget
    market: CcxtMarket
    journal: SqlJournal
    records: Records = field(init=False)
    kernel: Kernel = field(init=False)
    is_watching: bool = True
    """The guard's long pass runs; without it nothing looks at a trade that is at rest."""
    rounds: int = 0
    """Long passes that are through."""
    failed: list[str] = field(default_factory=list)
    """What no loop of the bot foresaw."""

    def mark(self) -> Decimal:
        return self.exchange.market.mark_price(SOLUSDT, to_ms(self.clock.now()))

    def gap_to(self, share: str) -> None:
        """The price jumps to this share of the mark; the exchange's own tick meets it."""
        self.exchange.set_price(SOLUSDT, round(self.mark() * D(share), 2))

    # ------------------------------------------------------------ what the bot does

    async def scan(self) -> None:
        """One scan in the mode `auto`: an entry, where nothing forbids it."""
        await self.kernel.engine.scan()

    async def enter(self) -> Trade:
        """A scan, until its position is held and our stop for it rests alone; the trade."""
        await self.scan()
        await self.until(self.records.is_at_rest)
        (trade,) = await self.trades()
        return trade

    async def leave(self) -> None:
        """The owner closes everything, until it is booked."""
        trades = await self.trades()
        await self.kernel.guard.close(trades, ExitReason.OWNER, D(1), "the owner")
        await self.until_over()

    async def until_over(self) -> None:
        """No trade is open in the journal."""

        async def is_over() -> bool:
            return not await self.trades()

        await self.until_so(is_over)

    async def trades(self) -> tuple[Trade, ...]:
        """Those that are open in the journal."""
        return await self.journal.open_trades(ACCOUNT)

    async def is_open(self, trade: Trade) -> bool:
        return trade.id in {row.id for row in await self.trades()}

    async def booked(self) -> tuple[ClosedTrade, ...]:
        return await self.journal.closed_trades(ACCOUNT)

    async def told(self) -> dict[str, str]:
        """Every notice of the outbox: key → kind and facts, as one text."""
        rows = await self.journal.due_notices(ACCOUNT, 200)
        return {row.notice.key: f"{row.notice.kind.value} {dict(row.notice.facts)}" for row in rows}

    async def hears(self, *words: str) -> bool:
        """One notice of the outbox has all of them."""
        return any(all(word in text for word in words) for text in (await self.told()).values())

    # ------------------------------------------------------------ waiting

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Raises TimeoutError."""

        async def asked() -> bool:
            return is_so()

        await self.until_so(asked)

    async def until_so(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await is_so():
                await asyncio.sleep(0.01)

    # ------------------------------------------------------------ the loops

    async def protect(self) -> None:
        """The short pass."""
        await self._pass(self.kernel.guard.protect)

    async def _pass(self, work: Callable[[], Awaitable[object]]) -> None:
        with suppress(PerpilotError):
            await work()

    async def guard_loop(self) -> None:
        """The first pass is the recovery; the gates are those of `bot.loops` and of the clock."""
        gate, kernel = self.kernel.gate, self.kernel
        await self.kernel.approvals.recover()
        while True:
            if self.is_watching:
                await self._pass(kernel.guard.watch)
                gate.open("start")
            await self._pass(self._judge_clock)
            self.rounds += 1
            await self.clock.sleep(kernel.guard.pause_s(GUARD_S))

    async def _judge_clock(self) -> None:
        offset_s = await self.venue.measure_clock()
        if abs(offset_s) > MOST_SKEW_S:
            self.kernel.gate.close("clock", f"the clock is {offset_s:+.1f} s off the exchange's")
        else:
            self.kernel.gate.open("clock")

    async def stops_loop(self) -> None:
        while True:
            await self.clock.sleep(STOPS_S)
            if self.kernel.executor.is_restless:
                await self.protect()

    async def supervised(self, loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await loop()
        except Exception as error:
            self.failed.append(f"{type(error).__name__}: {error}")
            raise


@asynccontextmanager
async def on_stage(
    face: Face,
    *,
    speed: float = SPEED,
    deadlines: Deadlines = QUICK,
    database: Database | None = None,
    wrapped: Callable[[Venue], Venue] = lambda venue: venue,
    limits: Any = CALM_LIMITS,
) -> AsyncIterator[Bot]:
    """A bot that has recovered, before an exchange where it holds nothing."""
    clock = ScaledClock(FAR_FROM_FUNDING, speed, origin_monotonic=time.monotonic())
    prices = SeededMarket(lambda: to_ms(clock.now()), 3, instruments=LISTED[:4], scenario={}, history_days=2)
    exchange = face.build(prices, DEPOSIT)
    await exchange.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(exchange.stop)
        access = Access(face.exchange_id, url=exchange.url, api_key=KEY, secret=SECRET)
        bot = await before(face, access, exchange, clock, stack, deadlines, database or InlineDatabase())
        await mend(bot.venue)
        compose(bot, wrapped, limits)
        await running(bot, stack)
        yield bot
    assert bot.failed == []


async def before(
    face: Face,
    access: Access,
    exchange: Exchange,
    clock: ScaledClock,
    stack: AsyncExitStack,
    deadlines: Deadlines,
    database: Database,
) -> Bot:
    """Every part that is not the kernel; each is closed by `stack`."""
    budget = WeightBudget(clock)
    client = await open_client(access)
    stack.push_async_callback(close_client, client)
    venue = CcxtVenue(client, Calls(client, budget, clock), budget, clock, deadlines=deadlines)
    market = CcxtMarket(
        face.exchange_id, clock=clock, url=access.url, budget=budget, quote_max_age_s=30 * clock.speed
    )
    stack.push_async_callback(market.close)
    await market.open()
    stack.push_async_callback(database.close)
    journal = SqlJournal(database, clock.now)
    await journal.open_account(ACCOUNT, False, DEPOSIT, Mode.AUTO, clock.now())
    bot = Bot(face, clock, exchange, client, venue, budget, market, journal)
    if exchange is not None:
        bot.records = Records(exchange, SOLUSDT)
    return bot


def compose(bot: Bot, wrapped: Callable[[Venue], Venue], limits: Any) -> None:
    rules = Rules(limits, FlagLimits(), Decider.AI)

    async def course() -> Course:
        return Course((SOL,), rules, 300.0, "")

    async def compute(work: Callable[[], Features]) -> Features:
        prices = {SOL: (await bot.market.quote(SOL)).mark}
        return features_at(SOL, SimpleNamespace(side=Side.LONG, prices=prices, clock=bot.clock))  # type: ignore[arg-type]

    guarding = wrapped(bot.venue.guarding())
    ports = Ports(
        bot.market, bot.market.guarding(), guarding, Panel(), bot.journal, bot.clock, compute, ACCOUNT
    )
    bot.kernel = build_kernel(ports, lambda: rules, course)


async def running(bot: Bot, stack: AsyncExitStack) -> None:
    """The loops, once the first pass of the guard is through."""
    for loop in (bot.guard_loop, bot.stops_loop):
        task = asyncio.create_task(bot.supervised(loop))
        stack.push_async_callback(_ended, task)
    await bot.until(lambda: not bot.kernel.gate.text)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
