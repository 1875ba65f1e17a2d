"""What is remembered of positions that are not ours, and of a journal that lost something: one named text.

Laws:
- A change is written before it holds; a tap and a pass of the guard never undo each other's.
- What cannot be read was lost like the rest: a person confirms, and it begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.codec import from_text, to_text
from core.market import Side
from core.ports import Blobs, Clock

log = logging.getLogger("perpilot.adopting")


@dataclass(frozen=True, slots=True)
class Known:
    """A position that is somebody else's, or that could not be sorted, as it was told."""

    side: Side
    quantity: Decimal
    """Of the moment when it was told or ignored."""
    since: datetime
    ignored_by: str = ""
    is_unsorted: bool = False
    """Whose it is was not known yet."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What outlives a restart."""

    foreign: Mapping[str, Known] = field(default_factory=dict)
    """By symbol."""
    lost_at: datetime | None = None
    """When the journal was found to have lost something that nobody confirmed yet."""

    def knowing(self, symbol: str, known: Known) -> Memory:
        return replace(self, foreign={**self.foreign, symbol: known})

    def without(self, symbols: Collection[str]) -> Memory:
        kept = {symbol: known for symbol, known in self.foreign.items() if symbol not in symbols}
        return replace(self, foreign=kept)


class ForeignMemory:
    """Raises `JournalError` when it can be neither read nor written."""

    def __init__(self, blobs: Blobs, clock: Clock, account: str) -> None:
        self._blobs = blobs
        self._clock = clock
        self._name = f"foreign:{account}"
        self._changing = asyncio.Lock()
        self.known: Memory | None = None
        """None until it was read for the first time."""

    async def read(self) -> Memory:
        if self.known is None:
            text = await self._blobs.load(self._name)
            self.known = await self._decoded(text) if text is not None else Memory()
        return self.known

    async def change(self, changed: Callable[[Memory], Memory]) -> None:
        async with self._changing:
            memory = changed(await self.read())
            await self._blobs.save(self._name, to_text(memory))
            self.known = memory

    async def _decoded(self, text: str) -> Memory:
        try:
            return from_text(Memory, text)
        except ValueError as error:
            log.error("memory of foreign positions cannot be read: error=%s", error)
            begun = Memory(lost_at=self._clock.now())
            await self._blobs.save(self._name, to_text(begun))
            return begun
