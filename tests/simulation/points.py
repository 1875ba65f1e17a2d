"""One flow, killed at one point: every IO and commit the undisturbed run passes is counted and dies once.

Laws:
- A killed run is the undisturbed one up to its point: the same seed, the same order, nothing else goes wrong
  but the one fault of the venue that was asked for.
- Recovery is one pass: of the process that starts again, `approvals.recover` and the first `guard.watch`,
  with the first `guard.protect` beside it. The moment that is through, journal and venue agree. More time is
  given only where the venue has not seen a recorded order, no longer than the receive window with its
  margin, and never to a position without its stop.
- Judged by tables and the venue's record alone; afterwards everything is closed and the money counted.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from core.trading.steps import Rules
from tests.core.trading.fakes import Crash
from tests.simulation import checker, points_checker
from tests.simulation.faults import CALM, Dice
from tests.simulation.line import DEADLINE_S, WINDOW_S
from tests.simulation.points_bot import Bot
from tests.simulation.points_stories import STORIES, Story, close_all
from tests.simulation.schedule import _quietly
from tests.simulation.world import DEPOSIT, RESTART_S, CrashPlan, Process, World

SEED = "points"
"""One for all flows: they begin alike, so what one passed as another did need be killed only once."""
LONGEST_PASS_S = 15.0
"""From the start of a process to the end of its first pass; a recovery may take so long."""
WINDOW_OVER_S = Rules.__dataclass_fields__["dead_after_s"].default + 10.0
"""From the kill until an order that never arrived is proved dead, by agreeing looks of the next process."""
LOOK_S = 0.1
FAULTS = ("request_lost", "reply_lost", "late_accept")
"""What one request may meet while the process dies."""
REQUESTS = ("venue.submit:before", "venue.cancel:before")
ENDS = ("sent", "after")
"""A request that meets a fault kills when it has left, or when its answer has come or was given up."""


@dataclass(frozen=True, slots=True)
class Kill:
    """At the point of this number; with a `fault` that is a request's first, and it dies at its `end`."""

    flow: str
    point: int = 0
    """0: nowhere."""
    fault: str = ""
    end: str = ""

    @property
    def words(self) -> str:
        return ":".join(filter(None, (str(self.point), self.fault, self.end)))


def kill_of(flow: str, words: str) -> Kill:
    """`57`, or `57:late_accept:sent`. Raises `ValueError` for what is no kill."""
    point, _, rest = words.partition(":")
    fault, _, end = rest.partition(":")
    if flow not in STORIES or (rest and (fault not in FAULTS or end not in ENDS)):
        raise ValueError(f"{flow} {words} is no kill: {', '.join(STORIES)}; N or N:FAULT:END")
    return Kill(flow, int(point), fault, end)


@dataclass(frozen=True, slots=True)
class Ended:
    kill: Kill
    died_at: str
    """The point's name; empty when nothing was killed."""
    violations: tuple[str, ...]
    passed: tuple[str, ...]
    """Every point until the story was told: when, its name, and what for."""
    recovered_s: float
    """From the start again to the end of the first pass."""
    waited_s: float
    """For the receive window; 0 where journal and venue agreed after the pass."""
    lines: tuple[str, ...] = ()


class Loaded(random.Random):
    """Chance, but for what comes first."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.first: list[float] = []

    def random(self) -> float:
        return self.first.pop(0) if self.first else super().random()


class Script(Dice):
    """Dice that strike only when they are armed, and then fall as the worst case wants it."""

    FALLS = MappingProxyType({"partial": [0.6, 0.0, 0.5, 0.15], "late_accept": [0.99]})
    """Six tenths filled, the rest stays open, after half of a usual flight, and follows soon; as late as a
    request can be."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed, CALM)
        self.random: Loaded = Loaded(seed)
        self.armed: set[str] = set()

    def strikes(self, name: str) -> bool:
        if name not in self.armed:
            return False
        self.armed.discard(name)
        self.counts[name] += 1
        self.random.first = [*self.FALLS.get(name, ())]
        return True


class PointWorld(World):
    """Counts every point and dies at one."""

    def __init__(self, seed: str, kill: Kill) -> None:
        super().__init__(seed, CALM, CrashPlan(by_chance=False))
        self.dice: Script = Script(seed)
        self.fatal = kill
        self.passed: list[str] = []
        """When, which point, and what for."""
        self.is_told = False
        self.died = asyncio.Event()
        self.died_at = ""
        self.died_at_s = 0.0
        self._awaited = ""
        """The name of the point where a faulty request kills."""

    def boot(self) -> Process:
        self.process = Bot(self)
        self.note("boot")
        self.process.start()
        return self.process

    def point(self, process: Process, name: str, words: str) -> None:
        super().point(process, name, words)
        if self.is_told or self.died_at:
            return
        self.passed.append(f"{self.loop.time():.3f} {name} {words}")
        if self._is_fatal(name):
            self.died_at, self.died_at_s = name, self.loop.time()
            self.kill(f"point {len(self.passed)}, {name}")
            self.died.set()
            raise Crash(name)

    def _is_fatal(self, name: str) -> bool:
        is_there = len(self.passed) == self.fatal.point
        if not self.fatal.fault:
            return is_there
        if is_there:
            self.dice.armed.add(self.fatal.fault)
            self._awaited = name.replace(":before", f":{self.fatal.end}")
        return name == self._awaited


# ---------------------------------------------------------------- one run


