"""Errors sorted by what must be done next (law 7), never by where they came from."""

from __future__ import annotations

from datetime import datetime


class PerpilotError(Exception):
    """Every error of ours; its text is one sentence a person can act on."""


class Unknown(PerpilotError):
    """No answer, or one that proves nothing: look before acting again."""


class Throttled(PerpilotError):
    """Not taken; wait. `until` is when the venue says it will listen again, or None."""

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class NotAllowed(PerpilotError):
    """Keys, region or account forbid it: stop and call the owner."""


class BadMarketFacts(PerpilotError):
    """Stale, gapped, unfinished or impossible market facts; they are an error, not a number."""


class UnknownSymbol(PerpilotError):
    """The venue does not list this symbol as a linear perpetual."""


class JournalError(PerpilotError):
    """The journal could not record. Before a request: do not send. After it: stop entries."""


class AlreadyRunning(PerpilotError):
    """Another bot holds the lease on this database or token."""
