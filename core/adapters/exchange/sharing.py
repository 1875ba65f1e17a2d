"""One question to the venue for all who ask it at the same time.

Laws:
- A shared question belongs to nobody: a caller that is cancelled leaves the others their answer.
- Every task started here ends: it has a deadline of its own, and `close` ends what still runs.
- A guarding caller never waits for a scanning caller's question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from core.adapters.exchange.calls import Urgency
from core.ports import Clock

T = TypeVar("T")

GATHERING_S = 0.005
"""How long a joint question waits for others to join: far below one answer's latency."""


class Flights:
    """Running questions by key."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def gather(self, key: Hashable, ask: Callable[[], Awaitable[T]], within_s: float) -> T:
        """One answer for all who ask within `within_s`; the question leaves after the last of them did, so
        that it is never older than what its caller knows."""

        async def leave() -> T:
            await asyncio.sleep(within_s)
            self._running.pop(key, None)
            return await ask()

        return await self.join(key, leave)

    async def join(self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of the question `key` that is under way, or of a new one."""
        task: asyncio.Task[T] | None = self._running.get(key)
        if task is None:
            task = self.launch(key, start())
        return await asyncio.shield(task)

    def launch(self, key: Hashable, question: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(question)
        self._running[key] = task
        task.add_done_callback(lambda done: self._landed(key, done))
        return task

    async def close(self) -> None:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _landed(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # every caller may have left; the failure is logged where it happened


class Board(Protocol):
    """One joint answer about many symbols."""

    def covers(self, symbol: str) -> bool: ...


B = TypeVar("B", bound=Board)


@dataclass(slots=True)
class _Batch:
    symbols: set[str] = field(default_factory=set)
    is_open: bool = True
    task: asyncio.Task[Any] | None = None


class Desk(Generic[B]):
    """Turns single questions about symbols into few joint ones, and keeps each answer for `life_s`.

    `ask(symbols, urgency)` must answer about every symbol when it is given `joint_from` or more.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[frozenset[str], Urgency], Awaitable[B]],
        flights: Flights,
        clock: Clock,
        *,
        life_s: float,
        joint_from: int,
    ) -> None:
        self._name = name
        self._ask = ask
        self._flights = flights
        self._clock = clock
        self._life_s = life_s
        self._joint_from = joint_from
        self._batches: dict[str, _Batch] = {}
        self._boards: list[tuple[float, B]] = []
        self._serial = 0

    async def board(self, symbol: str, urgency: Urgency) -> B:
        """A board that covers `symbol` (unless the venue left it out), asked at most `life_s` ago."""
        self._forget_old()
        for _at, board in reversed(self._boards):
            if board.covers(symbol):
                return board
        task = self._batch_for(symbol, urgency).task
        assert task is not None
        return await asyncio.shield(task)

    def _batch_for(self, symbol: str, urgency: Urgency) -> _Batch:
        batch = self._batches.get(urgency.name)
        if batch is not None and batch.is_open:
            batch.symbols.add(symbol)
            return batch
        if batch is not None and (symbol in batch.symbols or len(batch.symbols) >= self._joint_from):
            return batch
        batch = _Batch({symbol})
        self._batches[urgency.name] = batch
        self._serial += 1
        batch.task = self._flights.launch((self._name, self._serial), self._run(batch, urgency))
        return batch

    async def _run(self, batch: _Batch, urgency: Urgency) -> B:
        try:
            await asyncio.sleep(GATHERING_S)
            batch.is_open = False
            asked_at = self._clock.monotonic()
            board = await self._ask(frozenset(batch.symbols), urgency)
            self._boards.append((asked_at, board))
            return board
        finally:
            if self._batches.get(urgency.name) is batch:
                del self._batches[urgency.name]

    def _forget_old(self) -> None:
        horizon = self._clock.monotonic() - self._life_s
        self._boards = [(at, board) for at, board in self._boards if at > horizon]
