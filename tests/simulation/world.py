"""Everything that outlives a process: time, prices, the venue, the database, the owner's wishes."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import random
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.analysis.flags import FlagLimits
from core.errors import PerpilotError, Unknown
from core.journal import Mode
from core.market import Background, Candles, Quote, Side, bar_open
from core.money import exact, nearest_to
from core.opinion import Abstention, Brief, Decider, Features, Opinion, Silence
from core.risk.limits import BreakerLimits, Limits
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, Ports, build_kernel
from db.journal import SqlJournal
from tests.core.builders import NOW, SOL, D, a_frame, a_quote, an_instrument, an_opinion, some_features
from tests.core.trading.fakes import Crash, FakeMarket
from tests.simulation.disk import Disk, blank_database
from tests.simulation.exchange import Exchange, at_once
from tests.simulation.faults import CALM, Dice, Rates
from tests.simulation.line import Line
from tests.simulation.loop import OWNER, LoopClock, StormLoop

ACCOUNT = "storm"
DEPOSIT = D(1000)
RESTART_S = 2.0
LEAST_LIFE_S = 8.0
"""A process that was started again lives so long: the bound on cover counts one restart, not a row."""
TICK_S = 0.5
"""Between two prices."""
GUARD_S = 2.0
"""Between two rounds of a live guard that is at rest."""
STOPS_S = 0.5
"""Between two short rounds while something is unsettled."""
SKEW_S = 1.0
"""Live entries are denied while the clock is wrong by more."""
EFFECTS = frozenset(
    {
        "venue.submit:sent",
        "venue.submit:after",
        "venue.cancel:sent",
        "venue.cancel:after",
        "venue.prepare:after",
        "db.write:before",
        "db.write:after",
    }
)
"""Between two of these nothing changes outside the process: dying there is dying after the first."""

CALM_LIMITS = Limits(
    cooldown_s=0.0,
    max_consecutive_losses=1000,
    daily_loss=D("0.9"),
    max_drawdown=D("0.95"),
    yellow_drawdown=D("0.90"),
    orange_drawdown=D("0.92"),
    breakers=BreakerLimits(exchange_errors=10**6, rolling_loss=D("0.9"), stale_data_s=1e6),
)
"""Faults and losses alone close no entries: schedules are there to trade."""


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """Where processes die: at the effects of these numbers, or at any point by chance."""

    at_effects: frozenset[int] = frozenset()
    by_chance: bool = True
    most: int = 4


class World:
    """One schedule's world; `process` is the running bot, or None between two."""

    def __init__(self, seed: object, rates: Rates, crashes: CrashPlan, start: datetime = NOW) -> None:
        self.dice = Dice(seed, rates)
        self.loop = StormLoop(random.Random(f"order {seed}"))
        self.clock = LoopClock(self.loop, start)
        self.crashes = crashes
        self.prices: dict[str, Decimal] = {SOL: D(100)}
        self.rules_of = {SOL: an_instrument()}
        self.exchange = Exchange(
            DEPOSIT, self.quote, lambda symbol: self.rules_of[symbol], self.clock.true_now, self.loop.time
        )
        self.database = blank_database()
        self.limits = CALM_LIMITS
        self.mode = Mode.AUTO
        self.side: Side | None = Side.LONG
        """What the advisers say; None holds."""
        self.adviser_temper = "quick"
        self.is_telegram_down = False
        self.delivered: dict[str, int] = {}
        self.process: Process | None = None
        self.effects = 0
        self.effects_in_storm = 0
        """Those before it calmed down: where a schedule may be killed."""
        self.crashed = 0
        self._booted_at = 0.0
        self.bugs: list[str] = []
        self.lines: list[str] | None = None
        self._digest = hashlib.blake2b(digest_size=12)
        self._moves: dict[str, tuple[float, float, float, float]] = {}

    # ------------------------------------------------------------ trace

    def note(self, what: str, words: str = "") -> None:
        line = f"{self.loop.time():9.3f} {what} {words}".rstrip()
        self._digest.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    @property
    def trace_hash(self) -> str:
        return self._digest.hexdigest()

    def bug(self, error: BaseException) -> None:
        """What no schedule may bring about: an error that nobody foresaw."""
        text = "".join(traceback.format_exception(error)[-3:]).strip()
        self.note("bug", f"{type(error).__name__}: {error}")
        self.bugs.append(f"unforeseen error: {text}")

    # ------------------------------------------------------------ prices

    def quote(self, symbol: str) -> Quote:
        price = self.prices[symbol]
        return a_quote(price, symbol=symbol, mark=price, at=self.clock.true_now())

    def move(self, factor: float, seconds: float, symbol: str = SOL) -> None:
        """From here to `factor` of the present price, in so many seconds; 0 is a gap."""
        here, now = float(self.prices[symbol]), self.loop.time()
        self._moves[symbol] = (now, now + seconds, here, here * factor)
        self.note("price", f"{symbol} to {here * factor:.2f} in {seconds:.1f} s")
        if seconds == 0:
            self._tick(symbol)

    async def trade_prices(self) -> None:
        while True:
            for symbol in list(self.prices):
                self._tick(symbol)
            await asyncio.sleep(TICK_S)

    def _tick(self, symbol: str) -> None:
        now, price = self.loop.time(), float(self.prices[symbol])
        since, until, low, high = self._moves.get(symbol, (0.0, 0.0, price, price))
        way = min((now - since) / (until - since), 1.0) if until > since else 1.0
        price = low + (high - low) * way
        if now >= until:
            self._moves.pop(symbol, None)
        tick = self.rules_of[symbol].tick
        self.prices[symbol] = max(nearest_to(exact(price), tick), tick)
        if at_once(self.exchange.on_quote(self.quote(symbol))):
            self.note("venue", f"executed at {self.prices[symbol]}")

    # ------------------------------------------------------------ processes

    def boot(self) -> Process:
        self.process = Process(self)
        self._booted_at = self.loop.time() if self.crashed else -LEAST_LIFE_S
        self.note("boot")
        self.process.start()
        return self.process

    def kill(self, why: str) -> None:
        """The process is gone at once; another one starts soon."""
        process = self.process
        if process is None or process.is_dead:
            return
        self.crashed += 1
        self.dice.counts["crash"] += why != "chance"
        self.note("crash", why)
        process.die()
        self.process = None
        self.later(RESTART_S, lambda: _ignored(self.boot()))

    def point(self, process: Process, name: str, words: str) -> None:
        """Every IO and commit point passes here; raises `Crash` where the process dies."""
        if process.is_dead:
            raise Crash(name)
        self.note(name, words)
        is_effect = name in EFFECTS
        self.effects += is_effect
        if is_effect and self.effects in self.crashes.at_effects:
            self.kill(f"effect {self.effects}")
            raise Crash(name)
        if self._may_crash() and self.dice.strikes("crash"):
            self.kill("chance")
            raise Crash(name)

    def _may_crash(self) -> bool:
        has_lived = self.loop.time() - self._booted_at >= LEAST_LIFE_S
        return self.crashes.by_chance and self.crashed < self.crashes.most and has_lived

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Happens whatever becomes of the process that asked."""
        self.loop.call_later(seconds, what, context=self._own)

    async def alive(self) -> Process:
        while self.process is None or not self.process.is_ready:
            await asyncio.sleep(0.2)
        return self.process

    async def ask(self, wish: Callable[[Kernel], Awaitable[Any]], name: str) -> Any:
        """The owner, or a schedule, asks the running process; None when it died or could not."""
        process = await self.alive()
        self.note("ask", name)
        task = process.spawn(process.answer(wish))
        await asyncio.wait([task])
        return None if task.cancelled() or task.exception() is not None else task.result()

    # ------------------------------------------------------------ a schedule's frame

    def play(self, story: Callable[[World], Awaitable[None]]) -> None:
        self._own = copy_context()
        self.loop.play(self._live(story))

    async def _live(self, story: Callable[[World], Awaitable[None]]) -> None:
        journal = SqlJournal(self.database, self.clock.now)
        await journal.open_account(ACCOUNT, True, DEPOSIT, self.mode, self.clock.now())
        prices = asyncio.ensure_future(self.trade_prices())
        self.boot()
        try:
            await story(self)
        finally:
            self.crashes = CrashPlan(by_chance=False)
            prices.cancel()
            if self.process is not None:
                self.process.die()
            await asyncio.sleep(10)  # what is on its way arrives

    def calm_down(self) -> None:
        """Faults off; what was begun still ends."""
        self.dice.rates = CALM
        self.crashes = CrashPlan(by_chance=False)
        self.effects_in_storm = self.effects
        self.clock.wrong_by_s = 0.0
        self.is_telegram_down = False
        self.adviser_temper = "quick"
        self.note("calm")


class Process:
    """One incarnation of the bot: kernel and loops over ports that die with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_dead = False
        self.is_ready = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._context = copy_context()
        self._context.run(OWNER.set, self.tasks)
        dice, clock = world.dice, world.clock
        line = Line(world.exchange, dice, self._point, world.later, clock.true_now)
        self.journal = SqlJournal(Disk(world.database, dice, self._point), clock.now)
        feed = Feed(world, self._point)
        ports = Ports(
            feed, feed, line, Panel(world, self._point), self.journal, clock, self._compute, ACCOUNT
        )
        self.kernel = build_kernel(ports, self._rules, self._course)

    def _point(self, name: str, words: str) -> None:
        self.world.point(self, name, words)

    def _rules(self) -> Rules:
        return Rules(self.world.limits, FlagLimits(), Decider.AI)

    async def _course(self) -> Course:
        return Course((SOL,), self._rules(), 300.0, "")

    async def _compute(self, work: Callable[[], Features]) -> Features:
        symbol = inspect.getclosurevars(work).nonlocals["symbol"]
        return features_at(symbol, self.world)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._context.run(self.world.loop.create_task, work)

    def start(self) -> None:
        for loop in (self._guard(), self._stops(), self._exits(), self._tell()):
            self.spawn(loop)

    def die(self) -> None:
        self.is_dead = True
        for task in list(self.tasks):
            task.cancel()

    async def answer(self, wish: Callable[[Kernel], Awaitable[Any]]) -> Any:
        """Raises nothing but `Crash`: what the bot says it could not do is an answer too."""
        try:
            return await wish(self.kernel)
        except PerpilotError as error:
            self.world.note("failed", str(error)[:80])
        except Exception as error:
            self.world.bug(error)
        return None

    # ------------------------------------------------------------ the loops of the bot

    async def _guard(self) -> None:
        """As `bot.loops.Passes.guard`: the first pass is the recovery."""
        guard, gate = self.kernel.guard, self.kernel.gate
        while True:
            pause = 1.0
            try:
                if not self.is_ready:
                    await self.kernel.approvals.recover()
                await guard.watch()
                gate.open("start")
                self.is_ready = True
                switch = gate.close if self.kernel.executor.has_unrecorded else _open(gate)
                switch("journal", "an answer of the venue could not be recorded")
                is_skewed = abs(self.world.clock.wrong_by_s) > SKEW_S
                (gate.close if is_skewed else _open(gate))("clock", "the clock is wrong")
                pause = guard.pause_s(GUARD_S)
            except PerpilotError as error:
                self.world.note("guard failed", str(error)[:80])
            except Exception as error:
                self.world.bug(error)
            await asyncio.sleep(pause)

    async def _stops(self) -> None:
        """The short pass, in its own task: at start at once, then while something is unsettled."""
        is_due = True
        while True:
            if is_due:
                try:
                    await self.kernel.guard.protect()
                except PerpilotError as error:
                    self.world.note("stops failed", str(error)[:80])
                except Exception as error:
                    self.world.bug(error)
            await asyncio.sleep(STOPS_S)
            is_due = self.kernel.executor.is_restless or not self.is_ready

    async def _exits(self) -> None:
        while True:
            await asyncio.sleep(5.0)
            if self.is_ready:
                await self.answer(lambda kernel: kernel.exit_opinion.listen())

    async def _tell(self) -> None:
        """The outbox in short: begun, sent, ended; a Telegram that is down costs nobody else anything."""
        while True:
            await asyncio.sleep(4.0)
            await self.answer(self._tell_due)

    async def _tell_due(self, _: Kernel) -> None:
        now = self.world.clock.now
        for row in await self.journal.due_notices(ACCOUNT, 30):
            if self.world.is_telegram_down:
                return
            await self.journal.begin_notice(row.id, now())
            await asyncio.sleep(0.05)
            self._point("telegram.sent", row.notice.kind.value)
            count = self.world.delivered.get(row.notice.key, 0)
            self.world.delivered[row.notice.key] = count + (not row.was_begun)
            await self.journal.end_notice(row.id, row.id, now())


