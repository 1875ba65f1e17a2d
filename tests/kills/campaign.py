"""A series of kills in one world: something is under way, the program is killed at a chosen request, started
again with the same database, watched until it has recovered, and judged.

Laws:
- The seed chooses what is under way and where the kill falls; which request comes first is the program's.
- A kill whose trap no request met falls at a random time, and is counted as such.
- Recovery is counted from the start of the process, imports included, until it says that it runs, nothing
  is bare and no order's fate is open; a bare position is counted from its first moment.
  What a busy machine adds is known and told apart: the time in which the program was ready to run and had no
  processor. Limits hold without it; both figures are kept. The stand-ins are slower then, too: limits are
  stretched by how much longer than `USUAL_START_S` the world's first start took, and by nothing else.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random

from tests.kills.exchange import Arrival, Trap, uncovered
from tests.kills.flows import Flow, chosen, set_going, trap_for
from tests.kills.judge import unrecovered, unsettled, when_flat, wrong
from tests.kills.stage import DEPOSIT, Stage, stage

RECOVERY_S, BARE_S = 15.0, 15.0
EXIT_S = 8.0
SHIELD_S = 5.0
USUAL_START_S = 4.0
"""The first start on two idle cores, with another world's beside it, takes no longer."""
GIVE_UP_S = 60.0
"""Longest wait for a recovery or for rest; what takes longer is wrong anyway."""
LEFT_ALREADY_S = 0.4
"""An entry that arrives this soon after a signal was on its way before it."""
PATIENCE_S = 7.0
"""A trap that no request met by then is replaced by a kill at once."""
SECOND_SIGNAL_S = 0.3
LAST_WORDS = 600
"""Characters that are shown of a program that ended by itself."""


class Sign(Enum):
    KILL = "SIGKILL"
    TERM = "SIGTERM"


@dataclass(slots=True)
class Killed:
    """One kill and what became of it; seconds, None where it does not apply."""

    number: int
    sign: Sign
    flow: Flow
    where: str
    is_aimed: bool = False
    recovery_s: float = 0.0
    rest_s: float = 0.0
    bare_s: float = 0.0
    """The longest span without cover that ended between the kill and rest."""
    waited_s: float = 0.0
    """Of recovery and bare time: ready to run, without a processor."""
    exit_s: float | None = None
    first_span: int = 0
    """Of the exchange's spans without cover, the first that this kill may have caused."""
    weight: int = 0
    """Of the requests from the start to rest."""
    violations: list[str] = field(default_factory=list)

    @property
    def own_recovery_s(self) -> float:
        return max(self.recovery_s - self.waited_s, 0.0)

    @property
    def own_bare_s(self) -> float:
        return max(self.bare_s - self.waited_s, 0.0)

    def words(self) -> str:
        times = [("exit", self.exit_s or 0.0), ("recovery", self.recovery_s), ("bare", self.bare_s)]
        times += [("of that waiting for a processor", self.waited_s), ("at rest", self.rest_s)]
        said = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times if seconds)
        found = "; ".join(self.violations) or "right"
        aim = "" if self.is_aimed or self.flow is Flow.START else " (not met)"
        where = f"{self.flow.value}, {self.where}{aim}"
        return f"{self.number:3d} {self.sign.value} during {where}: {said}, weight {self.weight}: {found}"


@dataclass(slots=True)
class Series:
    """All kills of one world."""

    seed: int
    home: Path
    kills: list[Killed] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """Of the end, and of the series as a whole."""
    first_start_s: float = 0.0
    entries: int = 0
    booked: int = 0

    @property
    def slowness(self) -> float:
        """By which limits are stretched; 1 on a machine that is not busy."""
        return max(1.0, self.first_start_s / USUAL_START_S)

    def all_violations(self) -> list[str]:
        found = [f"kill {row.number}: {text}" for row in self.kills for text in row.violations]
        return found + self.violations


class Died(Exception):
    """The program ended by itself: nothing more can be played in this world."""


