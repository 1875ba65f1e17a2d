"""Requests that have left the process: heard out, whoever has stopped waiting for them.

Laws:
- Whoever waits may be cancelled; the request goes on until its answer is written down.
- No error in it is lost, not even one that nobody foresaw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from core.ports import Clock

log = logging.getLogger("perpilot.executor")


class InFlight:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def heard_out(self, request: Coroutine[Any, Any, None]) -> None:
        """Waits for it, and raises what it raises; a cancelled caller leaves it behind unharmed."""
        await asyncio.shield(self.launch(request))

    def launch(self, request: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Lets it run whether anybody waits for it or not."""
        task = asyncio.get_running_loop().create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._landed)
        return task

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a request ended with an error: %s", type(error).__name__, exc_info=error)

    async def settle(self, timeout_s: float) -> int:
        """Waits so long for all of them; how many are still unanswered."""
        patience = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            while self._tasks and not patience.done():
                await asyncio.wait({patience, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        return len(self._tasks)
