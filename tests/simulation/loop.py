"""An event loop with its own time: nothing waits, nothing is random but the seed.

Laws:
- Time moves only when nothing is ready, and then to the next timer.
- What is ready at the same moment runs in an order that the dice choose.
- No sockets, no threads, no wall clock.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

MOST_CALLBACKS = 5_000_000
"""A schedule has some ten thousand; more is a loop that never rests."""
OWNER: ContextVar[dict[asyncio.Task[Any], None] | None] = ContextVar("owner", default=None)
"""The tasks of the process that is running, oldest first: a set's order would be that of their addresses, and
a crash that cancels them another one each time. What a task starts belongs to its process."""


class StormLoop(asyncio.AbstractEventLoop):
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._now = 0.0
        self._ready: list[asyncio.Handle] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._is_running = False
        self.unheard: list[dict[str, Any]] = []
        """What nobody caught."""

    # ------------------------------------------------------------ what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + max(delay, 0.0), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap and is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **more)
        owner = OWNER.get()
        if owner is not None:
            owner[task] = None
            task.add_done_callback(lambda done: _ignored(owner.pop(done, None)))
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unheard.append(context)

    # ------------------------------------------------------------ running

    def play(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is over. Raises `RuntimeError` when everything waits for ever."""
        events._set_running_loop(self)
        self._is_running = True
        try:
            task = self.create_task(main)
            for _ in range(MOST_CALLBACKS):
                if task.done():
                    return task.result()
                self._run_one()
            raise RuntimeError(f"{MOST_CALLBACKS} callbacks and no end")
        finally:
            self._is_running = False
            events._set_running_loop(None)

    def _run_one(self) -> None:
        ready = self._ready
        if not ready:
            self._go_on()
        last = len(ready) - 1
        if last > 0:
            place = int(self._dice.random() * (last + 1))
            ready[place], ready[last] = ready[last], ready[place]
        handle = ready.pop()
        if not handle._cancelled:
            handle._run()

    def _go_on(self) -> None:
        """To the next timer, and every other one of that moment."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise RuntimeError("everything waits and nothing will come")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(timers)[2])


def _ignored(_: object) -> None:
    """Called for what it does."""


class LoopClock:
    """A process's clock over the loop's time; its wall clock may be wrong, its durations are not."""

    def __init__(self, loop: StormLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self.wrong_by_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() + self.wrong_by_s)

    def true_now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