class Campaign:
    def __init__(
        self, stage: Stage, series: Series, told: Callable[[Killed], None] = lambda row: None
    ) -> None:
        self._stage = stage
        self._series = series
        self._told = told
        self._dice = stage.dice

    async def begin(self) -> None:
        began = time.monotonic()
        await self._stage.bot.start()
        self._series.first_start_s = time.monotonic() - began
        await self._stage.arm()

    async def once(self, sign: Sign) -> None:
        flow = chosen(self._stage, may_be_start=sign is Sign.KILL)
        row = Killed(len(self._series.kills), sign, flow, "")
        row.first_span = len(self._stage.exchange.bare)
        self._series.kills.append(row)
        if sign is Sign.KILL:
            await self._killed(row)
        else:
            await self._terminated(row)
        await self._recovered(row)
        self._told(row)

    async def end(self) -> None:
        """Everything closed: nothing may be left, nothing may be lost."""
        world, series = self._stage, self._series
        deadline = time.monotonic() + GIVE_UP_S
        await world.pause(True)
        while True:
            for coin in world.held():
                world.close_by_hand(coin)
            if not (found := when_flat(world.books(), DEPOSIT)) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
        series.violations += found
        spans = [*world.exchange.bare, *world.exchange.still_bare()]
        series.bare_s = [span.seconds for span in spans]
        books = world.books()
        series.booked = len(books.history)
        series.entries = sum(row["purpose"] == "entry" for row in books.intents.values())

    # ------------------------------------------------------------ the kill

    async def _killed(self, row: Killed) -> None:
        world = self._stage
        if row.flow is Flow.START:
            world.kill()
            await world.bot.end()
            await world.launch()
            pause = self._dice.uniform(0.2, 4.0)
            row.where = f"{pause:.2f} s after it"
            await asyncio.sleep(pause)
            world.kill()
        else:
            trap = trap_for(row.flow, self._dice, world.kill)
            row.where = trap.words()
            row.is_aimed = await self._caught(trap, row.flow)
            world.kill()
        await world.bot.end()

    async def _terminated(self, row: Killed) -> None:
        """Told to stop, once or twice; what it leaves behind is looked at before it is started again."""
        world, at = self._stage, Told()

        def spring() -> None:
            if at.wall is None and world.bot.is_running:
                at.now(set(world.covered()))
                world.bot.send(signal.SIGTERM)

        trap = trap_for(row.flow, self._dice, spring)
        trap.late_s, trap.slow_s = self._dice.uniform(0.0, 2.0), self._dice.choice((0.0, 0.5, 2.0))
        row.where = trap.words()
        row.is_aimed = await self._caught(trap, row.flow)
        spring()
        if at.wall is None:
            raise Died(f"it ended by itself: {world.bot.output[-LAST_WORDS:]}")
        if self._dice.random() < 0.5:
            row.where += ", told twice"
            await asyncio.sleep(SECOND_SIGNAL_S)
            with suppress(ProcessLookupError, AssertionError):
                world.bot.send(signal.SIGTERM)
        ended = await world.bot.end(GIVE_UP_S)
        row.exit_s = time.monotonic() - at.monotonic
        if ended.code != 0:
            row.violations.append(f"it ended with code {ended.code}")
        if row.exit_s > EXIT_S:
            row.violations.append(f"it ended after {row.exit_s:.1f} s")
        if "Traceback" in ended.output:
            row.violations.append("its end shows a traceback")
        row.violations += self._left_behind(at)

    def _left_behind(self, at: Told) -> list[str]:
        """What an orderly end must not leave, read while nobody runs."""
        world, books, ended = self._stage, self._stage.books(), time.time()
        assert at.wall is not None
        lost = [symbol for symbol in uncovered(world.exchange.account) if symbol in at.covered]
        found = [f"I2 {symbol}: had a stop when it was told to end, and has none now" for symbol in lost]
        for arrival in world.exchange.arrivals:
            late_s = arrival.at - at.wall
            if arrival.opens and late_s > LEFT_ALREADY_S:
                found.append(f"{arrival.client_id}: an entry {late_s:.1f} s after it was told to end")
            intent = books.intents.get(arrival.client_id)
            is_open = intent is not None and intent["state"] == "sent" and arrival.method == "POST"
            if is_open and _is_heard(arrival, at.wall, ended):
                found.append(f"{arrival.client_id}: its answer was heard and not recorded")
        return found

    async def _caught(self, trap: Trap, flow: Flow) -> bool:
        """Sets something going and waits for the trap; False when no request met it."""
        world = self._stage
        world.exchange.trap = trap
        going = asyncio.create_task(set_going(world, flow))
        try:
            return await world.until(lambda: trap.is_sprung, PATIENCE_S)
        finally:
            world.exchange.trap = None
            going.cancel()
            with suppress(asyncio.CancelledError, TimeoutError, KeyError):
                await going

    # ------------------------------------------------------------ afterwards

    async def _recovered(self, row: Killed) -> None:
        world = self._stage
        await world.launch()
        spans = row.first_span
        began = world.bot.started_at

        def since() -> float:
            return time.monotonic() - began

        await self._until(lambda: world.is_up and not unrecovered(world.books()))
        row.recovery_s, row.waited_s = since(), world.waited_s()
        if row.recovery_s > GIVE_UP_S:
            row.violations += unrecovered(world.books())
        if row.own_recovery_s > RECOVERY_S * self._series.slowness:
            row.violations.append(f"recovered after {row.own_recovery_s:.1f} s")
        if not await self._until(lambda: world.is_up and not unsettled(world.books())):
            row.violations += [f"never at rest: {text}" for text in unsettled(world.books())] or ["never up"]
        row.rest_s = since()
        row.weight = world.exchange.meter.weigh(0).used
        row.bare_s = max((each.seconds for each in world.exchange.bare[spans:]), default=0.0)
        if row.own_bare_s > BARE_S * self._series.slowness:
            row.violations.append(f"I2 without cover for {row.own_bare_s:.1f} s")
        row.violations += wrong(world.books())
        await world.allow_entries()

    async def _until(self, look: Callable[[], bool]) -> bool:
        """Raises `Died`."""
        world = self._stage
        came = await world.until(lambda: not world.bot.is_running or look(), GIVE_UP_S)
        if not world.bot.is_running:
            raise Died(f"it ended by itself: {world.bot.output[-LAST_WORDS:]}")
        return came


