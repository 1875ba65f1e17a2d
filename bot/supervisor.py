"""Long tasks: started in order, watched, restarted with growing pauses, stopped within a deadline.

Laws:
- A task that dies closes entries first, is restarted, and the owner hears of it. Guarding is never given up.
- Every pass is a heartbeat; `/health` and `/status` read ages from here.
- A BaseException inside a task is seen, never swallowed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from core.desk import LoopView
from core.ports import Clock
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.supervisor")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CALM_AFTER_S = 300.0
"""A task that ran this long after a restart has recovered: the next pause is short again."""
STOP_S = 5.0
"""Longest wait for tasks to end themselves at shutdown."""


@dataclass(slots=True)
class Loop:
    """One long task: `once` is repeated every `every_s()` seconds, or sooner when it is poked."""

    name: str
    once: Callable[[], Awaitable[object]]
    every_s: Callable[[], float]
    is_critical: bool = True
    """Entries stay closed while it is broken."""
    timeout_s: float | None = None
    """Real seconds that one pass may take."""
    patience: float = 3.0
    """Periods without a pass after which it counts as unhealthy."""
    poked: asyncio.Event = field(default_factory=asyncio.Event)
    last_pass: float | None = None
    """Clock.monotonic of the newest finished pass."""
    passes: int = 0
    failures: int = 0
    fault: str = ""
    """Why the newest pass failed; empty when it did not."""


class Supervisor:
    def __init__(self, clock: Clock, gate: EntryGate, tell: Callable[[str, str], Awaitable[None]]) -> None:
        """`tell(key, text)` reaches the owner; it may fail without harm."""
        self._clock = clock
        self._gate = gate
        self._tell = tell
        self._loops: dict[str, Loop] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    def add(self, loop: Loop) -> None:
        self._loops[loop.name] = loop

    def start(self) -> None:
        for loop in self._loops.values():
            self._tasks.append(asyncio.create_task(self._keep(loop), name=loop.name))

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
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def views(self) -> tuple[LoopView, ...]:
        now = self._clock.monotonic()
        return tuple(self._view(loop, now) for loop in self._loops.values())

    def next_in_s(self, name: str) -> float | None:
        """Seconds until a loop's next pass; None before its first."""
        loop = self._loops.get(name)
        if loop is None or loop.last_pass is None:
            return None
        return max(loop.every_s() - (self._clock.monotonic() - loop.last_pass), 0.0)

    def _view(self, loop: Loop, now: float) -> LoopView:
        age = None if loop.last_pass is None else now - loop.last_pass
        late = age is not None and age > loop.patience * loop.every_s() + 30
        return LoopView(loop.name, age, not (late or loop.fault), loop.fault or ("late" if late else ""))

    async def _keep(self, loop: Loop) -> None:
        pause, since = FIRST_PAUSE_S, self._clock.monotonic()
        while not self._is_stopping:
            try:
                await self._pass(loop)
            except Exception as error:  # the supervisor's edge: everything is logged, told and retried
                if self._clock.monotonic() - since > CALM_AFTER_S:
                    pause = FIRST_PAUSE_S
                since = self._clock.monotonic()
                await self._failed(loop, error)
                await self._rest(loop, pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                continue
            await self._recovered(loop)
            await self._rest(loop, loop.every_s())

    async def _pass(self, loop: Loop) -> None:
        loop.poked.clear()
        async with asyncio.timeout(loop.timeout_s):
            await loop.once()
        loop.last_pass = self._clock.monotonic()
        loop.passes += 1

    async def _failed(self, loop: Loop, error: Exception) -> None:
        loop.failures += 1
        is_news = not loop.fault
        loop.fault = str(error) or type(error).__name__
        if loop.is_critical:
            self._gate.close(f"task:{loop.name}", f"the {loop.name} task failed: {loop.fault}")
        log.error("task failed: task=%s", loop.name, exc_info=error)
        if is_news:
            what = "entries are stopped, it is being restarted" if loop.is_critical else "it is restarted"
            await self._say(loop, f"The {loop.name} task failed ({loop.fault}); {what}.")

    async def _recovered(self, loop: Loop) -> None:
        if not loop.fault:
            return
        loop.fault = ""
        self._gate.open(f"task:{loop.name}")
        await self._say(loop, f"The {loop.name} task works again.")

    async def _say(self, loop: Loop, text: str) -> None:
        try:
            await self._tell(f"task:{loop.name}:{loop.failures}:{bool(loop.fault)}", text)
        except Exception:  # telling must not end the task that failed
            log.exception("could not tell: task=%s", loop.name)

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
