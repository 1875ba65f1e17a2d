"""Who evaluates: this process alone, or several beside it.

Laws:
- A worker that dies is replaced and its sets are given to the next, `MOST_DEATHS` times; then it is told.
- Workers end when their parent does, however it ends, and leave Ctrl-C to it.
- Sets travel in batches of about `BATCH_S`, so that asking and sending cost next to nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Final, NamedTuple, Protocol

from core.backtest.search_play import Play, Tried
from core.backtest.search_space import BadSearch, ValueSet
from core.backtest.search_spans import Span
from core.errors import PerpilotError

BATCH_S, SHARED_BATCH_S = 0.04, 0.1
"""A shared study is asked over a network: less often."""
MOST_BATCH: Final = 64
AHEAD: Final = 2
"""Batches that a worker has, the one under way among them."""
MOST_DEATHS: Final = 3
LOOKS_EVERY_S: Final = 1.0
LEAVES_S: Final = 2.0


class Job(NamedTuple):
    """A set to evaluate; `median` and `early` as in `Play.evaluate`."""

    number: int
    values: ValueSet
    median: float
    early: bool


class Crew(Protocol):
    @property
    def room(self) -> int:
        """Jobs that it would take now."""

    @property
    def is_idle(self) -> bool: ...

    def give(self, span: Span, jobs: Sequence[Job]) -> None: ...

    def take(self, timeout_s: float) -> list[Tried]:
        """What was finished; nothing after so long."""

    def close(self) -> None: ...


class Alone:
    """In this process: one set after the other, so that each question knows all answers."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._waiting: deque[tuple[Span, Job]] = deque()

    @property
    def room(self) -> int:
        return 0 if self._waiting else 1

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    def give(self, span: Span, jobs: Sequence[Job]) -> None:
        self._waiting.extend((span, job) for job in jobs)

    def take(self, timeout_s: float) -> list[Tried]:
        if not self._waiting:
            return []
        span, job = self._waiting[0]
        found = _evaluated(self._play, span, job)
        self._waiting.popleft()
        return [found]

    def close(self) -> None:
        return


@dataclass
class _Worker:
    process: Any
    link: Connection
    batches: deque[tuple[Span, list[Job]]] = field(default_factory=deque)


class Processes:
    """`count` processes of this machine."""

    def __init__(self, play: Play, count: int, batch_s: float = BATCH_S) -> None:
        self._play, self._deaths, self._each_s, self._batch_s = play, 0, 0.0, batch_s
        is_quiet = sys.platform == "linux" and threading.active_count() == 1
        self._context = multiprocessing.get_context("fork" if is_quiet else "spawn")
        """A fork shares what is in memory and starts at once; beside threads it is not safe."""
        self._workers = [self._hired() for _ in range(count)]

    @property
    def room(self) -> int:
        """One batch for whoever has least."""
        if min(len(worker.batches) for worker in self._workers) >= AHEAD:
            return 0
        return min(max(int(self._batch_s / self._each_s), 1), MOST_BATCH) if self._each_s > 0 else 1

    @property
    def is_idle(self) -> bool:
        return not any(worker.batches for worker in self._workers)

    def give(self, span: Span, jobs: Sequence[Job]) -> None:
        worker = min(self._workers, key=lambda one: len(one.batches))
        worker.batches.append((span, list(jobs)))
        try:
            worker.link.send((span, list(jobs)))
        except OSError:
            self._replace(worker)

    def take(self, timeout_s: float) -> list[Tried]:
        found: list[Tried] = []
        for link in wait([worker.link for worker in self._workers], timeout_s):
            worker = next(one for one in self._workers if one.link is link)
            try:
                answer, took_s = worker.link.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            worker.batches.popleft()
            if isinstance(answer, str):
                raise BadSearch(answer)
            found += answer
            if answer:
                each_s = took_s / len(answer)
                self._each_s = each_s if self._each_s == 0 else (self._each_s + each_s) / 2
        return found

    def close(self) -> None:
        for worker in self._workers:
            with suppress(OSError):
                worker.link.send(None)
            worker.link.close()
        for worker in self._workers:
            worker.process.join(0.0 if worker.batches else LEAVES_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def _hired(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(  # type: ignore[attr-defined]
            target=_work, args=(theirs, self._play, os.getpid()), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _replace(self, worker: _Worker) -> None:
        worker.process.join(LEAVES_S)
        code = worker.process.exitcode
        worker.link.close()
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            raise BadSearch(
                f"worker processes end by themselves (the last one with {code}): fewer --workers may have "
                "memory enough. What was finished is kept; the same command goes on"
            )
        fresh = self._hired()
        fresh.batches = worker.batches
        self._workers[self._workers.index(worker)] = fresh
        for span, jobs in fresh.batches:
            fresh.link.send((span, jobs))


def _work(link: Connection, play: Play, parent: int) -> None:
    """A worker's life. Its copies of the other ends stay open, so that it looks who its parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        while not link.poll(LOOKS_EVERY_S):
            if os.getppid() != parent:
                return
        try:
            batch = link.recv()
            if batch is None:
                return
            span, jobs = batch
            link.send(_answer(play, span, jobs))
        except (EOFError, OSError):
            return


def _answer(play: Play, span: Span, jobs: Sequence[Job]) -> tuple[list[Tried] | str, float]:
    """What was found, or what is wrong in one sentence; and the seconds that it took."""
    started = time.perf_counter()
    try:
        return [_evaluated(play, span, job) for job in jobs], time.perf_counter() - started
    except PerpilotError as error:
        return str(error), 0.0


def _evaluated(play: Play, span: Span, job: Job) -> Tried:
    return play.evaluate(job.number, job.values, span, job.median, early=job.early)