@dataclass(slots=True)
class Told:
    """When the program was told to end, and what was covered then."""

    wall: float | None = None
    monotonic: float = 0.0
    covered: set[str] = field(default_factory=set)

    def now(self, covered: set[str]) -> None:
        self.wall, self.monotonic, self.covered = time.time(), time.monotonic(), covered


def _is_heard(arrival: Arrival, told_at: float, ended_at: float) -> bool:
    """Answered while the program still had to listen; half a second of its end is left out."""
    answered = arrival.answered_at
    return (
        answered is not None
        and answered > told_at - 1.0
        and answered < min(told_at + SHIELD_S, ended_at) - 0.5
    )


async def play(
    home: Path, seed: int, signs: list[Sign], told: Callable[[Killed], None] = lambda row: None
) -> Series:
    """A world of its own from this seed; the folder keeps logs and database."""
    series = Series(seed, home)
    async with stage(home, seed) as opened:
        campaign = Campaign(opened, series, told)
        try:
            await campaign.begin()
            for sign in signs:
                await campaign.once(sign)
            await campaign.end()
        except Died as death:
            series.violations.append(str(death))
    return series


def mixed(kills: int, terms: int, seed: int) -> list[Sign]:
    """So many of each, in an order that the seed makes."""
    signs = [Sign.KILL] * kills + [Sign.TERM] * terms
    Random(seed).shuffle(signs)
    return signs
