"""Work that outlasts an answer: named, bounded, cancelled at shutdown; a failure is told, never lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from core.errors import PerpilotError

log = logging.getLogger(__name__)

MAX_TASKS = 6
"""Scans, analyses, exports at once, over all people: each may ask every adviser."""


class Background:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self.failures = 0

    def start(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
        failed: Callable[[str], Coroutine[Any, Any, None]],
    ) -> bool:
        """False when work of that name runs already or too much runs. `failed` gets one sentence."""
        if name in self._tasks or len(self._tasks) >= MAX_TASKS:
            return False
        task = asyncio.create_task(work(), name=f"background {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done, failed))
        return True

    async def close(self, within_s: float = 1.0) -> None:
        """Cancels what runs and waits for it a moment."""
        tasks: list[Awaitable[None]] = [*self._tasks.values(), *self._telling]
        for task in self._tasks.values():
            task.cancel()
        if tasks:
            await asyncio.wait([asyncio.ensure_future(task) for task in tasks], timeout=within_s)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    def _ended(
        self, name: str, task: asyncio.Task[None], failed: Callable[[str], Coroutine[Any, Any, None]]
    ) -> None:
        del self._tasks[name]
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        telling = asyncio.create_task(failed(self._sentence(name, error)))
        self._telling.add(telling)
        telling.add_done_callback(self._told)

    def _sentence(self, name: str, error: BaseException) -> str:
        if isinstance(error, PerpilotError):
            log.warning("background work refused: name=%s error=%s", name, error)
            return str(error)
        self.failures += 1
        log.error("background work failed: name=%s", name, exc_info=error)
        return "Something went wrong on my side; it is in the log. /status shows what holds."

    def _told(self, telling: asyncio.Task[None]) -> None:
        self._telling.discard(telling)
        if not telling.cancelled() and (error := telling.exception()) is not None:
            log.warning("failure could not be told: error=%s", type(error).__name__)
