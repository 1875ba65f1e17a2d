"""Strategies in live use put together: their threads, the advisers that they are, the panel that asks them.

Laws:
- A strategy never runs in the event loop: it may be the owner's own code, slow or without end.
- Who is not ready within `DEADLINE_S` abstains, and is asked no more until it has ended: a thread can't be
  stopped, but nothing waits for it.
- A decision asks the strategies that its own rules name, whatever was changed since they were read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from core.advice.panel import Listener
from core.advice.staged import StagedPanel
from core.opinion import Abstention, Brief, Opinion
from core.ports import Adviser
from core.strategy_use import Strategies, StrategyPart

if TYPE_CHECKING:
    from core.advice.strategy_adviser import Compute
    from core.backtest.strategies import BadStrategy, Signals

log = logging.getLogger("perpilot.strategies")

DEADLINE_S: Final = 5.0
"""A shipped strategy takes milliseconds over the 400 bars of a scan, and 64 symbols may wait in line."""
MOST_KEPT: Final = 64
"""Strategies made so far; a change in chat makes new ones."""

Build = Callable[[Sequence[Adviser], Strategies], StagedPanel]
"""The panel over these strategies beside all other advisers."""


@dataclass(slots=True, eq=False)
class _Job:
    name: str
    work: Callable[[], Signals | BadStrategy]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Signals | BadStrategy | None]

    def settle(self, result: Signals | BadStrategy | None) -> None:
        def tell() -> None:
            if not self.done.done():
                self.done.set_result(result)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(tell)


@dataclass(slots=True, eq=False)
class _Worker:
    """One thread; it ends with the job during which it was given up."""

    jobs: SimpleQueue[_Job]
    may_begin: Callable[[_Worker, _Job], bool]
    is_over: Callable[[_Worker], None]
    job: _Job | None = None
    is_given_up: bool = False
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        # A daemon: the end of the program waits for no strategy.
        self.thread = threading.Thread(target=self._run, name="strategies", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.is_given_up:
            job = self.jobs.get()
            if not self.may_begin(self, job):
                continue
            result = None
            try:
                result = job.work()
            except (KeyboardInterrupt, GeneratorExit):  # all else that it may raise has become a sentence
                log.error("strategy ended by itself: strategy=%s", job.name)
            finally:
                self.is_over(self)
                job.settle(result)


class StrategyRunner:
    """Runs strategies one after the other in a thread; used from one event loop."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._worker: _Worker | None = None
        self._stuck: dict[str, _Worker] = {}
        """Strategy → the thread that it still holds."""
        self._turn = threading.Lock()

    def compute(self, name: str) -> Compute:
        async def compute(
            work: Callable[[], Signals | BadStrategy],
        ) -> Signals | BadStrategy | None:
            return await self._run(name, work)

        return compute

    async def _run(
        self, name: str, work: Callable[[], Signals | BadStrategy]
    ) -> Signals | BadStrategy | None:
        from core.advice.strategy_adviser import Late

        if name in self._stuck:
            raise Late("it is still busy with an earlier question")
        loop = asyncio.get_running_loop()
        job = _Job(name, work, loop, loop.create_future())
        self._keep_working()
        self._jobs.put(job)
        try:
            return await asyncio.wait_for(job.done, self._deadline_s)
        except TimeoutError:
            self._give_up(job)
            raise Late(f"it was not ready within {self._deadline_s:g} s") from None

    def _keep_working(self) -> None:
        """With a new thread where there is none, or where a strategy ended it."""
        if self._worker is None or not self._worker.thread.is_alive():
            self._worker = _Worker(self._jobs, self._may_begin, self._is_over)

    def _give_up(self, late: _Job) -> None:
        """The thread, where what it is busy with is late; those in line behind that are without fault."""
        with self._turn:
            worker = self._worker
            job = worker.job if worker is not None else None
            if worker is None or job is None or not (job is late or job.done.done()):
                return
            self._stuck[job.name] = worker
            worker.is_given_up = True
            self._worker = None
        log.error("strategy has no end: strategy=%s deadline_s=%g", job.name, self._deadline_s)
        if not self._jobs.empty():
            self._keep_working()

    def _may_begin(self, worker: _Worker, job: _Job) -> bool:
        """In a worker's thread: not what nobody waits for any more, nor what holds another thread."""
        with self._turn:
            if job.done.done() or job.name in self._stuck:
                return False
            worker.job = job
            return True

    def _is_over(self, worker: _Worker) -> None:
        """In the worker's thread."""
        with self._turn:
            job, worker.job = worker.job, None
            if job is not None and self._stuck.get(job.name) is worker:
                del self._stuck[job.name]


class StrategyPanel:
    """An `AdviserPanel`: everybody else, and the strategies that the question's decision goes by."""

    def __init__(self, build: Build, now: Callable[[], Strategies], runner: StrategyRunner) -> None:
        """`now`: those in use, for who asks for names. Raises `BadStrategy` for one that can't be made."""
        self._build = build
        self._now = now
        self._runner = runner
        self._made: dict[StrategyPart, Adviser] = {}
        self._last: tuple[Strategies, StagedPanel] | None = None
        self._panel(now())

    @property
    def names(self) -> tuple[str, ...]:
        return self._panel(self._now()).names

    async def ask(
        self, brief: Brief, heard: Listener | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        return await self._panel(brief.strategies).ask(brief, heard)

    def _panel(self, strategies: Strategies) -> StagedPanel:
        if self._last is None or self._last[0] != strategies:
            advisers = [self._adviser(part) for part in strategies.parts]
            self._last = strategies, self._build(advisers, strategies)
        return self._last[1]

    def _adviser(self, part: StrategyPart) -> Adviser:
        """Made once, so that a file is run once."""
        if part not in self._made:
            from core.advice.strategy_adviser import adviser_of

            while len(self._made) >= MOST_KEPT:
                del self._made[next(iter(self._made))]
            self._made[part] = adviser_of(part, self._runner.compute(part.name))
        return self._made[part]


async def check_strategies(strategies: Strategies) -> None:
    """Raises `BadStrategy` for the first that can't be made; runs the files that are named."""
    if not strategies.parts:
        return
    from core.advice.strategy_adviser import adviser_of

    for part in strategies.parts:
        await asyncio.to_thread(adviser_of, part)