def end(kill: Kill, *, keeps_trace: bool = False) -> Ended:
    """Plays the flow, kills it where it is told to, and judges what the next process made of it."""
    story = STORIES[kill.flow]
    world = PointWorld(SEED, kill)
    story.set_up(world)
    world.lines = [] if keeps_trace else None
    judged = _Judged()

    async def play(_: World) -> None:
        await _tell(world, story)
        await _judge(world, story, judged)

    with _quietly(keeps_trace):
        world.play(play)
    if kill.point and world.passed[: kill.point] != [*undisturbed(kill.flow).passed[: kill.point]]:
        judged.found.append("it was another run than the undisturbed one before it was killed")
    return Ended(
        kill,
        world.died_at,
        tuple(dict.fromkeys((*judged.found, *world.bugs))),
        tuple(world.passed),
        judged.recovered_s,
        judged.waited_s,
        tuple(world.lines or ()),
    )


@dataclass(slots=True)
class _Judged:
    found: list[str] = field(default_factory=list)
    recovered_s: float = 0.0
    waited_s: float = 0.0


async def _tell(world: PointWorld, story: Story) -> None:
    """Until it is told or the process dies: nobody goes on asking a bot that is gone."""
    telling = asyncio.ensure_future(story.tell(world))
    dying = asyncio.ensure_future(world.died.wait())
    await asyncio.wait({telling, dying}, return_when=asyncio.FIRST_COMPLETED)
    if world.fatal.fault:
        await asyncio.wait({dying}, timeout=2 * DEADLINE_S)  # its last request may still be unanswered
    world.is_told = True
    for task in (telling, dying):
        task.cancel()
    if not world.died_at:
        await telling


async def _judge(world: PointWorld, story: Story, judged: _Judged) -> None:
    if not world.died_at:
        judged.found += story.undone(points_checker.Tables(world.database, world.exchange))
        if world.fatal.point:
            judged.found.append(f"{world.fatal.words}: no such point was passed, or no request is there")
    judged.found += await (_recover(world, judged) if world.died_at else _at_rest(world))
    await _late_ones(world)
    await story.afterwards(world)
    judged.found += await _at_rest(world)
    await close_all(world)
    judged.found += await _at_rest(world)
    judged.found += checker.when_flat(world.database, world.exchange, DEPOSIT)


async def _recover(world: PointWorld, judged: _Judged) -> list[str]:
    """What is wrong after the one pass; and what still is when the receive window is over."""
    began = world.loop.time()
    if not await _until(lambda: _is_ready(world), RESTART_S + LONGEST_PASS_S):
        return [f"no pass was through within {LONGEST_PASS_S:.0f} s"]
    judged.recovered_s = max(world.loop.time() - began - RESTART_S, 0.0)
    unknown = points_checker.unknown(world.database, world.exchange, world.clock.true_now())
    found = [text for text in _wrong(world) if not unknown.excuses(text)]
    if found or not unknown:
        return found
    since = world.loop.time()
    left_s = world.died_at_s + WINDOW_OVER_S - since
    await _until(lambda: not _is_restless(world) and not _wrong(world), left_s)
    judged.waited_s = world.loop.time() - since
    return _wrong(world)


async def _late_ones(world: PointWorld) -> None:
    """What was on its way when the process died arrives, and is seen."""
    if world.fatal.fault:
        await asyncio.sleep(max(world.died_at_s + WINDOW_S + 2 * LOOK_S - world.loop.time(), 0.0))


async def _at_rest(world: PointWorld) -> list[str]:
    """Waits as long as a window takes; what is wrong then, or that it never rested."""
    await _until(lambda: _is_ready(world) and not _is_restless(world) and not _wrong(world), WINDOW_OVER_S)
    return _wrong(world) + (["it never came to rest"] if _is_restless(world) else [])


def _wrong(world: PointWorld) -> list[str]:
    found = checker.at_rest(world.database, world.exchange, world.limits.max_leverage, 1)
    tables = points_checker.Tables(world.database, world.exchange)
    return [*found, *points_checker.decisions(tables), *STORIES[world.fatal.flow].wrong(tables, world)]


def _is_ready(world: World) -> bool:
    return world.process is not None and world.process.is_ready


def _is_restless(world: World) -> bool:
    return world.process is None or world.process.kernel.executor.is_restless


async def _until(holds: Callable[[], bool], longest_s: float) -> bool:
    """Looked at every tenth of a second; False when it did not hold in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + longest_s
    while not holds():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True


# ---------------------------------------------------------------- all of them


@cache
def undisturbed(flow: str) -> Ended:
    """The run that nothing happens to: where there is something to kill. Raises when it is not clean."""
    ended = end(Kill(flow))
    if ended.violations:
        raise RuntimeError(f"{flow}, undisturbed: {'; '.join(ended.violations)}")
    return ended


def every_kill(flow: str, beyond: str = "") -> list[Kill]:
    """One for each point; `beyond` leaves out those that another flow passed in the very same way."""
    points = undisturbed(flow).passed
    same = _common(points, undisturbed(beyond).passed) if beyond else 0
    return [Kill(flow, point) for point in range(same + 1, len(points) + 1)]


def every_faulty_kill(flow: str, beyond: str = "") -> list[Kill]:
    """One for each request, fault of the venue and end of the request."""
    points = undisturbed(flow).passed
    requests = [
        kill.point for kill in every_kill(flow, beyond) if points[kill.point - 1].split()[1] in REQUESTS
    ]
    return [Kill(flow, point, fault, last) for point in requests for fault in FAULTS for last in ENDS]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many points at the beginning are the same, to the millisecond and the order's number."""
    pairs = zip(one, other, strict=False)
    return next(
        (place for place, (here, there) in enumerate(pairs) if here != there), min(len(one), len(other))
    )
