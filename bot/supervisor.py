"""Long tasks: started in order, watched, restarted with growing pauses, stopped within a deadline.

Laws:
- A task that dies closes entries first, is restarted, and the owner hears of it. Guarding is never given up.
- Every pass is a heartbeat; `/health` and `/status` read ages from here. No first pass is late as well.
- Nothing ends a task silently: a cancellation that is not ours and any other BaseException inside a pass are
  failures like every other; only the process's own end (and `stop`) is let through.
- A task that fails and recovers in turns is told of once per `CALM_AFTER_S`, not at every turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from core.desk import LoopView
from core.errors import PerpilotError
from core.ports import Clock
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.supervisor")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CALM_AFTER_S = 300.0
"""A task that ran this long after a restart has recovered: the next pause is short again."""
STOP_S = 5.0
"""Longest wait for tasks to end themselves at shutdown."""
CANCEL_S = 1.0
"""Longest wait, after that, for tasks that were cancelled."""
START_GRACE_S = 30.0
"""Added to every patience: what a first pass or a slow disk may take."""
LONGEST_USUAL_PASS_S = 180.0
"""A scan whose advisers use up their deadline ends within this; one that takes longer is not running well."""
PASS_S = 120.0
"""Longest pass of a loop that names no limit of its own: a hung pass must end some time."""


class PassTooLong(PerpilotError):
    """A pass was given up."""


@dataclass(slots=True)
class Loop:
    """One long task: `once` is repeated every `every_s()` seconds, or sooner when it is poked."""

    name: str
    once: Callable[[], Awaitable[object]]
    every_s: Callable[[], float]
    is_critical: bool = True
    """Entries stay closed while it is broken."""
    timeout_s: float = PASS_S
    """Real seconds that one pass may take."""
    longest_pause_s: float = LONGEST_PAUSE_S
    """Longest wait before a failed pass is tried again."""
    patience: float = 3.0
    """Periods without a pass after which it counts as unhealthy."""
    poked: asyncio.Event = field(default_factory=asyncio.Event)
    last_pass: float | None = None
    """Clock.monotonic of the newest finished pass."""
    passes: int = 0
    failures: int = 0
    fault: str = ""
    """Why the newest pass failed; empty when it did not."""
    failed_at: float | None = None
    pause_s: float = FIRST_PAUSE_S
    """Pause after the next failure."""
    told_at: float | None = None
    is_told: bool = False
    """The owner knows of the present fault."""


class Supervisor:
    def __init__(self, clock: Clock, gate: EntryGate, tell: Callable[[str, str], Awaitable[None]]) -> None:
        """`tell(key, text)` reaches the owner; it may fail without harm."""
        self._clock = clock
        self._gate = gate
        self._tell = tell
        self._loops: dict[str, Loop] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._started: float | None = None

    def add(self, loop: Loop) -> None:
        self._loops[loop.name] = loop

    def start(self) -> None:
        self._started = self._clock.monotonic()
        for loop in self._loops.values():
            task = asyncio.create_task(self._keep(loop), name=loop.name)
            task.add_done_callback(partial(self._ended, loop))
            self._tasks.append(task)

    def poke(self, name: str) -> None:
        """Lets a loop run its next pass now."""
        self._loops[name].poked.set()

    async def stop(self) -> None:
        """No further pass begins; what runs may finish within `STOP_S` real seconds."""
        self._is_stopping = True
        for loop in self._loops.values():
            loop.poked.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=CANCEL_S)
            for task in stuck:  # it swallows its cancellation; waiting for it would hold up everything else
                log.error("task would not end: task=%s", task.get_name())

    def views(self) -> tuple[LoopView, ...]:
        now = self._clock.monotonic()
        return tuple(self._view(loop, now) for loop in self._loops.values())

    def is_running(self, name: str) -> bool:
        """Its newest pass ended well, and not longer ago than a period and the time a pass may take."""
        loop = self._loops.get(name)
        if loop is None or loop.last_pass is None or loop.fault:
            return False
        age = self._clock.monotonic() - loop.last_pass
        return age <= loop.every_s() + min(loop.timeout_s, LONGEST_USUAL_PASS_S)

    def next_in_s(self, name: str) -> float | None:
        """Seconds until a loop's next pass; None before its first."""
        loop = self._loops.get(name)
        if loop is None or loop.last_pass is None:
            return None
        return max(loop.every_s() - (self._clock.monotonic() - loop.last_pass), 0.0)

    def _view(self, loop: Loop, now: float) -> LoopView:
        age = None if loop.last_pass is None else now - loop.last_pass
        waited = now - self._started if age is None and self._started is not None else age
        late = waited is not None and waited > loop.patience * loop.every_s() + START_GRACE_S
        return LoopView(loop.name, age, not (late or loop.fault), loop.fault or ("late" if late else ""))

    async def _keep(self, loop: Loop) -> None:
        while not self._is_stopping:
            try:
                await self._pass(loop)
                await self._recovered(loop)
                rest_s = loop.every_s()
            except BaseException as error:  # the supervisor's edge: everything is logged, told and retried
                if _is_the_end(error):
                    raise
                rest_s = self._next_pause(loop)
                await self._failed(loop, error)
            await self._rest(loop, rest_s)

    async def _pass(self, loop: Loop) -> None:
        loop.poked.clear()
        try:
            async with asyncio.timeout(loop.timeout_s) as limit:
                await loop.once()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise PassTooLong(f"a pass took longer than {loop.timeout_s:g} s") from error
        loop.last_pass = self._clock.monotonic()
        loop.passes += 1

    def _next_pause(self, loop: Loop) -> float:
        """Twice the one before, from the shortest again after a calm time."""
        now = self._clock.monotonic()
        if loop.failed_at is None or now - loop.failed_at > CALM_AFTER_S:
            loop.pause_s = FIRST_PAUSE_S
        loop.failed_at = now
        pause, loop.pause_s = loop.pause_s, min(loop.pause_s * 2, loop.longest_pause_s)
        return pause

    async def _failed(self, loop: Loop, error: BaseException) -> None:
        loop.failures += 1
        loop.fault = _words(error)
        if loop.is_critical:
            self._gate.close(f"task:{loop.name}", f"the {loop.name} task failed: {loop.fault}")
        log.error("task failed: task=%s", loop.name, exc_info=error)
        now = self._clock.monotonic()
        if loop.is_told or (loop.told_at is not None and now - loop.told_at <= CALM_AFTER_S):
            return
        loop.is_told, loop.told_at = True, now
        what = "entries are stopped, it is being restarted" if loop.is_critical else "it is restarted"
        await self._say(loop, f"The {loop.name} task failed ({loop.fault}); {what}.")

    async def _recovered(self, loop: Loop) -> None:
        if not loop.fault:
            return
        loop.fault = ""
        self._gate.open(f"task:{loop.name}")
        if loop.is_told:
            loop.is_told = False
            await self._say(loop, f"The {loop.name} task works again.")

    def _ended(self, loop: Loop, task: asyncio.Task[None]) -> None:
        """The last line of defence: a task that is gone for good is no secret."""
        if self._is_stopping:
            return
        error = None if task.cancelled() else task.exception()
        loop.fault = "the task was ended from outside" if error is None else _words(error)
        if loop.is_critical:
            self._gate.close(f"task:{loop.name}", f"the {loop.name} task is gone: {loop.fault}")
        log.critical("task ended: task=%s", loop.name, exc_info=error)

    async def _say(self, loop: Loop, text: str) -> None:
        key = f"task:{loop.name}:{self._clock.now().isoformat()}:{bool(loop.fault)}"
        try:
            await self._tell(key, text)
        except BaseException as error:  # telling must not end the task that failed
            if _is_the_end(error):
                raise
            log.error("could not tell: task=%s", loop.name, exc_info=error)

    async def _rest(self, loop: Loop, seconds: float) -> None:
        """Sleeps, or wakes early when poked."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        poked = asyncio.ensure_future(loop.poked.wait())
        try:
            await asyncio.wait({sleeping, poked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (sleeping, poked):
                waiting.cancel()
            await asyncio.gather(sleeping, poked, return_exceptions=True)


def _is_the_end(error: BaseException) -> bool:
    """Whether this task or the process is being ended; a cancellation from within a pass is neither."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def _words(error: BaseException) -> str:
    """For the chat: only texts of ours; a library's may hold an address with a token in it."""
    if isinstance(error, PerpilotError):
        return str(error)
    return f"{type(error).__name__}, details are in the log"
