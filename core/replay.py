"""What playing a decision again needs from the journal, and what it finds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from core.journal import DecisionRecord
from core.ports import AdviserCall

BATCH = 200
"""Ids read at once."""


class Fate(StrEnum):
    """What playing a decision again came to."""

    EQUAL = "equal"
    DIFFERS = "differs"
    UNREADABLE = "unreadable"
    """Its tape, or a piece of it, is not what was recorded."""
    NO_TAPE = "no_tape"
    """Recorded before tapes, or broken off: there is nothing to play."""

    @property
    def is_failure(self) -> bool:
        return self in (Fate.DIFFERS, Fate.UNREADABLE)


@dataclass(frozen=True, slots=True)
class TapedDecision:
    record: DecisionRecord
    body: bytes | None
    """The packed tape; None: it was recorded before tapes, or broke off."""


class ReplayJournal(Protocol):
    """Reads only."""

    async def taped(self, decision_id: str) -> TapedDecision | None:
        """None: there is no such decision."""
        ...

    async def decision_ids(self, after: str, limit: int) -> tuple[str, ...]:
        """In the order of their ids, those behind `after`."""
        ...

    async def pieces(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Name → packed content, of those that are there."""
        ...

    async def calls(self, ids: Collection[str]) -> Mapping[str, AdviserCall]: ...


class TamperedJournal(Protocol):
    async def verify_chain(self) -> ChainReport: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that is not what was recorded."""

    table: str
    row: str
    """Its key."""
    what: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The walk over everything that is chained; `fault` None: all of it is as it was written."""

    links: int = 0
    unchained: int = 0
    """Rows that were there before the chain began; only their ids are vouched for."""
    waiting: int = 0
    """Requests to advisers of which nothing came yet."""
    pieces: int = 0
    heads: Mapping[str, str] | None = None
    """Account → its newest link, to be noted elsewhere: who can rewrite the whole chain changes it."""
    fault: Fault | None = None
