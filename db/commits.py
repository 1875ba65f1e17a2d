"""Writes that wait for the one writer share its next commit.

A commit ends with the disk's word that it is safe, which takes longer than everything before it: sixty
answers of advisers that come at once would otherwise wait for sixty such words, and so would a tap behind
them.

Laws:
- A write is told done only after the commit that holds it; it is recorded whole or not at all.
- Writes take effect in the order they came.
- One that fails spoils nobody: nothing of its group was recorded then, and each is run again alone.
- Where the commit itself failed nothing is run again, since what was recorded can't be known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]

MOST_TOGETHER = 64
"""Bounds how long a commit's first write waits for its last."""


@dataclass(slots=True, eq=False)
class _Waiting:
    work: Work[Any]
    outcome: asyncio.Future[Any]

    def ended(self, outcome: Any) -> None:
        """With a result or an error."""
        if self.outcome.done():
            return  # whoever waited for it is gone
        if isinstance(outcome, BaseException):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


class SharedCommits:
    """`transact` runs a work in one transaction and commits it; never called twice at a time."""

    def __init__(self, transact: Callable[[Work[Any]], Awaitable[Any]]) -> None:
        self._transact = transact
        self._one_writer = asyncio.Lock()
        self._waiting: list[_Waiting] = []

    async def write(self, work: Work[T]) -> T:
        mine = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        async with self._one_writer:
            while not mine.outcome.done():
                await self._commit_next()
        result: T = await mine.outcome
        return result

    async def _commit_next(self) -> None:
        """Those that have waited longest."""
        group, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        try:
            if len(group) == 1 or not await self._commit_together(group):
                for one in group:
                    one.ended(await self._outcome(one.work))
        finally:
            for one in group:
                one.outcome.cancel()  # only where the program is being torn down: all others have ended

    async def _commit_together(self, group: list[_Waiting]) -> bool:
        """False when one of them failed: then nothing of any was recorded."""
        has_run = False

        def all_of_them(connection: Connection) -> list[Any]:
            nonlocal has_run
            has_run = False
            results = [one.work(connection) for one in group]
            has_run = True
            return results

        outcome = await self._outcome(all_of_them)
        is_failed = isinstance(outcome, BaseException)
        if is_failed and not has_run:
            return False
        for place, one in enumerate(group):
            one.ended(outcome if is_failed else outcome[place])
        return True

    async def _outcome(self, work: Work[Any]) -> Any:
        """The result, or the error as a value."""
        return (await asyncio.gather(self._transact(work), return_exceptions=True))[0]