class Feed(FakeMarket):
    """The world's prices over a line that loses answers."""

    def __init__(self, world: World, point: Callable[[str, str], None]) -> None:
        super().__init__(world.clock)  # type: ignore[arg-type]
        self._world = world
        self._point = point
        self.instruments = world.rules_of

    async def quote(self, symbol: str) -> Quote:
        await self._read("quote")
        return self._world.quote(symbol) if symbol in self._world.prices else a_quote(symbol=symbol)

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        await self._read("candles")
        return await super().candles(symbol, timeframe, until, limit)

    async def background(self, symbol: str) -> Background:
        await self._read("background")
        return await super().background(symbol)

    async def _read(self, name: str) -> None:
        self._point(f"market.{name}", "")
        if self._world.dice.strikes("read_lost"):
            await asyncio.sleep(1.0)
            raise Unknown(f"{name} is not answered")
        await asyncio.sleep(0.01)


class Panel:
    """Two advisers of one mind; `adviser_temper` says how they behave."""

    names = ("claude", "gpt")

    def __init__(self, world: World, point: Callable[[str, str], None]) -> None:
        self._world = world
        self._point = point

    async def ask(
        self, brief: Brief, heard: Any = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        self._point("advisers.ask", brief.symbol)
        temper, side = self._world.adviser_temper, self._world.side
        await asyncio.sleep(self._world.dice.between(5.0, 25.0) if temper == "late" else 0.3)
        if temper == "silent":
            silent = tuple(Abstention(name, next(iter(Silence)), "no answer") for name in self.names)
            return (), silent
        names = self.names[:1] if temper == "broken" else self.names
        abstained = tuple(Abstention(n, next(iter(Silence)), "nonsense") for n in self.names[len(names) :])
        return tuple(an_opinion(name, side, confidence=0.85) for name in names), abstained


def features_at(symbol: str, world: World) -> Features:
    """A tidy trend to the advisers' side at the present price."""
    side = world.side or Side.LONG
    scale = float(world.prices[symbol]) / 100.0
    plain = some_features(side, symbol=symbol)
    frames = {name: _scaled(name, side, scale) for name in plain.frames}
    return replace(
        plain,
        bar_closed_at=bar_open(world.clock.now(), "15m"),
        frames=frames,
        support=(plain.support or 0) * scale,
        resistance=(plain.resistance or 0) * scale,
    )


def _scaled(name: str, side: Side, scale: float) -> Any:
    frame = a_frame(name, side)
    prices = ("close", "bollinger_low", "bollinger_mid", "bollinger_high", "ema_fast", "ema_slow", "sma_long")
    scaled = {each: getattr(frame, each) * scale for each in (*prices, "atr", "swing_low", "swing_high")}
    return replace(frame, **scaled)


def _open(gate: Any) -> Callable[[str, str], None]:
    return lambda name, reason: gate.open(name)


def _ignored(_: object) -> None:
    """Called for what it does."""
